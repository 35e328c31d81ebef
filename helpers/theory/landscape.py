"""The landscape of the population loss with the smoothed group Lasso (chapter 2): shrinkage, phases, rotation."""

import math

import numpy as np
import scipy  # loads its parts when they are first used

from helpers.arguments import ENSEMBLES, array, choice, number

PHASES = ("only the full solution", "both, full better", "both, missing better", "only without the direction")


def _scales(strength, smoothing):
    return array("strength", strength, low=0), array("smoothing", smoothing, low=0)


def _eigenvalue(mu, smoothing, name="mu"):
    return array(name, mu, low=0, strict=True), array("smoothing", smoothing, low=0)


def crossing(sign_of, low, high):
    """Elementwise zero in [low, high] of a function that is negative before it and not after it, by halving, for
    Theorems 2.5 and 2.7."""
    for _ in range(120):
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high)):  # neighbours among the floating-point numbers
            break
        before = sign_of(middle) < 0
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    return (low + high) / 2


def _dh(x, beta):
    return (x + 2 * beta) / (2 * (x + beta) ** 1.5)


def bending_point(ratio, beta):
    """The p ≥ 0 with |h''(p)| = 2/ratio, or 0 if |h''| stays below; with ratio = λ it is where g is least.

    Theorem 2.7 (there ratio = λ).
    """
    start = np.zeros(np.broadcast(ratio, beta).shape)
    root = crossing(lambda x: 8 * (x + beta) ** 2.5 - ratio * (x + 4 * beta), start, start + (ratio / 4) ** (2 / 3))
    return np.where(ratio > 2 * beta**1.5, root, 0.0)


def dh(p, smoothing):
    """h'(p) = (p + 2β)/(2(p + β)^{3/2}), elementwise, formula (2.2): the slope of the smoothed group Lasso at p ≥ 0
    (> 0 if β = 0)."""
    beta = array("smoothing", smoothing, low=0)
    return _dh(array("p", p, low=0, strict=bool((beta == 0).any())), beta)[()]


def g(p, strength, smoothing):
    """g(p) = p + (λ/2) h'(p), elementwise, p ≥ 0 (> 0 if β = 0): along an eigenvector of M a column of squared norm p
    is stationary exactly when g(p) = μ (Theorem 2.5)."""
    strength, beta = _scales(strength, smoothing)
    return (array("p", p, low=0) + strength / 2 * dh(p, beta))[()]


def psi(x, mu, strength, smoothing):
    """ψ_μ(x) = (x − μ)² + λ h(x), elementwise, x, μ ≥ 0, β > 0: what an eigenvalue x of X costs beside the eigenvalue μ
    of M ("gaussian"; Lemma 2.6)."""
    x, mu = array("x", x, low=0), array("mu", mu, low=0)
    strength, beta = array("strength", strength, low=0), array("smoothing", smoothing, low=0, strict=True)
    return ((x - mu) ** 2 + strength * x / np.sqrt(x + beta))[()]


def g_min(strength, smoothing):
    """min g over p ≥ 0, elementwise, λ > 0: an eigenvalue below it leaves no column (Theorem 2.7; Theorem 4.8).

    3(λ/8)^{2/3} for β = 0. As a function of λ it is the inverse of `fold_strength`.
    """
    strength, beta = array("strength", strength, low=0, strict=True), array("smoothing", smoothing, low=0)
    p = bending_point(strength, beta)
    return (p + strength / 2 * _dh(p, beta))[()]


def critical_strength(mu_r, smoothing, ensemble="gaussian"):
    """λ₀ = 2√β μ_r ("gaussian") or 4√β μ_r ("rank-one"), elementwise, μ_r > 0: for λ < λ₀ every second-order stationary
    point has exactly r columns if k ≥ r (Theorem 2.5; Theorem 6.5, where the condition is not necessary). With μ_k for
    μ_r and k < r columns: exactly k (Corollary 2.10)."""
    mu_r, beta = _eigenvalue(mu_r, smoothing, "mu_r")
    return ({"gaussian": 2, "rank-one": 4}[choice("ensemble", ensemble, ENSEMBLES)] * np.sqrt(beta) * mu_r)[()]


def global_strength(mu, smoothing):
    """λ_glob = 2((2μ + β)/3)^{3/2}, elementwise, or λ₀ where μ ≤ β: from it on a global minimum misses the eigenvalue
    μ > 0 ("gaussian"; Theorem 2.7)."""
    mu, beta = _eigenvalue(mu, smoothing)
    return np.where(mu > beta, 2 * ((2 * mu + beta) / 3) ** 1.5, 2 * np.sqrt(beta) * mu)[()]


def fold_strength(mu, smoothing):
    """λ_fold = 4(μ − p_f)(p_f + β)^{3/2}/(p_f + 2β), p_f = [μ − 10β + √((μ + 2β)(μ + 26β))]/6, elementwise, or λ₀ where
    μ ≤ β: from it on no minimum keeps the eigenvalue μ > 0 ("gaussian"; Theorem 2.7)."""
    mu, beta = _eigenvalue(mu, smoothing)
    p = np.maximum(mu - 10 * beta + np.sqrt((mu + 2 * beta) * (mu + 26 * beta)), 0) / 6
    return np.where(mu > beta, 4 * (mu - p) * (p + beta) ** 1.5 / (p + 2 * beta), 2 * np.sqrt(beta) * mu)[()]


