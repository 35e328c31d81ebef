"""The four claims of the paper's abstract (chapter 1 lists them), on the whole pipeline and on fresh problems."""

from functools import lru_cache

import torch
from instances import data, gaussian, natural
from statements.ledger import measures

from helpers import theory
from helpers.isometry import isometry_ratio
from helpers.problems import Population
from helpers.pruning import column_norms, prune
from helpers.training import fine_tune, gaussian_init, train

NOISE = 0.2
SENSING = (  # the last with fewer answers than a symmetric matrix has entries
    {"d": 6, "r": 1, "k": 10, "n": 100, "c_lambda": 0.3, "c_beta": 0.01},
    {"d": 8, "r": 2, "k": 16, "n": 200, "c_lambda": 0.08, "c_beta": 0.01},
    {"d": 14, "r": 2, "k": 20, "n": 90, "c_lambda": 0.3, "c_beta": 0.03},
)
NETWORKS = (
    {"d": 6, "r": 1, "k": 10, "n": 300},
    {"d": 8, "r": 2, "k": 14, "n": 500},
    {"d": 10, "r": 2, "k": 20, "n": 800},
)
QUIET = ({"d": 4, "r": 1, "k": 5, "n": 100}, {"d": 5, "r": 2, "k": 8, "n": 250}, {"d": 6, "r": 3, "k": 9, "n": 500})


def pruned(seed, **size):
    """The problem, its penalty, and U trained by L-BFGS to ‖∇F‖_F ≤ 1e-5 from a small random start and cut at 2√β."""
    return _pruned(seed, tuple(sorted(size.items())))


@lru_cache(16)
def _pruned(seed, size):
    size = {"ensemble": "gaussian", "noise": NOISE, "c_lambda": None, "c_beta": 0.01} | dict(size)
    d, scales = size["d"], {name: size[name] for name in ("c_lambda", "c_beta")}
    problem = data(seed, d, size["r"], size["n"], noise=size["noise"], ensemble=size["ensemble"])
    penalty = natural(problem, **scales)
    start = gaussian_init(d, size["k"], scale=0.3 / d**0.5, seed=seed)
    trained = train(problem, start, penalty=penalty, method="l-bfgs", steps=4000, tolerance=1e-5).U
    return problem, penalty, prune(trained, threshold=penalty.threshold)


def tuned(seed, **size):
    """The error of the fine-tuned model, the oracle's, and the model."""
    return _tuned(seed, tuple(sorted(size.items())))


@lru_cache(16)
def _tuned(seed, size):
    problem, _, U = _pruned(seed, size)
    runs = [fine_tune(problem, start, steps=300, record=1) for start in (U, problem.U_star)]
    return runs[0].error[-1], runs[1].error[-1], runs[0].U


# P1


@measures("P1", r"columns kept at $2\sqrt\beta$", "=", SENSING)
def test_columns(seed, r, **size):
    return r, pruned(seed, r=r, **size)[2].shape[1]


@measures(
    "P1", r"training loss of the pruned model without noise, against $\lambda^2\sum_ih'(p_i)^2/(4\alpha)$", "≤", QUIET
)
def test_training_loss(seed, **size):
    """By how much it may exceed f(M) = 0 (Theorem 4.6), with α measured at the error of the run."""
    problem, penalty, U = pruned(seed, noise=0.0, **size)
    alpha = isometry_ratio(problem, U @ U.T - problem.M).item()
    p = (column_norms(U) ** 2).numpy()
    return theory.fit_excess(p, problem.mu_r, penalty.strength, penalty.smoothing, alpha), problem.loss(U)


# P2


@measures("P2", "error after fine-tuning, against the oracle's", "=", SENSING)
def test_same_as_the_oracle(seed, **size):
    found, oracle, _ = tuned(seed, **size)
    return oracle, found


@measures("P2", "its square, against what chapter 5 expects at this $n$", "≈", SENSING)
def test_squared_error(seed, d, r, n, **size):
    found, _, _ = tuned(seed, d=d, r=r, n=n, **size)
    return theory.cramer_rao(d, r, n, NOISE, finite_n=True), found**2


@measures(
    "P2", "factor of a step of fine-tuning, against the Hessian at the limit", "→", ({"t": 2}, {"t": 8}, {"t": 32})
)
def test_linear_rate(seed, t):
    """By how much step t contracts the distance of X from its limit."""
    problem, _, U = pruned(seed, **SENSING[1])
    limit = tuned(seed, **SENSING[1])[2]
    basis = torch.eye(limit.numel(), dtype=limit.dtype).reshape(-1, *limit.shape)
    bends = torch.linalg.eigvalsh(problem.hessian_vector(limit, basis).flatten(1))
    turns = limit.shape[1] * (limit.shape[1] - 1) // 2  # rotations of the columns: zero eigenvalues
    run = fine_tune(problem, U, steps=t + 1, record=[t, t + 1], keep_iterates=True)
    left = torch.linalg.matrix_norm(run.iterates @ run.iterates.mT - limit @ limit.T)
    return 1 - run.step_size * bends[turns], left[1] / left[0]


# P3


@lru_cache(8)
def plain(seed, d, k):
    """Twenty models without a penalty, r = 1, from small starts."""
    truth = torch.nn.functional.normalize(gaussian(d, 1, seed=seed), dim=0)
    problem = Population(truth)
    start = gaussian_init(d, k, scale=1e-3, seed=seed + 50_000, batch=(20,))
    return problem, train(problem, start, steps=160, step_size=0.1, record=1).U


PLAIN = ({"d": 4, "k": 10}, {"d": 6, "k": 30}, {"d": 10, "k": 120})


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
    found, oracle, _ = tuned(seed, ensemble="rank-one", **size)
    return oracle, found


@measures("P4", "its square, against what chapter 5 expects at this $n$", "≈", NETWORKS)
def test_network_squared_error(seed, d, r, n, **size):
    found, _, _ = tuned(seed, d=d, r=r, n=n, ensemble="rank-one", **size)
    return theory.cramer_rao(d, r, n, NOISE, ensemble="rank-one", finite_n=True), found**2
