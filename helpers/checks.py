"""What the checks of the problem sets share: instances to try an answer on, comparisons that say what went wrong."""

import builtins
import functools
import types

import torch

from helpers.arguments import generator

# where checks run: filled below with what they may use; a student's importlib.reload loses none of it
OWN = globals().get("OWN", {"__builtins__": builtins})


def checks(*names):
    """Decorator for a check in a notebook: it runs in a namespace of its own, where nothing that the notebook calls
    `result` or `sum` can get in its way. names: the notebook's answers, which are looked up when the check runs.

    In that namespace there are torch, the functions of this module, and all functions that were decorated before; what
    else a check needs it imports itself. NameError if the notebook has no such answer."""

    def decorate(check):
        notebook = check.__globals__

        @functools.wraps(check)
        def run(*args, **options):
            if missing := [name for name in names if name not in notebook]:
                raise NameError(f"There is no {missing[0]} to check: run the cell with your answer first.")
            own = {**OWN, **{name: notebook[name] for name in names}}
            same_check = types.FunctionType(check.__code__, own, check.__name__, check.__defaults__, check.__closure__)
            same_check.__kwdefaults__ = check.__kwdefaults__
            return same_check(*args, **options)

        OWN[check.__name__] = run
        return run

    return decorate


def draw(*shape, seed):
    """A tensor of independent N(0, 1) entries, float64; `seed` ≥ 0."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def symmetric(*shape, seed):
    """Like `draw`, but each matrix in the last two dimensions (which must be equal) is symmetrised, (G + Gᵀ)/2."""
    G = draw(*shape, seed=seed)
    return (G + G.mT) / 2


def slope(f, U, V, *, step=1e-5):
    """The derivative of f at U in the direction V by central differences, an independent look at any gradient."""
    return (f(U + step * V) - f(U - step * V)) / (2 * step)


def result(value, what, shape):
    """An answer as a float64 tensor of this shape; value: a tensor, array, list or number. AssertionError with a
    sentence that names it `what` if it is none, has another shape, or is not finite."""
    if value is None:
        raise AssertionError(f"{what} is None: does your function return its result?")
    try:
        value = torch.as_tensor(value, dtype=torch.float64).detach()
    except (TypeError, ValueError, RuntimeError):
        raise AssertionError(f"{what} must be a tensor, an array or a number, got {type(value).__name__}.") from None
    assert value.shape == shape, f"{what} has shape {tuple(value.shape)}, expected {tuple(shape)}."
    assert torch.isfinite(value).all(), f"{what} has NaN or infinite entries."
    return value


def same(got, want, what, hints=None, *, tolerance=1e-6):
    """Nothing if `got` equals `want` up to `tolerance` relative to its norm, else AssertionError with a sentence.

    got: the answer, a tensor, array, list or number. want: what it should be. what: its name in the sentence.
    hints: {factor: sentence}, used when got is that multiple of want.
    """
    want = torch.as_tensor(want, dtype=torch.float64)
    got = result(got, what, want.shape)
    size = want.norm().item()
    allowed = tolerance * (size or 1.0)
    if (got - want).norm() <= allowed:
        return
    ratio = (got * want).sum().item() / (size**2 or 1.0)
    multiple = (got - ratio * want).norm() <= allowed * max(1.0, abs(ratio))
    if want.numel() > 1 and size and abs(ratio) > 1e-6 and multiple:
        sign = " and has the wrong sign" if ratio < 0 else ""
        raise AssertionError(f"{what} is right up to the factor {ratio:.4g}{sign}.{_hint(ratio, hints)}")
    where = f"{got.item():.6g} instead of {want.item():.6g}" if want.numel() == 1 else "not only by a factor"
    hint = _hint(ratio, hints) if want.numel() == 1 else ""
    off = (got - want).norm().item() / (size or 1.0)
    raise AssertionError(f"{what} is wrong, {where}: off by {off:.2g} of its size.{hint}")


def _hint(ratio, hints):
    fitting = [text for factor, text in (hints or {}).items() if abs(ratio - factor) <= 1e-4 * abs(factor)]
    return f" {fitting[0]}" if fitting else ""


OWN |= {"torch": torch, "draw": draw, "symmetric": symmetric, "slope": slope, "result": result, "same": same}
