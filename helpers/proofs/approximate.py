"""The proofs of chapter 4 at points where training stopped early, (ε, γ)-approximate second-order stationary points.

A function takes a `Point` and returns a list of `Step`, empty where the hypotheses fail. S are the columns longer than
2√β, τ is the largest norm of the others, R the sum of their u_ju_jᵀ; notation and certificate as in `gap`.
"""

import math

import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.proofs import projectors, step
from helpers.proofs.gap import column_derivatives
from helpers.proofs.hypotheses import error_bound
from helpers.proofs.points import ZERO


def scaling(point, i):
    """Lemma 4.12 for a column i: F along u_i → (1 + t)u_i; an empty list unless its norm v is in (1e-6, 2√β]."""
    u, (lam, beta) = point.U[:, i], point.scales
    if not ZERO < u.norm() <= point.penalty.threshold:
        return []
    v, kappa = u.norm(), column_curvatures(point.problem, point.U[:, [i]])[0].item()
    first, second = column_derivatives(point, i, u)
    bend = -point.penalty.d2h(v**2)
    room = point.epsilon * v + point.gamma * v**2
    tau = theory.robust_gap_bound(point.epsilon, point.gamma, lam, beta, kappa)
    return [
        step(r"$\lvert F'(0)\rvert \le \varepsilon v$", first.abs(), "≤", point.epsilon * v),
        step(r"$F''(0) = F'(0) + 8\kappa_ip^2 - 4\lambda p^2\lvert h''(p)\rvert$", second, "=",
              first + 8 * kappa * v**4 - 4 * lam * bend * v**4),
        step(r"$-\gamma p \le F''(0)$", -point.gamma * v**2, "≤", second),
        step(r"$\lvert h''(4\beta)\rvert \le \lvert h''(p)\rvert$", -point.penalty.d2h(4 * beta), "≤", bend),
        step(r"$4\lambda\lvert h''(p)\rvert p^2 \le \varepsilon v + \gamma p + 8\kappa_ip^2$",
              4 * lam * bend * v**4, "≤", room + 8 * kappa * v**4),
        step(r"$v$ and its bound", v, "≤", tau),
    ]  # fmt: skip


def count(point):
    """Theorem 4.14 (ii): the direction x = Wb of its proof, from the first r + 1 columns of S; an empty list unless
    m > r and ρ < 1."""
    problem, r, c, (lam, beta) = point.problem, point.problem.r, point.c, point.scales
    some, rho = point.S[:, : r + 1], r * point.cosine
    if point.m <= r or rho >= 1:
        return []
    roots = some.norm(dim=0)
    W, p = some / roots, roots**2
    K = W.T @ W - torch.eye(r + 1, dtype=W.dtype)
    b = torch.linalg.svd(torch.linalg.qr(problem.U_star).Q.T @ W).Vh[-1]
    b = b / (W @ b).norm()
    x, y, slopes = W @ b, b + K @ b, point.penalty.dh(p)
    Y = problem.matrix_gradient(point.U) @ some + lam * some * slopes
    sigma, h4, blur = y @ y, theory.dh(4 * beta, beta), (x @ Y @ (b / roots)).abs()
    middle = 2 * c * (p * y**2).sum() + lam * (y * slopes * b).sum()
    shape = (problem.mu_r, lam, beta)
    _, final = theory.count_thresholds(*shape, ensemble=problem.ensemble, rho=rho, kappa=point.kappa)
    most = 2 * c * theory.g_min(lam / c, beta)
    zeta = most * sigma - lam * h4 * rho * (sigma * (2 - sigma) / (1 - rho**2)).sqrt()
    blurred = point.epsilon / (4 * math.sqrt(beta * (1 - rho)))
    return [
        step(r"$\lVert K\rVert \le \rho$", torch.linalg.matrix_norm(K, 2), "≤", rho),
        step(r"$1 + \lVert Mx\rVert = 1$: $x$ lies in the kernel of $M$", 1 + (problem.M @ x).norm(), "=", 1.0),
        step(r"$2c\,y^\top Py + \lambda y^\top Db \le -x^\top Ex + \lvert x^\top YP^{-1/2}b\rvert$",
              middle, "≤", blur - x @ point.E @ x),
        step(r"$\lvert x^\top YP^{-1/2}b\rvert \le \varepsilon/(4\sqrt{\beta(1-\rho)})$", blur, "≤", blurred),
        step(r"$1 - \rho \le \sigma$", 1 - rho, "≤", sigma),
        step(r"$\lVert b\rVert^2 \le (2-\sigma)/(1-\rho^2)$", b @ b, "≤", (2 - sigma) / (1 - rho**2)),
        step(r"$\zeta(\sigma) \le 2c\,y^\top Py + \lambda y^\top Db$", zeta, "≤", middle),
        *[step(r"$\zeta(1-\rho) \le \zeta(\sigma)$, as $\zeta(1-\rho) > 0$", final, "≤", zeta)] * (final > 0),
        step(r"so the condition fails", final, "≤", point.deviations[1] + blurred),
    ]  # fmt: skip


