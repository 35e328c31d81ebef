"""The ledger: what every numbered statement predicts and what is measured, over many seeds.

In the modules `test_WORD.py` beside this one, `measures` turns a function of a seed and a shape, which returns
(predicted, measured), into two things at once: a test on a few seeds, and a row of the Ledger page. `make ledger` runs
every row on all seeds and writes chapters/data/ledger.json; test_ledger.py recomputes a sample of it.

A row has no tolerance of its own. Its relation says what counts as true, the same for all rows:

=   equal but for rounding, seed by seed: within 1e-6 of the larger of 1 and |predicted|
≤ ≥ no violation, seed by seed: measured is on the right side of predicted, but for rounding as above
≈   a mean: over the seeds the mean of measured − predicted is within four standard errors of zero
→   a limit: over the shapes, the mean of |measured − predicted|/|predicted| falls, and at the last is at most half of
    what it is at the first
"""

import importlib
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from threadpoolctl import ThreadpoolController
from tools import parts

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = ROOT / "chapters" / "data"
FINISHED = ROOT / "_build" / "ledger"  # measured seeds
SEEDS = 200
SAMPLE = 2  # seeds of each row that are stored one by one, for a test to recompute, and on which its own test runs
MEAN_SEEDS = 10  # seeds on which the test of a mean or of a limit runs
ROUNDING = 1e-6
RELATIONS = ("=", "≤", "≥", "≈", "→")
REGISTRY = {}
THREADS = ThreadpoolController()  # finding the libraries takes 2 ms: once, not for each measurement


@dataclass(frozen=True)
class Measurement:
    """One row of the ledger: `function(seed, **shape)` returns (predicted, measured) for each of `shapes`.

    loose: the instances stay far from the bound, so that the row cannot refute the constant in it; the page says so.
    """

    statement: str
    quantity: str
    relation: str
    shapes: tuple
    loose: bool
    function: Callable

    @property
    def name(self):
        return f"{self.statement} {self.quantity}"

    def run(self, shape, seed):
        """(predicted, measured) as floats for one seed."""
        with THREADS.limit(limits=1):  # the matrices are small: threads only wait for each other
            predicted, measured = self.function(seed, **shape)
        return float(predicted), float(measured)

    def holds(self, pairs_by_shape):
        """Whether the relation is true of these lists of (predicted, measured), one list a shape."""
        if self.relation == "→":
            misses = [statistics.fmean(abs(m - p) / abs(p) for p, m in pairs) for pairs in pairs_by_shape]
            falling = all(after < before for before, after in pairwise(misses))
            return falling and misses[-1] <= misses[0] / 2
        check = mean_is_right if self.relation == "≈" else self._each_is_right
        return all(check(pairs) for pairs in pairs_by_shape)

    def _each_is_right(self, pairs):
        for predicted, measured in pairs:
            allowed = ROUNDING * max(1.0, abs(predicted))
            miss = {"=": abs(measured - predicted), "≤": measured - predicted, "≥": predicted - measured}[self.relation]
            if not miss <= allowed:  # false for NaN
                return False
        return True


def mean_is_right(pairs):
    """Whether the mean of measured − predicted is within four standard errors of zero (Student's t for few seeds)."""
    differences = np.array([measured - predicted for predicted, measured in pairs])
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    allowed = stats.t.isf(stats.norm.sf(4), len(differences) - 1)
    return bool(abs(differences.mean()) <= allowed * error)  # false for NaN


def measures(statement, quantity, relation, shapes, *, loose=False):
    """Make of a function (seed, **shape) → (predicted, measured) a row of the ledger and a test.

    statement: "4.1", or a claim of the paper, "P1". quantity: what is measured, in words and `$` formulas. relation:
    one of `RELATIONS`. shapes: at least three dictionaries of keyword arguments (for → in the order of the limit).
    """
    if relation not in RELATIONS or len(shapes) < 3:
        raise ValueError(f"bad measurement of {statement}: relation {relation!r}, {len(shapes)} shapes")

    def register(function):
        row = Measurement(statement, quantity, relation, tuple(shapes), loose, function)
        if row.name in REGISTRY and _origin(REGISTRY[row.name].function) != _origin(function):
            raise ValueError(f"two measurements are called {row.name!r}")
        REGISTRY[row.name] = row  # a module may be imported twice, by pytest and by `all_measurements`
        seeds = range(MEAN_SEEDS if relation in ("≈", "→") else SAMPLE)

        @pytest.mark.statement(statement)
        def test():
            pairs = [[row.run(shape, seed) for seed in seeds] for shape in row.shapes]
            assert row.holds(pairs), f"{row.name}: predicted {relation} measured fails for {pairs}"

        test.__name__ = test.__qualname__ = function.__name__
        test.__doc__, test.__module__ = function.__doc__, function.__module__
        return test

    return register


