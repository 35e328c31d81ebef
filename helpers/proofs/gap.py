"""The proofs of chapter 4 on an instance, each side of each line computed on its own.

A function takes a `Point`, one converged or stopped run with at least one kept column, and returns a list of `Step`:
p_i = ‖u_i‖², Δ = X_S − M, E = ∇f(X) − 2cΔ (4.6), P the projector on range X_S, P' = I − P, Q on range M, Q' = I − Q.
"""

import math

import torch

from helpers import theory
from helpers.arguments import generator
from helpers.isometry import column_curvatures
from helpers.objective import Objective
from helpers.proofs import projectors, second_derivative, step
from helpers.proofs.hypotheses import error_bound


def scaling(point, i):
    """Lemma 4.1 for column i, not zero: F along u_i → (1 + t)u_i. The first two steps hold at every U."""
    u, slope = point.U[:, i], point.problem.matrix_gradient(point.U)
    p, kappa = u @ u, column_curvatures(point.problem, point.U[:, [i]])[0].item()
    (first, second), a = column_derivatives(point, i, u), u @ slope @ u
    lam, beta, dh, bend = _penalty_at(point, p)
    wide = lam >= theory.threshold_strength(beta, kappa)
    return [
        step(r"$F'(0) - 2\lambda p h'(p) = 2a$", first - 2 * lam * p * dh, "=", 2 * a),
        step(r"$F''(0) = 2a + 8\kappa_ip^2 + \lambda(2ph'(p) + 4p^2h''(p))$", second, "=",
              2 * a + 8 * kappa * p**2 + lam * (2 * p * dh - 4 * p**2 * bend)),
        step(r"$a = -\lambda p h'(p)$", a, "=", -lam * p * dh),
        step(r"$4\lambda p^2\lvert h''(p)\rvert \le 8\kappa_ip^2$", 4 * lam * p**2 * bend, "≤", 8 * kappa * p**2),
        step(r"$\lvert h''(p)\rvert \le 2\kappa_i/\lambda$", bend, "≤", 2 * kappa / lam),
        step(r"$\ell \le \lVert u_i\rVert$ for $\kappa = \kappa_i$", theory.gap_edge(lam, kappa, beta), "≤", p.sqrt()),
        step(r"$\frac12(\lambda/\kappa_i)^{1/3} \le \lVert u_i\rVert$, if $\lambda \ge 5^{5/2}\kappa_i\beta^{3/2}$",
              theory.gap_edge(lam, kappa) if wide else 0.0, "≤", p.sqrt()),
    ]  # fmt: skip


def comparison(ensemble, d, n, *, seed=0):
    """Proposition 4.2: the increments of the Gaussian processes Y and Z at a random pair of unit v, v' (d,) and of
    z, z' (n,) with norm 1: ‖z‖₂ for Gaussian data, ‖z‖_{4/3} for rank-one data."""
    random, gaussian = generator(seed), ensemble == "gaussian"
    v, other_v = torch.nn.functional.normalize(torch.randn(2, d, generator=random, dtype=torch.float64))
    draws = torch.randn(2, n, generator=random, dtype=torch.float64)
    z, other_z = torch.nn.functional.normalize(draws, p=2 if gaussian else 4 / 3)
    first, second = (torch.outer(x, x) if gaussian else x for x in (v, other_v))
    process = torch.kron(z, first.flatten()) - torch.kron(other_z, second.flatten())
    bound = (z - other_z).square().sum() + (2 if gaussian else 1) * (v - other_v).square().sum()
    return [
        step(r"$\lVert z\rVert_2 \le 1$", torch.linalg.vector_norm(z), "≤", 1.0),
        step(r"$\mathbb{E}(Y_{v,z} - Y_{v',z'})^2 \le \mathbb{E}(Z_{v,z} - Z_{v',z'})^2$",
              process.square().sum(), "≤", bound),
    ]  # fmt: skip


