"""Chapter 7: units with signs, and homogeneous units with outgoing weights."""

from functools import lru_cache

import torch
from instances import gaussian, symmetric
from ledger import measures
from scipy.optimize import minimize

from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay

SIZES = ({"d": 4, "k": 6}, {"d": 6, "k": 10})


class SignedLoss:
    """The mean squared error of x ↦ xᵀUSUᵀx on noisy random data, in the shape that `Objective` minimises."""

    def __init__(self, seed, d, k):
        self.x = gaussian(20 * d, d, seed=seed)
        self.y = ((self.x @ symmetric(d, seed + 1)) * self.x).sum(1) / d + gaussian(20 * d, seed=seed + 2)
        self.signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(k // 2)

    def loss(self, U):
        return ((self.x @ U).square() @ self.signs - self.y).square().mean()

    def loss_and_gradient(self, U):
        gradient, loss = torch.func.grad_and_value(self.loss)(U)
        return loss, gradient

    def hessian_vector(self, U, V):
        return torch.autograd.functional.hvp(self.loss, U, V)[1]


@lru_cache(16)
def trained(seed, d, k, penalty):
    """The signs and the unit vectors of the nonzero units at a converged point, and U itself."""
    loss = SignedLoss(seed, d, k)
    strength = {"decay": WeightDecay(0.05), "lasso": GroupLasso(0.05, 0.01)}[penalty]
    U, slope, _ = Objective(loss, strength).minimise(0.3 * gaussian(d, k, seed=seed + 3), steps=5000, tolerance=1e-7)
    if slope > 1e-5:
        raise RuntimeError(f"seed {seed}: not converged, ‖∇F‖ = {slope:.1e}")
    norms = U.norm(dim=0)
    kept = norms > 1e-3
    return loss.signs, U, (U / norms)[:, kept], loss.signs[kept]


@measures(
    "7.1",
    "largest $\\lvert\\cos\\angle\\rvert$ of units of opposite sign, weight decay",
    tolerance=1e-4,
    relative=False,
    sizes=SIZES,
)
def opposite_signs(seed, **size):
    _, _, W, signs = trained(seed, **size, penalty="decay")
    return 0, (W.T @ W)[signs[:, None] != signs].abs().max()


@measures(
    "7.1", "largest $\\lvert\\cos\\angle\\rvert$ of all units, group Lasso", tolerance=1e-4, relative=False, sizes=SIZES
)
def all_units(seed, **size):
    _, _, W, _ = trained(seed, **size, penalty="lasso")
    return 0, (W.T @ W).fill_diagonal_(0).abs().max()


@measures("7.1", "error of keeping the 2 largest units, against the best of rank 2", tolerance=1e-5, sizes=SIZES)
def truncation(seed, **size):
    signs, U, _, _ = trained(seed, **size, penalty="lasso")
    X, order = (U * signs) @ U.T, U.norm(dim=0).argsort(descending=True)[2:]
    return torch.linalg.eigvalsh(X).abs().sort().values[:-2].norm(), ((U * signs)[:, order] @ U[:, order].T).norm()


@lru_cache(16)
def homogeneous(seed, d, k, degree):
    """Incoming and outgoing weights of the nonzero units at a minimum with the group Lasso, the activation t ↦ tᵠ,
    two outputs."""
    x, penalty = gaussian(25 * d, d, seed=seed), GroupLasso(0.05, 0.01)
    target = 0.5 * x[:, :1] ** degree + 0.3 * gaussian(25 * d, 2, seed=seed + 1)

    def F(W):
        return ((x @ W[:d]) ** degree @ W[d:].T - target).square().mean() + penalty.value(W)

    def value_and_slope(flat):
        slope, value = torch.func.grad_and_value(F)(torch.from_numpy(flat).reshape(d + 2, k))
        return value.item(), slope.flatten().numpy()

    start = 0.4 * gaussian((d + 2) * k, seed=seed + 2).numpy()
    options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 0, "gtol": 1e-9}
    W = torch.from_numpy(minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=options).x)
    W = W.reshape(d + 2, k)
    W = W[:, W.norm(dim=0) > 1e-3]
    return W[:d], W[d:]


@measures(
    "7.2",
    "least $\\lVert u_j\\rVert^2/\\lVert a_j\\rVert^2$ of a nonzero unit, $\\sigma(t) = t^2$",
    tolerance=1e-4,
    sizes=SIZES,
)
def balanced(seed, **size):
    U, A = homogeneous(seed, **size, degree=2)
    return 2, (U.square().sum(0) / A.square().sum(0)).min()


@measures("7.2", "the same, $\\sigma(t) = t^3$", tolerance=1e-4, sizes=SIZES)
def balanced_cubes(seed, **size):
    U, A = homogeneous(seed, **size, degree=3)
    return 3, (U.square().sum(0) / A.square().sum(0)).min()


@measures(
    "7.2",
    "pairs of nonzero units with parallel incoming weights, $\\sigma(t) = t^2$",
    tolerance=0,
    relative=False,
    sizes=SIZES,
)
def merged(seed, **size):
    U, _ = homogeneous(seed, **size, degree=2)
    W = U / U.norm(dim=0)
    return 0, ((W.T @ W).triu(1).abs() > 1 - 1e-4).sum()
