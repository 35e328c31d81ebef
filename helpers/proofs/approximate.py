"""The proofs of chapter 4 at (ε, γ)-approximate second-order stationary points U (d, k), on an instance.

S are the columns of norm at least 2√β, τ is the largest norm of the others, Δ = X_S − M, E = ∇f(X) − 2cΔ. Each function
returns a list of `Step`; a `Point` carries ε, γ and κ.
"""

import math

import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.objective import Objective
from helpers.proofs import Step


def scaling(point, i):
    """Lemma 4.12 for a column i of norm below 2√β, not zero: F along u_i → (1 + t)u_i."""
    problem, penalty, U = point.problem, point.penalty, point.U
    F, u, level, beta = Objective(problem, penalty), U[:, i], penalty.strength, penalty.smoothing
    v, kappa = u.norm(), column_curvatures(problem, U[:, [i]])[0].item()
    along = torch.zeros_like(U)
    along[:, i] = u
    first, second = (along * F.gradient(U)).sum(), (along * F.hessian_vector(U, along)).sum()
    bend, edge = -penalty.d2h(v**2), 2 * 5**-2.5 * beta**-1.5
    omega = level / theory.threshold_strength(beta, kappa) - 1
    tau = theory.robust_gap_bound(point.epsilon, point.gamma, level, beta, kappa)
    cubic = math.inf
    if omega > 0:
        cubic = 5**2.5 / 8 * (1 + omega) / omega * (point.epsilon + point.gamma * v) * beta**1.5 / level
    return [
        _step("|F'(0)| ≤ ε‖u‖", first.abs(), "≤", point.epsilon * v),
        _step("F''(0) = F'(0) + 8κp² − 4λ|h''(p)|p²", second, "=", first + 8 * kappa * v**4 - 4 * level * bend * v**4),
        _step("−γp ≤ F''(0)", -point.gamma * v**2, "≤", second),
        _step("|h''(4β)| ≤ |h''(p)|", edge, "≤", bend),
        _step("4λ|h''(p)|p² ≤ ε‖u‖ + γp + 8κp²", 4 * level * bend * v**4, "≤",
              point.epsilon * v + point.gamma * v**2 + 8 * kappa * v**4),
        _step("‖u‖³ ≤ (5^{5/2}/8)((1 + ω)/ω)(ε + γ‖u‖)β^{3/2}/λ", v**3, "≤", cubic),
        _step("‖u‖ ≤ τ bound", v, "≤", tau),
    ]  # fmt: skip


def certificate(point):
    """Lemma 4.13, from the smallest column, along the lowest eigenvector of ∇f."""
    problem, penalty, U = point.problem, point.penalty, point.U
    slope = problem.matrix_gradient(U)
    v, j = torch.linalg.eigh(slope).eigenvectors[:, 0], U.norm(dim=0).argmin()
    u = U[:, j]
    along, cross = torch.zeros_like(U), torch.outer(u, v) + torch.outer(v, u)
    along[:, j] = v
    second = (along * Objective(problem, penalty).hessian_vector(U, along)).sum()
    p, spread = u @ u, (cross * problem.curvature(cross)).sum() / 2
    level = penalty.strength / penalty.smoothing**0.5 + point.gamma / 2 + 4 * point.kappa * p
    return [
        _step("F''(0) = 2⟨∇f, vvᵀ⟩ + 2‖𝒜(uvᵀ + vuᵀ)‖²/n + 2λh'(p) + 4λh''(p)⟨u, v⟩²", second, "=",
              2 * (v @ slope @ v + spread + penalty.strength * (penalty.dh(p) + 2 * penalty.d2h(p) * (u @ v) ** 2))),
        _step("−γ ≤ F''(0)", -point.gamma, "≤", second),
        _step("‖𝒜(uvᵀ + vuᵀ)‖²/n ≤ 4κ‖u‖²", spread, "≤", 4 * point.kappa * p),
        _step("−Λ ≤ λ_min(∇f)", -level, "≤", v @ slope @ v),
    ]  # fmt: skip


