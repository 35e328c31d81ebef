"""Chapter 2: rotations and the penalty, the benign landscape, the phase picture, the slow mode."""

from functools import lru_cache

import numpy as np
import torch
from instances import data, either, gaussian, minimise, natural, orthogonal, population, uniform
from ledger import measures

from helpers import theory
from helpers.certificates import gradient_norm, smallest_eigenvalue
from helpers.objective import Objective
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay
from helpers.problems import smat
from helpers.pruning import prune
from helpers.rotations import largest_cosine, rotate
from helpers.training import train

SHAPES = ({"d": 5, "k": 3}, {"d": 10, "k": 14})
NOISY = ({"d": 6, "n": 60}, {"d": 10, "n": 200})


def profile(x, beta):
    """Σ x/√(x + β), written out: the penalty as the statements have it."""
    return (x / (x + beta).sqrt()).sum(-1)


@measures(
    "2.1",
    "least $\\sum_i h(p_i)$ of 300 factors of $X$, against $\\mathrm{tr}\\,h(X)$",
    "≥",
    tolerance=1e-12,
    sizes=SHAPES,
)
def schatten(seed, d, k):
    U = gaussian(d, k, seed=seed) / d**0.5
    turns = torch.linalg.qr(gaussian(300, k, k, seed=seed + 1)).Q
    return profile(torch.linalg.eigvalsh(U @ U.T).clamp(min=0), 0.02), GroupLasso(1.0, 0.02).value(U @ turns).min()


@measures(
    "2.1", "$\\sum_i h(p_i)$ of the orthogonal factor, against $\\mathrm{tr}\\,h(X)$", tolerance=1e-6, sizes=SHAPES
)
def schatten_equality(seed, d, k):
    U = gaussian(d, k, seed=seed) / d**0.5
    turned = U @ torch.linalg.svd(U).Vh.T
    return profile(torch.linalg.eigvalsh(U @ U.T).clamp(min=0), 0.02), GroupLasso(1.0, 0.02).value(turned)


@lru_cache(8)
def noisy_point(seed, d, n):
    """A second-order stationary point on few noisy measurements."""
    problem = data(seed, d, 3, n, ensemble=either(seed))
    penalty = natural(problem)
    return problem, penalty, minimise(problem, penalty, d + 2, seed)


@measures(
    "2.2",
    "largest $\\lvert\\cos\\angle\\rvert$ of two columns, noisy data",
    tolerance=1e-5,
    relative=False,
    sizes=NOISY,
)
def orthogonality(seed, d, n):
    _, _, U = noisy_point(seed, d, n)
    return 0, largest_cosine(U, threshold=1e-4)


@measures("2.3", "error of keeping the 2 longest columns, against Eckart–Young", tolerance=1e-6, sizes=NOISY)
def truncation(seed, d, n):
    _, _, U = noisy_point(seed, d, n)
    X, kept = U @ U.T, prune(U, keep=2)
    return torch.linalg.eigvalsh(X)[:-2].norm(), (X - kept @ kept.T).norm()


@measures("2.4", "nonzero columns against rank $X$, exponent $q = 1.5$", tolerance=0, relative=False, sizes=NOISY)
def selects(seed, d, n):
    problem = data(seed, d, 2, n, ensemble=either(seed))
    U = minimise(problem, ColumnPower(0.1, 1.5, 0.02), d + 2, seed)
    return (torch.linalg.eigvalsh(U @ U.T) > 1e-8).sum(), (U.norm(dim=0) > 1e-4).sum()


@measures(
    "2.4",
    "least eigenvalue of $\\nabla^2F$ after a random turn, $q = 2$",
    "≥",
    tolerance=1e-7,
    relative=False,
    sizes=NOISY,
)
def blind(seed, d, n):
    problem, penalty = data(seed, d, 2, n, ensemble=either(seed)), WeightDecay(0.1)
    turned = minimise(problem, penalty, 4, seed) @ orthogonal(4, seed)
    value, _, residual = smallest_eigenvalue(problem, turned, penalty)
    return 0, value - residual - gradient_norm(problem, turned, penalty)


