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
from helpers.proofs import Step


def scaling(point, i):
    """Lemma 4.1 for column i, not zero: F along u_i → (1 + t)u_i. The first two steps hold at every U."""
    u, slope = point.U[:, i], point.problem.matrix_gradient(point.U)
    p, kappa = u @ u, column_curvatures(point.problem, point.U[:, [i]])[0].item()
    first, second = _derivatives(point, i, u)
    lam, beta, dh, bend = _penalty_at(point, p)
    a = u @ slope @ u
    wide = lam >= theory.threshold_strength(beta, kappa)
    return [
        _step(r"$F'(0) - 2\lambda p h'(p) = 2a$", first - 2 * lam * p * dh, "=", 2 * a),
        _step(r"$F''(0) = 2a + 8\kappa_ip^2 + \lambda(2ph'(p) + 4p^2h''(p))$", second, "=",
              2 * a + 8 * kappa * p**2 + lam * (2 * p * dh - 4 * p**2 * bend)),
        _step(r"$a = -\lambda p h'(p)$", a, "=", -lam * p * dh),
        _step(r"$4\lambda p^2\lvert h''(p)\rvert \le 8\kappa_ip^2$", 4 * lam * p**2 * bend, "≤", 8 * kappa * p**2),
        _step(r"$\lvert h''(p)\rvert \le 2\kappa_i/\lambda$", bend, "≤", 2 * kappa / lam),
        _step(r"$\ell \le \lVert u_i\rVert$ for $\kappa = \kappa_i$", theory.gap_edge(lam, kappa, beta), "≤", p.sqrt()),
        _step(r"$\frac12(\lambda/\kappa_i)^{1/3} \le \lVert u_i\rVert$, if $\lambda \ge 5^{5/2}\kappa_i\beta^{3/2}$",
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
        _step(r"$\lVert z\rVert_2 \le 1$", torch.linalg.vector_norm(z), "≤", 1.0),
        _step(r"$\mathbb{E}(Y_{v,z} - Y_{v',z'})^2 \le \mathbb{E}(Z_{v,z} - Z_{v',z'})^2$",
              process.square().sum(), "≤", bound),
    ]  # fmt: skip


def certificate(point):
    """Lemmas 4.5 and 4.13 from the smallest column u, along the lowest eigenvector v of ∇f."""
    slope = point.problem.matrix_gradient(point.U)
    v, j = torch.linalg.eigh(slope).eigenvectors[:, 0], point.U.norm(dim=0).argmin()
    u = point.U[:, j]
    cross, p = torch.outer(u, v) + torch.outer(v, u), u @ u
    spread = (cross * point.problem.curvature(cross)).sum() / 2
    _, second = _derivatives(point, j, v)
    lam, beta, dh, bend = _penalty_at(point, p)
    level = theory.certificate_level(lam, beta, gamma=point.gamma, tau=p.sqrt().item(), kappa=point.kappa)
    if point.exact:
        whole = 2 * (v @ slope @ v) + 2 * lam * beta**-0.5
        return [
            _step(r"$F''(0) = 2v^\top\nabla f(X)v + 2\lambda/\sqrt\beta$", second, "=", whole),
            _step(r"$0 \le F''(0)$", 0, "≤", second),
            _step(r"$-\lambda/\sqrt\beta \le \lambda_{\min}(\nabla f(X))$", -level, "≤", v @ slope @ v),
        ]
    whole = 2 * (v @ slope @ v + spread + lam * (dh - 2 * bend * (u @ v) ** 2))
    return [
        _step(r"$F''(0) = 2v^\top\nabla f(X)v + \frac2n\lVert\mathcal{A}(uv^\top + vu^\top)\rVert^2 + 2\lambda h'(p_j) "
              r"+ 4\lambda h''(p_j)\langle u, v\rangle^2$", second, "=", whole),
        _step(r"$-\gamma \le F''(0)$", -point.gamma, "≤", second),
        _step(r"$\frac1n\lVert\mathcal{A}(uv^\top + vu^\top)\rVert^2 \le 4\kappa\lVert u\rVert^2$",
              spread, "≤", 4 * point.kappa * p),
        _step(r"$-\Lambda \le \lambda_{\min}(\nabla f(X))$", -level, "≤", v @ slope @ v),
    ]  # fmt: skip


def training_loss(point):
    """Theorem 4.6 at a point with a zero column; (ii) where its hypothesis holds."""
    problem, X, slope = point.problem, point.U @ point.U.T, point.problem.matrix_gradient(point.U)
    p, spread, (lam, beta) = point.S.square().sum(0), point.alpha * point.error**2, _scales(point)
    shrinking, level = lam * (p * point.penalty.dh(p)).sum(), lam / beta**0.5
    loss, truth_loss, trace = problem.loss(point.U), problem.loss(problem.U_star).item(), problem.M.trace().item()
    P, rest = _projectors(point)
    inside, across = (P @ point.difference @ P).norm(), (rest @ point.difference).norm()
    gain = (slope * point.difference).sum()
    excess = theory.fit_excess(point.p, problem.mu_r, lam, beta, point.alpha)
    return [
        _step(r"$f(M) = f(X) - \langle\nabla f(X), \Delta\rangle + \frac1n\lVert\mathcal{A}(\Delta)\rVert^2$",
              truth_loss, "=", loss - gain + spread),
        _step(r"$\langle\nabla f(X), X\rangle = -\lambda\sum_ip_ih'(p_i)$", (slope * X).sum(), "=", -shrinking),
        _step(r"$-\frac{\lambda}{\sqrt\beta}\,\mathrm{tr}\,M \le \langle\nabla f(X), M\rangle$",
              -level * trace, "≤", (slope * problem.M).sum()),
        _step(r"(i)", loss + shrinking + spread, "≤", theory.fit_bound(truth_loss, trace, lam, beta)),
        _step(r"$\langle\nabla f(X), \Delta\rangle \le \lambda\lVert h'(p)\rVert\,\lVert P\Delta P\rVert_F + "
              r"\frac{\lambda}{\sqrt\beta\mu_r}\lVert P'\Delta\rVert_F^2$", gain, "≤",
              lam * point.penalty.dh(p).norm() * inside + level / problem.mu_r * across**2),
        _step(r"$\lVert P\Delta P\rVert_F^2 + \lVert P'\Delta\rVert_F^2 \le \lVert\Delta\rVert_F^2$",
              inside**2 + across**2, "≤", point.error**2),
        _step(r"(ii)", loss, "≤", truth_loss + excess),
    ]  # fmt: skip


def closeness(point):
    """Theorem 4.7 at a point with a zero column, with α as it is at this Δ."""
    problem, difference, slope = point.problem, point.difference, point.problem.matrix_gradient(point.U)
    (lam, beta), size, p = _scales(point), point.error, point.S.square().sum(0)
    P, rest = _projectors(point)
    W, slopes = point.S / p.sqrt(), point.penalty.dh(p)
    missed, noise = rest @ problem.M @ rest, (problem.noise_matrix * difference).sum()
    inside = -lam * ((W * slopes) @ W.T * difference).sum()
    exact = {"nu": problem.nu, "alpha": point.alpha}
    args = (point.p, problem.r, problem.mu_r, lam, beta)
    return [
        _step(r"$\langle\nabla f(X), \Delta\rangle = \frac2n\lVert\mathcal{A}(\Delta)\rVert^2 - \frac2n\langle "
              r"\mathcal{A}^*w, \Delta\rangle$", (slope * difference).sum(), "=", 2 * point.alpha * size**2 - noise),
        _step(r"$\frac2n\langle\mathcal{A}^*w, \Delta\rangle \le 2\nu\sqrt{m+r}\,\lVert\Delta\rVert_F$",
              noise, "≤", 2 * problem.nu * math.sqrt(point.m + problem.r) * size),
        _step(r"$\langle\nabla f(X), \Delta\rangle = -\lambda\langle H, P\Delta P\rangle - \langle\nabla f(X), "
              r"P'MP'\rangle$", (slope * difference).sum(), "=", inside - (slope * missed).sum()),
        _step(r"$-\lambda\langle H, P\Delta P\rangle \le \lambda\lVert h'(p)\rVert\,\lVert P\Delta P\rVert_F$",
              inside, "≤", lam * slopes.norm() * (P @ difference @ P).norm()),
        _step(r"$-\langle\nabla f(X), P'MP'\rangle \le \frac{\lambda}{\sqrt\beta}\,\mathrm{tr}\,P'MP'$",
              -(slope * missed).sum(), "≤", lam * beta**-0.5 * missed.trace()),
        _step(r"$\mathrm{tr}\,P'MP' \le \sqrt r\,\lVert P'\Delta P'\rVert_F$",
              missed.trace(), "≤", math.sqrt(problem.r) * (rest @ difference @ rest).norm()),
        _step(r"$\mathrm{tr}\,P'MP' \le \lVert P'\Delta\rVert_F^2/\mu_r$",
              missed.trace(), "≤", (rest @ difference).square().sum() / problem.mu_r),
        _step(r"$\lVert\Delta\rVert_F$ and the smaller bound", size, "≤", theory.closeness_bound(*args, **exact)),
    ]  # fmt: skip


def count(point):
    """Theorem 4.8 where the count is not r: the direction x of its proof, and the condition that it breaks; an empty
    list where m = r."""
    problem, r, (lam, beta), c = point.problem, point.problem.r, _scales(point), point.c
    slope, E, frame = problem.matrix_gradient(point.U), point.E, torch.linalg.qr(point.problem.U_star).Q
    W = point.S / point.S.norm(dim=0)
    least, most = theory.count_thresholds(problem.mu_r, lam, beta, ensemble=problem.ensemble)
    if point.m < r:
        x = frame @ torch.linalg.svd(W.T @ frame).Vh[-1]
        return [
            _step(r"$1 + \lVert W^\top x\rVert = 1$: $x$ is orthogonal to the columns", (W.T @ x).norm() + 1, "=", 1.0),
            _step(r"$-\frac{\lambda}{\sqrt\beta} \le x^\top\nabla f(X)x$", -lam * beta**-0.5, "≤", x @ slope @ x),
            _step(r"$x^\top\nabla f(X)x = -2c\,x^\top Mx + x^\top Ex$", x @ slope @ x, "=",
                  -2 * c * x @ problem.M @ x + x @ E @ x),
            _step(r"$2c\mu_r - \frac{\lambda}{\sqrt\beta} \le \lambda_{\max}(QEQ)$", least, "≤", point.deviations[0]),
        ]  # fmt: skip
    if point.m == r:
        return []
    some, p = W[:, : r + 1], point.S.square().sum(0)[: r + 1]
    a = torch.linalg.svd(frame.T @ some).Vh[-1]
    x = some @ a
    return [
        _step(r"$1 + \lVert Mx\rVert = 1$: $x$ lies in the kernel of $M$", (problem.M @ x).norm() + 1, "=", 1.0),
        _step(r"$x^\top\nabla f(X)x = -\lambda\sum_ia_i^2h'(p_i)$", x @ slope @ x, "=",
              -lam * (a**2 * point.penalty.dh(p)).sum()),
        _step(r"$x^\top\nabla f(X)x = 2c\sum_ia_i^2p_i + x^\top Ex$", x @ slope @ x, "=",
              2 * c * (a**2 * p).sum() + x @ E @ x),
        _step(r"$2c\,g_{\min} \le -x^\top Ex$", most, "≤", -x @ E @ x),
        _step(r"$2c\,g_{\min} \le \lambda_{\max}(-Q'EQ')$", most, "≤", point.deviations[1]),
    ]  # fmt: skip


def after_count(point):
    """Theorem 4.11 where m = r and ‖E‖ < 2c g_min."""
    problem, r, c, (lam, beta) = point.problem, point.problem.r, point.c, _scales(point)
    W, p, E = point.S / point.S.norm(dim=0), point.S.square().sum(0), point.E / point.c
    g, size = p + lam / (2 * c) * point.penalty.dh(p), torch.linalg.matrix_norm(point.E, 2).item()
    e = size / c
    q = e**2 / (4 * theory.g_min(lam / c, beta) - 2 * e)
    P, rest = _projectors(point)
    border, corner = E - rest @ E @ rest, rest @ problem.M @ rest
    schur = rest @ E @ W @ torch.linalg.inv(torch.diag(g) + W.T @ E @ W / 2) @ W.T @ E @ rest / 4
    mu = torch.linalg.eigvalsh(problem.M).flip(0)[:r]
    eigenvalues, frobenius = theory.error_after_count(point.p, size, lam, beta, ensemble=problem.ensemble)
    off = (rest @ problem.M @ P - rest @ E @ P / 2).norm() + (P @ problem.M @ P - (W * g) @ W.T - P @ E @ P / 2).norm()
    return [
        _step(r"1 plus what is left of the blocks of $M$ is 1", 1 + off, "=", 1.0),
        _step(r"$1 + \lVert S - \frac14B^\top(G + \frac12A)^{-1}B\rVert_F = 1$", 1 + (corner - schur).norm(), "=", 1.0),
        _step(r"$\lVert S\rVert \le q$", torch.linalg.matrix_norm(corner, 2), "≤", q),
        _step(r"$\lVert T\rVert \le 2e/\sqrt3$", torch.linalg.matrix_norm(border, 2), "≤", 2 * e / math.sqrt(3)),
        _step(r"$\max_i\lvert\mu_i - g(p)_{(i)}\rvert \le e/\sqrt3 + q$",
              (mu - g.sort(descending=True).values).abs().max(), "≤", eigenvalues),
        _step(r"$\lVert T\rVert_F \le \sqrt{2r}\,e$", border.norm(), "≤", math.sqrt(2 * r) * e),
        _step(r"$\lVert X - M\rVert_F$ and its bound", point.error, "≤", frobenius),
    ]  # fmt: skip


def robust_scaling(point, i):
    """Lemma 4.12 for a column i of norm v ≤ 2√β, not zero: F along u_i → (1 + t)u_i."""
    u, (lam, beta) = point.U[:, i], _scales(point)
    v, kappa = u.norm(), column_curvatures(point.problem, point.U[:, [i]])[0].item()
    first, second = _derivatives(point, i, u)
    _, _, _, bend = _penalty_at(point, v**2)
    room = point.epsilon * v + point.gamma * v**2
    tau = theory.robust_gap_bound(point.epsilon, point.gamma, lam, beta, kappa)
    return [
        _step(r"$\lvert F'(0)\rvert \le \varepsilon v$", first.abs(), "≤", point.epsilon * v),
        _step(r"$F''(0) = F'(0) + 8\kappa_ip^2 - 4\lambda p^2\lvert h''(p)\rvert$", second, "=",
              first + 8 * kappa * v**4 - 4 * lam * bend * v**4),
        _step(r"$-\gamma p \le F''(0)$", -point.gamma * v**2, "≤", second),
        _step(r"$\lvert h''(4\beta)\rvert \le \lvert h''(p)\rvert$", -point.penalty.d2h(4 * beta), "≤", bend),
        _step(r"$4\lambda\lvert h''(p)\rvert p^2 \le \varepsilon v + \gamma p + 8\kappa_ip^2$",
              4 * lam * bend * v**4, "≤", room + 8 * kappa * v**4),
        _step(r"$v$ and its bound", v, "≤", tau),
    ]  # fmt: skip


def robust_count(point):
    """Theorem 4.14 (ii) where m > r and ρ < 1: the direction x = Wb of its proof, from the first r + 1 columns of S."""
    problem, r, c, (lam, beta) = point.problem, point.problem.r, point.c, _scales(point)
    some, rho = point.S[:, : r + 1], r * point.cosine
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
        _step(r"$\lVert K\rVert \le \rho$", torch.linalg.matrix_norm(K, 2), "≤", rho),
        _step(r"$1 + \lVert Mx\rVert = 1$: $x$ lies in the kernel of $M$", 1 + (problem.M @ x).norm(), "=", 1.0),
        _step(r"$2c\,y^\top Py + \lambda y^\top Db \le -x^\top Ex + \lvert x^\top YP^{-1/2}b\rvert$",
              middle, "≤", blur - x @ point.E @ x),
        _step(r"$\lvert x^\top YP^{-1/2}b\rvert \le \varepsilon/(4\sqrt{\beta(1-\rho)})$", blur, "≤", blurred),
        _step(r"$1 - \rho \le \sigma$", 1 - rho, "≤", sigma),
        _step(r"$\lVert b\rVert^2 \le (2-\sigma)/(1-\rho^2)$", b @ b, "≤", (2 - sigma) / (1 - rho**2)),
        _step(r"$\zeta(\sigma) \le 2c\,y^\top Py + \lambda y^\top Db$", zeta, "≤", middle),
        _step(r"$\zeta(1-\rho) \le \zeta(\sigma)$, where $\zeta(1-\rho) > 0$",
              final if final > 0 else -math.inf, "≤", zeta),
        _step(r"so the condition fails", final, "≤", point.deviations[1] + blurred),
    ]  # fmt: skip


