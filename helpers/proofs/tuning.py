"""The proofs of chapter 5, step by step on one instance: rates of descent, what noise allows, which minimum is reached.

Throughout, P is the projector on the range of M, and T the space of symmetric ξ with (I − P)ξ(I − P) = 0 (Lemma 5.4).
"""

import torch
from scipy import integrate
from torch.linalg import norm

from helpers.arguments import number, tensor
from helpers.proofs import projectors, step
from helpers.rotations import tangent_basis
from helpers.theory import crawl_error, degrees_of_freedom, largest_step, linear_rate, unpruned_dimensions

ROUNDING = 1e-9  # of numbers that are zero in exact arithmetic


def on_tangent(U_star, form):
    """The matrix (dof, dof) of ⟨ξ, form(η)⟩ on T (Lemma 5.4); `form` maps symmetric matrices (..., d, d) to such."""
    basis = tangent_basis(U_star).flatten(1)
    return basis @ form(tangent_basis(U_star)).flatten(1).T


def _eigenbasis_rows(M, U0, r):
    """The rows of U₀ (d, k) in an eigenbasis of M: those of the r largest eigenvalues (r, k), the others (d − r, k)."""
    rows = torch.linalg.eigh(M).eigenvectors.flip(-1).T @ U0
    return rows[:r], rows[r:]


def slow_values(M, U0, r):
    """s_1, …, s_{m−r} (Theorem 5.2): the singular values of Y restricted to ker V, without the zeros, where V has rank
    r and U₀ (d, k) rank m: shape (m − r,)."""
    V, Y = _eigenbasis_rows(M, tensor("U0", U0, shape=(len(M), None)), r)
    kernel = torch.linalg.svd(V).Vh[r:].T
    return torch.linalg.svdvals(Y @ kernel)[: int(torch.linalg.matrix_rank(U0)) - r]


def flow(M, U0, t):
    """X(t) (d, d) on the gradient flow of ‖UUᵀ − M‖_F² from U₀ (d, k) (Theorem 5.2). t > 0, 8tμ_1 below 700.

    With E = 8∫e^{8Mτ} dτ it is e^{4Mt}E^{−1/2}[I − (I + E^{1/2}U₀U₀ᵀE^{1/2})⁻¹]E^{−1/2}e^{4Mt}; with the largest
    eigenvalue first the bracket is graded and keeps its accuracy.
    """
    t = number("t", t, low=0, high=700 / (8 * torch.linalg.matrix_norm(M, 2).item()), strict=True)
    mu, frame = torch.linalg.eigh(M)
    mu, frame = mu.clamp(min=1e-14).flip(-1), frame.flip(-1)
    past = ((8 * mu * t).expm1() / mu).sqrt()
    rows, grown, eye = past[:, None] * (frame.T @ U0), (4 * mu * t).exp() / past, torch.eye(len(M)).to(M)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(eye + rows @ rows.T))
    return frame @ (grown[:, None] * (eye - inverse) * grown) @ frame.T


def tilt(problem, V):
    """a₊(V) = max(0, λ_max(−∇f(VVᵀ))) for V (..., d, m): shape (...) (Theorem 5.7)."""
    return (-torch.linalg.eigvalsh(problem.matrix_gradient(V))[..., 0]).clamp(min=0)


def linearised_step(problem, eta):
    """Theorem 5.1 for a population `problem` and the step η = `eta`: the derivative J at M of the step X → X⁺, on T."""
    U, M, mu = problem.U_star, problem.M, torch.linalg.svdvals(problem.U_star) ** 2

    def derivative(xi):
        return xi - 2 * eta * (problem.curvature(xi) @ M + M @ problem.curvature(xi))

    _, Q = projectors(U)
    leak = torch.linalg.matrix_norm(Q @ derivative(tangent_basis(U)) @ Q).max()
    modes, gaussian = torch.linalg.eigvals(on_tangent(U, derivative)), problem.ensemble == "gaussian"
    slow = (4 if gaussian else 8) * mu[-1]
    fast = 2 / largest_step(mu.numpy(), ensemble=problem.ensemble)
    most = 8 * (mu[0] if gaussian else 2 * mu[0] + mu.sum())
    rate = linear_rate(mu.numpy(), eta, ensemble=problem.ensemble)
    return [
        step(r"$\lVert(I - P)\,J\xi\,(I - P)\rVert$ is zero", leak, "≤", ROUNDING),
        step(r"$\sum_i\lvert\mathrm{Im}\,\lambda_i(J)\rvert$ is zero", modes.imag.abs().sum(), "≤", ROUNDING),
        step(r"$b \le 8\mu_1$, or $8(2\mu_1 + \mathrm{tr}\,M)$", fast, "≤", most),
        step(r"$\lambda_{\max}(J) = 1 - \eta a$", modes.real.max(), "=", 1 - eta * slow),
        step(r"$\lambda_{\min}(J) = 1 - \eta b$", modes.real.min(), "=", 1 - eta * fast),
        step(r"$\max_i\lvert\lambda_i(J)\rvert = \rho(\eta)$", modes.abs().max(), "=", rate),
    ]


