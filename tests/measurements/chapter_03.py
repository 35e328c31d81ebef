"""Chapter 3: plain training and weight decay leave a random frame, and what pruning makes of it."""

import math
from functools import lru_cache

import torch
from instances import data, distance, either, gaussian, orthogonal, population, uniform
from ledger import measures
from scipy import integrate, optimize, special, stats

from helpers import theory
from helpers.objective import Objective
from helpers.penalties import WeightDecay
from helpers.problems import Population
from helpers.pruning import column_norms, prune
from helpers.rotations import equal_columns, orthogonal_columns, random_frame
from helpers.training import gaussian_init, train

SHAPES = ({"d": 5, "k": 4}, {"d": 10, "k": 15})
DECAY = WeightDecay(0.2)


@measures("3.1", "training with weight decay from $U_0O$, against $U_tO$", tolerance=1e-9, relative=False, sizes=SHAPES)
def training_commutes(seed, d, k):
    problem, turn = data(seed, d, 2, 10 * d, ensemble=either(seed)), orthogonal(k, seed)
    start = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed)
    runs = [train(problem, U0, penalty=DECAY, steps=60, step_size=0.01, record=1).U for U0 in (start, start @ turn)]
    return 0, distance(runs[1], runs[0] @ turn)


@measures(
    "3.1", "second difference of $F$ at $UO$ along $ZO$, against that at $U$ along $Z$", tolerance=1e-8, sizes=SHAPES
)
def bending_commutes(seed, d, k):
    problem, turn = data(seed, d, 2, 10 * d, ensemble=either(seed)), orthogonal(k, seed)
    U, Z, F = gaussian(d, k, seed=seed), 0.5 * gaussian(d, k, seed=seed + 1), Objective(problem, DECAY)

    def bend(U, Z):
        return F.value(U + Z) - 2 * F.value(U) + F.value(U - Z)

    return bend(U, Z), bend(U @ turn, Z @ turn)


@measures(
    "3.2",
    "largest squared entry of the frame after 7 steps with weight decay, $r = 1$",
    of="mean",
    tolerance=0.02,
    sizes=({"d": 4, "k": 6}, {"d": 8, "k": 40}),
)
def frame_at_any_time(seed, d, k):
    start = gaussian_init(d, k, scale=0.2, seed=seed, batch=(60,))
    U = train(population([1.0], d, seed), start, penalty=DECAY, steps=7, step_size=0.1, record=1).U
    leading = torch.linalg.eigh(U @ U.mT).eigenvectors[..., -1:]
    W = torch.nn.functional.normalize((leading.mT @ U).squeeze(-2), dim=-1)
    return theory.kept_mass(1, k), W.square().amax(-1).mean()


@measures(
    "3.2",
    "$\\lVert U_t - U_\\star\\widehat W_t\\rVert_F$ from a start of size $10^{-4}$",
    tolerance=5e-3,
    relative=False,
    sizes=({"d": 5, "k": 8}, {"d": 10, "k": 40}),
)
def small_start(seed, d, k):
    problem = population([1.0, 0.8], d, seed)
    U = train(problem, gaussian_init(d, k, scale=1e-4, seed=seed), steps=220, step_size=0.1, record=1).U
    return 0, (U - problem.U_star @ torch.linalg.pinv(problem.U_star) @ U).norm()


@measures(
    "3.3",
    "least eigenvalue of $\\nabla^2F$ at equal columns, against that at orthogonal columns",
    tolerance=1e-8,
    sizes=({"d": 3, "k": 4}, {"d": 5, "k": 8}),
)
def one_spectrum(seed, d, k):
    problem, U = data(seed, d, 2, 10 * d, ensemble=either(seed)), gaussian(d, k, seed=seed)
    basis = torch.eye(d * k, dtype=U.dtype).reshape(-1, d, k)
    F = Objective(problem, DECAY)
    few, level = (
        torch.linalg.eigvalsh(F.hessian_vector(V, basis).flatten(1))[0]
        for V in (orthogonal_columns(U), equal_columns(U))
    )
    return few, level


