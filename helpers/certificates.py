"""The landscape of F(U) = f(UUᵀ) + R(U) (chapters 2 and 4): how steep it is at a point, how much it bends, and what
that shows of an approximate second-order stationary point.

Hessians are never formed: Lanczos' method needs ∇²F(U)V only, for a whole batch of points at once.
"""

from dataclasses import dataclass

import torch

from helpers.arguments import generator, integer, number, tensor
from helpers.objective import Objective

CHECK_EVERY = 10  # Lanczos steps between two looks at the estimate


@dataclass
class Certificate:
    """What `certificate` found: values of shape (...), one a run of the batch.

    gradient_norm: ‖∇F(U)‖_F. smallest_eigenvalue: the least Ritz value of ∇²F(U). residual: some eigenvalue lies that
    close to it. A Ritz value is never below the smallest eigenvalue and bounds no eigenvalue from below: below −γ it
    refutes ∇²F(U) ⪰ −γI, above it shows that no such direction was found.
    """

    gradient_norm: torch.Tensor
    smallest_eigenvalue: torch.Tensor
    residual: torch.Tensor
    epsilon: float
    gamma: float

    @property
    def holds(self):
        """Whether ‖∇F(U)‖_F ≤ ε and the Ritz value minus its residual is at least −γ: booleans of shape (...)."""
        return (self.gradient_norm <= self.epsilon) & (self.smallest_eigenvalue - self.residual >= -self.gamma)

    def __repr__(self):
        return (
            f"{int(self.holds.sum())} of {self.holds.numel()} certified: ‖∇F‖ up to {self.gradient_norm.max():.1e} "
            f"(ε = {self.epsilon:.0e}), Ritz from {self.smallest_eigenvalue.min():.1e} (γ = {self.gamma:.0e})"
        )


def certificate(problem, U, penalty=None, *, epsilon, gamma):
    """What is seen of whether U (..., d, k) is an (ε, γ)-approximate second-order stationary point of F, that is,
    ‖∇F‖_F ≤ ε and ∇²F ⪰ −γI, ε, γ ≥ 0: a `Certificate`, which says how far it goes. Raises TypeError or ValueError."""
    epsilon, gamma = number("epsilon", epsilon, low=0), number("gamma", gamma, low=0)
    value, _, residual = smallest_eigenvalue(problem, U, penalty)
    return Certificate(gradient_norm(problem, U, penalty), value, residual, epsilon, gamma)


def gradient_norm(problem, U, penalty=None):
    """‖∇F(U)‖_F for U (..., d, k): shape (...)."""
    return torch.linalg.matrix_norm(Objective(problem, penalty).gradient(U))


def smallest_eigenvalue(problem, U, penalty=None, *, steps=600, tolerance=1e-10, seed=0):
    """The smallest eigenvalue of ∇²F(U) by Lanczos' method, at each U of a batch (..., d, k): a Ritz value, which is
    never below it (see `Certificate`).

    Returns the value (...), a unit matrix V (..., d, k) with ∇²F(U)V ≈ value · V, and the residual (...), which is
    ‖∇²F(U)V − value · V‖_F: an eigenvalue lies that close to the value. Stops once residual ≤ tolerance · ‖∇²F‖ at
    every point, or after `steps` ≥ 1 steps, or after dk, which is exact. `seed` draws the first vector. Raises
    TypeError or ValueError.
    """
    tensor("U", U, ndim=2, shape=(problem.d, None), like=problem.U_star)
    steps, tolerance = integer("steps", steps, low=1), number("tolerance", tolerance, low=0)
    objective, batch, size = Objective(problem, penalty), U.shape[:-2], U.shape[-2] * U.shape[-1]

    def bend(v):
        return objective.hessian_vector(U, v.reshape(U.shape)).reshape(*batch, size)

    basis, diagonal, off_diagonal = _start(batch, size, generator(seed), U), [], []
    for step in range(1, min(steps, size) + 1):
        image = bend(basis[..., -1, :])
        diagonal.append((image * basis[..., -1, :]).sum(-1))
        image = _orthogonal(image, basis)
        off_diagonal.append(torch.linalg.vector_norm(image, dim=-1))
        last = step == min(steps, size)
        if step % CHECK_EVERY == 0 or last:
            values, vectors = _tridiagonal(diagonal, off_diagonal[:-1])
            residual = off_diagonal[-1] * vectors[..., -1, 0].abs()
            if last or bool((residual <= tolerance * values.abs().amax(-1)).all()):
                break
        # Where the basis spans an invariant subspace, go on with a fresh vector: no eigenvalue is overlooked.
        closed = off_diagonal[-1] <= 1e-13 * torch.stack(diagonal).abs().amax(0)
        if closed.any():
            fresh = _orthogonal(_start(batch, size, generator(seed + step), U)[..., 0, :], basis)
            image = torch.where(closed[..., None], fresh, image)
            off_diagonal[-1] = off_diagonal[-1].masked_fill(closed, 0)
        image = image / torch.linalg.vector_norm(image, dim=-1, keepdim=True)
        basis = torch.cat([basis, image[..., None, :]], -2)
    direction = (vectors[..., :1].mT @ basis)[..., 0, :]
    residual = torch.linalg.vector_norm(bend(direction) - values[..., :1] * direction, dim=-1)
    return values[..., 0], direction.reshape(U.shape), residual


def _start(batch, size, random, like):
    vector = torch.randn(*batch, 1, size, generator=random, dtype=torch.float64).to(like)
    return vector / torch.linalg.vector_norm(vector, dim=-1, keepdim=True)


def _orthogonal(v, basis):
    """v (..., N) minus its components along the rows of basis (..., m, N); twice is enough."""
    for _ in range(2):
        v = v - ((basis @ v[..., None]).mT @ basis)[..., 0, :]
    return v


def _tridiagonal(diagonal, off_diagonal):
    """Eigenvalues and eigenvectors of the symmetric tridiagonal matrices with these entries, lists of tensors (...)."""
    matrix = torch.diag_embed(torch.stack(diagonal, -1))
    if off_diagonal:
        matrix += torch.diag_embed(torch.stack(off_diagonal, -1), offset=-1)  # eigh does not read what is above
    return torch.linalg.eigh(matrix)
