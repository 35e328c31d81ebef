"""Chapter 5: rates of fine-tuning, what noise allows, which minimum is reached, the price of not pruning."""

import math
from functools import lru_cache, partial

import torch
from instances import ENSEMBLES, data, distance, either, gaussian, population, uniform
from ledger import measures
from scipy import integrate

from helpers import theory
from helpers.problems import Empirical, ground_truth, smat
from helpers.proofs import tuning
from helpers.stack import Stack
from helpers.training import fine_tune, gaussian_init, train

SHAPES = ({"d": 5, "r": 1}, {"d": 10, "r": 3})


def spectrum(r):
    return torch.linspace(1, 0.5, r, dtype=torch.float64) if r > 1 else torch.ones(1, dtype=torch.float64)


def late_factor(seed, d, r, ensemble):
    """The mean factor per step on the error, between 1e-9 and 1e-12, at a random step size up to the best one."""
    problem = population(spectrum(r), d, seed, ensemble)
    step = uniform((), low=0.4, high=0.95, seed=seed).item() * theory.optimal_step(
        spectrum(r).numpy(), ensemble=ensemble
    )
    start = problem.U_star + 1e-3 * gaussian(d, r, seed=seed)
    error = train(problem, start, steps=400, step_size=step, record=400).error
    first, last = ((error < 1e-9) & (error > 1e-12)).nonzero()[[0, -1], 0]
    slow = (4 if ensemble == "gaussian" else 8) * spectrum(r)[-1]
    return 1 - step * slow, (error[last] / error[first]) ** (1 / (last - first))


for kind, word in ENSEMBLES.items():
    measures("5.1", f"factor per step of descent, {word}", tolerance=0.01, sizes=SHAPES)(
        partial(late_factor, ensemble=kind)
    )


@measures(
    "5.1",
    "error after 300 steps with 1.05 of the largest step, from $10^{-6}$",
    "≥",
    tolerance=0,
    relative=False,
    sizes=SHAPES,
)
def unstable_beyond(seed, d, r):
    ensemble = either(seed)
    problem = population(spectrum(r), d, seed, ensemble)
    step = 1.05 * theory.largest_step(spectrum(r).numpy(), ensemble=ensemble)
    start = problem.U_star + 1e-6 * gaussian(d, r, seed=seed)
    return 1e-2, train(problem, start, steps=300, step_size=step, record=1).error[-1]


FLOWS = ({"d": 5, "r": 1, "k": 3}, {"d": 8, "r": 2, "k": 12})


@measures("5.2", "$X(t)$ from the closed form, against a general solver", tolerance=1e-7, relative=False, sizes=FLOWS)
def flow(seed, d, r, k):
    problem, U0, t = population(spectrum(r), d, seed), 0.5 * gaussian(d, k, seed=seed), 0.7

    def velocity(_, flat):
        U = torch.from_numpy(flat).reshape(d, k)
        return -problem.gradient(U).flatten().numpy()

    path = integrate.solve_ivp(velocity, (0, t), U0.flatten().numpy(), "DOP853", rtol=1e-11, atol=1e-13)
    U = torch.from_numpy(path.y[:, -1].copy()).reshape(d, k)
    return 0, distance(tuning.flow(problem.M, U0, t), U @ U.T)


@measures("5.2", "$t\\lVert X - M\\rVert_F$ at $t = 60$, against the law with the $s_i$", tolerance=0.01, sizes=FLOWS)
def crawl(seed, d, r, k):
    problem, U0, step = population(spectrum(r), d, seed), 0.15 * gaussian(d, k, seed=seed), 0.03
    error = train(problem, U0, steps=2000, step_size=step, record=1).error[-1]
    s = tuning.slow_values(problem.M, U0, r)
    return 60 * (8 * 60 + s**-2).pow(-2).sum().sqrt(), 60 * error


