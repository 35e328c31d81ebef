"""The proofs of chapter 2 on an instance. Population problems (Gaussian) where μ occurs, any problem elsewhere.

U has shape (d, k), one run; a penalty is a `ColumnPower`; p = ‖u_i‖², s = ‖u_j‖², q = ⟨u_i, u_j⟩. Each function returns
a list of `Step`.
"""

import math

import torch

from helpers import theory
from helpers.certificates import gradient_norm, smallest_eigenvalue
from helpers.objective import Objective
from helpers.proofs import Step
from helpers.rotations import rotate


def schatten(penalty, U):
    """Lemma 2.1: Σ h(p_i) ≥ Σ h(x_j), x_j the eigenvalues of UᵀU, by Jensen's inequality in each row of W∘W."""
    x, W = torch.linalg.eigh(U.mT @ U)
    weights, h = W.square(), penalty.h(x.clamp(min=0))
    norms = penalty.h(U.square().sum(0))
    rows = weights @ h
    tight = (norms - rows).argmin()
    spectrum = torch.linalg.eigvalsh(U @ U.mT).clamp(min=0)
    return [
        _step("p_i = Σ_j W_ij² x_j, weighted sum over i", _ranked(U.square().sum(0)), "=", _ranked(weights @ x)),
        _step("Σ_j W_ij² h(x_j) ≤ h(p_i), the i of least slack", rows[tight], "≤", norms[tight]),
        _step("Σ_ij W_ij² h(x_j) = tr h(X)", rows.sum(), "=", penalty.h(spectrum).sum()),
        _step("tr h(X) ≤ Σ_i h(p_i)", penalty.h(spectrum).sum(), "≤", norms.sum()),
    ]


def rotation(problem, penalty, U, i, j):
    """Lemma 2.2: the derivatives at θ = 0 of F along the orbit, by autograd and by the formulas of the proof."""
    p, s, q = _pair(U, i, j)
    first, second = _along(lambda angle: _value(problem, penalty, rotate(U, i, j, angle)), U)
    equal = U.clone()
    equal[:, j] *= (p / s).sqrt()
    _, bend = _along(lambda angle: _value(problem, penalty, rotate(equal, i, j, angle)), U)
    level, d1, d2 = penalty.strength, penalty.dh, penalty.d2h
    return [
        _step("f is the same at θ = 0 and θ = 0.7", problem.loss(U), "=", problem.loss(rotate(U, i, j, 0.7))),
        _step("F'(0) = 2λq(h'(p) − h'(s))", first, "=", 2 * level * q * (d1(p) - d1(s))),
        _step("F''(0) = λ[4q²(h''(p) + h''(s)) − 2(p − s)(h'(p) − h'(s))]", second, "=",
              level * (4 * q**2 * (d2(p) + d2(s)) - 2 * (p - s) * (d1(p) - d1(s)))),
        _step("u_j rescaled so that s = p: F''(0) = 8λq²h''(p)", bend, "=", 8 * level * q**2 * (p / s) * d2(p)),
    ]  # fmt: skip


def benign(problem, penalty, U):
    """Theorem 2.5 at a second-order stationary point U with r nonzero columns, and at U without its smallest one."""
    p, order = U.square().sum(0).sort(descending=True)
    p, columns = p[: problem.r], U[:, order[: problem.r]]
    mu = torch.linalg.eigvalsh(problem.M).flip(0)[: problem.r]
    g = p + penalty.strength / 2 * penalty.dh(p)
    image = problem.M @ columns
    fewer = U.clone()
    fewer[:, order[problem.r - 1]] = 0
    push = torch.zeros_like(U)
    push[:, order[problem.r - 1]] = columns[:, -1] / p[-1].sqrt()
    bend = (push * Objective(problem, penalty).hessian_vector(fewer, push)).sum()
    root = theory.shrunk_eigenvalue(mu[-1].item(), penalty.strength, penalty.smoothing)
    flat = 2 * penalty.strength * penalty.dh(torch.zeros_like(mu[-1])) - 4 * mu[-1]
    return [
        _step("‖Mu_i‖ = g(p_i)‖u_i‖, weighted sum", _ranked(image.norm(dim=0)), "=", _ranked(g * p.sqrt())),
        _step("u_iᵀMu_i = g(p_i)p_i: u_i is an eigenvector", _ranked((columns * image).sum(0)), "=", _ranked(g * p)),
        _step("g(p_i) = μ_i, weighted sum", _ranked(g), "=", _ranked(mu)),
        _step("p_r is the root of g(p) = μ_r", p[-1], "=", root),
        _step("without that column F'' = 2λh'(0) − 4μ_r", bend, "=", flat),
        _step("... which is negative", bend, "≤", 0.0),
    ]


def splitting(problem, penalty, U):
    """Lemma 2.6: F(U) ≥ Σ_i (x_i − μ_i)² + λh(x_i), x_i and μ_i the sorted eigenvalues of X and M."""
    X = U @ U.mT
    x, mu = (torch.linalg.eigvalsh(A).clamp(min=0) for A in (X, problem.M))
    parts = (x - mu).square() + penalty.strength * penalty.h(x)
    return [
        _step("tr XM ≤ Σ x_iμ_i", (X * problem.M).sum(), "≤", (x * mu).sum()),
        _step("Σ (x_i − μ_i)² ≤ ‖X − M‖²", (x - mu).square().sum(), "≤", problem.error(U) ** 2),
        _step("Σ_i ψ_i(x_i) ≤ F(U)", parts.sum(), "≤", _value(problem, penalty, U)),
    ]


