"""The proofs of chapter 2 on an instance. Population problems (Gaussian) where μ occurs, any problem elsewhere.

U has shape (d, k), one run; a penalty is a `ColumnPower`; p = ‖u_i‖², s = ‖u_j‖², q = ⟨u_i, u_j⟩. Each function returns
a list of `Step`.
"""

import math

import torch

from helpers import theory
from helpers.certificates import gradient_norm, smallest_eigenvalue
from helpers.objective import Objective
from helpers.proofs import derivatives, putting_back, ranked, second_derivative, step
from helpers.rotations import rotate


def schatten(penalty, U):
    """Lemma 2.1: Σ h(p_i) ≥ Σ h(x_j), x_j the eigenvalues of UᵀU, by Jensen's inequality in each row of W∘W."""
    x, W = torch.linalg.eigh(U.mT @ U)
    weights, h = W.square(), penalty.h(x.clamp(min=0))
    norms = penalty.h(U.square().sum(0))
    rows = weights @ h
    tight = (norms - rows).argmin()
    spectrum = torch.linalg.eigvalsh(U @ U.mT).clamp(min=0)
    total = penalty.h(spectrum).sum()
    squares = ranked(U.square().sum(0))
    return [
        step(r"$p_i = \sum_j W_{ij}^2 y_j$", squares, "=", ranked(weights @ x)),
        step(r"$\sum_j W_{ij}^2 h(y_j) \le h(p_i)$, the $i$ of least slack", rows[tight], "≤", norms[tight]),
        step(r"$\sum_{ij} W_{ij}^2 h(y_j) = \operatorname{tr} h(X)$", rows.sum(), "=", total),
        step(r"$\operatorname{tr} h(X) \le \sum_i h(p_i)$", total, "≤", norms.sum()),
    ]


def rotation(problem, penalty, U, i, j):
    """Lemma 2.2: the derivatives at θ = 0 of F along the orbit, by autograd and by the formulas of the proof."""
    p, s, q = _pair(U, i, j)
    first, second = derivatives(lambda angle: _value(problem, penalty, rotate(U, i, j, angle)))
    level, d1, d2 = penalty.strength, penalty.dh, penalty.d2h
    slope = 2 * level * q * (d1(p) - d1(s))
    curve = level * (4 * q**2 * (d2(p) + d2(s)) - 2 * (p - s) * (d1(p) - d1(s)))
    return [
        step(r"$f$ is the same at $\theta = 0$ and $0.7$", problem.loss(U), "=", problem.loss(rotate(U, i, j, 0.7))),
        step(r"$\lambda\varphi'(0) = 2\lambda q\,(h'(p) - h'(s))$", first, "=", slope),
        step(r"$\lambda\varphi''(0)$ by its formula", second, "=", curve),
    ]


def benign(problem, penalty, U):
    """Theorem 2.5 at a second-order stationary point U with r nonzero columns, and at U without its smallest one."""
    p, order = U.square().sum(0).sort(descending=True)
    p, columns = p[: problem.r], U[:, order[: problem.r]]
    mu = torch.linalg.eigvalsh(problem.M).flip(0)[: problem.r]
    g = p + penalty.strength / 2 * penalty.dh(p)
    image = problem.M @ columns
    bend = putting_back(problem, penalty, U, order[problem.r - 1])
    root = theory.shrunk_eigenvalue(mu[-1].item(), penalty.strength, penalty.smoothing)
    flat = 2 * penalty.strength * penalty.dh(torch.zeros_like(mu[-1])) - 4 * mu[-1]
    return [
        step(r"$\lVert Mu_i\rVert = g(p_i)\lVert u_i\rVert$", ranked(image.norm(dim=0)), "=", ranked(g * p.sqrt())),
        step(r"$u_i^\top Mu_i = g(p_i)\,p_i$", ranked((columns * image).sum(0)), "=", ranked(g * p)),
        step(r"$g(p_i) = \mu_i$", ranked(g), "=", ranked(mu)),
        step(r"$p_r$ is the root of $g(p) = \mu_r$", p[-1], "=", root),
        step(r"without $u_r$: second derivative $2\lambda h'(0) - 4\mu_r$", bend, "=", flat),
        step("… which is negative", bend, "≤", 0.0),
    ]


