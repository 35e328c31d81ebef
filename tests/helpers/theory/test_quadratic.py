"""The closed forms of chapter 6 against gradients, dense Hessians and training."""

import numpy as np
import pytest
import torch
from instances import minimise, population

from helpers import theory
from helpers.certificates import smallest_eigenvalue
from helpers.objective import Objective
from helpers.penalties import GroupLasso, natural


def units(problem, p, k):
    """U (d, k): the teacher's units with the squared norms p, and zeros."""
    U = torch.zeros(problem.d, k, dtype=torch.float64)
    U[:, : problem.r] = problem.U_star / problem.U_star.norm(dim=0) * torch.from_numpy(p).sqrt()
    return U


def test_the_rank_one_strength_is_sufficient_and_three_halves_of_it_sharp_at_rank_one():
    smoothing, problem = 0.02, population([1.0], 3, 0, "rank-one")
    for factor, stable in [(1.0, False), (1.499, False), (1.501, True)]:
        strength = factor * theory.critical_strength(1.0, smoothing, "rank-one")
        bend = smallest_eigenvalue(problem, torch.zeros(3, 2, dtype=torch.float64), GroupLasso(strength, smoothing))
        assert (bend[0] > 0) == stable


@pytest.mark.parametrize("seed", [0, 1])
def test_random_starts_end_at_the_shrunk_spectrum(seed):
    mu = np.array([1.0, 0.6, 0.5])
    problem = population(mu, 6, seed, "rank-one")
    penalty = natural(problem)
    norms = np.sort(minimise(problem, penalty, 6, seed).square().sum(0).numpy())[::-1]
    expected = theory.shrunk_spectrum_rank_one(mu, penalty.strength, penalty.smoothing)
    np.testing.assert_allclose(norms[:3], expected, rtol=1e-5)
    assert norms[3:].max() < 1e-8


def test_shrunk_spectrum_rank_one_is_stationary_and_its_trace_is_right():
    mu, strength, smoothing = np.array([1.0, 0.6, 0.4]), 0.05, 0.01
    p = theory.shrunk_spectrum_rank_one(mu, strength, smoothing)
    problem, penalty = population(mu, 5, 0, "rank-one"), GroupLasso(strength, smoothing)
    U = units(problem, p, 4)
    assert Objective(problem, penalty).gradient(U).norm() < 1e-12
    assert smallest_eigenvalue(problem, U, penalty)[0] > -1e-12
    assert (mu - p).sum() == pytest.approx(strength * theory.dh(p, smoothing).sum() / (2 * 3 + 4), rel=1e-12)
    np.testing.assert_allclose(theory.shrunk_spectrum_rank_one(mu, 0.0, smoothing), mu, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.shrunk_spectrum_rank_one([1.0, -1.0], 0.1, 0.01), "mu must be .*greater than 0"),
        (lambda: theory.shrunk_spectrum_rank_one([1.0, 0.6], 4.0, 0.01), "strength must be small enough for all 2"),
    ],
)
def test_bad_input_is_refused_with_its_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