def robust_closeness(point):
    """Theorem 4.14 (iii), 0 < m < k and ρ' < 1, with α and ᾱ as they are at this Δ."""
    problem, S, difference = point.problem, point.S, point.difference
    (lam, beta), rho, m = _scales(point), (point.m - 1) * point.cosine, point.m
    slope, size, p = problem.matrix_gradient(point.U), point.error, S.square().sum(0)
    pinv, slopes, small = torch.linalg.pinv(S), point.penalty.dh(p), point.U[:, ~point.kept]
    P = S @ pinv
    rest = torch.eye(problem.d, dtype=P.dtype) - P
    missed, noise = rest @ problem.M @ rest, (problem.noise_matrix * difference).sum()
    extra = (problem.curvature(small @ small.T) * difference).sum()
    inside = (slope * (difference - rest @ difference @ rest)).sum()
    upper = max(point.kappa, point.alpha)
    level = theory.certificate_level(lam, beta, gamma=point.gamma, tau=point.tau, kappa=upper)
    stretch = math.sqrt((1 + rho) / (1 - rho)) * slopes.norm()
    z = point.epsilon / (4 * math.sqrt(beta * (1 - rho)))
    bound = theory.closeness_bound(
        point.p, problem.r, problem.mu_r, lam, beta, nu=problem.nu, alpha=point.alpha, upper=upper, eps=point.epsilon,
        gamma=point.gamma, tau=point.tau, small=small.shape[1], rho=rho,
    )  # fmt: skip
    return [
        _step(r"$\langle\nabla f(X), \Delta\rangle = \frac2n\lVert\mathcal{A}(\Delta)\rVert^2 + \frac2n\langle "
              r"\mathcal{A}(R), \mathcal{A}(\Delta)\rangle - \frac2n\langle\mathcal{A}^*w, \Delta\rangle$",
              (slope * difference).sum(), "=", 2 * point.alpha * size**2 + extra - noise),
        _step(r"$\frac1n\lvert\langle\mathcal{A}(R), \mathcal{A}(\Delta)\rangle\rvert \le "
              r"(k-m)\tau^2\bar\alpha\lVert\Delta\rVert_F$",
              extra.abs() / 2, "≤", (point.U.shape[1] - m) * point.tau**2 * upper * size),
        _step(r"$\lVert U_S^+\rVert \le (4\beta(1-\rho'))^{-1/2}$",
              torch.linalg.matrix_norm(pinv, 2), "≤", (4 * beta * (1 - rho)) ** -0.5),
        _step(r"$\lVert U_SDU_S^+\rVert_F \le \sqrt{(1+\rho')/(1-\rho')}\,\lVert h'(p_S)\rVert$",
              (S @ torch.diag(slopes) @ pinv).norm(), "≤", stretch),
        _step(r"$\langle\nabla f(X), \Delta - P'\Delta P'\rangle \le (\lambda\sqrt{\tfrac{1+\rho'}{1-\rho'}}\,\lVert "
              r"h'(p_S)\rVert + \sqrt2\,z)\,\lVert\Delta\rVert_F$", inside, "≤", (lam * stretch + 2**0.5 * z) * size),
        _step(r"$-\langle\nabla f(X), P'MP'\rangle \le \Lambda\lVert\Delta\rVert_F^2/\mu_r$",
              -(slope * missed).sum(), "≤", level * size**2 / problem.mu_r),
        _step(r"$\lVert\Delta\rVert_F$ and the bound of (iii)", size, "≤", bound),
    ]  # fmt: skip


