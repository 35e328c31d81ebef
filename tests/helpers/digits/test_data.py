"""The digits, split: three parts of one thing each, scaled by the training part only, and bad data refused."""

import pytest
import torch
from instances import gaussian

from helpers.digits import data as digits


@pytest.fixture(scope="module")
def parity():
    return digits.load("parity", range(3))


def rows(seed=0, n=40, d=5):
    return gaussian(n, d, seed=seed), torch.arange(n) % 3


def test_parts_have_the_promised_shapes_and_classes(parity):
    sizes = (digits.TRAIN, digits.VALIDATION, 1797 - digits.TRAIN - digits.VALIDATION)
    for part, n in zip(parity, sizes, strict=True):
        assert part.x.shape == (3, n, 65)
        assert part.y.shape == (3, n)
        assert set(part.y.unique().tolist()) == {0, 1}
        assert part.x.dtype == torch.float32
    assert set(digits.load("digit", [0]).test.y.unique().tolist()) == set(range(10))


def test_parity_and_digit_are_split_alike():
    parity, digit = (digits.load(task, [7]).test for task in ("parity", "digit"))
    assert torch.equal(parity.y, (digit.y % 2 == 0).long())
    assert torch.equal(parity.x, digit.x)


def test_no_row_is_in_two_parts():
    x, y = rows()
    x[:, 0] = torch.arange(len(x))
    parts = digits.split(x, y, 3, train=20, validation=10, seed=3)
    tags = torch.cat([part.x[:, 0] for part in parts])
    assert len(tags.unique()) == len(x)


def test_training_part_is_standardised_and_the_bias_is_one(parity):
    x = parity.train.x[0]
    assert (x[:, :-1].mean(0).abs() < 1e-5).all()
    spread = x[:, :-1].std(0)
    assert ((spread - 1).abs() < 1e-4).logical_or(spread == 0).all()
    assert all((part.x[..., -1] == 1).all() for part in parity)


def test_what_is_not_training_data_has_no_say_in_the_scaling():
    x, y = rows()
    before = digits.split(x, y, 3, train=20, validation=10, seed=1)
    rest = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[20:]
    x[rest] = 100 + 7 * x[rest]
    after = digits.split(x, y, 3, train=20, validation=10, seed=1)
    assert torch.equal(before.train.x, after.train.x)
    assert not torch.equal(before.test.x, after.test.x)


def test_a_constant_feature_stays_finite():
    x, y = rows()
    x[:, 2] = 5
    assert all((part.x[:, 2] == 0).all() for part in digits.split(x, y, 3, train=20, validation=10))


def test_seeds_differ_and_repeat(parity):
    again = digits.load("parity", range(3))
    assert torch.equal(again.test.x, parity.test.x)
    assert not torch.equal(parity.test.x[0], parity.test.x[1])


def test_one_split_can_be_taken_alone(parity):
    one = parity.take(1)
    assert torch.equal(one.validation.x, parity.validation.x[1])
    assert torch.equal(one.test.y, parity.test.y[1])


def test_repeat_puts_the_copies_one_after_the_other(parity):
    twice = parity.test.repeat(2)
    assert twice.x.shape[0] == 6
    assert torch.equal(twice.y[:3], twice.y[3:])
    assert torch.equal(twice.y[3:], parity.test.y)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": torch.full((40, 5), torch.nan)}, ValueError, "x must be finite"),
        ({"x": torch.full((40, 5), torch.inf)}, ValueError, "x must be finite"),
        ({"x": torch.ones(40, 5, dtype=torch.long)}, TypeError, "x must be a floating-point"),
        ({"y": torch.full((40,), 3)}, ValueError, "classes from 0 to 2, got 3 to 3"),
        ({"y": torch.full((40,), -1)}, ValueError, "classes from 0 to 2"),
        ({"y": torch.zeros(40)}, TypeError, "tensor of integers"),
        ({"y": torch.zeros(39, dtype=torch.long)}, ValueError, "a label for each of 40"),
        ({"train": 30, "validation": 10}, ValueError, "leave rows for the test"),
        ({"train": 1}, ValueError, "train"),
        ({"validation": 0}, ValueError, "validation"),
    ],
)
def test_bad_data_are_refused(change, error, words):
    x, y = rows()
    arguments = {"x": x, "y": y, "classes": 3, "train": 20, "validation": 10} | change
    with pytest.raises(error, match=words):
        digits.split(**arguments)


def test_unknown_task_and_no_seeds_are_refused():
    with pytest.raises(ValueError, match="'parity', 'digit'"):
        digits.load("odd", [0])
    with pytest.raises(ValueError, match="seeds"):
        digits.load("parity", [])
