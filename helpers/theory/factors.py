"""Closed forms of chapter 9: what entry-wise data do to a bound, and how many numbers a pair of factors holds.

The spectrum of pairs and of signed factors needs none of its own: `landscape` with σ_i or |μ_i| for μ_i (Theorems 9.5
and 9.6), `gap_edge`, `certificate_level` and `fit_bound` with the nuclear norm for the trace (Lemmas 9.3 and 9.4).
"""

from helpers.arguments import integer, number
from helpers.theory.untuned import largest_ratio


def entry_curvature(share):
    """κ = 1/q for data that are the entries themselves, a share 0 < q ≤ 1 of them: the largest ‖𝒜(E)‖²/n over unit
    rank-one E (Proposition 9.7). Raises TypeError or ValueError."""
    return 1 / number("share", share, low=0, high=1, strict=share != 1)


def path_smoothing(strength, kappa=1.0):
    """The largest β = bλ^{2/3} that keeps the threshold 2√β in the gap, b = `largest_ratio` (Lemma 9.3). λ, κ > 0.
    Raises TypeError or ValueError."""
    return largest_ratio(kappa) * number("strength", strength, low=0, strict=True) ** (2 / 3)


def pair_size(rows, columns, rank):
    """How many numbers an adapter UVᵀ of this rank, one X_l of Theorem 9.2, holds, rank (d₁ + d₂), and how many of them
    are free: rank (d₁ + d₂ − rank), the dimension of the matrices of that rank (Exercise 9.2).

    1 ≤ rank ≤ min(d₁, d₂), or 0. Raises TypeError or ValueError."""
    rows, columns = integer("rows", rows, low=1), integer("columns", columns, low=1)
    rank = integer("rank", rank, low=0, high=min(rows, columns))
    return rank * (rows + columns), rank * (rows + columns - rank)
