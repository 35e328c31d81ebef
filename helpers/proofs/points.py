"""A point of a run as the theorems of chapter 4 see it: every quantity in their hypotheses, measured.

λ = penalty.strength, β = penalty.smoothing, X = UUᵀ, X_S = U_S U_Sᵀ for the kept columns S, Δ = X_S − M, Q the
projector on range M. The mean of ∇f(X) is 2c(X − M), c = 1, for Gaussian data, and that plus 2 tr(X − M) I, c = 2, for
rank-one data; E = ∇f(X) − 2cΔ is what is left of the gradient. Dividing F by c brings each statement to c = 1.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from helpers.arguments import number, tensor
from helpers.isometry import isometry_ratio
from helpers.pruning import column_norms
from helpers.rotations import largest_cosine
from helpers.theory import curvature_bound

ZERO = 1e-6  # a column of a converged point is far below this or far above it; below, it counts as zero


@dataclass(frozen=True, eq=False)
class Point:
    """A point U (d, k) of a run as the theorems see it: exact (ε = γ = 0), the kept columns are the nonzero ones, or an
    (ε, γ)-approximate second-order point, and the kept columns are those longer than 2√β.

    curvature: κ ≥ ‖𝒜(vvᵀ)‖²/n for all unit v, used at approximate points; None takes the bound that holds with
    probability 0.95 over the data. Raises TypeError or ValueError.
    """

    problem: object
    penalty: object
    U: torch.Tensor
    epsilon: float = 0.0
    gamma: float = 0.0
    curvature: float | None = None

    def __post_init__(self):
        tensor("U", self.U, ndim=2, shape=(self.problem.d, None), like=self.problem.U_star)
        if self.U.ndim != 2:
            raise ValueError(f"U must have shape (d, k), got {tuple(self.U.shape)}")
        for name in ("epsilon", "gamma"):
            number(name, getattr(self, name), low=0)
        if self.curvature is not None:
            number("curvature", self.curvature, low=0, strict=True)

    @property
    def exact(self):
        """Whether the point counts as an exact second-order stationary point."""
        return self.epsilon == self.gamma == 0

    @property
    def c(self):
        """1 for Gaussian data, 2 for rank-one data: the mean of ∇f(X) is 2c(X − M) up to a multiple of I."""
        return {"gaussian": 1, "rank-one": 2}[self.problem.ensemble]

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
        """The largest |cos∠(u_i, u_j)| within S; 0 at an exact point, where the rotation lemma makes it so."""
        return 0.0 if self.exact or not self.m else largest_cosine(self.S).item()

    @cached_property
    def E(self):
        """E = ∇f(X) − 2cΔ, symmetric (d, d)."""
        return self.problem.matrix_gradient(self.U) - 2 * self.c * self.difference

    @property
    def mu_r(self):
        """The smallest nonzero eigenvalue of M."""
        return torch.linalg.matrix_norm(self.problem.U_star, -2).item() ** 2

    @property
    def noise(self):
        """ν = ‖𝒜*w‖_op/n, 0 for a population problem."""
        return torch.linalg.matrix_norm(self.problem.noise_matrix * torch.ones_like(self.problem.M), 2).item() / 2

    @cached_property
    def difference(self):
        """Δ = X_S − M, shape (d, d)."""
        return self.S @ self.S.mT - self.problem.M

    @property
    def error(self):
        """‖Δ‖_F."""
        return self.difference.norm().item()

    @property
    def isometry(self):
        """‖𝒜(Δ)‖²/(n‖Δ‖_F²): the isometry constant that the closeness theorem needs at this Δ."""
        return isometry_ratio(self.problem, self.difference).item()

    @cached_property
    def deviations(self):
        """λ_max(QEQ) and λ_max(−(I − Q)E(I − Q)), both at least 0."""
        Q = self.problem.U_star @ torch.linalg.pinv(self.problem.U_star)
        rest = torch.eye(self.problem.d).to(Q) - Q
        return [torch.linalg.eigvalsh(matrix)[-1].item() for matrix in (Q @ self.E @ Q, -rest @ self.E @ rest)]

    @cached_property
    def kappa(self):
        """κ for the approximate certificate."""
        if self.curvature is not None:
            return self.curvature
        samples = getattr(self.problem, "n", None)
        return curvature_bound(self.problem.d, samples, ensemble=self.problem.ensemble)
