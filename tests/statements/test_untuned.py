"""Chapter 8, statement by statement: rows of the ledger, and beside them what shows that the ends are sharp and that
the tables of proofs hold.

The ends are attained on *isometric* data, f(X) = ‖X − M − W‖_F² + const with a noise matrix W = 𝒜*w/n that we choose,
and on the mean of rank-one data plus such noise.
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from instances import data, either, gaussian, orthogonal, population, uniform
from statements.ledger import measures
from statements.test_gap import isometric, spectral

from helpers import theory
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, ground_truth
from helpers.proofs import untuned
from helpers.proofs.points import converged
from helpers.pruning import column_norms
from helpers.training import gaussian_init

SHAPES = ({"d": 3, "r": 1}, {"d": 4, "r": 1}, {"d": 4, "r": 2})
RATIO = 0.04


def on_path(level, ratio=RATIO):
    return GroupLasso(level**1.5, ratio * level)


# Lemma 8.1


@measures("8.1", "$\\lVert\\nabla F\\rVert$ at $aU$ for $a^2y$, $a^3\\lambda$, over that at $U$", "=", SHAPES)
def test_the_path_has_no_scale(seed, d, r):
    problem, a = data(seed, d, r, 60, ensemble=either(seed)), uniform((), low=0.3, high=3, seed=seed).item()
    w = problem.y - problem.measure(problem.M)
    larger = Empirical(a * problem.U_star, problem.design, a**2 * w, problem.ensemble)
    U, level = gaussian(d, d, seed=seed), uniform((), low=0.1, high=1, seed=seed + 1).item()
    before = Objective(problem, on_path(level)).gradient(U).norm()
    return a**3, Objective(larger, on_path(a**2 * level)).gradient(a * U).norm() / before


@measures("8.1", "$g_{\\min}$ over $z$, for strengths between $10^{-3}$ and $10^3$", "=", SHAPES)
def test_the_floor_is_proportional_to_the_level(seed, d, r):
    strength, ensemble = 10 ** uniform((), low=-3, high=3, seed=seed).item(), either(seed)
    penalty = on_path(strength ** (2 / 3), RATIO * d / r)
    least = theory.g_min(strength / theory.mean_factor(ensemble), penalty.smoothing)
    return theory.path_floor(RATIO * d / r, ensemble=ensemble), least / strength ** (2 / 3)


@measures("8.1", "shortest nonzero column over $2\\sqrt\\beta$, $b$ as large as $\\kappa$ allows", "≥", SHAPES)
def test_the_gap_holds_the_threshold_at_every_strength(seed, d, r):
    mu = gaussian(d, seed=seed).abs() + 0.05
    level = 10 ** uniform((), low=-1.5, high=0.5, seed=seed).item()
    mu[0] = theory.path_floor(theory.largest_ratio()) * level * (1 + 1e-6)  # one that barely survives
    problem, penalty = population(mu, d, seed), on_path(level, theory.largest_ratio())
    alive = (mu > mu[0] / (1 + 1e-7)).sum().item()
    point = spectral(_silent(problem), penalty, alive, d)
    return 1.0, column_norms(point.S).min() / penalty.threshold


def _silent(problem, W=None):
    """A population problem with the noise matrix W (None: 0)."""
    problem.noise_matrix = 2 * (torch.zeros_like(problem.M) if W is None else W)
    return problem


# Theorem 8.2


def full_rank(seed, d, ensemble="gaussian"):
    """M with eigenvalues 2^{-i} in random directions, and a noise matrix."""
    problem = population(2.0 ** -torch.arange(d), d, seed, ensemble)
    W = gaussian(d, d, seed=seed + 1)
    return _silent(problem, 0.1 * (W + W.T) / d**0.5)


def extra(seed, d, j, ensemble="gaussian"):
    """A point whose column j + 1 barely survives: M + W is diagonal in the axes of M, z at the edge of that column."""
    problem = population(2.0 ** -torch.arange(d), d, seed, ensemble)
    mu, V = untuned.spectrum(problem)
    W = (V * (0.2 * mu * uniform(d, low=-1, seed=seed))) @ V.T
    seen = mu + ((V.T @ W) * V.T).sum(1)
    return _silent(problem, W), seen


@measures("8.2", "$2cg_bz$ where column $j+1$ barely survives, against $\\lambda_{\\max}(Q_j'(2cM-E)Q_j')$", "≤",
          ({"d": 3, "j": 0}, {"d": 4, "j": 1}, {"d": 4, "j": 2}))  # fmt: skip
def test_a_further_column_needs_an_eigenvalue(seed, d, j):
    problem, seen = extra(seed, d, j)
    order = seen.sort(descending=True)
    level = order.values[j].item() / (theory.path_floor(RATIO) * (1 + 1e-5))
    point = spectral(problem, on_path(level), j + 1, d)
    assert point.m == j + 1
    _, V = untuned.spectrum(problem)
    rest = V[:, j:]
    right = torch.linalg.eigvalsh(rest.T @ (2 * problem.M - point.E) @ rest)[-1]
    return right, 2 * theory.path_floor(RATIO) * level


@measures("8.2", "$\\lambda_{\\max}(Q_jEQ_j)$, direction $j$ barely left out, against $2c\\mu_j - z/\\sqrt b$", "≥",
          ({"d": 3, "j": 1}, {"d": 4, "j": 2}, {"d": 4, "j": 3}))  # fmt: skip
def test_a_direction_is_left_out_only_if_it_is_weak(seed, d, j):
    problem, _ = extra(seed, d, j)
    mu, V = untuned.spectrum(problem)
    W = problem.noise_matrix / 2
    W = W - V[:, :j] @ V[:, :j].T * 0.3 * mu[j - 1]  # the noise hides direction j
    problem = _silent(problem, W)
    seen = torch.linalg.eigvalsh(problem.M + W).flip(0)
    level = 2 * RATIO**0.5 * seen[j - 1].item() * (1 + 1e-5)
    point = spectral(problem, on_path(level), j - 1, d)
    top = V[:, :j]
    return 2 * mu[j - 1] - level / RATIO**0.5, torch.linalg.eigvalsh(top.T @ point.E @ top)[-1]


@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
@pytest.mark.parametrize("seed", range(3))
def test_counts_of_noisy_data_lie_in_the_range(seed, ensemble):
    problem = Empirical.sample(ground_truth(5, 5, condition=8, seed=seed), 200, noise=0.1, ensemble=ensemble, seed=seed)
    mu = untuned.spectrum(problem)[0].clamp(min=0).numpy()
    for level in (0.05, 0.2, 0.8):
        point = converged(problem, on_path(level, 0.02), k=7, seed=seed)
        size = torch.linalg.matrix_norm(point.E, 2).item()
        least, most = theory.count_range(mu, level, 0.02, size, ensemble=ensemble)
        assert least <= point.m <= most


# Theorem 8.3 and Corollary 8.4


def quiet(seed, d, r, nu):
    """Isometric data with noise of operator norm `nu` and r equal eigenvalues 1."""
    W = gaussian(d, d, seed=seed + 1)
    return isometric(ground_truth(d, r, seed=seed), nu * (W + W.T) / torch.linalg.matrix_norm(W + W.T, 2))


def somewhere(seed, problem, r):
    """A level on the proved plateau for δ = 0, near an end for two seeds of three."""
    ends = theory.plateau(RATIO, r, problem.mu_r, problem.nu, 0.0, most=r, ensemble=problem.ensemble)
    share = (0.001, 0.999, 0.4)[seed % 3]
    return ends[0] ** (1 - share) * ends[1] ** share


@measures("8.3", "fewest columns on the plateau of isometric data", "=", SHAPES)
def test_there_are_not_fewer_columns_on_the_plateau(seed, d, r):
    problem = quiet(seed, d, r, 0.1)
    return r, theory.count_range(eigenvalues_seen(problem), somewhere(seed, problem, r), RATIO)[0]


@measures("8.3", "most columns there", "=", SHAPES)
def test_there_are_not_more_columns_on_the_plateau(seed, d, r):
    problem = quiet(seed, d, r, 0.1)
    return r, theory.count_range(eigenvalues_seen(problem), somewhere(seed, problem, r), RATIO)[1]


@measures("8.3", "$\\lVert\\Delta\\rVert_F$ there, against $B(z)/\\alpha(z)$", "≤", SHAPES)
def test_the_error_on_the_plateau(seed, d, r):
    problem = quiet(seed, d, r, 0.05)
    level = somewhere(seed, problem, r)
    _, error = theory.path_deviation(level, RATIO, r, problem.mu_r, problem.nu, 0.0)
    return error, spectral(problem, on_path(level), r, d).error


def eigenvalues_seen(problem):
    """Of M + W, which isometric data have in place of M: by Theorem 2.7 they decide which columns there can be."""
    return torch.linalg.eigvalsh(problem.M + problem.noise_matrix / 2).clamp(min=0).numpy()


@pytest.mark.parametrize(("d", "r"), [(3, 1), (4, 2)])
def test_the_count_and_the_trace_are_right_on_the_plateau_of_rank_one_data(d, r):
    for seed in range(3):
        W = gaussian(d, d, seed=seed)
        W = 0.06 * (W + W.T) / torch.linalg.matrix_norm(W + W.T, 2)
        problem = _silent(population(torch.ones(r), d, seed, "rank-one"), W)
        level = somewhere(seed, problem, r)
        point = converged(problem, on_path(level), seed=seed)
        bound, error = theory.path_deviation(level, RATIO, r, 1.0, problem.nu, 0.0, ensemble="rank-one")
        assert point.m == r
        assert point.error <= error
        assert 2 * point.difference.trace().abs() <= bound - 2 * problem.nu


def worst(seed, d, r, nu):
    """Isometric data whose noise adds ν to one direction off the range of M and takes ν from one in it."""
    frame = orthogonal(d, seed)
    W = nu * (torch.outer(frame[:, r], frame[:, r]) - torch.outer(frame[:, r - 1], frame[:, r - 1]))
    return isometric(frame[:, :r], W)


@measures("8.4", "ends of the proved plateau at $\\delta = 0$, lower over $\\nu/g_b$", "=", SHAPES)
def test_the_lower_end_without_isometry_error(seed, d, r):
    nu = uniform((), low=0.01, high=0.1, seed=seed).item()
    low, _ = theory.plateau(RATIO, r, 1.0, nu, 0.0, most=d)
    return 1.0, low * theory.path_floor(RATIO) / nu


@measures("8.4", "its upper end over $2\\sqrt b(\\mu_r - \\nu)$", "=", SHAPES)
def test_the_upper_end_without_isometry_error(seed, d, r):
    nu = uniform((), low=0.01, high=0.1, seed=seed).item()
    _, high = theory.plateau(RATIO, r, 1.0, nu, 0.0, most=d)
    return 1.0, high / (2 * RATIO**0.5 * (1 - nu))


@measures("8.4", "columns of a second-order point just below the lower end, for the worst noise", "=", SHAPES)
def test_the_lower_end_is_sharp(seed, d, r):
    problem = worst(seed, d, r, 0.1)
    point = spectral(problem, on_path(0.1 / theory.path_floor(RATIO) * (1 - 1e-4)), r + 1, d + 1)
    return r + 1, point.m if second_order(point) else math.nan


@measures("8.4", "the same just above the upper end", "=", SHAPES)
def test_the_upper_end_is_sharp(seed, d, r):
    problem = worst(seed, d, r, 0.1)
    point = spectral(problem, on_path(2 * RATIO**0.5 * 0.9 * (1 + 1e-4)), r - 1, d + 1)
    return r - 1, point.m if second_order(point) else math.nan


def second_order(point):
    """Whether the whole Hessian is positive semidefinite, but for rounding."""
    basis = torch.eye(point.U.numel(), dtype=torch.float64).reshape(-1, *point.U.shape)
    hessian = Objective(point.problem, point.penalty).hessian_vector(point.U, basis).flatten(1)
    return torch.linalg.eigvalsh(hessian)[0].item() > -1e-9


# Proposition 8.5 and Theorem 8.6


@measures("8.5", "$f(X)$, all noise fitted that can be, against $\\lVert w\\rVert^2/n - \\rho\\nu^2/\\alpha$", "≥",
          SHAPES)  # fmt: skip
def test_a_fit_goes_no_further_below_the_noise(seed, d, r):
    frame = orthogonal(d, seed)[:, r:]
    problem = isometric(orthogonal(d, seed)[:, :r], 0.1 * frame @ frame.T)
    U = torch.cat([problem.U_star, 0.1**0.5 * frame], 1)
    size = (problem.y - problem.measure(problem.M)).square().mean().item()
    return theory.residual_floor(size, problem.nu, d - r, 1.0), problem.loss(U)


@measures("8.5", "the same for converged fits with $d$ columns to noisy data", "≥", SHAPES, loose=True)
def test_fits_to_data_stay_above_the_floor(seed, d, r):
    problem = data(seed, d, r, 80, ensemble=either(seed))
    U = Objective(problem).minimise(gaussian_init(d, d, scale=0.3, seed=seed), steps=500, tolerance=1e-6)[0]
    floor = untuned.residuals(problem, U)[-1].left
    return floor, problem.loss(U)


@measures("8.5", "$f(\\hat X)$ fine-tuned from the truth, against $\\lVert w\\rVert^2/n$", "≤", SHAPES, loose=True)
def test_the_best_fit_is_at_least_as_good_as_the_truth(seed, d, r):
    problem = data(seed, d, r, 80, ensemble=either(seed))
    U = Objective(problem).minimise(problem.U_star, steps=500, tolerance=1e-8)[0]
    return (problem.y - problem.measure(problem.M)).square().mean(), problem.loss(U)


def repeated(seed, d, r, blocks, noise):
    """Gaussian noise on √D times every unit matrix of the D = d(d+1)/2 coordinates, `blocks` times: 𝒜*𝒜/n = I."""
    coordinates = d * (d + 1) // 2
    design = coordinates**0.5 * torch.eye(coordinates, dtype=torch.float64).repeat(blocks, 1)
    return Empirical(ground_truth(d, r, seed=seed), design, noise * gaussian(len(design), seed=seed), noise=noise)


@measures("8.6", "rank that the rule finds where the hypotheses hold", "=",
          ({"d": 3, "r": 1, "blocks": 20}, {"d": 4, "r": 1, "blocks": 30}, {"d": 4, "r": 2, "blocks": 60}))  # fmt: skip
def test_the_rule_finds_the_rank(seed, d, r, blocks):
    problem, levels = promised(seed, d, r, blocks)
    return (r, by_the_rule(problem, levels, seed)) if levels else (r, math.nan)


def by_the_rule(problem, levels, seed):
    """The rank that (8.5) chooses where each level has one of the counts that a second-order point there can have."""
    seen, random = np.sort(eigenvalues_seen(problem))[::-1], np.random.default_rng(seed)
    w = problem.y - problem.measure(problem.M)
    rest = w.square().mean().item() - (problem.noise_matrix / 2).square().sum().item()  # what no matrix can fit
    square = torch.linalg.eigvalsh(problem.M + problem.noise_matrix / 2).square().sum().item()
    for level in levels:
        least, most = theory.count_range(seen, level, RATIO)
        m = int(random.integers(least, most + 1))
        loss = rest + square - (seen[:m] ** 2).sum()  # of the best matrix of rank m
        parameters = theory.degrees_of_freedom(problem.d, m) if m else 0
        noise = math.sqrt(problem.n * loss / (problem.n - parameters))
        if theory.path_floor(RATIO) * level >= 1.25 * theory.noise_level(noise, problem.d, problem.n):
            return m
    return 0


def promised(seed, d, r, blocks):
    """The first of 50 data sets for which Theorem 8.6 promises the rank (some noise is louder than its usual size), and
    the levels of its path, from ν/(3g_b) on; or None if there is none."""
    for draw in range(50):
        problem = repeated(seed + 1000 * draw, d, r, blocks, 0.15)
        size, floor = (problem.y - problem.measure(problem.M)).square().mean().item(), theory.path_floor(RATIO)
        levels = [problem.nu / (3 * floor) * (4 / 3) ** i for i in range(30)]
        ends = theory.plateau(RATIO, r, 1.0, problem.nu, 0.0, most=d)
        low, high = theory.rule_ends(size, problem.nu, d, r, problem.n, 1.0, most=d)
        if ends and floor * ends[0] < low and any(ends[0] < z < ends[1] and floor * z >= high for z in levels):
            return problem, levels
    return problem, None


# Proposition 8.7


@measures("8.7", "largest eigenvalue of $M + W$, $\\mu = \\nu$, against $\\mu + \\nu^2/(4\\mu)$", "→",
          ({"d": 10}, {"d": 60}, {"d": 360}))  # fmt: skip
def test_an_eigenvalue_above_the_limit_is_seen(seed, d):
    return 1.25, top_eigenvalue(seed, d, 1.0)


@measures("8.7", "the same for $\\mu = \\nu/4$, against $\\nu$", "→", ({"d": 10}, {"d": 60}, {"d": 360}))
def test_an_eigenvalue_below_the_limit_leaves_no_trace(seed, d):
    return 1.0, top_eigenvalue(seed, d, 0.25)


def top_eigenvalue(seed, d, mu):
    """Of μ e₁e₁ᵀ + W, W symmetric with off-diagonal variance 1/(4d), so that ν = 1."""
    B = gaussian(d, d, seed=seed)
    W = (B + B.T) / (8 * d) ** 0.5
    W[0, 0] += mu
    return torch.linalg.eigvalsh(W)[-1]


# The tables of the proofs, and the algebra


@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
def test_every_step_of_the_proofs_holds(ensemble):
    seen = set()
    for seed, n in ((0, 80), (1, 4000), (2, 400)):
        problem = data(seed, 4, 2, n, ensemble=ensemble)
        for level in (0.03, 0.2, 0.6):
            point = converged(problem, on_path(level, 0.02), k=6, seed=seed)
            tables = {f"count {j}": untuned.count(point, j) for j in range(5)} | {"plateau": untuned.plateau(point)}
            if point.m:
                tables |= {"scaling": untuned.scaling(point), "residuals": untuned.residuals(problem, point.S)}
            seen |= {name.split()[0] for name, steps in tables.items() if steps}
            wrong = [s for steps in tables.values() for s in steps if not s.holds(1e-6)]
            assert not wrong
    assert seen == {"count", "plateau", "scaling", "residuals"}


def test_the_scaling_of_the_penalty():
    x, b, z = sp.symbols("x b z", positive=True)
    h = lambda p, beta: p / sp.sqrt(p + beta)  # noqa: E731
    p, beta = sp.symbols("p beta", positive=True)
    first, second = sp.diff(h(p, beta), p), sp.diff(h(p, beta), p, 2)
    lam = z ** sp.Rational(3, 2)
    at = {p: z * x, beta: b * z}
    assert sp.simplify(lam * first.subs(at) - z * first.subs({p: x, beta: b})) == 0
    assert sp.simplify(lam * second.subs(at) - second.subs({p: x, beta: b})) == 0


def test_the_largest_ratio_puts_the_threshold_on_the_edge():
    for kappa in (1.0, 3.0, 8.0):
        ratio = theory.largest_ratio(kappa)
        assert ratio == pytest.approx(0.0684 * kappa ** (-2 / 3), rel=1e-3)
        for strength in (1e-3, 1.0, 50.0):
            beta = ratio * strength ** (2 / 3)
            assert theory.gap_edge(strength, kappa, beta) == pytest.approx(2 * beta**0.5, rel=1e-6)
