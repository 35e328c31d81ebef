"""The proofs of chapter 6 on an instance: the landscape of quadratic networks (`inputs` has the statements on data).

Problems are `Population(..., "rank-one")`, except in `recovered`. U has shape (d, k), one run; a penalty is a
`GroupLasso`; T = tr(M − X), p_i = ‖u_i‖². Each function returns a list of `Step`.
"""

import torch
from scipy import optimize

from helpers import theory
from helpers.objective import Objective
from helpers.proofs import Step

ROUNDING = 1e-8  # below it a number counts as zero at a point with ‖∇F‖ at most as large


def null_directions(problem, penalty, U):
    """Lemma 6.4 at a second-order stationary point U with s nonzero columns of the rank-one population loss."""
    mu, frame = torch.linalg.eigh(problem.M)
    x = ((frame.T @ U) ** 2).sum(1)
    columns = U[:, U.norm(dim=0) > 1e-6]
    p, images = columns.square().sum(0), problem.M @ columns
    half, s = (problem.M.trace() - p.sum()) / 2, columns.shape[1]
    missing, own = mu.flip(0)[s:].sum(), ((columns * images).sum(0) / p).sort(descending=True).values
    a, b = len(mu) - 1, 0
    plane = torch.zeros_like(problem.M)
    plane[a, b], plane[b, a] = 1.0, -1.0
    turn = frame @ plane @ frame.T
    angle = torch.zeros((), dtype=U.dtype, requires_grad=True)
    turned = Objective(problem, penalty).value(torch.linalg.matrix_exp(angle * turn) @ U)
    (slope,) = torch.autograd.grad(turned, angle, create_graph=True)
    (bend,) = torch.autograd.grad(slope, angle)
    stationary = (p - half + penalty.strength / 4 * penalty.dh(p)) * columns
    return [
        _step("‖Mu_i − (p_i − T/2 + (λ/4)h'(p_i))u_i‖", (images - stationary).norm(), "≤", ROUNDING),
        _step("turning M's first and last eigenvector: F'' = 8(x_a − x_b)(m_a − m_b)", bend, "=",
              8 * (x[a] - x[b]) * (mu[a] - mu[b])),
        _step("... which is not negative", 0.0, "≤", bend),
        _step("u_iᵀMu_i/p_i are the s largest eigenvalues, weighted sum", _ranked(own), "=", _ranked(mu.flip(0)[:s])),
        _step("T/2 = [Σ_missing μ + (λ/4)Σh'(p_j)]/(s + 2)", half, "=",
              (missing + penalty.strength / 4 * penalty.dh(p).sum()) / (s + 2)),
    ]  # fmt: skip


def benign(problem, penalty, U):
    """Theorem 6.5 at a second-order stationary point U with r nonzero columns, and at U without its smallest one."""
    p, order = U.square().sum(0).sort(descending=True)
    p, columns = p[: problem.r], U[:, order[: problem.r]]
    mu = torch.linalg.eigvalsh(problem.M).flip(0)[: problem.r]
    half = penalty.strength * penalty.dh(p).sum() / (4 * problem.r + 8)
    roots = torch.from_numpy(theory.shrunk_spectrum_rank_one(mu.numpy(), penalty.strength, penalty.smoothing))
    fewer, push = U.clone(), torch.zeros_like(U)
    fewer[:, order[problem.r - 1]] = 0
    push[:, order[problem.r - 1]] = columns[:, -1] / p[-1].sqrt()
    bend = (push * Objective(problem, penalty).hessian_vector(fewer, push)).sum()
    trace = problem.M.trace() - fewer.square().sum()
    edge = penalty.strength / penalty.smoothing**0.5
    return [
        _step("p_i + (λ/4)h'(p_i) = μ_i + T/2, weighted sum", _ranked(p + penalty.strength / 4 * penalty.dh(p)), "=",
              _ranked(mu + half)),
        _step("T = λΣh'(p_j)/(2r + 4)", (mu - p).sum(), "=", 2 * half),
        _step("the p_i are those of the one fixed point T", _ranked(p), "=", _ranked(roots)),
        _step("without the smallest column F'' = 2(λ/√β − 4μ_r − 2T)", bend, "=", 2 * (edge - 4 * mu[-1] - 2 * trace)),
        _step("... which is negative", bend, "≤", 0.0),
    ]  # fmt: skip


def further(mu, penalty, q):
    """Proposition 6.6: D at 0 ≤ `q` for eigenvalues μ (r,) in decreasing order, r ≥ 2, and its derivatives by autograd,
    along half = T/2. Raises ValueError where p_1, …, p_{r−1} cannot all be larger roots."""
    level, others = penalty.strength, mu[:-1]

    def roots(half):
        return torch.from_numpy(theory.shrunk_eigenvalue((others + half).numpy(), level / 2, penalty.smoothing))

    half = optimize.brentq(lambda half: 2 * half + q - mu.sum().item() + roots(half).sum().item(), 0, mu.sum().item())
    half, p = torch.tensor(half, dtype=mu.dtype, requires_grad=True), roots(half)
    if p.min() == 0:
        raise ValueError(f"q must be small enough for the other columns to survive, got {q}")
    for _ in range(3):  # Newton steps carry the derivatives of the root with respect to half
        p = p - (p + level / 4 * penalty.dh(p) - others - half) / (1 + level / 4 * penalty.d2h(p))
    q = mu[-1] + (others - p).sum() - 2 * half
    value = 4 * (q - mu[-1]) - 4 * half + level * penalty.dh(q)
    (speed,) = torch.autograd.grad(q, half, create_graph=True)
    first = torch.autograd.grad(value, half, create_graph=True)[0] / speed
    second = torch.autograd.grad(first, half)[0] / speed.detach()
    p, q, first = p.detach(), q.detach(), first.detach()
    x = 2 / (4 + level * penalty.d2h(p))
    third = level * (_third(penalty, q) - (x**3 * _third(penalty, p)).sum() / (1 + x.sum()) ** 3)
    return [
        _step("D'(q) = 4 + λh''(q) + 2/(1 + S)", first, "=", 4 + level * penalty.d2h(q) + 2 / (1 + x.sum())),
        _step("D''(q) = λ[h'''(q) − Σ x_i³ h'''(p_i)/(1 + S)³]", second, "=", third),
        _step("0 ≤ D''(q) where q ≤ p_i", 0.0, "≤", third if bool(q <= p.min()) else 0.0),
    ]


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
        sine = (u - frame[:, i] * (frame[:, i] @ u)).norm()
        steps += [
            _step(f"gap · sin∠ ≤ ‖(M − μ_{i + 1})u‖", gap * sine, "≤", (problem.M @ u - mu[i] * u).norm()),
            _step(f"‖(M − μ_{i + 1})u‖ ≤ 2‖X − M‖", (problem.M @ u - mu[i] * u).norm(), "≤", 2 * distance),
        ]
    return steps


def _third(penalty, x):
    beta = penalty.smoothing
    return 3 * (x + 6 * beta) / (8 * (x + beta) ** 3.5)


def _ranked(x):
    """Σ_i i x_i: one number that tells vectors apart."""
    return (torch.arange(1, len(x) + 1) * x).sum()


def _step(claim, left, relation, right):
    return Step(claim, float(left), relation, float(right))
