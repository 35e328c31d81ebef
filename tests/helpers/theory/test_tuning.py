"""Random frames, rates and statistical errors against simulation, gradient descent and the information matrix."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import chi

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


# random frames


def frame_norms(r, k, runs, seed):
    """Squared column norms, largest first, and the frames in that order: (runs, k) and (runs, r, k)."""
    frames = np.swapaxes(np.linalg.qr(random(seed).standard_normal((runs, k, r)))[0], 1, 2)
    norms = (frames**2).sum(1)
    order = np.argsort(-norms, axis=1)
    return np.take_along_axis(norms, order, 1), np.take_along_axis(frames, order[:, None], 2)


@pytest.mark.parametrize("r", [1, 3])
def test_frame_pruning_error_is_what_random_frames_lose(r):
    k, fractions = 2000, np.array([0.01, 0.1, 0.25, 0.5])
    _, frames = frame_norms(r, k, 12, seed=r)
    measured = []
    for fraction in fractions:
        kept = frames[:, :, : round(fraction * k)]
        measured.append((((np.eye(r) - kept @ np.swapaxes(kept, 1, 2)) ** 2).sum((1, 2)) / r).mean())
    np.testing.assert_allclose(theory.frame_pruning_error(fractions, r), measured, rtol=0.05, atol=2e-3)


def test_frame_pruning_error_runs_from_one_to_zero():
    curve = theory.frame_pruning_error(np.linspace(0, 1, 50), 2)
    assert curve[0] == 1
    assert curve[-1] == 0
    assert (np.diff(curve) < 0).all()


def test_kept_mass_is_exact_for_every_k():
    norms, _ = frame_norms(1, 30, 20_000, seed=5)
    for keep in (1, 3, 15, 29):
        mass = norms[:, :keep].sum(1)
        assert abs(theory.kept_mass(keep, 30) - mass.mean()) < 4 * mass.std() / 20_000**0.5
    assert theory.kept_mass(30, 30) == 1
    assert theory.kept_mass(1, 1) == 1
    assert theory.kept_mass(1, 2) == pytest.approx(0.5 + 1 / math.pi, rel=1e-9)  # E max(cos², sin²)
    assert (1 - theory.kept_mass(10_000, 100_000)) ** 2 == pytest.approx(
        theory.frame_pruning_error(0.1, 1), rel=1e-3
    )


def test_count_near_largest_is_exact_at_rank_one():
    norms, _ = frame_norms(1, 40, 20_000, seed=6)
    for c in (0.3, 0.5, 0.9):
        count = (norms >= c**2 * norms[:, :1]).sum(1)
        assert abs(theory.count_near_largest(40, c) - count.mean()) < 4 * count.std() / 20_000**0.5
    expected = 2 - 4 / math.pi * math.atan(0.5)  # two columns, as an angle on the circle
    assert theory.count_near_largest(2, 0.5) == pytest.approx(expected, rel=1e-9)


def test_count_near_largest_at_higher_rank_and_its_limits():
    norms, _ = frame_norms(3, 400, 400, seed=7)
    assert theory.count_near_largest(400, 0.5, 3) == pytest.approx(
        (norms >= norms[:, :1] / 4).sum(1).mean(), rel=0.05
    )
    assert theory.count_near_largest(17, 0.0) == pytest.approx(17)
    assert theory.count_near_largest(17, 1.0) == pytest.approx(1)
    assert theory.count_near_largest(1, 0.5) == 1
    assert (np.diff([theory.count_near_largest(50, c, 2) for c in np.linspace(0, 1, 9)]) < 0).all()
    k, c, F = 60, 0.6, chi(2)
    by_definition = k - k * (k - 1) * quad(lambda y: F.pdf(y) * F.cdf(y) ** (k - 2) * F.cdf(c * y), 0, 12)[0]
    assert theory.count_near_largest(k, c, 2) == pytest.approx(by_definition, rel=1e-7)


def test_the_gamma_law_is_close_where_the_bare_power_is_not():
    for k, c, r in [(1000, 0.5, 1), (10_000, 0.5, 1), (10_000, 0.7, 3)]:
        assert theory.count_near_largest_law(k, c, r) == pytest.approx(
            theory.count_near_largest(k, c, r), rel=0.01
        )
    assert theory.count_near_largest(1000, 0.5) < 1000**0.75 / 1.9


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
    (lambda: theory.frame_pruning_error(1.1, 1), ValueError, "fraction must be .*at most 1, got 1.1"),
    (lambda: theory.frame_pruning_error(0.5, 1.0), TypeError, "r must be an integer"),
    (lambda: theory.kept_mass(11, 10), ValueError, "keep must be .*at most 10, got 11"),
    (lambda: theory.count_near_largest(10, 1.5), ValueError, "c must be .*at most 1"),
    (lambda: theory.count_near_largest_law(1, 0.5), ValueError, "k must be .*at least 2"),
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
