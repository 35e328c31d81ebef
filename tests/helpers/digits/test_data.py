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


def test_every_row_is_in_one_part_with_its_label():
    x, y = rows()
    x[:, 0] = y
    x[:, 1] = torch.arange(len(x))
    parts = digits.split(x, y, 3, train=20, validation=10, seed=3)
    assert len(torch.cat([part.x[:, 1] for part in parts]).unique()) == len(x)
    for part in parts:
        assert torch.equal(part.x[:, 0].unique(return_inverse=True)[1], part.y)


def test_training_part_is_standardised_and_the_bias_is_one(parity):
    x = parity.train.x[0]
    assert (x[:, :-1].mean(0).abs() < 1e-5).all()
    spread = x[:, :-1].std(0)
    assert ((spread - 1).abs() < 1e-4).logical_or(spread == 0).all()
    assert all((part.x[..., -1] == 1).all() for part in parity)


def test_training_part_alone_sets_the_scale_also_of_a_constant_feature():
    x, y = rows()
    x[:, 2] = 5
    before = digits.split(x, y, 3, train=20, validation=10, seed=1)
    assert all((part.x[:, 2] == 0).all() for part in before)
    rest = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[20:]
    x[rest] = 100 + 7 * x[rest]
    after = digits.split(x, y, 3, train=20, validation=10, seed=1)
    assert torch.equal(before.train.x, after.train.x)
    assert not torch.equal(before.test.x, after.test.x)


def test_split_of_a_seed_is_its_own_and_can_be_taken_alone(parity):
    for part, alone in zip(parity.take(1), digits.load("parity", [1]), strict=True):
        assert torch.equal(part.x, alone.x[0])
        assert torch.equal(part.y, alone.y[0])
    assert not torch.equal(parity.test.x[0], parity.test.x[1])


def test_repeat_puts_the_copies_one_after_the_other(parity):
    for once, twice in zip(parity.test, parity.test.repeat(2), strict=True):
        assert torch.equal(twice, torch.cat([once, once]))


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
