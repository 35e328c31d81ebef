"""Inequalities of chapter 4: what holds at every (approximate) second-order stationary point of the noisy
empirical loss. Without noise: `landscape`.

Floats in and out, except where an array is named. Notation: λ = `strength`, β = `smoothing`; U an (ε, γ)-approximate
second-order point, ‖∇F‖_F ≤ ε, ∇²F ⪰ −γI; U_S its m columns of norm ≥ 2√β (at an exact point, ε = γ = 0: its nonzero
columns), p their squared norms, τ = `tau` ≥ the norms of the others; Δ = U_S U_Sᵀ − M, E = ∇f(X) − 2cΔ, c = 1 for
Gaussian and 2 for rank-one data (4.6). κ = `kappa` ≥ ‖𝒜(vvᵀ)‖²/n for unit v, ν = `nu` = ‖𝒜*w‖_op/n, ρ = `rho` a bound
on the sum of |cos∠| of one kept column with the others looked at, α = `alpha` ≤ ‖𝒜(Δ)‖²/(n‖Δ‖_F²).
A bound that its hypotheses do not give is math.inf. Bad arguments raise TypeError or ValueError.
"""

import math

import numpy as np

from helpers.arguments import ENSEMBLES, array, choice, integer, nonnegative, number, positive
from helpers.theory.landscape import bending_point, dh, fold_strength, g_min

_FIVE = 5**2.5  # |h''(4β)| = 2/(5^{5/2} β^{3/2})


def mean_factor(ensemble):
    """c of (4.6): the mean of ∇f(X) is 2cΔ, c = 1 ("gaussian"), or that plus 2 tr(Δ) I, c = 2 ("rank-one")."""
    return {"gaussian": 1, "rank-one": 2}[choice("ensemble", ensemble, ENSEMBLES)]


def gap_edge(strength, kappa=1.0, smoothing=0.0):
    """ℓ of Lemma 4.1, the least norm of a nonzero column: |h''(ℓ²)| = 2κ/λ, κ > 0, elementwise.

    0 where there is no gap (λ ≤ 2κβ^{3/2}). β = 0 gives the limit ½(λ/κ)^{1/3}, which is below the exact edge from λ =
    13.1 κβ^{3/2} on.
    """
    strength, beta = array("strength", strength, low=0), array("smoothing", smoothing, low=0)
    return np.sqrt(bending_point(strength / array("kappa", kappa, low=0, strict=True), beta))[()]


def curvature_bound(d, n=None, *, failure=0.05, ensemble="gaussian"):
    """κ ≥ ‖𝒜(vvᵀ)‖²/n for all unit v, with probability at least 1 − failure over n measurements (Proposition 4.2).

    (1 + √(2d/n) + t/√n)² ("gaussian"), (3^{1/4} + (√d + t)/n^{1/4})⁴ ("rank-one"), failure = e^{−t²/2} in (0, 1).
    n=None: the expectation, 1 or 3.
    """
    d, failure = integer("d", d, low=1), number("failure", failure, low=0, high=1, strict=True)
    gaussian = choice("ensemble", ensemble, ENSEMBLES) == "gaussian"
    if n is None:
        return 1.0 if gaussian else 3.0
    n, t = integer("n", n, low=1), math.sqrt(-2 * math.log(failure))
    if gaussian:
        return (1 + math.sqrt(2 * d / n) + t / math.sqrt(n)) ** 2
    return (3**0.25 + (math.sqrt(d) + t) / n**0.25) ** 4


def threshold_strength(smoothing, kappa=1.0):
    """5^{5/2} κβ^{3/2}: from this λ on the norm 2√β lies in the gap (Lemma 4.1, Corollary 4.3)."""
    smoothing, kappa = positive(smoothing=smoothing, kappa=kappa)
    return _FIVE * kappa * smoothing**1.5


def working_window(c_beta, r, kappa=1.0):
    """The strengths c_λ between which the threshold lies in the gap and Theorem 2.5 holds, 5^{5/2}κc_β^{3/2}/r and
    2√c_β, elementwise in c_β > 0 (Corollary 4.3); empty where the first is the larger."""
    c_beta, (kappa,) = array("c_beta", c_beta, low=0, strict=True), positive(kappa=kappa)
    return (_FIVE * kappa * c_beta**1.5 / integer("r", r, low=1))[()], (2 * np.sqrt(c_beta))[()]


