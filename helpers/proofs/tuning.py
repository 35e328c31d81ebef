"""The proofs of chapter 5, step by step on one instance: rates of descent, what noise allows, which minimum is reached.

Throughout, P is the projector on the range of M, and T the space of symmetric ξ with (I − P)ξ(I − P) = 0.
"""

import torch
from scipy import integrate

from helpers.arguments import generator, number, tensor
from helpers.proofs import Step
from helpers.theory import degrees_of_freedom, linear_rate, uniqueness_threshold


def tangent_basis(U_star):
    """An orthonormal basis of T at M = U⋆U⋆ᵀ (Lemma 5.4), for U⋆ of shape (d, r) and rank r: shape (dof, d, d)."""
    d, r = U_star.shape
    frame = torch.linalg.svd(U_star).U
    row, column = torch.triu_indices(r, d)
    outer = frame.T[row, :, None] * frame.T[column, None, :]
    return (outer + outer.mT) * (1 + (row == column).to(U_star) * (0.5**0.5 - 1))[:, None, None] / 2**0.5


def on_tangent(U_star, form):
    """The matrix (dof, dof) of ⟨ξ, form(η)⟩ on T; `form` maps symmetric matrices (..., d, d) to such matrices."""
    basis = tangent_basis(U_star).flatten(1)
    return basis @ form(tangent_basis(U_star)).flatten(1).T


def split(M, U0, r):
    """The rows of U₀ (d, k) in an eigenbasis of M: those of the r largest eigenvalues (r, k), the others (d − r, k)."""
    rows = torch.linalg.eigh(M).eigenvectors.flip(-1).T @ U0
    return rows[:r], rows[r:]


def slow_values(M, U0, r):
    """s_1, …, s_N (Theorem 5.2): the singular values of Y restricted to ker V, without the zeros, where V has rank r
    and U₀ (d, k) rank N + r: shape (N,)."""
    V, Y = split(M, tensor("U0", U0, shape=(len(M), None)), r)
    kernel = torch.linalg.svd(V).Vh[r:].T
    return torch.linalg.svdvals(Y @ kernel)[: int(torch.linalg.matrix_rank(U0)) - r]


def flow(M, U0, t):
    """X(t) (d, d) on the gradient flow of ‖UUᵀ − M‖_F² from U₀ (d, k) (Theorem 5.2). t ≥ 0 with 8tμ_1 below 700."""
    t = number("t", t, low=0, high=700 / (8 * torch.linalg.matrix_norm(M, 2).item()))
    mu, frame = torch.linalg.eigh(M)
    mu = mu.clamp(min=1e-14)
    grown = (mu * 4 * t).exp()[:, None] * (frame.T @ U0)
    past = U0.T @ frame @ torch.diag((8 * mu * t).expm1() / mu) @ frame.T @ U0
    return frame @ grown @ torch.linalg.solve(torch.eye(U0.shape[1]).to(U0) + past, grown.T) @ frame.T


def linearised_step(problem, step):
    """Theorem 5.1 for a population `problem` and η = `step`: the derivative at M of the step X → X⁺, on T."""
    U, M, mu = problem.U_star, problem.M, torch.linalg.svdvals(problem.U_star) ** 2

    def derivative(xi):
        return xi - 2 * step * (problem.curvature(xi) @ M + M @ problem.curvature(xi))

    Q = torch.eye(problem.d).to(M) - U @ torch.linalg.pinv(U)
    leak = torch.linalg.matrix_norm(Q @ derivative(tangent_basis(U)) @ Q).max().item()
    modes = torch.linalg.eigvals(on_tangent(U, derivative))
    slow, fast = 4 * mu[-1].item(), 8 * mu[0].item()
    steps = [
        Step("T is mapped into T: size of the rest", leak, "≤", 1e-12),
        Step("the eigenvalues are real: Σ|Im|", modes.imag.abs().sum().item(), "≤", 1e-12),
    ]
    if problem.ensemble == "rank-one":
        L = torch.linalg.eigvalsh(2 * mu.diag() + torch.outer(mu, mu).sqrt())[-1].item()
        slow, fast = 2 * slow, 8 * L
        steps += [
            Step("2μ₁ ≤ L", 2 * mu[0].item(), "≤", L),
            Step("L ≤ 2μ₁ + tr M", L, "≤", (2 * mu[0] + M.trace()).item()),
        ]
    return [
        *steps,
        Step("largest eigenvalue = 1 − ηa", modes.real.max().item(), "=", 1 - step * slow),
        Step("smallest eigenvalue = 1 − ηb", modes.real.min().item(), "=", 1 - step * fast),
        Step("largest modulus = ρ(η)", modes.abs().max().item(), "=",
             float(linear_rate(mu.numpy(), step, ensemble=problem.ensemble))),
    ]  # fmt: skip


