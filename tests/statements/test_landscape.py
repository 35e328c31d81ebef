"""Chapter 2, statement by statement: rows of the ledger, and beside them what shows that hypotheses and constants are
needed, that the tables of proofs hold, and that the algebra of the proofs is right (sympy)."""

from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
import torch
from instances import data, either, gaussian, minimise, orthogonal, population, uniform
from scipy.optimize import brentq, minimize_scalar
from statements.ledger import measures

from helpers import theory
from helpers.objective import Objective
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay, natural
from helpers.proofs import landscape as proof
from helpers.pruning import column_norms, prune
from helpers.rotations import largest_cosine, rotate
from helpers.training import train

FACTORS = ({"d": 3, "k": 2}, {"d": 5, "k": 5}, {"d": 4, "k": 9})
NOISY = ({"d": 3, "k": 2, "n": 12}, {"d": 3, "k": 3, "n": 30}, {"d": 4, "k": 3, "n": 60})
BENIGN = ({"d": 2, "r": 1}, {"d": 3, "r": 2}, {"d": 4, "r": 2})
PAIRS = ({"gap": 0.2}, {"gap": 0.4}, {"gap": 0.6})


def profile(x, beta):
    """Σ x/√(x + β), written out: the penalty as the statements have it."""
    return (x / (x + beta).sqrt()).sum(-1)


def eigenvalues(U):
    return torch.linalg.eigvalsh(U @ U.mT).clamp(min=0)


def least(problem, penalty, U):
    """The least eigenvalue of ∇²F(U), of all of them."""
    basis = torch.eye(U.numel(), dtype=U.dtype).reshape(-1, *U.shape)
    return torch.linalg.eigvalsh(Objective(problem, penalty).hessian_vector(U, basis).flatten(1))[0]


def along_eigenvectors(problem, p, k, places=None):
    """U (d, k) whose first columns are √p_i times the eigenvectors of M number `places` (0, 1, …), then zeros."""
    frame = problem.U_star / problem.U_star.norm(dim=0)
    U = torch.zeros(problem.d, k, dtype=frame.dtype)
    U[:, : len(p)] = frame[:, list(range(len(p)) if places is None else places)] * torch.as_tensor(p).sqrt()
    return U


def shrunk(mu, penalty):
    return torch.as_tensor(theory.shrunk_eigenvalue(np.asarray(mu), penalty.strength, penalty.smoothing))


# Lemma 2.1


@lru_cache(16)
def nearly_orthogonal(seed, d, k, angle=0.1):
    """A factor, turned from orthogonal columns by about `angle`, and the orthogonal one."""
    U = gaussian(d, k, seed=seed) / d**0.5
    straight = U @ torch.linalg.svd(U).Vh.T
    skew = gaussian(k, k, seed=seed + 1)
    return straight @ torch.linalg.matrix_exp(angle * (skew - skew.T)), straight


@measures("2.1", "$\\sum_i h(p_i)$ near the orthogonal factor, against $\\mathrm{tr}\\,h(X)$", "≥", FACTORS)
def test_no_factor_is_cheaper_than_the_floor(seed, d, k):
    U, _ = nearly_orthogonal(seed, d, k)
    return profile(eigenvalues(U), 0.02), GroupLasso(1.0, 0.02).value(U)


@measures("2.1", "$\\sum_i h(p_i)$ of the orthogonal factor, against $\\mathrm{tr}\\,h(X)$", "=", FACTORS)
def test_orthogonal_columns_cost_the_floor(seed, d, k):
    _, straight = nearly_orthogonal(seed, d, k)
    return profile(eigenvalues(straight), 0.02), GroupLasso(1.0, 0.02).value(straight)


@measures("2.1", "the same near it for $h(x) = x^2/\\sqrt{x+\\beta}$, not concave: below the floor", "≤", FACTORS)
def test_a_convex_profile_turns_the_inequality_round(seed, d, k):
    U, straight = nearly_orthogonal(seed, d, k)
    penalty = ColumnPower(1.0, 3, 0.02)
    return penalty.value(straight), penalty.value(U)


# Lemma 2.2 and Corollary 2.3


@lru_cache(16)
def noisy_point(seed, d, k, n):
    """A second-order stationary point on few noisy measurements: problem, penalty, U."""
    problem = data(seed, d, 2, n, ensemble=either(seed))
    penalty = natural(problem, c_lambda=0.4, c_beta=0.05)
    U = minimise(problem, penalty, k, seed)
    return problem, penalty, Objective(problem, penalty).minimise(U, steps=20, tolerance=1e-12)[0]


@measures("2.2", "largest $\\lvert\\cos\\angle\\rvert$ of two columns, noisy data", "=", NOISY)
def test_columns_are_orthogonal_on_any_data(seed, d, k, n):
    return 0, largest_cosine(noisy_point(seed, d, k, n)[2], threshold=1e-3)


@measures("2.2", "second derivative of $F$ along the rotation, noisy data, against $\\lambda\\varphi''(0)$", "=", NOISY)
def test_the_loss_does_not_feel_a_rotation(seed, d, k, n):
    problem, penalty = data(seed, d, 2, n, ensemble=either(seed)), GroupLasso(0.7, 0.03)
    U = gaussian(d, 2, seed=seed)
    p, s, q = U[:, 0].square().sum(), U[:, 1].square().sum(), U[:, 0] @ U[:, 1]
    slope, bend = (lambda x: (x + 0.06) / (2 * (x + 0.03) ** 1.5)), (lambda x: -(x + 0.12) / (4 * (x + 0.03) ** 2.5))
    formula = 0.7 * (4 * q**2 * (bend(p) + bend(s)) - 2 * (p - s) * (slope(p) - slope(s)))
    velocity, acceleration = torch.stack([U[:, 1], -U[:, 0]], 1), -U
    objective = Objective(problem, penalty)
    turning = (velocity * objective.hessian_vector(U, velocity)).sum() + (objective.gradient(U) * acceleration).sum()
    return formula, turning