def certificate(point):
    """Lemmas 4.5 and 4.13 from the smallest column u, along the lowest eigenvector v of ∇f."""
    slope = point.problem.matrix_gradient(point.U)
    v, j = torch.linalg.eigh(slope).eigenvectors[:, 0], point.U.norm(dim=0).argmin()
    u = point.U[:, j]
    cross, p = torch.outer(u, v) + torch.outer(v, u), u @ u
    spread = (cross * point.problem.curvature(cross)).sum() / 2
    _, second = column_derivatives(point, j, v)
    lam, beta, dh, bend = _penalty_at(point, p)
    level = theory.certificate_level(lam, beta, gamma=point.gamma, tau=p.sqrt().item(), kappa=point.kappa)
    if point.exact:
        return [
            step(r"$F''(0) = 2v^\top\nabla f(X)v + 2\lambda/\sqrt\beta$", second, "=",
                  2 * (v @ slope @ v) + 2 * level),
            step(r"$0 \le F''(0)$", 0, "≤", second),
            step(r"$-\lambda/\sqrt\beta \le \lambda_{\min}(\nabla f(X))$", -level, "≤", v @ slope @ v),
        ]  # fmt: skip
    whole = 2 * (v @ slope @ v + spread + lam * (dh - 2 * bend * (u @ v) ** 2))
    return [
        step(r"$F''(0) = 2v^\top\nabla f(X)v + \frac2n\lVert\mathcal{A}(uv^\top + vu^\top)\rVert^2 + 2\lambda h'(p_j) "
              r"+ 4\lambda h''(p_j)\langle u, v\rangle^2$", second, "=", whole),
        step(r"$-\gamma \le F''(0)$", -point.gamma, "≤", second),
        step(r"$\frac1n\lVert\mathcal{A}(uv^\top + vu^\top)\rVert^2 \le 4\kappa\lVert u\rVert^2$",
              spread, "≤", 4 * point.kappa * p),
        step(r"$-\Lambda \le \lambda_{\min}(\nabla f(X))$", -level, "≤", v @ slope @ v),
    ]  # fmt: skip


def training_loss(point):
    """Theorem 4.6 at a point with a zero column; (ii) where its hypothesis holds."""
    problem, X, slope = point.problem, point.U @ point.U.T, point.problem.matrix_gradient(point.U)
    p, spread, (lam, beta) = point.S.square().sum(0), point.alpha * point.error**2, point.scales
    shrinking, level = lam * (p * point.penalty.dh(p)).sum(), lam / beta**0.5
    loss, truth_loss, trace = problem.loss(point.U), problem.loss(problem.U_star).item(), problem.M.trace().item()
    P, rest = projectors(point.S)
    inside, across = (P @ point.difference @ P).norm(), (rest @ point.difference).norm()
    gain = (slope * point.difference).sum()
    excess = theory.fit_excess(point.p, problem.mu_r, lam, beta, point.alpha)
    return [
        step(r"$f(X) = f(M) + \langle\nabla f(X), \Delta\rangle - \frac1n\lVert\mathcal{A}(\Delta)\rVert^2$",
             loss, "=", truth_loss + gain - spread),
        step(r"$\langle\nabla f(X), X\rangle = -\lambda\sum_ip_ih'(p_i)$", (slope * X).sum(), "=", -shrinking),
        step(r"$-\frac{\lambda}{\sqrt\beta}\,\mathrm{tr}\,M \le \langle\nabla f(X), M\rangle$",
              -level * trace, "≤", (slope * problem.M).sum()),
        step(r"(i)", loss + shrinking + spread, "≤", theory.fit_bound(truth_loss, trace, lam, beta)),
        step(r"$\langle\nabla f(X), \Delta\rangle \le \lambda\lVert h'(p)\rVert\,\lVert P\Delta P\rVert_F + "
              r"\frac{\lambda}{\sqrt\beta\mu_r}\lVert P'\Delta\rVert_F^2$", gain, "≤",
              lam * point.penalty.dh(p).norm() * inside + level / problem.mu_r * across**2),
        step(r"$\lVert P\Delta P\rVert_F^2 + \lVert P'\Delta\rVert_F^2 \le \lVert\Delta\rVert_F^2$",
              inside**2 + across**2, "≤", point.error**2),
        step(r"(ii)", loss, "≤", truth_loss + excess),
    ]  # fmt: skip


