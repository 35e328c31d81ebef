"""The closed forms of chapter 6 against gradients, dense Hessians and training."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import orthogonal, population, symmetric
from scipy import optimize, special

from helpers import theory
from helpers.certificates import smallest_eigenvalue
from helpers.objective import Objective
from helpers.penalties import GroupLasso


def test_shrunk_spectrum_rank_one_is_stationary_and_its_trace_is_right():
    mu, strength, smoothing = np.array([1.0, 0.6, 0.4]), 0.05, 0.01
    p = theory.shrunk_spectrum_rank_one(mu, strength, smoothing)
    problem, penalty = population(mu, 5, 0, "rank-one"), GroupLasso(strength, smoothing)
    U = torch.nn.functional.pad(problem.U_star / problem.U_star.norm(dim=0) * torch.tensor(p).sqrt(), (0, 1))
    assert Objective(problem, penalty).gradient(U).norm() < 1e-12
    assert smallest_eigenvalue(problem, U, penalty)[0] > -1e-12
    assert (mu - p).sum() == pytest.approx(strength * theory.dh(p, smoothing).sum() / (2 * 3 + 4), rel=1e-12)
    np.testing.assert_allclose(theory.shrunk_spectrum_rank_one(mu, 0.0, smoothing), mu, rtol=1e-12)


@given(scale=st.floats(0.1, 10), order=st.permutations(range(3)))
@settings(max_examples=15, deadline=None)
def test_the_shrunk_spectrum_scales_with_the_problem_and_follows_its_order(scale, order):
    """Proposition 1.7: μ → aμ, β → aβ, λ → a^{3/2}λ gives p → ap."""
    mu = np.array([1.0, 0.6, 0.4])
    p = theory.shrunk_spectrum_rank_one(mu, 0.05, 0.01)
    other = theory.shrunk_spectrum_rank_one(scale * mu[order], scale**1.5 * 0.05, scale * 0.01)
    np.testing.assert_allclose(other, scale * p[order], rtol=1e-9)


def test_the_shrunk_spectrum_against_a_direct_minimisation():
    """F as a function of the squared norms alone, by a general minimiser."""
    mu, strength, beta = np.array([1.0, 0.3]), 0.1, 0.02

    def F(p):
        return 2 * ((p - mu) ** 2).sum() + (p - mu).sum() ** 2 + strength * (p / np.sqrt(p + beta)).sum()

    found = optimize.minimize(F, mu, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-16})
    np.testing.assert_allclose(theory.shrunk_spectrum_rank_one(mu, strength, beta), found.x, atol=1e-7)


@pytest.mark.parametrize(("d", "rank", "t"), [(3, 1, 2.0), (20, 2, 2.0), (7, 3, 0.5)])
def test_samples_needed_is_the_least_n_of_the_condition(d, rank, t):
    def asked(n):
        kappa = (3**0.25 + (d**0.5 + t) / n**0.25) ** 4
        return 136 * ((d + 1) * rank * math.log(25 * math.sqrt(2 * rank * kappa)) + t**2 / 2)

    n = theory.samples_needed(d, rank, t=t)
    assert isinstance(n, int)
    assert asked(n) <= n
    assert asked(n - 1) > n - 1


def test_the_further_strength():
    assert theory.further_strength(1.0, 1, 0.01) == pytest.approx(0.6)
    np.testing.assert_allclose(theory.further_strength([0.5, 2.0], [3, 2], 0.04), [0.5, 2.0 * 0.8 * 4 / 3])


def test_the_mean_square_of_the_outputs():
    difference = np.array([[1.0, 2.0], [2.0, -3.0]])
    assert theory.mean_square_output(difference) == pytest.approx(2 * 18 + 4)
    assert theory.mean_square_output(difference, 1.8) == pytest.approx(2 * 18 + 4 - 1.2 * 10)
    assert theory.mean_square_output(difference, 6.0, bias=True) == pytest.approx(2 * 18 + 3 * 10)


def test_the_mean_square_over_gaussian_inputs_does_not_turn_with_them():
    difference, turn = symmetric(4, 0), orthogonal(4, 1)
    turned = turn @ difference @ turn.T
    assert theory.mean_square_output(turned) == pytest.approx(theory.mean_square_output(difference))
    assert theory.mean_square_output(turned, 5.0) != pytest.approx(theory.mean_square_output(difference, 5.0))


@pytest.mark.parametrize(("d", "r"), [(1, 1), (3, 1), (8, 2), (20, 3), (5, 5)])
def test_limits_and_second_order_against_the_form_and_a_quadrature(d, r):
    """𝒢 is 2 on T_M and 2 + r along the projector; the moments of q₁ and q₂ by Gauss–Laguerre nodes."""
    dof = r * d - r * (r - 1) // 2
    values = np.array([2.0] * (dof - 1) + [2.0 + r])
    assert theory.noise_limit(d, r) == pytest.approx((1 / values).sum())
    assert theory.trace_limit(r) == pytest.approx(r / values[-1])
    g, a = special.roots_genlaguerre(6, r / 2 - 1)
    z, b = special.roots_genlaguerre(6, (d - r) / 2 - 1) if d > r else (np.zeros(1), np.ones(1))
    g, z, weight = 2 * g[:, None], 2 * z, np.outer(a, b) / (a.sum() * b.sum())
    q1, q2 = (2.0**-j * (g**2 + 2 * g * z - g**2 / r) + (2.0 + r) ** -j * g**2 / r for j in (1, 2))
    assert theory.sample_correction(d, r) == pytest.approx((weight * q1 * q2).sum() / (weight * q2).sum() - 1)


def test_matching_samples_have_the_same_error():
    for d, r in [(8, 2), (20, 3)]:
        n = np.array([100.0, 439.0, 15_000.0])
        same = theory.cramer_rao(d, r, theory.matching_samples(d, r, n), 0.3, ensemble="rank-one", finite_n=True)
        np.testing.assert_allclose(same, theory.cramer_rao(d, r, n, 0.3, finite_n=True), rtol=1e-12)
    assert theory.matching_samples(20, 3, 439) / 439 == pytest.approx(0.683, abs=1e-3)
    assert theory.matching_samples(20, 3, 1e9) / 1e9 < 0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.shrunk_spectrum_rank_one([1.0, -1.0], 0.1, 0.01), ValueError, "mu must be .*greater than 0"),
        (lambda: theory.shrunk_spectrum_rank_one([1.0, 0.6], 4.0, 0.01), ValueError, "small enough for all 2"),
        (lambda: theory.mean_square_output(np.ones((2, 3))), ValueError, "difference must be a symmetric matrix"),
        (lambda: theory.mean_square_output(np.triu(np.ones((2, 2)))), ValueError, "difference must be a symmetric"),
        (lambda: theory.mean_square_output(np.eye(2), 0.5), ValueError, "fourth must be .*at least 1"),
        (lambda: theory.samples_needed(3, 4), ValueError, "rank must be an integer, .* at most 3"),
        (lambda: theory.samples_needed(3, 1, t=0.0), ValueError, "t must be .*greater than 0"),
        (lambda: theory.further_strength(1.0, 0, 0.01), ValueError, "r must be .*at least 1"),
        (lambda: theory.noise_limit(3, 4), ValueError, "r must be an integer"),
        (lambda: theory.sample_correction(3, 0), ValueError, "r must be an integer"),
        (lambda: theory.trace_limit("1"), TypeError, "r must be a real number"),
        (lambda: theory.matching_samples(8, 2, 16), ValueError, "n must be .*greater than 16"),
    ],
)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
