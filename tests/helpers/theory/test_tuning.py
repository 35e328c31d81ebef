"""Rates and statistical errors against gradient descent and the information matrix."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from helpers import theory
from helpers.problems import Population
from helpers.training import gaussian_init, train

ENSEMBLES = ["gaussian", "rank-one"]
random = np.random.default_rng


def diagonal_problem(mu, d, ensemble="gaussian"):
    """The population problem whose M has the eigenvalues mu on the first coordinate axes."""
    U_star = torch.zeros(d, len(mu), dtype=torch.float64)
    U_star[range(len(mu)), range(len(mu))] = torch.tensor(mu, dtype=torch.float64).sqrt()
    return Population(U_star, ensemble)


# fine-tuning


def contraction(problem, step, steps=400):
    """The measured factor per step on ‖X − M‖_F near M."""
    noise = torch.randn(problem.U_star.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    U, errors = problem.U_star + 1e-5 * noise, []
    for _ in range(steps):
        U = U - step * problem.gradient(U)
        errors.append(problem.error(U).item())
        if not 1e-11 < errors[-1] < 1e-3:
            break
    tail = min(10, len(errors) - 1)
    return (errors[-1] / errors[-1 - tail]) ** (1 / tail)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("share", [0.2, 1.0, 1.03])
def test_linear_rate_is_measured(ensemble, share):
    mu = [1.0, 0.6, 0.36]
    step = share * theory.optimal_step(mu, ensemble=ensemble)
    measured = contraction(diagonal_problem(mu, 6, ensemble), step)
    assert theory.linear_rate(mu, step, ensemble=ensemble) == pytest.approx(measured, rel=2e-3)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_optimal_and_largest_step(ensemble):
    mu = [0.8, 0.5]
    best, largest = theory.optimal_step(mu, ensemble=ensemble), theory.largest_step(mu, ensemble=ensemble)
    found = minimize_scalar(
        lambda step: theory.linear_rate(mu, step, ensemble=ensemble), bounds=(0.1 * best, largest), method="bounded"
    )
    assert found.x == pytest.approx(best, rel=1e-4)
    below, above = theory.linear_rate(mu, np.array([0.999, 1.001]) * largest, ensemble=ensemble)
    assert below < 1 < above
    assert contraction(diagonal_problem(mu, 5, ensemble), 1.05 * largest) > 1
    assert contraction(diagonal_problem(mu, 5, ensemble), 0.95 * largest) < 1
    equal = theory.optimal_step([1.0] * 4, ensemble=ensemble)
    assert equal == pytest.approx(1 / 6 if ensemble == "gaussian" else 1 / (4 * (6 + 1)))


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "k", "r"), [(8, 4, 2), (6, 14, 1)])
def test_sublinear_error_is_measured(ensemble, d, k, r):
    steps, step = 4000, 0.02
    start = gaussian_init(d, k, scale=0.3, seed=1, batch=(9,))
    run = train(diagonal_problem([1.0] * r, d, ensemble), start, steps=steps, step_size=step, record=2)
    predicted = theory.sublinear_error(steps, step, d, k, r, ensemble=ensemble)
    assert run.error[-1].median().item() == pytest.approx(predicted, rel=0.03)
    early, late = theory.sublinear_error([100, 200], step, d, k, r, ensemble=ensemble)
    assert early == pytest.approx(2 * late)


# statistics


def tangent_basis(U):
    """An orthonormal basis of {U Zᵀ + Z Uᵀ}, as rows of length d²."""
    d, r = U.shape
    spread = [np.outer(U[:, j], e) + np.outer(e, U[:, j]) for j in range(r) for e in np.eye(d)]
    _, values, rows = np.linalg.svd(np.reshape(spread, (d * r, d * d)))
    return rows[: (values > 1e-10).sum()]


@pytest.mark.parametrize(("d", "r"), [(5, 1), (5, 2), (4, 4), (7, 3)])
def test_cramer_rao_is_the_trace_of_the_inverse_information(d, r):
    basis = tangent_basis(random(d + r).standard_normal((d, r)))
    assert len(basis) == theory.degrees_of_freedom(d, r)
    traces = basis @ np.eye(d).ravel()
    identity = np.eye(len(basis))
    for ensemble, second in [("gaussian", identity), ("rank-one", 2 * identity + np.outer(traces, traces))]:
        expected = 0.3**2 / 50 * np.trace(np.linalg.inv(second))
        assert theory.cramer_rao(d, r, 50, 0.3, ensemble=ensemble) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_cramer_rao_at_finite_n_is_the_error_of_linearised_least_squares(ensemble):
    d, r, n, runs, source = 6, 2, 400, 400, random(8)
    basis, found = tangent_basis(np.eye(d)[:, :r]), []
    for _ in range(runs):
        if ensemble == "gaussian":
            design = source.standard_normal((n, d, d))
        else:
            x = source.standard_normal((n, d))
            design = x[:, :, None] * x[:, None]
        design = design.reshape(n, -1) @ basis.T  # symmetric basis: symmetrising A changes nothing
        found.append(np.trace(np.linalg.inv(design.T @ design)))
    predicted = theory.cramer_rao(d, r, n, 1.0, ensemble=ensemble, finite_n=True)
    assert abs(np.mean(found) - predicted) < 4 * np.std(found) / runs**0.5 + 0.004 * predicted
    assert predicted > 1.02 * theory.cramer_rao(d, r, n, 1.0, ensemble=ensemble)


def test_the_finite_n_factor_of_rank_one_data_comes_from_exact_moments():
    for d, r in [(6, 1), (6, 3), (4, 4)]:
        x = random(9).standard_normal((400_000, d))
        y, z = (x[:, :r] ** 2).sum(1), (x[:, r:] ** 2).sum(1)
        inverse, square = 0.5, 0.25  # of G = 2I + eeᵀ, e = P_T I, ‖e‖² = r; ⟨e, xxᵀ⟩ = y, ‖P_T xxᵀ‖² = y² + 2yz
        first = inverse * (y**2 + 2 * y * z) + (1 / (2 + r) - inverse) * y**2 / r
        second = square * (y**2 + 2 * y * z) + (1 / (2 + r) ** 2 - square) * y**2 / r
        lost = (first * second).mean() / second.mean() - 1
        bare = theory.cramer_rao(d, r, 10**6, 1.0, ensemble="rank-one")
        ratio = theory.cramer_rao(d, r, 10**6, 1.0, ensemble="rank-one", finite_n=True) / bare
        assert 10**6 * (1 - 1 / ratio) == pytest.approx(lost, rel=0.05)


def test_cramer_rao_scales_and_tends_to_its_limit():
    n = np.array([100.0, 200.0, 1e7])
    bound = theory.cramer_rao(12, 2, n, 0.5)
    assert bound[0] == pytest.approx(2 * bound[1])
    assert theory.cramer_rao(12, 2, 100, 1.0) == pytest.approx(4 * bound[0])
    for ensemble in ENSEMBLES:
        limit = [theory.cramer_rao(12, 2, n, 0.5, ensemble=ensemble, finite_n=finite) for finite in (False, True)]
        assert (limit[1] > limit[0]).all()
        assert limit[1][-1] == pytest.approx(limit[0][-1], rel=1e-4)
    assert theory.cramer_rao(12, 2, 100, 0.0) == 0


# input

BAD = [
    (lambda: theory.linear_rate([1.0, 0.0], 0.1), ValueError, "mu must be .*greater than 0"),
    (lambda: theory.linear_rate([1.0], 0.0), ValueError, "step must be .*greater than 0"),
    (lambda: theory.optimal_step([1.0], ensemble="x"), ValueError, "ensemble must be one of"),
    (lambda: theory.sublinear_error(100, 0.1, 5, 2, 2), ValueError, "k must be .*at least 3, got 2"),
    (lambda: theory.sublinear_error(100, 0.1, 2, 5, 2), ValueError, "d must be .*at least 3, got 2"),
    (lambda: theory.degrees_of_freedom(3, 4), ValueError, "r must be .*at most 3, got 4"),
    (lambda: theory.cramer_rao(3, 4, 100, 1.0), ValueError, "r must be .*at most 3"),
    (lambda: theory.cramer_rao(4, 2, 100, -1.0), ValueError, "noise must be .*at least 0"),
    (
        lambda: theory.cramer_rao(4, 2, 8, 1.0, finite_n=True),
        ValueError,
        "n must be finite and greater than 8, got 8",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