def _origin(function):
    code = getattr(function, "func", function).__code__
    return code.co_filename, code.co_firstlineno


def all_measurements():
    """Every row, in the order of the statements, the claims of the paper first."""
    for path in sorted(HERE.glob("test_*.py")):
        if path.stem != "test_ledger":
            importlib.import_module(f"statements.{path.stem}")
    return sorted(REGISTRY.values(), key=_place)


def _place(row):
    return [(part.isdigit(), part.zfill(4)) for part in row.statement.split(".")]


def updated(stored_rows, seeds=SEEDS, *, cluster=None, workers=None):
    """The rows of the ledger in order: stored ones that a fresh computation gives again, the others measured.

    Measuring runs on all processors here or on those of a Dask `cluster`, seed by seed, and shows a bar. A seed that
    was measured by this code is on disk, and is not measured again.
    """
    old = {f"{row['statement']} {row['quantity']}": row for row in stored_rows}
    wanted = [row.name for row in all_measurements() if not (row.name in old and same(row, old[row.name]))]
    new = {}
    if wanted:
        folder = FINISHED / parts.fingerprint(*wanted, str(seeds), paths=_code())
        how = {"cluster": cluster, "workers": workers, "title": f"{len(wanted)} rows, seeds"}
        by_seed = parts.computed(partial(pairs_of, wanted), range(seeds), folder, **how)
        for name, pairs in zip(wanted, zip(*by_seed, strict=True), strict=True):
            new[name] = stored(REGISTRY[name], list(zip(*pairs, strict=True)))
    return [new.get(row.name) or old[row.name] for row in all_measurements()]


def _code():
    """The files on which a measurement depends."""
    return [*ROOT.glob("helpers/**/*.py"), *HERE.glob("*.py"), HERE.parent / "instances.py"]


def same(row, old, seeds=(0,)):
    """Whether a stored row is what a fresh computation of its first seeds (of 0, …, `SAMPLE` − 1) gives."""
    stated = [result["shape"] for result in old["results"]], old["relation"], old["loose"]
    if stated != (list(row.shapes), row.relation, row.loose):
        return False
    pairs = [(row.run(result["shape"], seed), result["sample"][seed]) for result in old["results"] for seed in seeds]
    return all(fresh == pytest.approx(tuple(sample), rel=1e-4, abs=1e-7) for fresh, sample in pairs)


def pairs_of(names, seed):
    """What these rows give for one seed, at each of their shapes: all together, since rows share instances."""
    torch.set_num_threads(1)
    rows = [row for row in all_measurements() if row.name in names]
    return [[row.run(shape, seed) for shape in row.shapes] for row in rows]


def stored(row, pairs_by_shape):
    """What the ledger keeps of a row, for its pairs: one list a shape and in it one pair a seed."""
    results = [
        {"shape": shape} | summary(pairs) | {"sample": pairs[:SAMPLE]}
        for shape, pairs in zip(row.shapes, pairs_by_shape, strict=True)
    ]
    keys = ("statement", "quantity", "relation", "loose")
    return {key: getattr(row, key) for key in keys} | {"holds": row.holds(pairs_by_shape), "results": results}


def summary(pairs):
    """Medians, means and ranges over the seeds. Where the prediction changes with the seed, so do the ratios."""
    predicted, measured = zip(*pairs, strict=True)
    found = {
        "seeds": len(pairs), "predicted": statistics.median(predicted), "measured": statistics.median(measured),
        "low": min(measured), "high": max(measured), "mean predicted": statistics.fmean(predicted),
        "mean": statistics.fmean(measured), "standard error": np.std(measured, ddof=1).item() / math.sqrt(len(pairs)),
    }  # fmt: skip
    if len(set(predicted)) > 1 and all(predicted):
        ratios = [b / a for a, b in pairs]
        found |= {"ratios": [min(ratios), max(ratios)]}
    return found


def write(rows, folder=DATA):
    folder.mkdir(exist_ok=True)
    (folder / "ledger.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(folder=DATA):
    return json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
