"""The regularised objective F(U) = f(UUᵀ) + R(U): its value, gradient and Hessian, and a converged minimiser."""

import math

import numpy as np
import scipy  # loads its parts when they are first used
import torch

NEWTON_STEPS = 20
WARM_UP = 25  # columns are never dropped in the first steps: a small start may still grow


class Objective:
    """F = f + R for a problem f and a penalty R (None for no penalty). U and V have shape (..., d, k)."""

    def __init__(self, problem, penalty=None):
        self.problem, self.penalty = problem, penalty

    def value(self, U):
        """F(U), shape (...)."""
        return self.problem.loss(U) + (self.penalty.value(U) if self.penalty else 0)

    def gradient(self, U):
        """∇F(U), same shape as U."""
        return self.loss_and_gradient(U)[1]

    def loss_and_gradient(self, U):
        """f(UUᵀ) without the penalty, and ∇F(U) with it, at the cost of one pass over the data."""
        loss, slope = self.problem.loss_and_gradient(U)
        return loss, slope + self.penalty.gradient(U) if self.penalty else slope

    def hessian_vector(self, U, V):
        """∇²F(U)V, same shape as U."""
        bend = self.problem.hessian_vector(U, V)
        return bend + self.penalty.hessian_vector(U, V) if self.penalty else bend

    def minimise(self, U0, *, steps, tolerance, drop_below=0.0, callback=None):
        """scipy's L-BFGS from U0 (d, k), then Newton steps (solved by MINRES) while they help.

        Stops once ‖∇F‖_F ≤ tolerance, or when neither method makes progress. drop_below: columns whose norm is below
        this are set to zero, where they stay, at the end and (after `WARM_UP` iterations) whenever they are half of
        those left. callback is called with U and f(UUᵀ) after every iteration. Returns U, ‖∇F(U)‖_F and the number of
        gradients computed. Raises ValueError for a batch.
        """
        if U0.ndim != 2:
            raise ValueError(f"method 'l-bfgs' takes one run, U0 of shape (d, k), got {tuple(U0.shape)}")
        U, alive = U0, torch.arange(U0.shape[1], device=U0.device)
        evaluations, warm_up, halved = 0, WARM_UP, True

        def whole(U):
            full = torch.zeros_like(U0)
            full[:, alive] = U
            return full

        while halved and U.numel():
            see = callback and (lambda U, loss: callback(whole(U), loss))
            U, result, halved = self._descend(U, steps, tolerance, drop_below, warm_up, see)
            steps, evaluations, warm_up = steps - result.nit, evaluations + result.nfev, 0
            if drop_below:
                keep = torch.linalg.vector_norm(U, dim=0) >= drop_below
                U, alive = U[:, keep], alive[keep]
        U, size, count = self._polish(U, steps, tolerance)
        return whole(U), size, evaluations + count

    def _descend(self, U0, steps, tolerance, drop_below, warm_up, see):
        """L-BFGS from U0: the last U, scipy's result, and whether it stopped since half of the columns are dead."""
        loss, size, iterations, halved = U0.new_zeros(()), math.inf, 0, False

        def value_and_slope(x):
            nonlocal loss, size
            U = _matrix(x, U0)
            loss, slope = self.loss_and_gradient(U)
            slope = _flat(slope)
            size = np.linalg.norm(slope)
            return (loss + (self.penalty.value(U) if self.penalty else 0)).item(), slope

        def look(x):
            nonlocal iterations, halved
            iterations += 1
            if see:
                see(_matrix(x, U0), loss)  # scipy has just computed it for this x
            if drop_below and iterations >= warm_up:
                dead = np.linalg.norm(x.reshape(U0.shape), axis=0) < drop_below
                halved = 2 * dead.sum() >= len(dead)
            if halved or (drop_below and size <= tolerance):
                raise StopIteration

        # a restart loses the memory, which costs time in proportion to its square: with dropping a short one is right
        result = scipy.optimize.minimize(
            value_and_slope, _flat(U0), jac=True, method="L-BFGS-B", callback=look,
            options={
                "maxiter": max(steps, 0), "maxfun": 10 * steps, "maxcor": 8 if drop_below else 30,
                "ftol": 0, "gtol": tolerance / U0.numel() ** 0.5,
            },
        )  # fmt: skip
        return _matrix(result.x, U0), result, halved

    def _polish(self, U, steps, tolerance):
        """Newton steps from U: the last U, ‖∇F(U)‖_F and the number of gradients that were computed."""
        if not U.numel():
            return U, U.new_zeros(()), 0
        slope, evaluations, solvers = self.gradient(U), 0, scipy.sparse.linalg
        for _ in range(min(NEWTON_STEPS, steps)):
            if slope.norm() <= tolerance:
                break
            bend = solvers.LinearOperator(
                (U.numel(),) * 2, lambda v, U=U: _flat(self.hessian_vector(U, _matrix(v, U)))
            )
            trial = U + _matrix(solvers.minres(bend, -_flat(slope), rtol=1e-10, maxiter=500)[0], U)
            trial_slope = self.gradient(trial)
            evaluations += 1
            if not trial_slope.norm() < slope.norm():
                break
            U, slope = trial, trial_slope
        return U, slope.norm(), evaluations


def _matrix(x, like):
    """A numpy vector as a matrix of the shape, dtype and device of `like`."""
    return torch.from_numpy(np.array(x)).reshape(like.shape).to(like)


def _flat(U):
    return U.detach().double().flatten().cpu().numpy()
