"""Inequalities of chapter 4: what holds at every (approximate) second-order stationary point of the noisy
empirical loss. Without noise: `landscape`.

Floats in and out, except where an array is named. Notation: λ = `strength`, β = `smoothing`; U an (ε, γ)-approximate
second-order point, ‖∇F‖_F ≤ ε, ∇²F ⪰ −γI; U_S its m columns of norm ≥ 2√β (at an exact point, ε = γ = 0: its nonzero
columns), `small` ≥ 1 the number of the others, of norm ≤ τ = `tau`; `cosine` ≥ |cos∠| within U_S; Δ = U_S U_Sᵀ − M.
`lower`, `upper`: ‖𝒜(Z)‖²/n is between lower · ‖Z‖_F² and upper · ‖Z‖_F² (1 ∓ δ for Gaussian measurements).
A bound that its hypotheses do not give is math.inf. Bad arguments raise TypeError or ValueError.
"""

import math

import numpy as np

from helpers.arguments import ENSEMBLES, array, choice, integer, number
from helpers.theory.landscape import bending_point, dh, fold_strength, g_min

_FIVE = 5**2.5  # |h''(4β)| = 2/(5^{5/2} β^{3/2})




def _positive(**values):
    return [number(name, value, low=0, strict=True) for name, value in values.items()]


def _nonnegative(**values):
    return [number(name, value, low=0) for name, value in values.items()]


def gap_edge(strength, curvature=1.0, smoothing=0.0):
    """The least norm √p of a nonzero column, |h''(p)| = 2κ/λ with κ = `curvature` > 0, elementwise (gap lemma, chapter
    4).

    0 where there is no gap (λ ≤ 2κβ^{3/2}). β = 0 gives the limit ½(λ/κ)^{1/3}, which is below the exact edge from λ =
    13.1 κβ^{3/2} on.
    """
    strength, beta = array("strength", strength, low=0), array("smoothing", smoothing, low=0)
    return np.sqrt(bending_point(strength / array("curvature", curvature, low=0, strict=True), beta))[()]


def curvature_bound(d, n=None, *, failure=0.05, ensemble="gaussian"):
    """κ with ‖𝒜(E)‖²/n ≤ κ for all E = uuᵀ, ‖u‖ = 1, with probability ≥ 1 − failure over n measurements (gap lemma,
    chapter 4).

    (1 + √(2d/n) + t/√n)² ("gaussian"), (3^{1/4} + (√d + t)/n^{1/4})⁴ ("rank-one"), failure = e^{−t²/2} in (0, 1).
    n=None: the population, 1 or 3.
    """
    d, failure = integer("d", d, low=1), number("failure", failure, low=0, high=1, strict=True)
    gaussian = choice("ensemble", ensemble, ENSEMBLES) == "gaussian"
    if n is None:
        return 1.0 if gaussian else 3.0
    n, t = integer("n", n, low=1), math.sqrt(-2 * math.log(failure))
    if gaussian:
        return (1 + math.sqrt(2 * d / n) + t / math.sqrt(n)) ** 2
    return (3**0.25 + (math.sqrt(d) + t) / n**0.25) ** 4


def threshold_strength(smoothing, curvature=1.0):
    """5^{5/2} κβ^{3/2}: from this λ on the norm 2√β lies in the gap (working window, chapter 4)."""
    smoothing, curvature = _positive(smoothing=smoothing, curvature=curvature)
    return _FIVE * curvature * smoothing**1.5


def noise_level(noise, d, n, *, ensemble="gaussian"):
    """The usual size of ν = ‖𝒜*w‖_op/n for noise s = `noise` ≥ 0, an estimate, not a bound, for d ≪ n: s√(2d/n)
    ("gaussian") or 2s√(d/n) ("rank-one") (noise edge, chapter 4)."""
    share = integer("d", d, low=1) / integer("n", n, low=1)
    factor = {"gaussian": math.sqrt(2), "rank-one": 2}[choice("ensemble", ensemble, ENSEMBLES)]
    return factor * number("noise", noise, low=0) * math.sqrt(share)


