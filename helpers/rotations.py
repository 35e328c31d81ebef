"""Rotations of U that leave X = UUᵀ alone, random frames, angles between columns (chapters 2 and 3), and the directions
in which a matrix of rank r can move (chapter 5).

A frame is a matrix W (r, k) with WWᵀ = I. The matrices V with VVᵀ = UUᵀ are the UO with O orthogonal: one fibre.
"""

import torch

from helpers.arguments import generator, integer, number, tensor


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


def rotate(U, i, j, theta):
    """U with columns i and j rotated into each other: cos θ u_i + sin θ u_j and cos θ u_j − sin θ u_i. UUᵀ stays.

    U (..., d, k), indices i ≠ j below k, theta a float or a tensor of angles (T,), which become a leading dimension.
    """
    k = tensor("U", U, ndim=2).shape[-1]
    i, j = integer("i", i, low=0, high=k - 1), integer("j", j, low=0, high=k - 1)
    if i == j:
        raise ValueError(f"i and j must be two different columns, got {i} twice")
    theta = torch.as_tensor(theta, dtype=U.dtype, device=U.device)
    turn = torch.eye(k, dtype=U.dtype, device=U.device).repeat(*theta.shape, 1, 1)
    turn[..., i, i] = turn[..., j, j] = theta.cos()
    turn[..., j, i], turn[..., i, j] = theta.sin(), -theta.sin()
    return U @ turn.reshape(*theta.shape, *(1,) * (U.ndim - 2), k, k)


def largest_cosine(U, *, threshold=0.0):
    """The largest |cos∠(u_i, u_j)| between two different columns of norm above `threshold` ≥ 0, for U (..., d, k):
    shape (...), 0 where there are not two such columns."""
    norms = torch.linalg.vector_norm(tensor("U", U, ndim=2), dim=-2, keepdim=True)
    large = norms > number("threshold", threshold, low=0)
    directions = torch.where(large, U / norms.clamp(min=torch.finfo(U.dtype).tiny), 0)
    return (directions.mT @ directions).abs().triu(1).amax((-2, -1))


def tangent_basis(U_star):
    """An orthonormal basis of T at M = U⋆U⋆ᵀ (Lemma 5.4), for U⋆ of shape (d, r) and rank r: shape (dof, d, d)."""
    d, r = U_star.shape
    frame = torch.linalg.svd(U_star).U
    row, column = torch.triu_indices(r, d, device=U_star.device)
    outer = frame.T[row, :, None] * frame.T[column, None, :]
    norms = (2 + 2 * (row == column)).to(U_star).sqrt()
    return (outer + outer.mT) / norms[:, None, None]