def quartic(U, strength, steepness):
    """h = x − .05(x − 1)⁴, d = 1, k = 2: strictly concave, but h''(1) = 0."""
    truth = 2 + strength / (2 * steepness)
    return steepness * (U @ U - truth) ** 2 + strength * (U**2 - 0.05 * (U**2 - 1) ** 4).sum()


@measures(
    "2.2", "least eigenvalue of $\\nabla^2F$ at two parallel columns where $h'' = 0$: second-order stationary", "≥",
    ({"strength": 0.3}, {"strength": 1.0}, {"strength": 3.0}),
)  # fmt: skip
def test_strict_concavity_alone_is_not_enough(seed, strength):
    U, rest = torch.ones(2, dtype=torch.float64), (strength, uniform((), low=0.5, high=2, seed=seed))
    slope = torch.autograd.functional.jacobian(lambda x: quartic(x, *rest), U)
    bend = torch.autograd.functional.hessian(lambda x: quartic(x, *rest), U)
    return 0, torch.linalg.eigvalsh(bend)[0] - slope.norm()


@pytest.mark.statement("2.2")
@pytest.mark.parametrize("angle", [0.05, 0.2])
def test_there_only_the_fourth_derivative_shows_that_turning_helps(angle):
    U = torch.ones(2, dtype=torch.float64)
    assert quartic(rotate(U[None], 0, 1, angle)[0], 0.8, 1.0) < quartic(U, 0.8, 1.0) - 1e-8


@pytest.mark.statement("2.2")
@pytest.mark.parametrize("seed", range(4))
def test_without_smoothing_columns_that_are_not_orthogonal_are_no_local_minimum(seed):
    U = gaussian(5, 2, seed=seed)
    for pair in (U, U / U.norm(dim=0)):
        around = rotate(pair, 0, 1, torch.tensor([-1e-3, 0.0, 1e-3], dtype=torch.float64)).norm(dim=-2).sum(-1)
        assert around.min() < around[1] - 1e-9


@measures("2.3", "error of keeping the longest column, against Eckart–Young", "=", NOISY)
def test_pruning_is_truncation(seed, d, k, n):
    _, _, U = noisy_point(seed, d, k, n)
    kept = prune(U, keep=1)
    return eigenvalues(U)[:-1].norm(), (U @ U.T - kept @ kept.T).norm()


@measures("2.3", "$\\sum_i i\\,p_i$, sorted, against the eigenvalues of $X$", "=", NOISY)
def test_squared_norms_are_eigenvalues(seed, d, k, n):
    _, _, U = noisy_point(seed, d, k, n)
    places = torch.arange(1, k + 1)
    return eigenvalues(U)[-k:] @ places.double(), U.square().sum(0).sort().values @ places.double()


# Proposition 2.4


@measures(
    "2.4", "nonzero columns against $\\operatorname{rank}X$, $q < 2$", "=",
    ({"q": 1, "k": 2}, {"q": 1, "k": 3}, {"q": 1.5, "k": 2}),
)  # fmt: skip
def test_below_two_the_penalty_selects(seed, q, k):
    if q == 1:
        _, _, U = noisy_point(seed, 3, k, {2: 12, 3: 30}[k])
    else:
        U = minimise(data(seed, 2, 1, 30, ensemble=either(seed)), ColumnPower(0.1, q, 0.02), k, seed)
    return (eigenvalues(U) > 1e-7).sum(), (column_norms(U) > 1e-3).sum()


@measures("2.4", "least eigenvalue of $\\nabla^2F$ after a random turn, $q = 2$", "≥", BENIGN)
def test_at_two_every_turn_of_a_stationary_point_is_one(seed, d, r):
    problem = population(uniform(r, low=0.3, high=1.5, seed=seed), d, seed)
    penalty = WeightDecay(0.2)
    U = along_eigenvectors(problem, problem.U_star.square().sum(0) - 0.1, d) @ orthogonal(d, seed)
    return 0, least(problem, penalty, U) - Objective(problem, penalty).gradient(U).norm()


@measures("2.4", "largest $\\lvert\\cos\\angle\\rvert$ of that point, which is not 0", "≥", BENIGN)
def test_at_two_columns_need_not_be_orthogonal(seed, d, r):
    problem = population(uniform(r, low=0.3, high=1.5, seed=seed), d, seed)
    U = along_eigenvectors(problem, problem.U_star.square().sum(0) - 0.1, d)
    quarter = rotate(U, 0, d - 1, np.pi / 4)  # one learned direction is shared with an empty column
    return 1, largest_cosine(quarter)


@measures("2.4", "shortest column against $\\sqrt{\\operatorname{tr}X/k}$, $q = 3$", "=",
          ({"d": 2, "k": 2}, {"d": 3, "k": 2}, {"d": 2, "k": 3}))  # fmt: skip
def test_above_two_all_columns_become_equal(seed, d, k):
    U = minimise(data(seed, d, 1, 30, ensemble=either(seed)), ColumnPower(0.4, 3, 0.05), k, seed)
    return ((U @ U.T).trace() / k).sqrt(), column_norms(U).min()


