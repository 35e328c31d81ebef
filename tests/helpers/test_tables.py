"""Tables: numbers aligned at the point, integers whole, powers of ten typeset, nothing that ends a cell early."""

import math

import numpy as np
import pytest
import torch

from helpers.tables import aligned, number, table


def cells(markdown):
    return [[cell.strip(" ") for cell in line.strip("| ").split(" | ")] for line in markdown.data.splitlines()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"), (20_000.0, "20000"), (-3, "−3"), (12345.67, "12346"), (0.123456, "0.1235"), (-0.5, "−0.5"),
        (1.5e-7, r"$1.5\cdot10^{-7}$"), (1e-9, "$10^{-9}$"), (-2.5e-8, r"$-2.5\cdot10^{-8}$"), (math.nan, "—"),
        (math.inf, "∞"), (-math.inf, "−∞"), (True, "yes"), (3e12, r"$3\cdot10^{12}$"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_in_print(value, text):
    assert number(value) == text


def test_points_stand_below_each_other():
    texts = aligned(["1.25", "10", "0.5", "−3"])
    places = [len(text) - (text + ".").replace("\u2008", ".").index(".") - text.count("\u2060") for text in texts]
    assert len(set(places)) == 1
    assert all(text.strip() == text for text in texts)  # what Markdown strips is not lost


def test_a_column_of_numbers_is_right_aligned_and_one_with_texts_is_not():
    found = cells(table([("a", 1, 0.5), ("b", "at least 2", torch.tensor(3.25))], ["x", "y", "$z$"]))
    assert found[1] == [":---", ":---", "---:"]
    assert found[0] == ["x", "y", "$z$"]
    assert found[3][1] == "at least 2"


def test_integers_of_numpy_and_torch_stay_integers():
    assert cells(table([(np.int64(12), torch.tensor(7), np.float64(4.0))], "abc"))[2] == ["12", "7", "4"]


def test_texts_keep_their_numbers_whole_and_do_not_end_a_cell():
    found = table([("|x| = -1 ± 2", "about 2e-05", "ps-1")], "abc").data.splitlines()[2]
    assert r"\|x\| = −1" in found
    assert "\u00a0±\u00a0" in found
    assert r"$2\cdot10^{-5}$" in found
    assert "ps-1" in found


def test_rows_that_do_not_fit_the_columns_are_refused():
    with pytest.raises(ValueError, match="2 entries"):
        table([(1, 2, 3)], ["a", "b"])
