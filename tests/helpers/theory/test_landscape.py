"""The closed forms against independent numerics: grids, dense Hessians, gradient descent, the full flow, simulation."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp

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


@pytest.mark.parametrize("seed", [0, 1])
def test_random_starts_end_at_the_shrunk_spectrum(seed):
    mu = np.array([1.0, 0.6, 0.5])
    strength, smoothing = theory.natural_strengths(0.5, 3)
    problem = diagonal_problem(mu, 6)
    start = gaussian_init(6, 6, scale=0.3, seed=seed)
    penalty = GroupLasso(strength, smoothing)
    run = train(problem, start, penalty=penalty, steps=3000, method="l-bfgs", tolerance=1e-9)
    expected = theory.shrunk_eigenvalue(mu, strength, smoothing)
    norms = np.sort(run.U.square().sum(0).numpy())[::-1]
    np.testing.assert_allclose(norms[:3], expected, rtol=1e-5)
    assert norms[3:].max() < 1e-8


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
    for value in (theory.g_min(0.1, 0.01), theory.shrunk_eigenvalue(1, 0.1, 0.01)):
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
    (lambda: theory.gap_edge(0.1, 0.0, 0.01), ValueError, "curvature must be .*greater than 0"),
    (lambda: theory.rotation_speed(0.4, 1.0, 0.1, 0.01), ValueError, "s must be at most p = 0.4"),
    (lambda: theory.rotation_angle([-1.0], 0.7, 1.0, 0.4, 0.1, 0.01), ValueError, "t must be .*at least 0"),
    (lambda: theory.rotation_angle(1.0, 2.0, 1.0, 0.4, 0.1, 0.01), ValueError, "theta0 must be .*at most 1.57"),
    (lambda: theory.rotation_angle_law(1.0, 1.0, 1.0, 0.4, 0.1, 0.01), ValueError, "theta0 must be .*at most 0.78"),
    (lambda: theory.death_speed(0.1, 0.0), ValueError, "smoothing must be .*greater than 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
