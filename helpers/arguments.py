"""Argument checks. Each returns the value it accepts, or raises an error that names the argument, what was given and
what is expected; nothing is clipped or converted silently."""

import math
import textwrap
from numbers import Integral, Real

import numpy as np
import torch

ENSEMBLES = ("gaussian", "rank-one")


def number(name, value, *, low=None, high=None, strict=False):
    """A finite real number in [low, high] (in the open interval if `strict`), as a float.

    Raises TypeError if `value` is not a real number, ValueError if it is not finite or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    value = float(value)
    below = low is not None and (value <= low if strict else value < low)
    above = high is not None and (value >= high if strict else value > high)
    if not math.isfinite(value) or below or above:
        raise ValueError(f"{name} must be {_range(low, high, strict)}, got {value}")
    return value


def positive(**values):
    """The keyword arguments as floats, a list, each as in `number` and greater than 0. Raises TypeError, ValueError."""
    return [number(name, value, low=0, strict=True) for name, value in values.items()]


def nonnegative(**values):
    """The keyword arguments as floats, a list, each as in `number` and at least 0. Raises TypeError, ValueError."""
    return [number(name, value, low=0) for name, value in values.items()]


def _range(low, high, strict):
    than = ("greater than", "less than") if strict else ("at least", "at most")
    bounds = [f"{word} {bound}" for word, bound in zip(than, (low, high), strict=True) if bound is not None]
    return " and ".join(["finite", *bounds])


def array(name, value, **allowed):
    """A number or a non-empty array of numbers, each as in `number(..., **allowed)`: a float numpy array of its shape.

    Raises TypeError if there are none or they are not real, ValueError if one is not finite or out of range.
    """
    values = as_numpy(value)
    if values.dtype.kind not in "iuf" or values.size == 0:
        raise TypeError(f"{name} must be a real number or a non-empty array of real numbers, got {value!r}")
    for extreme in (values.min(), values.max()):  # both are NaN if any entry is
        number(name, extreme.item(), **allowed)
    return values.astype(float)


def as_numpy(value):
    """`np.asarray(value)`, of a tensor on any device, with a gradient or not."""
    return np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)


def integer(name, value, *, low=None, high=None):
    """An integer in [low, high], as an int. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    value = int(value)
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{name} must be an integer, {_range(low, high, False)}, got {value}")
    return value


def choice(name, value, options):
    """One of `options`. Raises ValueError."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def tensor(name, value, *, ndim=None, shape=None, like=None, empty=False):
    """A finite floating-point tensor with at least `ndim` dimensions, whose last dimensions are `shape` (None: any),
    of the dtype and on the device of `like`; with no entries only if `empty`. Raises TypeError (kind, dtype, device) or
    ValueError (shape, NaN, inf).
    """
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise TypeError(f"{name} must be a floating-point torch tensor, got {_kind(value)}")
    if like is not None and (value.dtype, value.device) != (like.dtype, like.device):
        raise TypeError(
            f"{name} must be {like.dtype} on {like.device} like the problem, got {value.dtype} on {value.device}; "
            "convert one of them with .to(...)"
        )
    if ndim is not None and value.ndim < ndim:
        raise ValueError(f"{name} must have at least {ndim} dimensions, got shape {tuple(value.shape)}")
    if shape and not _ends_with(value.shape, shape):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape (..., {wanted}), got {tuple(value.shape)}")
    if 0 in value.shape and not empty:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    # a finite sum has finite terms, and is found in a sixth of the time
    if not (math.isfinite(value.sum().item()) or torch.isfinite(value).all()):
        raise ValueError(f"{name} must be finite, but it has NaN or infinite entries")
    return value


def _ends_with(shape, tail):
    return len(shape) >= len(tail) and all(
        want in (None, got) for want, got in zip(tail, shape[-len(tail) :], strict=True)
    )


def _kind(value):
    return f"a {value.dtype} tensor" if isinstance(value, torch.Tensor) else type(value).__name__


def ranges(**parameters):
    """Print which values a page's parameters may take, and refuse others with the same sentence.

    Each keyword is a triple (value, low, high): a number, or a sequence of numbers each of which lies in [low, high].
    Raises ValueError for what lies outside.
    """
    valid = ", ".join(f"{low:g} ≤ {name} ≤ {high:g}" for name, (_, low, high) in parameters.items())
    for name, (value, low, high) in parameters.items():
        if not all(low <= entry <= high for entry in np.atleast_1d(value)):
            raise ValueError(f"{name} = {value} is out of range. Valid: {valid}.")
    whole = f"Valid: {valid}.".replace(" ≤ ", "~≤~")  # a line ends after a comma, not within a range
    print(textwrap.fill(whole, 84).replace("~", " "))


def generator(seed):
    """A torch generator seeded with `seed` (an integer): the only source of randomness in the book."""
    return torch.Generator().manual_seed(integer("seed", seed, low=0))
