"""The inequalities of chapters 4 and 5 against sampled data and converged runs: they hold, and are not empty."""

import math

import numpy as np
import pytest
import torch

from helpers import theory
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, ground_truth
from helpers.training import gaussian_init, train

ENSEMBLES = ["gaussian", "rank-one"]
D, K, R, MU_R = 6, 6, 2, 0.25


def hessian(objective, U):
    basis = torch.eye(U.numel(), dtype=U.dtype).reshape(-1, *U.shape)
    return objective.hessian_vector(U, basis).flatten(1)


def largest(matrix):
    return torch.linalg.eigvalsh(matrix)[-1].item()


class Point:
    """A second-order stationary point (d, k) of a sampled problem, and what the theorems measure on it."""

    def __init__(self, ensemble, noise, seed, n=500, condition=2.0):
        self.ensemble = ensemble
        self.strength, self.smoothing = theory.natural_strengths(condition**-2, R, ensemble=ensemble)
        self.problem = Empirical.sample(
            ground_truth(D, R, condition=condition, seed=seed), n, noise=noise, ensemble=ensemble, seed=seed
        )
        penalty = GroupLasso(self.strength, self.smoothing)
        self.objective = Objective(self.problem, penalty)
        U = gaussian_init(D, K, scale=0.05, seed=seed)
        for _ in range(2):  # the second time from exact zeros, where a column stays
            U = train(self.problem, U, penalty=penalty, steps=3000, method="l-bfgs", tolerance=1e-10).U
            U = U * (U.norm(dim=0) > 1e-3)
        assert self.objective.gradient(U).norm() < 1e-7
        assert torch.linalg.eigvalsh(hessian(self.objective, U))[0] > -1e-7
        self.U = U
        spread = torch.linalg.eigvalsh(self.problem.gram)
        self.lower, self.upper = spread[0].item(), spread[-1].item()
        self.level = torch.linalg.matrix_norm(self.problem.noise_matrix, 2).item() / 2 if noise else 0.0

    def kept(self, U):
        """The columns of norm ≥ 2√β and their squared norms."""
        large = U[:, U.norm(dim=0) >= 2 * self.smoothing**0.5]
        return large, large.square().sum(0).numpy()

    def measured(self, U):
        """E, λ_max(QEQ), λ_max(−(I−Q)E(I−Q)), tr Δ and ‖Δ‖_F, with Δ of the large columns."""
        large, _ = self.kept(U)
        difference = large @ large.T - self.problem.M
        trace = difference.trace()
        E = self.problem.matrix_gradient(U) - 2 * difference
        if self.ensemble == "rank-one":
            E = E - 2 * difference - 2 * trace * torch.eye(D, dtype=E.dtype)
        frame = torch.linalg.qr(self.problem.U_star).Q
        Q = frame @ frame.T
        off = torch.eye(D, dtype=E.dtype) - Q
        return E, largest(Q @ E @ Q), largest(-off @ E @ off), trace.item(), difference.norm().item()


@pytest.fixture(scope="module")
def points():
    return [Point(ensemble, noise, seed) for ensemble in ENSEMBLES for noise in (0.0, 0.3) for seed in (0, 1, 2)]


@pytest.fixture(scope="module")
def noisy_points():
    return [Point("gaussian", noise, seed, n=150) for noise in (0.5, 1.0, 2.0) for seed in range(4)]