def solved_flow(M, U0, r, t):
    """Theorem 5.2 at time t > 0 from U₀ (d, k), k > r, d > r: the lines of the proof, in blocks in an eigenbasis of M.

    In floating point the middle lines need a moderate t: S has the condition number e^{8μ_1 t}.
    """
    V, Y = _eigenbasis_rows(M, U0, r)
    mu, frame = torch.linalg.eigh(M)
    mu, frame = mu.flip(-1)[:r], frame.flip(-1)
    C, E = torch.eye(U0.shape[1]).to(U0) + 8 * t * Y.T @ Y, ((8 * mu * t).expm1() / mu).diag()
    S_inverse, C_inverse = torch.linalg.inv(C + V.T @ E @ V), torch.linalg.inv(C)
    G_inverse = torch.linalg.inv(V @ C_inverse @ V.T)
    K, rest = Y @ C_inverse @ V.T @ G_inverse, torch.linalg.inv(E + G_inverse)
    s = slow_values(M, U0, r)
    B = Y @ torch.linalg.svd(V).Vh[r:].T
    slow = B @ torch.linalg.solve(torch.eye(B.shape[1]).to(B) + 8 * t * B.T @ B, B.T)
    law, X, other = crawl_error(t, s), flow(M, U0, t), _integrated(M, U0, t)
    blocks = frame.T @ (X - M) @ frame
    fast = norm(blocks[:r, :r]) + 2**0.5 * norm(blocks[:r, r:]) + norm(K @ rest @ K.T)
    tail = r"$\lVert YS^{-1}Y^\top\rVert = \lVert\mathrm{slow} + K(E + G^{-1})^{-1}K^\top\rVert$"
    return [
        step(r"$\lVert X(t) - X'(t)\rVert$ is zero", norm(X - other), "≤", ROUNDING),
        step(r"$\lVert VS^{-1}V^\top\rVert = \lVert(E + G^{-1})^{-1}\rVert$",
             norm(V @ S_inverse @ V.T), "=", norm(rest)),
        step(tail, norm(Y @ S_inverse @ Y.T), "=", norm(slow + K @ rest @ K.T)),
        step(r"$\lVert\mathrm{slow}\rVert = \bigl(\sum_i(8t + s_i^{-2})^{-2}\bigr)^{1/2}$", norm(slow), "=", law),
        step(r"$\mathrm{rank}\,U_0 - r = m - r$", torch.linalg.matrix_rank(U0) - r, "=", len(s)),
        step(r"$\bigl\lvert\lVert X - M\rVert - \lVert\mathrm{slow}\rVert\bigr\rvert \le$ the fast blocks",
             abs(norm(X - M) - law), "≤", fast),
    ]  # fmt: skip


def _integrated(M, U0, t):
    """UUᵀ at time t, by a general solver from U′ = −∇‖UUᵀ − M‖_F²."""

    def velocity(_, flat):
        U = torch.from_numpy(flat).reshape(U0.shape)
        return (-4 * (U @ U.T - M) @ U).flatten().numpy()

    path = integrate.solve_ivp(velocity, (0, t), U0.flatten().numpy(), "DOP853", rtol=1e-13, atol=1e-15)
    U = torch.from_numpy(path.y[:, -1].copy()).reshape(U0.shape)
    return U @ U.T


def information(problem):
    """Lemma 5.4 and Theorem 5.5 for a population `problem`: the dimension of T, and the trace of 𝒢⁻¹, where ½f″ is the
    form E⟨A, ξ⟩²."""
    U, (d, r) = problem.U_star, problem.U_star.shape
    dof, (a, b) = degrees_of_freedom(d, r), (1.0, 0.0) if problem.ensemble == "gaussian" else (2.0, 1.0)
    Z = torch.eye(d * r).to(U).reshape(-1, d, r)
    image = (U @ Z.mT + Z @ U.T).flatten(1)
    values = torch.linalg.eigvalsh(on_tangent(U, lambda xi: problem.curvature(xi) / 2))
    return [
        step(r"$\dim\lbrace U_\star Z^\top + ZU_\star^\top\rbrace = rd - r(r - 1)/2$",
             torch.linalg.matrix_rank(image), "=", dof),
        step(r"$\dim T = rd - r(r - 1)/2$", len(tangent_basis(U)), "=", dof),
        step(r"$\lVert P\rVert_F^2 = r$", _square(projectors(U)[0]), "=", r),
        step(r"the largest eigenvalue of $\mathcal{G}$ is $a + br$", values[-1], "=", a + b * r),
        step(r"$\mathrm{tr}\,\mathcal{G}^{-1} = (\mathrm{dof} - 1)/a + 1/(a + br)$", (1 / values).sum(), "=",
             (dof - 1) / a + 1 / (a + b * r)),
    ]  # fmt: skip