# Theorem 2.5


@lru_cache(16)
def benign_problem(seed, d, r, share=0.9):
    """Eigenvalues in [.3, 1.5], and λ at this share of the critical strength, written out."""
    mu = uniform(r, low=0.3, high=1.5, seed=seed).sort(descending=True).values
    beta = mu[-1].item() * 10 ** uniform((), low=-2, high=-0.5, seed=seed + 1).item()
    return mu, population(mu, d, seed), GroupLasso(share * 2 * beta**0.5 * mu[-1].item(), beta)


@lru_cache(16)
def benign_point(seed, d, r):
    """Where training ends from a start of any scale."""
    _, problem, penalty = benign_problem(seed, d, r)
    scale = 10 ** uniform((), low=-1, high=0.3, seed=seed).item()
    return minimise(problem, penalty, d, seed, scale=scale)


@measures("2.5", "$F$ where training ends, against $\\sum_i\\psi_{\\mu_i}(p(\\mu_i))$", "=", BENIGN)
def test_every_start_ends_at_the_one_value(seed, d, r):
    mu, problem, penalty = benign_problem(seed, d, r)
    p = shrunk(mu, penalty)
    best = (p - mu).square().sum() + penalty.strength * profile(p, penalty.smoothing)
    return best, Objective(problem, penalty).value(benign_point(seed, d, r))


@measures("2.5", "nonzero columns, against $r$", "=", BENIGN)
def test_exactly_r_columns_are_left(seed, d, r):
    return r, (column_norms(benign_point(seed, d, r)) > 1e-4).sum()


@measures("2.5", "least eigenvalue of $\\nabla^2F$ without column $i$: $2\\lambda h'(0) - 4\\mu_i$", "=", BENIGN)
def test_a_point_that_misses_a_direction_is_a_saddle(seed, d, r):
    mu, problem, penalty = benign_problem(seed, d, r)
    i, p = seed % r, shrunk(mu, penalty)
    rest = [j for j in range(r) if j != i]
    U = along_eigenvectors(problem, p[rest], d, rest)
    return 2 * penalty.strength / penalty.smoothing**0.5 - 4 * mu[i], least(problem, penalty, U)


@measures("2.5", "the same without column $r$ just above $\\lambda_0$, where it is no saddle", "≥", BENIGN)
def test_beyond_the_critical_strength_a_direction_may_be_missing(seed, d, r):
    mu, problem, penalty = benign_problem(seed, d, r, share=1.001)
    U = along_eigenvectors(problem, shrunk(mu, penalty)[:-1], d)
    return 0, least(problem, penalty, U) - Objective(problem, penalty).gradient(U).norm()


@pytest.mark.statement("2.5")
@pytest.mark.parametrize("seed", range(4))
def test_two_parallel_columns_are_a_saddle(seed):
    """Stationary with 2p + (λ/2)h'(p) = μ on one eigenvector, and not orthogonal."""
    mu, problem, penalty = benign_problem(seed, 4, 2)
    scales = penalty.strength, penalty.smoothing
    half = brentq(lambda p: p + theory.g(p, *scales) - mu[0].item(), 0, mu[0].item() / 2, xtol=1e-14)
    U = along_eigenvectors(problem, [half, half, shrunk(mu, penalty)[1]], 4, [0, 0, 1])
    assert Objective(problem, penalty).gradient(U).norm() < 1e-9
    assert least(problem, penalty, U) < -1e-3


# Lemma 2.6


@lru_cache(16)
def aligned(seed, d, k):
    """A population problem, eigenvalues x of X and μ of M in one order and basis, and U with orthogonal columns."""
    mu, x = (uniform(2, low=0.2, high=1.5, seed=seed + i).sort(descending=True).values for i in (0, 5))
    problem = population(mu, d, seed)
    return problem, along_eigenvectors(problem, x, k), ((x - mu).square().sum() + 0.4 * profile(x, 0.03))


@measures("2.6", "$F(U)$ near an aligned $U$, against $\\sum_i\\psi_{\\mu_i}(x_i)$", "≥", FACTORS)
def test_the_objective_is_at_least_its_scalar_parts(seed, d, k):
    problem, U, _ = aligned(seed, d, k)
    U = U + 0.03 * gaussian(d, k, seed=seed)
    x, mu = eigenvalues(U), torch.linalg.eigvalsh(problem.M)
    return (x - mu).square().sum() + 0.4 * profile(x, 0.03), Objective(problem, GroupLasso(0.4, 0.03)).value(U)


@measures("2.6", "$F(U)$ of an aligned $U$, against $\\sum_i\\psi_{\\mu_i}(x_i)$", "=", FACTORS)
def test_an_aligned_point_is_the_sum_of_its_parts(seed, d, k):
    problem, U, parts = aligned(seed, d, k)
    return parts, Objective(problem, GroupLasso(0.4, 0.03)).value(U)


@measures("2.6", "$F$ of that $U$ with two eigenvectors exchanged: more", "≥", FACTORS)
def test_the_wrong_order_costs_more(seed, d, k):
    problem, U, parts = aligned(seed, d, k)
    x, mu = U.square().sum(0)[:2], problem.U_star.square().sum(0)
    swapped = along_eigenvectors(problem, x, k, [1, 0])
    return parts + 2 * (x[0] - x[1]) * (mu[0] - mu[1]), Objective(problem, GroupLasso(0.4, 0.03)).value(swapped)


