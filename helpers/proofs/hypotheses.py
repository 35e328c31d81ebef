"""The theorems of chapter 4 on a run: what each asks, by how much it is met, what it promises, and whether that is so.

Every function takes a `Point`. In the tables Q′ is I − Q, ρ is r times the largest |cos∠| of two kept columns, and Λ
the level of the approximate certificate.
"""

import math
from typing import NamedTuple

import pandas as pd
import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.proofs.points import ZERO
from helpers.pruning import column_norms


class Check(NamedTuple):
    """A condition left < right of a statement, what the statement promises then, and whether that is so on this run
    (None where there is nothing to see, for want of a finite bound)."""

    statement: str
    condition: str
    left: float
    right: float
    promise: str
    seen: bool | None

    @property
    def slack(self):
        """right − left: the condition holds when it is positive."""
        return self.right - self.left

    @property
    def holds(self):
        """Whether the condition holds on this run."""
        return self.slack > 0

    @property
    def contradicted(self):
        """Whether the condition holds and the promise does not: no run may show this."""
        return self.holds and not self.seen


def gap_checks(point):
    """At an exact point the gap lemma and the working window, at an approximate one the robust gap lemma."""
    penalty, norms = point.penalty, column_norms(point.U)
    strength, smoothing, threshold = penalty.strength, penalty.smoothing, penalty.threshold
    looked_at = point.kept if point.exact else ~point.kept & (norms > ZERO)
    kappa = column_curvatures(point.problem, point.U[:, looked_at]).max().item() if looked_at.any() else point.kappa
    if not point.exact:
        tau = theory.robust_gap_bound(point.epsilon, point.gamma, strength, smoothing, kappa)
        seen = point.tau <= tau
        return [Check("robust gap", "bound on τ < 2√β", tau, threshold, f"τ = {point.tau:.1e} ≤ {tau:.1e}", seen)]
    least = norms[point.kept].min().item() if point.m else math.inf
    edge = theory.gap_edge(strength, kappa, smoothing)
    return [
        Check("gap", "2κβ√β < λ", 2 * kappa * smoothing**1.5, strength,
              f"least norm {least:.3f} ≥ {edge:.3f}", least >= edge * (1 - ZERO)),
        Check("window", "25√5 κβ√β < λ", theory.threshold_strength(smoothing, kappa), strength,
              f"least norm {least:.3f} > 2√β = {threshold:.3f}", least > threshold),
    ]  # fmt: skip


def fit_check(point):
    """Theorem A at an exact point: f(X) + λ Σ p_i h'(p_i) + ‖𝒜(Δ)‖²/n ≤ f(M) + (λ/√β) tr M."""
    problem, strength, smoothing = point.problem, point.penalty.strength, point.penalty.smoothing
    shrinking = float(strength * (point.p * theory.dh(point.p, smoothing)).sum()) if point.m else 0.0
    left = problem.loss(point.U).item() + shrinking + point.isometry * point.error**2
    right = theory.fit_bound(problem.loss(problem.U_star).item(), problem.M.trace().item(), strength, smoothing)
    return Check("A: training loss", "m < k", point.m, point.U.shape[1], f"{left:.3f} ≤ {right:.3f}", left <= right)


def closeness_bound(point):
    """Theorem B's bound on ‖Δ‖_F with everything in it measured; math.inf where it gives none."""
    rest = point.U.shape[1] - point.m
    if not rest or not point.m:
        return math.inf
    return theory.closeness_bound(
        point.p, point.problem.r, point.mu_r, point.penalty.strength, point.penalty.smoothing, level=point.noise,
        lower=point.isometry, upper=max(point.kappa, point.isometry), small=rest, tau=point.tau, cosine=point.cosine,
        eps=point.epsilon, gamma=point.gamma,
    )  # fmt: skip


def closeness_check(point):
    """Theorem B; its condition is that some column is not kept and that the bound is finite."""
    k, bound = point.U.shape[1], closeness_bound(point)
    return Check("B: closeness", "m < k", point.m if math.isfinite(bound) else k, k, *_bounded(point.error, bound))


