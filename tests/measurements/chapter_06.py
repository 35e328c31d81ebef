"""Chapter 6: quadratic networks, their inputs, their landscape, their units and their noise."""

import itertools
from functools import lru_cache

import numpy as np
import torch
from instances import (
    data,
    distance,
    gaussian,
    minimise,
    natural,
    orthogonal,
    population,
    symmetric,
    uniform,
)
from ledger import measures
from scipy import special

from helpers import theory
from helpers.certificates import smallest_eigenvalue
from helpers.isometry import extreme_ratio
from helpers.networks import QuadraticNetwork
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, ground_truth
from helpers.proofs import tuning
from helpers.proofs.inputs import samples_needed
from helpers.stack import Stack
from helpers.training import fine_tune

SHAPES = ({"d": 5, "k": 3}, {"d": 10, "k": 14})


@measures("6.1", "mean squared error of the module, against $f(UU^\\top)$", tolerance=1e-10, sizes=SHAPES)
def network_loss(seed, d, k):
    problem, U = data(seed, d, 2, 10 * d, ensemble="rank-one"), gaussian(d, k, seed=seed)
    return problem.loss(U), (QuadraticNetwork.from_factor(U)(problem.design) - problem.y).square().mean().detach()


@measures(
    "6.1", "gradient in the weights by autograd, against $2\\nabla f(X)U$", tolerance=1e-9, relative=False, sizes=SHAPES
)
def network_gradient(seed, d, k):
    problem, U = data(seed, d, 2, 10 * d, ensemble="rank-one"), gaussian(d, k, seed=seed)
    network = QuadraticNetwork.from_factor(U)
    (slope,) = torch.autograd.grad((network(problem.design) - problem.y).square().mean(), network.hidden.weight)
    answers = torch.einsum("na,ab,nb->n", problem.design, U @ U.T, problem.design) - problem.y
    formula = 4 / problem.n * torch.einsum("n,na,nb->ab", answers, problem.design, problem.design) @ U
    return 0, distance(slope.T, formula)


@measures(
    "6.1",
    "$X$ read off the outputs of one network, against that of another with the same function",
    tolerance=1e-9,
    relative=False,
    sizes=SHAPES,
)
def same_function(seed, d, k):
    U, eye = gaussian(d, k, seed=seed), torch.eye(d, dtype=torch.float64)
    wider = torch.nn.functional.pad(U, (0, 2)) @ orthogonal(k + 2, seed)
    outputs = QuadraticNetwork.from_factor(wider)
    single, sums = outputs(eye).detach(), outputs((eye[:, None] + eye).flatten(0, 1)).detach().reshape(d, d)
    return 0, distance((sums - single[:, None] - single) / 2, U @ U.T)


def _mean_output(difference, fourth):
    """E xᵀΔx and E(xᵀΔx)² for independent coordinates on three points with this fourth moment, over all 3^d inputs."""
    values = torch.tensor([-(fourth**0.5), 0.0, fourth**0.5], dtype=torch.float64)
    chances = torch.tensor([0.5 / fourth, 1 - 1 / fourth, 0.5 / fourth], dtype=torch.float64)
    places = torch.tensor(list(itertools.product(range(3), repeat=len(difference))))
    x, weight = values[places], chances[places].prod(1)
    outputs = ((x @ difference) * x).sum(1)
    return (weight * outputs).sum(), (weight * outputs**2).sum()


INPUTS = ({"d": 3}, {"d": 7})


@measures(
    "6.2",
    "$\\mathbb{E}(x^\\top\\Delta x)^2$ over all inputs, random fourth moment, against (i)",
    tolerance=1e-10,
    sizes=INPUTS,
)
def other_inputs(seed, d):
    difference, fourth = symmetric(d, seed), uniform((), low=1, high=6, seed=seed).item()
    diagonal = difference.diagonal()
    formula = 2 * difference.square().sum() + diagonal.sum() ** 2 + (fourth - 3) * diagonal.square().sum()
    return formula, _mean_output(difference, fourth)[1]


@measures("6.2", "the same with the best output bias, against (ii)", tolerance=1e-10, sizes=INPUTS)
def with_a_bias(seed, d):
    difference, fourth = symmetric(d, seed), uniform((), low=1, high=6, seed=seed).item()
    mean, square = _mean_output(difference, fourth)
    return 2 * difference.square().sum() + (fourth - 3) * difference.diagonal().square().sum(), square - mean**2


@measures(
    "6.2",
    "$\\mathbb{E}(x^\\top\\Delta x)^2$ for $x \\sim N(0, \\Sigma)$, against (iii)",
    of="mean",
    tolerance=0.04,
    sizes=INPUTS,
)
def correlated_inputs(seed, d):
    root, difference = torch.eye(d, dtype=torch.float64) + 0.2 * gaussian(d, d, seed=0), symmetric(d, 1)
    x = gaussian(4000, d, seed=seed + 10) @ root.T
    cov = root @ root.T
    inner = cov @ difference
    return 2 * (inner @ inner).trace() + inner.trace() ** 2, ((x @ difference) * x).sum(1).square().mean()


