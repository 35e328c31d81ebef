"""What a homogeneous unit costs: the closed forms against direct minimisation and against differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from helpers import theory
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay

SIZES, DEGREES = st.floats(0.01, 20), st.floats(1, 6)
PENALTIES = (GroupLasso(0.7, 0.03), WeightDecay(0.4), ColumnPower(0.2, 3, 0.1))


@pytest.mark.statement("7.2")
@pytest.mark.parametrize(
    ("size", "degree", "norm"), [(3, 1, 6), (1, 2, 3 * 2 ** (-2 / 3)), (16, 3, 4 * 4 / 3**0.75), (0, 2, 0)]
)
def test_norm_of_a_balanced_unit_at_a_few_points(size, degree, norm):
    assert theory.unit_norm(size, degree) == pytest.approx(norm)


@pytest.mark.statement("7.2")
@given(SIZES, DEGREES)
def test_a_balanced_unit_has_the_least_norm_of_its_size(size, degree):
    """‖u‖² + ‖a‖² with ‖a‖ = ϱ/‖u‖^q, minimised over ‖u‖."""
    least = minimize_scalar(lambda t: np.exp(2 * t) + (size * np.exp(-degree * t)) ** 2, bracket=(-1, 1)).fun
    assert theory.unit_norm(size, degree) == pytest.approx(least, rel=1e-6)


@pytest.mark.statement("7.2")
@given(SIZES, DEGREES, st.sampled_from(PENALTIES))
def test_bend_of_the_charge_is_its_second_difference(size, degree, penalty):
    step = 1e-3 * size
    norms = theory.unit_norm(size + step * np.array([-2, -1, 0, 1, 2]), degree)
    charge = penalty.strength * penalty.h(torch.from_numpy(norms)).numpy()
    difference = charge @ np.array([-1, 16, -30, 16, -1]) / (12 * step**2)
    rounding = 1e-6 * charge[2] / size**2  # of the difference, where the charge is linear
    assert theory.size_bend(size, degree, penalty) == pytest.approx(difference, rel=1e-4, abs=rounding)


@pytest.mark.statement("7.2")
@given(SIZES, st.floats(1.001, 6))
def test_the_group_lasso_is_concave_in_the_size_and_weight_decay_for_q_above_one(size, degree):
    sizes = np.array([size, 1.0])
    assert (theory.size_bend(sizes, degree, GroupLasso(1.0, 0.01)) < 0).all()
    assert (theory.size_bend(sizes, 1, WeightDecay(1.0)) == 0).all()
    assert (theory.size_bend(sizes, degree, WeightDecay(1.0)) < 0).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: theory.unit_norm(-1, 2), ValueError, "size"),
        (lambda: theory.unit_norm(1, 0.5), ValueError, "degree"),
        (lambda: theory.unit_norm("1", 2), TypeError, "size"),
        (lambda: theory.size_bend(0, 2, WeightDecay(1.0)), ValueError, "size"),
        (lambda: theory.size_bend(1, 0, WeightDecay(1.0)), ValueError, "degree"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
