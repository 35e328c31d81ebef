"""The statements of chapter 4, measured on fresh instances."""

import math
from functools import lru_cache

import numpy as np
import pytest
import torch

from helpers import theory
from helpers.arguments import generator
from helpers.certificates import gradient_norm, smallest_eigenvalue
from helpers.isometry import column_curvatures, extreme_ratio
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs import approximate, gap, hypotheses
from helpers.proofs.points import ZERO, Point
from helpers.pruning import column_norms, prune
from helpers.rotations import largest_cosine
from helpers.training import gaussian_init, train

ENSEMBLES = ["gaussian", "rank-one"]
SCALES = [(0.1, 0.01), (0.4, 0.05), (0.3, 0.01), (0.2, 0.005)]  # (c_lambda, c_beta)
CASES = [(seed, ensemble) for seed in range(8) for ensemble in ENSEMBLES]


def gaussian(*shape, seed):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def unit(*shape, seed):
    draws = gaussian(*shape, seed=seed)
    return draws / draws.norm(dim=-1, keepdim=True)


@lru_cache(None)
def setting(seed, ensemble):
    """A problem with d = 6 to 9, r = 1 to 3, noise from none to strong, and a penalty of one of the default scales."""
    draw = np.random.default_rng(seed)
    d, r, n = int(draw.integers(6, 10)), 1 + seed % 3, int(draw.choice([200, 400, 900]))
    noise = [0.0, 0.1, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0][seed % 8]
    strength, smoothing = SCALES[(seed + (ensemble == "rank-one")) % 4]
    penalty = GroupLasso(*theory.natural_strengths(1.3**-2, r, c_lambda=strength, c_beta=smoothing))
    truth = ground_truth(d, r, condition=1.3, seed=seed)
    return Empirical.sample(truth, n, noise=noise, ensemble=ensemble, seed=seed + 100), penalty


def minimise(problem, penalty, k, seed, scale=0.3):
    start = gaussian_init(problem.d, k, scale=scale / problem.d**0.5, seed=seed)
    U, slope, _ = Objective(problem, penalty).minimise(start, steps=4000, tolerance=1e-11)
    assert slope < 1e-8
    return U


@lru_cache(None)
def exact(seed, ensemble):
    """A converged second-order stationary point as the theorems see it, with its small columns set to zero."""
    problem, penalty = setting(seed, ensemble)
    U = minimise(problem, penalty, problem.d - seed % 2, seed)
    U = U * (column_norms(U) > ZERO)
    assert smallest_eigenvalue(problem, U, penalty)[0] > -1e-8
    assert largest_cosine(U) < 1e-6
    return Point(problem, penalty, U)


@lru_cache(None)
def early(seed, ensemble):
    """Approximate points: iterates of L-BFGS and disturbed minimisers, with ε and γ as measured."""
    problem, penalty = setting(seed, ensemble)
    start = gaussian_init(problem.d, problem.d, scale=0.3 / problem.d**0.5, seed=seed)
    path = train(
        problem, start, penalty=penalty, method="l-bfgs", steps=300, tolerance=1e-9, keep_iterates=True
    ).iterates
    ends = [path[int(len(path) * share)] for share in (0.5, 0.7, 0.85, 0.95)]
    ends += [path[-1] + size * gaussian(*start.shape, seed=seed + 5) for size in (1e-2, 1e-3, 1e-4, 1e-6)]
    values, _, residuals = smallest_eigenvalue(problem, torch.stack(ends), penalty)
    gammas = (residuals - values).clamp(min=0)
    slopes = gradient_norm(problem, torch.stack(ends), penalty)
    return [Point(problem, penalty, U, e.item(), g.item()) for U, e, g in zip(ends, slopes, gammas, strict=True)]


def parts(point):
    return point.problem, point.penalty, point.U


def fails(steps, tolerance=1e-7):
    return [step for step in steps if not step.holds(tolerance)]


@pytest.mark.statement("4.1")
@pytest.mark.parametrize("case", CASES)
def test_no_column_of_a_stationary_point_lies_in_the_gap(case):
    point = exact(*case)
    for i in torch.nonzero(point.kept)[:, 0].tolist():
        assert not fails(gap.scaling(*parts(point), i))
    kappa = column_curvatures(point.problem, point.S).max().item()
    edge = theory.gap_edge(point.penalty.strength, kappa, point.penalty.smoothing)
    assert edge > 0
    assert column_norms(point.S).min() > edge


