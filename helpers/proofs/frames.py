"""The proofs of chapter 3, step by step on one instance: what commutes with rotations, and what a random frame does."""

import numpy as np
import torch
from scipy import integrate, special, stats

from helpers.arguments import generator
from helpers.objective import Objective
from helpers.proofs import Step
from helpers.pruning import column_norms, prune
from helpers.rotations import equal_columns, orthogonal_columns
from helpers.theory import count_near_largest, frame_pruning_error, kept_mass
from helpers.training import train


def commutes(problem, U, turn, *, penalty=None, step_size, steps, seed=0):
    """Theorem 3.1 for F = f + penalty at U (d, k) and O = `turn`, orthogonal (k, k).

    Two matrices are compared by their inner products with a random Z, turned like them.
    """
    F, how = Objective(problem, penalty), {"penalty": penalty, "step_size": step_size, "steps": steps, "record": 1}
    Z = torch.randn(U.shape, generator=generator(seed), dtype=U.dtype)
    last, turned = (train(problem, start, **how).U for start in (U, U @ turn))
    return [
        Step("F(UO) = F(U)", F.value(U @ turn).item(), "=", F.value(U).item()),
        Step("⟨∇F(UO), ZO⟩ = ⟨∇F(U), Z⟩", _inner(F.gradient(U @ turn), Z @ turn), "=", _inner(F.gradient(U), Z)),
        Step(
            "∇²F(UO)[ZO, ZO] = ∇²F(U)[Z, Z]",
            _inner(F.hessian_vector(U @ turn, Z @ turn), Z @ turn), "=", _inner(F.hessian_vector(U, Z), Z),
        ),
        Step(f"⟨U_t(U₀O), ZO⟩ = ⟨U_t(U₀), Z⟩, t = {steps}", _inner(turned, Z @ turn), "=", _inner(last, Z)),
    ]  # fmt: skip


def splits(U, turn, *, seed=0):
    """Theorem 3.2 at U (d, k) of rank ρ, its first ρ rows independent, and O = `turn`, orthogonal (k, k): U = LW."""
    L, W = split(U)
    _, turned = split(U @ turn)
    Z, Y = (torch.randn(A.shape, generator=generator(seed), dtype=U.dtype) for A in (U, W))
    rank = float(len(W))
    return [
        Step("⟨LW, Z⟩ = ⟨U, Z⟩", _inner(L @ W, Z), "=", _inner(U, Z)),
        Step("tr WWᵀ = ρ", _inner(W, W), "=", rank),
        Step("‖WWᵀ‖_F² = ρ", (W @ W.T).square().sum().item(), "=", rank),
        Step("⟨W(UO), YO⟩ = ⟨W(U), Y⟩", _inner(turned, Y @ turn), "=", _inner(W, Y)),
    ]


def split(U):
    """L (d, ρ), a function of X = UUᵀ alone with LLᵀ = X, and W = L⁺U (ρ, k): for the ρ first rows J of X, if they are
    independent, L = X[:, J] X[J, J]^{−1/2}."""
    X, rank = U @ U.T, int(torch.linalg.matrix_rank(U))
    L = X[:, :rank] @ _power(X[:rank, :rank], -0.5)
    return L, torch.linalg.lstsq(L, U).solution


def blind(problem, decay, lasso, U):
    """Theorem 3.3 on the fibre of U (d, k): orthogonal columns (first), equal norms (second), what penalties see."""
    F, few, level = Objective(problem, decay), orthogonal_columns(U), equal_columns(U)
    norms, rank = column_norms(level), float(torch.linalg.matrix_rank(U))
    return [
        Step("nonzero columns of the first = rank X", float((column_norms(few) > 0).sum()), "=", rank),
        Step("least norm of the second = largest", norms.min().item(), "=", norms.max().item()),
        Step("F(first) = F(U)", F.value(few).item(), "=", F.value(U).item()),
        Step("F(second) = F(U)", F.value(level).item(), "=", F.value(U).item()),
        Step("‖∇F(first)‖ = ‖∇F(second)‖", F.gradient(few).norm().item(), "=", F.gradient(level).norm().item()),
        Step("group Lasso: R(first) ≤ R(U)", lasso.value(few).item(), "≤", lasso.value(U).item()),
        Step("group Lasso: R(U) ≤ R(second)", lasso.value(U).item(), "≤", lasso.value(level).item()),
    ]


