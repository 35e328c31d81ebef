"""Chapter 8: the path β = bλ^{2/3}, where the count is right on it, and what residuals tell of the noise.

z = λ^{2/3} is the `level`, b the `ratio`; c = 1 for "gaussian", 2 for "rank-one" measurements; g_b = `path_floor`.
"""

import math
from functools import lru_cache

import numpy as np
import scipy  # loads its parts when they are first used

from helpers.arguments import array, integer, nonnegative, number, positive
from helpers.theory.gap import gap_edge, mean_factor, noise_level, threshold_strength
from helpers.theory.landscape import crossing, dh, g_min
from helpers.theory.sensing import degrees_of_freedom


@lru_cache
def path_floor(ratio, *, ensemble="gaussian"):
    """g_b = min over x ≥ 0 of x + h_b'(x)/(2c), a float, b > 0: on the path g_min is g_b z (Lemma 8.1)."""
    (ratio,) = positive(ratio=ratio)
    return float(g_min(1 / mean_factor(ensemble), ratio))


def largest_ratio(kappa=1.0):
    """(5^{5/2}κ)^{−2/3} = 0.0684 κ^{−2/3}: below it the gap holds the threshold 2√β at every λ (Lemma 8.1); κ > 0."""
    return threshold_strength(1.0, kappa) ** (-2 / 3)


def detection_limit(noise, d, n, *, ensemble="gaussian"):
    """ν/(2c) at the usual ν: the eigenvalue of M below which no trace of it is left in the spectrum of 𝒜*y/n, as d → ∞
    with d/n → 0 (Proposition 8.7). `noise` ≥ 0."""
    return noise_level(noise, d, n, ensemble=ensemble) / (2 * mean_factor(ensemble))


def count_range(mu, level, ratio, deviation=0.0, *, ensemble="gaussian"):
    """(least, most): how many columns a second-order point can have, for eigenvalues mu (d,) ≥ 0 of M and `deviation` =
    ‖E‖_op ≥ 0: #{2cμ_i > z/√b + ‖E‖} ≤ m ≤ #{2cμ_i ≥ 2c g_b z − ‖E‖}, the first if m < k (Theorem 8.2)."""
    level, ratio = positive(level=level, ratio=ratio)
    doubled = 2 * mean_factor(ensemble) * array("mu", mu, low=0)
    deviation = number("deviation", deviation, low=0)
    floor = 2 * mean_factor(ensemble) * path_floor(ratio, ensemble=ensemble) * level
    return int((doubled > level / math.sqrt(ratio) + deviation).sum()), int((doubled >= floor - deviation).sum())


@lru_cache
def _slope(ratio, kappa):
    """h_b'(ℓ_b²): no nonzero column is shorter than ℓ_b√z, so none is pulled by more than h_b'(ℓ_b²) z."""
    return dh(gap_edge(1.0, kappa, ratio) ** 2, ratio)


def path_deviation(level, ratio, r, mu_r, nu, delta, *, most=None, ensemble="gaussian"):
    """(ē, Δ̄): bounds on |xᵀEx| for the unit x of Theorem 8.3 and on ‖Δ‖_F, elementwise in `level` z > 0; math.inf where
    z ≥ 2√b μ_r(c − δ).

    most: m₁ ≥ r, the most nonzero columns looked at, None for r.
    """
    c, level = mean_factor(ensemble), array("level", level, low=0, strict=True)
    ratio, mu_r = positive(ratio=ratio, mu_r=mu_r)
    nu, delta = nonnegative(nu=nu, delta=delta)
    r = integer("r", r, low=1)
    most = r if most is None else integer("most", most, low=r)
    slope = _slope(ratio, 2 * c - 1 + delta)  # κ of Lemma 8.1
    pull = math.sqrt(most + r) * nu + math.sqrt(most) * slope / 2 * level
    room = c - delta - level / (2 * math.sqrt(ratio) * mu_r)
    safe = np.where(room > 0, room, 1.0)
    bound = 2 * delta * pull / safe + (c - 1) * pull / np.sqrt(safe) + 2 * nu
    return np.where(room > 0, bound, math.inf)[()], np.where(room > 0, pull / safe, math.inf)[()]


def plateau_slack(level, ratio, r, mu_r, nu, delta, *, ensemble="gaussian", **options):
    """min{2cμ_r − z/√b, 2c g_b z} − ē(z), elementwise in z: where it is positive, every second-order point on the path
    with a zero column and at most m₁ others has exactly r (Theorem 8.3). Arguments as for `path_deviation`."""
    c, level = mean_factor(ensemble), np.asarray(level, dtype=float)
    bound, _ = path_deviation(level, ratio, r, mu_r, nu, delta, ensemble=ensemble, **options)
    upper = 2 * c * mu_r - level / math.sqrt(ratio)
    return (np.minimum(upper, 2 * c * path_floor(ratio, ensemble=ensemble) * level) - bound)[()]


def plateau(ratio, r, mu_r, nu, delta, *, ensemble="gaussian", **options):
    """(z₋, z₊): the ends of the open interval on which `plateau_slack` is positive, or None where it is empty.

    The slack is concave in z, so that its zeros lie on the two sides of its maximum (Theorem 8.3).
    """
    def slack(z):
        return plateau_slack(z, ratio, r, mu_r, nu, delta, ensemble=ensemble, **options)

    ratio, mu_r = positive(ratio=ratio, mu_r=mu_r)
    high = 2 * math.sqrt(ratio) * mu_r * max(mean_factor(ensemble) - delta, 0)
    if high <= 0:
        return None
    how = {"bounds": (0, high), "method": "bounded", "options": {"xatol": 1e-12 * high}}
    top = float(scipy.optimize.minimize_scalar(lambda z: -slack(z), **how).x)
    if slack(top) <= 0:
        return None
    return float(crossing(slack, 0.0, top)), float(crossing(lambda z: -slack(z), top, high))


def residual_floor(size, nu, columns, alpha):
    """‖w‖²/n − ρν²/α ≤ f(X), a float: how far a fit can go below the noise, for X − M of rank at most ρ = `columns`,
    ‖𝒜(X − M)‖² ≥ nα‖X − M‖_F², `size` = ‖w‖²/n ≥ 0, α > 0 (Proposition 8.5)."""
    (size, nu), (alpha,) = nonnegative(size=size, nu=nu), positive(alpha=alpha)
    return size - integer("columns", columns, low=0) * nu**2 / alpha


def rule_ends(size, nu, d, r, n, alpha, *, most=None, margin=0.25, ensemble="gaussian"):
    """(low, high) of Theorem 8.6, in units of c g_b z: the rule finds r if c g_b z₋ < low and if some level of the grid
    lies on the plateau with c g_b z ≥ high. `size` = ‖w‖²/n; low is 0 where the residuals may vanish."""
    most = r if most is None else integer("most", most, low=r)
    unit = (1 + number("margin", margin, low=0)) * noise_level(1.0, d, n, ensemble=ensemble)
    low = unit * math.sqrt(max(residual_floor(size, nu, most + r, alpha), 0.0))
    share = 1 - degrees_of_freedom(d, r) / n
    return low, unit * math.sqrt(size / share) if share > 0 else math.inf
