"""Penalties on the columns of U (from chapter 1 on): R(U) = λ Σ_i h(‖u_i‖²), with u_i the i-th column of U.

One family holds all of them: h(x) = x (x + β)^(q/2 − 1), which tends to ‖u_i‖^q as β → 0.
"""

import torch

from helpers.arguments import number, tensor
from helpers.theory.sensing import natural_strengths


class ColumnPower:
    """λ Σ_i ‖u_i‖^q, smoothed at zero: the profile is h(x) = x (x + β)^(q/2 − 1).

    strength: λ ≥ 0. exponent: q > 0; h is strictly concave for q < 2, linear for q = 2, strictly convex for q > 2.
    smoothing: β > 0, a squared norm; q = 2 needs none (then h(x) = x whatever β is, and β = 0 is accepted).
    Both may also be tensors of the batch shape (...), one value a run; x in h, dh, d2h is then (..., 1, k).
    Raises TypeError or ValueError on anything else. Source: theory of chapter 2; q = 1 is the smoothed group Lasso.
    """

    def __init__(self, strength, exponent, smoothing):
        self.strength = _per_run("strength", strength, low=0)
        self.exponent = number("exponent", exponent, low=0, strict=True)
        self.smoothing = _per_run("smoothing", smoothing, low=0, strict=self.exponent != 2)

    def h(self, x):
        """The profile h at squared column norms x ≥ 0, without λ; same shape as x."""
        return x if self.exponent == 2 else x * (x + self.smoothing) ** (self.exponent / 2 - 1)

    def dh(self, x):
        """h'(x), same shape as x."""
        a, beta = self.exponent / 2, self.smoothing
        return torch.ones_like(x) if a == 1 else (a * x + beta) * (x + beta) ** (a - 2)

    def d2h(self, x):
        """h''(x), same shape as x. Negative for q < 2: a larger column pays less for growing."""
        a, beta = self.exponent / 2, self.smoothing
        return torch.zeros_like(x) if a == 1 else (a - 1) * (a * x + 2 * beta) * (x + beta) ** (a - 3)

    def value(self, U):
        """λ Σ_i h(‖u_i‖²) for U of shape (..., d, k): a tensor of shape (...)."""
        tensor("U", U, ndim=2, empty=True)
        return (self.strength * self.h(U.square().sum(-2, keepdim=True))).sum((-2, -1))

    def gradient(self, U):
        """2 λ h'(‖u_i‖²) u_i, column by column, for U of shape (..., d, k): same shape."""
        tensor("U", U, ndim=2, empty=True)
        return 2 * self.strength * self.dh(U.square().sum(-2, keepdim=True)) * U

    def hessian_vector(self, U, V):
        """The second derivative at U applied to V, both of shape (..., d, k): column i is
        2λ h'(p_i) v_i + 4λ h''(p_i) ⟨u_i, v_i⟩ u_i with p_i = ‖u_i‖²."""
        p, inner = U.square().sum(-2, keepdim=True), (U * V).sum(-2, keepdim=True)
        return 2 * self.strength * self.dh(p) * V + 4 * self.strength * self.d2h(p) * inner * U

    def largest_curvature(self, U):
        """The largest second derivative of the penalty along any direction, at zero and at U (..., d, k):
        2λ max(h'(0), h'(p) + 2p max(h''(p), 0)), shape (...). For q ≤ 2 it is 2λ h'(0), whatever U is."""
        p = torch.cat([U.new_zeros(*U.shape[:-2], 1, 1), U.square().sum(-2, keepdim=True)], -1)
        return (2 * self.strength * (self.dh(p) + 2 * p * self.d2h(p).clamp(min=0))).amax((-2, -1))

    def __repr__(self):
        return f"{type(self).__name__}(strength={_shown(self.strength)}, smoothing={_shown(self.smoothing)})"


class GroupLasso(ColumnPower):
    """The smoothed group Lasso λ Σ_i h(‖u_i‖²), h(x) = x/√(x + β) → ‖u_i‖ as β → 0 (strength λ ≥ 0, smoothing β > 0).

    h'(x) = (x + 2β) / (2 (x + β)^{3/2}) and h''(x) = −(x + 4β) / (4 (x + β)^{5/2}) < 0. Source: the paper's abstract
    (a smooth version of the group Lasso over columns); this form: theory of chapter 2.
    """

    def __init__(self, strength, smoothing):
        super().__init__(strength, 1, smoothing)

    @property
    def threshold(self):
        """2√β: the column norm below which the book prunes (chapter 4)."""
        return 2 * self.smoothing**0.5


def natural(problem, *, c_lambda=None, c_beta=0.01):
    """The smoothed group Lasso at the natural scales (1.8) of a problem: λ = c_λ μ_r^{3/2}/√r, β = c_β μ_r/r.

    problem: anything with `mu_r`, `r` and `ensemble`. c_lambda, c_beta > 0; the default of c_lambda is that of
    `theory.natural_strengths` for the ensemble. Raises TypeError or ValueError.
    """
    scales = {"c_lambda": c_lambda, "c_beta": c_beta}
    return GroupLasso(*natural_strengths(problem.mu_r, problem.r, ensemble=problem.ensemble, **scales))


class WeightDecay(ColumnPower):
    """Weight decay λ ‖U‖_F² = λ Σ_i ‖u_i‖² (strength λ ≥ 0): the profile h(x) = x, blind to rotations of U."""

    def __init__(self, strength):
        super().__init__(strength, 2, 0)

    def __repr__(self):
        return f"WeightDecay(strength={_shown(self.strength)})"


def _per_run(name, value, **allowed):
    """A number, or a tensor with one number a run of the batch: shape (...) becomes (..., 1, 1), to meet U."""
    if not isinstance(value, torch.Tensor):
        return number(name, value, **allowed)
    for extreme in (tensor(name, value).min(), value.max()):
        number(name, extreme.item(), **allowed)
    return value[..., None, None]


def _shown(parameter):
    return f"<{parameter.numel()} values>" if isinstance(parameter, torch.Tensor) else f"{parameter:.4g}"
