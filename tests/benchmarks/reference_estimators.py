"""Estimators that the book does not use, on the book's data: reference points for chapter 5.

Run from the root of the repository, with tests/requirements.txt installed:

    python -m tests.benchmarks.reference_estimators [--cluster ADDRESS]

It writes chapters/data/reference_estimators.json, which chapter 5 draws; test_reference_estimators.py recomputes some.
"""

import numpy as np
import torch

from helpers.penalties import natural
from helpers.problems import Empirical, ground_truth, svec
from helpers.pruning import prune
from helpers.training import fine_tune, gaussian_init, train

from .results import DATA, by_column, made_with, store, swept

RESULTS = DATA / "reference_estimators.json"
COMMAND = "python -m tests.benchmarks.reference_estimators"
DIMENSION, RANK, NOISE = 12, 2, 0.1
SIZES = (100, 200, 400, 800, 1600)
SEEDS = tuple(range(60))
STRENGTHS = np.geomspace(0.125, 2, 9)  # of the trace norm, in units of 2ν


def problem_of(n, seed):
    """The data set number `seed` with n measurements."""
    return Empirical.sample(ground_truth(DIMENSION, RANK, seed=0), n, noise=NOISE, seed=1000 + seed)


def book(problem, seed):
    """Squared errors of the book's estimators: pruned and fine-tuned (rank not given), oracle, unpruned (k = d)."""
    start, penalty = gaussian_init(problem.d, problem.d, scale=0.3, seed=2000 + seed), natural(problem)
    dense = train(problem, start, penalty=penalty, method="l-bfgs", steps=5000, tolerance=1e-7)
    pruned = prune(dense.U, threshold=penalty.threshold)
    runs = {
        "pruned": fine_tune(problem, pruned, tolerance=1e-10),
        "oracle": fine_tune(problem, problem.U_star, tolerance=1e-10),
        "unpruned": train(problem, start, method="l-bfgs", steps=5000, tolerance=1e-7),
    }
    return {name: run.error[-1].item() ** 2 for name, run in runs.items()} | {"columns": pruned.shape[1]}


def riemannian(problem, seed):
    """Squared error of pymanopt's conjugate gradient on the positive semidefinite matrices of rank r (told r), from a
    random start."""
    import pymanopt
    from pymanopt.manifolds import PSDFixedRank
    from pymanopt.optimizers import ConjugateGradient

    manifold = PSDFixedRank(problem.d, problem.r)

    @pymanopt.function.numpy(manifold)
    def cost(V):
        return problem.loss(torch.from_numpy(np.ascontiguousarray(V))).item()

    @pymanopt.function.numpy(manifold)
    def slope(V):
        return problem.gradient(torch.from_numpy(np.ascontiguousarray(V))).numpy()

    optimizer = ConjugateGradient(verbosity=0, max_iterations=2000, min_gradient_norm=1e-8, min_step_size=1e-14)
    start = gaussian_init(problem.d, problem.r, scale=0.3, seed=2000 + seed).numpy()
    V = optimizer.run(pymanopt.Problem(manifold, cost, euclidean_gradient=slope), initial_point=start).point
    return problem.error(torch.from_numpy(np.ascontiguousarray(V))).item() ** 2


def convex(problem):
    """Squared errors of min f(X) + λ tr X over X ⪰ 0 by cvxpy and Clarabel: for λ = 0, and for the best λ of a grid,
    chosen with the truth in hand."""
    import cvxpy as cp

    d = problem.d
    root = np.linalg.cholesky(problem.gram.numpy()).T
    signal = problem.gram @ svec(problem.M) + svec(problem.noise_matrix) / 2  # 𝒜*y/n
    target = np.linalg.solve(root.T, signal.numpy())
    units = np.eye(d * d).reshape(d * d, d, d)
    coordinates = svec(torch.from_numpy((units + units.transpose(0, 2, 1)) / 2)).numpy().T  # svec(X) from vec(X)
    X, strength = cp.Variable((d, d), PSD=True), cp.Parameter(nonneg=True)
    loss = cp.sum_squares((root @ coordinates) @ cp.vec(X, order="C") - target)
    program = cp.Problem(cp.Minimize(loss + strength * cp.trace(X)))
    errors = []
    for factor in (0, *STRENGTHS):
        strength.value = 2 * factor * problem.nu
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
        errors.append(float(np.square(X.value - problem.M.numpy()).sum()))
    return {"convex, no penalty": errors[0], "trace norm": min(errors[1:])}


def estimates(n, seed):
    """{estimator: ‖X̂ − M‖_F²} on data set `seed` with n measurements, and how many columns the pruned model kept."""
    problem = problem_of(n, seed)
    return book(problem, seed) | {"Riemannian": riemannian(problem, seed)} | convex(problem)


def row(part):
    """The line of the results file for a pair (n, seed)."""
    torch.set_num_threads(1)
    n, seed = part
    return {"n": n, "seed": seed} | estimates(n, seed)


def main():
    """Compute everything and write the results file."""
    rows = swept(row, [(n, seed) for n in SIZES for seed in SEEDS])
    provenance = made_with(COMMAND, "torch", "numpy", "scipy", "pymanopt", "cvxpy", "clarabel") | {
        "penalty": repr(natural(problem_of(SIZES[0], 0))),
        "d": DIMENSION, "r": RANK, "noise": NOISE, "ensemble": "gaussian", "mu": [1.0] * RANK,
        "trace norm": "best of λ = 2cν, c = " + ", ".join(f"{c:.3g}" for c in STRENGTHS),
    }  # fmt: skip
    store(RESULTS, provenance, by_column(rows))


if __name__ == "__main__":
    main()
