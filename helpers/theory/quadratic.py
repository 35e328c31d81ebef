"""The closed forms of chapter 6: quadratic networks, their inputs, their landscape and what noise allows."""

import math

import numpy as np
import scipy  # loads its parts when they are first used

from helpers.arguments import array, integer, number
from helpers.theory.gap import curvature_bound
from helpers.theory.landscape import critical_strength, shrunk_eigenvalue
from helpers.theory.sensing import degrees_of_freedom, least


def mean_square_output(difference, fourth=3.0, *, bias=False):
    """E(xᵀΔx)² = 2‖Δ‖_F² + (tr Δ)² + (m₄ − 3) Σ_a Δ_aa² for a symmetric Δ = `difference` (d, d) and independent
    coordinates of x with mean 0, variance 1 and fourth moment m₄ = `fourth` ≥ 1; with the best output `bias`, the same
    without (tr Δ)² (Proposition 6.2). A float. Raises TypeError or ValueError."""
    difference, fourth = array("difference", difference), number("fourth", fourth, low=1)
    square = difference.ndim == 2 and difference.shape[0] == difference.shape[1]
    if not square or not np.allclose(difference, difference.T):
        raise ValueError(f"difference must be a symmetric matrix, got shape {difference.shape}")
    diagonal = np.diagonal(difference)
    trace = 0.0 if bias else diagonal.sum()
    return float(2 * (difference**2).sum() + trace**2 + (fourth - 3) * (diagonal**2).sum())


def samples_needed(d, rank, *, t=2.0):
    """The least n with n ≥ 136[(d + 1)ρ log(25√(2ρκ̄)) + t²/2], κ̄ = `curvature_bound` at n and e^{−t²/2}: from it on
    ‖𝒜(X)‖²/n ≥ ½‖X‖_F² for all X of rank at most ρ = `rank`, with probability ≥ 1 − 2e^{−t²/2} over rank-one data
    (Theorem 6.3). 1 ≤ rank ≤ d, t > 0. An int."""
    rank, t = integer("rank", rank, low=1, high=integer("d", d, low=1)), number("t", t, low=0, strict=True)

    def enough(n):
        kappa = curvature_bound(d, n, failure=math.exp(-(t**2) / 2), ensemble="rank-one")
        return n >= 136 * ((d + 1) * rank * math.log(25 * math.sqrt(2 * rank * kappa)) + t**2 / 2)

    return least(enough)  # κ̄ falls as n grows, so what is enough stays enough


def shrunk_spectrum_rank_one(mu, strength, smoothing):
    """The squared norms (r,) of the units at second-order stationary points of the "rank-one" population loss that have
    all r units, mu (r,) > 0: p_i = μ_i + T/2 − (λ/4) h'(p_i), T = tr(M − X) = λ Σ h'(p_j)/(2r + 4), every p_i the
    larger root, as it must be for λ < 4√β μ_r (Theorem 6.5).

    Raises ValueError when λ is too large for that. (Beyond 4√β μ_r the least p_i may be a smaller root, if μ_r ≲ β.)
    """
    mu = np.atleast_1d(array("mu", mu, low=0, strict=True))
    strength, beta = number("strength", strength, low=0), number("smoothing", smoothing, low=0)

    def excess(half):  # half = T/2; increasing
        return half - (mu - shrunk_eigenvalue(mu + half, strength / 2, beta)).sum() / 2

    half = scipy.optimize.brentq(excess, 0, mu.sum() / 2, xtol=1e-15 * mu.sum())
    p = shrunk_eigenvalue(mu + half, strength / 2, beta)
    if p.min() == 0 or abs(excess(half)) > 1e-9 * mu.sum():
        need = f"small enough for all {mu.size} columns to survive as larger roots"
        raise ValueError(f"strength must be {need}, got {strength}")
    return p


def further_strength(mu_r, r, smoothing):
    """4√β μ_r (r + 2)/(r + 1), elementwise: below it every second-order stationary point of the "rank-one" population
    loss has all r ≥ 1 units and is a global minimiser; sharp for r = 1 (Proposition 6.6). μ_r > 0, β ≥ 0."""
    r = array("r", r, low=1)
    return (critical_strength(mu_r, smoothing, "rank-one") * (r + 2) / (r + 1))[()]


def noise_limit(d, r):
    """dof/2 − r/(2(2 + r)), n/s² times the least E‖X̂ − M‖_F² with n rank-one measurements (Corollary 6.8)."""
    return degrees_of_freedom(d, r) / 2 - r / (2 * (2 + r))


def trace_limit(r):
    """r/(2 + r), elementwise in r ≥ 1: n/s² times the least E(tr(X̂ − M))² with n rank-one measurements
    (Corollary 6.8)."""
    r = array("r", r, low=1)
    return (r / (2 + r))[()]


def sample_correction(d, r):
    """α = E q₁q₂/E q₂ − 1, q_j = 2⁻ʲ(g² + 2gz − g²/r) + (2 + r)⁻ʲ g²/r, g ~ χ²_r and z ~ χ²_{d−r} independent: with
    n inputs x ~ N(0, I) the least squared error is 1 + α/n times its limit, to second order (Proposition 6.9)."""
    rest = d - integer("r", r, low=1, high=integer("d", d, low=1))
    a, b = (r + 1) / (2 * (r + 2)), r * (r + 3) / (4 * (r + 2) ** 2)  # q₁ = ag² + gz and q₂ = bg² + gz/2
    product = a * b * (r + 4) * (r + 6) + (a / 2 + b) * (r + 4) * rest + rest * (rest + 2) / 2
    return r * (r + 2) * product / noise_limit(d, r) - 1


def matching_samples(d, r, n):
    """The number of rank-one measurements whose least-squares error, to second order in their number, is that of n >
    dof + 1 Gaussian ones with the same noise (Theorem 5.5, Proposition 6.9), elementwise in n."""
    dof = degrees_of_freedom(d, r)
    n = array("n", n, low=dof + 1, strict=True)
    return (noise_limit(d, r) / dof * (n - dof - 1) + sample_correction(d, r))[()]