def count_from_above(point):
    """Theorem 4.14, at most r, where m > r: the direction x of the proof, from the first r + 1 columns of S."""
    problem, penalty, r, c = point.problem, point.penalty, point.problem.r, point.c
    level, beta, rho = penalty.strength, penalty.smoothing, point.problem.r * point.cosine
    some = point.S[:, : r + 1]
    roots = some.norm(dim=0)
    W, p = some / roots, roots**2
    K = W.T @ W - torch.eye(r + 1, dtype=W.dtype)
    frame = torch.linalg.qr(problem.U_star).Q
    b = torch.linalg.svd(frame.T @ W).Vh[-1]
    b = b / (W @ b).norm()
    x, y = W @ b, b + K @ b
    slope = problem.matrix_gradient(point.U)
    residual = slope @ some + level * some * penalty.dh(p)
    sigma, slopes, h4 = y @ y, penalty.dh(p), theory.dh(4 * beta, beta)
    left = -x @ point.E @ x
    middle = 2 * c * (p * y**2).sum() + level * (y * slopes * b).sum()
    blur = (x @ residual @ (b / roots)).abs()
    least = theory.g_min(level / c, beta)
    curved = 2 * c * least * sigma - h4 * level * rho * (sigma * (2 - sigma) / (1 - rho**2)).sqrt()
    blurred = point.epsilon / (4 * math.sqrt(beta * (1 - rho)))
    final = 2 * c * (1 - rho) * least - h4 * rho * level
    return [
        _step("‖K‖ ≤ ρ = r · cos", torch.linalg.matrix_norm(K, 2), "≤", rho),
        _step("x in the span of r + 1 columns lies in ker M", 1 + (problem.M @ x).norm(), "=", 1.0),
        _step("2c yᵀPy + λyᵀDb ≤ −xᵀEx + |xᵀRP^{−1/2}b|", middle, "≤", left + blur),
        _step("|xᵀRP^{−1/2}b| ≤ ε/(4√(β(1 − ρ)))", blur, "≤", blurred),
        _step("1 − ρ ≤ ‖y‖²", 1 - rho, "≤", sigma),
        _step("‖b‖² ≤ (2 − ‖y‖²)/(1 − ρ²)", b @ b, "≤", (2 - sigma) / (1 - rho**2)),
        _step("2c g_min‖y‖² − h'(4β)λρ‖y‖√((2 − ‖y‖²)/(1 − ρ²)) ≤ 2c yᵀPy + λyᵀDb", curved, "≤", middle),
        _step("2c(1 − ρ)g_min − h'(4β)λρ ≤ that, where it is positive", final if final > 0 else -math.inf, "≤", curved),
        _step("so the condition fails", final, "≤", point.deviations[1] + blurred),
    ]


def closeness(point):
    """Theorem 4.14, closeness, with the isometry constants as they are at this Δ."""
    problem, penalty, U, S = point.problem, point.penalty, point.U, point.S
    r, m, level, beta = problem.r, point.m, penalty.strength, penalty.smoothing
    rho = (m - 1) * point.cosine
    slope, difference = problem.matrix_gradient(U), S @ S.T - problem.M
    pinv, slopes = torch.linalg.pinv(S), penalty.dh(S.square().sum(0))
    P = S @ pinv
    rest = torch.eye(problem.d, dtype=U.dtype) - P
    small = U[:, ~point.kept]
    size, a = difference.norm(), point.isometry
    spread, noise = a * size**2, (problem.noise_matrix * difference).sum()
    extra = (problem.curvature(small @ small.T) * difference).sum()
    inside = (slope * (difference - rest @ difference @ rest)).sum()
    missed = rest @ problem.M @ rest
    weighted = torch.linalg.matrix_norm(S @ torch.diag(slopes) @ pinv)
    edge = point.epsilon / math.sqrt(8 * beta * (1 - rho))
    floor = -torch.linalg.eigvalsh(slope)[0]
    return [
        _step("⟨∇f, Δ⟩ = 2‖𝒜Δ‖²/n + (2/n)⟨𝒜R, 𝒜Δ⟩ − (2/n)⟨w, 𝒜Δ⟩",
              (slope * difference).sum(), "=", 2 * spread + extra - noise),
        _step("|(2/n)⟨𝒜R, 𝒜Δ⟩| ≤ 2(k − m)τ²√(κa)‖Δ‖", extra.abs(), "≤",
              2 * small.shape[1] * point.tau**2 * math.sqrt(point.kappa * a) * size),
        _step("‖U_S⁺‖ ≤ (4β(1 − ρ))^{−1/2}", torch.linalg.matrix_norm(pinv, 2), "≤", (4 * beta * (1 - rho)) ** -0.5),
        _step("‖U_S D U_S⁺‖_F ≤ √((1 + ρ)/(1 − ρ))‖h'(p)‖", weighted, "≤",
              math.sqrt((1 + rho) / (1 - rho)) * slopes.norm()),
        _step("⟨∇f, Δ − P'ΔP'⟩ ≤ λ‖U_S D U_S⁺‖‖Δ‖ + ε‖Δ‖/√(8β(1 − ρ))", inside, "≤", (level * weighted + edge) * size),
        _step("tr P'MP' ≤ ‖Δ‖²/μ_r", missed.trace(), "≤", size**2 / point.mu_r),
        _step("−⟨∇f, P'MP'⟩ ≤ −λ_min(∇f) tr P'MP'", -(slope * missed).sum(), "≤", floor * missed.trace()),
        _step("(a + λ_min(∇f)/(2μ_r))‖Δ‖ ≤ √(m + r) ν + (λ/2)√…‖h'(p)‖ + ε/(4√(2β(1 − ρ))) + (k − m)τ²√(κa)",
              (a - floor.clamp(min=0) / (2 * point.mu_r)) * size, "≤",
              math.sqrt(m + r) * point.noise + level / 2 * math.sqrt((1 + rho) / (1 - rho)) * slopes.norm()
              + edge / 2 + small.shape[1] * point.tau**2 * math.sqrt(point.kappa * a)),
    ]  # fmt: skip


def _step(claim, left, relation, right):
    return Step(claim, float(left), relation, float(right))
