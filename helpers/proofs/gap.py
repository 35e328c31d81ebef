"""The proofs of chapter 4 on an instance, for second-order stationary points (`approximate` has the robust versions).

U has shape (d, k), one converged run with at least one nonzero column; a penalty is a `GroupLasso`; p_i = ‖u_i‖²,
Δ = UUᵀ − M, c = 1 for Gaussian and 2 for rank-one data, E = ∇f(X) − 2cΔ. Each function returns a list of `Step`.
"""

import math

import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.objective import Objective
from helpers.proofs import Step
from helpers.proofs.points import Point


def scaling(problem, penalty, U, i):
    """Lemma 4.1: F along u_i → (1 + t)u_i. The first two steps hold at every U."""
    u, slope = U[:, i], problem.matrix_gradient(U)
    p, kappa = u @ u, column_curvatures(problem, U[:, [i]])[0].item()
    along = torch.zeros_like(U)
    along[:, i] = u
    first, second = _derivatives(problem, penalty, U, along)
    level, a = penalty.strength, u @ slope @ u
    edge = theory.gap_edge(level, kappa, penalty.smoothing)
    wide = level >= theory.threshold_strength(penalty.smoothing, kappa)
    limit = theory.gap_edge(level, kappa) if wide else 0.0
    return [
        _step("F'(0) − 2λph'(p) = 2a", first - 2 * level * p * penalty.dh(p), "=", 2 * a),
        _step("F''(0) = 2a + 8κp² + λ(2ph'(p) + 4p²h''(p))", second, "=",
              2 * a + 8 * kappa * p**2 + level * (2 * p * penalty.dh(p) + 4 * p**2 * penalty.d2h(p))),
        _step("a = −λph'(p)", a, "=", -level * p * penalty.dh(p)),
        _step("4λp²|h''(p)| ≤ 8κp²", -4 * level * p**2 * penalty.d2h(p), "≤", 8 * kappa * p**2),
        _step("|h''(p)| ≤ 2κ/λ", -penalty.d2h(p), "≤", 2 * kappa / level),
        _step("edge ≤ ‖u_i‖", edge, "≤", p.sqrt()),
        _step("½(λ/κ)^{1/3} ≤ ‖u_i‖, if λ ≥ 5^{5/2}κβ^{3/2}", limit, "≤", p.sqrt()),
    ]  # fmt: skip


def comparison(ensemble, u, v, other_u, other_v):
    """Proposition 4.2: the increments of the two Gaussian processes Y and Z, at unit u, u' (d,) and at v, v' (n,) of
    norm at most 1: ‖v‖₂ for Gaussian data, ‖v‖_{4/3} for rank-one data."""
    gaussian = ensemble == "gaussian"
    first, second = (torch.outer(x, x) if gaussian else x for x in (u, other_u))
    process = torch.kron(v, first.flatten()) - torch.kron(other_v, second.flatten())
    weight = 2.0 if gaussian else 1.0
    bound = (v - other_v).square().sum() + weight * (u - other_u).square().sum()
    return [
        _step("‖v‖₂ ≤ 1", torch.linalg.vector_norm(v), "≤", 1.0),
        _step("E(Y − Y')² ≤ E(Z − Z')²", process.square().sum(), "≤", bound),
    ]


def certificate(problem, penalty, U, v):
    """Lemma 4.5 for a direction v (d,), at a point with a zero column."""
    slope, norms = problem.matrix_gradient(U), U.norm(dim=0)
    along = torch.zeros_like(U)
    along[:, norms.argmin()] = v
    _, second = _derivatives(problem, penalty, U, along)
    level = penalty.strength / penalty.smoothing**0.5
    i = norms.argmax()
    return [
        _step("F''(0) = 2⟨∇f, vvᵀ⟩ + 2(λ/√β)‖v‖²", second, "=", 2 * v @ slope @ v + 2 * level * v @ v),
        _step("−λ/√β ≤ λ_min(∇f)", -level, "≤", torch.linalg.eigvalsh(slope)[0]),
        _step("‖∇f u_1‖ = λh'(p_1)‖u_1‖", (slope @ U[:, i]).norm(), "=",
              penalty.strength * penalty.dh(norms[i] ** 2) * norms[i]),
    ]  # fmt: skip