@pytest.mark.statement("4.1")
@pytest.mark.parametrize("case", CASES[:4])
def test_the_derivatives_along_a_stretched_column_hold_anywhere(case):
    problem, penalty = setting(*case)
    steps = gap.scaling(problem, penalty, gaussian(problem.d, 4, seed=case[0]), 1)
    assert not fails(steps[:2], 1e-12)
    assert fails(steps[2:3])  # only stationary points satisfy this one


@pytest.mark.statement("4.1")
@pytest.mark.parametrize("kappa", [0.7, 1.0, 5.0])
def test_the_edge_passes_the_threshold_and_exceeds_its_limit(kappa):
    beta = 0.013
    lower = theory.threshold_strength(beta, kappa)
    assert theory.gap_edge(lower, kappa, beta) == pytest.approx(2 * beta**0.5)
    strengths = lower * np.geomspace(1, 1e4, 50)
    assert (theory.gap_edge(strengths, kappa, beta) >= 0.5 * (strengths / kappa) ** (1 / 3)).all()
    assert theory.gap_edge(1e4 * lower, kappa, beta) == pytest.approx(0.5 * (1e4 * lower / kappa) ** (1 / 3), rel=0.01)


@pytest.mark.statement("4.1")
def test_the_gap_is_sharp_for_one_column():
    least = theory.g_min(0.1, 0.005)
    roots = theory.shrunk_eigenvalue(least * (1 + np.array([1e-3, 1e-5, 1e-7])), 0.1, 0.005) ** 0.5
    ratios = roots / theory.gap_edge(0.1, 1.0, 0.005)
    assert (np.diff(ratios) < 0).all()
    assert 1 < ratios[-1] < 1.001
    point = Population(torch.full((1, 1), least**0.5 * (1 + 1e-5), dtype=torch.float64))
    U = torch.full((1, 1), roots[-1], dtype=torch.float64)
    assert (point.U_star - U).abs() > 0.01  # the survivor is far shorter than the signal


@pytest.mark.statement("4.2")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", range(5))
def test_the_comparison_process_has_larger_increments(ensemble, seed):
    u, other = unit(2, 4, seed=seed)
    v, other_v = gaussian(2, 7, seed=seed + 50)
    power = 2 if ensemble == "gaussian" else 4 / 3
    v, other_v = (x / torch.linalg.vector_norm(x, power) for x in (v, other_v))
    for pair in ((u, v, other, other_v), (u, v, u, other_v), (u, v, -other, v), (u, v, u + 0 * other, -v)):
        assert not fails(gap.comparison(ensemble, *pair))


@pytest.mark.statement("4.2")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "n"), [(4, 50), (8, 300), (12, 2000)])
def test_no_rank_one_matrix_is_amplified_beyond_the_bound(ensemble, d, n):
    found = [extreme_ratio(Empirical.sample(ground_truth(d, 1), n, ensemble=ensemble, seed=s), 1) for s in range(4)]
    assert max(found) <= theory.curvature_bound(d, n, failure=1e-3, ensemble=ensemble)
    assert min(found) > theory.curvature_bound(d, ensemble=ensemble)  # the supremum is above the expectation


@pytest.mark.statement("4.2")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_expected_curvature_is_one_or_three(ensemble):
    E = unit(6, seed=3)
    found = column_curvatures(Empirical.sample(ground_truth(6, 1), 60_000, ensemble=ensemble, seed=1), E[:, None])
    expected = theory.curvature_bound(6, ensemble=ensemble)
    assert found.item() == pytest.approx(expected, rel=0.05)
    assert column_curvatures(Population(ground_truth(6, 1), ensemble), E[:, None]).item() == pytest.approx(expected)


@pytest.mark.statement("4.3")
@pytest.mark.parametrize("case", CASES)
def test_pruning_in_the_window_leaves_x(case):
    point = exact(*case)
    window = hypotheses.gap_checks(point)[1]
    assert not window.contradicted
    if window.holds:
        pruned = prune(point.U, threshold=point.penalty.threshold)
        assert pruned.shape[1] == point.m
        assert torch.equal(pruned @ pruned.T, point.S @ point.S.T)


