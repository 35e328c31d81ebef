"""Fine-tuning (chapter 5): rates of descent, the least statistical error, and when the minimum is one. η = `step`.
"""

import math

import numpy as np

from helpers.arguments import ENSEMBLES, array, choice, integer, number
from helpers.theory.gap import _nonnegative, _positive
from helpers.theory.quadratic import noise_limit, second_order
from helpers.theory.sensing import degrees_of_freedom


def _curvatures(mu, ensemble):
    """The least and the largest rate of the error near M when k = r < d: X − M shrinks by 1 − η · rate per step."""
    mu = np.atleast_1d(array("mu", mu, low=0, strict=True))
    if choice("ensemble", ensemble, ENSEMBLES) == "gaussian":
        return 4 * mu.min(), 8 * mu.max()
    return 8 * mu.min(), 8 * np.linalg.eigvalsh(2 * np.diag(mu) + np.sqrt(np.outer(mu, mu)))[-1]


def linear_rate(mu, step, *, ensemble="gaussian"):
    """The factor on ‖X − M‖_F per gradient step η = `step` > 0 near M, k = r < d, eigenvalues mu (r,) > 0, population
    loss, generic start; elementwise in η; 1 or more means no convergence (linear rate, chapter 5).

    max(1 − 4ημ_r, 8ημ_1 − 1) ("gaussian"); max(1 − 8ημ_r, 8ηL − 1), L = λ_max(2 diag μ + √μ√μᵀ) ("rank-one").
    """
    slow, fast = _curvatures(mu, ensemble)
    return np.maximum(1 - slow * array("step", step, low=0, strict=True), fast * np.asarray(step) - 1)[()]


def optimal_step(mu, *, ensemble="gaussian"):
    """The step of least `linear_rate`, 1/(4μ_1 + 2μ_r) ("gaussian") or 1/(4(L + μ_r)) ("rank-one"): up to it the rate
    is exactly 1 − 4ημ_r or 1 − 8ημ_r (linear rate, chapter 5)."""
    return float(2 / sum(_curvatures(mu, ensemble)))


def largest_step(mu, *, ensemble="gaussian"):
    """The step 1/(4μ_1) ("gaussian") or 1/(4L) ("rank-one") from which gradient descent no longer converges to M
    (linear rate, chapter 5)."""
    return float(2 / _curvatures(mu, ensemble)[1])


def sublinear_error(steps, step, d, k, r, *, ensemble="gaussian"):
    """‖X − M‖_F after many gradient steps of size η with r < k columns, r < d, no noise, population loss; elementwise
    in steps > 0 (sublinear tail, chapter 5). An asymptote, reached late from an ill-conditioned start (k near d).

    With N = min(k, d) − r and t = η · steps: √N/(8t) ("gaussian"), √(N + rN²/(2 + r)²)/(16(1 + N/(2 + r))t)
    ("rank-one").
    """
    r = integer("r", r, low=1)
    excess = min(integer("k", k, low=r + 1), integer("d", d, low=r + 1)) - r
    t = array("steps", steps, low=0, strict=True) * number("step", step, low=0, strict=True)
    if choice("ensemble", ensemble, ENSEMBLES) == "gaussian":
        return (math.sqrt(excess) / (8 * t))[()]
    return (math.sqrt(excess + r * excess**2 / (2 + r) ** 2) / (16 * (1 + excess / (2 + r)) * t))[()]


def _lost_samples(d, r, ensemble):
    """a in n/(n − a): E(q₁q₂)/E(q₂) − 1, q_j = ⟨ξ, G^{−j} ξ⟩, ξ = A_i projected on the tangent space, G = E ξξᵀ."""
    if ensemble == "gaussian":
        return degrees_of_freedom(d, r) + 1
    return second_order(d, r)


def cramer_rao(d, r, n, noise, *, ensemble="gaussian", finite_n=False):
    """The least E‖X̂ − M‖_F² of unbiased (or asymptotic) estimators, n ≥ 1 measurements with noise s = `noise` ≥ 0,
    elementwise in n: s²·dof/n ("gaussian"), (s²/n)(dof/2 − r/(2(2 + r))) ("rank-one") (Cramér–Rao constant, chapter 5).

    finite_n: times n/(n − a), the error of least squares to first order in s. "gaussian": a = dof + 1, exact, n > a;
    "rank-one": a from exact moments, which is exact to first order in 1/n only.
    """
    trace = degrees_of_freedom(d, r)
    if choice("ensemble", ensemble, ENSEMBLES) == "rank-one":
        trace = noise_limit(d, r)
    lost = _lost_samples(d, r, ensemble) if finite_n else 0
    n = array("n", n, low=max(lost, 0), strict=True)
    return (number("noise", noise, low=0) ** 2 * trace / (n - lost))[()]


def uniqueness_threshold(sigma_squared, lower):
    """4(√2 − 1) · lower · σ_r²: two stationary points V₁, V₂ (d, r) of the exact-rank problem with a₊(V₁) + a₊(V₂)
    below it, a₊ = max(0, λ_max(−∇f)), have V₁V₁ᵀ = V₂V₂ᵀ (oracle theorem, chapter 5). `sigma_squared` = max_j σ_r(V_j)²
    > 0."""
    sigma_squared, lower = _positive(sigma_squared=sigma_squared, lower=lower)
    return 4 * (math.sqrt(2) - 1) * lower * sigma_squared


def descent_radius(r, level, excess, lower):
    """ρ = [2√(2r) ν + √(lower · excess)]/lower: descent from f(V₀V₀ᵀ) ≤ f(M) + excess stays in ‖X − M‖_F ≤ ρ, for
    ν = `level`, `lower` on rank 2r (oracle theorem, chapter 5)."""
    level, excess = _nonnegative(level=level, excess=excess)
    (lower,) = _positive(lower=lower)
    return (2 * math.sqrt(2 * integer("r", r, low=1)) * level + math.sqrt(lower * excess)) / lower


def same_minimum_slack(radius, mu_r, level, lower, upper):
    """uniqueness_threshold(μ_r − ρ, lower) − 4 · upper · ρ − 4ν, ρ = `radius` < μ_r, ν = `level`: where it is positive,
    descent from every start with that `descent_radius` ends at the same X, if it converges (oracle theorem, chapter
    5)."""
    radius, level = _nonnegative(radius=radius, level=level)
    mu_r, upper, lower = _positive(mu_r=mu_r, upper=upper, lower=lower)
    return 4 * (math.sqrt(2) - 1) * lower * (mu_r - radius) - 4 * upper * radius - 4 * level
