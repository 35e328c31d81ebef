"""Chapter 4 before any data are seen: how many columns there can be, how many measurements are enough (Theorem 4.15).

Notation as in `gap`.
"""

import math

import numpy as np

from helpers.arguments import integer, number
from helpers.theory.gap import (
    closeness_bound,
    count_thresholds,
    curvature_bound,
    fit_bound,
    gap_edge,
    nu_bound,
    threshold_strength,
)
from helpers.theory.landscape import critical_strength
from helpers.theory.sensing import gaussian_radius, least

_SHARE = 12 / 5**1.5  # p h'(p) = 1.073 √β at p = 4β


def a_priori_count(truth_loss, trace, strength, smoothing):
    """m₀ = (f(M)/(λ√β) + tr M/β)/1.073 ≥ m at every exact point with a zero column, whatever k and d are, if
    λ ≥ 5^{5/2}κβ^{3/2} (Theorem 4.15). `truth_loss` = f(M), `trace` = tr M; a float."""
    strength = number("strength", strength, low=0, strict=True)
    return fit_bound(truth_loss, trace, strength, smoothing) / (_SHARE * strength * math.sqrt(smoothing))


def enough_measurements(d, r, mu_r, trace, noise, strength, smoothing, *, most=None, failure=0.05):
    """n* of Theorem 4.15, an int or math.inf: for every n ≥ n* Gaussian measurements with N(0, s²) noise, with
    probability at least 1 − failure, every second-order stationary point with a zero column and at most `most` nonzero
    ones has exactly r nonzero ones. most=None: d. `trace` = tr M, s = `noise` ≥ 0. math.inf if λ ≥ 2√βμ_r. Raises
    TypeError or ValueError."""
    d, noise = integer("d", d, low=1), number("noise", noise, low=0)
    r = integer("r", r, low=1, high=d)
    most = d if most is None else integer("most", most, low=r, high=d)
    t = math.sqrt(2 * math.log(6 / number("failure", failure, low=0, high=1, strict=True)))
    if strength >= critical_strength(mu_r, smoothing):
        return math.inf

    def enough(n):
        size = noise * (math.sqrt(n) + t)
        nu, kappa, m = nu_bound(size, d, n, t), curvature_bound(d, n, failure=math.exp(-(t**2) / 2)), most
        if strength >= threshold_strength(smoothing, kappa):
            m = min(m, math.floor(a_priori_count(size**2 / n, trace, strength, smoothing)))
        radius = gaussian_radius(d, min(m + r, d), n, t=t)
        if radius >= 1:
            return False
        p = np.full(m, gap_edge(strength, kappa, smoothing) ** 2)
        error = closeness_bound(p, r, mu_r, strength, smoothing, nu=nu, alpha=(1 - radius) ** 2)
        return 2 * (2 * radius + radius**2) * error + 2 * nu < min(count_thresholds(mu_r, strength, smoothing))

    return least(enough)  # as n grows κ̄, ν̄, the radius and m fall, so what is enough stays enough
