"""Rectangular and signed factors (chapter 9): losses of X = UVᵀ and of X = U diag(s) Uᵀ, for training and pruning.

A pair of factors, U (d₁, k) and V (d₂, k), is *one* matrix Z = (U; V)/√2 of shape (d₁ + d₂, k). The squared norm of its
column is p_i = ½(‖u_i‖² + ‖v_i‖²), so that what the book has for U (`GroupLasso`, `train`, `prune`, `column_norms`,
`certificate`) works on Z as it is. Leading dimensions are a batch of runs.
"""

import torch

from helpers.arguments import integer, tensor


def join(U, V):
    """Z = (U; V)/√2 of shape (..., d₁ + d₂, k) for U (..., d₁, k) and V (..., d₂, k). Raises TypeError, ValueError."""
    tensor("U", U, ndim=2, empty=True)
    tensor("V", V, ndim=2, shape=(None, U.shape[-1]), like=U, empty=True)
    return torch.cat([U, V], -2) / 2**0.5


def split(Z, rows):
    """U (..., d₁, k) and V (..., d₂, k) from Z = (U; V)/√2 of shape (..., d₁ + d₂, k), `rows` = d₁.

    1 ≤ rows < d₁ + d₂. Raises TypeError or ValueError."""
    tensor("Z", Z, ndim=2, empty=True)
    rows = integer("rows", rows, low=1, high=Z.shape[-2] - 1)
    return 2**0.5 * Z[..., :rows, :], 2**0.5 * Z[..., rows:, :]


def svd_pair(X):
    """The joined factor Z (d₁ + d₂, m) of X (d₁, d₂) with u_i = √σ_i a_i, v_i = √σ_i b_i, for X's singular values that
    are not zero, but for rounding. Where Theorem 9.2 says training ends."""
    left, values, right = torch.linalg.svd(tensor("X", X, shape=X.shape[-2:]), full_matrices=False)
    rank = int((values > _rounding(X) * values[0]).sum())
    root = values[:rank].sqrt()
    return join(left[:, :rank] * root, right.mT[:, :rank] * root)


def _rounding(X):
    """Below this part of the largest, a singular value or an eigenvalue of X is a zero but for rounding."""
    return 1e4 * torch.finfo(X.dtype).eps


def squared_distance(M):
    """The loss ‖X − M‖_F² as a function of X (..., d₁, d₂), M of that shape: what Theorem 9.5 is about."""
    tensor("M", M, ndim=2)
    return lambda X: (X - M).square().sum((-2, -1))