def noise_level(noise, d, n, *, ensemble="gaussian"):
    """The usual size of ν for noise s = `noise` ≥ 0 and d ≪ n, an estimate, not a bound: s√(2d/n) ("gaussian") or
    2s√(d/n) ("rank-one") (Proposition 4.10)."""
    share = integer("d", d, low=1) / integer("n", n, low=1)
    factor = math.sqrt(2 * mean_factor(ensemble))
    return factor * number("noise", noise, low=0) * math.sqrt(share)


def nu_bound(size, d, n, t):
    """(√(2d) + t)‖w‖/n ≥ ν with probability at least 1 − 2e^{−t²/2}, t ≥ 0, for Gaussian measurements and any noise w
    of norm `size` ≥ 0 that is independent of them (Proposition 4.10)."""
    size, t = nonnegative(size=size, t=t)
    return (math.sqrt(2 * integer("d", d, low=1)) + t) * size / integer("n", n, low=1)


def noise_edge(nu, smoothing=0.0, *, ensemble="gaussian"):
    """The λ above which noise of operator norm ν > 0 leaves no extra column, as long as E is mostly noise: c g_min > ν
    (Theorem 4.8, Proposition 4.10), so c λ_fold(ν/c); β = 0 gives 8(ν/3)^{3/2} = 1.54 ν^{3/2} and 1.09 ν^{3/2}."""
    (nu,), c = positive(nu=nu), mean_factor(ensemble)
    return float(c * fold_strength(nu / c, number("smoothing", smoothing, low=0)))


def robust_gap_bound(eps, gamma, strength, smoothing, kappa=1.0, omega=None):
    """τ ≥ the norm of every column of norm at most 2√β, when λ ≥ (1 + ω) 5^{5/2} κβ^{3/2} (Lemma 4.12).

    τ = √β max{(Cε/λ)^{1/3}, (Cγ√β/λ)^{1/2}}, C = (5^{5/2}/4)(1 + ω)/ω; where that is at most √β, the bound holds again
    with C = 2/(5·2^{−5/2} − 8·5^{−5/2}/(1 + ω)). ω > 0: as large as λ allows, unless given. math.inf if λ is too small;
    says nothing from 2√β on.
    """
    eps, gamma = nonnegative(eps=eps, gamma=gamma)
    strength, smoothing = positive(strength=strength, smoothing=smoothing)
    most = strength / threshold_strength(smoothing, kappa) - 1
    omega = most if omega is None else number("omega", omega, low=0, strict=True)
    if omega <= 0 or omega > most:
        return math.inf

    def norm(c):
        cubic = (c * eps / strength) ** (1 / 3)
        return math.sqrt(smoothing) * max(cubic, math.sqrt(c * gamma * math.sqrt(smoothing) / strength))

    tau = norm(_FIVE / 4 * (1 + omega) / omega)
    if tau <= math.sqrt(smoothing):
        tau = min(tau, norm(2 / (5 / 2**2.5 - 8 / _FIVE / (1 + omega))))
    return tau


def certificate_level(strength, smoothing, *, gamma=0.0, tau=0.0, kappa=1.0):
    """Λ = λ/√β + γ/2 + 4κτ² with ∇f(X) ⪰ −ΛI, given one column of norm ≤ τ (Lemma 4.5; Lemma 4.13)."""
    strength, gamma, tau = nonnegative(strength=strength, gamma=gamma, tau=tau)
    smoothing, kappa = positive(smoothing=smoothing, kappa=kappa)
    return strength / math.sqrt(smoothing) + gamma / 2 + 4 * kappa * tau**2


def fit_bound(truth_loss, trace, strength, smoothing):
    """f(M) + (λ/√β) tr M ≥ f(X) + λ Σ p_i h'(p_i) + ‖𝒜(Δ)‖²/n at an exact point with a zero column, for any
    measurements (Theorem 4.6 (i)). `truth_loss` = f(M), `trace` = tr M."""
    truth_loss, trace = nonnegative(truth_loss=truth_loss, trace=trace)
    return truth_loss + certificate_level(strength, smoothing) * trace


def fit_excess(p, mu_r, strength, smoothing, alpha=1.0):
    """λ²‖h'(p)‖²/(4α) ≥ f(X) − f(M) at an exact point with a zero column, if λ ≤ α√β μ_r (Theorem 4.6 (ii)); p (m,),
    possibly empty."""
    mu_r, strength, smoothing, alpha = positive(mu_r=mu_r, strength=strength, smoothing=smoothing, alpha=alpha)
    excess = float((strength * _slopes(p, smoothing)) ** 2 / (4 * alpha))
    return excess if strength <= alpha * math.sqrt(smoothing) * mu_r else math.inf