def eigenvalue_checks(point):
    """Lemma 4.4, with ℓ the least norm of a kept column: λ_max(M − X_S) < μ_r and λ_max(X_S − M) < (1 − ρ)ℓ²."""
    r, spectrum = point.problem.r, torch.linalg.eigvalsh(point.difference)
    least = (1 - r * point.cosine) * point.p.min().item() if point.m else math.inf
    return [
        Check("at least r, by eigenvalues", "λ_max(M − X_S) < μ_r", -spectrum[0].item(), point.mu_r,
              f"m = {point.m} ≥ {r}", point.m >= r),
        Check("at most r, by eigenvalues", "λ_max(X_S − M) < (1−ρ)ℓ²", spectrum[-1].item(), least,
              f"m = {point.m} ≤ {r}", point.m <= r),
    ]  # fmt: skip


def count_checks(point):
    """Theorem C, exact or approximate: at least r columns, at most r columns."""
    (on, off), c, r = point.deviations, point.c, point.problem.r
    slacks = theory.count_slacks(
        r, point.mu_r, point.penalty.strength / c, point.penalty.smoothing, on_range=on / c, off_range=off / c,
        eps=point.epsilon / c, gamma=point.gamma / c, tau=point.tau, cosine=point.cosine, upper=point.kappa / c,
    )  # fmt: skip
    least, most = (c * slack for slack in slacks)
    names = ("λ_max(QEQ) < 2cμ_r − λ/√β", "λ_max(−Q′EQ′) < 2c g_min")
    if not point.exact:
        names = ("λ_max(QEQ) < 2cμ_r − Λ", "λ_max(−Q′EQ′) < 2c(1−ρ)g_min − …")
    return [
        Check("C: at least r", names[0], on, on + least, f"m = {point.m} ≥ {r}", point.m >= r),
        Check("C: at most r", names[1], off, off + most, f"m = {point.m} ≤ {r}", point.m <= r),
    ]


def after_count_check(point):
    """Theorem D at an exact point: with m = r, ‖E‖ < 2c g_min bounds ‖X − M‖_F."""
    c, e = point.c, torch.linalg.matrix_norm(point.E, 2).item()
    strength, smoothing = point.penalty.strength / c, point.penalty.smoothing
    right = 2 * c * theory.g_min(strength, smoothing) if point.m == point.problem.r else -math.inf
    bound = theory.error_after_count(point.p, e / c, strength, smoothing)[1] if e < right else math.inf
    return Check("D: after the count", "m = r, ‖E‖ < 2c g_min", e, right, *_bounded(point.error, bound))


def checks(point):
    """Every check that applies to this kind of point, in the order of the chapter: a list of `Check`."""
    shared = [closeness_check(point), *count_checks(point)]
    if point.exact:
        return [*gap_checks(point), fit_check(point), *shared, after_count_check(point)]
    return [*gap_checks(point), *shared]


def show(rows):
    """The checks as a table: the condition, its two sides and its slack, the promise, and whether each holds."""
    columns = ["statement", "asks", "left", "right", "slack", "holds", "promises", "seen"]
    table = pd.DataFrame(
        [(*check[:4], check.slack, _mark(check.holds), check.promise, _mark(check.seen)) for check in rows],
        columns=columns,
    )
    style = table.style.hide().format(_number, subset=["left", "right", "slack"])
    return style.map(_paint, subset=["holds", "seen"])


def _number(value):
    return f"{value:.3f}" if math.isfinite(value) else "—"


def _bounded(error, bound):
    """The promise error ≤ bound, and whether it is so."""
    return (f"error {error:.3f} ≤ {bound:.3f}", error <= bound) if math.isfinite(bound) else ("no bound", None)


def _mark(truth):
    return "—" if truth is None else "✓ yes" if truth else "✗ no"


def _paint(text):
    colors = {"✓": "background-color: #cdebd0; color: #10331a;", "✗": "background-color: #f6d5cf; color: #4a140b;"}
    return colors.get(text[0], "") + "white-space: nowrap"
