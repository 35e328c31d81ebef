"""The proofs of chapter 8 on an instance: the path β = bλ^{2/3}, z = λ^{2/3}; the rest of the notation as in `gap`."""

import math

import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, smat, svec
from helpers.proofs import step


def level_of(point):
    """(z, b) of a point's penalty, z = λ^{2/3} and b = β/z of (8.1)."""
    strength, smoothing = point.scales
    level = strength ** (2 / 3)
    return level, smoothing / level


def scaling(point, times=2.0):
    """Lemma 8.1 at a point with at least one kept column, data and factor enlarged by a = `times`."""
    problem, (lam, beta), (level, ratio) = point.problem, point.scales, level_of(point)
    w, a, U = problem.y - problem.measure(problem.M), times, 1.1 * point.U
    larger = Empirical(a * problem.U_star, problem.design, a**2 * w, problem.ensemble)
    before = Objective(problem, point.penalty)
    after = Objective(larger, GroupLasso(a**3 * lam, ratio * a**2 * level))
    p, kappa = point.S.square().sum(0), column_curvatures(problem, point.S).max().item()
    floor = theory.path_floor(ratio, ensemble=problem.ensemble)
    return [
        step(r"$F_{a^3\lambda}(aU; a^2y) = a^4F_\lambda(U; y)$", after.value(a * U), "=", a**4 * before.value(U)),
        step(r"$\lVert\nabla F_{a^3\lambda}(aU; a^2y)\rVert = a^3\lVert\nabla F_\lambda(U; y)\rVert$",
              after.gradient(a * U).norm(), "=", a**3 * before.gradient(U).norm()),
        step(r"$\lambda h_\beta'(p_1) = z\,h_b'(p_1/z)$", lam * theory.dh(p[0].item(), beta), "=",
              level * theory.dh(p[0].item() / level, ratio)),
        step(r"$g_{\min} = g_bz$", theory.g_min(lam / point.c, beta), "=", floor * level),
        step(r"$\lambda/\sqrt\beta = z/\sqrt b$", lam / beta**0.5, "=", level / ratio**0.5),
        step(r"$\ell_b\sqrt z \le \lVert u_i\rVert$", theory.gap_edge(1.0, kappa, ratio) * level**0.5, "≤",
              p.min().sqrt()),
    ]  # fmt: skip


def spectrum(problem):
    """Eigenvalues of M in decreasing order (d,) and the eigenvectors of Theorem 8.2, columns of a (d, d) matrix."""
    values, vectors = torch.linalg.eigh(problem.M)
    return values.flip(0), vectors.flip(1)


def count(point, j):
    """Theorem 8.2 for j eigenvalues of M (0 ≤ j ≤ d) at an exact point whose count m is not j: the direction x of the
    proof and the condition that it breaks; an empty list where m = j."""
    problem, c, (level, ratio) = point.problem, point.c, level_of(point)
    slope, E, (mu, V) = problem.matrix_gradient(point.U), point.E, spectrum(problem)
    top, W, p = V[:, :j], point.S / point.S.norm(dim=0), point.S.square().sum(0)
    if point.m < j:
        x = top @ torch.linalg.svd(W.T @ top).Vh[-1]
        on = torch.linalg.eigvalsh(top.T @ E @ top)[-1]
        return [
            step(r"$1 + \lVert W^\top x\rVert = 1$: $x$ is orthogonal to the columns", (W.T @ x).norm() + 1, "=", 1.0),
            step(r"$-z/\sqrt b \le x^\top\nabla f(X)x$", -level / ratio**0.5, "≤", x @ slope @ x),
            step(r"$x^\top\nabla f(X)x = -2c\,x^\top Mx + x^\top Ex$", x @ slope @ x, "=",
                  -2 * c * x @ problem.M @ x + x @ E @ x),
            step(r"$2c\mu_j - z/\sqrt b \le \lambda_{\max}(Q_jEQ_j)$", 2 * c * mu[j - 1] - level / ratio**0.5, "≤", on),
        ]  # fmt: skip
    if point.m == j:
        return []
    some, p = W[:, : j + 1], p[: j + 1]
    a = torch.linalg.svd(top.T @ some).Vh[-1]
    x, rest = some @ a, V[:, j:]
    floor = 2 * c * theory.path_floor(ratio, ensemble=problem.ensemble) * level
    return [
        step(r"$1 + \lVert Q_jx\rVert = 1$: $x$ is orthogonal to the eigenvectors", (top.T @ x).norm() + 1, "=", 1.0),
        step(r"$x^\top\nabla f(X)x = -\lambda\sum_ia_i^2h'(p_i)$", x @ slope @ x, "=",
              -(a**2 * point.penalty.strength * point.penalty.dh(p)).sum()),
        step(r"$2c\,g_bz \le \sum_ia_i^2(2c\,p_i + \lambda h'(p_i))$", floor, "≤",
              (a**2 * (2 * c * p + point.penalty.strength * point.penalty.dh(p))).sum()),
        step(r"$\sum_ia_i^2(2c\,p_i + \lambda h'(p_i)) = x^\top(2cM - E)x$",
              (a**2 * (2 * c * p + point.penalty.strength * point.penalty.dh(p))).sum(), "=",
              2 * c * x @ problem.M @ x - x @ E @ x),
        step(r"$2c\,g_bz \le \lambda_{\max}(Q_j'(2cM - E)Q_j')$", floor, "≤",
              torch.linalg.eigvalsh(rest.T @ (2 * c * problem.M - E) @ rest)[-1]),
    ]  # fmt: skip