def training_loss(problem, penalty, U):
    """Theorem 4.6 at a point with a zero column."""
    X, slope = U @ U.T, problem.matrix_gradient(U)
    p, difference = U.square().sum(0), U @ U.T - problem.M
    spread = (difference * problem.curvature(difference)).sum() / 2
    shrinking, level = penalty.strength * (p * penalty.dh(p)).sum(), penalty.strength / penalty.smoothing**0.5
    left, right = problem.loss(U), problem.loss(problem.U_star)
    trace = problem.M.trace()
    return [
        _step("f(M) = f(X) − ⟨∇f, Δ⟩ + ‖𝒜Δ‖²/n", right, "=", left - (slope * difference).sum() + spread),
        _step("⟨∇f, X⟩ = −λΣp_ih'(p_i)", (slope * X).sum(), "=", -shrinking),
        _step("−(λ/√β) tr M ≤ ⟨∇f, M⟩", -level * trace, "≤", (slope * problem.M).sum()),
        _step("f(X) + λΣp_ih'(p_i) + ‖𝒜Δ‖²/n ≤ f(M) + (λ/√β) tr M",
              left + shrinking + spread, "≤", right + level * trace),
    ]  # fmt: skip


def closeness(problem, penalty, U):
    """Theorem 4.7 at a point with a zero column, with δ as it is at this Δ."""
    point = Point(problem, penalty, U)
    r, m, mu, level = problem.r, point.m, point.mu_r, penalty.strength
    S, slope, nu = point.S, problem.matrix_gradient(U), point.noise
    W, slopes = S / S.norm(dim=0), penalty.dh(S.square().sum(0))
    P = W @ W.T
    rest = torch.eye(problem.d, dtype=U.dtype) - P
    difference, missed = U @ U.T - problem.M, rest @ problem.M @ rest
    size, spread = difference.norm(), (difference * problem.curvature(difference)).sum() / 2
    noise = (problem.noise_matrix * difference).sum()
    certificate = level / penalty.smoothing**0.5
    inside = -level * ((W * slopes) @ W.T * difference).sum()
    room = point.isometry - certificate / (2 * mu)
    first = math.sqrt(m + r) * nu + level / 2 * (slopes.square().sum() + r / penalty.smoothing).sqrt()
    second = math.sqrt(m + r) * nu + level / 2 * slopes.norm()
    return [
        _step("⟨∇f, Δ⟩ = 2‖𝒜Δ‖²/n − (2/n)⟨w, 𝒜Δ⟩", (slope * difference).sum(), "=", 2 * spread - noise),
        _step("(2/n)⟨w, 𝒜Δ⟩ ≤ 2ν√(m + r)‖Δ‖", noise, "≤", 2 * nu * math.sqrt(m + r) * size),
        _step("⟨∇f, Δ⟩ = −λ⟨h'(X), Δ⟩ − ⟨∇f, P'MP'⟩", (slope * difference).sum(), "=", inside - (slope * missed).sum()),
        _step("−λ⟨h'(X), Δ⟩ ≤ λ‖h'(p)‖ ‖PΔP‖", inside, "≤", level * slopes.norm() * (P @ difference @ P).norm()),
        _step("−⟨∇f, P'MP'⟩ ≤ (λ/√β) tr P'MP'", -(slope * missed).sum(), "≤", certificate * missed.trace()),
        _step("tr P'MP' ≤ √r ‖P'ΔP'‖", missed.trace(), "≤", math.sqrt(r) * (rest @ difference @ rest).norm()),
        _step("tr P'MP' ≤ ‖ΔP'‖²/μ_r", missed.trace(), "≤", (difference @ rest).square().sum() / mu),
        _step("first bound on ‖Δ‖", size, "≤", first / point.isometry),
        _step("second bound on ‖Δ‖, if its denominator is positive", size, "≤", second / room if room > 0 else 1e9),
    ]