def crawl_from_a_level_start(seed, d, r, k, ensemble):
    """From U⋆ beside min(k, d) − r equal orthogonal columns: the limit comes soon."""
    problem, step = population(spectrum(r), d, seed, ensemble), 0.03
    rest = torch.linalg.svd(problem.U_star).U[:, r : min(k, d)]
    start = torch.cat([problem.U_star, 0.6 * rest], 1)
    error = train(problem, start, steps=2000, step_size=step, record=1).error[-1]
    N = min(k, d) - r
    limit = math.sqrt(N) / 8
    if ensemble == "rank-one":
        limit = math.sqrt(N + r * N**2 / (2 + r) ** 2) / (16 * (1 + N / (2 + r)))
    return limit, 60 * error


for number, kind in (("5.2", "gaussian"), ("5.3", "rank-one")):
    measures(
        number, "$t\\lVert X - M\\rVert_F$ at $t = 60$, level start, against its limit", tolerance=0.02, sizes=FLOWS
    )(partial(crawl_from_a_level_start, ensemble=kind))


@measures("5.4", "dimension of $\\{U_\\star Z^\\top + ZU_\\star^\\top\\}$", tolerance=0, relative=False, sizes=SHAPES)
def tangent_dimension(seed, d, r):
    U, Z = ground_truth(d, r, condition=1.4, seed=seed), torch.eye(d * r, dtype=torch.float64).reshape(-1, d, r)
    return r * d - r * (r - 1) / 2, torch.linalg.matrix_rank((U @ Z.mT + Z @ U.T).flatten(1))


@measures("5.4", "part of a curve's velocity outside $T$", tolerance=1e-9, relative=False, sizes=SHAPES)
def tangent_space(seed, d, r):
    U, Z, h = ground_truth(d, r, condition=1.4, seed=seed), gaussian(d, r, seed=seed), 1e-5
    velocity = ((U + h * Z) @ (U + h * Z).T - (U - h * Z) @ (U - h * Z).T) / (2 * h)
    rest = torch.eye(d, dtype=U.dtype) - U @ torch.linalg.pinv(U)
    return 0, (rest @ velocity @ rest).norm()


def bound_given_data(problem):
    """tr (𝒜_T*𝒜_T)^{−1}."""
    answers = problem.measure(tuning.tangent_basis(problem.U_star))
    return torch.linalg.inv(answers @ answers.T).trace()


@measures(
    "5.5",
    "mean bound over Gaussian data, against $\\mathrm{dof}/(n - \\mathrm{dof} - 1)$",
    of="mean",
    tolerance=0.04,
    sizes=({"d": 5, "r": 1, "n": 20}, {"d": 8, "r": 2, "n": 60}),
)
def mean_bound(seed, d, r, n):
    dof = r * d - r * (r - 1) / 2
    found = [bound_given_data(data(100 * seed + i, d, r, n)) for i in range(8)]
    return dof / (n - dof - 1), torch.stack(found).mean()


