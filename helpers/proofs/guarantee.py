"""The proof of Theorem 4.15, chapter 4's guarantee before any data are seen, on an instance; notation as in `gap`."""

import math

import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.proofs import step


def a_priori(point):
    """Theorem 4.15 at an exact point in the window of (4.4), with δ the largest deviation of ‖𝒜(X)‖²/n from ‖X‖_F² = 1
    at any rank, read off the Gram matrix of the measurements (d small); an empty list at other points."""
    problem, (lam, beta) = point.problem, point.scales
    p = point.S.square().sum(0)
    if lam < theory.threshold_strength(beta, column_curvatures(problem, point.S).max().item()):
        return []
    delta = (torch.linalg.eigvalsh(problem.gram) - 1).abs().max().item()
    truth_loss, trace = problem.loss(problem.U_star).item(), problem.M.trace().item()
    args, alpha = (point.p, problem.r, problem.mu_r, lam, beta), 1 - delta
    error = theory.closeness_bound(*args, nu=problem.nu, alpha=alpha) if alpha > 0 else math.inf
    reach = 2 * delta * point.error + 2 * problem.nu
    return [
        step(r"$12\cdot5^{-3/2}\sqrt\beta \le p_ih'(p_i)$", 12 * 5**-1.5 * beta**0.5, "≤",
              (p * point.penalty.dh(p)).min()),
        step(r"$m \le m_0$", point.m, "≤", theory.a_priori_count(truth_loss, trace, lam, beta)),
        step(r"$\lVert\Delta\rVert_F$ and the bound of Theorem 4.7 with $\alpha = 1-\delta$", point.error, "≤", error),
        step(r"$\lambda_{\max}(QEQ) \le 2\delta\lVert\Delta\rVert_F + 2\nu$", point.deviations[0], "≤", reach),
        step(r"$\lambda_{\max}(-Q'EQ') \le 2\delta\lVert\Delta\rVert_F + 2\nu$", point.deviations[1], "≤", reach),
    ]  # fmt: skip