def phases(mu, smoothing, points=20_000):
    """Theorem 2.7: λ₀ ≤ λ_glob ≤ λ_fold, each the value that its proof says, against a grid in p."""
    p = torch.linspace(0, mu, points, dtype=torch.float64)[1:]
    full = 4 * (mu - p) * (p + smoothing) ** 1.5 / (p + 2 * smoothing)
    better = (2 * mu - p) * (p + smoothing).sqrt()
    zero = theory.critical_strength(mu, smoothing)
    best, fold = theory.global_strength(mu, smoothing), theory.fold_strength(mu, smoothing)
    return [
        _step("λ₀ ≤ λ_glob", zero, "≤", best),
        _step("λ_glob ≤ λ_fold", best, "≤", fold),
        _step("(2μ − p)√(p + β) ≤ λ_glob", better.max(), "≤", best),
        _step("... and comes close to it", best * (1 - 1e-4), "≤", better.max()),
        _step("2(μ − p)/h'(p) ≤ λ_fold", full.max(), "≤", fold),
        _step("... and comes close to it", fold * (1 - 1e-4), "≤", full.max()),
    ]


def slow_rotation(problem, penalty, U, i, j, theta):
    """Proposition 2.8: the orbit of orthogonal columns i and j of U, p > s, at the angle θ, and the slow rate at U (for
    that step U is a minimiser of a `Population`)."""
    p, s, _ = _pair(U, i, j)
    orbit = rotate(U, i, j, theta)
    first, _ = _along(lambda angle: _value(problem, penalty, rotate(U, i, j, theta + angle)), U)
    large = p * math.cos(theta) ** 2 + s * math.sin(theta) ** 2
    pull = penalty.dh(p + s - large) - penalty.dh(large)
    tangent = torch.zeros_like(U)
    tangent[:, i], tangent[:, j] = orbit[:, j], -orbit[:, i]
    plane = torch.zeros(2, *U.shape, dtype=U.dtype)
    plane[0, :, i], plane[1, :, j] = U[:, j] / s.sqrt(), U[:, i] / p.sqrt()
    block = (plane[:, None] * Objective(problem, penalty).hessian_vector(U, plane)).sum((-2, -1))
    rate = theory.rotation_speed(p.item(), s.item(), penalty.strength, penalty.smoothing, exact=True)
    return [
        _step("p(θ) = p cos²θ + s sin²θ", orbit[:, i].square().sum(), "=", large),
        _step("speed² of the orbit = p + s", tangent.square().sum(), "=", p + s),
        _step("F'(θ) = λ(p − s) sin 2θ [h'(s(θ)) − h'(p(θ))]", first, "=",
              penalty.strength * (p - s) * math.sin(2 * theta) * pull),
        _step("least eigenvalue of the pair's Hessian block = c_exact", torch.linalg.eigvalsh(block)[0], "=", rate),
    ]  # fmt: skip


def robust(problem, penalty, U, i, j):
    """Theorem 2.9 at any U with ‖u_i‖, ‖u_j‖ ≥ 2√β; ε and γ are the gradient norm and −λ_min(∇²F) (or 0) at U."""
    p, s, q = _pair(U, i, j)
    p, s = torch.maximum(p, s), torch.minimum(p, s)
    level, epsilon = penalty.strength, gradient_norm(problem, U, penalty)
    value, _, residual = smallest_eigenvalue(problem, U, penalty)
    gamma = (residual - value).clamp(min=0)
    gap, bend = penalty.dh(s) - penalty.dh(p), -(penalty.d2h(p) + penalty.d2h(s))
    c, t = q.abs() / (p * s).sqrt(), s / p
    slope, third = epsilon / level, gamma * s.sqrt() / level
    middle = slope * (1 + t).sqrt() * (t.sqrt() + 1 - t) + third * (1 + t) * c
    return [
        _step("2λ|q|D ≤ ε√(p + s)", 2 * level * q.abs() * gap, "≤", epsilon * (p + s).sqrt()),
        _step("4λq²(|h''(p)| + |h''(s)|) ≤ 2λ(p − s)D + ε√(p + s) + γ(p + s)", 4 * level * q**2 * bend, "≤",
              2 * level * (p - s) * gap + epsilon * (p + s).sqrt() + gamma * (p + s)),
        _step("1/(4s√s) ≤ |h''(s)|", s**-1.5 / 4, "≤", -penalty.d2h(s)),
        _step("1/(4p√p) ≤ |h''(p)|", p**-1.5 / 4, "≤", -penalty.d2h(p)),
        _step("(1 + t√t)c³ ≤ (ε/λ)√(1 + t)(√t + 1 − t) + (γ√s/λ)(1 + t)c", (1 + t**1.5) * c**3, "≤", middle),
        _step("c³ ≤ 1.26 ε/λ + 1.12 (γ√s/λ)c", c**3, "≤", 1.26 * slope + 1.12 * third * c),
        _step("c ≤ max{∛(2.6 ε/λ), √(2.3 γ√s/λ)}", c, "≤",
              torch.maximum((2.6 * slope) ** (1 / 3), (2.3 * third).sqrt())),
    ]  # fmt: skip


def _step(claim, left, relation, right):
    return Step(claim, float(left), relation, float(right))


def _pair(U, i, j):
    return U[:, i].square().sum(), U[:, j].square().sum(), U[:, i] @ U[:, j]


def _value(problem, penalty, U):
    return Objective(problem, penalty).value(U)


def _ranked(x):
    """Σ_i i x_i: one number that tells vectors apart."""
    return (torch.arange(1, len(x) + 1) * x).sum()


def _along(path, like):
    """First and second derivative at 0 of a function of one number, by autograd."""
    zero = torch.zeros((), dtype=like.dtype, requires_grad=True)
    (first,) = torch.autograd.grad(path(zero), zero, create_graph=True)
    return first.detach(), torch.autograd.grad(first, zero)[0]