def near_largest(k, c):
    """Theorem 3.5 for k ≥ 2 columns and 0 < c ≤ 1, r = 1: φ(u) = Ψ(c Ψ⁻¹(u)) with Ψ(y) = P(|z| ≥ y)."""

    def tail(y):
        return float(special.erfc(y / np.sqrt(2)))

    def phi(u):
        return tail(c * np.sqrt(2) * special.erfcinv(u))

    exact = count_near_largest(k, c)
    by_minimum = k * integrate.quad(lambda v: phi(-np.expm1(np.log(v) / (k - 1))), 0, 1, epsabs=1e-11, limit=400)[0]
    return [
        Step("k E φ(V) = E N_c, V least of k − 1 uniforms", by_minimum, "=", exact),
        Step("φ(1/2k) + φ(3/2k) ≤ 2φ(1/k), concave", phi(0.5 / k) + phi(1.5 / k), "≤", 2 * phi(1 / k)),
        Step("φ(3/k) ≤ 3φ(1/k)", phi(min(3 / k, 1.0)), "≤", 3 * phi(1 / k)),
        Step("E N_c ≤ k φ(1/k)", exact, "≤", k * phi(1 / k)),
        Step("(1 − (1 − 1/k)^k) k φ(1/k) ≤ E N_c", (1 - (1 - 1 / k) ** k) * k * phi(1 / k), "≤", exact),
    ]


def squeeze(G, mu, keep):
    """Theorem 3.6 for W = (GGᵀ)^{−1/2}G, G (r, k) Gaussian, eigenvalues mu (r,) of M, `keep` ≥ r columns kept."""
    r, k = G.shape
    S, root = G @ G.T / k, mu.sqrt()[:, None]
    W = _power(S, -0.5) @ G / k**0.5
    a, b = (root * G).norm(dim=0), (root * W).norm(dim=0) * k**0.5
    A = root * _power(S, -0.5) / root.T
    rho = max(torch.linalg.matrix_norm(B, 2).item() for B in (A, torch.linalg.inv(A)))
    kept, threshold = b >= b.sort(descending=True).values[keep - 1], a.sort(descending=True).values[keep - 1]
    inner, middle, outer = (
        (G[:, which] @ G[:, which].T) for which in (a > rho**2 * threshold, kept, a >= threshold / rho**2)
    )
    pruned = root * W[:, kept]
    formula = root * (_power(S, -0.5) @ middle @ _power(S, -0.5) / k) * root.T
    half = stats.chi2.isf(keep / k, r)
    moment = integrate.quad(lambda x: x * stats.chi2.pdf(x, r), half, np.inf, epsabs=1e-12, epsrel=1e-11)[0]
    return [
        Step("√k ‖D^{1/2} w_i‖ ≤ ρ ‖D^{1/2} g_i‖", (b / a).max().item(), "≤", rho),
        Step("‖D^{1/2} g_i‖ ≤ ρ √k ‖D^{1/2} w_i‖", (a / b).max().item(), "≤", rho),
        Step("sum inside ⪯ sum of the kept", _ratio(inner, middle), "≤", 1.0),
        Step("sum of the kept ⪯ sum outside", _ratio(middle, outer), "≤", 1.0),
        Step("‖X_q‖ from the kept g_i", formula.norm().item(), "=", (pruned @ pruned.T).norm().item()),
        Step("E χ²_r 1(χ²_r ≥ c) = r P(χ²_{r+2} ≥ c)", moment, "=", float(r * stats.chi2.sf(half, r + 2))),
    ]


