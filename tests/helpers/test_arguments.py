"""Bad input gets an error that names the argument, what was given and what is expected."""

import math

import pytest
import torch

from helpers import arguments


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 2.5])
def test_a_number_out_of_range_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"noise must be finite and at least 0 and at most 2, got"):
        arguments.number("noise", value, low=0, high=2)


@pytest.mark.parametrize("value", ["1", None, True, 1j, torch.ones(1)])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="noise must be a real number"):
        arguments.number("noise", value)


def test_a_strict_bound_is_excluded():
    with pytest.raises(ValueError, match="scale must be finite and greater than 0, got 0"):
        arguments.number("scale", 0, low=0, strict=True)


@pytest.mark.parametrize("value", [1.0, "3", False])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(TypeError, match="r must be an integer"):
        arguments.integer("r", value)


def test_an_unknown_choice_lists_the_known_ones():
    with pytest.raises(ValueError, match="ensemble must be one of 'gaussian', 'rank-one', got 'uniform'"):
        arguments.choice("ensemble", "uniform", arguments.ENSEMBLES)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([[1.0]], TypeError, "U must be a floating-point torch tensor, got list"),
        (torch.ones(2, 2, dtype=torch.int64), TypeError, "got a torch.int64 tensor"),
        (torch.ones(3, 2), TypeError, "U must be torch.float64 on cpu like the problem, got torch.float32"),
        (torch.ones(3, dtype=torch.float64), ValueError, "at least 2 dimensions"),
        (torch.ones(4, 2, dtype=torch.float64), ValueError, r"shape \(..., 3, any\), got \(4, 2\)"),
        (torch.ones(3, 0, dtype=torch.float64), ValueError, "must not be empty"),
        (torch.full((3, 2), math.nan, dtype=torch.float64), ValueError, "NaN or infinite"),
        (torch.full((3, 2), math.inf, dtype=torch.float64), ValueError, "NaN or infinite"),
    ],
)
def test_a_bad_tensor_is_refused_with_the_reason(value, error, message):
    with pytest.raises(error, match=message):
        arguments.tensor("U", value, ndim=2, shape=(3, None), like=torch.ones(1, dtype=torch.float64))


def test_finite_entries_may_have_a_sum_that_is_not():
    large = torch.full((3, 2), 1e308, dtype=torch.float64)
    assert arguments.tensor("U", large) is large


def test_an_array_may_be_a_tensor_that_has_a_gradient():
    assert arguments.array("x", torch.tensor([1.0, 2.0], requires_grad=True), low=0).tolist() == [1.0, 2.0]


def test_a_tensor_on_another_device_is_refused():
    with pytest.raises(TypeError, match=r"like the problem, got torch\.float32 on meta"):
        arguments.tensor("U", torch.ones(3, 2, device="meta"), like=torch.ones(1))


def test_a_seed_decides_the_draw_and_a_negative_one_is_refused():
    first, again, other = (torch.randn(5, generator=arguments.generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(ValueError, match="seed"):
        arguments.generator(-1)


def test_ranges_print_one_sentence_and_refuse_with_it(capsys):
    arguments.ranges(D=(5, 2, 9), MU=((1.0, 0.5), 0.1, 2))
    sentence = "Valid: 2 ≤ D ≤ 9, 0.1 ≤ MU ≤ 2."
    assert capsys.readouterr().out == sentence + "\n"
    for values in ({"D": 10}, {"D": 1}, {"D": math.nan}, {"MU": (1.0, 3.0)}):
        value = {"D": 5, "MU": (1.0, 0.5)} | values
        with pytest.raises(ValueError, match=f"{next(iter(values))} = .* is out of range. {sentence}"):
            arguments.ranges(D=(value["D"], 2, 9), MU=(value["MU"], 0.1, 2))