# Theorem 2.7

SMOOTH = ({"share": 0.003}, {"share": 0.1}, {"share": 0.7})


def scalar(seed, share):
    """μ and β = share · μ."""
    mu = uniform((), low=0.2, high=1.5, seed=seed).item()
    return mu, share * mu


def largest(function, high):
    """The largest value of a function of p on [0, high]."""
    return -minimize_scalar(lambda p: -function(p), bounds=(0, high), method="bounded", options={"xatol": 1e-9}).fun


@measures("2.7", "largest $\\lambda$ with a stationary $p > 0$, against $\\lambda_{\\mathrm{fold}}$", "=", SMOOTH)
def test_beyond_the_fold_no_minimum_keeps_the_direction(seed, share):
    mu, beta = scalar(seed, share)
    found = largest(lambda p: 2 * (mu - p) * 2 * (p + beta) ** 1.5 / (p + 2 * beta), mu)
    return theory.fold_strength(mu, beta), found


@measures("2.7", "largest $\\lambda$ with a $p > 0$ as good as 0, against $\\lambda_{\\mathrm{glob}}$", "=", SMOOTH)
def test_beyond_the_switch_zero_is_better(seed, share):
    mu, beta = scalar(seed, share)
    found = largest(lambda p: (mu**2 - (p - mu) ** 2) * (p + beta) ** 0.5 / p if p else 0.0, mu)
    return theory.global_strength(mu, beta), found


SPREAD = ({"d": 2, "r": 2}, {"d": 3, "r": 2}, {"d": 3, "r": 3})


@measures("2.7", "$F$ where training ends, $\\lambda > \\lambda_0$, against the predicted minimum", "=", SPREAD)
def test_training_ends_in_a_predicted_minimum(seed, d, r):
    mu = torch.linspace(1, 0.15, r, dtype=torch.float64)
    lowest, highest = 2 * 0.1 * 0.15, theory.fold_strength(0.7, 0.01)
    penalty = GroupLasso(uniform((), low=1.1 * lowest, high=highest, seed=seed).item(), 0.01)
    problem = population(mu, d, seed)
    U = minimise(problem, penalty, d, seed, scale=10 ** uniform((), low=-1, high=0.3, seed=seed + 1).item())
    s = (column_norms(U) > 1e-4).sum()
    if s and penalty.strength >= theory.fold_strength(mu[s - 1].item(), 0.01):
        return 0, torch.inf  # a column that the theorem excludes
    if s < r and penalty.strength <= 2 * 0.1 * mu[s]:
        return 0, torch.inf  # a missing direction that it excludes
    p = shrunk(mu[:s], penalty) if s else mu[:0]
    best = (p - mu[:s]).square().sum() + penalty.strength * profile(p, 0.01) + mu[s:].square().sum()
    return best, Objective(problem, penalty).value(U)


def single(seed, share, strength):
    """One eigenvalue μ, β = share · μ, λ = strength(μ, β), and the column √p₊ v."""
    mu, beta = scalar(seed, share)
    problem, penalty = population([mu], 2, seed), GroupLasso(strength(mu, beta), beta)
    return problem, penalty, along_eigenvectors(problem, shrunk([mu], penalty), 1)


@measures("2.7", "least eigenvalue of $\\nabla^2F$ at $p_+$ just before the fold: a minimum", "≥", SMOOTH)
def test_up_to_the_fold_the_direction_can_be_kept(seed, share):
    problem, penalty, U = single(seed, share, lambda mu, beta: 0.999 * theory.fold_strength(mu, beta))
    assert U.norm() > 0.1 * problem.U_star.norm()
    return 0, least(problem, penalty, U) - Objective(problem, penalty).gradient(U).norm()


@measures("2.7", "the same without the direction, just above $\\lambda_0$: a minimum, too", "≥", SMOOTH)
def test_from_the_critical_strength_on_it_can_be_lost(seed, share):
    problem, penalty, U = single(seed, share, lambda mu, beta: 1.001 * 2 * beta**0.5 * mu)
    return 0, least(problem, penalty, 0 * U)


@pytest.mark.statement("2.7")
@pytest.mark.parametrize("seed", range(4))
def test_local_minima_are_the_predicted_ones_and_no_others(seed):
    """Of all orthogonal stationary points made of eigenvectors and larger roots, the predicted ones have ∇²F ⪰ 0."""
    mu = uniform(3, low=0.1, seed=seed).sort(descending=True).values
    beta, problem = uniform((), low=0.005, high=0.03, seed=seed).item(), population(mu, 4, seed)
    lows, folds = (f(mu.numpy(), beta) for f in (theory.critical_strength, theory.fold_strength))
    seen = set()
    for strength in uniform(12, low=0.5 * lows[-1], high=1.1 * folds[0], seed=seed + 1).tolist():
        if min(abs(np.log(strength / np.concatenate([lows, folds])))) < 0.02:
            continue
        penalty = GroupLasso(strength, beta)
        for subset in range(8):
            kept = [i for i in range(3) if subset >> i & 1]
            if (strength >= folds[kept]).any():
                continue
            U = along_eigenvectors(problem, shrunk(mu, penalty)[kept], 3, kept)
            assert Objective(problem, penalty).gradient(U).norm() < 1e-8
            predicted = kept == list(range(len(kept))) and (strength > np.delete(lows, kept)).all()
            assert (least(problem, penalty, U) > -1e-9) == predicted
            seen.add((len(kept), predicted))
    assert len(seen) >= 4