def _slopes(p, smoothing):
    """‖h'(p)‖, 0 for no column."""
    return float(np.linalg.norm(dh(p, smoothing))) if np.size(p) else 0.0


def closeness_bound(
    p, r, mu_r, strength, smoothing, *, nu, alpha, upper=1.0, eps=0.0, gamma=0.0, tau=0.0, small=1, rho=0.0
):  # fmt: skip
    """A bound on ‖Δ‖_F, for p (m,), possibly empty, and `small` ≥ 1 other columns: at exact points the smaller of the
    two of Theorem 4.7, [√(m+r) ν + (λ/2)(‖h'(p)‖² + r/β)^{1/2}]/α and A/(α − Λ/(2μ_r)); at others the second, Theorem
    4.14 (iii).

    A = √(m+r) ν + (λ/2)√((1+ρ)/(1−ρ)) ‖h'(p)‖ + ε/(4√(2β(1−ρ))) + upper · small · τ², ρ = (m − 1) cos θ, Λ as in
    `certificate_level` with κ = `upper`, which is at least κ and ‖𝒜(Δ)‖²/(n‖Δ‖_F²). math.inf if ρ ≥ 1 or if the
    denominator is not positive.
    """
    r, m, small = integer("r", r, low=1), np.size(p), integer("small", small, low=1)
    mu_r, alpha = positive(mu_r=mu_r, alpha=alpha)
    nu, eps, rho = nonnegative(nu=nu, eps=eps, rho=rho)
    slopes, noise = _slopes(p, smoothing), math.sqrt(m + r) * nu
    level = certificate_level(strength, smoothing, gamma=gamma, tau=tau, kappa=upper)
    bound, room = math.inf, alpha - level / (2 * mu_r)
    if rho < 1 and room > 0:
        bias = strength / 2 * math.sqrt((1 + rho) / (1 - rho)) * slopes
        residual = eps / (4 * math.sqrt(2 * smoothing * (1 - rho))) + upper * small * tau**2
        bound = (noise + bias + residual) / room
    if eps == gamma == tau == rho == 0:
        bound = min(bound, (noise + strength / 2 * math.hypot(slopes, math.sqrt(r / smoothing))) / alpha)
    return bound


def count_thresholds(
    mu_r, strength, smoothing, *, ensemble="gaussian", eps=0.0, gamma=0.0, tau=0.0, rho=0.0, kappa=1.0
):  # fmt: skip
    """(at least, at most): λ_max(QEQ) below the first implies m ≥ r, λ_max(−Q'EQ') below the second m ≤ r, at exact
    points (Theorem 4.8) and at others (Theorem 4.14), with E of (4.6) and Q the projector on range M, Q' = I − Q.

    2cμ_r − Λ, and 2c(1−ρ) g_min − h'(4β)ρλ − ε/(4√(β(1−ρ))) with ρ = r cos θ and g_min at λ/c; −math.inf for ρ ≥ 1.
    """
    mu_r, strength, smoothing = positive(mu_r=mu_r, strength=strength, smoothing=smoothing)
    (eps, rho), c = nonnegative(eps=eps, rho=rho), mean_factor(ensemble)
    at_least = 2 * c * mu_r - certificate_level(strength, smoothing, gamma=gamma, tau=tau, kappa=kappa)
    if rho >= 1:
        return at_least, -math.inf
    blur = rho * strength * dh(4 * smoothing, smoothing) + eps / (4 * math.sqrt(smoothing * (1 - rho)))
    return at_least, float(2 * c * (1 - rho) * g_min(strength / c, smoothing) - blur)


def error_after_count(p, deviation, strength, smoothing, *, ensemble="gaussian"):
    """(eigenvalues, Frobenius) once m = r at an exact point (Theorem 4.11), for p (r,) and `deviation` = ‖E‖_op:
    |μ_i − g(p)_(i)| ≤ e/√3 + q and ‖X − M‖_F ≤ (λ/2c)‖h'(p)‖ + √(r/2) e + √r q, with e = ‖E‖_op/c, q = e²/(4g_min −
    2e), g and g_min at λ/c, both orders decreasing. (math.inf, math.inf) unless e < 2 g_min."""
    (deviation,), c, r = nonnegative(deviation=deviation), mean_factor(ensemble), np.size(p)
    e, room = deviation / c, 4 * g_min(strength / c, smoothing) - 2 * deviation / c
    if room <= 0:
        return math.inf, math.inf
    q = float(e**2 / room)
    bias = strength / (2 * c) * _slopes(p, smoothing)
    return e / math.sqrt(3) + q, bias + math.sqrt(r / 2) * e + math.sqrt(r) * q