@measures(
    "6.3",
    "smallest ratio found at rank $\\rho$ with the least $n$ that the theorem allows",
    "≥",
    tolerance=0,
    sizes=({"d": 3, "rank": 1}, {"d": 5, "rank": 2}),
)
def half_an_isometry(seed, d, rank):
    n = 1000
    while n < samples_needed(d, rank, n, t=4.0):
        n += 100
    problem = data(seed, d, 1, n, ensemble="rank-one")
    return 0.5, extreme_ratio(problem, rank, largest=False, starts=4, steps=40, seed=seed)


@lru_cache(8)
def lost_directions(seed, d, r):
    """A second-order stationary point at a random strength beyond the benign range, where columns are missing."""
    mu = torch.linspace(1, 0.15, r, dtype=torch.float64)
    penalty = GroupLasso(uniform((), low=0.3, high=1.2, seed=seed).item(), 0.01)
    problem = population(mu, d, seed, "rank-one")
    return mu, problem, penalty, minimise(problem, penalty, d, seed, scale=0.5)


LOST = ({"d": 5, "r": 3}, {"d": 9, "r": 5})


@measures("6.4", "share of $X$ off the top $s$ eigenvectors of $M$", tolerance=1e-9, relative=False, sizes=LOST)
def null_directions(seed, d, r):
    _, problem, _, U = lost_directions(seed, d, r)
    s = (U.norm(dim=0) > 1e-5).sum()
    rest = torch.linalg.eigh(problem.M).eigenvectors[:, : d - s]
    return 0, (rest.T @ U).norm() ** 2 / U.norm() ** 2


@measures("6.4", "missing trace $T$, against (6.3)", tolerance=1e-6, sizes=LOST)
def missing_trace(seed, d, r):
    mu, problem, penalty, U = lost_directions(seed, d, r)
    p = U.square().sum(0).sort(descending=True).values
    s = (p > 1e-10).sum()
    slopes = theory.dh(p[:s].numpy(), penalty.smoothing).sum()
    return 2 * (mu[s:].sum() + penalty.strength / 4 * slopes) / (s + 2), problem.M.trace() - p.sum()


@lru_cache(8)
def benign_point(seed, d, r, share):
    """A population minimiser at this share of 4√β μ_r, from a start of random scale."""
    mu = uniform(r, low=0.3, high=1.5, seed=seed).sort(descending=True).values
    beta = 0.05 * mu[-1].item()
    penalty = GroupLasso(share * 4 * beta**0.5 * mu[-1].item(), beta)
    problem = population(mu, d, seed, "rank-one")
    scale = 10 ** uniform((), low=-1.5, high=0.3, seed=seed + 1).item()
    return mu, problem, penalty, minimise(problem, penalty, d + 1, seed, scale=scale)


BENIGN = ({"d": 5, "r": 2}, {"d": 10, "r": 4})


@measures("6.5", "$F$ where training ends, against the minimum in closed form", tolerance=1e-6, sizes=BENIGN)
def every_point_is_global(seed, d, r):
    mu, problem, penalty, U = benign_point(seed, d, r, 0.9)
    p = torch.from_numpy(theory.shrunk_spectrum_rank_one(mu.numpy(), penalty.strength, penalty.smoothing))
    profile = (p / (p + penalty.smoothing).sqrt()).sum()
    least = 2 * (p - mu).square().sum() + (mu - p).sum() ** 2 + penalty.strength * profile
    return least, Objective(problem, penalty).value(U)


@measures("6.5", "$\\mathrm{tr}(M - X)$, against $\\lambda\\sum_ih'(p_i)/(2r + 4)$", tolerance=1e-6, sizes=BENIGN)
def trace_of_the_error(seed, d, r):
    _, problem, penalty, U = benign_point(seed, d, r, 0.9)
    p = torch.linalg.eigvalsh(U @ U.T)[-r:].numpy()
    return penalty.strength * theory.dh(p, penalty.smoothing).sum() / (2 * r + 4), (problem.M - U @ U.T).trace()


@measures("6.5", "nonzero columns", tolerance=0, relative=False, sizes=BENIGN)
def exactly_r(seed, d, r):
    return r, (benign_point(seed, d, r, 0.9)[-1].norm(dim=0) > 1e-5).sum()


@measures(
    "6.6",
    "nonzero columns, $\\lambda$ between $4\\sqrt\\beta\\mu_r$ and $\\frac{r+2}{r+1}$ times that",
    tolerance=0,
    relative=False,
    sizes=BENIGN,
)
def a_little_further(seed, d, r):
    share = 1 + uniform((), low=0.05, high=0.98, seed=seed).item() / (r + 1)
    return r, (benign_point(seed, d, r, share)[-1].norm(dim=0) > 1e-5).sum()


