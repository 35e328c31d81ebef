"""Training and fine-tuning (chapters 1, 2 and 5): gradient descent on F(U) = f(UUᵀ) + R(U), for a batch of runs at
once, and L-BFGS on the same objective where a converged stationary point is wanted.

A problem is anything with `loss_and_gradient(U)`, `hessian_vector(U, V)`, `error(U)`, `d` and `U_star`; a penalty
anything with `value(U)`, `gradient(U)`, `hessian_vector(U, V)` and `largest_curvature(U)`.
"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from tqdm import tqdm

from helpers import forms
from helpers.arguments import as_numpy, choice, generator, integer, number, tensor
from helpers.objective import WARM_UP, Objective


@dataclass
class Run:
    """What training returns. Recorded states are stacked along a leading time dimension T.

    U (..., d, k): the last iterate, NaN in a batched run that diverged. steps (T,): when the records were taken.
    loss, error (T, ...): f(UUᵀ) without the penalty, ‖UUᵀ − M‖_F. column_norms (T, ..., k). iterates (T, ..., d, k) or
    None. gradient_norm, step_size, diverged (...). evaluations: how many gradients were computed.
    """

    U: torch.Tensor
    steps: torch.Tensor
    loss: torch.Tensor
    error: torch.Tensor
    column_norms: torch.Tensor
    iterates: torch.Tensor | None
    gradient_norm: torch.Tensor
    step_size: torch.Tensor | None
    diverged: torch.Tensor
    evaluations: int


def gaussian_init(d, k, *, scale, seed=0, batch=()):
    """U₀ of shape (*batch, d, k) with iid N(0, scale²) entries, float64. d, k ≥ 1, scale > 0."""
    d, k, scale = integer("d", d, low=1), integer("k", k, low=1), number("scale", scale, low=0, strict=True)
    batch = tuple(integer("batch", n, low=1) for n in batch)
    return scale * torch.randn(*batch, d, k, generator=generator(seed), dtype=torch.float64)


def train(
    problem, U0, *, penalty=None, steps, step_size=None, method="gradient descent", tolerance=0.0, drop_below=0.0,
    record=100, keep_iterates=False, progress=False,
):  # fmt: skip
    """Minimise f(UUᵀ) + penalty from U0 (..., d, k): a `Run`.

    steps: how many at most. step_size: a number > 0, or None for `safe_step`. tolerance: stop once ‖∇F‖_F is at most
    this in every run, or, if tolerance > 0, once no step changes U by more than rounding. drop_below: a column whose
    norm falls below this is set to zero, where it stays (an exact zero is stationary); 0 drops none. record: how many
    states to record, evenly spaced, or the steps at which to record, a sequence, array or tensor of integers.
    method: "gradient descent", or "l-bfgs" (scipy, then Newton steps) for a converged point of one run, recorded at
    every step, or at its end if record = 1. The fast way to the right number of columns is "l-bfgs" with tolerance =
    λ/10 and drop_below = a tenth of the pruning threshold.
    progress: show a bar. Raises TypeError, ValueError, MemoryError, and FloatingPointError when a single run diverges;
    in a batch that run is flagged in `diverged`, its U and what is recorded of it from then on are NaN, and the others
    go on.
    """
    U0 = tensor("U0", U0, ndim=2, shape=(problem.d, None), like=problem.U_star, empty=True).detach()
    steps, tolerance = integer("steps", steps, low=0), number("tolerance", tolerance, low=0)
    drop_below = number("drop_below", drop_below, low=0)
    choice("method", method, ("gradient descent", "l-bfgs"))
    if step_size is not None:
        step_size = U0.new_full(U0.shape[:-2], number("step_size", step_size, low=0, strict=True))
    objective = Objective(problem, penalty)
    if method == "l-bfgs":
        return _converged(objective, U0, steps, tolerance, drop_below, record, keep_iterates)
    step_size = safe_step(problem, U0, penalty) if step_size is None else step_size
    times = _times(record, steps)
    if keep_iterates:
        what = f"keeping {len(times)} iterates of shape {tuple(U0.shape)}"
        forms.require(2 * len(times) * U0.nbytes, what, U0.device, "record fewer, as in record=20.")
    recorder = _Recorder(problem, keep_iterates)
    U, diverged = U0.clone(), torch.zeros(U0.shape[:-2], dtype=torch.bool, device=U0.device)
    alive = torch.arange(U.shape[-1], device=U.device)
    for step in tqdm(range(steps + 1), disable=not progress):
        loss, slope = objective.loss_and_gradient(U)
        size = torch.linalg.matrix_norm(slope)
        stop = step == steps or bool((size <= tolerance).all()) or (tolerance > 0 and _is_rounding(step_size, size, U))
        if step in times or stop:
            recorder.add(step, loss, _restore(U, alive, U0), diverged)
        if stop:
            break
        new = U - step_size[..., None, None] * slope
        broken = ~torch.isfinite(new.sum((-2, -1)))  # a sum that overflows has diverged too
        if broken.any():
            if U0.ndim == 2:
                raise FloatingPointError(
                    f"training diverged at step {step}: step_size={step_size.item():.3g} is too large here. Pass "
                    f"step_size=None, which takes {safe_step(problem, U0, penalty).item():.3g}, or a smaller start."
                )
            diverged |= broken
            new[broken] = 0
        U = new
        if drop_below and step >= WARM_UP:
            dead = torch.linalg.vector_norm(U, dim=-2) < drop_below
            gone = dead.flatten(0, -2).all(0) if dead.ndim > 1 else dead
            keep = ~gone if not gone.all() else torch.arange(len(gone), device=U.device) == 0
            U, alive = (U * ~dead[..., None, :])[..., keep], alive[keep]
    U = _restore(U, alive, U0)
    U[diverged] = torch.nan
    return recorder.run(U, size, step_size, diverged, step + 1)


def _times(record, steps):
    """The steps at which to record, a set of integers."""
    if isinstance(record, Integral) and not isinstance(record, bool):
        return set(np.linspace(0, steps, integer("record", record, low=1)).round().astype(int).tolist())
    times = np.atleast_1d(as_numpy(record))
    if times.dtype.kind not in "iuf" or (times != times.round()).any():
        raise TypeError(f"record must be an integer or a sequence of integers, got {record!r}")
    return set(times.astype(int).tolist())


def _is_rounding(step_size, size, U):
    """Whether no step changes U by more than a few units in its last place."""
    return bool((step_size * size <= 4 * torch.finfo(U.dtype).eps * torch.linalg.matrix_norm(U)).all())


def fine_tune(problem, U, *, steps=20_000, step_size=None, tolerance=1e-9, **options):
    """Gradient descent on f(UUᵀ) alone from U (..., d, m), until ‖∇f(UUᵀ)‖_F ≤ tolerance or `steps` are done: a `Run`.

    The oracle that is told r is `fine_tune(problem, problem.U_star)`. Options and errors as for `train`.
    """
    return train(problem, U, steps=steps, step_size=step_size, tolerance=tolerance, **options)


def safe_step(problem, U0, penalty=None):
    """1/L, of shape (...): L is the largest curvature of f(UUᵀ) at U0 or at the truth (by power iteration) plus that of
    the penalty at zero. Gradient descent is stable below 2/L near either point (chapter 5)."""
    start = _top_curvature(problem, U0)
    truth = _top_curvature(problem, problem.U_star)
    extra = penalty.largest_curvature(U0) if penalty else 0.0
    return 1 / (torch.maximum(start, truth) + extra)


def _top_curvature(problem, U, iterations=20):
    V = torch.randn(U.shape, generator=generator(0), dtype=torch.float64).to(U)
    for _ in range(iterations):
        V = problem.hessian_vector(U, V / torch.linalg.matrix_norm(V)[..., None, None])
    return torch.linalg.matrix_norm(V)


class _Recorder:
    def __init__(self, problem, keep_iterates):
        self.problem, self.keep_iterates = problem, keep_iterates
        self.steps, self.loss, self.error, self.norms, self.iterates = [], [], [], [], []

    def add(self, step, loss, U, diverged):
        self.steps.append(step)
        self.loss.append(loss.masked_fill(diverged, torch.nan))
        self.error.append(self.problem.error(U).masked_fill(diverged, torch.nan))
        self.norms.append(torch.linalg.vector_norm(U, dim=-2).masked_fill(diverged[..., None], torch.nan))
        if self.keep_iterates:
            self.iterates.append(U)

    def run(self, U, gradient_norm, step_size, diverged, evaluations):
        iterates = torch.stack(self.iterates) if self.keep_iterates else None
        loss, error, norms = map(torch.stack, (self.loss, self.error, self.norms))
        steps = torch.tensor(self.steps, device="cpu")  # of the run, not of its tensors
        return Run(U, steps, loss, error, norms, iterates, gradient_norm, step_size, diverged, evaluations)


def _converged(objective, U0, steps, tolerance, drop_below, record, keep_iterates):
    recorder = _Recorder(objective.problem, keep_iterates)
    diverged = torch.zeros((), dtype=torch.bool, device=U0.device)

    def add(U, loss):
        recorder.add(len(recorder.steps), loss, U, diverged)

    if record != 1:
        add(U0, objective.problem.loss(U0))
    U, gradient_norm, evaluations = objective.minimise(
        U0, steps=steps, tolerance=tolerance, drop_below=drop_below, callback=None if record == 1 else add
    )
    add(U, objective.problem.loss(U))
    return recorder.run(U, gradient_norm, None, diverged, evaluations)


def _restore(U, alive, U0):
    full = torch.zeros_like(U0)
    full[..., alive] = U
    return full
