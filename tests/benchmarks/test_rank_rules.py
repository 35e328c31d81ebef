"""The stored outcomes of the rules, recomputed on a sample."""

import json

import pytest
from benchmarks import rank_rules

SAMPLE = [("unseen", 1), ("unseen", 5), ("unseen", 12), ("weak", 3), ("weak", 28), ("strong", 77)]


@pytest.mark.parametrize(("name", "i"), SAMPLE)
def test_stored_outcomes_are_recomputed(name, i):
    stored = json.loads(rank_rules.RESULTS[name].read_text(encoding="utf-8"))["rows"]
    assert len(stored["r"]) == rank_rules.SETS[name].problems
    for column, value in rank_rules.outcome(i, name).items():
        there = stored[column][i]
        assert value == (pytest.approx(there, rel=1e-2) if isinstance(value, float) else there), column
