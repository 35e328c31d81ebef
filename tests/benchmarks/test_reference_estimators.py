"""The stored reference estimators, recomputed where the packages of tests/requirements.txt are installed."""

import json

import pytest
from benchmarks import reference_estimators

pytest.importorskip("pymanopt")
pytest.importorskip("cvxpy")


@pytest.mark.parametrize("row", [5, 60])
def test_stored_reference_errors_are_recomputed(row):
    stored = json.loads(reference_estimators.RESULTS.read_text(encoding="utf-8"))["rows"]
    rows = {name: values[row] for name, values in stored.items()}
    for name, value in reference_estimators.estimates(rows["n"], rows["seed"]).items():
        assert value == pytest.approx(rows[name], rel=1e-3), name
