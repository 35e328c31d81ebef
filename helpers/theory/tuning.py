"""Fine-tuning (chapter 5): rates of descent, the least error that noise allows, when the minimum is one. η = `step`."""

import math

import numpy as np

from helpers.arguments import ENSEMBLES, array, choice, integer, nonnegative, number, positive
from helpers.theory.quadratic import noise_limit, sample_correction
from helpers.theory.sensing import degrees_of_freedom


def _bend(mu, ensemble):
    """f″ on the diagonal matrices of the range of M, in an eigenbasis: shape (r, r). And mu as an array (r,)."""
    mu = np.atleast_1d(array("mu", mu, low=0, strict=True))
    one_trace = choice("ensemble", ensemble, ENSEMBLES) == "rank-one"
    return (4 * np.eye(len(mu)) + 2 if one_trace else 2 * np.eye(len(mu))), mu


def _curvatures(mu, ensemble):
    """a and b of Theorem 5.1: the error near M shrinks by 1 − ηa in its slowest direction, by 1 − ηb in its fastest."""
    bend, mu = _bend(mu, ensemble)
    slowest = {"gaussian": 4, "rank-one": 8}[ensemble] * mu.min()
    return slowest, _hessian(bend, mu)[0][-1]


def _hessian(bend, mu):
    """Eigenvalues and eigenvectors of 4√μ f″√μ, the Hessian of f(diag z²) at z = √μ."""
    return np.linalg.eigh(4 * bend * np.sqrt(np.outer(mu, mu)))


def linear_rate(mu, step, *, ensemble="gaussian"):
    """The factor on ‖X − M‖_F per gradient step η = `step` > 0 near M, k = r < d, eigenvalues mu (r,) > 0, population
    loss, generic start; elementwise in η (Theorem 5.1). 1 at `largest_step`, where the error falls like t^(−1/2);
    above 1 the truth repels.

    max(1 − 4ημ_r, 8ημ_1 − 1) ("gaussian"); max(1 − 8ημ_r, 8ηL − 1), L = λ_max(2 diag μ + √μ√μᵀ) ("rank-one").
    """
    slow, fast = _curvatures(mu, ensemble)
    step = array("step", step, low=0, strict=True)
    return np.maximum(1 - slow * step, fast * step - 1)[()]


def optimal_step(mu, *, ensemble="gaussian"):
    """The step of least `linear_rate`, 1/(4μ_1 + 2μ_r) ("gaussian") or 1/(4(L + μ_r)) ("rank-one"): up to it the rate
    is exactly 1 − 4ημ_r or 1 − 8ημ_r (Theorem 5.1)."""
    return float(2 / sum(_curvatures(mu, ensemble)))


def largest_step(mu, *, ensemble="gaussian"):
    """The step 1/(4μ_1) ("gaussian") or 1/(4L) ("rank-one"): below it descent converges to M with the `linear_rate`, at
    it like t^(−1/2) (`endpoint_constant`), beyond it M is unstable (Theorem 5.1)."""
    return float(2 / _curvatures(mu, ensemble)[1])


def endpoint_constant(mu, *, ensemble="gaussian"):
    """The limit of √t ‖X_t − M‖_F over t gradient steps of size `largest_step`, k = r < d, population loss, generic
    start, where the stiffest direction is one (Theorem 5.1): μ_1/2 ("gaussian", μ_1 simple), √r μ/2 ("rank-one", equal
    eigenvalues), else 2‖√μ v‖/√(2c) with v the stiffest direction and c the coefficient of its flip."""
    bend, mu = _bend(mu, ensemble)
    values, vectors = _hessian(bend, mu)
    root, v = np.sqrt(mu), vectors[:, -1]
    third = 4 * root * (bend @ v**2) + 8 * v * (bend @ (root * v))
    solved = vectors @ ((vectors.T @ third) / values)
    flip = 2 / values[-1] * (third @ solved / 2 - 2 * v**2 @ bend @ v**2)
    return float(2 * np.linalg.norm(root * v) / math.sqrt(2 * flip))


