"""Other methods on the tables with gaps of chapter 9: nuclear norm, least squares (rank tuned or told), imputers.

Run from the root of the repository, with tests/requirements.txt installed:

    python -m tests.benchmarks.matrix_completion

It writes chapters/data/matrix_completion.json, which chapter 9 shows; test_matrix_completion.py recomputes some of it.
"""

import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from helpers import theory
from helpers.arguments import generator
from helpers.factors import Pairs, completion
from helpers.penalties import GroupLasso
from helpers.problems import ground_truth
from helpers.pruning import prune
from helpers.training import gaussian_init, train

from .results import DATA, by_column, made_with, store

RESULTS = DATA / "matrix_completion.json"
COMMAND = "python -m tests.benchmarks.matrix_completion"
SEEDS = tuple(range(10))
SHARE, HELD_OUT = 0.5, 0.15  # entries seen; of these, the share on which every method chooses its setting
STRENGTHS = tuple(np.geomspace(0.03, 0.3, 6).round(3).tolist())  # (λ/2)^{2/3} in units of the largest singular value
NUCLEAR = (*np.geomspace(0.1, 3e-5, 14).tolist(), 1e-5, 1e-6)  # thresholds, likewise; the last are all but none
RANKS, RIDGES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25), (0.01, 0.1, 1.0, 3.0, 10.0)
STARTS = 3  # of least squares: at the right rank it has bad local minima
PLANTED = 3  # the rank of the planted table
TUNED, TOLD = "least squares, rank and ridge tuned", "least squares, told the rank"
NEIGHBOURS, RIDGE_PRIORS = (5, 10, 20, 40), (5, 10, 30)
QUICK = {"method": "l-bfgs", "steps": 400, "tolerance": 1e-3}


def planted(seed):
    """A planted table of rank 3 with noise: (truth, table) of shape (40, 30), as in the chapter."""
    left, right = ground_truth(40, PLANTED, seed=seed), ground_truth(30, PLANTED, seed=seed + 1)
    truth = left * torch.tensor([1.0, 0.8, 0.6], dtype=torch.float64) @ right.T
    scale = 1200**0.5  # entries of size one, so that one grid of settings serves both tables
    return scale * truth, scale * (truth + gaussian_init(40, 30, scale=0.004, seed=seed + 2))


def real(seed):
    """Measurements of cell nuclei, the breast cancer table of scikit-learn, logarithms of 1 + x: (table, table)."""
    table = torch.from_numpy(load_breast_cancer().data).log1p()
    return table, table


def split_entries(shape, seed):
    """Boolean masks of one shape: entries to fit, to choose by, and to report on (not seen)."""
    draws = torch.rand(2, *shape, generator=generator(seed), dtype=torch.float64)
    seen = draws[0] < SHARE
    chosen_by = seen & (draws[1] < HELD_OUT)
    return seen & ~chosen_by, chosen_by, ~seen


def standardised(truth, table, fit):
    """Both with mean 0 and deviation 1 of the entries to fit, column by column."""
    count = fit.sum(0)
    mean = torch.where(fit, table, 0).sum(0) / count
    spread = (torch.where(fit, (table - mean) ** 2, 0).sum(0) / count).sqrt()
    return (truth - mean) / spread, (table - mean) / spread


def largest(table, fit):
    """The largest singular value of the table filled up with zeros, over the share that is seen."""
    return torch.linalg.matrix_norm(torch.where(fit, table, 0) / fit.double().mean(), 2).item()


def lasso(table, fit, fraction, seed, pairs=15):
    """The group Lasso on pairs, pruned: the matrix before and after fine-tuning, and how many pairs were kept."""
    share, size = fit.double().mean().item(), largest(table, fit)
    problem = Pairs(completion(table, fit), torch.where(fit, table, 0) / share)
    strength = 2 * (fraction * size) ** 1.5
    penalty = GroupLasso(strength, theory.path_smoothing(strength, theory.entry_curvature(share)))
    start = gaussian_init(problem.d, pairs, scale=0.3 * (size / problem.d) ** 0.5, seed=seed)
    how = QUICK | {"tolerance": QUICK["tolerance"] * size}
    pruned = prune(train(problem, start, penalty=penalty, **how).U, threshold=penalty.threshold)
    tuned = train(problem, pruned, **how).U if pruned.shape[1] else pruned
    return problem.product(pruned), problem.product(tuned), pruned.shape[1]


def soft_impute(table, fit, strength, X=None, steps=300, tolerance=1e-6):
    """min ½ Σ_fit (X − Y)² + strength ‖X‖_* by filling in and soft-thresholding the singular values."""
    X = torch.zeros_like(table) if X is None else X
    for _ in range(steps):
        left, values, right = torch.linalg.svd(torch.where(fit, table, X), full_matrices=False)
        new = left * (values - strength).clamp(min=0) @ right
        change, X = (new - X).norm(), new
        if change <= tolerance * X.norm():
            break
    return X


