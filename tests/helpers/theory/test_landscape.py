"""The closed forms of chapter 2: the printed formulas at a few points, invariances, and grids, quadrature, the flow.

What dense Hessians and training say of them stands with the statements, in tests/statements/test_landscape.py.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from helpers import theory
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Population

positive = st.floats(0.05, 3)
close = {"rel": 1e-11, "abs": 1e-13}


POINTS = [(0.3, 0.7, 0.2, 0.05), (0.02, 0.4, 1.1, 0.3), (2.0, 1.0, 0.5, 0.01)]


@pytest.mark.parametrize(("x", "mu", "strength", "beta"), POINTS)
def test_the_formulas_as_printed(x, mu, strength, beta):
    slope = (x + 2 * beta) / (2 * (x + beta) ** 1.5)
    assert theory.dh(x, beta) == pytest.approx(slope, **close)
    assert theory.g(x, strength, beta) == pytest.approx(x + strength * slope / 2, **close)
    cost = (x - mu) ** 2 + strength * x / math.sqrt(x + beta)
    assert theory.psi(x, mu, strength, beta) == pytest.approx(cost, **close)
    assert theory.critical_strength(mu, beta) == pytest.approx(2 * math.sqrt(beta) * mu, **close)
    assert theory.critical_strength(mu, beta, "rank-one") == pytest.approx(4 * math.sqrt(beta) * mu, **close)
    root = (mu - 10 * beta + math.sqrt((mu + 2 * beta) * (mu + 26 * beta))) / 6
    fold = 4 * (mu - root) * (root + beta) ** 1.5 / (root + 2 * beta)
    assert mu > beta
    assert theory.global_strength(mu, beta) == pytest.approx(2 * ((2 * mu + beta) / 3) ** 1.5, **close)
    assert theory.fold_strength(mu, beta) == pytest.approx(fold, **close)
    p, s = 1.3 * x, x
    pull = (s + 2 * beta) / (2 * (s + beta) ** 1.5) - (p + 2 * beta) / (2 * (p + beta) ** 1.5)
    rate = 2 * strength * (p - s) / (p + s) * pull
    root = math.sqrt((p + s) ** 2 - 2 * strength * pull * (p - s) + (strength * pull) ** 2)
    assert theory.rotation_speed(p, s, strength, beta) == pytest.approx(rate, **close)
    assert theory.rotation_speed(p, s, strength, beta, exact=True) == pytest.approx(2 * (p + s - root), rel=1e-9)
    assert theory.death_speed(strength, beta, x) == pytest.approx(2 * strength * (beta**-0.5 - slope), **close)
    assert theory.death_speed(strength, beta) == pytest.approx(2 * strength / math.sqrt(beta), **close)


NEAR = [(1e-3, 0.0, 0.2, 0.7), (0.0, 1e-3, 0.3, 0.4), (1e-4, 0.1, 0.5, 2.0)]


@pytest.mark.parametrize(("eps", "gamma", "strength", "norm"), NEAR)
def test_the_robust_bound_as_printed(eps, gamma, strength, norm):
    cubic, square = (2.6 * eps / strength) ** (1 / 3), (2.3 * gamma * norm / strength) ** 0.5
    assert theory.robust_orthogonality_bound(eps, gamma, strength, norm) == pytest.approx(max(cubic, square), **close)


def test_the_robust_bound_takes_a_run_at_once():
    found = theory.robust_orthogonality_bound(np.array([1e-3, 1e-6]), [0.0, 0.1], 0.2, np.array([0.7, 0.6]))
    assert found == pytest.approx([(2.6e-3 / 0.2) ** (1 / 3), (2.3 * 0.1 * 0.6 / 0.2) ** 0.5])


@settings(max_examples=60, deadline=None)
@given(a=st.floats(0.2, 4), mu=positive, share=st.floats(0.05, 1.5), ratio=st.floats(0.002, 2))
def test_everything_scales_with_the_units(a, mu, share, ratio):
    """U → aU goes with μ, β → a²μ, a²β and λ → a³λ; time in gradient flow with a⁻²."""
    beta, strength = ratio * mu, share * theory.fold_strength(mu, ratio * mu)
    big = (a**2 * mu, a**2 * beta)
    for border in (theory.critical_strength, theory.global_strength, theory.fold_strength):
        assert border(*big) == pytest.approx(a**3 * border(mu, beta))
    assert theory.g_min(a**3 * strength, a**2 * beta) == pytest.approx(a**2 * theory.g_min(strength, beta))
    borders = [border(mu, beta) for border in (theory.critical_strength, theory.global_strength, theory.fold_strength)]
    if min(abs(strength / border - 1) for border in borders) > 1e-6:
        kept, scaled = theory.shrunk_eigenvalue([mu, big[0]], [strength, a**3 * strength], [beta, big[1]])
        assert scaled == pytest.approx(a**2 * kept, rel=1e-6, abs=1e-9)
        assert theory.phase(big[0], a**3 * strength, big[1]) == theory.phase(mu, strength, beta)
    pair = np.array([mu, 0.6 * mu])
    for exact in (False, True):
        rate = theory.rotation_speed(*pair, strength, beta, exact=exact)
        scaled = theory.rotation_speed(*(a**2 * pair), a**3 * strength, a**2 * beta, exact=exact)
        assert scaled == pytest.approx(a**2 * rate, rel=1e-6, abs=1e-12)
    assert theory.death_speed(a**3 * strength, a**2 * beta, big[0]) == pytest.approx(
        a**2 * theory.death_speed(strength, beta, mu), rel=1e-6
    )
    assert theory.robust_orthogonality_bound(a**3 * 1e-3, a**2 * 1e-2, a**3 * strength, a) == pytest.approx(
        theory.robust_orthogonality_bound(1e-3, 1e-2, strength, 1.0)
    )


@settings(max_examples=60, deadline=None)
@given(mu=positive, ratio=st.floats(0.002, 2), share=st.floats(0.02, 1.5))
def test_the_phase_follows_from_the_borders_and_the_root_from_the_phase(mu, ratio, share):
    beta = ratio * mu
    strength = share * theory.fold_strength(mu, beta)
    p = theory.shrunk_eigenvalue(mu, strength, beta)
    code = theory.phase(mu, strength, beta)
    assert (p == 0) == (code == 3) == (share >= 1)
    if p > 1e-6:
        assert theory.g(p, strength, beta) == pytest.approx(mu)
        better = theory.psi(p, mu, strength, beta) < theory.psi(0, mu, strength, beta) * (1 - 1e-9)
        assert code == 2 or better
        assert p <= mu


def test_natural_strengths_scale_with_the_problem_and_lie_below_the_critical_strength():
    for ensemble in ("gaussian", "rank-one"):
        for r in (1, 2, 7):
            strength, smoothing = theory.natural_strengths(1.0, r, ensemble=ensemble)
            assert theory.natural_strengths(0.25, r, ensemble=ensemble) == pytest.approx((strength / 8, smoothing / 4))
            assert strength < theory.critical_strength(1.0, smoothing, ensemble)
            assert theory.gap_edge(strength, 1.0, smoothing) > 2 * math.sqrt(smoothing)
    given = theory.natural_strengths(2.0, 3, c_lambda=0.4, c_beta=0.05)
    assert given == pytest.approx((0.4 * 8**0.5 / 3**0.5, 0.1 / 3))


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
    source, p, seen = np.random.default_rng(1), np.linspace(0, 2, 200_001), set()
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


@pytest.mark.parametrize(("mu", "beta"), [(0.25, 0.01), (1.0, 0.3), (1.0, 0.6)])
def test_the_phase_changes_at_the_borders_and_nowhere_else(mu, beta):
    borders = [f(mu, beta) for f in (theory.critical_strength, theory.global_strength, theory.fold_strength)]
    for place, border in enumerate(borders):
        around = theory.phase(mu, border * np.array([1 - 1e-9, 1 + 1e-9]), beta)
        assert around.tolist() == [place, place + 1]
    assert [theory.phase(mu, border, beta) for border in borders] == [0, 2, 3]
    small = theory.critical_strength(mu, 1.5 * mu)  # μ < β: from all to nothing
    assert theory.phase(mu, small * np.array([1 - 1e-9, 1 + 1e-9]), 1.5 * mu).tolist() == [0, 3]


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


def test_rotation_angle_is_the_full_flow_for_small_strength():
    mu, smoothing, strength, start = [1.0, 0.4], 0.005, 0.002, 0.7
    p, s = theory.shrunk_eigenvalue(mu, strength, smoothing)
    problem = Population(torch.tensor(mu, dtype=torch.float64).sqrt().diag())
    objective = Objective(problem, GroupLasso(strength, smoothing))
    turn = np.array([[math.cos(start), -math.sin(start)], [math.sin(start), math.cos(start)]])
    U_0 = np.diag(np.sqrt([p, s])) @ turn
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


def test_the_ends_of_the_turn_stay():
    assert theory.rotation_angle([0.0, 5.0], math.pi / 4, 1.0, 0.5, 0.1, 0.01) == pytest.approx(math.pi / 4, rel=1e-9)
    assert theory.rotation_angle([0.0, 5.0], 0.0, 1.0, 0.5, 0.1, 0.01) == pytest.approx(0)
    assert theory.rotation_angle(0.0, 0.7, 1.0, 0.5, 0.1, 0.01) == pytest.approx(0.7)


def test_a_column_dies_long_before_a_pair_has_turned():
    p = theory.shrunk_eigenvalue([1.0, 0.5], 0.05, 0.005)
    assert theory.death_speed(0.05, 0.005, p[0]) > 50 * theory.rotation_speed(*p, 0.05, 0.005)


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
    (lambda: theory.rotation_speed(0.4, 1.0, 0.1, 0.01), ValueError, "s must be at most p = 0.4"),
    (lambda: theory.rotation_angle([-1.0], 0.7, 1.0, 0.4, 0.1, 0.01), ValueError, "t must be .*at least 0"),
    (lambda: theory.rotation_angle(1.0, 2.0, 1.0, 0.4, 0.1, 0.01), ValueError, "theta0 must be .*at most 1.57"),
    (lambda: theory.psi(-0.1, 1.0, 0.1, 0.01), ValueError, "x must be .*at least 0, got -0.1"),
    (lambda: theory.psi(0.1, 1.0, 0.1, 0.0), ValueError, "smoothing must be .*greater than 0"),
    (lambda: theory.robust_orthogonality_bound(0, 0, 0.0, 1), ValueError, "strength must be .*greater than 0"),
    (lambda: theory.robust_orthogonality_bound(0, 0, 0.1, 0.0), ValueError, "norm must be .*greater than 0"),
    (lambda: theory.death_speed(0.1, 0.0), ValueError, "smoothing must be .*greater than 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
