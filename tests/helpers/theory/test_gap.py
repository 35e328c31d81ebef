"""Chapter 4's closed forms and bounds: against the printed formulas, against computations by other means, and under a
change of units (Proposition 1.7)."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import gaussian, uniform

from helpers import theory
from helpers.arguments import ENSEMBLES
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, ground_truth

LAM, BETA, MU = 0.3, 0.02, 0.7  # one point at which formulas are written out


def slope(x, beta=BETA):
    return (x + 2 * beta) / (2 * (x + beta) ** 1.5)


def bend(x, beta=BETA):
    return (x + 4 * beta) / (4 * (x + beta) ** 2.5)


# by other means


@pytest.mark.parametrize(("strength", "kappa", "beta"), [(0.3, 1.0, 0.02), (0.05, 2.5, 0.001), (2.0, 0.7, 0.3)])
def test_the_edge_is_where_the_bend_reaches_its_level(strength, kappa, beta):
    edge = theory.gap_edge(strength, kappa, beta)
    x = torch.tensor(edge**2, dtype=torch.float64)
    assert -GroupLasso(1.0, beta).d2h(x).item() == pytest.approx(2 * kappa / strength)
    grid = np.geomspace(1e-6, 10, 100_001)
    assert edge == pytest.approx(grid[np.argmax(bend(grid**2, beta) <= 2 * kappa / strength)], rel=2e-4)
    assert theory.gap_edge(2 * kappa * beta**1.5, kappa, beta) == 0
    assert theory.gap_edge(strength, kappa) == pytest.approx(0.5 * (strength / kappa) ** (1 / 3))


@pytest.mark.parametrize("kappa", [0.7, 1.0, 5.0])
def test_the_edge_passes_the_threshold_and_exceeds_its_limit(kappa):
    lower = theory.threshold_strength(BETA, kappa)
    assert lower == pytest.approx(5**2.5 * kappa * BETA**1.5)
    assert theory.gap_edge(lower, kappa, BETA) == pytest.approx(2 * BETA**0.5)
    strengths = lower * np.geomspace(1, 1e4, 50)
    assert (theory.gap_edge(strengths, kappa, BETA) >= 0.5 * (strengths / kappa) ** (1 / 3)).all()
    for factor, below in ((13.1, True), (13.0, False)):  # where the limit begins to lie below the edge
        start = factor * kappa * BETA**1.5
        assert (theory.gap_edge(start, kappa) <= theory.gap_edge(start, kappa, BETA)) == below


@pytest.mark.parametrize("r", [1, 3])
@pytest.mark.parametrize("kappa", [1.0, 1.4])
def test_the_working_window_in_natural_scales(r, kappa):
    for c_beta in (0.003, 0.01, 0.03):
        low, high = theory.working_window(c_beta, r, kappa)
        for share, sides in ((0.999, (False, True)), (1.001, (True, True))):
            strength, smoothing = theory.natural_strengths(MU, r, c_lambda=share * low, c_beta=c_beta)
            assert (strength > theory.threshold_strength(smoothing, kappa)) == sides[0]
        for share in (0.999, 1.001):
            strength, smoothing = theory.natural_strengths(MU, r, c_lambda=share * high, c_beta=c_beta)
            assert (strength < theory.critical_strength(MU, smoothing)) == (share < 1)
    low, high = theory.working_window(2 * 5**-2.5 * r / kappa, r, kappa)
    assert low == pytest.approx(high)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_curvature_bound_holds_on_sampled_data(ensemble):
    d, n, seen = 6, 150, []
    for seed in range(8):
        problem = Empirical.sample(ground_truth(d, 1), n, ensemble=ensemble, seed=seed)
        u = gaussian(40, d, 1, seed=seed)
        for _ in range(60):  # ascent: shifted power iteration from 40 starts
            u = u / u.norm(dim=1, keepdim=True)
            u = problem.curvature(u @ u.mT) @ u + u
        u = u / u.norm(dim=1, keepdim=True)
        seen.append((problem.measure(u @ u.mT) ** 2).mean(-1).max().item())
    power = 0.5 if ensemble == "gaussian" else 0.25  # at t = 0 the bound is one for the mean of a root
    assert max(seen) <= theory.curvature_bound(d, n, failure=0.01, ensemble=ensemble)
    mean = np.mean(np.array(seen) ** power)
    assert mean <= theory.curvature_bound(d, n, failure=1 - 1e-9, ensemble=ensemble) ** power < 1.6 * mean


def test_the_curvature_bound_as_printed():
    t = math.sqrt(2 * math.log(20))
    assert theory.curvature_bound(7, 50) == pytest.approx((1 + math.sqrt(14 / 50) + t / math.sqrt(50)) ** 2)
    rank_one = (3**0.25 + (math.sqrt(7) + t) / 50**0.25) ** 4
    assert theory.curvature_bound(7, 50, ensemble="rank-one") == pytest.approx(rank_one)
    assert theory.curvature_bound(7, 50, failure=0.01) > theory.curvature_bound(7, 50)
    assert [theory.curvature_bound(7, ensemble=ensemble) for ensemble in ENSEMBLES] == [1, 3]


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_noise_level_is_the_usual_size(ensemble):
    problems = [Empirical.sample(ground_truth(20, 1), 2000, noise=0.7, ensemble=ensemble, seed=s) for s in range(10)]
    expected = theory.noise_level(0.7, 20, 2000, ensemble=ensemble)
    assert np.mean([problem.nu for problem in problems]) == pytest.approx(expected, rel=0.08)
    assert theory.noise_level(0.7, 8, 100, ensemble=ensemble) == pytest.approx(
        0.7 * {"gaussian": 0.4, "rank-one": 0.4 * 2**0.5}[ensemble]
    )
    assert theory.noise_level(0, 8, 100) == 0


def test_the_bound_on_nu_as_printed():
    assert theory.nu_bound(3.0, 8, 50, 1.5) == pytest.approx((4 + 1.5) * 3 / 50)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_noise_edge_is_where_g_min_meets_the_noise(ensemble):
    c = theory.mean_factor(ensemble)
    for nu, beta in [(0.2, 0.005), (0.01, 0.05), (0.3, 0.0)]:
        edge, x = theory.noise_edge(nu, beta, ensemble=ensemble), np.append(1e-12, np.geomspace(1e-8, 1, 200_001))
        assert (2 * c * x + edge * slope(x, beta)).min() == pytest.approx(2 * nu, rel=1e-7)
    expected = {"gaussian": 1.54, "rank-one": 1.09}[ensemble]
    assert theory.noise_edge(1.0, ensemble=ensemble) == pytest.approx(expected, abs=0.005)


# as printed


def test_the_robust_gap_as_printed():
    omega, eps, gamma = 1.5, 1e-4, 2e-4
    strength = 2.5 * 5**2.5 * 1.3 * BETA**1.5  # = (1 + ω) 5^{5/2} κβ^{3/2}
    for C, size in ((5**2.5 / 4 * 2.5 / 1.5, 400), (2 / (5 * 2**-2.5 - 8 / 2.5 * 5**-2.5), 1)):
        cubic = (C * size * eps / strength) ** (1 / 3)
        square = (C * size * gamma * BETA**0.5 / strength) ** 0.5
        tau = BETA**0.5 * max(cubic, square)
        assert (tau > BETA**0.5) == (size > 1)
        assert theory.robust_gap_bound(size * eps, size * gamma, strength, BETA, 1.3) == pytest.approx(tau)
        assert theory.robust_gap_bound(size * eps, size * gamma, strength, BETA, 1.3, omega) == pytest.approx(tau)
        only = theory.robust_gap_bound(0, 20 * size * gamma, strength, BETA, 1.3)
        assert only == pytest.approx(BETA**0.5 * (20 * C * size * gamma * BETA**0.5 / strength) ** 0.5)
    assert theory.robust_gap_bound(eps, gamma, strength, BETA, 1.3, 1.6) == math.inf  # λ is too small for this ω
    assert theory.robust_gap_bound(eps, gamma, strength, BETA, 10.0) == math.inf


def test_the_robust_gap_follows_from_the_scaling_inequality():
    """4λ|h''(p)|p² ≤ εv + γp + 8κp² is all that the lemma knows of a column of norm v = √p ≤ 2√β."""
    source, useful = np.random.default_rng(1), 0
    for _ in range(4000):
        beta, kappa = 10 ** source.uniform(-4, 0), source.uniform(0.5, 5)
        strength = theory.threshold_strength(beta, kappa) * (1 + source.uniform(0.05, 3))
        p = 4 * beta * source.uniform(0, 1) ** 3
        need = 4 * strength * bend(p, beta) * p**2 - 8 * kappa * p**2
        share = source.uniform()
        tau = theory.robust_gap_bound(share * need / p**0.5, (1 - share) * need / p, strength, beta, kappa)
        assert p**0.5 <= tau * (1 + 1e-9)
        useful += tau < 2 * beta**0.5
    assert useful > 500


def test_the_certificate_and_the_fit_as_printed():
    assert theory.certificate_level(LAM, BETA) == pytest.approx(LAM / BETA**0.5)
    full = theory.certificate_level(LAM, BETA, gamma=0.4, tau=0.1, kappa=3)
    assert full == pytest.approx(LAM / BETA**0.5 + 0.2 + 12 * 0.01)
    assert theory.fit_bound(0.5, 2.0, LAM, BETA) == pytest.approx(0.5 + 2 * LAM / BETA**0.5)
    p = np.array([0.2, 0.9])
    weak = 0.9 * 1.2 * BETA**0.5 * MU
    expected = weak**2 * (slope(p) ** 2).sum() / (4 * 1.2)
    assert theory.fit_excess(p, MU, weak, BETA, 1.2) == pytest.approx(expected)
    assert theory.fit_excess(p, MU, weak / 0.89, BETA, 1.2) == math.inf
    assert theory.fit_excess([], MU, weak, BETA, 1.2) == 0


def test_closeness_as_printed():
    p, r, mu_r = np.array([0.2, 0.9, 0.5]), 2, 3.0
    size = np.linalg.norm(slope(p))
    first = (5**0.5 * 0.1 + LAM / 2 * (size**2 + r / BETA) ** 0.5) / 0.8
    second = (5**0.5 * 0.1 + LAM / 2 * size) / (0.8 - LAM / (2 * BETA**0.5 * mu_r))
    assert second < first
    assert theory.closeness_bound(p, r, mu_r, LAM, BETA, nu=0.1, alpha=0.8) == pytest.approx(second)
    assert theory.closeness_bound(p, r, 1.0, LAM, BETA, nu=0.1, alpha=0.8) == pytest.approx(first)
    given_ = {"upper": 1.5, "eps": 0.02, "gamma": 0.3, "tau": 0.05, "small": 4, "rho": 0.4}
    level = LAM / BETA**0.5 + 0.15 + 6 * 0.0025
    top = 5**0.5 * 0.1 + LAM / 2 * (1.4 / 0.6) ** 0.5 * size + 0.02 / (4 * (2 * BETA * 0.6) ** 0.5) + 1.5 * 4 * 0.0025
    bound = theory.closeness_bound(p, r, mu_r, LAM, BETA, nu=0.1, alpha=0.8, **given_)
    assert bound == pytest.approx(top / (0.8 - level / (2 * mu_r)))
    assert theory.closeness_bound(p, r, mu_r, LAM, BETA, nu=0.1, alpha=0.8, **(given_ | {"rho": 1.0})) == math.inf
    assert theory.closeness_bound(p, r, 1.0, LAM, BETA, nu=0.1, alpha=0.8, eps=1e-9) == math.inf
    nothing = LAM / 2 * (r / BETA) ** 0.5 + r**0.5 * 0.1
    assert theory.closeness_bound([], r, 1.0, LAM, BETA, nu=0.1, alpha=1.0) == pytest.approx(nothing)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_count_thresholds_as_printed(ensemble):
    c, x = {"gaussian": 1, "rank-one": 2}[ensemble], np.append(0, np.geomspace(1e-8, 2, 400_001))
    g_min = (x + LAM / (2 * c) * slope(x)).min()
    least, most = theory.count_thresholds(MU, LAM, BETA, ensemble=ensemble)
    assert least == pytest.approx(2 * c * MU - LAM / BETA**0.5)
    assert most == pytest.approx(2 * c * g_min, rel=1e-8)
    near = {"eps": 0.02, "gamma": 0.3, "tau": 0.05, "rho": 0.4, "kappa": 1.5}
    least, most = theory.count_thresholds(MU, LAM, BETA, ensemble=ensemble, **near)
    assert least == pytest.approx(2 * c * MU - LAM / BETA**0.5 - 0.15 - 6 * 0.0025)
    blur = 0.4 * LAM * 3 * 5**-1.5 / BETA**0.5 + 0.02 / (4 * (BETA * 0.6) ** 0.5)
    assert most == pytest.approx(2 * c * 0.6 * g_min - blur, rel=1e-8)
    assert theory.count_thresholds(MU, LAM, BETA, rho=1.0)[1] == -math.inf


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_error_after_the_count_as_printed(ensemble):
    c, p = theory.mean_factor(ensemble), np.array([0.6, 0.9])
    g_min = theory.g_min(LAM / c, BETA)
    e = 0.7 * g_min
    q = e**2 / (4 * g_min - 2 * e)
    eigenvalues, frobenius = theory.error_after_count(p, c * e, LAM, BETA, ensemble=ensemble)
    assert eigenvalues == pytest.approx(e / 3**0.5 + q)
    assert frobenius == pytest.approx(LAM / (2 * c) * np.linalg.norm(slope(p)) + e + 2**0.5 * q)
    assert theory.error_after_count(p, 2.001 * c * g_min, LAM, BETA, ensemble=ensemble) == (math.inf, math.inf)


def test_the_a_priori_count_as_printed():
    expected = 5**1.5 / 12 * (0.5 / (LAM * BETA**0.5) + 2 / BETA)
    assert theory.a_priori_count(0.5, 2.0, LAM, BETA) == pytest.approx(expected)


def slack(n, d, r, mu_r, trace, noise, strength, beta, most, failure):
    """(4.7), right side minus left side, from the printed formulas of Theorem 4.15."""
    t = math.sqrt(2 * math.log(6 / failure))
    kappa = (1 + math.sqrt(2 * d / n) + t / math.sqrt(n)) ** 2
    nu = noise * (math.sqrt(2 * d) + t) * (math.sqrt(n) + t) / n
    m = most
    if strength >= 5**2.5 * kappa * beta**1.5:
        floor = noise**2 * (1 + t / math.sqrt(n)) ** 2
        m = min(m, math.floor(5**1.5 / 12 * (floor / (strength * beta**0.5) + trace / beta)))
    radius = (math.sqrt(min(m + r, d)) * (math.sqrt(2 * d) + 1) + t + 0.5) / math.sqrt(n)
    if radius >= 1:
        return -1.0
    edge = theory.gap_edge(strength, kappa, beta)
    size, alpha = math.sqrt(m) * slope(edge**2, beta), (1 - radius) ** 2
    bounds = [(math.sqrt(m + r) * nu + strength / 2 * math.hypot(size, math.sqrt(r / beta))) / alpha]
    room = alpha - strength / (2 * math.sqrt(beta) * mu_r)
    if room > 0:
        bounds.append((math.sqrt(m + r) * nu + strength / 2 * size) / room)
    right = min(2 * mu_r - strength / math.sqrt(beta), 2 * theory.g_min(strength, beta))
    return right - 2 * (2 * radius + radius**2) * min(bounds) - 2 * nu


@pytest.mark.parametrize(
    ("d", "r", "noise", "most"), [(2, 1, 0.0, 2), (6, 2, 0.3, 6), (6, 2, 0.3, 2), (500, 1, 0.1, 500), (12, 2, 1.0, 4)]
)
@pytest.mark.parametrize("c_lambda", [0.08, 0.02])  # at 0.02 the threshold is outside the gap
def test_enough_measurements_are_the_least(d, r, noise, most, c_lambda):
    strength, beta = theory.natural_strengths(1.0, r, c_lambda=c_lambda)
    given_ = (d, r, 1.0, float(r), noise, strength, beta)
    n = theory.enough_measurements(*given_, most=most, failure=0.1)
    assert slack(n - 1, *given_, most, 0.1) <= 0 < slack(n, *given_, most, 0.1)
    for more in (2 * n, 10 * n):
        assert slack(more, *given_, most, 0.1) > 0
    if most == d:
        assert theory.enough_measurements(*given_, failure=0.1) == n


def test_more_is_needed_for_less_failure_and_nothing_is_enough_beyond_the_benign_strength():
    given_ = (6, 2, 1.0, 2.0, 0.3)
    assert theory.enough_measurements(*given_, 0.05, 0.005, failure=1e-3) > theory.enough_measurements(
        *given_, 0.05, 0.005
    )
    assert theory.enough_measurements(*given_, 2 * 0.005**0.5, 0.005) == math.inf


# in other units


@settings(max_examples=20, deadline=None, database=None)
@given(a=st.floats(0.2, 5), seed=st.integers(0, 1000))
def test_a_change_of_units_changes_nothing(a, seed):
    """U → aU goes with λ → a³λ, β → a²β, noise → a²·noise; then every quantity scales by a power of a."""
    eps, gamma, tau, nu, e = uniform(5, low=1e-4, high=0.02, seed=seed).tolist()
    strength = uniform((), low=0.03, high=0.1, seed=seed + 1).item()
    p = uniform(2, low=0.3, high=1, seed=seed).numpy()

    def values(a):
        lam, beta, mu_r = a**3 * strength, a**2 * 0.005, a**2 * 0.8
        near = {"eps": a**3 * eps, "gamma": a**2 * gamma, "tau": a * tau, "rho": 0.1}
        return {
            "edge": (1, theory.gap_edge(lam, 1.3, beta)),
            "threshold": (3, theory.threshold_strength(beta, 1.3)),
            "noise edge": (3, theory.noise_edge(a**2 * nu, beta)),
            "tau": (1, theory.robust_gap_bound(a**3 * eps, a**2 * gamma, lam, beta, 1.05)),
            "level": (2, theory.certificate_level(lam, beta, gamma=a**2 * gamma, tau=a * tau)),
            "fit": (4, theory.fit_bound(a**4 * nu, a**2, lam, beta)),
            "excess": (4, theory.fit_excess(a**2 * p, mu_r, lam, beta)),
            "exact": (2, theory.closeness_bound(a**2 * p, 2, mu_r, lam, beta, nu=a**2 * nu, alpha=0.9)),
            "near": (2, theory.closeness_bound(a**2 * p, 2, mu_r, lam, beta, nu=a**2 * nu, alpha=0.9, **near)),
            "count": (2, sum(theory.count_thresholds(mu_r, lam, beta, **near))),
            "after": (2, sum(theory.error_after_count(a**2 * p, a**2 * e, lam, beta))),
            "a priori": (0, theory.a_priori_count(a**4 * nu, a**2, lam, beta)),
        }

    for name, (power, value) in values(a).items():
        assert value == pytest.approx(a**power * values(1.0)[name][1], rel=1e-6), name


def test_a_change_of_units_does_not_change_how_many_measurements_are_enough():
    counts = {theory.enough_measurements(3, 1, a**2, a**2, a**2 * 0.1, a**3 * 0.05, a**2 * 0.005) for a in (1, 0.5, 2)}
    assert len(counts) == 1


# input

SHAPE = (1, 0.1, 0.01)  # μ_r, λ, β
BAD = [
    (lambda: theory.curvature_bound(5, 0), ValueError, "n must be an integer, finite and at least 1, got 0"),
    (lambda: theory.curvature_bound(5, 10, failure=0), ValueError, "failure must be .*greater than 0"),
    (lambda: theory.curvature_bound(5, ensemble="x"), ValueError, "ensemble must be one of 'gaussian', 'rank-one'"),
    (lambda: theory.mean_factor("x"), ValueError, "ensemble must be one of"),
    (lambda: theory.threshold_strength(0.0), ValueError, "smoothing must be .*greater than 0, got 0"),
    (lambda: theory.gap_edge(0.1, 0.0), ValueError, "kappa must be .*greater than 0"),
    (lambda: theory.working_window(0.0, 2), ValueError, "c_beta must be .*greater than 0"),
    (lambda: theory.noise_level(-1, 5, 10), ValueError, "noise must be .*at least 0"),
    (lambda: theory.nu_bound(-1, 5, 10, 0), ValueError, "size must be .*at least 0"),
    (lambda: theory.noise_edge(0.0), ValueError, "nu must be .*greater than 0"),
    (lambda: theory.robust_gap_bound(0, 0, "a", 0.1), TypeError, "strength must be a real number, got 'a'"),
    (lambda: theory.robust_gap_bound(0, 0, 0.1, 0.01, omega=0.0), ValueError, "omega must be .*greater than 0"),
    (lambda: theory.certificate_level(0.1, 0.01, tau=-1.0), ValueError, "tau must be .*at least 0"),
    (lambda: theory.fit_bound(-0.1, 1.0, 0.1, 0.01), ValueError, "truth_loss must be .*at least 0"),
    (lambda: theory.fit_excess([1.0], *SHAPE, alpha=0), ValueError, "alpha must be .*greater than 0"),
    (lambda: theory.closeness_bound([-1.0], 1, *SHAPE, nu=0, alpha=1), ValueError, "p must be .*at least 0"),
    (lambda: theory.closeness_bound([1.0], 0, *SHAPE, nu=0, alpha=1), ValueError, "r must be .*at least 1"),
    (lambda: theory.closeness_bound([1.0], 1, *SHAPE, nu=0, alpha=0), ValueError, "alpha must be .*greater"),
    (lambda: theory.count_thresholds(*SHAPE, rho=-1.0), ValueError, "rho must be .*at least 0"),
    (lambda: theory.error_after_count([1.0], -1.0, 0.1, 0.01), ValueError, "deviation must be .*at least 0"),
    (lambda: theory.a_priori_count(0.1, 1.0, 0.0, 0.01), ValueError, "strength must be .*greater than 0"),
    (lambda: theory.enough_measurements(3, 4, 1, 1, 0, 0.1, 0.01), ValueError, "r must be .*at most 3"),
    (lambda: theory.enough_measurements(3, 2, 1, 1, 0, 0.1, 0.01, most=1), ValueError, "most must be .*at least 2"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
