"""Matrix sensing problems (chapters 1 and 6): recover M = U⋆U⋆ᵀ from a loss f(X), X = UUᵀ, with U of shape (..., d, k).

Every loss here is quadratic in X, so with Δ = X − M it is f(X) = ½⟨Δ, f''Δ⟩ − ⟨N, Δ⟩ + c. The gradient with respect
to U is 2∇f(X)U, and one linear map, f'', carries the whole ensemble. Leading dimensions of U are a batch of runs.
"""

from functools import lru_cache
from math import isqrt

import scipy  # loads its parts when they are first used
import torch

from helpers import forms
from helpers.arguments import ENSEMBLES, choice, generator, integer, number, tensor


def ground_truth(d, r, *, condition=1.0, seed=0):
    """U⋆ of shape (d, r): orthogonal columns in random directions, norms linearly spaced from 1 to 1/condition.

    So M = U⋆U⋆ᵀ has rank r, largest eigenvalue 1 and condition number condition². 1 ≤ r ≤ d, condition ≥ 1.
    Raises TypeError or ValueError.
    """
    d = integer("d", d, low=1)
    r = integer("r", r, low=1, high=d)
    condition = number("condition", condition, low=1)
    frame = torch.randn(d, r, generator=generator(seed), dtype=torch.float64)
    return torch.linalg.qr(frame).Q * torch.linspace(1, 1 / condition, r, dtype=torch.float64)


class _Problem:
    """What the two kinds of problem share. A subclass says what f''E is, and what the noise adds."""

    def __init__(self, U_star, ensemble):
        tensor("U_star", U_star, ndim=2)
        if U_star.ndim != 2 or U_star.shape[1] > U_star.shape[0]:
            raise ValueError(f"U_star must have shape (d, r) with r at most d, got {tuple(U_star.shape)}")
        self.ensemble = choice("ensemble", ensemble, ENSEMBLES)
        self.U_star = U_star
        self.M = U_star @ U_star.T
        self.d = U_star.shape[0]

    @property
    def r(self):
        """The rank of M: an int."""
        return self.U_star.shape[1]

    @property
    def mu_r(self):
        """μ_r, the least nonzero eigenvalue of M: a float."""
        return torch.linalg.matrix_norm(self.U_star, -2).item() ** 2

    @property
    def nu(self):
        """ν = ‖𝒜*w‖_op/n, how loud the noise is (chapter 4); 0 without noise. A float, for a stack a tensor (B,)."""
        if not isinstance(self.noise_matrix, torch.Tensor):
            return 0.0
        sizes = torch.linalg.matrix_norm(self.noise_matrix, 2) / 2
        return sizes if sizes.ndim else sizes.item()

    def loss(self, U):
        """f(UUᵀ), a tensor of the batch shape (...)."""
        return self.loss_and_gradient(U)[0]

    def gradient(self, U):
        """The gradient of f(UUᵀ) with respect to U, 2∇f(UUᵀ)U, same shape as U."""
        return self.loss_and_gradient(U)[1]

    def loss_and_gradient(self, U):
        """Both at the cost of one: shapes (...) and (..., d, k)."""
        loss, slope = self._expand(self._difference(U))
        return loss, 2 * slope @ U

    def matrix_gradient(self, U):
        """∇f(X) at X = UUᵀ, the gradient with respect to X: symmetric, shape (..., d, d)."""
        return self._expand(self._difference(U))[1]

    def hessian_vector(self, U, V):
        """The second derivative of f(UUᵀ) at U applied to V (both (..., d, k)): 2∇f(X)V + 2 f''(UVᵀ + VUᵀ)U."""
        cross = U @ V.mT
        return 2 * self.matrix_gradient(U) @ V + 2 * self.curvature(cross + cross.mT) @ U

    def error(self, U):
        """‖UUᵀ − M‖_F, a tensor of the batch shape (...)."""
        return torch.linalg.matrix_norm(self._difference(U))

    def _difference(self, U):
        tensor("U", U, ndim=2, shape=(self.d, None), like=self.U_star, empty=True)  # pruning may leave no column
        return U @ U.mT - self.M

    def _expand(self, difference):
        """Loss and ∇f(X) at X = M + difference. Written about M, both are accurate to rounding near the truth."""
        bend = self.curvature(difference)
        loss = (difference * (bend / 2 - self.noise_matrix)).sum((-2, -1)) + self.noise_floor
        return loss, bend - self.noise_matrix

    noise_matrix = 0.0
    noise_floor = 0.0


