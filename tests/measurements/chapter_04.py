"""Chapter 4: the gap, the certificate of a zero column, and the main theorems, at exact and approximate points."""

from functools import lru_cache, partial

import torch
from instances import ENSEMBLES, data, early, either, exact, gaussian, uniform
from ledger import measures

from helpers import theory
from helpers.certificates import gradient_norm, smallest_eigenvalue
from helpers.isometry import column_curvatures, extreme_ratio
from helpers.problems import ground_truth
from helpers.proofs import hypotheses
from helpers.proofs.points import Point
from helpers.pruning import column_norms, prune
from helpers.rotations import largest_cosine

SIZES = ({"d": 8, "r": 2, "n": 400}, {"d": 12, "r": 3, "n": 1200})
FAILURE = 1e-4  # of a bound that holds with high probability


def noisy(seed, **size):
    """An exact point with noise from weak to beyond the edge."""
    return exact(seed, **size, noise=0.1 + 0.1 * (seed % 7), ensemble=either(seed))


@lru_cache(16)
def certified(seed, **size):
    """The first exact point of a sequence of data sets, s = 0.2, where all hypotheses of Corollary 4.10 hold."""
    for attempt in range(20):
        point = exact(seed + 1000 * attempt, **size, noise=0.2, ensemble=either(seed))
        if all(check.holds for check in hypotheses.checks(point) if check.statement != "B: closeness"):
            return point
    raise RuntimeError(f"seed {seed}: the hypotheses hold on none of 20 data sets")


@lru_cache(16)
def crowded(seed, **size):
    """The first exact point of a sequence, noise beyond the edge, with more than r columns."""
    for attempt in range(20):
        point = exact(seed + 1000 * attempt, **size, noise=1.5, ensemble=either(seed))
        if point.m > point.problem.r:
            return point
    raise RuntimeError(f"seed {seed}: r columns on all of 20 data sets")


@lru_cache(16)
def disturbed(seed, **size):
    """An exact point, every entry of U moved a little, with ε and γ as measured."""
    point = noisy(seed, **size)
    shift = 10 ** uniform((), low=-6, high=-2.5, seed=seed) * gaussian(*point.U.shape, seed=seed)
    value, _, residual = smallest_eigenvalue(point.problem, point.U + shift, point.penalty)
    slope = gradient_norm(point.problem, point.U + shift, point.penalty).item()
    return Point(point.problem, point.penalty, point.U + shift, slope, max(0.0, (residual - value).item()))


def stopped(seed, **size):
    """An iterate on the way to an exact point."""
    return early(seed, **size, noise=0.1 + 0.1 * (seed % 3), ensemble=either(seed))


@measures("4.1", "shortest nonzero column under strong noise, against the edge", "≥", tolerance=1e-9, sizes=SIZES)
def gap(seed, **size):
    point = crowded(seed, **size)
    kappa = column_curvatures(point.problem, point.S).max().item()
    return theory.gap_edge(point.penalty.strength, kappa, point.penalty.smoothing), column_norms(point.S).min()


@measures("4.1", "largest $\\lvert h''(p_i)\\rvert\\,\\lambda/(2\\kappa_i)$", "≤", tolerance=1e-9, sizes=SIZES)
def concavity(seed, **size):
    point = crowded(seed, **size)
    bend = -point.penalty.d2h(point.S.square().sum(0))
    return 1, (bend * point.penalty.strength / (2 * column_curvatures(point.problem, point.S))).max()


def amplification(seed, d, n, ensemble):
    problem = data(seed, d, 1, n, ensemble=ensemble)
    return theory.curvature_bound(d, n, failure=FAILURE, ensemble=ensemble), extreme_ratio(
        problem, 1, starts=4, steps=40
    )


for kind, word in ENSEMBLES.items():
    measures(
        "4.2",
        f"largest ratio at rank one, {word}, against its bound",
        "≤",
        tolerance=0,
        sizes=({"d": 6, "n": 200}, {"d": 14, "n": 1500}),
    )(partial(amplification, ensemble=kind))


@measures(
    "4.3",
    "columns left by pruning at $2\\sqrt\\beta$, against the nonzero ones",
    tolerance=0,
    relative=False,
    sizes=SIZES,
)
def window(seed, **size):
    point = noisy(seed, **size)
    if not hypotheses.gap_checks(point)[1].holds:
        raise ValueError(f"seed {seed}: outside the window")
    return torch.linalg.matrix_rank(point.U @ point.U.T, atol=1e-9), prune(
        point.U, threshold=point.penalty.threshold
    ).shape[1]