@measures(
    "5.5",
    "error of an unbiased linear estimator, against the bound",
    "≥",
    tolerance=1e-9,
    sizes=({"d": 4, "r": 1, "n": 30}, {"d": 6, "r": 2, "n": 80}),
)
def unbiased_estimator(seed, d, r, n):
    """Least squares over all symmetric matrices, and for odd seeds a random unbiased change of the best one."""
    problem = data(seed, d, r, n, ensemble=either(seed))
    if seed % 2:
        answers = problem.measure(tuning.tangent_basis(problem.U_star))
        best = torch.linalg.pinv(answers.T)
        free = torch.eye(n, dtype=answers.dtype) - answers.T @ best
        estimator = best + 0.02 * gaussian(*best.shape, seed=seed) @ free
    else:
        units = smat(torch.eye(d * (d + 1) // 2, dtype=torch.float64))
        estimator = torch.linalg.pinv(problem.measure(units).T)
    return bound_given_data(problem), estimator.square().sum()


def _fits(seed, d, r, n, noise, ensemble, draws):
    """The errors of least squares of rank r over fresh noise on one design."""
    clean = data(0, d, r, n, noise=0.0, ensemble=ensemble)
    problems = (
        Empirical(clean.U_star, clean.design, noise * gaussian(n, seed=draws * seed + i), ensemble)
        for i in range(draws)
    )
    stack = Stack(problems)
    U = fine_tune(stack, clean.U_star.expand(draws, d, r), steps=400, tolerance=1e-9, record=1).U
    return clean, U @ U.mT - clean.M


SMALL_NOISE = ({"d": 5, "r": 1, "n": 100}, {"d": 8, "r": 2, "n": 300})


@measures(
    "5.6",
    "squared error of least squares over $s^2\\,\\mathrm{tr}(\\mathcal{A}_T^*\\mathcal{A}_T)^{-1}$, Gaussian",
    of="mean",
    tolerance=0.05,
    sizes=SMALL_NOISE,
)
def attains_the_bound(seed, d, r, n):
    clean, errors = _fits(seed, d, r, n, 0.02, "gaussian", 20)
    return 1, errors.square().sum((-2, -1)).mean() / (0.02**2 * bound_given_data(clean))


@measures(
    "5.6",
    "$\\lVert\\hat X - M - s\\hat\\xi\\rVert_F/(s\\lVert\\hat\\xi\\rVert_F)$ at $s = 10^{-4}$",
    tolerance=1e-2,
    relative=False,
    sizes=SMALL_NOISE,
)
def linearisation(seed, d, r, n):
    clean, g, s = data(seed, d, r, n, noise=0.0, ensemble=either(seed)), gaussian(n, seed=seed), 1e-4
    basis = tuning.tangent_basis(clean.U_star)
    xi = torch.einsum("i,iab->ab", torch.linalg.lstsq(clean.measure(basis).T, g).solution, basis)
    V = fine_tune(
        Empirical(clean.U_star, clean.design, s * g, clean.ensemble), clean.U_star, steps=1000, tolerance=1e-11
    ).U
    return 0, distance((V @ V.T - clean.M) / s, xi)


MINIMA = ({"d": 6, "r": 2, "n": 400}, {"d": 9, "r": 3, "n": 1500})


@lru_cache(8)
def two_fits(seed, d, r, n):
    """Two fits of rank r from random starts, drawn until hypothesis (5.1) holds."""
    problem = data(seed, d, r, n, ensemble=either(seed))
    lower = torch.linalg.eigvalsh(problem.gram)[0].item()
    for attempt in range(20):
        starts = (gaussian_init(d, r, scale=0.2, seed=seed + 100 * i) for i in (2 * attempt, 2 * attempt + 1))
        V1, V2 = (fine_tune(problem, U0, steps=3000, tolerance=1e-11, record=1).U for U0 in starts)
        sigma = max(torch.linalg.svdvals(V)[-1].item() for V in (V1, V2)) ** 2
        tilts = [max(0.0, -torch.linalg.eigvalsh(problem.matrix_gradient(V))[0].item()) for V in (V1, V2)]
        if sum(tilts) < 4 * (math.sqrt(2) - 1) * lower * sigma:
            return problem, lower, V1, V2
    raise RuntimeError(f"seed {seed}: the hypothesis holds for none of 20 pairs")


@measures("5.7", "distance of two fits of rank $r$ where (5.1) holds", tolerance=1e-7, relative=False, sizes=MINIMA)
def one_minimum(seed, **size):
    _, _, V1, V2 = two_fits(seed, **size)
    return 0, distance(V1 @ V1.T, V2 @ V2.T)


@measures(
    "5.7",
    "least second derivative along $Z$ with $V^\\top Z$ symmetric, against its bound",
    "≥",
    tolerance=0,
    sizes=MINIMA,
)
def nondegenerate(seed, d, r, n):
    problem, lower, V, _ = two_fits(seed, d, r, n)
    turns = torch.stack([V @ K for K in _skew(r)]).flatten(1)
    horizontal = torch.linalg.svd(turns, full_matrices=True).Vh[len(turns) :]
    bend = problem.hessian_vector(V, horizontal.reshape(-1, d, r)).flatten(1)
    tilt = max(0.0, -torch.linalg.eigvalsh(problem.matrix_gradient(V))[0].item())
    return 4 * lower * torch.linalg.svdvals(V)[-1] ** 2 - 2 * tilt, torch.linalg.eigvalsh(horizontal @ bend.T)[0]


def _skew(r):
    units = torch.eye(r * r, dtype=torch.float64).reshape(r, r, r, r)
    return [units[i, j] - units[j, i] for i in range(r) for j in range(i)]


@measures(
    "5.8",
    "distance of the limits from two starts at the edge of the basin",
    tolerance=1e-7,
    relative=False,
    sizes=({"d": 4, "r": 1, "n": 1500}, {"d": 6, "r": 2, "n": 4000}),
)
def basin(seed, d, r, n):
    problem = data(seed, d, r, n, noise=0.05)
    ends = torch.linalg.eigvalsh(problem.gram)[[0, -1]].tolist()
    level, mu_r = (
        torch.linalg.matrix_norm(problem.noise_matrix, 2).item() / 2,
        torch.linalg.svdvals(problem.U_star)[-1].item() ** 2,
    )
    limits = []
    for i in range(2):
        direction, size = gaussian(d, r, seed=100 * seed + i), 0.3
        while not _inside(problem, problem.U_star + size * direction, level, mu_r, ends):
            size *= 0.8
        V = fine_tune(problem, problem.U_star + size * direction, tolerance=1e-11, record=1).U
        limits.append(V @ V.T)
    return 0, distance(*limits)


def _inside(problem, U, level, mu_r, ends):
    excess = max(0.0, (problem.loss(U) - problem.loss(problem.U_star)).item())
    radius = theory.descent_radius(problem.r, level, excess, ends[0])
    return radius < mu_r and theory.same_minimum_slack(radius, mu_r, level, *ends) > 0


@measures(
    "5.9",
    "$n\\lVert X - M\\rVert_F^2/s^2$ of unpruned fits, against $(D + \\mathrm{dof})/2$",
    of="mean",
    tolerance=0.1,
    sizes=({"d": 4, "r": 1, "n": 1000}, {"d": 7, "r": 2, "n": 3000}),
)
def price(seed, d, r, n):
    problems = [data(4 * seed + i, d, r, n, noise=0.1) for i in range(4)]
    start = gaussian_init(d, d, scale=0.3 / d**0.5, seed=seed)
    fits = [train(p, start, method="l-bfgs", steps=1000, tolerance=1e-6).U for p in problems]
    errors = [p.error(U) ** 2 for p, U in zip(problems, fits, strict=True)]
    return (d * (d + 1) / 2 + theory.degrees_of_freedom(d, r)) / 2, n / 0.01 * torch.stack(errors).mean()


@measures(
    "5.9",
    "mean of $\\lVert\\Pi_K(H)\\rVert_F^2$, $H$ Gaussian, against $(D + \\mathrm{dof})/2$",
    of="mean",
    tolerance=0.02,
    sizes=SHAPES,
)
def cone(seed, d, r):
    """The range of M is that of the first r unit vectors: the projection keeps all but the other block."""
    H = gaussian(60, d, d, seed=seed)
    H = (H + H.mT) / 2  # svec(H) has N(0, 1) coordinates
    block = H[..., r:, r:]
    kept = H.square().sum((-2, -1)) - torch.linalg.eigvalsh(block).clamp(max=0).square().sum(-1)
    return (d * (d + 1) / 2 + theory.degrees_of_freedom(d, r)) / 2, kept.mean()