class Population(_Problem):
    """The expected loss, without noise: ‖X − M‖_F² for the Gaussian ensemble, and
    2‖X − M‖_F² + (tr(X − M))² for the rank-one ensemble A = xxᵀ, x ~ N(0, I) (chapter 6).

    U_star: (d, r), r ≤ d. ensemble: "gaussian" or "rank-one". Attributes M (d, d), d, r. Raises TypeError, ValueError.
    """

    def __init__(self, U_star, ensemble="gaussian"):
        super().__init__(U_star, ensemble)

    def curvature(self, E):
        """f''E for a symmetric E (..., d, d): 2E, or 4E + 2 tr(E) I for the rank-one ensemble."""
        if self.ensemble == "gaussian":
            return 2 * E
        trace = E.diagonal(dim1=-2, dim2=-1).sum(-1)
        return 4 * E + 2 * trace[..., None, None] * torch.eye(self.d, dtype=E.dtype, device=E.device)


class Empirical(_Problem):
    """The mean squared error (1/n) Σ_i (⟨A_i, X⟩ − y_i)² over n measurements y = 𝒜(M) + w. Make one with `sample`.

    Gaussian ensemble: row i of `design` is svec(A_i), shape (n, d(d+1)/2). Rank-one ensemble: row i is x_i, shape
    (n, d), and A_i = x_i x_iᵀ. No (n, d, d) tensor is ever formed. form: "gram", where the loss needs only the Gram
    matrix of 𝒜 and a step costs the same whatever n is; "rows", where a step reads the data, rank-one data in chunks;
    or None for the cheaper one when about `steps` gradients are asked for, over all runs (`helpers.forms`).
    Attributes M, d, r, n, noise (the standard deviation s), y (n,), gram (D, D) or None.
    """

    def __init__(self, U_star, design, w, ensemble="gaussian", noise=None, *, form=None, steps=forms.STEPS):
        super().__init__(U_star, ensemble)
        coordinates = self.d * (self.d + 1) // 2
        gaussian = ensemble == "gaussian"
        self.design = tensor("design", design, ndim=2, shape=(None, coordinates if gaussian else self.d), like=U_star)
        self.n, self.noise = len(design), noise
        tensor("w", w, shape=(self.n,), like=U_star)
        self.y = self.measure(self.M) + w
        self.noise_matrix = 2 / self.n * self.adjoint(w)
        self.noise_floor = w.square().mean()
        how = {"steps": steps, "itemsize": U_star.itemsize, "device": U_star.device}
        self.gram = self._gram() if forms.chosen(form, ensemble, self.d, self.n, **how) == "gram" else None

    @classmethod
    def sample(cls, U_star, n, *, noise=0.0, ensemble="gaussian", seed=0, form=None, steps=forms.STEPS):
        """Draw n measurements of M = U⋆U⋆ᵀ with noise of standard deviation `noise`.

        Gaussian: A is a symmetrised matrix of N(0, 1) entries, so svec(A) is a row of iid N(0, 1) numbers and
        E⟨A, X⟩² = ‖X‖_F². Rank-one: A = xxᵀ, x ~ N(0, I). n ≥ 1, noise ≥ 0, seed ≥ 0. One seed gives the same data,
        but for rounding, in every precision of U_star and on every device. form, steps: as above. Raises TypeError,
        ValueError, and MemoryError with an estimate, before anything is drawn, when the data do not fit.
        """
        n, noise = integer("n", n, low=1), number("noise", noise, low=0)
        choice("ensemble", ensemble, ENSEMBLES)
        d = tensor("U_star", U_star, ndim=2).shape[-2]
        width = d * (d + 1) // 2 if ensemble == "gaussian" else d
        how = {"form": form, "steps": steps}
        forms.chosen(**how, ensemble=ensemble, d=d, n=n, itemsize=U_star.itemsize, device=U_star.device)
        random = generator(seed)
        design = U_star.new_empty(n, width)
        for part in design.tensor_split(tuple(range(forms.CHUNK, n - forms.CHUNK + 1, forms.CHUNK))):  # of one draw
            part.copy_(torch.randn(part.shape, generator=random, dtype=torch.float64))
        w = torch.randn(n, generator=random, dtype=torch.float64).to(U_star)
        return cls(U_star, design, noise * w, ensemble, noise, **how)

    def measure(self, X):
        """𝒜(X)_i = ⟨A_i, X⟩ for a symmetric X (..., d, d): shape (..., n)."""
        if self.ensemble == "gaussian":
            return svec(X) @ self.design.T
        chunks = self.design.split(self._chunk(X[..., 0].numel()))
        return torch.cat([(rows @ X * rows).sum(-1) for rows in chunks], -1)

    def adjoint(self, v):
        """𝒜*(v) = Σ_i v_i A_i for v of shape (..., n): symmetric, shape (..., d, d)."""
        if self.ensemble == "gaussian":
            return smat(v @ self.design)
        size = self._chunk(v[..., 0].numel() * self.d)
        chunks = zip(v.split(size, -1), self.design.split(size), strict=True)
        return sum((part[..., None] * rows).mT @ rows for part, rows in chunks)

    def curvature(self, E):
        """f''E = (2/n) 𝒜*𝒜 E for a symmetric E (..., d, d). ⟨vvᵀ, f''vvᵀ⟩ is 2κ with the κ of chapter 4 at a unit v."""
        if self.gram is not None:
            return smat(2 * _times_symmetric(svec(E), self.gram))
        return 2 / self.n * self.adjoint(self.measure(E))

    def loss_and_gradient(self, U):
        if self.gram is not None or self.ensemble == "gaussian" or U.shape[-1] > 0.75 * self.d:
            return super().loss_and_gradient(U)
        tensor("U", U, ndim=2, shape=(self.d, None), like=self.U_star, empty=True)
        loss, gradient, size = 0.0, 0.0, self._chunk(U[..., 0, :].numel())
        for rows, y in zip(self.design.split(size), self.y.split(size), strict=True):
            hidden = U.mT @ rows.T  # a row for each column of U: a few long rows multiply faster than many short ones
            residual = hidden.square().sum(-2) - y
            loss = loss + residual.square().sum(-1) / self.n
            gradient = gradient + 4 / self.n * (hidden * residual[..., None, :]) @ rows
        return loss, gradient.mT

    def _chunk(self, numbers):
        """How many rows to handle at once, where each makes so many numbers."""
        return forms.rows_at_once(numbers, itemsize=self.design.itemsize, device=self.design.device)

    def _gram(self):
        """𝒜*𝒜/n in svec coordinates, one chunk of measurements at a time."""
        parts = (part.T for part in self.design.split(self._chunk(self.d * (self.d + 1) // 2)))
        if self.ensemble == "rank-one":
            row, column = torch.triu_indices(self.d, self.d, device=self.design.device)
            _, _, stretch = _coordinates(self.d, self.design.device, self.design.dtype)
            parts = (stretch[:, None] * x[row] * x[column] for x in parts)  # svec(xxᵀ), a column for each x
        return sum(_product(part) for part in parts) / self.n


def _times_symmetric(x, G):
    """x G for a symmetric G (D, D). For one x on the CPU by BLAS's routine that reads half of G: twice as fast."""
    symv = {torch.float32: "ssymv", torch.float64: "dsymv"}.get(G.dtype)
    if x.ndim > 1 or x.requires_grad or symv is None or G.device.type != "cpu":
        return x @ G
    return torch.from_numpy(getattr(scipy.linalg.blas, symv)(1, G.numpy().T, x.numpy()))  # Gᵀ: the order BLAS wants


def _product(A):
    """A Aᵀ. On the CPU by numpy, which computes half of what is symmetric: twice as fast."""
    return torch.from_numpy(A.numpy() @ A.numpy().T) if A.device.type == "cpu" else A @ A.T


@lru_cache
def _coordinates(d, device, dtype):
    """For svec: the places in the flattened matrix that it keeps. For smat: the coordinate that fills each place. And
    by what svec multiplies, smat divides: √2 off the diagonal."""
    row, column = torch.triu_indices(d, d, device=device)
    place = torch.empty(d, d, dtype=torch.long, device=device)
    place[row, column] = place[column, row] = torch.arange(len(row), device=device)
    return row * d + column, place.flatten(), 1 + (2**0.5 - 1) * (row != column).to(dtype)


def svec(X):
    """The d(d+1)/2 coordinates of a symmetric matrix X (..., d, d): its upper triangle, row by row, with the
    off-diagonal entries times √2, so that ⟨svec X, svec Y⟩ = ⟨X, Y⟩."""
    kept, _, stretch = _coordinates(X.shape[-1], X.device, X.dtype)
    return X.flatten(-2).index_select(-1, kept) * stretch  # some times faster than [..., kept]


def smat(x):
    """The inverse of `svec`: coordinates (..., d(d+1)/2) as a symmetric matrix (..., d, d)."""
    d = (isqrt(8 * x.shape[-1] + 1) - 1) // 2
    _, place, stretch = _coordinates(d, x.device, x.dtype)
    return (x / stretch).index_select(-1, place).unflatten(-1, (d, d))