def closeness(point):
    """Theorem 4.7 at a point with a zero column, with α as it is at this Δ."""
    problem, difference, slope = point.problem, point.difference, point.problem.matrix_gradient(point.U)
    (lam, beta), size, p = point.scales, point.error, point.S.square().sum(0)
    (P, rest), W, slopes = projectors(point.S), point.S / p.sqrt(), point.penalty.dh(p)
    missed, noise = rest @ problem.M @ rest, (problem.noise_matrix * difference).sum()
    inside = -lam * ((W * slopes) @ W.T * difference).sum()
    return [
        step(r"$\langle\nabla f(X), \Delta\rangle = \frac2n\lVert\mathcal{A}(\Delta)\rVert^2 - \frac2n\langle "
              r"\mathcal{A}^*w, \Delta\rangle$", (slope * difference).sum(), "=", 2 * point.alpha * size**2 - noise),
        step(r"$\frac2n\langle\mathcal{A}^*w, \Delta\rangle \le 2\nu\sqrt{m+r}\,\lVert\Delta\rVert_F$",
              noise, "≤", 2 * problem.nu * math.sqrt(point.m + problem.r) * size),
        step(r"$\langle\nabla f(X), \Delta\rangle = -\lambda\langle H, P\Delta P\rangle - \langle\nabla f(X), "
              r"P'MP'\rangle$", (slope * difference).sum(), "=", inside - (slope * missed).sum()),
        step(r"$-\lambda\langle H, P\Delta P\rangle \le \lambda\lVert h'(p)\rVert\,\lVert P\Delta P\rVert_F$",
              inside, "≤", lam * slopes.norm() * (P @ difference @ P).norm()),
        step(r"$-\langle\nabla f(X), P'MP'\rangle \le \frac{\lambda}{\sqrt\beta}\,\mathrm{tr}\,P'MP'$",
              -(slope * missed).sum(), "≤", lam * beta**-0.5 * missed.trace()),
        step(r"$\mathrm{tr}\,P'MP' \le \sqrt r\,\lVert P'\Delta P'\rVert_F$",
              missed.trace(), "≤", math.sqrt(problem.r) * (rest @ difference @ rest).norm()),
        step(r"$\mathrm{tr}\,P'MP' \le \lVert P'\Delta\rVert_F^2/\mu_r$",
              missed.trace(), "≤", (rest @ difference).square().sum() / problem.mu_r),
        step(r"$\lVert\Delta\rVert_F$ and the smaller bound", size, "≤", error_bound(point)),
    ]  # fmt: skip


def count(point):
    """Theorem 4.8 where the count is not r: the direction x of its proof, and the condition that it breaks; an empty
    list where m = r."""
    problem, r, (lam, beta), c = point.problem, point.problem.r, point.scales, point.c
    slope, E, frame = problem.matrix_gradient(point.U), point.E, torch.linalg.qr(point.problem.U_star).Q
    W = point.S / point.S.norm(dim=0)
    least, most = theory.count_thresholds(problem.mu_r, lam, beta, ensemble=problem.ensemble)
    if point.m < r:
        x = frame @ torch.linalg.svd(W.T @ frame).Vh[-1]
        return [
            step(r"$1 + \lVert W^\top x\rVert = 1$: $x$ is orthogonal to the columns", (W.T @ x).norm() + 1, "=", 1.0),
            step(r"$-\frac{\lambda}{\sqrt\beta} \le x^\top\nabla f(X)x$", -lam * beta**-0.5, "≤", x @ slope @ x),
            step(r"$x^\top\nabla f(X)x = -2c\,x^\top Mx + x^\top Ex$", x @ slope @ x, "=",
                  -2 * c * x @ problem.M @ x + x @ E @ x),
            step(r"$2c\mu_r - \frac{\lambda}{\sqrt\beta} \le \lambda_{\max}(QEQ)$", least, "≤", point.deviations[0]),
        ]  # fmt: skip
    if point.m == r:
        return []
    some, p = W[:, : r + 1], point.S.square().sum(0)[: r + 1]
    a = torch.linalg.svd(frame.T @ some).Vh[-1]
    x = some @ a
    return [
        step(r"$1 + \lVert Mx\rVert = 1$: $x$ lies in the kernel of $M$", (problem.M @ x).norm() + 1, "=", 1.0),
        step(r"$x^\top\nabla f(X)x = -\lambda\sum_ia_i^2h'(p_i)$", x @ slope @ x, "=",
              -lam * (a**2 * point.penalty.dh(p)).sum()),
        step(r"$x^\top\nabla f(X)x = 2c\sum_ia_i^2p_i + x^\top Ex$", x @ slope @ x, "=",
              2 * c * (a**2 * p).sum() + x @ E @ x),
        step(r"$2c\,g_{\min} \le -x^\top Ex$", most, "≤", -x @ E @ x),
        step(r"$2c\,g_{\min} \le \lambda_{\max}(-Q'EQ')$", most, "≤", point.deviations[1]),
    ]  # fmt: skip


