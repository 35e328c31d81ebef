"""The proofs of chapter 1, step by step on one instance."""

import math

import torch

from helpers.arguments import integer, number
from helpers.isometry import extreme_ratio
from helpers.problems import Empirical, ground_truth
from helpers.proofs import Step
from helpers.theory import gaussian_radius


def isometry_steps(problem, *, rank, t=2.0, draws=200, seed=0):
    """Theorem 1.5 on Gaussian measurements (an `Empirical` problem): means over `draws` ≥ 2 fresh matrices S for the
    Gaussian width, then both ends of the ratio, as far as a search gets, against its bounds, with b = √ρ(√(2d) + 1)
    for the width. 1 ≤ rank ≤ d, t ≥ 0."""
    d, n = problem.d, problem.n
    fresh = Empirical.sample(ground_truth(d, 1), integer("draws", draws, low=2), seed=seed)
    sizes = torch.linalg.eigvalsh(fresh.adjoint(torch.eye(draws, dtype=torch.float64))).abs()
    operator = sizes.amax(-1).mean().item()
    width = sizes.sort(-1, descending=True).values[:, :rank].norm(dim=-1).mean().item()
    length = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    radius = gaussian_radius(d, rank, n, t=number("t", t, low=0))
    low, high = (math.sqrt(extreme_ratio(problem, rank, largest=side, seed=seed)) for side in (False, True))
    slack = (math.sqrt(rank) * (math.sqrt(2 * d) + 1) + t) / math.sqrt(n)
    return [
        Step("2. √n − ½ ≤ E‖g‖, a Gaussian vector's length", math.sqrt(n) - 0.5, "≤", length),
        Step("3. width of rank ρ ≤ √ρ · mean of ‖S‖", width, "≤", math.sqrt(rank) * operator),
        Step("4. mean of ‖S‖ ≤ √(2d) + 1 = b/√ρ", operator, "≤", math.sqrt(2 * d) + 1),
        Step("1, 5. (E‖g‖ − b − t)/√n ≤ least ‖𝒜(X)‖/√n found", length / math.sqrt(n) - slack, "≤", low),
        Step("1, 5. largest ‖𝒜(X)‖/√n found ≤ 1 + (b + t)/√n", high, "≤", 1 + slack),
        Step("largest ratio found ≤ (1 + ε)²", high**2, "≤", (1 + radius) ** 2),
    ]
