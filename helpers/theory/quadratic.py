"""The landscape of quadratic networks (chapter 6).
"""

import numpy as np
from scipy import optimize

from helpers.arguments import array, number
from helpers.theory.landscape import shrunk_eigenvalue


def shrunk_spectrum_rank_one(mu, strength, smoothing):
    """The squared column norms (r,) at second-order stationary points of the "rank-one" population loss that have all
    r columns, mu (r,) > 0: p_i = μ_i + T/2 − (λ/4) h'(p_i), T = tr(M − X) = λ Σ h'(p_j)/(2r + 4), every p_i the larger
    root, as it must be for λ < 4√β μ_r (quadratic networks, chapter 6).

    Raises ValueError when λ is too large for that. (Beyond 4√β μ_r the least p_i may be a smaller root, if μ_r ≲ β.)
    """
    mu = np.atleast_1d(array("mu", mu, low=0, strict=True))
    strength, beta = number("strength", strength, low=0), number("smoothing", smoothing, low=0)

    def excess(half):  # half = T/2; increasing
        return half - (mu - shrunk_eigenvalue(mu + half, strength / 2, beta)).sum() / 2

    half = optimize.brentq(excess, 0, mu.sum() / 2, xtol=1e-15 * mu.sum())
    p = shrunk_eigenvalue(mu + half, strength / 2, beta)
    if p.min() == 0 or abs(excess(half)) > 1e-9 * mu.sum():
        need = f"small enough for all {mu.size} columns to survive as larger roots"
        raise ValueError(f"strength must be {need}, got {strength}")
    return p