def phase(mu, strength, smoothing):
    """Which local minima ψ_μ has on p ≥ 0, elementwise, μ > 0, as an index into PHASES: 0 only the larger root of
    g(p) = μ; 1 also p = 0, spurious; 2 also p = 0, as good or better; 3 only p = 0 ("gaussian"; Theorem 2.7: the
    borders are λ₀, λ_glob, λ_fold)."""
    mu, (strength, beta) = array("mu", mu, low=0, strict=True), _scales(strength, smoothing)
    second = strength > critical_strength(mu, beta)
    codes = np.where(second, 1 + (strength >= global_strength(mu, beta)), 0)
    return np.where(strength >= fold_strength(mu, beta), 3, codes)[()]


def shrunk_eigenvalue(mu, strength, smoothing):
    """The squared column norm with which the eigenvalue μ > 0 survives, elementwise: the largest root of g(p) = μ, the
    only one for λ < 2√β μ; 0 where no minimum keeps it ("gaussian"; Theorems 2.5 and 2.7)."""
    mu, (strength, beta) = array("mu", mu, low=0, strict=True), _scales(strength, smoothing)
    least = bending_point(strength, beta)
    root = crossing(lambda p: p + strength / 2 * _dh(p, beta) - mu, least + 0 * mu, np.maximum(mu, least))
    return np.where(phase(mu, strength, beta) < 3, root, 0.0)[()]


def _pair(p, s, strength, smoothing):
    p = number("p", p, low=0, strict=True)
    if number("s", s, low=0, strict=True) > p:
        raise ValueError(f"s must be at most p = {p} (the larger squared norm comes first), got {s}")
    return p, float(s), number("strength", strength, low=0), number("smoothing", smoothing, low=0)


def rotation_speed(p, s, strength, smoothing, *, exact=False):
    """The rate at which two columns of squared norms p ≥ s > 0 turn orthogonal under gradient flow (Proposition 2.8).

    c = 2λ(p − s)D/(p + s), D = h'(s) − h'(p), on the orbit of a fixed X, for any loss of UUᵀ; `exact`: with X free, the
    Hessian's eigenvalue 2[(p + s) − √((p + s)² − 2λD(p − s) + λ²D²)] ("gaussian").
    """
    p, s, strength, beta = _pair(p, s, strength, smoothing)
    pull = strength * (_dh(s, beta) - _dh(p, beta))
    if not exact:
        return 2 * pull * (p - s) / (p + s)
    gain = 2 * pull * (p - s) - pull**2
    return 2 * gain / (p + s + math.sqrt((p + s) ** 2 - gain))


def rotation_angle(t, theta0, p, s, strength, smoothing):
    """The angle θ(t) that two columns still have to turn, elementwise in t ≥ 0, from theta0 in [0, π/2], X fixed:
    θ' = −[λ(p − s)/(p + s)] sin 2θ [h'(s(θ)) − h'(p(θ))], p(θ) = p cos²θ + s sin²θ = p + s − s(θ) (Proposition 2.8)."""
    t, theta0 = array("t", t, low=0), number("theta0", theta0, low=0, high=math.pi / 2)
    p, s, strength, beta = _pair(p, s, strength, smoothing)

    def velocity(_, theta):
        larger = p * np.cos(theta) ** 2 + s * np.sin(theta) ** 2
        pull = _dh(p + s - larger, beta) - _dh(larger, beta)
        return -strength * (p - s) / (p + s) * np.sin(2 * theta) * pull

    span = (0, t.max() or 1.0)
    path = scipy.integrate.solve_ivp(velocity, span, [theta0], "DOP853", dense_output=True, rtol=1e-10, atol=1e-13)
    return path.sol(t.ravel())[0].reshape(t.shape)[()]


def death_speed(strength, smoothing, p=None):
    """The rate 2λ(β^{−1/2} − h'(p)) at which a small column dies along a learned eigenvector of squared norm p > 0
    under gradient flow, or 2λβ^{−1/2} off the range of M (p=None); β > 0 ("gaussian"; Proposition 2.8)."""
    strength, beta = number("strength", strength, low=0), number("smoothing", smoothing, low=0, strict=True)
    return 2 * strength * (beta**-0.5 - (0 if p is None else _dh(number("p", p, low=0, strict=True), beta)))


def robust_orthogonality_bound(eps, gamma, strength, norm):
    """max{(2.6 ε/λ)^{1/3}, (2.3 γv/λ)^{1/2}} ≥ |cos∠|, elementwise, for two columns of norm ≥ 2√β at an
    (ε, γ)-approximate second-order stationary point of any loss, v = `norm` > 0 the norm of the smaller one.

    Theorem 2.9. λ > 0; says nothing from 1 on.
    """
    eps, gamma = array("eps", eps, low=0), array("gamma", gamma, low=0)
    strength, norm = array("strength", strength, low=0, strict=True), array("norm", norm, low=0, strict=True)
    return np.maximum((2.6 * eps / strength) ** (1 / 3), np.sqrt(2.3 * gamma * norm / strength))[()]
