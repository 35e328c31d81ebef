"""The four claims of the paper's abstract (chapter 1 lists them), on the whole pipeline."""

import math
from functools import lru_cache, partial

import torch
from instances import data, gaussian, natural
from ledger import measures

from helpers import theory
from helpers.problems import Population
from helpers.pruning import column_norms, prune
from helpers.training import fine_tune, gaussian_init, safe_step, train

NOISE = 0.2
SENSING = ({"d": 10, "r": 2, "k": 20, "n": 400}, {"d": 16, "r": 3, "k": 32, "n": 1200})
NETWORKS = ({"d": 10, "r": 2, "k": 20, "n": 800}, {"d": 16, "r": 3, "k": 32, "n": 2500})
PIPELINES = (("P1", "P2", "gaussian", SENSING), ("P4", "P4", "rank-one", NETWORKS))


@lru_cache(8)
def pipeline(seed, d, r, k, n, ensemble):
    """Train with the group Lasso to ‖∇F‖_F ≤ 1e-4, prune at 2√β, fine-tune; and the oracle that is told r."""
    problem = data(seed, d, r, n, noise=NOISE, ensemble=ensemble)
    penalty = natural(problem)
    start = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed)
    trained = train(problem, start, penalty=penalty, method="l-bfgs", steps=4000, tolerance=1e-4).U
    pruned = prune(trained, threshold=penalty.threshold)
    tuned = fine_tune(problem, pruned, steps=500, tolerance=0.0, record=500, keep_iterates=True)
    return problem, pruned, tuned, fine_tune(problem, problem.U_star, steps=500, tolerance=1e-12, record=1)


def columns(seed, ensemble, **size):
    _, pruned, _, _ = pipeline(seed, **size, ensemble=ensemble)
    return size["r"], pruned.shape[1]


def training_loss(seed, ensemble, **size):
    problem, pruned, _, _ = pipeline(seed, **size, ensemble=ensemble)
    return problem.loss(problem.U_star), problem.loss(pruned)


def same_as_the_oracle(seed, ensemble, **size):
    _, _, tuned, oracle = pipeline(seed, **size, ensemble=ensemble)
    return oracle.error[-1], tuned.error[-1]


def squared_error(seed, ensemble, **size):
    problem, _, tuned, _ = pipeline(seed, **size, ensemble=ensemble)
    d, r, n = problem.d, problem.r, problem.n
    return theory.cramer_rao(d, r, n, NOISE, ensemble=ensemble, finite_n=True), tuned.error[-1] ** 2


def linear_factor(seed, ensemble, **size):
    """The mean factor per step at distances 1e-9 to 1e-12 from the limit, against the Hessian there."""
    problem, pruned, tuned, _ = pipeline(seed, **size, ensemble=ensemble)
    U = tuned.U
    basis = torch.eye(U.numel(), dtype=U.dtype).reshape(-1, *U.shape)
    bends = torch.linalg.eigvalsh(problem.hessian_vector(U, basis).flatten(1))
    turns = U.shape[1] * (U.shape[1] - 1) // 2  # rotations of the columns: zero eigenvalues
    left = torch.linalg.matrix_norm(tuned.iterates @ tuned.iterates.mT - U @ U.T)
    late = ((left < 1e-9) & (left > 1e-12)).nonzero()
    if len(late) < 2:
        return 0, math.nan  # no linear convergence
    first, last = late[[0, -1], 0]
    factor = (left[last] / left[first]) ** (1 / (tuned.steps[last] - tuned.steps[first]))
    return 1 - safe_step(problem, pruned) * bends[turns], factor


for claim, tuning, ensemble, sizes in PIPELINES:
    measures(claim, "columns kept at $2\\sqrt\\beta$", tolerance=0, relative=False, sizes=sizes)(
        partial(columns, ensemble=ensemble)
    )
    measures(claim, "training loss of the pruned model, against the truth's", tolerance=0.15, sizes=sizes)(
        partial(training_loss, ensemble=ensemble)
    )
    measures(tuning, "error after fine-tuning, against the oracle's", tolerance=1e-6, sizes=sizes)(
        partial(same_as_the_oracle, ensemble=ensemble)
    )
    measures(tuning, "its square, against the Cramér–Rao bound at this $n$", of="mean", tolerance=0.1, sizes=sizes)(
        partial(squared_error, ensemble=ensemble)
    )
    measures(tuning, "factor per step of fine-tuning, against the Hessian", tolerance=0.05, sizes=sizes)(
        partial(linear_factor, ensemble=ensemble)
    )


@lru_cache(8)
def plain(seed, d, k):
    """Twenty models without a penalty, r = 1, from small starts."""
    truth = torch.nn.functional.normalize(gaussian(d, 1, seed=seed), dim=0)
    problem = Population(truth)
    start = gaussian_init(d, k, scale=1e-3, seed=seed + 50_000, batch=(20,))
    return problem, train(problem, start, steps=160, step_size=0.1, record=1).U


@measures(
    "P3",
    "columns within a factor ½ of the largest, no penalty, $r = 1$",
    of="mean",
    tolerance=0.04,
    sizes=({"d": 6, "k": 30}, {"d": 10, "k": 120}),
)
def near_the_largest(seed, d, k):
    norms = column_norms(plain(seed, d, k)[1])
    return theory.count_near_largest(k, 0.5), (norms >= norms.amax(-1, keepdim=True) / 2).sum(-1).double().mean()


@measures(
    "P3",
    "relative error after keeping $r = 1$ column",
    of="mean",
    tolerance=0.02,
    sizes=({"d": 6, "k": 30}, {"d": 10, "k": 120}),
)
def lost_by_pruning(seed, d, k):
    problem, U = plain(seed, d, k)
    return 1 - theory.kept_mass(1, k), (problem.error(prune(U, keep=1)) / problem.M.norm()).mean()
