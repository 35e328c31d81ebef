"""The regularised objective F(U) = f(UUᵀ) + R(U): its value, gradient and Hessian, and a converged minimiser."""

import numpy as np
import scipy  # loads its parts when they are first used
import torch

NEWTON_STEPS = 20


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

    def minimise(self, U0, *, steps, tolerance, callback=None):
        """scipy's L-BFGS from U0 (d, k), then Newton steps (solved by MINRES) while they help.

        Stops once ‖∇F‖_F ≤ tolerance, or when neither method makes progress. Returns U, ‖∇F(U)‖_F and the number of
        gradients computed. Raises ValueError for a batch.
        """
        if U0.ndim != 2:
            raise ValueError(f"method 'l-bfgs' takes one run, U0 of shape (d, k), got {tuple(U0.shape)}")
        if U0.numel() == 0:
            return U0, U0.new_zeros(()), 0

        def matrix(x):
            return torch.from_numpy(np.array(x)).reshape(U0.shape).to(U0)

        def flat(U):
            return U.detach().double().flatten().cpu().numpy()

        def value_and_slope(x):
            U = matrix(x)
            loss, slope = self.loss_and_gradient(U)
            return (loss + (self.penalty.value(U) if self.penalty else 0)).item(), flat(slope)

        result = scipy.optimize.minimize(
            value_and_slope, flat(U0), jac=True, method="L-BFGS-B",
            callback=(lambda x: callback(matrix(x))) if callback else None,
            options={
                "maxiter": steps, "maxfun": 10 * steps, "maxcor": 30,
                "ftol": 0, "gtol": tolerance / U0.numel() ** 0.5,
            },
        )  # fmt: skip
        U, evaluations = matrix(result.x), result.nfev
        slope, solvers = self.gradient(U), scipy.sparse.linalg
        for _ in range(min(NEWTON_STEPS, steps)):
            if slope.norm() <= tolerance:
                break
            bend = solvers.LinearOperator((U.numel(),) * 2, lambda v, U=U: flat(self.hessian_vector(U, matrix(v))))
            trial = U + matrix(solvers.minres(bend, -flat(slope), rtol=1e-10, maxiter=500)[0])
            trial_slope = self.gradient(trial)
            evaluations += 1
            if not trial_slope.norm() < slope.norm():
                break
            U, slope = trial, trial_slope
        return U, slope.norm(), evaluations
