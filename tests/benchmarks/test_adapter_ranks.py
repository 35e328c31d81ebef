"""Stored runs of adapters, recomputed: two settings of the first seed, all steps."""

import json

import pytest
from benchmarks import adapter_ranks as bench

STORED = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["rows"]


def stored(**wanted):
    """The one stored row with these values."""
    found = [i for i in range(len(STORED["seed"])) if all(STORED[key][i] == value for key, value in wanted.items())]
    assert len(found) == 1
    return {key: values[found[0]] for key, values in STORED.items()}


def test_every_method_setting_and_seed_is_there():
    settings = len(bench.STRENGTHS) + (bench.MOST + len(bench.TOTALS)) * len(bench.DECAYS)
    assert len(STORED["seed"]) == settings * len(bench.RATES) * len(bench.SEEDS)


@pytest.mark.slow
def test_stored_runs_are_recomputed():
    task = bench.task((0,))
    rows = bench.lasso_runs(task, (0,), 0.003, (0.08,)) + bench.fixed_runs(task, (0,), 0.003, 0.0, (2,))
    for row in rows:
        old = stored(method=row["method"], rate=0.003, setting=row["setting"], seed=0, decay=0.0)
        for name in ("trained", "pruned", "validation", "test"):
            assert row[name] == pytest.approx(old[name], abs=0.02), name
        assert row["ranks"] == old["ranks"]
