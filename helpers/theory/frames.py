"""What random frames keep when columns are pruned (chapter 3)."""

import math

import scipy  # loads its parts when they are first used

from helpers.arguments import array, integer, number

GOLDEN_RATIO = (1 + 5**0.5) / 2  # rotating, then pruning to r columns: ‖X_r − M‖_F ≤ this · ‖X − M‖_F (Proposition 3.8)


def frame_pruning_error(fraction, r):
    """‖X_q − M‖_F²/‖M‖_F² → [F_{χ²_{r+2}}(F_{χ²_r}^{−1}(1 − q))]² when the fraction q in [0, 1] of largest columns of
    U⋆W is kept, W a random r × k frame, equal μ, k → ∞; elementwise in q (Theorem 3.6)."""
    half = scipy.special.gammainccinv(integer("r", r, low=1) / 2, array("fraction", fraction, low=0, high=1))
    return (scipy.special.gammainc(r / 2 + 1, half) ** 2)[()]


def kept_mass(keep, k):
    """E T, T the sum of the m = `keep` largest squares of a uniform point on the sphere of R^k, 1 ≤ m ≤ k: for r = 1
    the relative pruning error is 1 − T. ∫₀¹ F_{χ²_1}^{−1}(u) I_u(k − m, m) du (Theorem 3.7)."""
    k = integer("k", k, low=1)
    m = integer("keep", keep, low=1, high=k)
    if m == k:
        return 1.0

    def mass(z):  # u = F(z²), through 1 − u, which keeps the tail exact
        density = math.sqrt(2 / math.pi) * math.exp(-z * z / 2)
        return z * z * density * scipy.special.betaincc(m, k - m, math.erfc(z / math.sqrt(2)))

    return scipy.integrate.quad(mass, 0, 40, points=[1, 2, 4, 8], epsabs=1e-12, limit=200)[0]


def count_near_largest(k, c, r=1):
    """E N_c = k(k − 1) ∫ ψ (1 − Ψ)^{k−2} Ψ(cy) dy, the number of k columns whose norm is at least c times the largest
    (itself counted), 0 ≤ c ≤ 1, Ψ and ψ the tail and the density of χ_r: (3.1) of Theorem 3.5.

    Exact for a random frame of one row, and for independent N(0, I_r) columns; for r > 1 (equal μ) a random frame has
    nearly independent columns when k ≫ r.
    """
    k, r, c = integer("k", k, low=1), integer("r", r, low=1), number("c", c, low=0, high=1)
    if k == 1:
        return 1.0
    constant = 2 ** (1 - r / 2) / scipy.special.gamma(r / 2)

    def tail(y):
        return scipy.special.gammaincc(r / 2, y * y / 2)

    def near(y):
        density = constant * y ** (r - 1) * math.exp(-y * y / 2)
        return density * math.exp(scipy.special.xlog1py(k - 2, -tail(y))) * tail(c * y)

    # the largest of k − 1 norms lies between these: outside, (1 − Ψ)^k < e^{−45} or kΨ < 1e-18
    low, high = (math.sqrt(2 * scipy.special.gammainccinv(r / 2, min(1.0, p / k))) for p in (45, 1e-18))
    return k * (k - 1) * scipy.integrate.quad(near, low, high, epsabs=0, epsrel=1e-10, limit=200)[0]


def count_near_largest_law(k, c, r=1):
    """Γ(1 + c²) k Ψ(c y_k), Ψ the tail of χ_r and Ψ(y_k) = 1/k: E N_c for large k ≥ 2, every r, equal μ, 0 ≤ c ≤ 1.
    The bare power k^{1−c²} misses its logarithms: (3.2) of Theorem 3.5."""
    k, r, c = integer("k", k, low=2), integer("r", r, low=1), number("c", c, low=0, high=1)
    half = scipy.special.gammainccinv(r / 2, 1 / k)
    return float(scipy.special.gamma(1 + c * c) * k * scipy.special.gammaincc(r / 2, c * c * half))