def least_squares(table, fit, rank, ridge, seed, sweeps=60):
    """Alternating least squares of a given rank, with a ridge: U and V in turn, row by row."""
    known, V = torch.where(fit, table, 0), gaussian_init(table.shape[1], rank, scale=1.0, seed=seed)
    eye = ridge * torch.eye(rank, dtype=table.dtype)
    for _ in range(sweeps):
        U = _rows(known, fit, V, eye)
        V = _rows(known.T, fit.T, U, eye)
    return U @ V.T


def _rows(known, fit, V, eye):
    gram = torch.einsum("ij,ja,jb->iab", fit.to(V), V, V) + eye
    return torch.linalg.solve(gram, known @ V)


def imputed(table, fit, imputer):
    """What a scikit-learn imputer makes of the table with gaps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return torch.from_numpy(imputer.fit_transform(torch.where(fit, table, torch.nan).numpy()))


def candidates(table, fit, seed):
    """(method, setting, matrix, rank or None) for all methods and settings."""
    size = largest(table, fit)
    for fraction in STRENGTHS:
        dense, tuned, kept = lasso(table, fit, fraction, seed)
        yield "group Lasso", fraction, dense, kept
        yield "group Lasso, fine-tuned", fraction, tuned, kept
    X = None
    for fraction in NUCLEAR:
        X = soft_impute(table, fit, fraction * size, X)
        yield "nuclear norm", fraction, X, int((torch.linalg.svdvals(X) > 1e-9).sum())
    for rank in RANKS:
        for ridge in RIDGES:
            for start in range(STARTS):
                X = least_squares(table, fit, rank, ridge, 100 * start + seed)
                yield TUNED, (rank, ridge, start), X, rank
    for count in NEIGHBOURS:
        yield "nearest neighbours", count, imputed(table, fit, KNNImputer(n_neighbors=count)), None
    for rounds in RIDGE_PRIORS:
        yield "ridge regressions", rounds, imputed(table, fit, IterativeImputer(max_iter=rounds)), None
    yield "column means", 0, torch.zeros_like(table), 0


def tried(name, seed):
    """One row for each method and setting, with its errors on the held-out entries and on the unseen ones."""
    torch.set_num_threads(1)
    truth, table = {"planted": planted, "real": real}[name](seed)
    fit, by, unseen = split_entries(table.shape, seed)
    if name == "real":
        truth, table = standardised(truth, table, fit)
    for method, setting, X, rank in candidates(table, fit, seed):
        held_out, error = ((X - M)[where].square().mean().sqrt().item() for M, where in ((table, by), (truth, unseen)))
        yield {"table": name, "seed": seed, "method": method, "setting": setting, "rank": rank,
               "held out": held_out, "unseen": error}  # fmt: skip


def least(rows, key="held out"):
    """The row with the least value of a column."""
    return min(rows, key=lambda row: row[key])


def chosen(name, seed):
    """One row a method: the setting with the least error on the held-out entries. Least squares that is told the rank
    chooses ridge and start so; where no rank is planted, it is told the one with the least error on the unseen entries.
    """
    by_method = {}
    for row in tried(name, seed):
        by_method.setdefault(row["method"], []).append(row)
    best = [least(rows) for rows in by_method.values()]
    for method, starts in ((TOLD, STARTS), (f"{TOLD}, one start", 1)):
        runs = [row for row in by_method[TUNED] if row["setting"][-1] < starts]
        ranked = [least(row for row in runs if row["rank"] == rank) for rank in RANKS]
        told = ranked[RANKS.index(PLANTED)] if name == "planted" else least(ranked, "unseen")
        best.append(told | {"method": method})
    return [row | {"setting": str(row["setting"])} for row in best]


def main():
    """Compute everything and write the results file."""
    tasks = [(name, seed) for name in ("planted", "real") for seed in SEEDS]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = [row for rows in pool.map(chosen, *zip(*tasks, strict=True)) for row in rows]
    provenance = made_with(COMMAND, "torch", "scikit-learn", "numpy") | {
        "share seen": SHARE, "held out": HELD_OUT, "choice": "least error on the held-out entries, for each method",
        "told": f"rank {PLANTED} on the planted table, the best rank in hindsight on the real one",
        "strengths": STRENGTHS, "nuclear norm": [float(f"{x:.3g}") for x in NUCLEAR], "ranks": RANKS, "ridges": RIDGES,
        "starts": STARTS,
    }  # fmt: skip
    store(RESULTS, provenance, by_column(found))


if __name__ == "__main__":
    main()