def deviation(problem):
    """The least δ of (8.3) over all symmetric matrices, read off the d(d+1)/2 dimensional form: a float, d small."""
    coordinates = problem.d * (problem.d + 1) // 2
    c, identity = theory.mean_factor(problem.ensemble), svec(torch.eye(problem.d).to(problem.M))
    form = svec(problem.curvature(smat(torch.eye(coordinates).to(problem.M)))) / 2
    mean = c * torch.eye(coordinates).to(form) + (c - 1) * torch.outer(identity, identity)
    return torch.linalg.eigvalsh(form - mean).abs().max().item()


def plateau(point):
    """Theorem 8.3 at an exact point with a zero column, m₁ = max(m, r) and δ the `deviation` of its measurements; an
    empty list where its bound is infinite."""
    problem, c, (level, ratio), delta = point.problem, point.c, level_of(point), deviation(point.problem)
    most, difference = max(point.m, problem.r), point.difference
    args = (level, ratio, problem.r, problem.mu_r, problem.nu, delta)
    bound, error = theory.path_deviation(*args, most=most, ensemble=problem.ensemble)
    if not math.isfinite(bound):
        return []
    size, trace = point.error, difference.trace().item()
    lowest = theory.gap_edge(1.0, 2 * c - 1 + delta, ratio) ** 2
    pull = math.sqrt(most + problem.r) * problem.nu + math.sqrt(most) * theory.dh(lowest, ratio) / 2 * level
    room = c - delta - level / (2 * ratio**0.5 * problem.mu_r)
    slopes = point.penalty.strength * point.penalty.dh(point.S.square().sum(0)).norm()
    return [
        step(r"$(c-\delta)\lVert\Delta\rVert_F^2 + (c-1)(\mathrm{tr}\,\Delta)^2 \le \frac1n\lVert\mathcal{A}(\Delta)"
              r"\rVert^2$", (c - delta) * size**2 + (c - 1) * trace**2, "≤", point.alpha * size**2),
        step(r"$\lambda\lVert h'(p)\rVert \le \sqrt{m_1}\,h_b'(\ell_b^2)\,z$", slopes, "≤",
              math.sqrt(most) * theory.dh(lowest, ratio) * level),
        step(r"$\alpha(z)\lVert\Delta\rVert_F^2 + (c-1)(\mathrm{tr}\,\Delta)^2 \le B(z)\lVert\Delta\rVert_F$",
              room * size**2 + (c - 1) * trace**2, "≤", pull * size),
        step(r"$\lVert\Delta\rVert_F \le B(z)/\alpha(z)$", size, "≤", error),
        step(r"$2(c-1)\lvert\mathrm{tr}\,\Delta\rvert \le (c-1)B(z)/\sqrt{\alpha(z)}$", 2 * (c - 1) * abs(trace), "≤",
              (c - 1) * pull / math.sqrt(room)),
        step(r"$\lambda_{\max}(QEQ) \le \bar e(z)$", point.deviations[0], "≤", bound),
        step(r"$\lambda_{\max}(-Q'EQ') \le \bar e(z)$", point.deviations[1], "≤", bound),
    ]  # fmt: skip


def residuals(problem, U):
    """Proposition 8.5 (i) for an empirical problem and U (d, m), UUᵀ ≠ M, with α as it is at this Δ."""
    difference, w = U @ U.T - problem.M, problem.y - problem.measure(problem.M)
    columns, image = U.shape[1] + problem.r, problem.measure(difference)
    alpha, inner = (image.square().mean() / difference.square().sum()).item(), image @ w
    floor = theory.residual_floor(w.square().mean().item(), problem.nu, columns, alpha)
    return [
        step(r"$\frac1n(\lVert w\rVert^2 - \langle w, \mathcal{A}(\Delta)\rangle^2/\lVert\mathcal{A}(\Delta)\rVert^2) "
              r"\le f(X)$", (w.square().sum() - inner**2 / image.square().sum()) / problem.n, "≤", problem.loss(U)),
        step(r"$\langle w, \mathcal{A}(\Delta)\rangle \le n\nu\lVert\Delta\rVert_*$", inner.abs(), "≤",
              problem.n * problem.nu * torch.linalg.matrix_norm(difference, "nuc")),
        step(r"$\lVert\Delta\rVert_* \le \sqrt{m+r}\,\lVert\Delta\rVert_F$",
              torch.linalg.matrix_norm(difference, "nuc"), "≤", math.sqrt(columns) * difference.norm()),
        step(r"$\frac1n\lVert w\rVert^2 - (m+r)\nu^2/\alpha \le f(X)$", floor, "≤", problem.loss(U)),
    ]  # fmt: skip