def splitting(problem, penalty, U):
    """Lemma 2.6: F(U) ≥ Σ ψ_{μ_i}(x_i), x_i and μ_i the sorted eigenvalues of X and M. `penalty`: a `GroupLasso`."""
    X = U @ U.mT
    x, mu = (torch.linalg.eigvalsh(A).clamp(min=0) for A in (X, problem.M))
    parts = theory.psi(x.numpy(), mu.numpy(), penalty.strength, penalty.smoothing)
    return [
        step(r"$\operatorname{tr} XM \le \sum_i x_i\mu_i$", (X * problem.M).sum(), "≤", (x * mu).sum()),
        step(r"$\sum_i (x_i - \mu_i)^2 \le \lVert X - M\rVert_F^2$", (x - mu).square().sum(), "≤",
              problem.error(U) ** 2),
        step(r"$\operatorname{tr} h(X) \le \sum_i h(p_i)$", penalty.h(x).sum(), "≤",
              penalty.h(U.square().sum(0)).sum()),
        step(r"$\sum_i \psi_{\mu_i}(x_i) \le F(U)$", parts.sum(), "≤", _value(problem, penalty, U)),
    ]  # fmt: skip


def phases(mu, smoothing):
    """Theorem 2.7: λ₀ ≤ λ_glob ≤ λ_fold, each the value that its proof says, against a grid in p."""
    p = torch.linspace(0, mu, 20_000, dtype=torch.float64)[1:]
    full = 4 * (mu - p) * (p + smoothing) ** 1.5 / (p + 2 * smoothing)
    better = (2 * mu - p) * (p + smoothing).sqrt()
    zero = theory.critical_strength(mu, smoothing)
    best, fold = theory.global_strength(mu, smoothing), theory.fold_strength(mu, smoothing)
    return [
        step(r"$\lambda_0 \le \lambda_{\mathrm{glob}}$", zero, "≤", best),
        step(r"$\lambda_{\mathrm{glob}} \le \lambda_{\mathrm{fold}}$", best, "≤", fold),
        step(r"$\Gamma(p) \le \lambda_{\mathrm{glob}}$ on a grid of $p$", better.max(), "≤", best),
        step(r"… and comes within $10^{-4}$ of it", best * (1 - 1e-4), "≤", better.max()),
        step(r"$\Lambda(p) \le \lambda_{\mathrm{fold}}$ on a grid of $p$", full.max(), "≤", fold),
        step(r"… and comes within $10^{-4}$ of it", fold * (1 - 1e-4), "≤", full.max()),
    ]


def slow_rotation(problem, penalty, U, i, j, theta):
    """Proposition 2.8: the orbit of orthogonal columns i and j of U, p > s, at the angle θ, and the slow rate at U (for
    that step U is a minimiser of a `Population`)."""
    p, s, _ = _pair(U, i, j)
    orbit = rotate(U, i, j, theta)
    first, _ = derivatives(lambda angle: _value(problem, penalty, rotate(U, i, j, theta + angle)))
    large = p * math.cos(theta) ** 2 + s * math.sin(theta) ** 2
    pull = penalty.dh(p + s - large) - penalty.dh(large)
    tangent = torch.zeros_like(U)
    tangent[:, i], tangent[:, j] = orbit[:, j], -orbit[:, i]
    plane = torch.zeros(2, *U.shape, dtype=U.dtype)
    plane[0, :, i], plane[1, :, j] = U[:, j] / s.sqrt(), U[:, i] / p.sqrt()
    block = (plane[:, None] * Objective(problem, penalty).hessian_vector(U, plane)).sum((-2, -1))
    rate = theory.rotation_speed(p.item(), s.item(), penalty.strength, penalty.smoothing, exact=True)
    slope = penalty.strength * (p - s) * math.sin(2 * theta) * pull
    return [
        step(r"$p(\theta) = p\cos^2\theta + s\sin^2\theta$", orbit[:, i].square().sum(), "=", large),
        step(r"$\lVert U'(\theta)\rVert_F^2 = p + s$", tangent.square().sum(), "=", p + s),
        step(r"$\frac{dF}{d\theta} = \lambda(p-s)\sin 2\theta\,[h'(s(\theta)) - h'(p(\theta))]$", first, "=", slope),
        step(r"least eigenvalue of the block $= c_{\mathrm{exact}}$", torch.linalg.eigvalsh(block)[0], "=", rate),
    ]