def crawl_error(t, s):
    """(Σ_i (8t + s_i⁻²)⁻²)^½: ‖X − M‖_F at time t ≥ 0 of the gradient flow of the "gaussian" population loss, but for
    an exponentially small part (Theorem 5.2); elementwise in t. s (m − r,) > 0: see `proofs.tuning.slow_values`."""
    t, s = array("t", t, low=0), array("s", s, low=0, strict=True)
    return np.sqrt(((8 * t[..., None] + s**-2.0) ** -2).sum(-1))[()]


def sublinear_error(steps, step, d, k, r, *, ensemble="gaussian"):
    """‖X − M‖_F after many gradient steps of size η with r < k columns, r < d, no noise, population loss; elementwise
    in steps > 0 (Theorems 5.2 and 5.3). An asymptote, reached late from an ill-conditioned start (k near d).

    With m = min(k, d) and t = η · steps: √(m − r)/(8t) ("gaussian"), √((m − r)((2 + r)² + r(m − r)))/(16(m + 2)t)
    ("rank-one").
    """
    r = integer("r", r, low=1)
    m = min(integer("k", k, low=r + 1), integer("d", d, low=r + 1))
    t = array("steps", steps, low=0, strict=True) * number("step", step, low=0, strict=True)
    if choice("ensemble", ensemble, ENSEMBLES) == "gaussian":
        return (math.sqrt(m - r) / (8 * t))[()]
    return (math.sqrt((m - r) * ((2 + r) ** 2 + r * (m - r))) / (16 * (m + 2) * t))[()]


def cramer_rao(d, r, n, noise, *, ensemble="gaussian", finite_n=False):
    """The least E‖X̂ − M‖_F² of locally unbiased estimators, n ≥ 1 measurements with noise s = `noise` ≥ 0, elementwise
    in n: s²·dof/n ("gaussian"), (s²/n)(dof/2 − r/(2(2 + r))) ("rank-one") (Theorem 5.5).

    finite_n: times n/(n − a), the error of least squares to first order in s. "gaussian": a = dof + 1, exact, n > a;
    "rank-one": a from exact moments, which is exact to first order in 1/n only (Proposition 6.9).
    """
    if choice("ensemble", ensemble, ENSEMBLES) == "rank-one":
        trace, lost = noise_limit(d, r), sample_correction(d, r)
    else:
        trace = degrees_of_freedom(d, r)
        lost = trace + 1
    lost = lost if finite_n else 0
    n = array("n", n, low=max(lost, 0), strict=True)
    return (number("noise", noise, low=0) ** 2 * trace / (n - lost))[()]


def descent_radius(r, nu, excess, lower):
    """ϱ = [2√(2r) ν + √(lower · excess)]/lower: descent from f(V₀V₀ᵀ) ≤ f(M) + excess stays in ‖X − M‖_F ≤ ϱ, for
    ν = `nu` ≥ 0, excess = ω² ≥ 0, `lower` = 1 − δ > 0 on rank 2r (Corollary 5.8)."""
    (nu, excess), (lower,) = nonnegative(nu=nu, excess=excess), positive(lower=lower)
    return (2 * math.sqrt(2 * integer("r", r, low=1)) * nu + math.sqrt(lower * excess)) / lower


def same_minimum_slack(radius, mu_r, nu, lower, upper):
    """lower · (μ_r − ϱ) − upper · ϱ − ν, ϱ = `radius` ≥ 0: where it is positive, descent with small steps from every
    start with that `descent_radius` ends at the same X (Corollary 5.8)."""
    radius, nu = nonnegative(radius=radius, nu=nu)
    mu_r, lower, upper = positive(mu_r=mu_r, lower=lower, upper=upper)
    return lower * (mu_r - radius) - upper * radius - nu


def unpruned_dimensions(d, r):
    """(dof(d) + dof(r))/2: the parameters that noise sees in a model of k ≥ d columns near a truth of rank r, when
    nothing is pruned, n → ∞ (Theorem 5.9)."""
    return (degrees_of_freedom(d, d) + degrees_of_freedom(d, r)) / 2


def finite_sample_price(p, n):
    """pn/(n − p), elementwise: what p effective parameters cost with n > p measurements, in units of s²/n. A formula of
    Oymak, Thrampoulidis and Hassibi (2013), asymptotic; for linear models Theorem 5.5 says n − p − 1."""
    p = array("p", p, low=0)
    n = array("n", n, low=p.max(), strict=True)
    return (p * n / (n - p))[()]