@measures("2.4", "shortest column against $\\sqrt{\\mathrm{tr}X/k}$, $q = 3$", tolerance=1e-5, sizes=NOISY)
def equalises(seed, d, n):
    problem = data(seed, d, 2, n, ensemble=either(seed))
    U = minimise(problem, ColumnPower(0.1, 3, 0.05), 4, seed)
    return ((U @ U.T).trace() / 4).sqrt(), U.norm(dim=0).min()


@lru_cache(8)
def benign_point(seed, d, r):
    """A population minimiser at 90 % of the critical strength, from a start of any scale, and its eigenvalues."""
    mu = uniform(r, low=0.3, high=1.5, seed=seed).sort(descending=True).values
    beta = 0.05 * mu[-1].item()
    penalty = GroupLasso(0.9 * theory.critical_strength(mu[-1].item(), beta), beta)
    problem = population(mu, d, seed)
    return (
        mu,
        problem,
        penalty,
        minimise(problem, penalty, d + 1, seed, scale=10 ** uniform((), low=-1.5, high=0.5, seed=seed).item()),
    )


BENIGN = ({"d": 5, "r": 2}, {"d": 10, "r": 4})


@measures("2.5", "$F$ where training ends, against $\\sum_i\\psi_{\\mu_i}(p(\\mu_i))$", tolerance=1e-6, sizes=BENIGN)
def every_point_is_global(seed, d, r):
    mu, problem, penalty, U = benign_point(seed, d, r)
    p = torch.from_numpy(theory.shrunk_eigenvalue(mu.numpy(), penalty.strength, penalty.smoothing))
    least = (p - mu).square().sum() + penalty.strength * profile(p, penalty.smoothing)
    return least, Objective(problem, penalty).value(U)


@measures("2.5", "nonzero columns", tolerance=0, relative=False, sizes=BENIGN)
def exactly_r(seed, d, r):
    return r, (benign_point(seed, d, r)[-1].norm(dim=0) > 1e-5).sum()


@measures(
    "2.5",
    "least eigenvalue of $\\nabla^2F$ without one column, against 0",
    "≤",
    tolerance=0,
    relative=False,
    sizes=BENIGN,
)
def missing_columns_are_saddles(seed, d, r):
    _, problem, penalty, U = benign_point(seed, d, r)
    fewer = U.clone()
    fewer[:, U.norm(dim=0).argsort(descending=True)[seed % r]] = 0
    value, _, residual = smallest_eigenvalue(problem, fewer, penalty)
    return 0, value + residual


@measures("2.6", "$F(U)$ against $\\sum_i\\psi_{\\mu_i}(x_i)$, random $U$", "≥", tolerance=1e-12, sizes=SHAPES)
def splitting(seed, d, k):
    mu = uniform(3, low=0.2, high=1.5, seed=seed)
    problem, penalty, U = population(mu, d, seed), GroupLasso(0.4, 0.03), gaussian(d, k, seed=seed) / d**0.5
    x, all_mu = (torch.linalg.eigvalsh(A).clamp(min=0) for A in (U @ U.T, problem.M))
    return (x - all_mu).square().sum() + 0.4 * profile(x, 0.03), Objective(problem, penalty).value(U)


@measures("2.6", "$F(U)$ against $\\sum_i\\psi_{\\mu_i}(x_i)$, aligned $U$", tolerance=1e-9, sizes=SHAPES)
def splitting_equality(seed, d, k):
    mu = uniform(3, low=0.2, high=1.5, seed=seed).sort(descending=True).values
    problem, x = population(mu, d, seed), uniform(3, seed=seed + 1).sort(descending=True).values
    U = torch.zeros(d, k, dtype=x.dtype)
    U[:, :3] = torch.linalg.eigh(problem.M).eigenvectors.flip(1)[:, :3] * x.sqrt()
    return (x - mu).square().sum() + 0.4 * profile(x, 0.03), Objective(problem, GroupLasso(0.4, 0.03)).value(U)


