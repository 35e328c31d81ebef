"""What the checks of the problem sets share: instances to try an answer on, comparisons that say what went wrong."""

import ast
import builtins
import contextlib
import functools
import types

import torch

from helpers.arguments import generator

# where checks run: filled below with what they may use; a student's importlib.reload loses none of it
OWN = globals().get("OWN", {"__builtins__": builtins})
BUILTINS = globals().get("BUILTINS", dict(vars(builtins)))
KEPT = globals().get("KEPT", {})  # the notebook's names as they were when an answer's cell had run


def keep(notebook, source):
    """Remember what the names of the notebook mean now that an answer's cell, of this text, has run. The grader calls
    it: an answer that was right there stays so when a star import or a cell below gives its names another meaning.

    Functions of the text whose names an import at the end of the cell has taken are made anew."""
    KEPT.clear()
    KEPT.update(notebook)
    with contextlib.suppress(Exception):  # a line for IPython is no Python
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and getattr(KEPT.get(node.name), "__globals__", None) is not notebook:
                exec(compile(ast.Module([node], []), "answer", "exec"), notebook, KEPT)


def checks(*names):
    """Decorator for a check in a notebook: it runs in a namespace of its own, where nothing that the notebook calls
    `result` or `sum` can get in its way. names: the notebook's answers, which are looked up when the check runs.

    In that namespace there are torch, the functions of this module, and all functions that were decorated before; what
    else a check needs it imports itself. What fails is tried once more with the names that `keep` has remembered.
    NameError if the notebook has no such answer."""

    def decorate(check):
        notebook = check.__globals__

        def once(*args, **options):
            if missing := [name for name in names if name not in notebook]:
                raise NameError(f"There is no {missing[0]} to check: run the cell with your answer first.")
            own = {**OWN, **{name: notebook[name] for name in names}}
            same_check = types.FunctionType(check.__code__, own, check.__name__, check.__defaults__, check.__closure__)
            same_check.__kwdefaults__ = check.__kwdefaults__
            return same_check(*args, **options)

        @functools.wraps(check)
        def run(*args, **options):
            with _meaning(vars(builtins), BUILTINS):
                try:
                    return once(*args, **options)
                except Exception:
                    hidden = {name: BUILTINS[name] for name in BUILTINS.keys() & notebook.keys() if name[0] != "_"}
                    with _meaning(notebook, KEPT | hidden if KEPT else {}) as other:
                        if not other:
                            raise
                        with contextlib.suppress(Exception):
                            return once(*args, **options)
                    raise

        OWN[check.__name__] = run
        return run

    return decorate


@contextlib.contextmanager
def _meaning(namespace, names):
    """Inside, the namespace's names mean what `names` says; yields whether one of them did not anyway."""
    before = {name: value for name, value in namespace.items() if name in names}
    namespace.update(names)
    try:
        yield any(name[0] != "_" and before.get(name, names) is not value for name, value in names.items())
    finally:
        for name in names.keys() - before.keys():
            namespace.pop(name, None)
        namespace.update(before)


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


def parts(answer, count, what):
    """An answer that is several things, as a tuple; what: "two matrices: (U, V)". AssertionError with that in a
    sentence if the answer is no tuple, list or array in one dimension of `count` things, or one of them is None."""
    answer = answer.tolist() if getattr(answer, "ndim", 0) == 1 else answer
    if not isinstance(answer, tuple | list):
        raise AssertionError(f"Return {what}. Yours is {'None' if answer is None else 'a ' + type(answer).__name__}.")
    assert len(answer) == count, f"Return {what}. Yours has length {len(answer)}."
    assert all(part is not None for part in answer), f"Return {what}. A part of yours is None."
    return tuple(answer)


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


OWN |= {"torch": torch, "draw": draw, "symmetric": symmetric, "slope": slope, "result": result}
OWN |= {"parts": parts, "same": same}