def closeness(point):
    """Theorem 4.14 (iii) with α and ᾱ as they are at this Δ; an empty list unless 0 < m < k and ρ' < 1."""
    problem, S, difference = point.problem, point.S, point.difference
    (lam, beta), rho, m = point.scales, (point.m - 1) * point.cosine, point.m
    if not 0 < m < point.U.shape[1] or rho >= 1:
        return []
    slope, size, p = problem.matrix_gradient(point.U), point.error, S.square().sum(0)
    pinv, slopes, small = torch.linalg.pinv(S), point.penalty.dh(p), point.U[:, ~point.kept]
    _, rest = projectors(S)
    missed, noise = rest @ problem.M @ rest, (problem.noise_matrix * difference).sum()
    extra = (problem.curvature(small @ small.T) * difference).sum()
    inside = (slope * (difference - rest @ difference @ rest)).sum()
    upper = max(point.kappa, point.alpha)
    level = theory.certificate_level(lam, beta, gamma=point.gamma, tau=point.tau, kappa=upper)
    stretch = math.sqrt((1 + rho) / (1 - rho)) * slopes.norm()
    z = point.epsilon / (4 * math.sqrt(beta * (1 - rho)))
    return [
        step(r"$\langle\nabla f(X), \Delta\rangle = \frac2n\lVert\mathcal{A}(\Delta)\rVert^2 + \frac2n\langle "
              r"\mathcal{A}(R), \mathcal{A}(\Delta)\rangle - \frac2n\langle\mathcal{A}^*w, \Delta\rangle$",
              (slope * difference).sum(), "=", 2 * point.alpha * size**2 + extra - noise),
        step(r"$\frac1n\lvert\langle\mathcal{A}(R), \mathcal{A}(\Delta)\rangle\rvert \le "
              r"(k-m)\tau^2\bar\alpha\lVert\Delta\rVert_F$",
              extra.abs() / 2, "≤", (point.U.shape[1] - m) * point.tau**2 * upper * size),
        step(r"$\lVert U_S^+\rVert \le (4\beta(1-\rho'))^{-1/2}$",
              torch.linalg.matrix_norm(pinv, 2), "≤", (4 * beta * (1 - rho)) ** -0.5),
        step(r"$\lVert U_SDU_S^+\rVert_F \le \sqrt{(1+\rho')/(1-\rho')}\,\lVert h'(p_S)\rVert$",
              (S @ torch.diag(slopes) @ pinv).norm(), "≤", stretch),
        step(r"$\langle\nabla f(X), \Delta - P'\Delta P'\rangle \le (\lambda\sqrt{\tfrac{1+\rho'}{1-\rho'}}\,\lVert "
              r"h'(p_S)\rVert + \sqrt2\,z)\,\lVert\Delta\rVert_F$", inside, "≤", (lam * stretch + 2**0.5 * z) * size),
        step(r"$-\langle\nabla f(X), P'MP'\rangle \le \Lambda\lVert\Delta\rVert_F^2/\mu_r$",
              -(slope * missed).sum(), "≤", level * size**2 / problem.mu_r),
        step(r"$\lVert\Delta\rVert_F$ and the bound of (iii)", size, "≤", error_bound(point)),
    ]  # fmt: skip