def count(problem, penalty, U):
    """Theorem 4.8 where the count is not r: the direction x of the proof, and the condition that it breaks."""
    point = Point(problem, penalty, U)
    r, m, c, level = problem.r, point.m, point.c, penalty.strength
    slope, E = problem.matrix_gradient(U), point.E
    W = point.S / point.S.norm(dim=0)
    frame = torch.linalg.qr(problem.U_star).Q
    if m < r:
        x = frame @ torch.linalg.svd(W.T @ frame).Vh[-1]
        edge = level / penalty.smoothing**0.5
        return [
            _step("x in range M is orthogonal to the columns", (W.T @ x).norm() + 1, "=", 1.0),
            _step("−λ/√β ≤ xᵀ∇fx", -edge, "≤", x @ slope @ x),
            _step("xᵀ∇fx = −2c xᵀMx + xᵀEx", x @ slope @ x, "=", -2 * c * x @ problem.M @ x + x @ E @ x),
            _step("2cμ_r − λ/√β ≤ λ_max(QEQ)", 2 * c * point.mu_r - edge, "≤", point.deviations[0]),
        ]
    if m == r:
        return []
    some, p = W[:, : r + 1], point.S.square().sum(0)[: r + 1]
    a = torch.linalg.svd(frame.T @ some).Vh[-1]
    x, least = some @ a, theory.g_min(level / c, penalty.smoothing)
    return [
        _step("x in the span of r + 1 columns lies in ker M", (problem.M @ x).norm() + 1, "=", 1.0),
        _step("xᵀ∇fx = −λΣa_i²h'(p_i)", x @ slope @ x, "=", -level * (a**2 * penalty.dh(p)).sum()),
        _step("xᵀ∇fx = 2cΣa_i²p_i + xᵀEx", x @ slope @ x, "=", 2 * c * (a**2 * p).sum() + x @ E @ x),
        _step("2c g_min ≤ −xᵀEx", 2 * c * least, "≤", -x @ E @ x),
        _step("2c g_min ≤ λ_max(−Q'EQ')", 2 * c * least, "≤", point.deviations[1]),
    ]


def after_count(problem, penalty, U):
    """Theorem 4.9 where m = r and ‖E‖ < 2c g_min."""
    point = Point(problem, penalty, U)
    c, strength = point.c, penalty.strength / point.c
    W, p, r = point.S / point.S.norm(dim=0), point.S.square().sum(0), problem.r
    g, E = p + strength / 2 * penalty.dh(p), point.E / c
    e, room = torch.linalg.matrix_norm(E, 2), theory.g_min(strength, penalty.smoothing)
    P = W @ W.T
    rest = torch.eye(problem.d, dtype=U.dtype) - P
    border, corner = E - rest @ E @ rest, rest @ problem.M @ rest
    schur = rest @ E @ W @ torch.linalg.inv(torch.diag(g) + W.T @ E @ W / 2) @ W.T @ E @ rest / 4
    second = e**2 / (4 * (room - e / 2))
    mu = torch.linalg.eigvalsh(problem.M).flip(0)[:r]
    return [
        _step("‖P'MP − P'EP/2‖ = 0", 1 + (rest @ problem.M @ P - rest @ E @ P / 2).norm(), "=", 1.0),
        _step("‖PMP − g(X) − PEP/2‖ = 0", 1 + (P @ problem.M @ P - (W * g) @ W.T - P @ E @ P / 2).norm(), "=", 1.0),
        _step("‖P'MP' − Schur complement‖ = 0", 1 + (corner - schur).norm(), "=", 1.0),
        _step("‖P'MP'‖ ≤ e²/(4(g_min − e/2))", torch.linalg.matrix_norm(corner, 2), "≤", second),
        _step("‖[A B; Bᵀ 0]‖ ≤ 2e/√3", torch.linalg.matrix_norm(border, 2), "≤", 2 * e / math.sqrt(3)),
        _step("max |μ_i − g(p)_(i)| ≤ e/√3 + e²/(4(g_min − e/2))",
              (mu - g.sort(descending=True).values).abs().max(), "≤", e / math.sqrt(3) + second),
        _step("‖[A B; Bᵀ 0]‖_F ≤ √(2r) e", border.norm(), "≤", math.sqrt(2 * r) * e),
        _step("‖X − M‖_F ≤ (λ/2c)‖h'(p)‖ + √(r/2) e + √r e²/(4(g_min − e/2))", problem.error(U), "≤",
              strength / 2 * penalty.dh(p).norm() + math.sqrt(r / 2) * e + math.sqrt(r) * second),
    ]  # fmt: skip


def _step(claim, left, relation, right):
    return Step(claim, float(left), relation, float(right))


def _derivatives(problem, penalty, U, V):
    """First and second derivative of F along V at U."""
    F = Objective(problem, penalty)
    return (V * F.gradient(U)).sum(), (V * F.hessian_vector(U, V)).sum()
