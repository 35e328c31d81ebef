"""Chapter 1: coordinates, rotations, gradients, expectations and the restricted isometry property."""

import torch
from instances import data, distance, either, gaussian, natural, orthogonal, symmetric, uniform
from ledger import measures

from helpers.isometry import extreme_ratio
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, Population, ground_truth, svec
from helpers.theory import gaussian_radius
from helpers.training import gaussian_init, train

SIZES = ({"d": 6, "k": 4}, {"d": 12, "k": 20})
TAIL = 4.0  # t: the bounds fail with probability at most 2e^{−t²/2} = 0.07 %


@measures(
    "1.1",
    "$\\langle\\mathrm{svec}(X), \\mathrm{svec}(Y)\\rangle$ against $\\mathrm{tr}\\,XY$",
    tolerance=1e-10,
    sizes=({"d": 6}, {"d": 15}),
)
def coordinates(seed, d):
    X, Y = symmetric(d, seed), symmetric(d, seed + 100)
    Y = Y + X  # far from orthogonal, so that a relative tolerance makes sense
    return (X @ Y).trace(), svec(X) @ svec(Y)


@measures(
    "1.1",
    "$\\langle X, \\mathcal{A}^*(v)\\rangle$ against $\\sum_i v_i\\langle A_i, X\\rangle$",
    tolerance=1e-10,
    sizes=({"d": 6, "n": 30}, {"d": 15, "n": 300}),
)
def adjoint(seed, d, n):
    problem, X = data(seed, d, 1, n, ensemble="rank-one"), symmetric(d, seed)
    v = uniform(n, low=0.5, seed=seed)
    answers = torch.stack([x @ (X + 3 * torch.eye(d)) @ x for x in problem.design])
    return (v * answers).sum(), ((X + 3 * torch.eye(d)) * problem.adjoint(v)).sum()


@measures(
    "1.2",
    "distance of two factors of one $X$ after the best rotation",
    tolerance=1e-6,
    relative=False,
    sizes=({"d": 6, "rank": 2, "k": 4}, {"d": 12, "rank": 5, "k": 20}),
)
def one_fibre(seed, d, rank, k):
    U = gaussian(d, rank, seed=seed) @ gaussian(rank, k, seed=seed + 1)
    values, vectors = torch.linalg.eigh(U @ U.T)
    V = torch.zeros_like(U)
    V[:, :rank] = (vectors * values.clamp(min=0).sqrt())[:, -rank:]
    left, _, right = torch.linalg.svd(U.T @ V)
    return 0, distance(U @ left @ right, V)


@measures("1.2", "descent from $U_0O$ against $U_tO$, noisy data", tolerance=1e-9, relative=False, sizes=SIZES)
def turned_descent(seed, d, k):
    problem, turn = data(seed, d, 2, 10 * d, ensemble=either(seed)), orthogonal(k, seed)
    start = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed)
    first, second = (train(problem, U0, steps=60, step_size=0.01, record=1).U for U0 in (start, start @ turn))
    return 0, distance(second, first @ turn)


@measures(
    "1.3", "slope of the loss along a line, against $2\\langle\\nabla f(X)U, H\\rangle$", tolerance=1e-5, sizes=SIZES
)
def gradient(seed, d, k):
    problem, U = data(seed, d, 2, 10 * d, ensemble=either(seed)), gaussian(d, k, seed=seed)
    slope = 2 / problem.n * problem.adjoint(problem.measure(U @ U.T) - problem.y)
    H = U + gaussian(d, k, seed=seed + 1)
    numerical = (problem.loss(U + 1e-5 * H) - problem.loss(U - 1e-5 * H)) / 2e-5
    return 2 * (slope @ U * H).sum(), numerical


@measures("1.4", "expected loss, Gaussian", of="mean", tolerance=0.02, sizes=({"d": 5}, {"d": 10}))
def expected_loss_gaussian(seed, d):
    square, _, loss = _loss_at_a_fixed_matrix(seed, d, "gaussian")
    return square + 0.16, loss


@measures("1.4", "expected loss, rank-one", of="mean", tolerance=0.03, sizes=({"d": 5}, {"d": 10}))
def expected_loss_rank_one(seed, d):
    square, trace, loss = _loss_at_a_fixed_matrix(seed, d, "rank-one")
    return 2 * square + trace**2 + 0.16, loss


def _loss_at_a_fixed_matrix(seed, d, ensemble):
    """The same Δ for every seed; 2000 fresh noisy measurements, s = 0.4."""
    problem = Empirical.sample(ground_truth(d, 2), 2000, noise=0.4, ensemble=ensemble, seed=seed)
    difference = symmetric(d, 0) / d
    return (
        difference.square().sum(),
        difference.trace(),
        (problem.measure(problem.M + difference) - problem.y).square().mean(),
    )


@measures(
    "1.5",
    "largest ratio found, against $(1 + \\varepsilon)^2$",
    "≤",
    tolerance=0,
    sizes=({"d": 8, "rank": 2, "n": 400}, {"d": 14, "rank": 3, "n": 2000}),
)
def upper_isometry(seed, d, rank, n):
    radius = gaussian_radius(d, rank, n, t=TAIL)
    return (1 + radius) ** 2, extreme_ratio(data(seed, d, 1, n), rank, starts=4, steps=40)


@measures(
    "1.5",
    "smallest ratio found, against $(1 - \\varepsilon)^2$",
    "≥",
    tolerance=0,
    sizes=({"d": 8, "rank": 2, "n": 400}, {"d": 14, "rank": 3, "n": 2000}),
)
def lower_isometry(seed, d, rank, n):
    radius = gaussian_radius(d, rank, n, t=TAIL)
    return max(0, 1 - radius) ** 2, extreme_ratio(data(seed, d, 1, n), rank, largest=False, starts=4, steps=40)


@measures(
    "1.6",
    "largest expected ratio at rank $\\rho$, against $2 + \\rho$",
    tolerance=1e-5,
    sizes=({"d": 6, "rank": 2}, {"d": 12, "rank": 5}),
)
def expected_range(seed, d, rank):
    return 2 + rank, extreme_ratio(Population(ground_truth(d, 1), "rank-one"), rank, starts=4, steps=100, seed=seed)


@measures(
    "1.6",
    "largest ratio at rank one, against $d(d+2)/n$",
    "≥",
    of="mean",
    tolerance=0,
    sizes=({"d": 8, "n": 40}, {"d": 20, "n": 60}),
)
def one_long_input(seed, d, n):
    problem = data(seed, d, 1, n, ensemble="rank-one")
    return d * (d + 2) / n, extreme_ratio(problem, 1, starts=4, steps=30)


@measures("1.7", "$F_a(aU)$ against $a^4F(U)$, random $a$", tolerance=1e-9, sizes=SIZES)
def scales(seed, d, k):
    problem, a, U = (
        data(seed, d, 2, 10 * d, ensemble=either(seed)),
        uniform((), low=0.3, high=3, seed=seed).item(),
        gaussian(d, k, seed=seed),
    )
    noise = problem.y - problem.measure(problem.M)
    scaled = Empirical(a * problem.U_star, problem.design, a**2 * noise, problem.ensemble)
    penalty = natural(problem)
    larger = GroupLasso(a**3 * penalty.strength, a**2 * penalty.smoothing)
    return a**4 * Objective(problem, penalty).value(U), Objective(scaled, larger).value(a * U)
