"""The ledger: for every numbered statement of the book, what it predicts and what is measured, over many seeds.

A measurement is a function of a seed and a size that returns (predicted, measured); `measures` ties it to a statement.
tests/measurements/ holds them, one module a chapter. `make ledger` runs them all and writes chapters/data/ledger.json
and the table that the Ledger page includes; tests/test_ledger.py recomputes a sample of it.
"""

import importlib
import json
import math
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

TESTS = Path(__file__).parent
DATA = TESTS.parent / "chapters" / "data"
SEEDS = 50
SAMPLE = 2  # so many seeds of each measurement are stored one by one, for a test to recompute
REGISTRY = []


@dataclass(frozen=True)
class Measurement:
    """One row of the ledger. relation: measured = predicted (up to tolerance, relative if `relative`), or measured ≤ or
    ≥ predicted. of: "each" if the tolerance holds seed by seed, "mean" if it holds for the mean over seeds."""

    statement: str
    quantity: str
    relation: str
    tolerance: float
    relative: bool
    of: str
    sizes: tuple
    function: Callable

    @property
    def name(self):
        return f"{self.statement} {self.quantity}"

    def run(self, size, seed):
        """(predicted, measured) as floats for one seed at one of the sizes."""
        predicted, measured = self.function(seed, **size)
        return float(predicted), float(measured)

    def excess(self, predicted, measured):
        """By how much the relation is missed, to be compared with the tolerance; at most 0 for a true inequality."""
        gap = {"=": abs(measured - predicted), "≤": measured - predicted, "≥": predicted - measured}[self.relation]
        return gap / abs(predicted) if self.relative and predicted else gap

    def holds(self, pairs):
        """Whether these (predicted, measured) pairs are within the stated tolerance."""
        if self.of == "mean":
            pairs = [tuple(statistics.fmean(side) for side in zip(*pairs, strict=True))]
        return all(self.excess(*pair) <= self.tolerance for pair in pairs)  # false for NaN


def measures(statement, quantity, relation="=", *, tolerance, sizes, relative=True, of="each"):
    """Register a function (seed, **size) → (predicted, measured) as a measurement of a statement, at two sizes."""
    if relation not in ("=", "≤", "≥") or of not in ("each", "mean") or len(sizes) != 2 or not tolerance >= 0:
        raise ValueError(f"bad measurement of {statement}: relation {relation!r}, of {of!r}, {len(sizes)} sizes")

    def register(function):
        REGISTRY.append(Measurement(statement, quantity, relation, tolerance, relative, of, tuple(sizes), function))
        return function

    return register


def all_measurements():
    """Every registered measurement, in the order of the statements, the claims of the paper first."""
    for path in sorted((TESTS / "measurements").glob("*.py")):
        importlib.import_module(f"measurements.{path.stem}")
    return sorted(REGISTRY, key=lambda m: [(part.isdigit(), part.zfill(4)) for part in m.statement.split(".")])


def pairs_of(seed):
    """What every measurement gives for one seed, at each of its sizes: all together, since they share instances."""
    measurements = all_measurements()
    torch.set_num_threads(1)
    with threadpool_limits(1):  # the matrices are small: threads only wait for each other
        return [[m.run(size, seed) for size in m.sizes] for m in measurements]


def rows(seeds=SEEDS):
    """Every row of the ledger, computed on all processors."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = list(tqdm(pool.map(pairs_of, range(seeds)), total=seeds, desc="seeds"))
    by_measurement = zip(all_measurements(), zip(*found, strict=True), strict=True)
    return [row(m, list(zip(*pairs, strict=True))) for m, pairs in by_measurement]


def row(measurement, pairs):
    """What the ledger stores of a measurement, for its pairs, one list a size and in it one pair a seed."""
    results = [
        {"size": size} | summary(some) | {"holds": measurement.holds(some), "sample": some[:SAMPLE]}
        for size, some in zip(measurement.sizes, pairs, strict=True)
    ]
    keys = ("statement", "quantity", "relation", "tolerance", "relative", "of")
    return {key: getattr(measurement, key) for key in keys} | {"results": results}


def summary(pairs):
    """Medians, means and ranges over the seeds. Where the prediction changes with the seed, so do the ratios."""
    predicted, measured = zip(*pairs, strict=True)
    found = {
        "seeds": len(pairs), "predicted": statistics.median(predicted), "measured": statistics.median(measured),
        "low": min(measured), "high": max(measured), "mean predicted": statistics.fmean(predicted),
        "mean": statistics.fmean(measured), "standard error": statistics.stdev(measured) / math.sqrt(len(pairs)),
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
