"""The proofs of chapter 6 on an instance: random inputs x, A = xxᵀ; the landscape of quadratic networks; their noise.

U has shape (d, k), one run; a penalty is a `GroupLasso`; T = tr(M − X), p_i = ‖u_i‖². Each function returns a list of
`Step`.
"""

import itertools
import math

import numpy as np
import torch
from scipy import optimize

from helpers import theory
from helpers.arguments import number
from helpers.networks import QuadraticNetwork
from helpers.objective import Objective
from helpers.proofs import derivatives, projectors, putting_back, ranked, step
from helpers.proofs.tuning import on_tangent
from helpers.rotations import rotate, tangent_basis

ROUNDING = 1e-8  # below it a number counts as zero at a point with ‖∇F‖ at most as large


def same_problem(problem, U, V):
    """Proposition 6.1 for rank-one data: the network with the units U, by autograd, against the sensing problem; and
    VVᵀ read off the outputs of the network with the units V (d, k) at sums of unit vectors."""
    network, inputs = QuadraticNetwork.from_factor(U), problem.design
    loss = (network(inputs) - problem.y).square().mean()
    (slope,) = torch.autograd.grad(loss, network.hidden.weight)
    eye = torch.eye(len(U), dtype=U.dtype)
    other = QuadraticNetwork.from_factor(V)
    single, sums = other(eye), other((eye[:, None] + eye).flatten(0, 1)).reshape(len(U), len(U))
    read = ((sums - single[:, None] - single) / 2).detach()
    return [
        step(r"mean squared error of $\varphi_U$ equals $f(UU^\top)$", loss.detach(), "=", problem.loss(U)),
        step(r"its gradient in $U^\top$ is that of $f$: norm of the difference",
              (slope.T - problem.gradient(U)).norm(), "≤", ROUNDING),
        step(r"$x^\top Sy$ from three outputs is $VV^\top$: norm of the difference",
              (read - V @ V.T).norm(), "≤", ROUNDING),
    ]  # fmt: skip


def other_inputs(difference, fourth):
    """Proposition 6.2 for a symmetric `difference` = Δ (d, d), d small, and independent coordinates on three points
    with the fourth moment m₄ = `fourth` ≥ 1: means by adding up all 3^d inputs."""
    fourth = number("fourth", fourth, low=1)
    values = torch.tensor([-(fourth**0.5), 0.0, fourth**0.5], dtype=difference.dtype)
    chances = torch.tensor([0.5 / fourth, 1 - 1 / fourth, 0.5 / fourth], dtype=difference.dtype)
    places = torch.tensor(list(itertools.product(range(3), repeat=len(difference))))
    x, weight = values[places], chances[places].prod(1)
    outputs = ((x @ difference) * x).sum(1)
    mean, square = (weight * outputs).sum(), (weight * outputs**2).sum()
    formula, with_bias = (theory.mean_square_output(difference.numpy(), fourth, bias=bias) for bias in (False, True))
    return [
        step(r"$\mathbb{E}(x^\top\Delta x)^2$ is the formula of (i)", square, "=", formula),
        step(r"$\min(2, m_4-1)\lVert\Delta\rVert_F^2 \le \mathbb{E}(x^\top\Delta x)^2$",
              min(2.0, fourth - 1) * difference.square().sum(), "≤", square),
        step(r"$\min_b\mathbb{E}(x^\top\Delta x + b)^2$ is that of (ii)", square - mean**2, "=", with_bias),
    ]  # fmt: skip