# Proposition 2.8


@lru_cache(16)
def pair(seed, gap, strength=0.06):
    """Two columns at a minimiser of a population problem: problem, penalty, p > s, and U (3, 2)."""
    mu, penalty = [1.0, 1 - gap * uniform((), low=0.8, high=1, seed=seed).item()], GroupLasso(strength, 0.02)
    problem, p = population(mu, 3, seed), shrunk(mu, penalty)
    return problem, penalty, p, along_eigenvectors(problem, p, 2)


@measures("2.8", "slope of $F$ along the rotation, noisy data, against the formula", "=", NOISY)
def test_the_orbit_has_the_slope_of_the_formula(seed, d, k, n):
    problem, penalty = data(seed, d, 2, n, ensemble=either(seed)), GroupLasso(0.2, 0.02)
    p, s = (1.1 + uniform((), seed=seed)).item(), uniform((), low=0.1, seed=seed + 1).item()
    theta = uniform((), low=0.1, high=0.7, seed=seed + 2).item()
    U = orthogonal(d, seed)[:, :2] * torch.tensor([p, s], dtype=torch.float64).sqrt()
    large = p * np.cos(theta) ** 2 + s * np.sin(theta) ** 2
    slope = [(x + 0.04) / (2 * (x + 0.02) ** 1.5) for x in (p + s - large, large)]
    turned = rotate(U, 0, 1, theta)
    velocity = torch.stack([turned[:, 1], -turned[:, 0]], 1)
    found = (Objective(problem, penalty).gradient(turned) * velocity).sum()
    return 0.2 * (p - s) * np.sin(2 * theta) * (slope[0] - slope[1]), found


@measures("2.8", "least eigenvalue of $\\nabla^2F$ at a minimiser, against $c_{\\mathrm{exact}}$", "=", PAIRS)
def test_the_slow_rate_is_the_least_eigenvalue(seed, gap):
    problem, penalty, p, U = pair(seed, gap)
    rate = theory.rotation_speed(*p.tolist(), penalty.strength, penalty.smoothing, exact=True)
    return rate, least(problem, penalty, U)


@measures("2.8", "$c_{\\mathrm{exact}}$ against $c$ as $\\lambda \\to 0$", "→",
          ({"strength": 0.08}, {"strength": 0.03}, {"strength": 0.01}))  # fmt: skip
def test_the_two_rates_agree_for_weak_penalties(seed, strength):
    problem, penalty, p, U = pair(seed, 0.5, strength)
    return theory.rotation_speed(*p.tolist(), strength, penalty.smoothing), least(problem, penalty, U)


@measures("2.8", "$\\tan 2\\theta(t)$ against $\\tan 2\\theta(0)\\,e^{-ct}$ as $s/p \\to 1$", "→",
          ({"s": 0.8}, {"s": 0.9}, {"s": 0.97}))  # fmt: skip
def test_nearly_equal_columns_turn_by_the_law_of_the_tangent(seed, s):
    start = uniform((), low=0.2, high=0.7, seed=seed).item()
    t = 1.5 / theory.rotation_speed(1.0, s, 0.1, 0.01)
    return np.tan(2 * start) * np.exp(-1.5), np.tan(2 * theory.rotation_angle(t, start, 1.0, s, 0.1, 0.01))


@measures("2.8", "curvature of $F$ at a zero column along $u_1$: $2\\lambda[\\beta^{-1/2} - h'(p)]$", "=", PAIRS)
def test_a_column_dies_at_the_predicted_rate(seed, gap):
    problem, penalty, p, U = pair(seed, gap)
    U = torch.cat([U, torch.zeros(3, 1, dtype=U.dtype)], 1)
    push = torch.zeros_like(U)
    push[:, 2] = U[:, 0] / U[:, 0].norm()
    image = Objective(problem, penalty).hessian_vector(U, push)
    assert torch.allclose(image, (push * image).sum() * push, atol=1e-9)  # an eigenvector
    return theory.death_speed(penalty.strength, penalty.smoothing, p[0].item()), (push * image).sum()


@pytest.mark.statement("2.8")
def test_gradient_descent_turns_as_slowly_as_predicted():
    problem, penalty, p, U = pair(0, 0.6)
    scales = (*p.tolist(), penalty.strength, penalty.smoothing)
    steps = int(2.5 / theory.rotation_speed(*scales) / 0.1)
    how = {"penalty": penalty, "step_size": 0.1, "keep_iterates": True}
    run = train(problem, rotate(U, 0, 1, 0.6), steps=steps, record=12, **how)
    gram = run.iterates.mT @ run.iterates
    theta = 0.5 * torch.atan2(2 * gram[:, 0, 1].abs(), gram[:, 0, 0] - gram[:, 1, 1])
    assert np.abs(theta.numpy() - theory.rotation_angle(0.1 * run.steps.numpy(), 0.6, *scales)).max() < 0.02
    assert theta[-1] < 0.3 < theta[0]  # X lags behind by O(λ)
    late = train(problem, rotate(U, 0, 1, 1e-4), steps=1000, record=[500, 1000], **how)
    overlap = (late.iterates[..., 0] * late.iterates[..., 1]).sum(-1)
    measured = (overlap[0] / overlap[1]).log().item() / 50
    assert measured == pytest.approx(theory.rotation_speed(*scales, exact=True), rel=2e-3)


# Theorem 2.9