@measures(
    "4.4",
    "$\\lambda_{\\max}(X_S - M)$ for $m > r$ columns, against $(1 - r\\cos\\theta)\\ell^2$",
    "≥",
    tolerance=1e-12,
    sizes=({"d": 6, "r": 2, "m": 3}, {"d": 12, "r": 3, "m": 6}),
)
def counting_from_above(seed, d, r, m):
    columns, truth = _nearly_orthogonal(seed, d, m), ground_truth(d, r, condition=1.5, seed=seed)
    room = max(0, 1 - r * largest_cosine(columns).item())
    return room * column_norms(columns).min() ** 2, torch.linalg.eigvalsh(columns @ columns.T - truth @ truth.T)[-1]


@measures(
    "4.4",
    "$\\lambda_{\\max}(M - X_S)$ for $m < r$ columns, against $\\mu_r$",
    "≥",
    tolerance=1e-12,
    sizes=({"d": 6, "r": 2, "m": 1}, {"d": 12, "r": 4, "m": 3}),
)
def counting_from_below(seed, d, r, m):
    truth = ground_truth(d, r, condition=1.5, seed=seed)
    columns = truth[:, :m] + 0.1 * gaussian(d, m, seed=seed)  # the best that m columns can do, nearly
    return 1.5**-2, torch.linalg.eigvalsh(truth @ truth.T - columns @ columns.T)[-1]


def _nearly_orthogonal(seed, d, m):
    frame = torch.linalg.qr(gaussian(d, d, seed=seed)).Q[:, :m]
    return (frame + 0.02 * gaussian(d, m, seed=seed + 1)) * uniform(m, low=0.3, high=0.6, seed=seed)


@measures("4.5", "$\\lambda_{\\min}(\\nabla f(X))$, against $-\\lambda/\\sqrt\\beta$", "≥", tolerance=1e-9, sizes=SIZES)
def certificate(seed, **size):
    point = noisy(seed, **size)
    _zero_column(point)
    slope = point.problem.matrix_gradient(point.U)
    return -point.penalty.strength / point.penalty.smoothing**0.5, torch.linalg.eigvalsh(slope)[0]


@measures(
    "4.6",
    "left side of the fit, against $f(M) + (\\lambda/\\sqrt\\beta)\\,\\mathrm{tr}\\,M$",
    "≤",
    tolerance=0,
    sizes=SIZES,
)
def training_loss(seed, **size):
    point = noisy(seed, **size)
    _zero_column(point)
    problem, penalty, p = point.problem, point.penalty, point.S.square().sum(0)
    spread = problem.measure(point.difference).square().mean()
    left = problem.loss(point.U) + penalty.strength * (p * penalty.dh(p)).sum() + spread
    return problem.loss(problem.U_star) + penalty.strength / penalty.smoothing**0.5 * problem.M.trace(), left


@measures("4.7", "$\\lVert X - M\\rVert_F$, against the smaller bound", "≤", tolerance=0, sizes=SIZES)
def closeness(seed, **size):
    point = noisy(seed, **size)
    _zero_column(point)
    return hypotheses.closeness_bound(point), point.problem.error(point.U)


def _zero_column(point):
    if point.m == point.U.shape[1]:
        raise ValueError("the statement asks for a zero column")


@measures("4.8", "nonzero columns where both conditions hold", tolerance=0, relative=False, sizes=SIZES)
def count(seed, **size):
    return size["r"], certified(seed, **size).m


@measures("4.8", "$\\lambda_{\\max}(-Q'EQ')$ where $m > r$, against $2c\\,g_{\\min}$", "≥", tolerance=0, sizes=SIZES)
def crowded_condition(seed, **size):
    point = crowded(seed, **size)
    return 2 * point.c * theory.g_min(point.penalty.strength / point.c, point.penalty.smoothing), point.deviations[1]


def _after_count(seed, **size):
    point = certified(seed, **size)
    strength, smoothing = point.penalty.strength / point.c, point.penalty.smoothing
    deviation = torch.linalg.matrix_norm(point.E, 2).item() / point.c
    return point, strength, theory.error_after_count(point.p, deviation, strength, smoothing)


@measures("4.9", "largest $\\lvert\\mu_i - g(p)_{(i)}\\rvert$, against its bound", "≤", tolerance=0, sizes=SIZES)
def eigenvalues_after_the_count(seed, **size):
    point, strength, (bound, _) = _after_count(seed, **size)
    p = point.S.square().sum(0)
    g = (p + strength / 2 * point.penalty.dh(p)).sort(descending=True).values
    return bound, (torch.linalg.eigvalsh(point.problem.M).flip(0)[: point.m] - g).abs().max()


@measures("4.9", "$\\lVert X - M\\rVert_F$, against its bound", "≤", tolerance=0, sizes=SIZES)
def error_after_the_count(seed, **size):
    point, _, (_, bound) = _after_count(seed, **size)
    return bound, point.problem.error(point.U)


@measures(
    "4.10", "columns left by pruning at $2\\sqrt\\beta$ on a certified run", tolerance=0, relative=False, sizes=SIZES
)
def pruned_count(seed, **size):
    point = certified(seed, **size)
    return size["r"], prune(point.U, threshold=point.penalty.threshold).shape[1]