def one_minimum(problem, V1, V2, *, lower):
    """Theorem 5.7 at two stationary points V₁, V₂ (d, r) of the exact-rank problem, `lower` ‖Z‖_F² ≤ ‖𝒜(Z)‖²/n for Z of
    rank at most 2r. The last two lines imply (5.1): if X₁ ≠ X₂, at least one fails."""
    change = V1 @ V1.T - V2 @ V2.T
    bent, gap, pulls, lines, hypothesis = _inner(change, problem.curvature(change)), _square(change), [], [], []
    for i, j, V, W in ((1, 2, V1, V2), (2, 1, V2, V1)):
        slope, a, sigma = problem.matrix_gradient(V), tilt(problem, V), torch.linalg.svdvals(V)[-1] ** 2
        outside = _square(W - V @ torch.linalg.lstsq(V, W, driver="gelsd").solution)  # ‖(I − P)W‖²
        pulls.append(-_inner(slope, W @ W.T))
        pull, share = rf"-\langle\nabla f(X_{i}), X_{j}\rangle", rf"\mathrm{{tr}}((I - P_{i})X_{j})"
        distance = rf"$2\sigma_r(V_{i})^2\,{share} \le \lVert X_1 - X_2\rVert^2$"
        lines += [
            step(rf"$\lVert\nabla f(X_{i})\,V_{i}\rVert$ is zero", norm(slope @ V), "≤", ROUNDING),
            step(rf"${pull} \le a_+(V_{i})\,{share}$", pulls[-1], "≤", a * outside),
            step(distance, 2 * sigma * outside, "≤", gap),
        ]
        room = rf"$2(1 - \delta)\sigma_r(V_{i})^2 - a_+(V_{i})$ is positive"
        hypothesis.append(step(room, 0.0, "≤", 2 * lower * sigma - a))
    energy = r"\frac2n\lVert\mathcal{A}(X_1 - X_2)\rVert^2"
    return [
        *lines,
        step(rf"${energy}$ is the sum of the two left sides above", bent, "=", sum(pulls)),
        step(rf"$2(1 - \delta)\lVert X_1 - X_2\rVert^2 \le {energy}$", 2 * lower * gap, "≤", bent),
        *hypothesis,
    ]


def half_of_the_noise(U_star, H):
    """Theorem 5.9 at a symmetric H (d, d): its projection Π on the cone K of ξ with (I − P)ξ(I − P) ⪰ 0."""
    d, r = U_star.shape
    frame = torch.linalg.svd(U_star).U
    inside = frame.T @ H @ frame
    normal, projected = inside[r:, r:], inside.clone()
    values, vectors = torch.linalg.eigh(normal)
    positive, negative = ((vectors * part.clamp(min=0)) @ vectors.T for part in (values, -values))
    projected[r:, r:] = positive
    kept, left_over = _square(inside) - _square(normal) + _square(positive), torch.linalg.eigvalsh(normal - positive)
    half = degrees_of_freedom(d, r) + (d - r) * (d - r + 1) / 4
    return [
        step(r"$\lvert\langle H - \Pi, \Pi\rangle\rvert$ is zero",
             abs(_inner(inside - projected, projected)), "≤", ROUNDING),
        step(r"$\lambda_{\max}$ of $H - \Pi$ off the range of $M$", left_over[-1], "≤", ROUNDING),
        step(r"$\lVert\Pi\rVert^2 = \lVert H\rVert^2 - \lVert H_\perp\rVert^2 + \lVert(H_\perp)_+\rVert^2$",
             _square(projected), "=", kept),
        step(r"$\lVert(H_\perp)_+\rVert^2 + \lVert(-H_\perp)_+\rVert^2 = \lVert H_\perp\rVert^2$",
             _square(positive) + _square(negative), "=", _square(normal)),
        step(r"$\mathrm{dof} + \frac14(d - r)(d - r + 1)$ is half-way", half, "=", unpruned_dimensions(d, r)),
    ]  # fmt: skip


def _inner(A, B):
    return (A * B).sum()


def _square(A):
    return A.square().sum()