def robust(problem, penalty, U, i, j):
    """Theorem 2.9 at any U with ‖u_i‖, ‖u_j‖ ≥ 2√β; ε and γ are the gradient norm and max(0, residual −
    Ritz value) of ∇²F at U, which can be below −λ_min."""
    p, s, q = _pair(U, i, j)
    p, s = torch.maximum(p, s), torch.minimum(p, s)
    level, epsilon = penalty.strength, gradient_norm(problem, U, penalty)
    value, _, residual = smallest_eigenvalue(problem, U, penalty)
    gamma = (residual - value).clamp(min=0)
    gap, bend = penalty.dh(s) - penalty.dh(p), -(penalty.d2h(p) + penalty.d2h(s))
    c, t = q.abs() / (p * s).sqrt(), s / p
    slope, third = epsilon / level, gamma * s.sqrt() / level
    middle = slope * (1 + t).sqrt() * (t.sqrt() + 1 - t) + third * (1 + t) * c
    bound = theory.robust_orthogonality_bound(epsilon.item(), gamma.item(), level, s.sqrt().item())
    return [
        step(r"$2\lambda\lvert q\rvert D \le \varepsilon\sqrt{p+s}$", 2 * level * q.abs() * gap, "≤",
              epsilon * (p + s).sqrt()),
        step(r"$4\lambda q^2(\lvert h''(p)\rvert + \lvert h''(s)\rvert) \le"
              r" 2\lambda(p-s)D + \varepsilon\sqrt{p+s} + \gamma(p+s)$", 4 * level * q**2 * bend, "≤",
              2 * level * (p - s) * gap + epsilon * (p + s).sqrt() + gamma * (p + s)),
        step(r"$\frac14s^{-3/2} \le \lvert h''(s)\rvert$", s**-1.5 / 4, "≤", -penalty.d2h(s)),
        step(r"$\frac14p^{-3/2} \le \lvert h''(p)\rvert$", p**-1.5 / 4, "≤", -penalty.d2h(p)),
        step(r"$(1+t^{3/2})c^3 \le \frac\varepsilon\lambda\sqrt{1+t}(\sqrt t+1-t)"
              r" + \frac{\gamma v}\lambda(1+t)c$", (1 + t**1.5) * c**3, "≤", middle),
        step(r"$c^3 \le 1.26\,\varepsilon/\lambda + 1.12\,(\gamma v/\lambda)c$", c**3, "≤",
              1.26 * slope + 1.12 * third * c),
        step(r"$c \le$ the maximum of the theorem", c, "≤", bound),
    ]  # fmt: skip


def too_few(problem, penalty, U):
    """Corollary 2.10 at a second-order stationary point U (d, k), 1 ≤ k < r and λ < 2√βμ_k: its columns carry
    the k largest eigenvalues, F is the value of the best choice, and turning the last column away from it costs."""
    k = U.shape[1]
    p, order = U.square().sum(0).sort(descending=True)
    mu = torch.linalg.eigvalsh(problem.M).flip(0)
    kept, scale = mu[:k].numpy(), (penalty.strength, penalty.smoothing)
    x = theory.shrunk_eigenvalue(kept, *scale)
    best = theory.psi(x, kept, *scale).sum() + mu[k:].square().sum().item()
    turn = torch.zeros_like(U)
    turn[:, order[-1]] = p[-1].sqrt() * torch.linalg.eigh(problem.M).eigenvectors[:, -k - 1]
    bend = second_derivative(problem, penalty, U, turn)
    slope = 4 * p[-1] * (mu[k - 1] - mu[k])
    return [
        step(r"$g(p_i) = \mu_i$, $i \le k$", ranked(p + penalty.strength / 2 * penalty.dh(p)), "=", ranked(mu[:k])),
        step(r"$F(U) = \sum_{i\le k}\psi_{\mu_i}(p_i) + \sum_{i>k}\mu_i^2$", _value(problem, penalty, U), "=", best),
        step(r"turning $u_k$: second derivative $4p_k(\mu_k - \mu_{k+1})$", bend, "=", slope),
        step("… which is not negative", 0.0, "≤", bend),
    ]


def _pair(U, i, j):
    return U[:, i].square().sum(), U[:, j].square().sum(), U[:, i] @ U[:, j]


def _value(problem, penalty, U):
    return Objective(problem, penalty).value(U)
