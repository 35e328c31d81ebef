"""The theorems of chapter 4 on a run: what each asks, by how much it is met, what it promises, and whether that is so.

Every function takes a `Point`, or several; the notation is that of `points`.
"""

import math
from typing import NamedTuple

import torch

from helpers import theory
from helpers.isometry import column_curvatures
from helpers.proofs.points import ZERO
from helpers.pruning import column_norms
from helpers.tables import table

ROUNDING = 1e-9  # two sides of a strict inequality that differ by less, relatively, count as equal


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
        """right − left: the condition holds when it is positive, and not by rounding."""
        return self.right - self.left

    @property
    def holds(self):
        """Whether the condition holds on this run. Sides that only rounding tells apart are equal: it does not."""
        return self.left < self.right and not math.isclose(self.left, self.right, rel_tol=ROUNDING)

    @property
    def contradicted(self):
        """Whether the condition holds and the promise does not: no run may show this."""
        return self.holds and not self.seen


def gap_checks(point):
    """At an exact point Lemma 4.1 and Corollary 4.3, at an approximate one Lemma 4.12."""
    (strength, smoothing), threshold, norms = point.scales, point.penalty.threshold, column_norms(point.U)
    looked_at = point.kept if point.exact else ~point.kept & (norms > ZERO)
    kappa = column_curvatures(point.problem, point.U[:, looked_at]).max().item() if looked_at.any() else point.kappa
    if not point.exact:
        tau = theory.robust_gap_bound(point.epsilon, point.gamma, strength, smoothing, kappa)
        seen = point.tau <= tau
        return [Check("4.12 robust gap", r"bound on $\tau < 2\sqrt\beta$", tau, threshold,
                      f"τ = {point.tau:.2g} ≤ {tau:.2g}", seen)]
    least = norms[point.kept].min().item() if point.m else math.inf
    edge, strong = theory.gap_edge(strength, kappa, smoothing), theory.threshold_strength(smoothing, kappa)
    return [
        Check("4.1 gap", r"$2\kappa\beta^{3/2} < \lambda$", 2 * kappa * smoothing**1.5, strength,
              f"least norm {least:.3f} ≥ {edge:.3f}", bool(least >= edge * (1 - ZERO))),
        Check("4.3 window", r"$5^{5/2}\kappa\beta^{3/2} < \lambda$", strong, strength,
              f"least norm {least:.3f} > threshold {threshold:.3f}", least > threshold),
    ]  # fmt: skip


def fit_bounds(point):
    """The two bounds of Theorem 4.6 on the training loss f(X) at an exact point: first order, second order."""
    problem, (strength, smoothing) = point.problem, point.scales
    truth_loss, spread = problem.loss(problem.U_star).item(), point.alpha * point.error**2
    shrinking = float(strength * (point.p * theory.dh(point.p, smoothing)).sum()) if point.m else 0.0
    first = theory.fit_bound(truth_loss, problem.M.trace().item(), strength, smoothing) - shrinking - spread
    return first, truth_loss + theory.fit_excess(point.p, problem.mu_r, strength, smoothing, point.alpha)


def fit_check(point):
    """Theorem 4.6 at an exact point: the smaller of its two bounds on f(X)."""
    loss, bound = point.problem.loss(point.U).item(), min(fit_bounds(point))
    return Check("4.6 training loss", "$m < k$", point.m, point.U.shape[1], f"{loss:.4f} ≤ {bound:.4f}", loss <= bound)


def error_bound(point):
    """The bound of Theorem 4.7 or 4.14 (iii) on ‖Δ‖_F with everything in it measured; math.inf where there is none."""
    rest = point.U.shape[1] - point.m
    if not rest:
        return math.inf
    return theory.closeness_bound(
        point.p, point.problem.r, point.problem.mu_r, *point.scales,
        nu=point.problem.nu, alpha=point.alpha, upper=max(point.kappa, point.alpha), small=rest, tau=point.tau,
        rho=max(point.m - 1, 0) * point.cosine, eps=point.epsilon, gamma=point.gamma,
    )  # fmt: skip


def closeness_check(point):
    """Theorem 4.7 or 4.14 (iii); its condition is that some column is not kept and that the bound is finite."""
    k, bound = point.U.shape[1], error_bound(point)
    name = f"{'4.7' if point.exact else '4.14'} closeness"
    return Check(name, "$m < k$", point.m if math.isfinite(bound) else k, k, *_bounded(point.error, bound))


def eigenvalue_checks(point):
    """Lemma 4.4, with ℓ the least norm of a kept column: λ_max(M − X_S) < μ_r and λ_max(X_S − M) < (1 − ρ)ℓ²."""
    r, spectrum = point.problem.r, torch.linalg.eigvalsh(point.difference)
    least = (1 - r * point.cosine) * point.p.min().item() if point.m else math.inf
    return [
        Check("4.4 at least r", r"$\lambda_{\max}(M - X_S) < \mu_r$", -spectrum[0].item(), point.problem.mu_r,
              f"m = {point.m} ≥ {r}", point.m >= r),
        Check("4.4 at most r", r"$\lambda_{\max}(X_S - M) < (1-\rho)\ell^2$", spectrum[-1].item(), least,
              f"m = {point.m} ≤ {r}", point.m <= r),
    ]  # fmt: skip