@lru_cache(8)
def scalar_problem(seed, points):
    """Random μ > β, a grid of p, and for each p the strengths at which p is stationary and as good as zero."""
    mu = uniform((), low=0.2, high=1.5, seed=seed).item()
    beta = mu * 10 ** uniform((), low=-3, high=-0.5, seed=seed + 1).item()
    p = np.linspace(0, mu, points)[1:-1]
    slope = (p + 2 * beta) / (2 * (p + beta) ** 1.5)
    return mu, beta, 2 * (mu - p) / slope, (mu**2 - (p - mu) ** 2) * np.sqrt(p + beta) / p


GRIDS = ({"points": 1000}, {"points": 100_000})


@measures(
    "2.7",
    "largest $\\lambda$ with a positive minimum on a grid of $p$, against $\\lambda_{\\mathrm{fold}}$",
    tolerance=1e-4,
    sizes=GRIDS,
)
def fold(seed, points):
    mu, beta, stationary, _ = scalar_problem(seed, points)
    return theory.fold_strength(mu, beta), stationary.max()


@measures(
    "2.7",
    "largest $\\lambda$ with a better minimum than 0, against $\\lambda_{\\mathrm{glob}}$",
    tolerance=1e-4,
    sizes=GRIDS,
)
def better_than_zero(seed, points):
    mu, beta, _, as_good = scalar_problem(seed, points)
    return theory.global_strength(mu, beta), as_good.max()


@measures(
    "2.7",
    "$F$ where training ends, $\\lambda > \\lambda_0$, against the minimum predicted for so many columns",
    tolerance=1e-8,
    sizes=({"d": 4, "r": 3}, {"d": 9, "r": 5}),
)
def beyond_the_critical_strength(seed, d, r):
    mu = torch.linspace(1, 0.15, r, dtype=torch.float64)
    level = uniform(
        (), low=1.1 * theory.critical_strength(mu[-1].item(), 0.01), high=theory.fold_strength(0.7, 0.01), seed=seed
    ).item()
    problem, penalty = population(mu, d, seed), GroupLasso(level, 0.01)
    U = minimise(problem, penalty, d, seed, scale=10 ** uniform((), low=-1, high=0.3, seed=seed + 1).item())
    s = (U.norm(dim=0) > 1e-4).sum()
    kept, lost = mu[:s].numpy(), mu[s:].numpy()
    excluded = [m for m in kept if level >= theory.fold_strength(m, 0.01)]
    if excluded or any(level <= theory.critical_strength(m, 0.01) for m in lost):
        return 0, torch.inf  # a number of columns that the theorem excludes
    p = torch.tensor([theory.shrunk_eigenvalue(m, level, 0.01) for m in kept], dtype=mu.dtype)
    least = (p - mu[:s]).square().sum() + level * profile(p, 0.01) + mu[s:].square().sum()
    return least, Objective(problem, penalty).value(U)


@lru_cache(8)
def pair(seed, d):
    """Two columns at a minimiser of a population problem: problem, penalty, p > s, and U (d, 2)."""
    mu = [1.0, uniform((), low=0.4, high=0.8, seed=seed).item()]
    penalty = GroupLasso(uniform((), low=0.03, high=0.08, seed=seed + 1).item(), 0.02)
    p = theory.shrunk_eigenvalue(np.array(mu), penalty.strength, penalty.smoothing)
    problem = population(mu, d, seed)
    frame = problem.U_star / problem.U_star.norm(dim=0)
    return problem, penalty, p, frame * torch.from_numpy(p).sqrt()


