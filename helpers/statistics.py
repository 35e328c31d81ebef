"""Closed forms of chapters 3 and 5: random frames, rates of fine-tuning, and the least statistical error.

Numbers or numpy arrays in, the same out; "elementwise" arguments broadcast. μ is an eigenvalue of M, η = `step`. The
ensemble names the population loss: "gaussian" ‖X − M‖_F², "rank-one" 2‖X − M‖_F² + (tr(X − M))². An argument that is
not a finite real number, or is out of its range, raises TypeError or ValueError.
"""

import math

import numpy as np
from scipy import integrate, special

from helpers.arguments import ENSEMBLES, array, choice, integer, number


def frame_pruning_error(fraction, r):
    """‖X_q − M‖_F²/‖M‖_F² → [F_{χ²_{r+2}}(F_{χ²_r}^{−1}(1 − q))]² when the fraction q in [0, 1] of largest columns of
    U⋆W is kept, W a random r × k frame, equal μ, k → ∞; elementwise in q (random frames, chapter 3)."""
    half = special.gammainccinv(integer("r", r, low=1) / 2, array("fraction", fraction, low=0, high=1))
    return (special.gammainc(r / 2 + 1, half) ** 2)[()]


def kept_mass(keep, k):
    """E T, T the sum of the m = `keep` largest squares of a uniform point on the sphere of R^k, 1 ≤ m ≤ k: for r = 1
    the relative squared pruning error is (1 − T)². ∫₀¹ F_{χ²_1}^{−1}(u) I_u(k − m, m) du (random frames, chapter 3)."""
    k = integer("k", k, low=1)
    m = integer("keep", keep, low=1, high=k)
    if m == k:
        return 1.0

    def mass(z):  # u = F(z²), through 1 − u, which keeps the tail exact
        density = math.sqrt(2 / math.pi) * math.exp(-z * z / 2)
        return z * z * density * special.betaincc(m, k - m, math.erfc(z / math.sqrt(2)))

    return integrate.quad(mass, 0, 40, points=[1, 2, 4, 8], epsabs=1e-12, limit=200)[0]


def count_near_largest(k, c, r=1):
    """E N_c = k − k(k − 1) ∫ f F^{k−2} F(cy) dy, the number of the k columns of a random frame whose norm is at least c
    times the largest (itself counted), 0 ≤ c ≤ 1, f and F the density and distribution of χ_r (random frames, chapter
    3).

    Exact for r = 1; for r > 1 (equal μ) the columns are only nearly independent, k ≫ r.
    """
    k, r, c = integer("k", k, low=1), integer("r", r, low=1), number("c", c, low=0, high=1)

    def near(v):  # v = F(y)^k; the share F(cy)/F(y) is taken from 1 before the integral, against cancellation
        half = special.gammainccinv(r / 2, -math.expm1(math.log(v) / k))
        return 1 - special.gammainc(r / 2, c * c * half) / special.gammainc(r / 2, half)

    return 1 + (k - 1) * integrate.quad(near, 0, 1, epsabs=1e-10, limit=200)[0]


def count_near_largest_law(k, c, r=1):
    """Γ(1 + c²) k P(χ_r ≥ c y_k), y_k the (1 − 1/k)-quantile of χ_r: `count_near_largest` for large k ≥ 2, 0 ≤ c ≤ 1.
    The bare power k^{1−c²} misses its logarithms (random frames, chapter 3)."""
    k, r, c = integer("k", k, low=2), integer("r", r, low=1), number("c", c, low=0, high=1)
    return float(special.gamma(1 + c * c) * k * special.gammaincc(r / 2, c * c * special.gammainccinv(r / 2, 1 / k)))


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


def degrees_of_freedom(d, r):
    """rd − r(r − 1)/2 (an int): the dimension of the positive semidefinite d × d matrices of rank r, 1 ≤ r ≤ d."""
    d = integer("d", d, low=1)
    r = integer("r", r, low=1, high=d)
    return r * d - r * (r - 1) // 2


def _lost_samples(d, r, ensemble):
    """a in n/(n − a): E(q₁q₂)/E(q₂) − 1, q_j = ⟨ξ, G^{−j} ξ⟩, ξ = A_i projected on the tangent space, G = E ξξᵀ."""
    if ensemble == "gaussian":
        return degrees_of_freedom(d, r) + 1
    a, b, rest = (r + 1) / (2 * (r + 2)), r * (r + 3) / (4 * (r + 2) ** 2), d - r
    product = a * b * (r + 4) * (r + 6) + (a / 2 + b) * (r + 4) * rest + rest * (rest + 2) / 2
    return r * (r + 2) * product / (degrees_of_freedom(d, r) / 2 - r / (2 * (2 + r))) - 1


def cramer_rao(d, r, n, noise, *, ensemble="gaussian", finite_n=False):
    """The least E‖X̂ − M‖_F² of unbiased (or asymptotic) estimators, n ≥ 1 measurements with noise s = `noise` ≥ 0,
    elementwise in n: s²·dof/n ("gaussian"), (s²/n)(dof/2 − r/(2(2 + r))) ("rank-one") (Cramér–Rao constant, chapter 5).

    finite_n: times n/(n − a), the error of least squares to first order in s. "gaussian": a = dof + 1, exact, n > a;
    "rank-one": a from exact moments, which is exact to first order in 1/n only.
    """
    trace = dof = degrees_of_freedom(d, r)
    if choice("ensemble", ensemble, ENSEMBLES) == "rank-one":
        trace = dof / 2 - r / (2 * (2 + r))
    lost = _lost_samples(d, r, ensemble) if finite_n else 0
    n = array("n", n, low=max(lost, 0), strict=True)
    return (number("noise", noise, low=0) ** 2 * trace / (n - lost))[()]