def sphere(z, keep):
    """Theorem 3.7 at a Gaussian z (k,) and 1 ≤ `keep` < k: T of w = z/‖z‖, and E T from order statistics."""
    k = len(z)
    w, squares = z / z.norm(), z.square().sort(descending=True).values
    mass = w.square().sort(descending=True).values[:keep].sum()
    kept = prune(w[None], keep=keep)
    u = np.array([0.3, 0.6, 0.9])
    ranks = np.arange(k - keep + 1, k + 1)[:, None]
    densities = stats.beta.pdf(u, ranks, k + 1 - ranks).sum(0).tolist()
    closed = (k * special.betainc(k - keep, keep, u)).tolist()
    ordered = sum(
        integrate.quad(lambda u, j=j: stats.chi2.ppf(u, 1) * stats.beta.pdf(u, j, k + 1 - j), 0, 1, limit=400)[0]
        for j in ranks[:, 0]
    )
    return [
        Step("kept squares of z = ‖z‖² T", squares[:keep].sum().item(), "=", (z.square().sum() * mass).item()),
        Step("‖X_m − M‖/‖M‖ = 1 − T", abs((kept @ kept.T).item() - 1), "=", 1 - mass.item()),
        *(
            Step(f"Σ_j b_j({x}) = k I(k − m, m) at {x}", left, "=", right)
            for x, left, right in zip(u, densities, closed, strict=True)
        ),
        Step("(1/k) Σ_j E z²_(j) = E T", ordered / k, "=", kept_mass(keep, k)),
        Step("limit for q = m/k ≤ 1 − E T", frame_pruning_error(keep / k, 1) ** 0.5, "≤", 1 - kept_mass(keep, k)),
    ]


def truncates(problem, U, keep):
    """Proposition 3.8 at U (d, k), keeping `keep` columns, and its consequence for keep = r."""
    X, rotated = U @ U.T, orthogonal_columns(U)
    values = torch.linalg.eigvalsh(X).flip(0)
    best, greedy = (prune(V, keep=keep) for V in (rotated, U))
    distance, floor = ((V @ V.T - X).norm().item() for V in (best, greedy))
    kept = prune(rotated, keep=problem.r)
    return [
        Step("f after rotating = f before", problem.loss(rotated).item(), "=", problem.loss(U).item()),
        Step("rotate, prune: ‖X_m − X‖ = (Σ_{i>m} λ_i²)^{1/2}", distance, "=", values[keep:].norm().item()),
        Step("rotate, prune ≤ prune alone", distance, "≤", floor),
        Step("‖X_r − M‖ ≤ 2‖X − M‖", problem.error(kept).item(), "≤", 2 * problem.error(U).item()),
    ]


def rotatable(activation, s, t):
    """Proposition 3.9 at two numbers s, t: what a rotation of (s, t) asks of an activation (a function of tensors)."""
    s, t, zero = (torch.tensor(x, dtype=torch.float64) for x in (s, t, 0.0))

    def value(x):
        return activation(x).item()

    return [
        Step("σ(−s) = σ(s)", value(-s), "=", value(s)),
        Step("σ(s) + σ(t) = σ(√(s² + t²)) + σ(0)", value(s) + value(t), "=", value(torch.hypot(s, t)) + value(zero)),
    ]


def _inner(A, B):
    return (A * B).sum().item()


def _ratio(A, B):
    """The largest eigenvalue of B^{−1/2} A B^{−1/2}: at most 1 exactly when A ⪯ B."""
    root = _power(B, -0.5)
    return torch.linalg.eigvalsh(root @ A @ root)[-1].item()


def _power(S, exponent):
    values, vectors = torch.linalg.eigh(S)
    return (vectors * values**exponent) @ vectors.mT