def solved_flow(M, U0, r, t):
    """Theorem 5.2 at time t > 0 from U₀ (d, k), k > r, d > r: the lines of the proof, in blocks in an eigenbasis of M.

    In floating point the middle lines need a moderate t: S has the condition number e^{8μ_1 t}.
    """
    V, Y = split(M, U0, r)
    mu, frame = torch.linalg.eigh(M)
    mu, frame = mu.flip(-1)[:r], frame.flip(-1)
    C, E = torch.eye(U0.shape[1]).to(U0) + 8 * t * Y.T @ Y, ((8 * mu * t).expm1() / mu).diag()
    S_inverse, C_inverse = torch.linalg.inv(C + V.T @ E @ V), torch.linalg.inv(C)
    G_inverse = torch.linalg.inv(V @ C_inverse @ V.T)
    K, rest = Y @ C_inverse @ V.T @ G_inverse, torch.linalg.inv(E + G_inverse)
    s = slow_values(M, U0, r)
    B = Y @ torch.linalg.svd(V).Vh[r:].T
    slow = B @ torch.linalg.solve(torch.eye(B.shape[1]).to(B) + 8 * t * B.T @ B, B.T)
    law = (8 * t + s**-2).reciprocal().norm().item()
    X, Z = flow(M, U0, t), torch.randn(M.shape, generator=generator(0), dtype=M.dtype)
    blocks = frame.T @ (X - M) @ frame
    fast = _norm(blocks[:r, :r]) + 2**0.5 * _norm(blocks[:r, r:]) + _norm(K @ rest @ K.T)
    return [
        Step("⟨X(t), Z⟩, closed form = integrated", _inner(X, Z), "=", _inner(_integrated(M, U0, t), Z)),
        Step("‖VS⁻¹Vᵀ‖ = ‖(E + G⁻¹)⁻¹‖", _norm(V @ S_inverse @ V.T), "=", _norm(rest)),
        Step("‖YS⁻¹Yᵀ‖ = ‖slow + K(E + G⁻¹)⁻¹Kᵀ‖", _norm(Y @ S_inverse @ Y.T), "=", _norm(slow + K @ rest @ K.T)),
        Step("‖slow‖ = (Σ(8t + s_i⁻²)⁻²)^½", _norm(slow), "=", law),
        Step("N = rank U₀ − r", float(len(s)), "=", float(torch.linalg.matrix_rank(U0)) - r),
        Step("|‖X − M‖ − ‖slow‖| ≤ the fast blocks", abs(_norm(X - M) - law), "≤", fast),
    ]


def _integrated(M, U0, t):
    """UUᵀ at time t, by a general solver from U′ = −∇‖UUᵀ − M‖_F²."""

    def velocity(_, flat):
        U = torch.from_numpy(flat).reshape(U0.shape)
        return (-4 * (U @ U.T - M) @ U).flatten().numpy()

    path = integrate.solve_ivp(velocity, (0, t), U0.flatten().numpy(), "DOP853", rtol=1e-13, atol=1e-15)
    U = torch.from_numpy(path.y[:, -1].copy()).reshape(U0.shape)
    return U @ U.T


def information(problem):
    """Lemma 5.4 and Theorem 5.5 for `problem`: the dimension of T, and the trace of the inverse of its Fisher form.

    Population problems only: ½f″ is then the form E⟨A, ξ⟩².
    """
    U, (d, r) = problem.U_star, problem.U_star.shape
    dof, (a, b) = degrees_of_freedom(d, r), (1.0, 0.0) if problem.ensemble == "gaussian" else (2.0, 1.0)
    Z = torch.eye(d * r).to(U).reshape(-1, d, r)
    image = (U @ Z.mT + Z @ U.T).flatten(1)
    fisher = on_tangent(U, lambda xi: problem.curvature(xi) / 2)
    values = torch.linalg.eigvalsh(fisher)
    P, trace = U @ torch.linalg.pinv(U), (dof - 1) / a + 1 / (a + b * r)
    return [
        Step("dim{U⋆Zᵀ + ZU⋆ᵀ} = rd − r(r − 1)/2", float(torch.linalg.matrix_rank(image)), "=", float(dof)),
        Step("dim of T", float(torch.linalg.matrix_rank(tangent_basis(U).flatten(1))), "=", float(dof)),
        Step("‖P‖_F² = r", P.square().sum().item(), "=", float(r)),
        Step("largest eigenvalue = a + br", values[-1].item(), "=", a + b * r),
        Step("trace of the inverse = (dof − 1)/a + 1/(a + br)", values.reciprocal().sum().item(), "=", trace),
    ]