@pytest.mark.statement("4.3")
@pytest.mark.parametrize("mu_r", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("r", [1, 2, 5])
def test_the_window_in_natural_scales(mu_r, r):
    for c_beta, c_lambda, kappa in np.random.default_rng(r).uniform([0.001, 0.01, 1], [0.1, 1, 5], (40, 3)):
        strength, smoothing = theory.natural_strengths(mu_r, r, c_lambda=c_lambda, c_beta=c_beta)
        inside = theory.threshold_strength(smoothing, kappa) < strength < theory.critical_strength(mu_r, smoothing)
        assert inside == (5**2.5 * kappa * c_beta**1.5 / r < c_lambda < 2 * c_beta**0.5)
        if inside:
            assert c_beta < 2 * 5**-2.5 * r / kappa
    edge = 2 * 5**-2.5 * r / 1.3
    assert 5**2.5 * 1.3 * edge**1.5 / r == pytest.approx(2 * edge**0.5)


@pytest.mark.statement("4.4")
@pytest.mark.parametrize("seed", range(12))
def test_eigenvalues_count_columns_that_are_nearly_orthogonal(seed):
    r, d, mixing = 1 + seed % 3, 8, [0.0, 0.02, 0.08][seed % 3]
    M_factor = ground_truth(d, r, condition=1.5, seed=seed)
    frame = torch.linalg.qr(gaussian(d, d, seed=seed)).Q
    for m in range(1, 6):
        columns = (frame[:, :m] + mixing * gaussian(d, m, seed=m)) * (0.3 + gaussian(m, seed=seed + m).abs())
        cosine, least = largest_cosine(columns).item(), column_norms(columns).min().item()
        spectrum = torch.linalg.eigvalsh(columns @ columns.T - M_factor @ M_factor.T)
        if r * cosine < 1 and m > r:
            assert spectrum[-1] >= (1 - r * cosine) * least**2 - 1e-12
        if m < r:
            assert -spectrum[0] >= torch.linalg.matrix_norm(M_factor, -2) ** 2 - 1e-12


@pytest.mark.statement("4.4")
@pytest.mark.parametrize("case", CASES)
def test_eigenvalue_checks_are_never_contradicted(case):
    for point in (exact(*case), *early(*case)):
        if point.m:
            assert not any(check.contradicted for check in hypotheses.eigenvalue_checks(point))


@pytest.mark.statement("4.5", "4.6", "4.7")
@pytest.mark.parametrize("case", CASES)
def test_a_zero_column_certifies_fit_and_closeness(case):
    point = exact(*case)
    if point.m < point.U.shape[1]:
        assert not fails(gap.certificate(*parts(point), gaussian(point.problem.d, seed=case[0])))
        assert not fails(gap.training_loss(*parts(point)))
        assert not fails(gap.closeness(*parts(point)))


@pytest.mark.statement("4.5")
def test_the_certificate_fails_where_a_direction_is_missing():
    problem, penalty = setting(1, "gaussian")
    steps = gap.certificate(problem, penalty, torch.zeros(problem.d, 3, dtype=torch.float64), unit(problem.d, seed=0))
    assert [step.claim for step in fails(steps)] == ["−λ/√β ≤ λ_min(∇f)"]


@pytest.mark.statement("4.6")
def test_without_a_zero_column_the_training_loss_may_be_worse():
    problem = Empirical.sample(ground_truth(6, 2), 300, noise=0.1, seed=0)
    penalty = GroupLasso(1e-3, 0.005)
    thin = Point(problem, penalty, minimise(problem, penalty, 1, 0))
    check = hypotheses.fit_check(thin)
    assert not check.holds
    assert not check.seen


@pytest.mark.statement("4.7")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_closeness_is_not_empty(ensemble):
    bound = [hypotheses.closeness_bound(exact(seed, ensemble)) for seed in range(8)]
    error = [exact(seed, ensemble).problem.error(exact(seed, ensemble).U).item() for seed in range(8)]
    assert sum(math.isfinite(b) and b < 30 * e for b, e in zip(bound, error, strict=True)) >= 6


@pytest.mark.statement("4.8")
@pytest.mark.parametrize("case", CASES)
def test_the_count_is_what_the_conditions_promise(case):
    point = exact(*case)
    assert not any(check.contradicted for check in hypotheses.count_checks(point))
    assert not fails(gap.count(*parts(point)))


@pytest.mark.statement("4.8")
def test_both_wrong_counts_break_their_condition():
    counts = [exact(*case).m - exact(*case).problem.r for case in CASES]
    assert max(counts) > 0  # noise beyond the edge
    problem, penalty = Population(ground_truth(6, 2, condition=3)), GroupLasso(0.1, 0.005)
    alone = Point(problem, penalty, minimise(problem, penalty, 1, 0))
    padded = Point(problem, penalty, torch.nn.functional.pad(alone.U, (0, 2)))
    least, most = hypotheses.count_checks(padded)
    assert (padded.m, least.holds, most.holds) == (1, False, True)
    assert not fails(gap.count(*parts(padded)))


@pytest.mark.statement("4.9")
@pytest.mark.parametrize("case", CASES)
def test_the_error_after_the_count(case):
    point = exact(*case)
    check = hypotheses.after_count_check(point)
    assert not check.contradicted
    if check.holds:
        assert not fails(gap.after_count(*parts(point)))


@pytest.mark.statement("4.9")
def test_the_border_of_a_matrix_has_at_most_1155_thousandths_of_its_norm():
    worst = 0.0
    for seed in range(300):
        A = gaussian(3, 3, seed=seed)
        A = A + A.T
        border = A.clone()
        border[1:, 1:] = 0
        worst = max(worst, (torch.linalg.matrix_norm(border, 2) / torch.linalg.matrix_norm(A, 2)).item())
    assert 1.1 < worst <= 2 / 3**0.5


@pytest.mark.statement("4.10")
def test_pruning_at_the_threshold_leaves_r_orthogonal_columns_close_to_the_truth():
    certified = 0
    for case in CASES:
        point = exact(*case)
        rows = {check.statement: check for check in hypotheses.checks(point)}
        if all(rows[name].holds for name in ("window", "A: training loss", "C: at least r", "C: at most r")):
            certified += 1
            pruned = prune(point.U, threshold=point.penalty.threshold)
            assert pruned.shape[1] == point.problem.r
            assert largest_cosine(pruned) < 1e-6
            assert point.problem.loss(pruned) <= theory.fit_bound(
                point.problem.loss(point.problem.U_star).item(), point.problem.M.trace().item(),
                point.penalty.strength, point.penalty.smoothing,
            )  # fmt: skip
            assert point.problem.error(pruned) <= hypotheses.closeness_bound(point)
    assert certified >= 5


@pytest.mark.statement("4.11")
@pytest.mark.parametrize(("d", "n"), [(5, 60), (10, 400)])
def test_the_noise_matrix_stays_below_its_bound(d, n):
    truth, t, tops, norms, inner = ground_truth(d, 2), 1.0, [], [], []
    rest = torch.eye(d, dtype=torch.float64) - truth @ torch.linalg.pinv(truth)
    for seed in range(60):
        problem = Empirical.sample(truth, n, noise=0.7, seed=seed)
        size = (problem.y - problem.measure(problem.M)).norm()
        spectrum = torch.linalg.eigvalsh(problem.noise_matrix) * n / 2 / size
        tops.append(spectrum[-1].item())
        norms.append(spectrum.abs().max().item())
        inner.append(torch.linalg.eigvalsh(rest @ problem.noise_matrix @ rest)[-1].item() * n / 2 / size.item())
    assert np.mean(tops) <= (2 * d) ** 0.5
    assert np.mean(inner) <= (2 * (d - 2)) ** 0.5
    assert np.mean(np.array(tops) > (2 * d) ** 0.5 + t) <= math.exp(-(t**2) / 2)
    assert np.mean(np.array(norms) > (2 * d) ** 0.5 + t) <= 2 * math.exp(-(t**2) / 2)
    assert np.mean(norms) > 0.7 * (2 * d) ** 0.5


@pytest.mark.statement("4.11")
@pytest.mark.parametrize("noise", [0.05, 0.3, 5.0])
def test_isometry_and_noise_norm_bound_the_deviation(noise):
    problem = Empirical.sample(ground_truth(5, 2, condition=1.2, seed=3), 3000, noise=noise, seed=4)
    penalty = GroupLasso(*theory.natural_strengths(1.2**-2, 2))
    point = Point(problem, penalty, minimise(problem, penalty, 5, 5))
    delta = (torch.linalg.eigvalsh(problem.gram) - 1).abs().max().item()
    bound = 2 * delta * problem.error(point.U).item() + 2 * point.noise
    assert max(point.deviations) <= bound
    enough = min(
        2 * point.mu_r - penalty.strength / penalty.smoothing**0.5,
        2 * theory.g_min(penalty.strength, penalty.smoothing),
    )
    assert bound >= enough or point.m == 2
    assert (bound < enough) == (noise < 1)


@pytest.mark.statement("4.12")
@pytest.mark.parametrize("case", CASES)
def test_short_columns_of_approximate_points_are_very_short(case):
    looked_at = 0
    for point in early(*case):
        norms = column_norms(point.U)
        for i in torch.nonzero((norms <= point.penalty.threshold) & (norms > ZERO))[:, 0].tolist():
            assert not fails(approximate.scaling(point, i))
            looked_at += 1
        assert not hypotheses.gap_checks(point)[0].contradicted
    assert looked_at > 3


@pytest.mark.statement("4.13")
@pytest.mark.parametrize("case", CASES)
def test_a_short_column_certifies_approximately(case):
    for point in early(*case):
        assert not fails(approximate.certificate(point))


@pytest.mark.statement("4.14")
@pytest.mark.parametrize("case", CASES)
def test_the_count_and_the_error_at_approximate_points(case):
    for point in early(*case):
        assert not any(check.contradicted for check in hypotheses.checks(point))
        if point.m > point.problem.r and point.problem.r * point.cosine < 1:
            assert not fails(approximate.count_from_above(point))
        if 0 < point.m < point.U.shape[1] and (point.m - 1) * point.cosine < 1:
            assert not fails(approximate.closeness(point))


@pytest.mark.statement("4.14")
def test_approximate_conditions_are_met_by_some_points_that_are_not_exact():
    met = [all(c.holds for c in hypotheses.count_checks(p)) for case in CASES for p in early(*case) if p.epsilon > 1e-5]
    assert sum(met) >= 5


@pytest.mark.statement("4.14")
@pytest.mark.parametrize("seed", range(20))
def test_the_quadratic_form_of_nearly_orthogonal_columns(seed):
    """2yᵀPy + λyᵀD(I + K)⁻¹y ≥ 2(1 − ρ)g_min − h'(4β)ρλ for all K, P and b with bᵀ(I + K)b = 1, where that is ≥ 0."""
    draw, beta = generator(seed), 0.01
    for _ in range(40):
        n, (first, second) = 3, torch.rand(2, generator=draw).tolist()
        rho, strength = 0.7 * first, 10 ** (-2.5 * second)
        penalty = GroupLasso(strength, beta)
        K = torch.randn(n, n, generator=draw, dtype=torch.float64)
        K = (K + K.T) * rho / torch.linalg.matrix_norm(K + K.T, 2)
        p = 4 * beta + torch.randn(n, generator=draw, dtype=torch.float64).exp() * strength ** (2 / 3)
        b = torch.randn(n, generator=draw, dtype=torch.float64)
        b = b / (b @ b + b @ K @ b).sqrt()
        y = b + K @ b
        form = 2 * (p * y**2).sum() + strength * (y * penalty.dh(p) * b).sum()
        floor = 2 * (1 - rho) * theory.g_min(strength, beta) - theory.dh(4 * beta, beta) * rho * strength
        assert floor <= 0 or form >= floor - 1e-12
    assert theory.dh(4 * beta, beta) * beta**0.5 == pytest.approx(3 * 5**-1.5)
    assert 3 * 5**-1.5 < 0.269


@pytest.mark.slow
@pytest.mark.statement("4.1", "4.6", "4.7", "4.8", "4.9")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("noise", [0.1, 0.3, 0.5, 1.0, 2.0])
def test_no_check_is_contradicted_on_many_runs(ensemble, noise):
    certified = 0
    for seed in range(40):
        r, n = 1 + seed % 3, [400, 800, 1500, 3000][seed % 4]
        c_lambda, c_beta = SCALES[seed % 2 if ensemble == "gaussian" else 2 + seed % 2]
        penalty = GroupLasso(*theory.natural_strengths(1.2**-2, r, c_lambda=c_lambda, c_beta=c_beta))
        truth = ground_truth(16, r, condition=1.2, seed=seed)
        problem = Empirical.sample(truth, n, noise=noise, ensemble=ensemble, seed=seed + 1)
        point = Point(problem, penalty, minimise(problem, penalty, 16, seed))
        found = hypotheses.checks(point)
        assert not any(check.contradicted for check in found)
        certified += all(check.holds for check in hypotheses.count_checks(point))
    assert certified > 0 or noise >= 1
