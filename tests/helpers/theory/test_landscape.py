"""The closed forms of chapter 2: as printed at a few points, by other means, under a change of units, bad input.

What dense Hessians and training say of them stands with the statements, in tests/statements/test_landscape.py.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from helpers import theory

BORDERS = (theory.critical_strength, theory.global_strength, theory.fold_strength)
POINTS = [(0.3, 0.7, 0.2, 0.05), (0.02, 0.4, 1.1, 0.3), (2.0, 1.0, 0.5, 0.01)]
close = {"rel": 1e-11, "abs": 1e-13}


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


@pytest.mark.parametrize(("mu", "beta"), [(0.2, 0.3), (0.3, 0.3), (0.01, 2.0)])
def test_where_mu_is_at_most_beta_the_three_strengths_are_one(mu, beta):
    assert [border(mu, beta) for border in BORDERS] == pytest.approx([2 * beta**0.5 * mu] * 3)


def test_the_robust_bound_as_printed_for_a_run_at_once():
    found = theory.robust_orthogonality_bound(np.array([1e-3, 0.0, 1e-6]), [0.0, 1e-3, 0.1], 0.2, [0.7, 0.4, 0.6])
    assert found == pytest.approx([(2.6e-3 / 0.2) ** (1 / 3), (2.3e-3 * 0.4 / 0.2) ** 0.5, (0.23 * 0.6 / 0.2) ** 0.5])


def test_g_min_is_the_minimum_of_g():
    p = np.append(0, np.geomspace(1e-9, 3, 400_001))
    for strength, smoothing in [(0.1, 0.005), (0.4, 0.05), (2.0, 0.001), (0.01, 0.2)]:
        assert theory.g_min(strength, smoothing) == pytest.approx(theory.g(p, strength, smoothing).min(), rel=1e-9)
    assert theory.g_min(0.3, 0.0) == pytest.approx(3 * (0.3 / 8) ** (2 / 3), rel=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.01])
def test_fold_strength_inverts_g_min(beta):
    mu = np.array([0.003, 0.01, 0.011, 0.3, 5.0])  # on both sides of β
    np.testing.assert_allclose(theory.g_min(theory.fold_strength(mu, beta), beta), mu, rtol=1e-12)


def test_phase_and_root_are_the_minima_of_the_scalar_objective_on_a_grid():
    source, p, seen = np.random.default_rng(1), np.linspace(0, 2, 200_001), set()
    for _ in range(60):
        mu, smoothing = source.uniform(0.1, 1), source.uniform(0.001, 0.3)
        strength = theory.fold_strength(mu, smoothing) * source.uniform(0.02, 1.3)
        if min(abs(strength / border(mu, smoothing) - 1) for border in BORDERS) < 5e-3:
            continue
        value = (p - mu) ** 2 + strength * p / np.sqrt(p + smoothing)
        zero = value[0] < value[1]
        inner = np.flatnonzero((value[1:-1] < value[:-2]) & (value[1:-1] < value[2:])) + 1
        assert len(inner) <= 1
        expected = 3 if not len(inner) else 0 if not zero else 1 + (value[0] < value[inner[0]])
        assert theory.phase(mu, strength, smoothing) == expected
        root = theory.shrunk_eigenvalue(mu, strength, smoothing)
        assert root == pytest.approx(p[inner[0]] if len(inner) else 0.0, abs=1.1e-5)
        seen.add(expected)
    assert seen == set(range(len(theory.PHASES)))


@pytest.mark.parametrize(("mu", "beta"), [(0.25, 0.01), (1.0, 0.3), (1.0, 0.6)])
def test_the_phase_changes_at_the_borders_and_nowhere_else(mu, beta):
    borders = [border(mu, beta) for border in BORDERS]
    assert theory.phase(mu, borders, beta).tolist() == [0, 2, 3]
    for place, border in enumerate(borders):
        around = border * np.array([1 - 1e-9, 1 + 1e-9])
        assert theory.phase(mu, around, beta).tolist() == [place, place + 1]
        assert (theory.shrunk_eigenvalue(mu, around, beta) > 0).tolist() == [True, place < 2]
    small = theory.critical_strength(mu, 1.5 * mu)  # μ < β: from all to nothing
    assert theory.phase(mu, small * np.array([1 - 1e-9, 1 + 1e-9]), 1.5 * mu).tolist() == [0, 3]


def test_shrunk_eigenvalue_solves_its_equation_to_the_last_digits():
    mu = np.linspace(0.25, 4, 40)
    p = theory.shrunk_eigenvalue(mu, 0.05, 0.01)
    np.testing.assert_allclose(theory.g(p, 0.05, 0.01), mu, rtol=1e-13)
    assert (p < mu).all()
    assert theory.shrunk_eigenvalue(0.7, 0.0, 0.01) == pytest.approx(0.7, rel=1e-14)
    just_below = 0.999999 * theory.critical_strength(0.1, 0.25)  # μ < β: the root goes to 0 without a jump
    assert 0 < theory.shrunk_eigenvalue(0.1, just_below, 0.25) < 1e-6


def test_rotation_angle_agrees_with_a_quadrature():
    p, s, strength, smoothing, start, end = 1.0, 0.3, 0.1, 0.01, 0.75, 0.05
    total, span = p + s, p - s

    def time(z):  # the flow of z = p(θ) − s(θ) = (p − s) cos 2θ, inverted
        pull = theory.dh((total - z) / 2, smoothing) - theory.dh((total + z) / 2, smoothing)
        return total / (2 * strength * (span**2 - z**2) * pull)

    elapsed = quad(time, span * math.cos(2 * start), span * math.cos(2 * end))[0]
    assert theory.rotation_angle(elapsed, start, p, s, strength, smoothing) == pytest.approx(end, rel=1e-7)
    assert theory.rotation_angle(0.0, start, p, s, strength, smoothing) == pytest.approx(start)
    for still in (0.0, math.pi / 4):
        assert theory.rotation_angle([0.0, 5.0], still, p, s, strength, smoothing) == pytest.approx(still, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(a=st.floats(0.2, 4), mu=st.floats(0.05, 3), share=st.floats(0.05, 1.5), ratio=st.floats(0.002, 2))
def test_everything_scales_with_the_units(a, mu, share, ratio):
    """U → aU goes with μ, β → a²μ, a²β and λ → a³λ; time in gradient flow with a⁻²."""
    beta, strength = ratio * mu, share * theory.fold_strength(mu, ratio * mu)

    def values(a):
        """name: (power of a with which it scales, value)."""
        m, b, lam = a**2 * mu, a**2 * beta, a**3 * strength
        found = {border.__name__: (3, border(m, b)) for border in BORDERS}
        if min(abs(strength / border(mu, beta) - 1) for border in BORDERS) > 1e-6:
            found["root"] = (2, theory.shrunk_eigenvalue(m, lam, b))
            found["phase"] = (0, theory.phase(m, lam, b))
        return found | {
            "g_min": (2, theory.g_min(lam, b)),
            "speed": (2, theory.rotation_speed(m, 0.6 * m, lam, b)),
            "exact speed": (2, theory.rotation_speed(m, 0.6 * m, lam, b, exact=True)),
            "death": (2, theory.death_speed(lam, b, m)),
            "cosine": (0, theory.robust_orthogonality_bound(a**3 * 1e-3, a**2 * 1e-2, lam, a)),
        }

    for name, (power, value) in values(a).items():
        assert value == pytest.approx(a**power * values(1.0)[name][1], rel=1e-6, abs=1e-9), name


def test_numbers_give_numbers_and_arrays_keep_their_shape():
    grid = np.full((3, 1), 0.5)
    for call in (
        lambda x: theory.g_min(x, [0.01, 0.02]),
        lambda x: theory.phase(x, [0.1, 0.2], 0.01),
        lambda x: theory.shrunk_eigenvalue(x, [0.1, 0.2], 0.01),
        lambda x: theory.fold_strength(x, [0.01, 0.9]),
    ):
        assert call(grid).shape == (3, 2)
        assert call(0.5).shape == (2,)
    assert isinstance(theory.shrunk_eigenvalue(1, 0.1, 0.01), float)
    assert isinstance(theory.g_min(0.1, 0.01), float)


nan, inf = math.nan, math.inf
BAD = [
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