# the gap and the window


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_curvature_bound_holds_on_sampled_data(ensemble):
    d, n, seen = 8, 200, []
    for seed in range(10):
        problem = Empirical.sample(ground_truth(d, 1), n, ensemble=ensemble, seed=seed)
        u = torch.randn(40, d, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for _ in range(100):  # ascent: shifted power iteration from 40 starts
            u = u / u.norm(dim=1, keepdim=True)
            u = problem.curvature(u @ u.mT) @ u + u
        u = u / u.norm(dim=1, keepdim=True)
        seen.append((problem.measure(u @ u.mT) ** 2).mean(-1).max().item())
    bound = theory.curvature_bound(d, n, failure=0.01, ensemble=ensemble)
    assert max(seen) <= bound
    assert np.mean(np.sqrt(seen)) <= theory.curvature_bound(d, n, failure=0.999, ensemble=ensemble) ** 0.5
    assert bound < (2 if ensemble == "gaussian" else 15) * min(seen)
    population = theory.curvature_bound(d, ensemble=ensemble)
    assert min(seen) > population
    assert theory.curvature_bound(d, 10**14, ensemble=ensemble) == pytest.approx(population, rel=1e-2)


def test_threshold_strength_puts_the_edge_at_the_threshold():
    for smoothing, curvature in [(0.005, 1.0), (0.1, 3.3)]:
        strength = theory.threshold_strength(smoothing, curvature)
        assert theory.gap_edge(strength, curvature, smoothing) == pytest.approx(2 * smoothing**0.5, rel=1e-12)


def test_no_column_lies_in_the_gap(points):
    for point in points:
        edge = theory.gap_edge(point.strength, point.upper, point.smoothing)
        norms = point.U.norm(dim=0)
        assert ((norms == 0) | (norms >= edge)).all()


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_noise_level_is_the_usual_size(ensemble):
    d, n = 20, 2000
    seen = []
    for seed in range(20):
        problem = Empirical.sample(ground_truth(d, 1), n, noise=0.7, ensemble=ensemble, seed=seed)
        seen.append(torch.linalg.matrix_norm(problem.noise_matrix, 2).item() / 2)
    assert np.mean(seen) == pytest.approx(theory.noise_level(0.7, d, n, ensemble=ensemble), rel=0.1)
    assert theory.noise_level(0, d, n) == 0


def test_noise_edge_is_where_g_min_meets_the_noise():
    for level, smoothing in [(0.2, 0.005), (0.01, 0.05)]:
        edge = theory.noise_edge(level, smoothing)
        assert theory.g_min(edge, smoothing) == pytest.approx(level, rel=1e-12)
        edge = theory.noise_edge(level, smoothing, ensemble="rank-one")
        x = np.append(0, np.geomspace(1e-8, 1, 200_001))
        assert (4 * x + edge * theory.dh(x, smoothing)).min() == pytest.approx(2 * level, rel=1e-8)
    assert theory.noise_edge(0.3) == pytest.approx(8 * 0.1**1.5)


# robust versions


def test_robust_orthogonality_is_nearly_tight_in_its_two_inequalities():
    source, beta, strength, ratios = np.random.default_rng(0), 0.01, 0.3, []
    for _ in range(10_000):
        s, p = np.sort(4 * beta * np.exp(source.uniform(0, 6, 2)))
        c = source.uniform(0.001, 1)
        q, D = c * math.sqrt(p * s), theory.dh(s, beta) - theory.dh(p, beta)
        bend = sum((x + 4 * beta) / (4 * (x + beta) ** 2.5) for x in (p, s))
        turn, bent = 2 * strength * q * D, strength * (4 * q * q * bend - 2 * (p - s) * D)
        for share in (1.0, source.uniform()):  # turn ≤ ε√(p+s) and bent ≤ ε√(p+s) + γ(p+s) are all that the lemma knows
            eps = max(turn, share * bent) / math.sqrt(p + s)
            gamma = max(0.0, bent - eps * math.sqrt(p + s)) / (p + s)
            assert c <= theory.robust_orthogonality_bound(eps, gamma, strength, math.sqrt(s))
            ratios.append(c**3 * strength / eps if gamma == 0 else 0)
    assert 0.9 < max(ratios) < 1.26


def test_robust_orthogonality_holds_at_perturbed_points(points):
    informative = 0
    for point in points:
        for turn in (1e-4, 1e-3, 1e-2):
            U = point.U.clone()
            a, b = point.U.norm(dim=0).argsort(descending=True)[:2].tolist()
            U[:, a] = math.cos(turn) * point.U[:, a] + math.sin(turn) * point.U[:, b]
            U[:, b] = math.cos(turn) * point.U[:, b] - math.sin(turn) * point.U[:, a]
            eps = point.objective.gradient(U).norm().item()
            gamma = max(0.0, -torch.linalg.eigvalsh(hessian(point.objective, U))[0].item())
            cosine = (U[:, a] @ U[:, b]).abs().item() / (U[:, a].norm() * U[:, b].norm()).item()
            bound = theory.robust_orthogonality_bound(eps, gamma, point.strength, U[:, b].norm().item())
            assert cosine <= bound
            informative += bound < 1
    assert informative >= len(points)


def test_robust_gap_follows_from_the_scaling_inequality():
    source, useful = np.random.default_rng(1), 0
    for _ in range(5000):
        beta, curvature = 10 ** source.uniform(-4, 0), source.uniform(0.5, 5)
        strength = theory.threshold_strength(beta, curvature) * (1 + source.uniform(0.05, 3))
        p = 4 * beta * source.uniform(0, 1) ** 3
        need = 4 * p * p * (strength * (p + 4 * beta) / (4 * (p + beta) ** 2.5) - 2 * curvature)
        share = source.uniform()  # need ≤ ε√p + γp is all that the lemma knows
        eps, gamma = share * need / math.sqrt(p), (1 - share) * need / p
        for omega in (None, 0.05):
            tau = theory.robust_gap_bound(eps, gamma, strength, beta, curvature, omega)
            assert math.sqrt(p) <= tau * (1 + 1e-12)
            useful += tau < 2 * math.sqrt(beta)
    assert useful > 1000


def test_robust_gap_constants_and_missing_hypothesis():
    strength = 2 * theory.threshold_strength(0.01)
    eps = 1e-2 * strength
    tau = theory.robust_gap_bound(eps, 0.0, strength, 0.01)
    assert tau == pytest.approx(theory.robust_gap_bound(eps, 0.0, strength, 0.01, omega=1.0 - 1e-12))
    assert tau == pytest.approx(0.1 * (2 / (5 / 2**2.5 - 4 / 5**2.5) * 1e-2) ** (1 / 3))  # τ ≤ √β: C = 2.46
    tau = theory.robust_gap_bound(4 * eps, 0.0, strength, 0.01)
    assert tau == pytest.approx(0.1 * (5**2.5 / 2 * 0.04) ** (1 / 3))  # τ > √β: C = 28
    assert theory.robust_gap_bound(0.0, 0.0, strength, 0.01) == 0
    assert theory.robust_gap_bound(eps, 0.0, strength, 0.01, 2.001) == math.inf
    assert theory.robust_gap_bound(eps, 0.0, strength, 0.01, omega=1.1) == math.inf


# theorems A to D


def test_certificate_holds_at_a_zero_column(points):
    for point in points:
        assert (point.U.norm(dim=0) == 0).any()
        least = torch.linalg.eigvalsh(point.problem.matrix_gradient(point.U))[0].item()
        assert -least <= theory.certificate_level(point.strength, point.smoothing) + 1e-9


def test_fit_bound_holds(points):
    for point in points:
        problem, U = point.problem, point.U
        p = U.square().sum(0).numpy()
        left = problem.loss(U).item() + (problem.measure(U @ U.T - problem.M) ** 2).mean().item()
        left += point.strength * (p * theory.dh(p, point.smoothing)).sum()
        truth = problem.loss(problem.U_star).item()
        right = theory.fit_bound(truth, problem.M.trace().item(), point.strength, point.smoothing)
        assert left <= right


def test_closeness_bound_holds(points, noisy_points):
    finite = 0
    for point in points + noisy_points:
        _, p = point.kept(point.U)
        given = {"level": point.level, "lower": point.lower}
        bound = theory.closeness_bound(p, R, MU_R, point.strength, point.smoothing, **given)
        error = point.measured(point.U)[4]
        assert error <= bound
        finite += bound < 20 * error
        wide = theory.closeness_bound(p, R, MU_R, point.strength, point.smoothing, eps=1e-9, **given)
        assert wide >= bound  # the form without the benign condition is lost at approximate points
    assert finite > len(points) / 2


def test_counts_are_right_where_the_slacks_are_positive(points, noisy_points):
    verdicts = []
    for point in points + noisy_points:
        _, on_range, off_range, trace, _ = point.measured(point.U)
        columns = len(point.kept(point.U)[1])
        at_least, at_most = theory.count_slacks(
            R, MU_R, point.strength, point.smoothing, on_range=on_range, off_range=off_range,
            trace=trace, ensemble=point.ensemble,
        )  # fmt: skip
        assert columns >= R or at_least <= 0
        assert columns <= R or at_most <= 0
        verdicts.append((at_least > 0 and at_most > 0, columns == R, point.ensemble))
    assert (True, True, "gaussian") in verdicts
    assert (True, True, "rank-one") in verdicts
    assert (False, False, "gaussian") in verdicts


def test_without_noise_the_bounds_give_back_the_benign_theorem():
    mu, strength, smoothing = np.array([1.0, 0.5]), 0.05, 0.005
    for ensemble in ENSEMBLES:
        critical = theory.critical_strength(0.5, smoothing, ensemble)
        for share, sign in [(0.999, 1), (1.001, -1)]:
            slack = theory.count_slacks(
                2, 0.5, share * critical, smoothing, on_range=0.0, off_range=0.0, ensemble=ensemble
            )
            assert sign * slack[0] > 0
    x = np.append(0, np.geomspace(1e-8, 1, 200_001))
    slopes = strength * theory.dh(x, smoothing)
    for ensemble, factor in [("gaussian", 2), ("rank-one", 4)]:
        shift = 0.03 if ensemble == "rank-one" else 0.0
        slack = theory.count_slacks(
            2, 0.5, strength, smoothing, on_range=0.0, off_range=0.1, trace=shift, ensemble=ensemble
        )
        assert slack[0] == pytest.approx(factor * 0.5 - strength / smoothing**0.5 - 2 * shift)
        assert slack[1] == pytest.approx((factor * x + slopes).min() - 0.1 + 2 * shift, rel=1e-6)
    p = theory.shrunk_eigenvalue(mu, strength, smoothing)
    given = {"lower": 1.0, "eps": 1e-300}  # eps: the form with the benign condition
    room = 1 - strength / theory.critical_strength(0.5, smoothing)
    bound = theory.closeness_bound(p, 2, 0.5, strength, smoothing, level=0.0, **given)
    assert bound * room == pytest.approx(np.linalg.norm(mu - p), rel=1e-12)
    noisy = theory.closeness_bound(p, 2, 0.5, strength, smoothing, level=0.1, **given)
    assert (noisy - bound) * room == pytest.approx(2 * 0.1, rel=1e-9)
    crowded = theory.closeness_bound(p, 2, 0.5, strength, smoothing, level=0.0, **given, cosine=0.6)
    assert crowded == pytest.approx(2 * bound)
    beyond = theory.critical_strength(0.5, smoothing)
    assert theory.closeness_bound(p, 2, 0.5, beyond, smoothing, level=0.0, **given) == math.inf
    assert theory.closeness_bound(p, 2, 0.5, beyond, smoothing, level=0.0, lower=1.0) < math.inf


def test_approximate_points_obey_the_approximate_theorems(points):
    certified = 0
    for point in (p for p in points if p.ensemble == "gaussian"):
        for size in (1e-7, 1e-6, 1e-5):
            random = torch.randn(D, K, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
            U = point.U + size * random
            large, p = point.kept(U)
            unit = large / large.norm(dim=0)
            cosine = (unit.T @ unit - torch.eye(len(p), dtype=U.dtype)).abs().max().item()
            slack = {
                "eps": point.objective.gradient(U).norm().item(),
                "gamma": max(0.0, -torch.linalg.eigvalsh(hessian(point.objective, U))[0].item()),
                "tau": U.norm(dim=0).sort().values[K - len(p) - 1].item(),
                "cosine": cosine,
                "upper": point.upper,
            }
            shape = (point.strength, point.smoothing)
            _, on_range, off_range, _, error = point.measured(U)
            at_least, at_most = theory.count_slacks(R, MU_R, *shape, on_range=on_range, off_range=off_range, **slack)
            exact = theory.count_slacks(R, MU_R, *shape, on_range=on_range, off_range=off_range)
            assert at_least <= exact[0]
            assert at_most <= exact[1]
            assert len(p) >= R or at_least <= 0
            assert len(p) <= R or at_most <= 0
            certified += at_least > 0 and at_most > 0
            given = {"level": point.level, "lower": point.lower, "small": K - len(p)}
            assert error <= theory.closeness_bound(p, R, MU_R, *shape, **given, **slack)
    assert certified >= 3


def test_error_after_the_count(points):
    checked = 0
    for point in points:
        _, p = point.kept(point.U)
        if point.ensemble == "rank-one" or len(p) != R:
            continue
        E, *_, error = point.measured(point.U)
        deviation = torch.linalg.matrix_norm(E, 2).item()
        eigenvalues, frobenius = theory.error_after_count(p, deviation, point.strength, point.smoothing)
        mu = np.linalg.eigvalsh(point.problem.M.numpy())[-R:]
        apart = np.abs(mu - np.sort(theory.g(p, point.strength, point.smoothing)))
        assert (apart <= eigenvalues).all()
        assert error <= frobenius
        checked += frobenius < math.inf
    assert checked >= 3
    p = theory.shrunk_eigenvalue([1.0, 0.5], 0.05, 0.005)  # without deviation it is the shrinkage itself
    exact = np.linalg.norm([1.0, 0.5] - p)
    assert theory.error_after_count(p, 0.0, 0.05, 0.005) == pytest.approx((0, exact))
    assert theory.error_after_count(p, 1.0, 0.05, 0.005) == (math.inf, math.inf)


# input

ZEROS = {"on_range": 0.0, "off_range": 0.0}
BAD = [
    (lambda: theory.curvature_bound(5, 0), ValueError, "n must be an integer, finite and at least 1, got 0"),
    (lambda: theory.curvature_bound(5, 10, failure=0), ValueError, "failure must be .*greater than 0"),
    (lambda: theory.curvature_bound(5, ensemble="x"), ValueError, "ensemble must be one of 'gaussian', 'rank-one'"),
    (lambda: theory.threshold_strength(0.0), ValueError, "smoothing must be .*greater than 0, got 0"),
    (lambda: theory.noise_level(-1, 5, 10), ValueError, "noise must be .*at least 0"),
    (lambda: theory.noise_edge(0.0), ValueError, "level must be .*greater than 0"),
    (lambda: theory.robust_orthogonality_bound(-1, 0, 0.1, 1), ValueError, "eps must be .*at least 0, got -1"),
    (lambda: theory.robust_orthogonality_bound(0, math.nan, 0.1, 1), ValueError, "gamma must be finite"),
    (lambda: theory.robust_gap_bound(0, 0, "a", 0.1), TypeError, "strength must be a real number, got 'a'"),
    (lambda: theory.robust_gap_bound(0, 0, 0.1, 0.01, omega=0.0), ValueError, "omega must be .*greater than 0"),
    (lambda: theory.certificate_level(0.1, 0.01, tau=-1.0), ValueError, "tau must be .*at least 0"),
    (lambda: theory.fit_bound(-0.1, 1.0, 0.1, 0.01), ValueError, "truth_loss must be .*at least 0"),
    (lambda: theory.closeness_bound([-1.0], 1, 1, 0.1, 0.01, level=0, lower=1), ValueError, "p must be .*at least 0"),
    (lambda: theory.closeness_bound([1.0], 0, 1, 0.1, 0.01, level=0, lower=1), ValueError, "r must be .*at least 1"),
    (lambda: theory.closeness_bound([1.0], 1, 1, 0.1, 0.01, level=0, lower=0), ValueError, "lower must be .*greater"),
    (lambda: theory.count_slacks(2, 1, 0.1, 0.01, **ZEROS, cosine=1.5), ValueError, "cosine must be .*at most 1"),
    (
        lambda: theory.count_slacks(2, 1, 0.1, 0.01, **ZEROS, eps=0.1, ensemble="rank-one"),
        ValueError,
        "must be 0 for the rank-one ensemble",
    ),
    (lambda: theory.error_after_count([1.0], -1.0, 0.1, 0.01), ValueError, "deviation must be .*at least 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
