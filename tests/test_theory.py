"""The closed forms against independent numerics: grids, dense Hessians, gradient descent, the full flow, simulation."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp
from scipy.optimize import minimize_scalar
from scipy.stats import chi

from helpers import theory
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Population
from helpers.training import gaussian_init, train

ENSEMBLES = ["gaussian", "rank-one"]
random = np.random.default_rng


def diagonal_problem(mu, d, ensemble="gaussian"):
    """The population problem whose M has the eigenvalues mu on the first coordinate axes."""
    U_star = torch.zeros(d, len(mu), dtype=torch.float64)
    U_star[range(len(mu)), range(len(mu))] = torch.tensor(mu, dtype=torch.float64).sqrt()
    return Population(U_star, ensemble)


def axis_columns(p, d, k):
    """U (d, k) with columns √p_i e_i and zeros."""
    U = torch.zeros(d, k, dtype=torch.float64)
    U[range(len(p)), range(len(p))] = torch.tensor(np.asarray(p)).sqrt()
    return U


def hessian(objective, U):
    basis = torch.eye(U.numel(), dtype=U.dtype).reshape(-1, *U.shape)
    return objective.hessian_vector(U, basis).flatten(1)


def least(matrix):
    return torch.linalg.eigvalsh(matrix)[0].item()


# scales and phases


def test_natural_strengths_scale_with_the_problem_and_lie_below_the_critical_strength():
    for ensemble in ENSEMBLES:
        for r in (1, 2, 7):
            strength, smoothing = theory.natural_strengths(1.0, r, ensemble=ensemble)
            assert theory.natural_strengths(0.25, r, ensemble=ensemble) == pytest.approx((strength / 8, smoothing / 4))
            assert strength < theory.critical_strength(1.0, smoothing, ensemble)
            assert theory.gap_edge(strength, 1.0, smoothing) > 2 * math.sqrt(smoothing)
    given = theory.natural_strengths(2.0, 3, c_lambda=0.4, c_beta=0.05)
    assert given == pytest.approx((0.4 * 8**0.5 / 3**0.5, 0.1 / 3))


def test_the_profile_is_that_of_the_penalty():
    x = torch.linspace(0, 3, 50, dtype=torch.float64)
    penalty = GroupLasso(0.3, 0.02)
    np.testing.assert_allclose(theory.dh(x.numpy(), 0.02), penalty.dh(x).numpy(), rtol=1e-13)
    np.testing.assert_allclose(theory.g(x.numpy(), 0.3, 0.02), (x + 0.15 * penalty.dh(x)).numpy(), rtol=1e-13)
    assert theory.dh(0.25, 0.0) == 1.0  # the derivative of √x


def test_g_min_is_the_minimum_of_g():
    for strength, smoothing in [(0.1, 0.005), (0.4, 0.05), (2.0, 0.001), (0.01, 0.2)]:
        p = np.append(0, np.geomspace(1e-9, 3, 400_001))
        assert theory.g_min(strength, smoothing) == pytest.approx(theory.g(p, strength, smoothing).min(), rel=1e-9)
    assert theory.g_min(0.3, 0.0) == pytest.approx(3 * (0.3 / 8) ** (2 / 3), rel=1e-12)
    assert theory.g_min(0.3, 1e-9) == pytest.approx(theory.g_min(0.3, 0.0), rel=1e-5)


def test_fold_strength_inverts_g_min():
    mu = np.array([0.003, 0.01, 0.011, 0.3, 5.0])  # on both sides of β
    np.testing.assert_allclose(theory.g_min(theory.fold_strength(mu, 0.01), 0.01), mu, rtol=1e-12)


def test_the_three_strengths_are_ordered_and_meet_where_mu_is_beta():
    mu, smoothing = np.meshgrid([0.1, 0.5, 2.0], [1e-4, 0.01, 0.09])
    first, middle, last = (
        f(mu, smoothing) for f in (theory.critical_strength, theory.global_strength, theory.fold_strength)
    )
    assert (first < middle).all()
    assert (middle < last).all()
    for f in (theory.critical_strength, theory.global_strength, theory.fold_strength):
        assert f(0.3, 0.3) == pytest.approx(2 * 0.3**1.5)
        assert f(0.2, 0.3) == pytest.approx(2 * 0.3**0.5 * 0.2)


def test_limits_without_smoothing():
    assert theory.critical_strength(0.7, 0.0) == 0
    assert 54 ** (1 / 3) / 4 * theory.global_strength(0.7, 0.0) ** (2 / 3) == pytest.approx(0.7)
    assert 0.75 * theory.fold_strength(0.7, 0.0) ** (2 / 3) == pytest.approx(0.7)


def test_phase_counts_the_minima_of_the_split_problem():
    source, p, seen = random(1), np.linspace(0, 2, 200_001), set()
    for _ in range(60):
        mu, smoothing = source.uniform(0.1, 1), source.uniform(0.001, 0.3)
        strength = theory.fold_strength(mu, smoothing) * source.uniform(0.02, 1.3)
        borders = [f(mu, smoothing) for f in (theory.critical_strength, theory.global_strength, theory.fold_strength)]
        if min(abs(strength / b - 1) for b in borders) < 5e-3:
            continue
        value = (p - mu) ** 2 + strength * p / np.sqrt(p + smoothing)
        zero = value[0] < value[1]
        inner = np.flatnonzero((value[1:-1] < value[:-2]) & (value[1:-1] < value[2:])) + 1
        assert len(inner) <= 1
        expected = 3 if not len(inner) else 0 if not zero else 1 + (value[0] < value[inner[0]])
        assert theory.phase(mu, strength, smoothing) == expected
        p_here = theory.shrunk_eigenvalue(mu, strength, smoothing)
        assert p_here == pytest.approx(p[inner[0]] if len(inner) else 0.0, abs=1.1e-5)
        seen.add(expected)
    assert seen == {0, 1, 2, 3}
    assert theory.phase(0.25, np.array([0.05, 0.14, 0.15, 0.19]), 0.01).tolist() == [0, 1, 2, 3]
    assert len(theory.PHASES) == 4


# eigenvalues after shrinkage


def test_shrunk_eigenvalue_solves_its_equation_and_grows_with_mu():
    mu = np.linspace(0.25, 4, 40)
    p = theory.shrunk_eigenvalue(mu, 0.05, 0.01)
    np.testing.assert_allclose(theory.g(p, 0.05, 0.01), mu, rtol=1e-13)
    assert (np.diff(p) > 0).all()
    assert (p < mu).all()
    assert (np.diff(theory.shrunk_eigenvalue(1.0, np.linspace(0, 0.19, 20), 0.01)) < 0).all()
    assert theory.shrunk_eigenvalue(0.7, 0.0, 0.01) == pytest.approx(0.7, rel=1e-14)
    just_below = 0.999999 * theory.critical_strength(0.1, 0.25)  # μ < β: the root goes to 0 without a jump
    assert 0 < theory.shrunk_eigenvalue(0.1, just_below, 0.25) < 1e-6


def test_at_the_critical_strength_a_missing_direction_becomes_stable():
    mu, smoothing = [1.0, 0.3], 0.02
    problem, border = diagonal_problem(mu, 4), theory.critical_strength(0.3, smoothing)
    for factor, sign in [(0.999, -1), (1.001, 1)]:
        p = theory.shrunk_eigenvalue(mu[:1], factor * border, smoothing)
        objective = Objective(problem, GroupLasso(factor * border, smoothing))
        U = axis_columns(p, 4, 3)
        assert objective.gradient(U).norm() < 1e-12
        along = torch.zeros_like(U)
        along[1, 2] = 1.0
        assert sign * (along * objective.hessian_vector(U, along)).sum() > 0


def test_the_rank_one_strength_is_sufficient_and_three_halves_of_it_sharp_at_rank_one():
    smoothing = 0.02
    for factor, stable in [(1.0, False), (1.499, False), (1.501, True)]:
        strength = factor * theory.critical_strength(1.0, smoothing, "rank-one")
        objective = Objective(diagonal_problem([1.0], 3, "rank-one"), GroupLasso(strength, smoothing))
        assert (least(hessian(objective, torch.zeros(3, 2, dtype=torch.float64))) > 0) == stable


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", [0, 1])
def test_random_starts_end_at_the_shrunk_spectrum(ensemble, seed):
    mu = np.array([1.0, 0.6, 0.5])
    strength, smoothing = theory.natural_strengths(0.5, 3, ensemble=ensemble)
    problem = diagonal_problem(mu, 6, ensemble)
    start = gaussian_init(6, 6, scale=0.3, seed=seed)
    penalty = GroupLasso(strength, smoothing)
    run = train(problem, start, penalty=penalty, steps=3000, method="l-bfgs", tolerance=1e-9)
    function = theory.shrunk_eigenvalue if ensemble == "gaussian" else theory.shrunk_spectrum_rank_one
    expected = function(mu, strength, smoothing)
    norms = np.sort(run.U.square().sum(0).numpy())[::-1]
    np.testing.assert_allclose(norms[:3], expected, rtol=1e-5)
    assert norms[3:].max() < 1e-8


def test_shrunk_spectrum_rank_one_is_stationary_and_its_trace_is_right():
    mu, strength, smoothing = np.array([1.0, 0.6, 0.4]), 0.05, 0.01
    p = theory.shrunk_spectrum_rank_one(mu, strength, smoothing)
    objective = Objective(diagonal_problem(mu, 5, "rank-one"), GroupLasso(strength, smoothing))
    U = axis_columns(p, 5, 4)
    assert objective.gradient(U).norm() < 1e-12
    assert least(hessian(objective, U)) > -1e-12
    assert (mu - p).sum() == pytest.approx(strength * theory.dh(p, smoothing).sum() / (2 * 3 + 4), rel=1e-12)
    np.testing.assert_allclose(theory.shrunk_spectrum_rank_one(mu, 0.0, smoothing), mu, rtol=1e-12)
    with pytest.raises(ValueError, match="strength must be small enough for all 3 columns"):
        theory.shrunk_spectrum_rank_one(mu, 4.0, smoothing)


# the gap


def test_gap_edge_is_where_the_curvature_of_the_penalty_meets_the_bound():
    for strength, curvature, smoothing in [(0.1, 1.0, 0.005), (0.4, 1.3, 0.02), (1.0, 7.0, 0.01)]:
        p = torch.tensor(theory.gap_edge(strength, curvature, smoothing)) ** 2
        assert GroupLasso(strength, smoothing).d2h(p).item() == pytest.approx(-2 * curvature / strength, rel=1e-12)
    assert theory.gap_edge(2 * 1.5 * 0.01**1.5 * 0.999, 1.5, 0.01) == 0
    assert theory.gap_edge(2 * 1.5 * 0.01**1.5 * 1.001, 1.5, 0.01) > 0


def test_the_limit_edge_is_rigorous_from_thirteen_on():
    smoothing = 0.03
    strength = np.geomspace(13.1, 1e6, 40) * smoothing**1.5
    limit, exact = theory.gap_edge(strength), theory.gap_edge(strength, 1.0, smoothing)
    np.testing.assert_allclose(limit, strength ** (1 / 3) / 2, rtol=1e-12)
    assert (limit <= exact).all()
    assert limit[-1] == pytest.approx(exact[-1], rel=1e-3)
    assert theory.gap_edge(13.0 * smoothing**1.5) > theory.gap_edge(13.0 * smoothing**1.5, 1.0, smoothing)


# rotation


PAIRS = [(1.0, 0.4, 0.005, 0.0707), (1.0, 0.4, 0.025, 0.2828), (1.0, 0.8, 0.005, 0.0707)]


@pytest.mark.parametrize(("mu_1", "mu_2", "smoothing", "strength"), PAIRS)
def test_rotation_speed_is_a_rayleigh_quotient_and_the_exact_one_an_eigenvalue(mu_1, mu_2, smoothing, strength):
    p, s = theory.shrunk_eigenvalue([mu_1, mu_2], strength, smoothing)
    U = axis_columns([p, s], 2, 2)
    dense = hessian(Objective(diagonal_problem([mu_1, mu_2], 2), GroupLasso(strength, smoothing)), U)
    turn = (U @ torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=U.dtype)).flatten()
    quotient = (turn @ dense @ turn / (turn @ turn)).item()
    assert theory.rotation_speed(p, s, strength, smoothing) == pytest.approx(quotient, rel=1e-9)
    assert theory.rotation_speed(p, s, strength, smoothing, exact=True) == pytest.approx(least(dense), rel=1e-9)
    assert theory.rotation_speed(p, s, strength, smoothing, exact=True) < quotient


def test_rotation_angle_is_the_full_flow_for_small_strength():
    mu, smoothing, strength, start = [1.0, 0.4], 0.005, 0.002, 0.7
    p, s = theory.shrunk_eigenvalue(mu, strength, smoothing)
    objective = Objective(diagonal_problem(mu, 2), GroupLasso(strength, smoothing))
    turn = np.array([[math.cos(start), -math.sin(start)], [math.sin(start), math.cos(start)]])
    U_0 = axis_columns([p, s], 2, 2).numpy() @ turn
    times = np.linspace(0, 6, 7) / theory.rotation_speed(p, s, strength, smoothing)

    def flow(_, x):
        return -objective.gradient(torch.tensor(x).reshape(2, 2)).numpy().ravel()

    run = solve_ivp(flow, (0, times[-1]), U_0.ravel(), "LSODA", t_eval=times, rtol=1e-9, atol=1e-11)
    path = run.y.T.reshape(-1, 2, 2)
    norms, inner = (path**2).sum(1), (path[:, :, 0] * path[:, :, 1]).sum(1)
    measured = np.arctan2(2 * np.abs(inner), norms[:, 0] - norms[:, 1]) / 2
    predicted = theory.rotation_angle(times, start, p, s, strength, smoothing)
    assert measured[0] == pytest.approx(start)
    np.testing.assert_allclose(predicted, measured, atol=2e-3)
    assert predicted[-1] < 0.1 * start


def test_rotation_angle_agrees_with_a_quadrature():
    p, s, strength, smoothing, start, end = 1.0, 0.3, 0.1, 0.01, 0.75, 0.05
    total, span = p + s, p - s

    def time(z):  # the flow of z = p(θ) − s(θ) = (p − s) cos 2θ, inverted
        pull = theory.dh((total - z) / 2, smoothing) - theory.dh((total + z) / 2, smoothing)
        return total / (2 * strength * (span**2 - z**2) * pull)

    elapsed = quad(time, span * math.cos(2 * start), span * math.cos(2 * end))[0]
    assert theory.rotation_angle(elapsed, start, p, s, strength, smoothing) == pytest.approx(end, rel=1e-7)


def test_rotation_angle_law_holds_for_nearly_equal_columns_and_45_degrees_stays():
    p, s, strength, smoothing = 1.0, 0.99, 0.1, 0.01
    times = np.array([0.0, 1.0, 3.0]) / theory.rotation_speed(p, s, strength, smoothing)
    law = theory.rotation_angle_law(times, 0.7, p, s, strength, smoothing)
    np.testing.assert_allclose(law, theory.rotation_angle(times, 0.7, p, s, strength, smoothing), rtol=1e-3)
    stay = theory.rotation_angle([0.0, 5.0], math.pi / 4, p, s, strength, smoothing)
    np.testing.assert_allclose(stay, math.pi / 4, rtol=1e-9)
    stay = theory.rotation_angle_law([0.0, 5.0], math.pi / 4, p, s, strength, smoothing)
    np.testing.assert_allclose(stay, math.pi / 4, rtol=1e-12)
    assert theory.rotation_angle(0.0, 0.7, p, s, strength, smoothing) == pytest.approx(0.7)


def test_death_speed_is_the_curvature_at_a_zero_column():
    mu, strength, smoothing = [1.0, 0.5], 0.05, 0.005
    p = theory.shrunk_eigenvalue(mu, strength, smoothing)
    objective = Objective(diagonal_problem(mu, 3), GroupLasso(strength, smoothing))
    U = axis_columns(p, 3, 3)
    for axis, expected in [(0, p[0]), (1, p[1]), (2, None)]:
        along = torch.zeros_like(U)
        along[axis, 2] = 1.0
        bend = (along * objective.hessian_vector(U, along)).sum().item()
        assert theory.death_speed(strength, smoothing, expected) == pytest.approx(bend, rel=1e-9)
    assert theory.death_speed(strength, smoothing, p[0]) > 50 * theory.rotation_speed(*p, strength, smoothing)


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
    assert (1 - theory.kept_mass(10_000, 100_000)) ** 2 == pytest.approx(theory.frame_pruning_error(0.1, 1), rel=1e-3)


def test_count_near_largest_is_exact_at_rank_one():
    norms, _ = frame_norms(1, 40, 20_000, seed=6)
    for c in (0.3, 0.5, 0.9):
        count = (norms >= c**2 * norms[:, :1]).sum(1)
        assert abs(theory.count_near_largest(40, c) - count.mean()) < 4 * count.std() / 20_000**0.5
    expected = 2 - 4 / math.pi * math.atan(0.5)  # two columns, as an angle on the circle
    assert theory.count_near_largest(2, 0.5) == pytest.approx(expected, rel=1e-9)


def test_count_near_largest_at_higher_rank_and_its_limits():
    norms, _ = frame_norms(3, 400, 400, seed=7)
    assert theory.count_near_largest(400, 0.5, 3) == pytest.approx((norms >= norms[:, :1] / 4).sum(1).mean(), rel=0.05)
    assert theory.count_near_largest(17, 0.0) == pytest.approx(17)
    assert theory.count_near_largest(17, 1.0) == pytest.approx(1)
    assert theory.count_near_largest(1, 0.5) == 1
    assert (np.diff([theory.count_near_largest(50, c, 2) for c in np.linspace(0, 1, 9)]) < 0).all()
    k, c, F = 60, 0.6, chi(2)
    by_definition = k - k * (k - 1) * quad(lambda y: F.pdf(y) * F.cdf(y) ** (k - 2) * F.cdf(c * y), 0, 12)[0]
    assert theory.count_near_largest(k, c, 2) == pytest.approx(by_definition, rel=1e-7)


def test_the_gamma_law_is_close_where_the_bare_power_is_not():
    for k, c, r in [(1000, 0.5, 1), (10_000, 0.5, 1), (10_000, 0.7, 3)]:
        assert theory.count_near_largest_law(k, c, r) == pytest.approx(theory.count_near_largest(k, c, r), rel=0.01)
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


def test_numbers_give_numbers_and_arrays_keep_their_shape():
    grid = np.full((3, 1), 0.5)
    for call in (
        lambda x: theory.g_min(x, [0.01, 0.02]),
        lambda x: theory.phase(x, [0.1, 0.2], 0.01),
        lambda x: theory.shrunk_eigenvalue(x, [0.1, 0.2], 0.01),
        lambda x: theory.gap_edge(x, [1.0, 2.0], 0.01),
        lambda x: theory.fold_strength(x, [0.01, 0.9]),
    ):
        assert call(grid).shape == (3, 2)
    for value in (theory.g_min(0.1, 0.01), theory.shrunk_eigenvalue(1, 0.1, 0.01), theory.kept_mass(3, 10)):
        assert isinstance(value, float)


nan, inf = math.nan, math.inf
BAD = [
    (lambda: theory.natural_strengths(0.0, 2), ValueError, "mu_r must be finite and greater than 0, got 0.0"),
    (lambda: theory.natural_strengths(1.0, 0), ValueError, "r must be an integer, finite and at least 1, got 0"),
    (lambda: theory.natural_strengths(1.0, 2, ensemble="normal"), ValueError, "ensemble must be one of 'gaussian'"),
    (lambda: theory.natural_strengths(1.0, 2, c_beta=-1), ValueError, "c_beta must be .*greater than 0"),
    (lambda: theory.dh(0.0, 0.0), ValueError, "p must be .*greater than 0"),
    (lambda: theory.dh(-0.1, 0.1), ValueError, "p must be .*at least 0, got -0.1"),
    (lambda: theory.g_min(0.0, 0.01), ValueError, "strength must be .*greater than 0"),
    (lambda: theory.critical_strength(1.0, 0.01, "rank-two"), ValueError, "ensemble must be one of"),
    (lambda: theory.critical_strength([1.0, nan], 0.01), ValueError, "mu_r must be finite"),
    (lambda: theory.global_strength(1.0, -0.01), ValueError, "smoothing must be .*at least 0"),
    (lambda: theory.fold_strength(inf, 0.01), ValueError, "mu must be finite"),
    (lambda: theory.phase(1.0, -0.1, 0.01), ValueError, "strength must be .*at least 0"),
    (lambda: theory.shrunk_eigenvalue("1", 0.1, 0.01), TypeError, "mu must be a real number"),
    (lambda: theory.shrunk_eigenvalue([True], 0.1, 0.01), TypeError, "mu must be a real number"),
    (lambda: theory.shrunk_eigenvalue([], 0.1, 0.01), TypeError, "mu must be a real number or a non-empty array"),
    (lambda: theory.shrunk_spectrum_rank_one([1.0, -1.0], 0.1, 0.01), ValueError, "mu must be .*greater than 0"),
    (lambda: theory.gap_edge(0.1, 0.0, 0.01), ValueError, "curvature must be .*greater than 0"),
    (lambda: theory.rotation_speed(0.4, 1.0, 0.1, 0.01), ValueError, "s must be at most p = 0.4"),
    (lambda: theory.rotation_angle([-1.0], 0.7, 1.0, 0.4, 0.1, 0.01), ValueError, "t must be .*at least 0"),
    (lambda: theory.rotation_angle(1.0, 2.0, 1.0, 0.4, 0.1, 0.01), ValueError, "theta0 must be .*at most 1.57"),
    (lambda: theory.rotation_angle_law(1.0, 1.0, 1.0, 0.4, 0.1, 0.01), ValueError, "theta0 must be .*at most 0.78"),
    (lambda: theory.death_speed(0.1, 0.0), ValueError, "smoothing must be .*greater than 0"),
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
    (lambda: theory.cramer_rao(4, 2, 8, 1.0, finite_n=True), ValueError, "n must be finite and greater than 8, got 8"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
