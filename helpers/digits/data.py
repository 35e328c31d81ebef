"""The handwritten digits that ship with scikit-learn, split for an honest experiment (chapter 7)."""

from typing import NamedTuple

import torch
from sklearn.datasets import load_digits

from helpers.arguments import choice, generator, integer, tensor

TASKS = {"parity": 2, "digit": 10}  # and how many classes each has
TRAIN, VALIDATION = 1000, 300  # of 1797 images; the others are the test part


class Part(NamedTuple):
    """Inputs x of shape (..., n, d) and their classes y of shape (..., n), integers from 0."""

    x: torch.Tensor
    y: torch.Tensor

    def repeat(self, times):
        """The S data sets of a stacked part (S, n, d), all of them `times` times over: (times · S, n, d)."""
        times = integer("times", times, low=1)
        return Part(self.x.repeat(times, 1, 1), self.y.repeat(times, 1))


class Split(NamedTuple):
    """Three disjoint parts: fit on `train`, choose on `validation`, report on `test`."""

    train: Part
    validation: Part
    test: Part

    def take(self, number):
        """Split `number` of a stacked one, alone: parts with x (n, d) and y (n,)."""
        return Split(*(Part(part.x[number], part.y[number]) for part in self))


def images():
    """The 1797 images of 8 × 8 pixels, (1797, 8, 8) with values from 0 to 16, and the digits they show, (1797,)."""
    found = load_digits()
    return torch.tensor(found.images, dtype=torch.float32), torch.tensor(found.target)


def load(task, seeds):
    """One random split of the digits for each of `seeds`, stacked: a `Split` of parts with x (S, n, 65), y (S, n).

    task: "parity" (class 1 for even digits, 0 for odd) or "digit" (ten classes). Inputs are standardised pixels and a
    last coordinate that is always 1, single precision. Raises TypeError or ValueError.
    """
    pixels, digit = images()
    labels = (digit % 2 == 0).long() if choice("task", task, tuple(TASKS)) == "parity" else digit
    splits = [split(pixels.flatten(1), labels, TASKS[task], seed=seed) for seed in seeds]
    if not splits:
        raise ValueError("seeds must not be empty")
    return Split(*(Part(*map(torch.stack, zip(*parts, strict=True))) for parts in zip(*splits, strict=True)))


def split(x, y, classes, *, train=TRAIN, validation=VALIDATION, seed=0):
    """A random `Split` of the rows of x (n, d) with labels y (n,): sizes `train`, `validation`, and the rest.

    Every feature is shifted and scaled to mean 0 and standard deviation 1 on the *training* part (one that is constant
    there is only shifted), and a coordinate 1 is appended, so x has d + 1 features. Raises TypeError or ValueError if x
    is not a finite floating-point matrix, y not integers from 0 to classes − 1, or no row is left for the test.
    """
    tensor("x", x, ndim=2)
    check_labels(y, classes, len(x))
    train, validation = integer("train", train, low=2), integer("validation", validation, low=1)
    if train + validation >= len(x):
        raise ValueError(f"train + validation must leave rows for the test: {train} + {validation} of {len(x)} do not")
    order = torch.randperm(len(x), generator=generator(seed))
    mean, spread = x[order[:train]].mean(0), x[order[:train]].std(0)
    x = (x - mean) / torch.where(spread > 0, spread, torch.ones_like(spread))
    x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    rows = order.split([train, validation, len(x) - train - validation])
    return Split(*(Part(x[i], y[i]) for i in rows))


def check_labels(y, classes, count):
    """y itself, if it is a tensor (..., count) of integers from 0 to classes − 1; else TypeError or ValueError."""
    classes = integer("classes", classes, low=2)
    if not isinstance(y, torch.Tensor) or y.is_floating_point() or y.dtype == torch.bool:
        raise TypeError(f"y must be a tensor of integers, got {getattr(y, 'dtype', type(y).__name__)}")
    if y.shape[-1:] != (count,):
        raise ValueError(f"y must hold a label for each of {count} inputs, got shape {tuple(y.shape)}")
    if y.numel() and not 0 <= y.min() <= y.max() < classes:
        raise ValueError(f"y must hold classes from 0 to {classes - 1}, got {y.min().item()} to {y.max().item()}")
    return y