def after_count(point):
    """Theorem 4.11; an empty list unless m = r and ‖E‖ < 2c g_min."""
    problem, r, c, (lam, beta) = point.problem, point.problem.r, point.c, point.scales
    size = torch.linalg.matrix_norm(point.E, 2).item()
    if point.m != r or size >= 2 * c * theory.g_min(lam / c, beta):
        return []
    W, p, E = point.S / point.S.norm(dim=0), point.S.square().sum(0), point.E / c
    g, e = p + lam / (2 * c) * point.penalty.dh(p), size / c
    q = e**2 / (4 * theory.g_min(lam / c, beta) - 2 * e)
    P, rest = projectors(point.S)
    border, corner = E - rest @ E @ rest, rest @ problem.M @ rest
    schur = rest @ E @ W @ torch.linalg.inv(torch.diag(g) + W.T @ E @ W / 2) @ W.T @ E @ rest / 4
    mu = torch.linalg.eigvalsh(problem.M).flip(0)[:r]
    eigenvalues, frobenius = theory.error_after_count(point.p, size, lam, beta, ensemble=problem.ensemble)
    off = (problem.M @ P - E @ P / 2 - (W * g) @ W.T).norm()
    return [
        step(r"1 plus what is left of the blocks of $M$ is 1", 1 + off, "=", 1.0),
        step(r"$1 + \lVert S - \frac14B^\top(G + \frac12A)^{-1}B\rVert_F = 1$", 1 + (corner - schur).norm(), "=", 1.0),
        step(r"$\lVert S\rVert \le q$", torch.linalg.matrix_norm(corner, 2), "≤", q),
        step(r"$\lVert T\rVert \le 2e/\sqrt3$", torch.linalg.matrix_norm(border, 2), "≤", 2 * e / math.sqrt(3)),
        step(r"$\max_i\lvert\mu_i - g(p)_{(i)}\rvert \le e/\sqrt3 + q$",
              (mu - g.sort(descending=True).values).abs().max(), "≤", eigenvalues),
        step(r"$\lVert T\rVert_F \le \sqrt{2r}\,e$", border.norm(), "≤", math.sqrt(2 * r) * e),
        step(r"$\lVert X - M\rVert_F$ and its bound", point.error, "≤", frobenius),
    ]  # fmt: skip


def _penalty_at(point, p):  # λ, β, h'(p), |h''(p)|
    return *point.scales, point.penalty.dh(p), -point.penalty.d2h(p)


def column_derivatives(point, i, v):
    """First and second derivative of F (4.1) along tv added to column i."""
    along = torch.zeros_like(point.U)
    along[:, i] = v
    first = (along * Objective(point.problem, point.penalty).gradient(point.U)).sum()
    return first, second_derivative(point.problem, point.penalty, point.U, along)
