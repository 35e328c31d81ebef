"""What random frames keep when columns are pruned (chapter 3).
"""

import math

from scipy import integrate, special

from helpers.arguments import array, integer, number


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