def completion(Y, seen):
    """The loss (1/q) Σ (X_ij − Y_ij)² over the entries that are `seen`, q their share, as a function of X.

    Y (d₁, d₂); what stands in unseen places is ignored, NaN too. seen: booleans of the same shape, not all False.
    Over a uniformly random set of seen entries its mean is ‖X − Y‖_F². Raises TypeError or ValueError. (9.5)"""
    for name, value in (("Y", Y), ("seen", seen)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {type(value).__name__}: torch.from_numpy makes one")
    if seen.dtype != torch.bool:
        raise TypeError(f"seen must be a tensor of booleans, got {seen.dtype}")
    if seen.shape != Y.shape or not seen.any():
        raise ValueError(f"seen must have the shape {tuple(Y.shape)} of Y and a True in it, got {tuple(seen.shape)}")
    known = tensor("Y", torch.where(seen, Y, 0), ndim=2)
    weight = seen.to(known) / seen.to(known).mean()
    return lambda X: (weight * (X - known).square()).sum((-2, -1))


class _Factored:
    """What the two forms share; a subclass says what X is. All derivatives are automatic, so that any loss will do."""

    ensemble = "gaussian"  # for `natural`: the scales are those of ‖X − M‖_F²

    def __init__(self, loss, M):
        self.of, self.M = loss, tensor("M", M, ndim=2)

    def loss(self, Z):
        """f(X), a tensor of the batch shape (...)."""
        return self.of(self.product(Z))

    def loss_and_gradient(self, Z):
        """f(X), and its gradient with respect to Z: shapes (...) and that of Z."""
        tensor("Z", Z, ndim=2, shape=(self.d, None), like=self.U_star, empty=True)
        return self._slope(self.loss, Z)

    def gradient(self, Z):
        """The gradient of f(X) with respect to Z, same shape as Z."""
        return self.loss_and_gradient(Z)[1]

    def matrix_gradient(self, Z):
        """∇f(X) at the X of Z: shape (..., d₁, d₂)."""
        return self._slope(self.of, self.product(Z))[1]

    def hessian_vector(self, Z, V):
        """The second derivative of f(X) with respect to Z, applied to V (both (..., d, k))."""
        point = Z.detach().expand_as(V).requires_grad_()
        slope = self._slope(self.loss, point, create_graph=True)[1]
        return torch.autograd.grad(slope, point, V)[0]  # the Hessian is symmetric

    def error(self, Z):
        """‖X − M‖_F, a tensor of the batch shape (...)."""
        return torch.linalg.matrix_norm(self.product(Z) - self.M)

    @staticmethod
    def _slope(function, point, create_graph=False):
        point = point if create_graph else point.detach().requires_grad_()
        values = function(point)
        (slope,) = torch.autograd.grad(values.sum(), point, create_graph=create_graph)
        return values.detach(), slope


class Pairs(_Factored):
    """A loss f of X = UVᵀ as a problem in Z = (U; V)/√2, to `train` with a penalty and to `prune`.

    loss: a function of X (..., d₁, d₂) with values (...), made of torch operations, such as `completion(Y, seen)`. M
    (d₁, d₂): the truth, or without one a first guess; `error`, the safe step and the natural scales refer to it.
    Attributes: M, rows = d₁, d = d₁ + d₂, r = rank M, mu_r = σ_r(M), U_star, a joined factor of M. Raises TypeError or
    ValueError. Source: chapter 9.
    """

    def __init__(self, loss, M):
        super().__init__(loss, M)
        self.rows, self.d = M.shape[0], sum(M.shape)
        self.U_star = svd_pair(M)
        self.r = self.U_star.shape[1]
        self.mu_r = self.U_star[:, -1].square().sum().item() if self.r else 0.0

    def product(self, Z):
        """X = UVᵀ of shape (..., d₁, d₂)."""
        U, V = split(Z, self.rows)
        return U @ V.mT


class Signed(_Factored):
    """A loss f of X = U diag(s) Uᵀ, s_i = ±1, as a problem in U (d, k) (Theorem 9.6; Proposition 7.1).

    loss: as for `Pairs`, of symmetric X. M (d, d): symmetric, of any signs. signs (k,): ones and minus ones, as many of
    each sign as M has eigenvalues of that sign, at least. Attributes: M, d, r = rank M, mu_r = min |μ|, U_star (d, k).
    Raises TypeError or ValueError.
    """

    def __init__(self, loss, M, signs):
        super().__init__(loss, tensor("M", M, shape=(len(M), len(M))))
        self.signs, self.d = tensor("signs", signs, like=M), len(M)
        if not torch.allclose(M, M.T):
            raise ValueError("M must be symmetric")
        if not (signs.abs() == 1).all():
            raise ValueError(f"signs must be 1 or -1 each, got {signs.tolist()}")
        mu, vectors = torch.linalg.eigh(M)
        self.U_star = M.new_zeros(self.d, len(signs))
        kept = mu.abs() > _rounding(M) * mu.abs().max()
        for sign in (1, -1):
            mine, places = kept & (sign * mu > 0), (signs == sign).nonzero()[:, 0]
            if mine.sum() > len(places):
                raise ValueError(f"signs needs at least {int(mine.sum())} entries equal to {sign}, got {len(places)}")
            self.U_star[:, places[: mine.sum()]] = vectors[:, mine] * mu[mine].abs().sqrt()
        self.r = int(kept.sum())
        self.mu_r = mu[kept].abs().min().item() if self.r else 0.0

    def product(self, U):
        """X = U diag(s) Uᵀ of shape (..., d, d)."""
        return U * self.signs @ U.mT