def softest(seed, d, p, s, c):
    """Two columns of squared norms p, s (times β = .01) at an angle of cosine c, under the loss K‖X − T‖² whose
    gradient cancels the penalty's best: ε and γ are as small as can be. Returns ε, γ, v and λ.

    K = 10⁵/v² is so steep that a steeper one would change nothing, and no steeper: rounding grows with K."""
    beta, strength = 0.01, 0.1
    frame = orthogonal(d, seed)[:, :2]
    lengths = (beta * torch.tensor([p, s], dtype=frame.dtype)).sqrt()
    U = frame @ torch.tensor([[1, c], [0, (1 - c * c) ** 0.5]], dtype=frame.dtype) * lengths
    upper = torch.triu_indices(d, d)
    units = torch.zeros(upper.shape[1], d, d, dtype=frame.dtype)
    units[range(len(units)), upper[0], upper[1]] = 1.0
    units = units + units.mT
    x = U.square().sum(0)
    pull = 2 * strength * (x + 2 * beta) / (2 * (x + beta) ** 1.5) * U
    weights = -torch.linalg.pinv(2 * (units @ U).flatten(1).T, rtol=1e-10) @ pull.flatten()
    slope = torch.einsum("i,iab->ab", weights, units)
    epsilon = (2 * slope @ U + pull).norm()
    steep = 1e5 / lengths.min().square()
    problem = Softest(U @ U.T - slope / (2 * steep), steep)
    gamma = (-least(problem, GroupLasso(strength, beta), U)).clamp(min=0)
    return epsilon, gamma, lengths.min(), strength


class Softest:
    """K‖X − T‖² for any symmetric T: what `Objective` asks of a problem."""

    def __init__(self, target, steep):
        self.target, self.steep = target, steep

    def hessian_vector(self, U, V):
        cross = U @ V.mT
        return 4 * self.steep * ((U @ U.mT - self.target) @ V + (cross + cross.mT) @ U)


@measures("2.9", "$\\lvert\\cos\\angle\\rvert^3$ under the loss that fits two columns best, against its bound", "≤",
          ({"d": 2, "p": 4000.0, "s": 4000.0, "c": 0.8}, {"d": 2, "p": 4e5, "s": 1042.0, "c": 0.983},
           {"d": 4, "p": 30.0, "s": 4.0, "c": 0.5}))  # fmt: skip
def test_nearly_stationary_columns_are_nearly_orthogonal(seed, d, p, s, c):
    c = c * uniform((), low=0.999, seed=seed).item()
    epsilon, gamma, v, strength = softest(seed, d, p, s, c)
    return (1.26 * epsilon + 1.12 * gamma * v * c) / strength, c**3


@measures("2.9", "the same for columns shorter than $\\sqrt\\beta$, where it need not hold", "≥",
          ({"x": 0.01}, {"x": 0.1}, {"x": 0.5}))  # fmt: skip
def test_short_columns_need_not_be_orthogonal(seed, x):
    c = uniform((), low=0.2, high=0.95, seed=seed).item()
    epsilon, gamma, v, strength = softest(seed, 2, x, x, c)
    return (1.26 * epsilon + 1.12 * gamma * v * c) / strength, c**3


@measures("2.9", "$\\lvert\\cos\\angle\\rvert$ there, against the maximum of the two roots", "≤",
          ({"d": 2, "p": 4000.0, "s": 4000.0}, {"d": 2, "p": 4e5, "s": 1042.0}, {"d": 3, "p": 40.0, "s": 5.0}),
          loose=True)  # fmt: skip
def test_the_maximum_of_the_two_roots_is_a_bound(seed, d, p, s):
    c = uniform((), low=0.5, high=0.98, seed=seed).item()
    epsilon, gamma, v, strength = softest(seed, d, p, s, c)
    return theory.robust_orthogonality_bound(epsilon.item(), gamma.item(), strength, v.item()), c


@pytest.mark.statement("2.9")
@pytest.mark.parametrize(("p", "s", "c", "ratio"), [(4000.0, 4000.0, 0.8, 0.88), (4e5, 1042.0, 0.983, 0.78)])
def test_the_constants_of_the_robust_bound_are_nearly_needed(p, s, c, ratio):
    epsilon, gamma, v, strength = softest(0, 2, p, s, c)
    assert c**3 > ratio * (1.26 * epsilon + 1.12 * gamma * v * c) / strength


# Corollary 2.10

FEW = ({"d": 2, "r": 2, "k": 1}, {"d": 3, "r": 3, "k": 1}, {"d": 3, "r": 3, "k": 2})


@lru_cache(16)
def few(seed, d, r, k, share=0.9):
    """Eigenvalues, and a strength at this share of 2√β μ_k, written out."""
    mu = uniform(r, low=0.3, high=1.5, seed=seed).sort(descending=True).values
    beta = 0.05 * mu[k - 1].item()
    return mu, population(mu, d, seed), GroupLasso(share * 2 * beta**0.5 * mu[k - 1].item(), beta)


@lru_cache(16)
def few_columns(seed, d, r, k):
    _, problem, penalty = few(seed, d, r, k)
    return minimise(problem, penalty, k, seed)


@measures("2.10", "$F$ where training ends with $k < r$, against the best choice of $k$ directions", "=", FEW)
def test_too_few_columns_take_the_largest_directions(seed, d, r, k):
    mu, problem, penalty = few(seed, d, r, k)
    p = shrunk(mu[:k], penalty)
    best = (p - mu[:k]).square().sum() + penalty.strength * profile(p, penalty.smoothing) + mu[k:].square().sum()
    return best, Objective(problem, penalty).value(few_columns(seed, d, r, k))


