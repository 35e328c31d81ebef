"""The proofs of chapter 1, step by step on one instance."""

import math

import torch

from helpers.arguments import number
from helpers.isometry import extreme_ratio
from helpers.problems import Empirical, ground_truth, smat
from helpers.proofs import step
from helpers.theory import gaussian_radius, gaussian_width


def isometry_steps(problem, *, rank, t=2.0, seed=0):
    """Theorem 1.5 on Gaussian measurements (an `Empirical` problem): means over 200 fresh matrices S for the
    Gaussian width, then both ends of the ratio, as far as a search gets, against its bounds, with b = √ρ(√(2d) + 1)
    for the width. 1 ≤ rank ≤ d, t ≥ 0."""
    d, n = problem.d, problem.n
    fresh = Empirical.sample(ground_truth(d, 1), 200, seed=seed)
    sizes = torch.linalg.eigvalsh(smat(fresh.design)).abs()
    operator = sizes.amax(-1).mean()
    width = sizes.sort(-1, descending=True).values[:, :rank].norm(dim=-1).mean()
    length = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    radius = gaussian_radius(d, rank, n, t=number("t", t, low=0))
    low, high = (math.sqrt(extreme_ratio(problem, rank, largest=side, seed=seed)) for side in (False, True))
    reach = (gaussian_width(d, rank) + t) / math.sqrt(n)
    return [
        step(r"2. $\sqrt n - \frac12 \le \mathbb{E}\lVert g_n\rVert$", math.sqrt(n) - 0.5, "≤", length),
        step(r"3. $w(T) \le \sqrt\rho$ times the mean of $\lVert S\rVert$", width, "≤", math.sqrt(rank) * operator),
        step(r"4. mean of $\lVert S\rVert \le \sqrt{2d} + 1$", operator, "≤", gaussian_width(d, 1)),
        step(r"1, 5. $(\mathbb{E}\lVert g_n\rVert - b - t)/\sqrt n \le$ least found", length / n**0.5 - reach, "≤",
             low),
        step(r"1, 5. largest found $\le 1 + (b + t)/\sqrt n$", high, "≤", 1 + reach),
        step(r"largest ratio found $\le (1 + \varepsilon)^2$", high**2, "≤", (1 + radius) ** 2),
    ]  # fmt: skip