def lower_isometry(problem, X):
    """Theorem 6.3 for rank-one data, at a symmetric X (d, d) of rank ρ at most 3 and norm 1, and at an X′ near it.

    Means over xᵀXx by Gauss–Hermite quadrature, exact for its powers and good to five digits for the exponential.
    """
    values, rank = torch.linalg.eigvalsh(X), int(torch.linalg.matrix_rank(X))
    some = values[values.abs().argsort(descending=True)[:rank]]
    nodes, weights = (torch.from_numpy(array) for array in np.polynomial.hermite_e.hermegauss(20))
    places = torch.cartesian_prod(*[torch.arange(20)] * rank).reshape(-1, rank)
    forms, chances = (nodes[places] ** 2) @ some, (weights / weights.sum())[places].prod(1)
    second, fourth = ((chances * forms**power).sum() for power in (2, 4))
    trace, a = some.sum(), 0.05
    turn = rotate(torch.eye(problem.d).to(X), 0, 1, 0.02)
    Y = turn @ X @ turn.T
    ratios = [problem.measure(Z).square().mean().sqrt() for Z in (X, Y, X - Y)]
    kappa = theory.curvature_bound(problem.d, problem.n, ensemble="rank-one")
    return [
        step(r"$\mathbb{E}Y^2 = 2 + \tau^2$", second, "=", 2 + trace**2),
        step(r"$\mathbb{E}Y^4 \le 60 + 32\lvert\tau\rvert + 12\tau^2 + \tau^4$", fourth, "≤",
              60 + 32 * trace.abs() + 12 * trace**2 + trace**4),
        step(r"$\mathbb{E}Y^4 \le 17\,(\mathbb{E}Y^2)^2$", fourth, "≤", 17 * second**2),
        step(r"$\mathbb{E}e^{-aZ} \le \exp(-a\,\mathbb{E}Z + \frac{a^2}2\mathbb{E}Z^2)$ at $a = 0.05$",
              (chances * (-a * forms**2).exp()).sum(), "≤", (-a * second + a**2 * fourth / 2).exp()),
        step(r"$(\lVert\mathcal{A}(X')\rVert - \lVert\mathcal{A}(X-X')\rVert)/\sqrt n"
              r" \le \lVert\mathcal{A}(X)\rVert/\sqrt n$", ratios[1] - ratios[2], "≤", ratios[0]),
        step(r"$\lVert\mathcal{A}(X-X')\rVert/\sqrt n \le \sqrt{2\rho\bar\kappa}\,\lVert X-X'\rVert_F$",
              ratios[2], "≤", math.sqrt(2 * rank * kappa) * (X - Y).norm()),
    ]  # fmt: skip


def null_directions(problem, penalty, U):
    """Lemma 6.4 at a second-order stationary point U with s nonzero columns of the rank-one population loss."""
    mu, frame = torch.linalg.eigh(problem.M)
    x = ((frame.T @ U) ** 2).sum(1)
    columns = U[:, U.norm(dim=0) > 1e-6]
    p, images = columns.square().sum(0), problem.M @ columns
    half, s = (problem.M.trace() - p.sum()) / 2, columns.shape[1]
    missing, own = mu.flip(0)[s:].sum(), ((columns * images).sum(0) / p).sort(descending=True).values
    plane = torch.zeros_like(problem.M)
    plane[-1, 0], plane[0, -1] = 1.0, -1.0
    turn = frame @ plane @ frame.T
    F = Objective(problem, penalty)
    _, bend = derivatives(lambda angle: F.value(torch.linalg.matrix_exp(angle * turn) @ U))
    stationary = (p - half + penalty.strength / 4 * penalty.dh(p)) * columns
    steps = [
        step(r"$Mu_i = (p_i - \frac T2 + \frac\lambda4h'(p_i))u_i$: norm of the difference",
              (images - stationary).norm(), "≤", ROUNDING),
        step(r"turning $v_1, v_d$: second derivative of $F$ is $8(x_1-x_d)(m_1-m_d)$", bend, "=",
              8 * (x[-1] - x[0]) * (mu[-1] - mu[0])),
        step("... which is not negative", 0.0, "≤", bend),
        step(r"the $s$ largest eigenvalues are used: $\sum_i i\,m_i = \sum_i i\,\mu_i$",
              ranked(own), "=", ranked(mu.flip(0)[:s])),
        step(r"$\frac T2$ from (6.3)", half, "=",
              (missing + penalty.strength / 4 * penalty.dh(p).sum()) / (s + 2)),
    ]  # fmt: skip
    if s < min(problem.r, U.shape[1]):
        edge = penalty.strength / penalty.smoothing**0.5
        steps.append(step(r"$4\mu_{s+1} + 2T \le \lambda/\sqrt\beta$", 4 * mu.flip(0)[s] + 4 * half, "≤", edge))
    return steps