@measures("2.10", "nonzero columns, against $k$", "=", FEW)
def test_no_column_is_spent_in_vain(seed, d, r, k):
    return k, (column_norms(few_columns(seed, d, r, k)) > 1e-3).sum()


@measures("2.10", "least eigenvalue of $\\nabla^2F$, direction $k+1$ for $k$: $4(\\mu_{k+1} - \\mu_k)$", "=", FEW)
def test_a_wrong_choice_of_directions_is_a_saddle(seed, d, r, k):
    mu, problem, penalty = few(seed, d, r, k, share=0.15)  # so low that the wrong column has one root, too
    wrong = [*range(k - 1), k]
    U = along_eigenvectors(problem, shrunk(mu[wrong], penalty), k, wrong)
    return 4 * (mu[k] - mu[k - 1]), least(problem, penalty, U)


@measures("2.10", "the same without direction $k$, $\\lambda$ just above $2\\sqrt\\beta\\,\\mu_k$: no saddle", "≥", FEW)
def test_beyond_its_strength_a_column_may_stay_empty(seed, d, r, k):
    mu, problem, penalty = few(seed, d, r, k, share=1.001)
    U = along_eigenvectors(problem, shrunk(mu[: k - 1], penalty), k) if k > 1 else torch.zeros(d, 1, dtype=mu.dtype)
    return 0, least(problem, penalty, U)


# the tables of proofs on other instances than the chapter's


@pytest.mark.parametrize("seed", range(3))
def test_every_step_of_the_proof_tables_holds(seed):
    noise, penalty = data(seed, 5, 2, 40, ensemble=either(seed)), GroupLasso(0.3, 0.02)
    U = gaussian(5, 4, seed=seed)
    _, problem, mild = benign_problem(seed, 4, 2)
    _, rich, light = few(seed, 3, 3, 2)
    flat, pull, _, columns = pair(seed, 0.5)
    tables = {
        "2.1": proof.schatten(ColumnPower(1.0, 1.5, 0.1), U),
        "2.2": proof.rotation(noise, penalty, U, 0, 3),
        "2.5": proof.benign(problem, mild, benign_point(seed, 4, 2)),
        "2.6": proof.splitting(problem, penalty, gaussian(4, 6, seed=seed)),
        "2.7": proof.phases(*[(1.0, 0.01), (0.3, 0.25), (0.1, 0.5)][seed]),
        "2.8": proof.slow_rotation(flat, pull, columns, 0, 1, 0.4),
        "2.9": proof.robust(noise, penalty, 2 * U, 0, 1),
        "2.10": proof.too_few(rich, light, few_columns(seed, 3, 3, 2)),
    }
    for number, steps in tables.items():
        assert len(steps) >= 3
        assert not [(number, step) for step in steps if not step.holds(1e-6)]


# the algebra of the proofs

x, p, s, q, t, mu_, beta, lam = sp.symbols("x p s q t mu beta lambda", positive=True)
theta = sp.symbols("theta", real=True)
H = x / sp.sqrt(x + beta)


def vanishes(expression):
    return sp.simplify(sp.expand(expression)) == 0


@pytest.mark.statement("2.2")
def test_symbolically_the_derivatives_of_the_profile():
    assert vanishes(H.diff(x) - (x + 2 * beta) / (2 * (x + beta) ** sp.Rational(3, 2)))
    assert vanishes(H.diff(x, 2) + (x + 4 * beta) / (4 * (x + beta) ** sp.Rational(5, 2)))
    assert vanishes(H.diff(x, 3) - 3 * (x + 6 * beta) / (8 * (x + beta) ** sp.Rational(7, 2)))
    assert vanishes(H.diff(x).subs(x, 0) - 1 / sp.sqrt(beta))


@pytest.mark.statement("2.2")
def test_symbolically_the_derivatives_along_the_rotation():
    h = sp.Function("h")
    first = p * sp.cos(theta) ** 2 + s * sp.sin(theta) ** 2 + q * sp.sin(2 * theta)
    phi = h(first) + h(p + s - first)
    slope, bend = (h(x).diff(x, n) for n in (1, 2))
    d1, d2 = (lambda at: slope.subs(x, at)), (lambda at: bend.subs(x, at))
    assert vanishes((phi.diff(theta).subs(theta, 0) - 2 * q * (d1(p) - d1(s))).doit())
    formula = 4 * q**2 * (d2(p) + d2(s)) - 2 * (p - s) * (d1(p) - d1(s))
    assert vanishes((phi.diff(theta, 2).subs(theta, 0) - formula).doit())


@pytest.mark.statement("2.4")
def test_symbolically_the_derivatives_of_the_power():
    a = sp.symbols("a", positive=True)
    power = x * (x + beta) ** (a - 1)
    assert vanishes(power.diff(x) - (a * x + beta) * (x + beta) ** (a - 2))
    assert vanishes(power.diff(x, 2) - (a - 1) * (a * x + 2 * beta) * (x + beta) ** (a - 3))