@measures("3.3", "weight decay's $F$ where the penalty of the group Lasso differs most", tolerance=1e-10, sizes=SHAPES)
def one_value(seed, d, k):
    problem, U = data(seed, d, 2, 10 * d, ensemble=either(seed)), gaussian(d, k, seed=seed)
    F = Objective(problem, DECAY)
    return F.value(orthogonal_columns(U)), F.value(equal_columns(U))


@measures(
    "3.4",
    "mean of $\\lVert w_i\\rVert^4$, against that of $\\mathrm{Beta}(\\frac r2, \\frac{k-r}2)$",
    of="mean",
    tolerance=0.02,
    sizes=({"r": 1, "k": 10}, {"r": 3, "k": 60}),
)
def fourth_moment(seed, r, k):
    return r * (r + 2) / (k * (k + 2)), column_norms(random_frame(r, k, seed=seed, batch=(100,))).pow(4).mean()


@measures(
    "3.4",
    "share of $\\lVert w_i\\rVert^2$ above the 90 % quantile of that law",
    of="mean",
    tolerance=0.03,
    sizes=({"r": 1, "k": 10}, {"r": 3, "k": 60}),
)
def upper_quantile(seed, r, k):
    edge = stats.beta(r / 2, (k - r) / 2).ppf(0.9)
    return 0.1, (column_norms(random_frame(r, k, seed=seed, batch=(100,))).square() > edge).double().mean()


@measures("3.5", "columns within a factor ½ of the largest", of="mean", tolerance=0.03, sizes=({"k": 40}, {"k": 600}))
def near_the_largest(seed, k):
    norms = column_norms(random_frame(1, k, seed=seed, batch=(60,)))
    return _printed_count(k, 0.5), (norms >= norms.amax(-1, keepdim=True) / 2).sum(-1).double().mean()


@lru_cache
def _printed_count(k, c):
    """The integral (3.1) as it is printed."""

    def tail(y):
        return special.erfc(y / math.sqrt(2))

    def integrand(y):
        return math.sqrt(2 / math.pi) * math.exp(-y * y / 2) * (1 - tail(y)) ** (k - 2) * tail(c * y)

    return k * (k - 1) * integrate.quad(integrand, 0, 12, epsabs=1e-13, limit=400)[0]


@measures(
    "3.5",
    "$\\mathbb{E}N_c$ for a random $c$, against $\\Gamma(1+c^2)\\,k\\,\\Psi(cy_k)$",
    tolerance=0.02,
    sizes=({"k": 100}, {"k": 10**6}),
)
def count_law(seed, k):
    c = uniform((), low=0.2, high=0.95, seed=seed).item()
    return theory.count_near_largest_law(k, c), theory.count_near_largest(k, c)


@measures(
    "3.6",
    "relative error of keeping a share $q$, equal $\\mu$",
    of="mean",
    tolerance=0.03,
    sizes=({"r": 1, "k": 1000, "q": 0.1}, {"r": 3, "k": 4000, "q": 0.25}),
)
def equal_eigenvalues(seed, r, k, q):
    limit = stats.chi2.cdf(stats.chi2.ppf(1 - q, r), r + 2)
    return limit, _relative_error(random_frame(r, k, seed=seed), [0.7] * r, round(q * k))


@measures(
    "3.6",
    "relative error of keeping a share $q$, $\\mu = (1, 0.3)$",
    of="mean",
    tolerance=0.03,
    sizes=({"k": 1000, "q": 0.1}, {"k": 4000, "q": 0.25}),
)
def unequal_eigenvalues(seed, k, q):
    return _limit_of_two(0.3, q), _relative_error(random_frame(2, k, seed=seed), [1.0, 0.3], round(q * k))


@measures(
    "3.6",
    "relative error of keeping $r = 2$ columns of $k$, against 1",
    of="mean",
    tolerance=0.05,
    sizes=({"k": 1000}, {"k": 10_000}),
)
def keeping_r(seed, k):
    return 1, _relative_error(random_frame(2, k, seed=seed), [1.0, 0.5], 2)


def _relative_error(W, mu, keep):
    problem = Population(torch.tensor(mu, dtype=W.dtype).sqrt().diag())
    return problem.error(prune(problem.U_star @ W, keep=keep)) / problem.M.norm()