def one_minimum(problem, V1, V2, *, lower):
    """Theorem 5.7 at two stationary points V₁, V₂ (d, r) of the exact-rank problem, `lower` ‖Z‖_F² ≤ ‖𝒜(Z)‖²/n for Z of
    rank at most 2r. If the last line fails, its left side is at least its right: then X₁ and X₂ may differ."""
    left, _, right = torch.linalg.svd(V1.T @ V2)
    V2 = V2 @ (left @ right).T  # now V₁ᵀV₂ is positive semidefinite: the best rotation
    X1, X2, Z = V1 @ V1.T, V2 @ V2.T, V1 - V2
    slope1, slope2 = problem.matrix_gradient(V1), problem.matrix_gradient(V2)
    tilt, energy = tilt_of(problem, V1) + tilt_of(problem, V2), _inner(X1 - X2, problem.curvature(X1 - X2))
    sigma = max(torch.linalg.svdvals(V)[-1].item() ** 2 for V in (V1, V2))
    turned, limit = -_inner(slope1 + slope2, Z @ Z.T), uniqueness_threshold(sigma, lower)
    return [
        Step("|⟨∇f(X₁), X₁⟩| = 0, up to rounding", abs(_inner(slope1, X1)), "≤", 1e-9),
        Step("|⟨∇f(X₁), X₂ − ZZᵀ⟩| = 0, up to rounding", abs(_inner(slope1, X2 - Z @ Z.T)), "≤", 1e-9),
        Step("2(1 − δ)‖X₁ − X₂‖² ≤ 2‖𝒜(X₁ − X₂)‖²/n", 2 * lower * _square(X1 - X2), "≤", energy),
        Step("2‖𝒜(X₁ − X₂)‖²/n = −⟨∇f(X₁) + ∇f(X₂), ZZᵀ⟩", energy, "=", turned),
        Step("−⟨∇f(X₁) + ∇f(X₂), ZZᵀ⟩ ≤ (a₊(V₁) + a₊(V₂))‖Z‖²", turned, "≤", tilt * _square(Z)),
        Step("2(√2 − 1)σ²‖Z‖² ≤ ‖X₁ − X₂‖²", 2 * (2**0.5 - 1) * sigma * _square(Z), "≤", _square(X1 - X2)),
        Step("hypothesis (5.1): a₊(V₁) + a₊(V₂) is less than 4(√2 − 1)(1 − δ)σ²", tilt, "≤", limit),
    ]


def tilt_of(problem, V):
    """a₊(V) = max(0, λ_max(−∇f(VVᵀ))) for one V (d, r): a float (Theorem 5.7)."""
    return max(0.0, -torch.linalg.eigvalsh(problem.matrix_gradient(V))[0].item())


def half_of_the_noise(U_star, H):
    """Theorem 5.9 at a symmetric H (d, d): its projection Π on the cone K of ξ with (I − P)ξ(I − P) ⪰ 0."""
    d, r = U_star.shape
    frame = torch.linalg.svd(U_star).U
    inside = frame.T @ H @ frame
    normal = inside[r:, r:]
    values, vectors = torch.linalg.eigh(normal)
    positive, negative = (vectors * values.clamp(min=0)) @ vectors.T, (vectors * (-values).clamp(min=0)) @ vectors.T
    projected = inside.clone()
    projected[r:, r:] = positive
    dof, D = degrees_of_freedom(d, r), d * (d + 1) // 2
    return [
        Step("|⟨H − Π, Π⟩| = 0, up to rounding", abs(_inner(inside - projected, projected)), "≤", 1e-9),
        Step("λ_max of H − Π off the range of M", torch.linalg.eigvalsh(normal - positive)[-1].item(), "≤", 1e-9),
        Step("‖Π‖² = ‖ξ‖² + ‖(H⊥)₊‖²", _square(projected), "=", _square(inside) - _square(normal) + _square(positive)),
        Step("‖(H⊥)₊‖² + ‖(−H⊥)₊‖² = ‖H⊥‖²", _square(positive) + _square(negative), "=", _square(normal)),
        Step("dof + (d − r)(d − r + 1)/4 = (D + dof)/2", dof + (d - r) * (d - r + 1) / 4, "=", (D + dof) / 2),
    ]


def _inner(A, B):
    return (A * B).sum().item()


def _square(A):
    return A.square().sum().item()


def _norm(A):
    return A.norm().item()
