"""What chapter 1 needs to count and to scale: unknowns, isometry radii, natural strengths."""

import math
from bisect import bisect_left

from helpers.arguments import ENSEMBLES, choice, integer, number


def degrees_of_freedom(d, r):
    """rd − r(r − 1)/2 (an int): the dimension of the positive semidefinite d × d matrices of rank r, 1 ≤ r ≤ d, by
    Proposition 1.2 (Exercise 1.1)."""
    d = integer("d", d, low=1)
    r = integer("r", r, low=1, high=d)
    return r * d - r * (r - 1) // 2


def gaussian_width(d, rank):
    """√ρ(√(2d) + 1) ≥ E max⟨S, X⟩ over X of rank ≤ ρ = `rank` and norm 1, S a Gaussian measurement (Theorem 1.5)."""
    d = integer("d", d, low=1)
    return math.sqrt(integer("rank", rank, low=1, high=d)) * (math.sqrt(2 * d) + 1)


def gaussian_radius(d, rank, n, *, t=2.0):
    """ε = (√ρ(√(2d) + 1) + t + ½)/√n: with probability ≥ 1 − 2e^{−t²/2} over n Gaussian measurements, (1 − ε)₊² ≤
    ‖𝒜(X)‖²/(n‖X‖_F²) ≤ (1 + ε)² for all X ≠ 0 of rank ≤ ρ = `rank` (Theorem 1.5). t ≥ 0."""
    n, t = integer("n", n, low=1), number("t", t, low=0)
    return (gaussian_width(d, rank) + t + 0.5) / math.sqrt(n)


def least(enough):
    """The least n ≥ 1 with enough(n), for a condition that stays true once it is as for a radius that
    falls with n (Theorem 1.5): an int, found by doubling and halving."""
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2 + 1
    return low + bisect_left(range(low, high), True, key=enough)


def natural_strengths(mu_r, r, *, ensemble="gaussian", c_lambda=None, c_beta=0.01):
    """The natural scales (λ, β) = (c_λ μ_r^{3/2}/√r, c_β μ_r/r), for M of rank r ≥ 1 with least eigenvalue μ_r > 0.

    c_lambda is 0.08 ("gaussian") or 0.3 ("rank-one") unless given. They scale as Proposition 1.7 asks: μ_r → a²μ_r
    multiplies λ by a³ and β by a².
    """
    mu_r, r = number("mu_r", mu_r, low=0, strict=True), integer("r", r, low=1)
    default = {"gaussian": 0.08, "rank-one": 0.3}[choice("ensemble", ensemble, ENSEMBLES)]
    c_lambda = number("c_lambda", default if c_lambda is None else c_lambda, low=0, strict=True)
    return c_lambda * mu_r**1.5 / r**0.5, number("c_beta", c_beta, low=0, strict=True) * mu_r / r