def noise_edge(level, smoothing=0.0, *, ensemble="gaussian"):
    """The λ above which noise of operator norm ν = `level` > 0 leaves no extra column (noise edge, chapter 4): g_min >
    ν, so λ_fold(ν); 2λ_fold(ν/2) for "rank-one", leaving out the trace term.

    β = 0 gives 8(ν/3)^{3/2} = 1.54 ν^{3/2} and 1.09 ν^{3/2}.
    """
    (level,) = _positive(level=level)
    scale = {"gaussian": 1, "rank-one": 2}[choice("ensemble", ensemble, ENSEMBLES)]
    return float(scale * fold_strength(level / scale, number("smoothing", smoothing, low=0)))


def robust_gap_bound(eps, gamma, strength, smoothing, curvature=1.0, omega=None):
    """τ ≥ the norm of every column below 2√β, when λ ≥ (1 + ω) 5^{5/2} κβ^{3/2}, κ = `curvature` (robust gap, chapter
    4).

    τ = √β max{(Cε/λ)^{1/3}, (Cγ√β/λ)^{1/2}}, C = (5^{5/2}/4)(1 + ω)/ω; where that is at most √β, the bound holds again
    with C = 2/(5·2^{−5/2} − 8·5^{−5/2}/(1 + ω)). ω > 0: as large as λ allows, unless given. math.inf if λ is too small;
    says nothing from 2√β on.
    """
    eps, gamma = _nonnegative(eps=eps, gamma=gamma)
    strength, smoothing = _positive(strength=strength, smoothing=smoothing)
    most = strength / threshold_strength(smoothing, curvature) - 1
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


def certificate_level(strength, smoothing, *, gamma=0.0, tau=0.0, upper=1.0):
    """Λ = λ/√β + γ/2 + 4 · upper · τ² with ∇f(X) ⪰ −Λ, given one column of norm ≤ τ (certificate lemma, chapter 4)."""
    strength, gamma, tau = _nonnegative(strength=strength, gamma=gamma, tau=tau)
    smoothing, upper = _positive(smoothing=smoothing, upper=upper)
    return strength / math.sqrt(smoothing) + gamma / 2 + 4 * upper * tau**2


def fit_bound(truth_loss, trace, strength, smoothing):
    """f(M) + (λ/√β) tr M ≥ f(X) + λ Σ p_i h'(p_i) + ‖𝒜(X − M)‖²/n at an exact second-order point with a zero column,
    for any measurements (theorem A, chapter 4). `truth_loss` = f(M), `trace` = tr M."""
    truth_loss, trace = _nonnegative(truth_loss=truth_loss, trace=trace)
    return truth_loss + certificate_level(strength, smoothing) * trace


def _crowding(cosine, neighbours):
    """neighbours · cosine, the bound on ‖K‖ where I + K is the Gram matrix of normalised columns."""
    return integer("neighbours", neighbours, low=0) * number("cosine", cosine, low=0, high=1)


def closeness_bound(
    p, r, mu_r, strength, smoothing, *, level, lower, upper=1.0, eps=0.0, gamma=0.0, tau=0.0, small=1, cosine=0.0
):
    """A bound on ‖Δ‖_F (theorem B, chapter 4), for p (m,) the squared norms of the m columns of U_S and ν = `level`:
    the least of A/(lower − Λ/(2μ_r)) and, at exact points, [√(m+r) ν + (λ/2)(‖h'(p)‖² + r/β)^{1/2}]/lower.

    A = √(m+r) ν + (λ/2)√((1+κ)/(1−κ)) ‖h'(p)‖ + ε/(4√(β(1−κ))) + upper · small · τ², κ = (m − 1) · cosine, Λ as in
    `certificate_level`; `lower`, `upper` on rank m + r. math.inf if κ ≥ 1 or if the first denominator is not positive.
    """
    slopes, r = np.linalg.norm(dh(p, smoothing)), integer("r", r, low=1)
    mu_r, lower = _positive(mu_r=mu_r, lower=lower)
    level, eps = _nonnegative(level=level, eps=eps)
    m, small = np.size(p), integer("small", small, low=1)
    certificate = certificate_level(strength, smoothing, gamma=gamma, tau=tau, upper=upper)
    kappa, noise = _crowding(cosine, m - 1), math.sqrt(m + r) * level
    bound, room = math.inf, lower - certificate / (2 * mu_r)
    if kappa < 1 and room > 0:
        slope_term = strength / 2 * math.sqrt((1 + kappa) / (1 - kappa)) * slopes
        residual = eps / (4 * math.sqrt(smoothing * (1 - kappa))) + upper * small * tau**2
        bound = (noise + slope_term + residual) / room
    if eps == gamma == tau == cosine == 0:
        bound = min(bound, (noise + strength / 2 * math.hypot(slopes, math.sqrt(r / smoothing))) / lower)
    return float(bound)


