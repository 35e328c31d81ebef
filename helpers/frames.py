"""Random frames, and the rotations of U that leave X = UUᵀ alone (chapter 3).

A frame is a matrix W (r, k) with WWᵀ = I. The matrices V with VVᵀ = UUᵀ are the UO with O orthogonal: one fibre.
"""

import torch

from helpers.arguments import generator, integer, tensor


def random_frame(r, k, *, seed=0, batch=()):
    """W of shape (*batch, r, k) with WWᵀ = I_r: independent uniformly random frames, 1 ≤ r ≤ k, float64.

    k = r gives uniformly random orthogonal matrices. W = L⁻¹G for G with iid N(0, 1) entries and GGᵀ = LLᵀ, L lower
    triangular with positive diagonal, so that G → GO turns W into WO (Theorem 3.2). Raises TypeError or ValueError.
    """
    k = integer("k", k, low=1)
    r = integer("r", r, low=1, high=k)
    batch = tuple(integer("batch", n, low=1) for n in batch)
    G = torch.randn(*batch, k, r, generator=generator(seed), dtype=torch.float64)
    Q, R = torch.linalg.qr(G)
    return (Q * R.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]).mT


def orthogonal_columns(U):
    """The member UO of the fibre of U (..., d, k) with orthogonal columns, largest first: same shape (Proposition 3.8).

    As many columns are nonzero as U has rank: singular values within rounding of zero become zero.
    """
    tensor("U", U, ndim=2)
    directions, sizes, _ = torch.linalg.svd(U, full_matrices=False)
    sizes = sizes * (sizes > max(U.shape[-2:]) * torch.finfo(U.dtype).eps * sizes[..., :1])
    rotated = torch.zeros_like(U)
    rotated[..., : sizes.shape[-1]] = directions * sizes[..., None, :]
    return rotated


def equal_columns(U):
    """A member UO of the fibre of U (d, k) whose columns all have the norm ‖U‖_F/√k (Theorem 3.3).

    At most k − 1 plane rotations, each of the largest and the smallest column, until the first has that norm.
    Raises ValueError for a batch.
    """
    if tensor("U", U, ndim=2).ndim != 2:
        raise ValueError(f"U must have shape (d, k), got {tuple(U.shape)}")
    U, mean = U.clone(), U.square().sum() / U.shape[1]
    for _ in range(U.shape[1] - 1):
        excess = U.square().sum(0) - mean
        i, j = excess.argmax(), excess.argmin()
        inner = U[:, i] @ U[:, j]
        # tan θ is the root ≥ 0 of excess_i + 2 tan θ ⟨u_i, u_j⟩ + tan² θ excess_j, where excess_i ≥ 0 ≥ excess_j
        theta = torch.atan2(inner + (inner.square() - excess[i] * excess[j]).clamp(min=0).sqrt(), -excess[j])
        c, s = theta.cos(), theta.sin()
        U[:, [i, j]] = U[:, [i, j]] @ torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    return U