@measures(
    "6.6",
    "least eigenvalue of $\\nabla^2F(0)$ at $\\lambda = 6\\sqrt\\beta\\mu_1$, $r = 1$",
    tolerance=1e-8,
    relative=False,
    sizes=({"d": 3}, {"d": 9}),
)
def sharp_at_rank_one(seed, d):
    mu, beta = uniform((), low=0.3, high=1.5, seed=seed).item(), 0.02
    problem = population([mu], d, seed, "rank-one")
    value, _, _ = smallest_eigenvalue(
        problem, torch.zeros(d, 3, dtype=torch.float64), GroupLasso(6 * beta**0.5 * mu, beta)
    )
    return 0, value


@measures(
    "6.7",
    "largest $\\sin\\angle$ of a student's unit and its teacher's, population",
    tolerance=1e-5,
    relative=False,
    sizes=BENIGN,
)
def recovered_units(seed, d, r):
    _, problem, _, U = benign_point(seed, d, r, 0.9)
    return 0, torch.stack([sine for sine, _ in _angles(problem, U)]).max()


@measures(
    "6.7",
    "largest ratio of that to its bound, noisy data",
    "≤",
    tolerance=0,
    sizes=({"d": 6, "r": 2, "n": 600}, {"d": 10, "r": 3, "n": 2000}),
)
def nearly_recovered_units(seed, d, r, n):
    problem = data(seed, d, r, n, ensemble="rank-one", condition=2)
    U = minimise(problem, natural(problem), d, seed)
    distance = torch.linalg.matrix_norm(U @ U.T - problem.M, 2)
    return 1, torch.stack([sine * gap / (2 * distance) for sine, gap in _angles(problem, U)]).max()


def _angles(problem, U):
    """(sin∠(u_i, v_i), the eigenvalue gap at μ_i) for i = 1, …, r."""
    mu, frame = torch.linalg.eigh(problem.M)
    mu, frame = mu.flip(0).clamp(min=0), frame.flip(1)
    columns = U[:, U.norm(dim=0).argsort(descending=True)]
    for i in range(problem.r):
        u, gaps = torch.nn.functional.normalize(columns[:, i], dim=0), mu[max(i - 1, 0) : i + 2].diff().abs()
        yield (u - frame[:, i] * (frame[:, i] @ u)).norm(), gaps.min()


NOISE = ({"d": 5, "r": 1, "n": 300}, {"d": 8, "r": 2, "n": 1000})


@measures("6.8", "mean bound over data, against its second order $(1 + a/n)$", of="mean", tolerance=0.02, sizes=NOISE)
def mean_bound(seed, d, r, n):
    found = []
    for i in range(4):
        problem = data(100 * seed + i, d, r, n, ensemble="rank-one")
        answers = problem.measure(tuning.tangent_basis(problem.U_star))
        found.append(torch.linalg.inv(answers @ answers.T).trace())
    _, q2, product = _moments(d, r)
    return q2 / n * (1 + (product / q2 - 1) / n), torch.stack(found).mean()


@lru_cache
def _moments(d, r):
    """E q₁, E q₂, E q₁q₂ of Corollary 6.8, by quadrature that is exact for polynomials in y ~ χ²_r, z ~ χ²_{d−r}."""
    (y, a), (z, b) = (special.roots_genlaguerre(6, df / 2 - 1) for df in (r, d - r))
    y, z, weight = 2 * y[:, None], 2 * z, np.outer(a, b) / (a.sum() * b.sum())
    q1, q2 = (2.0**-j * (y**2 + 2 * y * z - y**2 / r) + (2.0 + r) ** -j * y**2 / r for j in (1, 2))
    return [(weight * values).sum() for values in (q1, q2, q1 * q2)]


@measures(
    "6.8",
    "$\\mathbb{E}(x^\\top(\\hat X - M)x)^2$ of least squares, against $s^2\\mathrm{dof}/n$",
    of="mean",
    tolerance=0.06,
    sizes=({"d": 5, "r": 1, "n": 1500}, {"d": 8, "r": 2, "n": 4000}),
)
def error_at_a_fresh_input(seed, d, r, n):
    truth = ground_truth(d, r, condition=1.2)
    seeds = range(60_000 + 10 * seed, 60_010 + 10 * seed)
    stack = Stack(Empirical.sample(truth, n, noise=0.1, ensemble="rank-one", seed=i) for i in seeds)
    V = fine_tune(stack, stack.U_star.expand(10, d, r), steps=400, tolerance=1e-8, record=1).U
    error = V @ V.mT - stack.M
    fresh = 2 * error.square().sum((-2, -1)) + error.diagonal(dim1=-2, dim2=-1).sum(-1) ** 2
    return 0.01 * theory.degrees_of_freedom(d, r) / n, fresh.mean()
