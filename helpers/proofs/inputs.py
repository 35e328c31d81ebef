"""The proofs of chapter 6 on an instance: what random inputs x make of the loss, through A = xxᵀ (`quadratic` has the
landscape). Each function returns a list of `Step`.
"""

import itertools
import math

import torch

from helpers import theory
from helpers.arguments import integer, number
from helpers.networks import QuadraticNetwork
from helpers.proofs import Step
from helpers.proofs.tuning import on_tangent, tangent_basis
from helpers.theory import curvature_bound

ROUNDING = 1e-10  # below it a number counts as zero


def same_problem(problem, U, V):
    """Proposition 6.1 for rank-one data: the network with the units U, by autograd, against the sensing problem; and
    M read off the outputs of the network with the units V (d, k) at sums of unit vectors."""
    network, inputs = QuadraticNetwork.from_factor(U), problem.design
    loss = (network(inputs) - problem.y).square().mean()
    (slope,) = torch.autograd.grad(loss, network.hidden.weight)
    eye = torch.eye(len(U), dtype=U.dtype)
    pairs = QuadraticNetwork.from_factor(V)(torch.cat([eye, (eye[:, None] + eye).flatten(0, 1)])).detach()
    single, sums = pairs[: len(U)], pairs[len(U) :].reshape(len(U), len(U))
    read = (sums - single[:, None] - single) / 2
    return [
        _step("mean squared error of the network = f(UUᵀ)", loss.detach(), "=", problem.loss(U)),
        _step("‖gradient in the weights − its closed form‖", (slope.T - problem.gradient(U)).norm(), "≤", ROUNDING),
        _step("‖(φ(e_a + e_b) − φ(e_a) − φ(e_b))/2 − VVᵀ‖", (read - V @ V.T).norm(), "≤", ROUNDING),
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
    size, trace = difference.square().sum(), difference.trace()
    bend = (fourth - 3) * difference.diagonal().square().sum()
    return [
        _step("E(xᵀΔx)² = 2‖Δ‖² + (tr Δ)² + (m₄ − 3)ΣΔ_aa²", square, "=", 2 * size + trace**2 + bend),
        _step("min(2, m₄ − 1)‖Δ‖² ≤ E(xᵀΔx)²", min(2.0, fourth - 1) * size, "≤", square),
        _step("min over b of E(xᵀΔx + b)² = 2‖Δ‖² + (m₄ − 3)ΣΔ_aa²", square - mean**2, "=", 2 * size + bend),
    ]


def samples_needed(d, rank, n, *, t=2.0):
    """136[(d + 1)ρ log(25√(2ρκ̄)) + t²/2], κ̄ the bound on κ at n: Theorem 6.3 asks n to be at least this. t ≥ 0."""
    integer("rank", rank, low=1, high=integer("d", d, low=1))
    return 136 * ((d + 1) * rank * math.log(25 * math.sqrt(2 * rank * _curvature(d, n, t))) + t**2 / 2)


def _curvature(d, n, t):
    return curvature_bound(d, n, failure=math.exp(-(number("t", t, low=0) ** 2) / 2), ensemble="rank-one")


def lower_isometry(problem, X, Y, *, t=2.0):
    """Theorem 6.3 for rank-one data, at symmetric X and Y (d, d) of rank ρ at most 3 and norm 1; means over xᵀXx by
    Gauss–Hermite quadrature, which is exact for its powers and good to five digits for the exponential."""
    values, rank = torch.linalg.eigvalsh(X), int(torch.linalg.matrix_rank(X))
    some = values[values.abs().argsort(descending=True)[:rank]]
    nodes, weights = _gauss_hermite(X)
    places = torch.cartesian_prod(*[torch.arange(len(nodes))] * rank).reshape(-1, rank)
    forms, chances = (nodes[places] ** 2) @ some, weights[places].prod(1)
    second, fourth = ((chances * forms**power).sum() for power in (2, 4))
    trace, slack = some.sum(), 0.05
    ratios = [problem.measure(Z).square().mean().sqrt() for Z in (X, Y, X - Y)]
    kappa = _curvature(problem.d, problem.n, t)
    return [
        _step("E(xᵀXx)² = 2 + (tr X)²", second, "=", 2 + trace**2),
        _step("E(xᵀXx)⁴ ≤ 60 + 32|tr X| + 12(tr X)² + (tr X)⁴", fourth, "≤",
              60 + 32 * trace.abs() + 12 * trace**2 + trace**4),
        _step("E(xᵀXx)⁴ ≤ 17 (E(xᵀXx)²)²", fourth, "≤", 17 * second**2),
        _step("E e^{−aZ} ≤ exp(−a EZ + a² EZ²/2), Z = (xᵀXx)²", (chances * (-slack * forms**2).exp()).sum(), "≤",
              (-slack * second + slack**2 * fourth / 2).exp()),
        _step("‖𝒜(X)‖ ≥ ‖𝒜(Y)‖ − ‖𝒜(X − Y)‖, over √n", ratios[1] - ratios[2], "≤", ratios[0]),
        _step("‖𝒜(X − Y)‖/√n ≤ √(2ρκ̄) ‖X − Y‖", ratios[2], "≤", math.sqrt(2 * rank * kappa) * (X - Y).norm()),
    ]  # fmt: skip


def noise(problem):
    """Corollary 6.8 for rank-one data (an `Empirical` problem): the form on T, its consequences, and the second order
    in 1/n on these data."""
    U, d, r = problem.U_star, problem.d, problem.r
    eye, dof = torch.eye(d).to(U), theory.degrees_of_freedom(d, r)
    fisher = on_tangent(U, lambda xi: 2 * xi + xi.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] * eye)
    projector = (U @ torch.linalg.pinv(U) * tangent_basis(U)).sum((-2, -1)) / r**0.5
    B, S = torch.linalg.inv(fisher), on_tangent(U, lambda xi: problem.curvature(xi) / 2)
    D = B @ (S - fisher)
    q1, q2, product = _moments(d, r)
    lost = (1 - theory.cramer_rao(d, r, 1e6, 1.0, ensemble="rank-one")
            / theory.cramer_rao(d, r, 1e6, 1.0, ensemble="rank-one", finite_n=True)) * 1e6  # fmt: skip
    return [
        _step("the form at P/√r = 2 + r", projector @ fisher @ projector, "=", 2.0 + r),
        _step("trace of the inverse = dof/2 − r/(2(2 + r))", B.trace(), "=", dof / 2 - r / (2 * (2 + r))),
        _step("mean of (tr ξ)² · n/s² = r/(2 + r)", r * projector @ B @ projector, "=", r / (2 + r)),
        _step("E q₁ = dof", q1, "=", float(dof)),
        _step("E q₂ = trace of the inverse", q2, "=", B.trace()),
        _step("E q₁q₂/E q₂ − 1 = α", product / q2 - 1, "=", lost),
        _step("tr(B − DB + D²B − D³B) ≤ tr S⁻¹ on these data",
              ((torch.eye(dof).to(B) - D + D @ D - D @ D @ D) @ B).trace(), "≤", torch.linalg.inv(S).trace()),
    ]  # fmt: skip


