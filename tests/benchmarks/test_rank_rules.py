"""The stored outcomes of the rules, recomputed on a sample."""

import json

import pytest
from benchmarks import rank_rules


@pytest.mark.parametrize("i", [1, 5])
def test_stored_outcomes_are_recomputed(i):
    stored = json.loads(rank_rules.RESULTS.read_text(encoding="utf-8"))["rows"]
    assert len(stored["r"]) == rank_rules.PROBLEMS
    for name, value in rank_rules.outcome(i).items():
        there = stored[name][i]
        assert value == (pytest.approx(there, rel=1e-2) if isinstance(value, float) else there), name