@measures("2.8", "slope of $F$ along the rotation, noisy data, against the formula", tolerance=1e-5, sizes=NOISY)
def orbit(seed, d, n):
    problem, penalty = data(seed, d, 2, n, ensemble=either(seed)), GroupLasso(0.2, 0.02)
    norms = uniform(2, low=0.3, high=1.2, seed=seed).sort(descending=True).values + torch.tensor([0.1, 0.0])
    U, theta = orthogonal(d, seed)[:, :2] * norms, uniform((), low=0.1, high=1.2, seed=seed + 1)
    p, s = norms.square().tolist()
    large = p * theta.cos() ** 2 + s * theta.sin() ** 2
    pull = theory.dh((p + s - large).item(), 0.02) - theory.dh(large.item(), 0.02)
    after, before = Objective(problem, penalty).value(
        rotate(U, 0, 1, theta + 1e-4 * torch.tensor([1, -1], dtype=theta.dtype))
    )
    return 0.2 * (p - s) * (2 * theta).sin() * pull, (after - before) / 2e-4


@measures(
    "2.8",
    "rate at which two columns turn orthogonal, against $c_{\\mathrm{exact}}$",
    tolerance=1e-3,
    sizes=({"d": 3}, {"d": 12}),
)
def slow_rate(seed, d):
    problem, penalty, p, U = pair(seed, d)
    run = train(
        problem,
        rotate(U, 0, 1, 1e-4),
        penalty=penalty,
        steps=1200,
        step_size=0.1,
        record=[600, 1200],
        keep_iterates=True,
    )
    overlap = (run.iterates[..., 0] * run.iterates[..., 1]).sum(-1)
    factor = (overlap[1] / overlap[0]).abs() ** (1 / 600)
    return theory.rotation_speed(*p, penalty.strength, penalty.smoothing, exact=True), (1 - factor) / 0.1


@measures(
    "2.8",
    "rate at which a small column dies, against $2\\lambda[\\beta^{-1/2} - h'(p)]$",
    tolerance=1e-3,
    sizes=({"d": 3}, {"d": 12}),
)
def death_rate(seed, d):
    problem, penalty, p, U = pair(seed, d)
    start = torch.cat([U, 1e-5 * U[:, :1]], 1)
    run = train(problem, start, penalty=penalty, steps=60, step_size=0.05, record=[10, 60])
    factor = (run.column_norms[1, 2] / run.column_norms[0, 2]) ** (1 / 50)
    return theory.death_speed(penalty.strength, penalty.smoothing, p[0]), (1 - factor) / 0.05


@measures(
    "2.9",
    "$\\lvert\\cos\\angle\\rvert^3$ of two random columns under the loss that fits them best, against its bound",
    "≤",
    tolerance=0,
    sizes=({"d": 2}, {"d": 6}),
)
def robust(seed, d):
    """The loss K‖X − T‖² with the gradient that cancels the penalty's best: ε and γ are as small as can be."""
    beta, level, steep = 0.01, 0.1, 1e4
    u = torch.nn.functional.normalize(gaussian(d, seed=seed), dim=0)
    v = torch.nn.functional.normalize(
        u * 10 ** uniform((), low=-1, high=1, seed=seed) + gaussian(d, seed=seed + 1), dim=0
    )
    U = torch.stack([u, v], 1) * (2 * beta**0.5 + uniform(2, seed=seed))
    units = smat(torch.eye(d * (d + 1) // 2, dtype=U.dtype))
    pull = level * GroupLasso(1.0, beta).dh(U.square().sum(0)) * U
    slope = torch.einsum("i,iab->ab", torch.linalg.pinv((units @ U).flatten(1).T) @ -pull.flatten(), units)

    def F(U):
        return steep * (U @ U.T - target).square().sum() + level * profile(U.square().sum(0), beta)

    target = U @ U.T - slope / (2 * steep)
    epsilon = torch.autograd.functional.jacobian(F, U).norm()
    bend = torch.autograd.functional.hessian(F, U).reshape(2 * d, 2 * d)
    gamma = (-torch.linalg.eigvalsh(bend)[0]).clamp(min=0)
    c = largest_cosine(U)
    return (1.26 * epsilon + 1.12 * gamma * U.norm(dim=0).min() * c) / level, c**3
