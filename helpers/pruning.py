"""Greedy pruning (chapters 1, 3 and 4): keep the columns of U of largest norm, drop the rest."""

import torch

from helpers.arguments import integer, number, tensor


def column_norms(U):
    """‖u_i‖₂ for U of shape (..., d, k): shape (..., k)."""
    return torch.linalg.vector_norm(tensor("U", U, ndim=2, empty=True), dim=-2)


def prune(U, *, threshold=None, keep=None):
    """Drop columns of U: those of norm at most `threshold` (≥ 0), or all but the `keep` largest (0 ≤ keep ≤ k).

    U (d, k) comes back with fewer columns, in their old order; a batch (..., d, k) keeps its shape, with the dropped
    columns set to zero. Of columns of equal norm the first stay. Exactly one of the two arguments, else TypeError;
    ValueError for a bad number. Source: the paper's abstract (greedy pruning by column norm).
    """
    if (threshold is None) == (keep is None):
        raise TypeError("prune takes exactly one of threshold and keep")
    norms = column_norms(U)
    if keep is None:
        kept = norms > number("threshold", threshold, low=0)
    else:
        order = norms.argsort(dim=-1, descending=True, stable=True)
        kept = torch.zeros_like(norms, dtype=torch.bool)
        kept.scatter_(-1, order[..., : integer("keep", keep, low=0, high=U.shape[-1])], True)
    return U[:, kept] if U.ndim == 2 else U * kept[..., None, :]


def pruning_curve(problem, U):
    """Loss and error after keeping the m columns of largest norm, m = 0, …, k, for U (..., d, k).

    Returns two tensors of shape (k + 1, ...).
    """
    pruned = [prune(U[None], keep=m)[0] for m in range(U.shape[-1] + 1)]
    return torch.stack([problem.loss(V) for V in pruned]), torch.stack([problem.error(V) for V in pruned])
