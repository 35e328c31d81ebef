"""The four claims of the paper's abstract (chapter 1 lists them), on the whole pipeline and on fresh problems."""

from functools import lru_cache

import torch
from instances import data, gaussian, natural
from statements.ledger import measures

from helpers import theory
from helpers.isometry import isometry_ratio
from helpers.objective import Objective
from helpers.problems import Population
from helpers.pruning import column_norms, prune
from helpers.training import fine_tune, gaussian_init, train

NOISE = 0.2
SENSING = (  # the last with fewer answers than a symmetric matrix has entries
    {"d": 6, "r": 1, "k": 10, "n": 100, "c_lambda": 0.3, "c_beta": 0.01},
    {"d": 8, "r": 2, "k": 12, "n": 200, "c_lambda": 0.2, "c_beta": 0.02},
    {"d": 10, "r": 1, "k": 16, "n": 50, "c_lambda": 0.3, "c_beta": 0.03},
)
NETWORKS = ({"d": 5, "r": 1, "k": 8, "n": 200}, {"d": 8, "r": 1, "k": 12, "n": 300}, {"d": 6, "r": 2, "k": 8, "n": 400})
QUIET = ({"d": 4, "r": 1, "k": 5, "n": 100}, {"d": 8, "r": 1, "k": 12, "n": 150}, {"d": 5, "r": 2, "k": 7, "n": 250})


def shared(function):
    """Cached, for keyword arguments in any order: the rows of one instance share its runs."""
    cached = lru_cache(16)(lambda seed, size: function(seed, **dict(size)))
    return lambda seed, **size: cached(seed, tuple(sorted(size.items())))


@shared
def pruned(seed, d, r, k, n, noise=NOISE, ensemble="gaussian", **scales):
    """The problem, its penalty, and U trained by L-BFGS to ‖∇F‖_F ≤ 1e-4 from a small random start and cut at 2√β."""
    problem = data(seed, d, r, n, noise=noise, ensemble=ensemble)
    penalty = natural(problem, **scales)
    start = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed)
    trained, _, _ = Objective(problem, penalty).minimise(start, steps=4000, tolerance=1e-4)
    return problem, penalty, prune(trained, threshold=penalty.threshold)


@shared
def tuned(seed, **size):
    """The error of the fine-tuned model, and the oracle's."""
    problem, _, U = pruned(seed, **size)
    oracle = fine_tune(problem, problem.U_star, steps=500, tolerance=1e-7, record=1)
    run = fine_tune(problem, U, steps=500, tolerance=1e-7, record=1, step_size=oracle.step_size.item())
    return run.error[-1], oracle.error[-1]


# P1


@measures("P1", r"columns kept at $2\sqrt\beta$", "=", SENSING)
def test_columns(seed, r, **size):
    return r, pruned(seed, r=r, **size)[2].shape[1]


@measures(
    "P1", r"training loss of the pruned model without noise, against $\lambda^2\sum_ih'(p_i)^2/(4\alpha)$", "≤", QUIET
)
def test_training_loss(seed, **size):
    """By how much it may exceed f(M) = 0 (Theorem 4.6), with α measured at the error of the run."""
    problem, penalty, U = pruned(seed, noise=0.0, c_lambda=0.1, c_beta=0.04, **size)
    alpha = isometry_ratio(problem, U @ U.T - problem.M).item()
    p = (column_norms(U) ** 2).numpy()
    return theory.fit_excess(p, problem.mu_r, penalty.strength, penalty.smoothing, alpha), problem.loss(U)


# P2


@measures("P2", "error after fine-tuning, against the oracle's", "=", SENSING)
def test_same_as_the_oracle(seed, **size):
    found, oracle = tuned(seed, **size)
    return oracle, found


@measures("P2", "its square, against what chapter 5 expects at this $n$", "≈", SENSING)
def test_squared_error(seed, **size):
    d, r, n = size["d"], size["r"], size["n"]
    return theory.cramer_rao(d, r, n, NOISE, finite_n=True), tuned(seed, **size)[0] ** 2


@shared
def contraction(seed):
    """By what factor each step of fine-tuning shrinks the distance of X from its limit: predicted at the limit, and
    measured."""
    problem, _, U = pruned(seed, **SENSING[1])
    run = fine_tune(problem, U, tolerance=1e-10, record=range(20), keep_iterates=True)
    basis = torch.eye(run.U.numel(), dtype=run.U.dtype).reshape(-1, *run.U.shape)
    bends = torch.linalg.eigvalsh(problem.hessian_vector(run.U, basis).flatten(1))
    turns = run.U.shape[1] * (run.U.shape[1] - 1) // 2  # rotations of the columns: zero eigenvalues
    left = torch.linalg.matrix_norm(run.iterates @ run.iterates.mT - run.U @ run.U.T)
    return 1 - run.step_size * bends[turns], left[1:] / left[:-1]


@measures(
    "P2", "factor of a step of fine-tuning, against the Hessian at the limit", "→", ({"t": 2}, {"t": 6}, {"t": 18})
)
def test_linear_rate(seed, t):
    predicted, measured = contraction(seed)
    return predicted, measured[t]


# P3


@lru_cache(8)
def plain(seed, d, k):
    """Twenty models without a penalty, r = 1, from small starts."""
    truth = torch.nn.functional.normalize(gaussian(d, 1, seed=seed), dim=0)
    problem = Population(truth)
    start = gaussian_init(d, k, scale=1e-3, seed=seed + 50_000, batch=(20,))
    return problem, train(problem, start, steps=50, step_size=0.1, record=1).U


PLAIN = ({"d": 4, "k": 10}, {"d": 6, "k": 30}, {"d": 8, "k": 60})


@measures("P3", "columns within a factor ½ of the largest, no penalty, $r = 1$", "≈", PLAIN)
def test_near_the_largest(seed, d, k):
    norms = column_norms(plain(seed, d, k)[1])
    near = norms >= norms.amax(-1, keepdim=True) / 2
    return theory.count_near_largest(k, 0.5), near.sum(-1).double().mean()


@measures("P3", "relative error after keeping $r = 1$ column", "≈", PLAIN)
def test_lost_by_pruning(seed, d, k):
    problem, U = plain(seed, d, k)
    return 1 - theory.kept_mass(1, k), (problem.error(prune(U, keep=1)) / problem.M.norm()).mean()


# P4


@measures("P4", r"columns kept at $2\sqrt\beta$", "=", NETWORKS)
def test_units(seed, r, **size):
    return r, pruned(seed, r=r, ensemble="rank-one", **size)[2].shape[1]


@measures("P4", "error after fine-tuning, against the oracle's", "=", NETWORKS)
def test_network_same_as_the_oracle(seed, **size):
    found, oracle = tuned(seed, ensemble="rank-one", **size)
    return oracle, found


@measures("P4", "its square, against what chapter 5 expects at this $n$", "≈", NETWORKS)
def test_network_squared_error(seed, **size):
    d, r, n = size["d"], size["r"], size["n"]
    expected = theory.cramer_rao(d, r, n, NOISE, ensemble="rank-one", finite_n=True)
    return expected, tuned(seed, ensemble="rank-one", **size)[0] ** 2