def a_priori(point):
    """Theorem 4.15 at an exact point in the window of (4.4), with δ the largest deviation of ‖𝒜(X)‖²/n from ‖X‖_F² = 1
    at any rank, read off the Gram matrix of the measurements (d small)."""
    problem, (lam, beta) = point.problem, _scales(point)
    p = point.S.square().sum(0)
    delta = (torch.linalg.eigvalsh(problem.gram) - 1).abs().max().item()
    truth_loss, trace = problem.loss(problem.U_star).item(), problem.M.trace().item()
    error = theory.closeness_bound(point.p, problem.r, problem.mu_r, lam, beta, nu=problem.nu, alpha=1 - delta)
    return [
        _step(r"$12\cdot5^{-3/2}\sqrt\beta \le p_ih'(p_i)$", 12 * 5**-1.5 * beta**0.5, "≤",
              (p * point.penalty.dh(p)).min()),
        _step(r"$m \le m_0$", point.m, "≤", theory.a_priori_count(truth_loss, trace, lam, beta)),
        _step(r"$\lVert\Delta\rVert_F$ and the bound of Theorem 4.7 with $\alpha = 1-\delta$", point.error, "≤", error),
        _step(r"$\lambda_{\max}(QEQ) \le 2\delta\lVert\Delta\rVert_F + 2\nu$",
              point.deviations[0], "≤", 2 * delta * point.error + 2 * problem.nu),
        _step(r"$\lambda_{\max}(-Q'EQ') \le 2\delta\lVert\Delta\rVert_F + 2\nu$",
              point.deviations[1], "≤", 2 * delta * point.error + 2 * problem.nu),
    ]  # fmt: skip


def _scales(point):
    return point.penalty.strength, point.penalty.smoothing


def _penalty_at(point, p):
    """λ, β, h'(p) and |h''(p)|."""
    return *_scales(point), point.penalty.dh(p), -point.penalty.d2h(p)


def _projectors(point):
    """P on the range of X_S, and P' = I − P."""
    P = point.S @ torch.linalg.pinv(point.S)
    return P, torch.eye(point.problem.d, dtype=P.dtype) - P


def _derivatives(point, i, v):
    """First and second derivative of F along tv added to column i."""
    F, along = Objective(point.problem, point.penalty), torch.zeros_like(point.U)
    along[:, i] = v
    return (along * F.gradient(point.U)).sum(), (along * F.hessian_vector(point.U, along)).sum()


def _step(claim, left, relation, right):
    return Step(claim, float(left), relation, float(right))