def benign(problem, penalty, U):
    """Theorem 6.5 at a second-order stationary point U with r nonzero columns, and at U without its smallest one."""
    p, order = U.square().sum(0).sort(descending=True)
    p, mu = p[: problem.r], torch.linalg.eigvalsh(problem.M).flip(0)[: problem.r]
    half = penalty.strength * penalty.dh(p).sum() / (4 * problem.r + 8)
    roots = torch.from_numpy(theory.shrunk_spectrum_rank_one(mu.numpy(), penalty.strength, penalty.smoothing))
    bend = putting_back(problem, penalty, U, order[problem.r - 1])
    trace = problem.M.trace() - U.square().sum() + p[-1]
    edge = penalty.strength / penalty.smoothing**0.5
    return [
        step(r"$p_i + \frac\lambda4h'(p_i) = \mu_i + \frac T2$, both sides weighted by $i$ and summed",
              ranked(p + penalty.strength / 4 * penalty.dh(p)), "=", ranked(mu + half)),
        step(r"$T$ from (6.4)", (mu - p).sum(), "=", 2 * half),
        step(r"$\sum_i i\,p_i$ is that of the one solution", ranked(p), "=", ranked(roots)),
        step(r"without $u_r$: second derivative $2(\lambda/\sqrt\beta - 4\mu_r - 2T)$ along $v_r$", bend, "=",
              2 * (edge - 4 * mu[-1] - 2 * trace)),
        step("... which is negative", bend, "≤", 0.0),
    ]  # fmt: skip


def further(mu, penalty):
    """Proposition 6.6 for an array mu (r,) of decreasing eigenvalues, r ≥ 2, where all p_i are larger roots: D(q) on
    a grid from 0 to p_r. Raises ValueError where λ is too large for that."""
    strength, beta, r = penalty.strength, penalty.smoothing, len(mu)
    p = theory.shrunk_spectrum_rank_one(mu, strength, beta)

    def trace(q):
        def excess(T):
            return T - mu.sum() + q + theory.shrunk_eigenvalue(mu[:-1] + T / 2, strength / 2, beta).sum()

        return optimize.brentq(excess, 0, mu.sum(), xtol=1e-15)

    grid = np.linspace(0, p[-1], 15)
    values = np.array([4 * (q - mu[-1]) - 2 * trace(q) + strength * theory.dh(q, beta) for q in grid])
    return [
        step(r"$2\mu_r/(r+1) \le T(0)$", 2 * mu[-1] / (r + 1), "≤", trace(0)),
        step(r"$D(0) \le \lambda/\sqrt\beta - 4\mu_r\frac{r+2}{r+1}$", values[0], "≤",
              (strength - theory.further_strength(mu[-1], r, beta)) / beta**0.5),
        step("$D(p_r) = 0$, up to rounding", abs(values[-1]), "≤", ROUNDING),
        step(r"$D'' \ge 0$: least second difference on a grid", 0.0, "≤", np.diff(values, 2).min()),
    ]  # fmt: skip