@pytest.mark.statement("2.7")
def test_symbolically_the_phases():
    big = 2 * (mu_ - p) / H.diff(x).subs(x, p)
    bracket = 3 * p**2 + (10 * beta - mu_) * p + 4 * beta * (beta - mu_)
    rise = sp.diff(sp.log(big), p) * 2 * (mu_ - p) * (p + beta) * (p + 2 * beta)
    assert vanishes(rise + bracket)
    assert vanishes(bracket.subs(p, mu_) - 2 * (mu_ + beta) * (mu_ + 2 * beta))
    assert vanishes(sp.discriminant(bracket, p) - (mu_ + 2 * beta) * (mu_ + 26 * beta))
    fold = (mu_ - 10 * beta + sp.sqrt((mu_ + 2 * beta) * (mu_ + 26 * beta))) / 6
    assert vanishes(bracket.subs(p, fold))
    assert vanishes(big.subs(p, 0) - 2 * mu_ * sp.sqrt(beta))
    good = (2 * mu_ - p) * sp.sqrt(p + beta)
    psi = (p - mu_) ** 2 + lam * p / sp.sqrt(p + beta)
    assert vanishes(psi.subs(lam, good) - mu_**2)
    switch = 2 * (mu_ - beta) / 3
    assert vanishes(good.diff(p).subs(p, switch))
    at_switch = sp.simplify(good.subs(p, switch) ** 2 - 4 * ((2 * mu_ + beta) / 3) ** 3)
    assert at_switch == 0
    lowest = p + lam * H.diff(x).subs(x, p) / 2  # g, least where 8(p + β)^{5/2} = λ(p + 4β)
    assert vanishes(lowest.diff(p) * 8 * (p + beta) ** sp.Rational(5, 2) - 8 * (p + beta) ** sp.Rational(5, 2)
                    + lam * (p + 4 * beta))  # fmt: skip
    limit = lowest.subs(beta, 0).subs(p, (lam / 8) ** sp.Rational(2, 3))
    assert vanishes(limit - 3 * (lam / 8) ** sp.Rational(2, 3))
    limits = [sp.limit(big.subs(p, fold), beta, 0), sp.limit(good.subs(p, switch), beta, 0)]
    assert vanishes(sp.Rational(3, 4) * limits[0] ** sp.Rational(2, 3) - mu_)
    assert vanishes(sp.cbrt(54) / 4 * limits[1] ** sp.Rational(2, 3) - mu_)


@pytest.mark.statement("2.8")
def test_symbolically_the_rates():
    D, c, kappa, time = sp.symbols("D c kappa tau", positive=True)
    block = 2 * sp.Matrix([[2 * p - lam * D, 2 * sp.sqrt(p * s)], [2 * sp.sqrt(p * s), 2 * s + lam * D]])
    exact = 2 * (p + s - sp.sqrt((p + s) ** 2 - 2 * lam * D * (p - s) + lam**2 * D**2))
    assert vanishes((block - exact * sp.eye(2)).det())
    assert vanishes(block.trace() - 4 * (p + s))
    assert vanishes(exact.diff(lam).subs(lam, 0) - 2 * D * (p - s) / (p + s))
    angle = sp.atan(sp.tan(2 * sp.symbols("start")) * sp.exp(-c * time)) / 2
    speed = 2 * lam * kappa * (p - s) ** 2 / (p + s)
    pull = kappa * (p - s) * sp.cos(2 * angle)
    flow = -lam * (p - s) / (p + s) * sp.sin(2 * angle) * pull
    assert vanishes((angle.diff(time) - flow).subs(c, speed))
    curvature = sp.limit(-H.diff(x, 2), beta, 0)
    assert vanishes(curvature - x ** sp.Rational(-3, 2) / 4)  # so c ≈ λ(p − s)²/(4 p̄^{5/2})


@pytest.mark.statement("2.9")
def test_symbolically_the_robust_bound():
    b, z = sp.symbols("b z", positive=True)
    scaled = 4 * x ** sp.Rational(3, 2) * -H.diff(x, 2)
    assert vanishes(scaled.subs(beta, b * x) - (1 + 4 * b) * (1 + b) ** sp.Rational(-5, 2))
    growth = sp.diff(sp.log((1 + 4 * b) * (1 + b) ** sp.Rational(-5, 2)), b)
    assert vanishes(growth - (3 - 12 * b) / (2 * (1 + 4 * b) * (1 + b)))
    square = sp.expand((1 + z**2) * (1 + z - z**2) ** 2)
    assert square == 1 + 2 * z - 2 * z**5 + z**6
    P = sp.expand(sp.Rational(126, 100) ** 2 * (1 + z**3) ** 2 - square)
    assert sp.expand(sp.nsimplify("0.5876") - 2 * z + sp.nsimplify("3.1752") * z**3 + 2 * z**5
                          + sp.nsimplify("0.5876") * z**6) == P  # fmt: skip
    assert all(term > 0 for term in sp.Poly(P.diff(z, 2), z).coeffs())  # convex
    tangent = sp.Rational(5, 12)
    assert P.subs(z, tangent) > sp.Rational(12, 1000)
    assert abs(P.diff(z).subs(z, tangent)) < sp.Rational(1, 1000)
    rest = sp.Rational(12, 100) + sp.Rational(112, 100) * z**3 - z**2
    assert vanishes(rest.diff(z).subs(z, 2 / sp.Rational(336, 100)))
    assert rest.subs(z, 2 / sp.Rational(336, 100)) > sp.Rational(1, 1000)
    best = [sp.sqrt(1 + z**2) * (1 + z - z**2) / (1 + z**3), (1 + z**2) / (1 + z**3)]
    grid = np.linspace(0, 1, 100_001)
    assert [round(float(sp.lambdify(z, f)(grid).max()), 4) for f in best] == [1.2558, 1.1184]