def _moments(d, r):
    """E q₁, E q₂, E q₁q₂ from the moments of g ~ χ²_r and z ~ χ²_{d−r}: q_j = 2⁻ʲ(g² + 2gz − g²/r) + (2 + r)⁻ʲ g²/r."""

    def moment(df, power):
        return math.prod(df + 2 * i for i in range(power))

    def coefficients(j):  # of g² and of gz
        return 2**-j * (1 - 1 / r) + (2 + r) ** -j / r, 2 * 2**-j

    def mean(g, z):
        return moment(r, g) * moment(d - r, z)

    (a1, b1), (a2, b2) = coefficients(1), coefficients(2)
    firsts = [a * mean(2, 0) + b * mean(1, 1) for a, b in ((a1, b1), (a2, b2))]
    return *firsts, a1 * a2 * mean(4, 0) + (a1 * b2 + a2 * b1) * mean(3, 1) + b1 * b2 * mean(2, 2)


def _gauss_hermite(like):
    """Twenty nodes and weights that integrate polynomials of degree 39 against N(0, 1)."""
    off = torch.arange(1, 20, dtype=like.dtype).sqrt()
    nodes, vectors = torch.linalg.eigh(off.diag(1) + off.diag(-1))
    return nodes, vectors[0] ** 2


def _step(claim, left, relation, right):
    return Step(claim, float(left), relation, float(right))