@measures(
    "4.10", "largest $\\lvert\\cos\\angle\\rvert$ of the columns left", tolerance=1e-6, relative=False, sizes=SIZES
)
def pruned_angles(seed, **size):
    point = certified(seed, **size)
    return 0, largest_cosine(prune(point.U, threshold=point.penalty.threshold))


NOISE_SIZES = ({"d": 6, "n": 100}, {"d": 14, "n": 600})


@measures(
    "4.11",
    "$\\lambda_{\\max}(\\mathcal{A}^*w)/\\lVert w\\rVert$, against $\\sqrt{2d}$",
    "≤",
    of="mean",
    tolerance=0,
    sizes=NOISE_SIZES,
)
def noise_matrix(seed, d, n):
    problem = data(seed, d, 1, n)
    w = problem.y - problem.measure(problem.M)
    return (2 * d) ** 0.5, torch.linalg.eigvalsh(problem.adjoint(w))[-1] / w.norm()


@measures("4.11", "$\\nu n/\\lVert w\\rVert$, against $\\sqrt{2d} + 1$", "≤", of="mean", tolerance=0, sizes=NOISE_SIZES)
def noise_norm(seed, d, n):
    problem = data(seed, d, 1, n)
    w = problem.y - problem.measure(problem.M)
    return (2 * d) ** 0.5 + 1, torch.linalg.matrix_norm(problem.adjoint(w), 2) / w.norm()


@measures(
    "4.11",
    "larger of the two deviations in the count, against $2\\delta\\lVert\\Delta\\rVert_F + 2\\nu$",
    "≤",
    tolerance=0,
    sizes=SIZES,
)
def deviation(seed, **size):
    point = exact(seed, **size, noise=0.1 + 0.1 * (seed % 7), ensemble="gaussian")
    delta = (torch.linalg.eigvalsh(point.problem.gram) - 1).abs().max().item()
    return 2 * delta * point.error + 2 * point.noise, max(point.deviations)


@measures(
    "4.12",
    "longest column below $2\\sqrt\\beta$ near a stationary point, against its bound",
    "≤",
    tolerance=0,
    sizes=SIZES,
)
def robust_gap(seed, **size):
    point, norms = disturbed(seed, **size), column_norms(disturbed(seed, **size).U)
    short = norms <= point.penalty.threshold
    kappa = column_curvatures(point.problem, point.U[:, short]).max().item()
    beta = point.penalty.smoothing
    return theory.robust_gap_bound(point.epsilon, point.gamma, point.penalty.strength, beta, kappa), norms[short].max()


@measures(
    "4.13", "$\\lambda_{\\min}(\\nabla f(X))$ of a stopped run, against $-\\Lambda$", "≥", tolerance=0, sizes=SIZES
)
def robust_certificate(seed, **size):
    point = stopped(seed, **size)
    tau, kappa = column_norms(point.U).min().item(), extreme_ratio(point.problem, 1, starts=4, steps=40)
    level = point.penalty.strength / point.penalty.smoothing**0.5 + point.gamma / 2 + 4 * kappa * tau**2
    return -level, torch.linalg.eigvalsh(point.problem.matrix_gradient(point.U))[0]


@lru_cache(16)
def stopped_certified(seed, **size):
    """The first of a sequence of stopped runs where conditions (i) and (ii) of Theorem 4.14 hold."""
    for attempt in range(20):
        point = stopped(seed + 1000 * attempt, **size)
        if all(check.holds for check in hypotheses.count_checks(point)):
            return point
    raise RuntimeError(f"seed {seed}: the conditions hold on none of 20 runs")


@measures(
    "4.14",
    "columns above $2\\sqrt\\beta$ of a stopped run where (i) and (ii) hold",
    tolerance=0,
    relative=False,
    sizes=SIZES,
)
def robust_count(seed, **size):
    return size["r"], stopped_certified(seed, **size).m


@measures("4.14", "left side of (iii) on that run, against its right side", "≤", tolerance=0, sizes=SIZES)
def robust_closeness(seed, **size):
    point = stopped_certified(seed, **size)
    problem, penalty, beta, rest = point.problem, point.penalty, point.penalty.smoothing, size["d"] - point.m
    lower = problem.measure(point.difference).square().mean() / point.difference.square().sum()
    kappa = extreme_ratio(problem, 1, starts=4, steps=40)
    rho = (point.m - 1) * point.cosine
    level = penalty.strength / beta**0.5 + point.gamma / 2 + 4 * kappa * point.tau**2
    slopes = penalty.dh(point.S.square().sum(0)).norm()
    right = (point.m + problem.r) ** 0.5 * point.noise + penalty.strength / 2 * ((1 + rho) / (1 - rho)) ** 0.5 * slopes
    right += point.epsilon / (4 * (beta * (1 - rho)) ** 0.5) + max(kappa, lower) * rest * point.tau**2
    return right, (lower - level / (2 * point.mu_r)) * point.difference.norm()
