"""Rules that choose the strength on the path of chapter 8, and other ways to a rank, on problems none of them has seen.

Run from the root of the repository:

    python -m tests.benchmarks.rank_rules

It writes chapters/data/rank_rules.json and, of problems with a weak and with a strong signal, rank_rules_weak.json and
rank_rules_strong.json, which chapter 8 draws; test_rank_rules.py recomputes some.
"""

import sys
from math import log, sqrt
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from helpers import theory
from helpers.isometry import extreme_ratio
from helpers.problems import Empirical, ground_truth, smat
from helpers.untuned import MARGIN, choose, cross_validated, error_law, levels_of, path

from .results import DATA, by_column, made_with, store

COMMAND = "python -m tests.benchmarks.rank_rules"
DIMENSION, FOLDS = 12, 5
COORDINATES = DIMENSION * (DIMENSION + 1) // 2


class Draw(NamedTuple):
    """How problems are drawn: the first one's seed, how many, μ_r in units of the noise level ν/c from least to most,
    the largest s/‖M‖_F, n at least so many times dof(r). Then how much is done: the rivals or the rule alone, and
    cross-validation, five times the work, on so many of each five problems."""

    first_seed: int
    problems: int
    least: float
    most: float
    noise: float = float("inf")
    plenty: float = 0.0
    rivals: bool = True
    validated: int = 0


SETS = {
    "unseen": Draw(500_000, 200, 1, 40, noise=2, validated=5),
    "weak": Draw(600_000, 200, 0.25, 2),  # half to four times the detection limit
    "strong": Draw(700_000, 850, 5, 40, noise=2, plenty=2, rivals=False),  # of which about half are
}
RESULTS = {name: DATA / f"rank_rules{'' if name == 'unseen' else '_' + name}.json" for name in SETS}


def problem_of(i, name="unseen"):
    """Problem i of a set, columns to start with, and what is told about it: r 1 to 5, condition of M 1 to 2, largest
    eigenvalue 0.3 to 4, n 0.5 to 8 times d(d + 1)/2, what `Draw` says, and k from r to 2d."""
    how = SETS[name]
    draw, seed = np.random.default_rng(how.first_seed + i), how.first_seed + i
    ensemble = ("gaussian", "rank-one")[i % 2]
    r, condition = int(draw.integers(1, 6)), draw.uniform(1, 2)
    fewest = max(0.5, how.plenty * theory.degrees_of_freedom(DIMENSION, r) / COORDINATES)
    scale, n = np.exp(draw.uniform(log(0.3), log(4))), round(COORDINATES * np.exp(draw.uniform(log(fewest), log(8))))
    truth = ground_truth(DIMENSION, r, condition=sqrt(condition), seed=seed) * sqrt(scale)
    clean = Empirical.sample(truth, n, ensemble=ensemble, seed=seed)
    unit = theory.noise_level(1.0, DIMENSION, n, ensemble=ensemble) / theory.mean_factor(ensemble)
    signal = float(np.exp(draw.uniform(log(how.least), log(how.most))))
    s = min(clean.mu_r / unit / signal, how.noise * clean.M.norm().item())
    heavy = bool(draw.integers(2))
    noise = draw.standard_t(3, n) / sqrt(3) if heavy else draw.standard_normal(n)
    k = int(draw.integers(r, 2 * DIMENSION + 1))
    problem = Empirical(truth, clean.design, s * torch.from_numpy(noise), ensemble, s)
    told = {"problem": i, "ensemble": ensemble, "r": r, "k": k, "n": n, "heavy": heavy, "mu_r": clean.mu_r,
            "signal": clean.mu_r / (s * unit)}  # fmt: skip
    return problem, k, told


def from_above(fits):
    """The plain iteration: from ŝ = the root mean square of y, the strength it asks for, the ŝ it leaves, and so on."""
    place = len(fits) - 1
    for _ in range(len(fits)):
        wanted = (1 + MARGIN) * fits[place].nu
        found = next((i for i, fit in enumerate(fits) if fit.floor >= wanted), len(fits) - 1)
        if found >= place:
            break
        place = found
    return fits[place].rank


