"""A problem from your own measurements, whose truth nobody knows (chapter 8)."""

from math import isqrt

import numpy as np
import torch

from helpers.arguments import tensor
from helpers.problems import Empirical, svec


class Observed(Empirical):
    """Your own measurements, whose truth nobody knows (chapter 8).

    Observed(A, y) with symmetric A_i, shape (n, d, d) (of others the symmetric part counts), or Observed(x, y) with
    inputs x_i, shape (n, d), and A_i = x_i x_iᵀ; y of shape (n,). Tensors, arrays or frames; float64 inside. Scales are
    those of the two ensembles, E⟨A, X⟩² ≈ ‖X‖_F² and E xxᵀ ≈ I: whiten the inputs of a network, which keeps the rank.
    Raises TypeError or ValueError, also where the mean square of the data is far from 1, with the factor that helps.
    What needs the truth (`r`, `mu_r`) raises AttributeError, `error` is NaN; M = 0 is where the loss is expanded.
    """

    def __init__(self, measurements, y):
        data, y = (_float64(name, value) for name, value in (("measurements", measurements), ("y", y)))
        rank_one = tensor("measurements", data, ndim=2).ndim == 2
        if data.ndim > 3:
            raise ValueError(f"measurements must be inputs (n, d) or matrices (n, d, d), got shape {tuple(data.shape)}")
        if y.shape != data.shape[:1]:
            raise ValueError(f"y must have one number a measurement, shape ({len(data)},), got {tuple(y.shape)}")
        tensor("y", y)
        if not rank_one:
            tensor("measurements", data, shape=(data.shape[-1], data.shape[-1]))
            data = svec((data + data.mT) / 2)
        size = data.square().mean().sqrt().item()
        if size == 0:
            raise ValueError("measurements must not all be zero (of a matrix A_i the symmetric part counts)")
        if not 0.7 < size < 1.4:
            what, times = ("inputs", size**2) if rank_one else ("A (off the diagonal √2 × the entry)", size)
            raise ValueError(
                f"the coordinates of {what} must have mean square about 1: divide by {size:.4g}, "
                f"and what is found is {times:.4g} × M"
            )
        d = data.shape[1] if rank_one else (isqrt(8 * data.shape[1] + 1) - 1) // 2
        super().__init__(data.new_zeros(d, 1), data, y, "rank-one" if rank_one else "gaussian")

    @property
    def r(self):
        raise AttributeError("the rank of observed data is not known: helpers.untuned.find_rank estimates it")

    mu_r = r

    def error(self, U):
        """NaN of the batch shape: there is no truth to compare with."""
        return torch.full_like(U[..., 0, 0], torch.nan)


def part(problem, rows):
    """Some of the measurements of an `Empirical` problem, without its truth: `Observed`. rows: indices or a mask (n,).

    Their scale is the whole's, whatever that of the few may be. Raises ValueError if there are none.
    """
    some = Observed.__new__(Observed)  # what `Observed` asks of measurements, the whole has shown
    unknown = problem.design.new_zeros(problem.d, 1)
    Empirical.__init__(some, unknown, problem.design[rows], problem.y[rows], problem.ensemble)
    return some


def _float64(name, value):
    """A float64 tensor of a tensor, where it lies, or of what numpy makes an array of real numbers: a frame, a list."""
    values = value.detach() if isinstance(value, torch.Tensor) else np.asarray(value)
    kind = getattr(values.dtype, "name", str(values.dtype)).removeprefix("torch.")
    if not kind.startswith(("float", "bfloat", "int", "uint")):
        what = f"{type(value).__name__} of {kind}"
        raise TypeError(f"{name} must be a torch tensor or an array of real numbers, got {what}")
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(np.require(values, np.float64, "CW"))  # a copy where torch could not share it
    return values.to(torch.float64)