@lru_cache
def _limit_of_two(second, q):
    """‖X_q − M‖_F/‖M‖_F in (3.3) for μ = (1, second), in polar coordinates: z = R(cos, sin), R² ~ χ²_2."""

    def average(function):
        return integrate.quad(function, 0, math.pi / 2, epsabs=1e-11)[0] * 2 / math.pi

    def weight(angle):
        return math.cos(angle) ** 2 + second * math.sin(angle) ** 2

    edge = optimize.brentq(lambda c: average(lambda a: math.exp(-c / (2 * weight(a)))) - q, 1e-9, 60)

    def kept(a):  # E R² 1(R² ≥ x) = (x + 2)e^{−x/2}
        x = edge / weight(a)
        return (x + 2) * math.exp(-x / 2)

    first, other = average(lambda a: kept(a) * math.cos(a) ** 2), average(lambda a: kept(a) * math.sin(a) ** 2)
    return math.hypot(1 - first, second * (1 - other)) / math.hypot(1, second)


@measures(
    "3.7",
    "relative error of keeping $m$ of $k$ columns, $r = 1$",
    of="mean",
    tolerance=0.01,
    sizes=({"k": 10, "m": 2}, {"k": 100, "m": 10}),
)
def finite_width(seed, k, m):
    W = random_frame(1, k, seed=seed, batch=(60,))
    lost = 1 - integrate.quad(lambda u: stats.chi2.ppf(u, 1) * special.betainc(k - m, m, u), 0, 1, epsabs=1e-9)[0]
    return lost, _relative_error(W, [1.0], m).mean()


@measures(
    "3.7",
    "the same, against its limit for wide models",
    "≥",
    of="mean",
    tolerance=0,
    sizes=({"k": 10, "m": 2}, {"k": 100, "m": 10}),
)
def worse_than_the_limit(seed, k, m):
    limit = stats.chi2.cdf(stats.chi2.ppf(1 - m / k, 1), 3)
    return limit, _relative_error(random_frame(1, k, seed=seed, batch=(60,)), [1.0], m).mean()


@lru_cache(4)
def plain_model(seed, d, k):
    """An unpenalised model, half trained on noisy data, and the rotated one."""
    problem = data(seed, d, 2, 10 * d, ensemble=either(seed))
    start = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed)
    U = train(problem, start, steps=80, record=1).U
    return problem, U, U @ torch.linalg.svd(U).Vh.T


@measures("3.8", "error of rotating and keeping 2 columns, against Eckart–Young", tolerance=1e-7, sizes=SHAPES)
def rotate_and_prune(seed, d, k):
    _, U, turned = plain_model(seed, d, k)
    kept, values = prune(turned, keep=2), torch.linalg.eigvalsh(U @ U.T)
    return values[:-2].norm(), (U @ U.T - kept @ kept.T).norm()


@measures(
    "3.8",
    "distance to $M$ after rotating and pruning, against $2\\lVert X - M\\rVert_F$",
    "≤",
    tolerance=0,
    sizes=SHAPES,
)
def rotated_error(seed, d, k):
    problem, U, turned = plain_model(seed, d, k)
    return 2 * problem.error(U), problem.error(prune(turned, keep=2))


@measures(
    "3.9",
    "change of the outputs when the units turn, $\\sigma(t) = 2 - 3t^2$",
    tolerance=1e-10,
    relative=False,
    sizes=SHAPES,
)
def quadratic_units(seed, d, k):
    return 0, _turned_outputs(seed, d, k, lambda z: 2 - 3 * z**2)


@measures(
    "3.9", "the same for another activation (ReLU, $t^4$, tanh, cos)", "≥", tolerance=0, relative=False, sizes=SHAPES
)
def other_units(seed, d, k):
    activation = (torch.relu, lambda z: z**4, torch.tanh, torch.cos)[seed % 4]
    return 0.01, _turned_outputs(seed, d, k, activation)


def _turned_outputs(seed, d, k, activation):
    U, x = gaussian(d, k, seed=seed), gaussian(50, d, seed=seed + 1)
    before, after = (activation(x @ V).sum(-1) for V in (U, U @ orthogonal(k, seed)))
    return distance(after, before)