def count_checks(point):
    """Theorem 4.8, or 4.14 (i) and (ii): at least r columns, at most r columns."""
    r, (on, off) = point.problem.r, point.deviations
    least, most = theory.count_thresholds(
        point.problem.mu_r, *point.scales, ensemble=point.problem.ensemble,
        eps=point.epsilon, gamma=point.gamma, tau=point.tau, rho=r * point.cosine, kappa=point.kappa,
    )  # fmt: skip
    number_, names = "4.8", (
        r"$\lambda_{\max}(QEQ) < 2c\mu_r - \lambda/\sqrt\beta$", r"$\lambda_{\max}(-Q'EQ') < 2c\,g_{\min}$"
    )
    if not point.exact:
        number_, names = "4.14", (
            r"$\lambda_{\max}(QEQ) < 2c\mu_r - \Lambda$", r"$\lambda_{\max}(-Q'EQ') < 2c(1-\rho)g_{\min} - \dots$"
        )
    return [
        Check(f"{number_} at least r", names[0], on, least, f"m = {point.m} ≥ {r}", point.m >= r),
        Check(f"{number_} at most r", names[1], off, most, f"m = {point.m} ≤ {r}", point.m <= r),
    ]


def after_count_check(point):
    """Theorem 4.11 at an exact point: with m = r, ‖E‖ < 2c g_min bounds ‖X − M‖_F."""
    strength, smoothing = point.scales
    size = torch.linalg.matrix_norm(point.E, 2).item()
    right, bound = -math.inf, math.inf
    if point.m == point.problem.r:
        right = 2 * point.c * theory.g_min(strength / point.c, smoothing)
        _, bound = theory.error_after_count(point.p, size, strength, smoothing, ensemble=point.problem.ensemble)
    asks = r"$m = r$, $\lVert E\rVert < 2c\,g_{\min}$"
    return Check("4.11 after the count", asks, size, right, *_bounded(point.error, bound))


def checks(point):
    """Every check that applies to this kind of point, in the order of the chapter: a list of `Check`."""
    if point.exact:
        return [*gap_checks(point), fit_check(point), closeness_check(point), *count_checks(point),
                after_count_check(point)]  # fmt: skip
    return [*gap_checks(point), *count_checks(point), closeness_check(point)]


def least_over_edge(swept):
    """The least ratio of a nonzero column's norm to the edge ℓ of Lemma 4.1, where there is one: `swept` maps a name to
    κ and rows of exact `Point`s."""
    ratios = []
    for kappa, rows in swept.values():
        for point in (point for row in rows for point in row if point.m):
            edge = theory.gap_edge(point.penalty.strength, kappa, point.penalty.smoothing)
            ratios.append(column_norms(point.S).min().item() / edge if edge > 0 else math.inf)
    return min(ratios)


def estimated_nu(point):
    """ν̂, the usual size of ν at the noise that the residuals of an exact point show, ŝ² = n f(X)/(n − dof(m)): an
    estimate without M. Raises ValueError unless n > dof(m)."""
    problem, m = point.problem, max(point.m, 1)
    rest = problem.n - theory.degrees_of_freedom(problem.d, m)
    if rest <= 0:
        raise ValueError(f"n must exceed the {problem.n - rest} parameters of {m} columns, got {problem.n}")
    noise = math.sqrt(problem.n * problem.loss(point.U).item() / rest)
    return theory.noise_level(noise, problem.d, problem.n, ensemble=problem.ensemble)


def ratios_over_time(points):
    """For approximate points along a run: {statement: left/right of its condition, NaN where the right side is not
    positive}, for Lemma 4.12 and Theorem 4.14 (i) and (ii). Below 1 a condition holds."""
    found = {}
    for point in points:
        for check in (*gap_checks(point), *count_checks(point)):
            ratio = check.left / check.right if check.right > 0 else math.nan
            found.setdefault(check.statement, []).append(ratio)
    return found


def first_sealed(points):
    """The first of these points where the gap and both conditions of the count hold; the last point if none is."""
    for point in points:
        if all(check.holds for check in (*gap_checks(point), *count_checks(point))):
            return point
    return points[-1]


def show(rows):
    """The checks as a table: the condition, its two sides and its slack, the promise, and whether each holds."""
    columns = ["statement", "asks", "left", "right", "slack", "holds", "promises", "seen"]
    return table(
        [(*check[:4], check.slack, _mark(check.holds), check.promise, _mark(check.seen)) for check in rows],
        columns,
        precision=3,
    )


def _bounded(error, bound):
    """The promise error ≤ bound, and whether it is so."""
    return (f"error {error:.3f} ≤ {bound:.3f}", error <= bound) if math.isfinite(bound) else ("no bound", None)


def _mark(truth):
    return "—" if truth is None else "✓\u00a0yes" if truth else "✗\u00a0no"