def recovered(problem, U):
    """Corollary 6.7(ii) for a problem with distinct eigenvalues: each sin∠(u_i, v_i) against 2‖X − M‖_op/gap."""
    mu, frame = torch.linalg.eigh(problem.M)
    mu, frame = torch.cat([mu.flip(0)[: problem.r], mu.new_zeros(1)]), frame.flip(1)
    order = U.norm(dim=0).argsort(descending=True)
    distance = torch.linalg.matrix_norm(U @ U.T - problem.M, 2)
    steps = []
    for i in range(problem.r):
        u = U[:, order[i]] / U[:, order[i]].norm()
        gap = torch.stack([mu[i] - mu[i + 1], *([mu[i - 1] - mu[i]] if i else [])]).min()
        sine, away = (u - frame[:, i] * (frame[:, i] @ u)).norm(), (problem.M @ u - mu[i] * u).norm()
        shift = rf"\lVert(M-\mu_{i + 1})\hat u_{i + 1}\rVert"
        steps += [
            step(rf"$\mathrm{{gap}}_{i + 1}\sin\angle(u_{i + 1}, v_{i + 1}) \le {shift}$", gap * sine, "≤", away),
            step(rf"${shift} \le 2\lVert X-M\rVert_{{\mathrm{{op}}}}$", away, "≤", 2 * distance),
        ]
    return steps


def noise(problem):
    """Corollary 6.8 at the M of a rank-one problem: the form 2‖ξ‖² + (tr ξ)² on T_M, and its inverse."""
    U, d, r = problem.U_star, problem.d, problem.r
    fisher = _form(U)
    along = (projectors(U)[0] * tangent_basis(U)).sum((-2, -1)) / r**0.5
    inverse = torch.linalg.inv(fisher)
    return [
        step(r"the form at $P/\sqrt r$", along @ fisher @ along, "=", 2.0 + r),
        step(r"$\mathrm{tr}\,\mathcal{G}^{-1} = \frac{\mathrm{dof}}2 - \frac r{2(2+r)}$",
              inverse.trace(), "=", theory.noise_limit(d, r)),
        step(r"$\langle P, \mathcal{G}^{-1}P\rangle = \frac r{2+r}$", r * along @ inverse @ along, "=",
              theory.trace_limit(r)),
        step(r"$2\,\mathrm{tr}\,\mathcal{G}^{-1} + \langle P, \mathcal{G}^{-1}P\rangle = \mathrm{dof}$",
              2 * inverse.trace() + r * along @ inverse @ along, "=", float(theory.degrees_of_freedom(d, r))),
    ]  # fmt: skip


def sample_correction(problem):
    """Proposition 6.9 on rank-one data (an `Empirical` problem with injective 𝒜 on T_M): q₁ and q₂ of its inputs, and
    the expansion of S⁻¹."""
    U, r = problem.U_star, problem.r
    zeta = problem.measure(tangent_basis(U)).T
    B, S = torch.linalg.inv(_form(U)), zeta.T @ zeta / problem.n
    D = B @ (S - _form(U))
    g = (problem.design @ projectors(U)[0] * problem.design).sum(1)
    z = problem.design.square().sum(1) - g
    q = [2.0**-j * (g**2 + 2 * g * z - g**2 / r) + (2.0 + r) ** -j * g**2 / r for j in (1, 2)]
    direct = [((zeta @ power) * zeta).sum(1) for power in (B, B @ B)]
    expansion = (torch.eye(len(B)).to(B) - D + D @ D - D @ D @ D) @ B
    return [
        step(r"$q_1 = \zeta^\top\mathcal{G}^{-1}\zeta$, mean over the inputs", direct[0].mean(), "=", q[0].mean()),
        step(r"$q_1q_2$ likewise", (direct[0] * direct[1]).mean(), "=", (q[0] * q[1]).mean()),
        step(r"$\mathrm{tr}\,\mathcal{G}^{-\frac12}(I - D + D^2 - D^3)\mathcal{G}^{-\frac12}"
              r" \le \mathrm{tr}\,S^{-1}$", expansion.trace(), "≤", torch.linalg.inv(S).trace()),
    ]  # fmt: skip


def _form(U_star):
    """The matrix (dof, dof) of 2⟨ξ, η⟩ + tr ξ tr η on T_M: 𝒢."""
    eye = torch.eye(len(U_star)).to(U_star)
    return on_tangent(U_star, lambda xi: 2 * xi + xi.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] * eye)
