"""A point of a run as the theorems of chapter 4 see it: every quantity in their hypotheses, measured; and such points
from converged and from stopped runs.

λ = penalty.strength, β = penalty.smoothing, X = UUᵀ, X_S = U_S U_Sᵀ for the kept columns S, Δ = X_S − M, E = ∇f(X) −
2cΔ as in (4.6), Q the projector on range M, Q′ = I − Q.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from helpers import theory
from helpers.arguments import number, tensor
from helpers.certificates import certificate
from helpers.isometry import column_curvatures, extreme_ratio, isometry_ratio
from helpers.objective import Objective
from helpers.proofs import projectors
from helpers.pruning import column_norms
from helpers.rotations import largest_cosine
from helpers.training import gaussian_init

ZERO = 1e-6  # a column of a converged point is far below this or far above it; below, it counts as zero
STEEP = 1e-5  # a gradient norm from here on is no stationary point


@dataclass(frozen=True, eq=False)
class Point:
    """A point U (d, k) of a run as the theorems see it: exact (ε = γ = 0), the kept columns are the nonzero ones, or an
    (ε, γ)-approximate second-order point, and the kept columns are those longer than 2√β.

    kappa: κ ≥ ‖𝒜(vvᵀ)‖²/n for all unit v, used at approximate points; None takes Proposition 4.2's bound, which holds
    with probability 0.95 over the data. Raises TypeError or ValueError.
    """

    problem: object
    penalty: object
    U: torch.Tensor
    epsilon: float = 0.0
    gamma: float = 0.0
    kappa: float | None = None

    def __post_init__(self):
        tensor("U", self.U, ndim=2, shape=(self.problem.d, None), like=self.problem.U_star)
        if self.U.ndim != 2:
            raise ValueError(f"U must have shape (d, k), got {tuple(self.U.shape)}")
        for name in ("epsilon", "gamma"):
            number(name, getattr(self, name), low=0)
        samples, ensemble = getattr(self.problem, "n", None), self.problem.ensemble
        kappa = theory.curvature_bound(self.problem.d, samples, ensemble=ensemble) if self.kappa is None else self.kappa
        object.__setattr__(self, "kappa", number("kappa", kappa, low=0, strict=True))

    @property
    def exact(self):
        """Whether the point counts as an exact second-order stationary point."""
        return self.epsilon == self.gamma == 0

    @property
    def c(self):
        """c of (4.6): 1 for Gaussian data, 2 for rank-one data."""
        return theory.mean_factor(self.problem.ensemble)

    @property
    def scales(self):
        """λ and β of (4.1)."""
        return self.penalty.strength, self.penalty.smoothing

    @cached_property
    def kept(self):
        """The mask (k,) of the columns S."""
        norms = column_norms(self.U)
        return norms > ZERO if self.exact else norms > self.penalty.threshold

    @property
    def m(self):
        """How many columns are kept."""
        return self.kept.sum().item()

    @property
    def S(self):
        """The kept columns U_S, shape (d, m)."""
        return self.U[:, self.kept]

    @property
    def p(self):
        """Their squared norms, a numpy array (m,)."""
        return self.S.square().sum(0).numpy()

    @cached_property
    def tau(self):
        """The largest norm of the other columns; 0 at an exact point or when there is none."""
        rest = self.U[:, ~self.kept]
        return 0.0 if self.exact or not rest.shape[1] else column_norms(rest).max().item()

    @cached_property
    def cosine(self):
        """The largest |cos∠(u_i, u_j)| within S; 0 at an exact point, where Lemma 2.2 makes it so."""
        return 0.0 if self.exact or not self.m else largest_cosine(self.S).item()

    @cached_property
    def difference(self):
        """Δ = X_S − M, shape (d, d)."""
        return self.S @ self.S.mT - self.problem.M

    @property
    def error(self):
        """‖Δ‖_F."""
        return self.difference.norm().item()

    @cached_property
    def alpha(self):
        """α = ‖𝒜(Δ)‖²/(n‖Δ‖_F²), the isometry constant that the theorems need at this Δ."""
        return isometry_ratio(self.problem, self.difference).item()

    @cached_property
    def E(self):
        """E = ∇f(X) − 2cΔ, symmetric (d, d)."""
        return self.problem.matrix_gradient(self.U) - 2 * self.c * self.difference

    @cached_property
    def deviations(self):
        """λ_max(QEQ) and λ_max(−Q′EQ′), both at least 0."""
        Q, rest = projectors(self.problem.U_star)
        return [torch.linalg.eigvalsh(matrix)[-1].item() for matrix in (Q @ self.E @ Q, -rest @ self.E @ rest)]


def converged(problem, penalty, *, k=None, seed=0):
    """A second-order stationary point of F with k columns (None: d), an exact `Point`: L-BFGS from a small random start
    drawn with `seed`, then Newton steps. Raises RuntimeError where they find no stationary point."""
    start = gaussian_init(problem.d, k or problem.d, scale=0.3 / problem.d**0.5, seed=seed)
    U, slope, _ = Objective(problem, penalty).minimise(start, steps=4000, tolerance=1e-11)
    if slope > STEEP:
        raise RuntimeError(f"no stationary point found: ‖∇F‖_F is still {slope:.1e}; try another seed")
    return Point(problem, penalty, U)


def points_along(problem, penalty, iterates):
    """Iterates (T, d, k) of a run as a list of approximate `Point`s, ε = ‖∇F‖_F and γ = max(0, residual −
    Ritz value) measured at each: evidence for ∇²F ⪰ −γI, no proof."""
    found = certificate(problem, iterates, penalty, epsilon=1, gamma=1)
    gammas = (found.residual - found.smallest_eigenvalue).clamp(min=0)
    measured = zip(iterates, found.gradient_norm.tolist(), gammas.tolist(), strict=True)
    return [Point(problem, penalty, U, epsilon, gamma) for U, epsilon, gamma in measured]


def largest_kappa(rows):
    """The largest ‖𝒜(vvᵀ)‖²/n, ‖v‖ = 1, that a search on the data or a kept column shows, for rows of `Point`s."""
    points = [point for row in rows for point in row]
    columns = [column_curvatures(point.problem, point.S).max().item() for point in points if point.m]
    problems = {id(point.problem): point.problem for point in points}
    return max([extreme_ratio(problem, 1) for problem in problems.values()] + columns)
