"""Chapter 1's closed forms: against the printed formulas, and against computation by other means."""

import math

import pytest
import torch
from instances import gaussian

from helpers import theory
from helpers.problems import svec
from helpers.theory import sensing

SIZES = [(1, 1), (2, 1), (2, 2), (5, 3), (6, 6), (7, 2)]


@pytest.mark.parametrize(("d", "r"), SIZES)
def test_free_parameters_are_the_rank_of_the_derivative_of_the_product(d, r):
    U = gaussian(d, r, seed=d)
    jacobian = torch.autograd.functional.jacobian(lambda U: svec(U @ U.T), U).reshape(-1, d * r)
    assert theory.degrees_of_freedom(d, r) == torch.linalg.matrix_rank(jacobian).item()


@pytest.mark.parametrize(
    ("d", "rank", "n", "t"), [(1, 1, 1, 0.0), (8, 1, 100, 2.0), (18, 4, 49, 0.5), (50, 9, 10**4, 3.0)]
)
def test_width_and_radius_are_the_printed_formulas(d, rank, n, t):
    width = rank**0.5 * ((2 * d) ** 0.5 + 1)
    assert theory.gaussian_width(d, rank) == pytest.approx(width, rel=1e-14)
    assert theory.gaussian_radius(d, rank, n, t=t) == pytest.approx((width + t + 1 / 2) / n**0.5, rel=1e-14)
    assert theory.gaussian_radius(d, rank, n) == theory.gaussian_radius(d, rank, n, t=2)


@pytest.mark.parametrize("n", [*range(1, 36), 1023, 1024, 1025])
def test_least_is_the_first_number_that_is_enough(n):
    asked = []

    def enough(m):
        assert isinstance(m, int)
        assert m >= 1
        assert m not in asked
        asked.append(m)
        return m >= n

    assert sensing.least(enough) == n
    assert len(asked) <= 2 * math.log2(n) + 2  # doubling, then halving


@pytest.mark.parametrize(("mu_r", "r"), [(1.0, 1), (0.25, 4), (0.64, 3)])
def test_natural_strengths_are_the_printed_scales(mu_r, r):
    strength, smoothing = theory.natural_strengths(mu_r, r, c_lambda=0.7, c_beta=0.02)
    assert strength == pytest.approx(0.7 * mu_r * math.sqrt(mu_r) / math.sqrt(r), rel=1e-14)
    assert smoothing == pytest.approx(0.02 * mu_r / r, rel=1e-14)
    for ensemble, c_lambda in (("gaussian", 0.08), ("rank-one", 0.3)):
        default = theory.natural_strengths(mu_r, r, ensemble=ensemble)
        assert default == theory.natural_strengths(mu_r, r, c_lambda=c_lambda, c_beta=0.01)
        assert 5**2.5 * default[1] ** 1.5 < default[0] < theory.critical_strength(mu_r, default[1], ensemble)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.degrees_of_freedom(3, 4), ValueError, "r must be"),
        (lambda: theory.degrees_of_freedom(0, 1), ValueError, "d must be"),
        (lambda: theory.degrees_of_freedom(3, 0), ValueError, "r must be"),
        (lambda: theory.gaussian_width(5, 6), ValueError, "rank must be"),
        (lambda: theory.gaussian_width(5, 0), ValueError, "rank must be"),
        (lambda: theory.gaussian_width(0, 1), ValueError, "d must be"),
        (lambda: theory.gaussian_radius(5, 6, 10), ValueError, "rank must be"),
        (lambda: theory.gaussian_radius(5, 1, 0), ValueError, "n must be"),
        (lambda: theory.gaussian_radius(5, 1, 10, t=-1), ValueError, "t must be"),
        (lambda: theory.natural_strengths(0, 1), ValueError, "mu_r must be"),
        (lambda: theory.natural_strengths(1, 0), ValueError, "r must be"),
        (lambda: theory.natural_strengths(1, 1, c_lambda=0), ValueError, "c_lambda must be"),
        (lambda: theory.natural_strengths(1, 1, c_beta=0), ValueError, "c_beta must be"),
        (lambda: theory.natural_strengths(1, 1, ensemble="other"), ValueError, "ensemble must be"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