def count_slacks(
    r, mu_r, strength, smoothing, *, on_range, off_range, trace=0.0, ensemble="gaussian", eps=0.0, gamma=0.0, tau=0.0,
    cosine=0.0, upper=1.0,
):  # fmt: skip
    """(at least, at most): the first > 0 implies m ≥ r, the second > 0 implies m ≤ r (theorem C, chapter 4).

    "gaussian", E = ∇f(X) − 2Δ: 2μ_r − Λ − λ_max(QEQ) and 2(1−κ) g_min − h'(4β)κλ − ε/(4√(β(1−κ))) −
    λ_max(−(I−Q)E(I−Q)), κ = r · cosine. "rank-one", E = ∇f(X) − 4Δ − 2 tr(Δ) I: 4 for the first 2, 4g_min(λ/2, β) for
    2g_min(λ, β), and −2 tr Δ added to the first, +2 tr Δ to the second; exact points only. on_range = λ_max(QEQ),
    off_range = λ_max(−(I−Q)E(I−Q)), trace = tr Δ (any sign), Q the projector on range M.
    """
    strength, smoothing, mu_r = _positive(strength=strength, smoothing=smoothing, mu_r=mu_r)
    on_range, off_range, trace = number("on_range", on_range), number("off_range", off_range), number("trace", trace)
    (eps,) = _nonnegative(eps=eps)
    kappa = _crowding(cosine, integer("r", r, low=1))
    level = certificate_level(strength, smoothing, gamma=gamma, tau=tau, upper=upper)
    if choice("ensemble", ensemble, ENSEMBLES) == "rank-one":
        if max(eps, gamma, tau, kappa) > 0:
            raise ValueError("eps, gamma, tau and cosine must be 0 for the rank-one ensemble (exact points only)")
        most = 4 * g_min(strength / 2, smoothing)
        return 4 * mu_r - level - on_range - 2 * trace, float(most - off_range + 2 * trace)
    at_least = 2 * mu_r - level - on_range
    if kappa >= 1:
        return at_least, -math.inf
    blur = kappa * strength * dh(4 * smoothing, smoothing) + eps / (4 * math.sqrt(smoothing * (1 - kappa)))
    return at_least, float(2 * (1 - kappa) * g_min(strength, smoothing) - blur - off_range)


def error_after_count(p, deviation, strength, smoothing):
    """(eigenvalues, Frobenius) once m = r (theorem D, chapter 4), for p (r,) the squared column norms and e =
    `deviation` = ‖E‖_op at an exact point of the Gaussian problem: |μ_i − g(p)_(i)| ≤ e/√3 + q and ‖X − M‖_F ≤
    (λ/2)‖h'(p)‖ + √(r/2) e + √r q, q = e²/(4(g_min − e/2)), both orders decreasing. (math.inf, math.inf) unless e < 2
    g_min."""
    (deviation,) = _nonnegative(deviation=deviation)
    room, slopes, r = g_min(strength, smoothing) - deviation / 2, np.linalg.norm(dh(p, smoothing)), np.size(p)
    if room <= 0:
        return math.inf, math.inf
    second = float(deviation**2 / (4 * room))
    first = float(strength / 2 * slopes) + math.sqrt(r / 2) * deviation
    return deviation / math.sqrt(3) + second, first + math.sqrt(r) * second
