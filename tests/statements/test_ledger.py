"""The ledger is complete, holds, and is what a fresh computation gives; and a row that fails is seen to fail."""

import math
import os
import subprocess
import sys
from functools import partial

import pytest
from statements import ledger, ledger_table

ROWS = ledger.all_measurements()
STORED = {f"{row['statement']} {row['quantity']}": row for row in ledger.read()}
SHAPES = ({"d": 2}, {"d": 3}, {"d": 4})


def test_every_statement_and_every_claim_has_a_row_and_no_row_is_about_nothing():
    measured, printed = {row.statement for row in ROWS}, set(ledger_table.titles())
    assert not printed - measured, "no row in tests/statements/: write one with @measures"
    assert not measured - printed, "no such statement in the chapters"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_stored_row_holds_and_a_fresh_computation_gives_it_again(row):
    assert row.name in STORED, "not measured yet: `make statements`"
    stored = STORED[row.name]
    assert ledger.same(row, stored), "the book computes something else now: `make statements`"
    assert stored["holds"]
    assert min(result["seeds"] for result in stored["results"]) >= ledger.SEEDS


@pytest.mark.slow
@pytest.mark.parametrize("processor", [{"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"},
                                       {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}])  # fmt: skip
def test_the_rows_are_the_same_in_the_arithmetic_of_another_processor(processor):
    """These variables choose instructions and the order of sums; a row that rounding decides differs here."""
    where = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run([sys.executable, __file__], env=os.environ | where | processor, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-1000:]
    assert not run.stdout, f"rounding decides these rows: condition them better\n{run.stdout}"


def test_no_stored_row_is_without_a_measurement():
    assert not set(STORED) - {row.name for row in ROWS}, "run `make statements`"


def test_the_page_shows_the_stored_numbers():
    shown = ledger_table.TABLE.read_text(encoding="utf-8")
    assert shown == ledger_table.page(ledger.read()), "run `make statements`"
    assert "**no**" not in shown


def row_of(relation, pairs, shapes=SHAPES):
    """A row that gives for every shape the pairs of its list, by seed."""
    return ledger.Measurement("1.1", "x", relation, shapes, False, partial(lambda seed, d: pairs[seed]))


@pytest.mark.parametrize(
    ("relation", "pair", "holds"),
    [
        ("=", (2, 2 + 1e-6), True), ("=", (2, 2.001), False), ("=", (2, 1.999), False), ("=", (0, 1e-7), True),
        ("=", (3, 4), False), ("≤", (2, 1), True), ("≤", (2, 2.001), False), ("≤", (2, 2 + 1e-7), True),
        ("≥", (2, 1.999), False), ("≥", (2, 3), True), ("≥", (-2, -1), True), ("≤", (2, math.nan), False),
        ("=", (2, math.nan), False), ("≥", (math.nan, 2), False),
    ],
)  # fmt: skip
def test_one_seed_that_breaks_the_relation_breaks_the_row(relation, pair, holds):
    fine = (2.0, 2.0)
    assert row_of(relation, None).holds([[fine, fine], [fine, pair], [fine]]) is holds


def test_a_mean_holds_within_four_standard_errors_and_not_beyond():
    noise = [(-1) ** i for i in range(400)]  # standard error 1/20
    close, far = ([(1.0, 1.0 + shift + e) for e in noise] for shift in (0.19, 0.21))
    assert row_of("≈", None).holds([close])
    assert not row_of("≈", None).holds([close, far])
    assert not row_of("≈", None).holds([[(1.0, math.nan), (1.0, 1.0)]])


def test_a_limit_is_approached_from_shape_to_shape():
    def at(*misses):
        return [[(10.0, 10.0 * (1 + miss))] for miss in misses]

    assert row_of("→", None).holds(at(0.4, 0.3, 0.2))
    assert not row_of("→", None).holds(at(0.4, 0.3, 0.21))
    assert not row_of("→", None).holds(at(0.4, 0.1, 0.11))


def test_what_is_stored_are_medians_ranges_and_the_first_seeds():
    row = ledger.stored(row_of("=", None), [[(1, 1.0), (2, 2), (4, 4)], [(5, 5), (5, 5.5), (5, 7)], [(1, 1), (1, 1)]])
    first, second, _ = row["results"]
    assert (first["predicted"], first["measured"], first["low"], first["high"]) == (2, 2, 1.0, 4)
    assert first["ratios"] == [1, 1]
    assert "ratios" not in second  # one prediction for all seeds
    assert row["holds"] is False
    assert first["sample"] == [(1, 1.0), (2, 2)]


@pytest.mark.parametrize("bad", [{"relation": "<"}, {"shapes": ({},)}])
def test_a_row_that_makes_no_sense_is_refused(bad):
    right = {"statement": "1.1", "quantity": "x", "relation": "=", "shapes": SHAPES}
    with pytest.raises(ValueError, match=r"bad measurement of 1\.1"):
        ledger.measures(**(right | bad))


def test_a_row_is_a_test_that_fails_when_the_statement_does(monkeypatch):
    monkeypatch.setattr(ledger, "REGISTRY", {})
    good = ledger.measures("1.1", "good", "=", SHAPES)(lambda seed, d: (d, d))
    bad = ledger.measures("1.1", "bad", "=", SHAPES)(lambda seed, d: (d, d + (seed == 1)))
    good()
    with pytest.raises(AssertionError, match=r"1\.1 bad: predicted = measured fails"):
        bad()
    with pytest.raises(ValueError, match=r"two measurements are called '1\.1 good'"):
        ledger.measures("1.1", "good", "=", SHAPES)(lambda seed, d: (d, d))  # from another line


if __name__ == "__main__":
    for each in ROWS:
        if not ledger.same(each, STORED[each.name], seeds=range(ledger.SAMPLE)):
            print(each.name)
