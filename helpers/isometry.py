"""How far a measurement operator is from an isometry on matrices of low rank (chapters 1 and 4).

The restricted isometry constant is a supremum over a set that no program can search to its end. What is found here is
attained by some matrix: the true extremes lie at it or beyond.
"""


import torch

from helpers.arguments import generator, integer, tensor


def random_low_rank(d, rank, *, count, seed=0):
    """`count` random symmetric matrices of this rank and ‖X‖_F = 1, shape (count, d, d): a random frame with N(0, 1)
    eigenvalues, normalised. 1 ≤ rank ≤ d."""
    d, count = integer("d", d, low=1), integer("count", count, low=1)
    random, rank = generator(seed), integer("rank", rank, low=1, high=d)
    frames = torch.linalg.qr(torch.randn(count, d, rank, generator=random, dtype=torch.float64)).Q
    values = torch.nn.functional.normalize(torch.randn(count, 1, rank, generator=random, dtype=torch.float64), dim=-1)
    return frames * values @ frames.mT


def isometry_ratio(problem, X):
    """‖𝒜(X)‖²/(n‖X‖_F²), or its expectation for a `Population`, for symmetric X ≠ 0 (..., d, d): shape (...)."""
    tensor("X", X, ndim=2, shape=(problem.d, problem.d), like=problem.U_star)
    return (X * problem.curvature(X)).sum((-2, -1)) / 2 / X.square().sum((-2, -1))


def extreme_ratio(problem, rank, *, largest=True, starts=8, steps=60, seed=0):
    """The largest (or smallest) `isometry_ratio` that a search from random matrices of this rank finds: a float.

    X ← 𝒜*𝒜(X)/n cut to its `rank` eigenvalues of largest modulus and normalised. The ratio is convex in X on the whole
    space, and of all X in the set this one maximises its linear part, so no step lowers it. For the smallest ratio the
    same with c‖X‖_F² − ‖𝒜(X)‖²/n, c the largest ratio at any rank. 1 ≤ rank ≤ d; steps, starts ≥ 1.
    """
    X, steps = random_low_rank(problem.d, rank, count=starts, seed=seed).to(problem.M), integer("steps", steps, low=1)
    shift = 0.0 if largest else 1.05 * extreme_ratio(problem, problem.d, starts=2, steps=steps, seed=seed)
    for _ in range(steps):
        bend = problem.curvature(X) / 2 - shift * X
        X = _truncate(bend if largest else -bend, rank)
    ratios = isometry_ratio(problem, X)
    return (ratios.max() if largest else ratios.min()).item()


def _truncate(S, rank):
    """The best direction of rank at most `rank`: S cut to its eigenvalues of largest modulus, with ‖·‖_F = 1."""
    values, vectors = torch.linalg.eigh(S)
    least = values.abs().topk(rank).values[..., -1:]
    kept = torch.nn.functional.normalize(values.where(values.abs() >= least, 0), dim=-1)
    return vectors * kept[..., None, :] @ vectors.mT


def column_curvatures(problem, U):
    """κ_i = ‖𝒜(u_iu_iᵀ)‖²/(n‖u_i‖⁴) for each column of U (d, k), none of them zero: shape (k,) (Lemma 4.1)."""
    return isometry_ratio(problem, U.mT[:, :, None] * U.mT[:, None, :])