def longest(fits):
    """The rank, other than 0, that most strengths of the path agree on."""
    ranks = [fit.rank for fit in fits if fit.rank]
    return max(ranks, key=ranks.count) if ranks else 0


def bic(problem, fits):
    """The rank of least n ln(RSS/n) + dof(m) ln n over the path."""
    def score(fit):
        parameters = theory.degrees_of_freedom(problem.d, fit.rank) if fit.rank else 0
        if parameters >= problem.n:
            return float("inf")
        return problem.n * log(problem.loss(fit.U).item()) + parameters * log(problem.n)

    return min(fits, key=score).rank


def thresholded(problem):
    """Eigenvalues of the least-squares matrix above (4/√3) σ√d, Gavish and Donoho's level for noise of variance σ² in
    an entry; None where n ≤ d(d + 1)/2, so that there is none."""
    if problem.n <= COORDINATES:
        return None
    rows = problem.measure(smat(torch.eye(COORDINATES, dtype=torch.float64))).T
    inverse = torch.linalg.inv(rows.T @ rows)
    X = smat(inverse @ rows.T @ problem.y)
    s2 = (problem.measure(X) - problem.y).square().sum() / (problem.n - COORDINATES)
    row, column = torch.triu_indices(problem.d, problem.d)
    variance = s2 * inverse.diagonal()[row != column].mean() / 2
    level = 4 / sqrt(3) * (variance * problem.d).sqrt()
    return int((torch.linalg.eigvalsh(X) > level).sum())


def outcome(i, name="unseen"):
    """Problem i of a set as told, and the rank by every rule."""
    problem, k, told = problem_of(i, name)
    how = SETS[name]
    kappa = extreme_ratio(problem, 1)
    ratio = theory.largest_ratio(kappa)
    fits = []
    for fit in path(problem, ratio=ratio, k=k, levels=levels_of(problem)):
        fits.append(fit)
        if fit.outweighs() and not how.rivals:
            break
    best = choose(fits)
    _, (low, high) = error_law(problem, best.U, best.noise)
    limit = theory.detection_limit(problem.noise, DIMENSION, problem.n, ensemble=problem.ensemble)
    found = told | {
        "kappa": kappa, "level": best.level, "ratio": ratio, "first that outweighs": best.rank,
        "detectable": int((torch.linalg.eigvalsh(problem.M) > limit).sum()),
        "error": problem.error(best.U).item(), "low": float(low), "high": float(high),
    }  # fmt: skip
    if not how.rivals:
        return found
    least, simplest = None, None
    if 3 * i % 5 < how.validated:
        both = cross_validated(problem, fits, ratio=ratio, k=k, folds=FOLDS, seed=i)
        least, simplest = (fit.rank for fit in both)
    return found | {
        "longest plateau": longest(fits), "from above": from_above(fits), "BIC": bic(problem, fits),
        "cross-validation": least, "cross-validation, 1 SE": simplest, "threshold": thresholded(problem),
    }  # fmt: skip


def main(names=SETS):
    """Compute the sets of these names and write a results file for each."""
    torch.set_num_threads(1)
    for name in names:
        write(name, [outcome(i, name) for i in tqdm(range(SETS[name].problems), desc=name)])


def write(name, rows):
    """Store the outcomes of all problems of a set, column by column."""
    drawn = {key: str(value) if value == float("inf") else value for key, value in SETS[name]._asdict().items()}
    provenance = made_with(COMMAND, "torch", "numpy", "scipy") | {
        "set": name, "drawn": drawn, "d": DIMENSION, "margin": MARGIN, "folds": FOLDS,
    }  # fmt: skip
    store(RESULTS[name], provenance, by_column(rows, digits=5))


if __name__ == "__main__":
    main(sys.argv[1:] or SETS)
