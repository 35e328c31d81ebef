"""What the measurements share: random matrices, data sets, converged points. Everything is a function of the seed."""

from functools import lru_cache

import torch

from helpers.arguments import generator
from helpers.objective import Objective
from helpers.penalties import natural
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs.points import ZERO, Point
from helpers.pruning import column_norms
from helpers.training import gaussian_init

ENSEMBLE_NAMES = {"gaussian": "Gaussian", "rank-one": "rank-one"}  # the name in code: the name in words


def gaussian(*shape, seed):
    """Far from the seeds of the truths, so that nothing drawn here repeats the numbers of a truth."""
    return torch.randn(*shape, generator=generator(seed + 10_000), dtype=torch.float64)


def uniform(*shape, low=0.0, high=1.0, seed):
    return low + (high - low) * torch.rand(*shape, generator=generator(seed + 20_000), dtype=torch.float64)


def symmetric(d, seed):
    X = gaussian(d, d, seed=seed)
    return X + X.T


def orthogonal(k, seed):
    return torch.linalg.qr(gaussian(k, k, seed=seed)).Q


def distance(A, B):
    """‖A − B‖_F/‖B‖_F."""
    return (A - B).norm() / B.norm()


def either(seed):
    """One of the two ensembles, in turn."""
    return list(ENSEMBLE_NAMES)[seed % 2]


def data(seed, d, r, n, *, noise=0.3, ensemble="gaussian", condition=1.2):
    truth = ground_truth(d, r, condition=condition, seed=seed)
    return Empirical.sample(truth, n, noise=noise, ensemble=ensemble, seed=seed + 30_000)


def population(mu, d, seed, ensemble="gaussian"):
    """A population problem whose M has the eigenvalues mu and random eigenvectors."""
    mu = torch.as_tensor(mu, dtype=torch.float64)
    return Population(ground_truth(d, len(mu), seed=seed) * mu.sqrt(), ensemble)


def minimise(problem, penalty, k, seed, scale=0.3):
    """A second-order stationary point with k columns, from a small random start."""
    start = gaussian_init(problem.d, k, scale=scale / problem.d**0.5, seed=seed + 40_000)
    U, slope, _ = Objective(problem, penalty).minimise(start, steps=4000, tolerance=1e-9)
    if slope > 1e-7:
        raise RuntimeError(f"no stationary point found for seed {seed}: ‖∇F‖ = {slope:.1e}")
    return U


@lru_cache(64)
def exact(seed, d, r, n, noise, ensemble, c_lambda=None, c_beta=0.01):
    """A converged second-order stationary point with d columns on noisy data, as the theorems of chapter 4 see it."""
    problem = data(seed, d, r, n, noise=noise, ensemble=ensemble)
    penalty = natural(problem, c_lambda=c_lambda, c_beta=c_beta)
    U = minimise(problem, penalty, d, seed)
    return Point(problem, penalty, U * (column_norms(U) > ZERO))
