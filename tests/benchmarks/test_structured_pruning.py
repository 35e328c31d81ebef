"""The stored runs with the structured-pruning library, recomputed on a sample where it is installed."""

import json

import pytest
from benchmarks import structured_pruning as bench

from helpers.digits import data as digits

pytest.importorskip("torch_pruning")


@pytest.mark.slow
def test_stored_runs_of_the_library_come_out_again():
    rows, seed = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["rows"], 3
    again = bench.torch_pruning_runs(digits.load("digit", [seed]), [seed]).chosen[:, 0].tolist()
    there = [value for value, s in zip(rows["Torch-Pruning"], rows["seed"], strict=True) if s == seed]
    assert again == pytest.approx(there, abs=0.03)


def test_it_keeps_the_largest_units_of_incoming_and_outgoing_weights_together():
    network = bench.PAGE.relu_ten(12, 0)
    model = bench.pruned(bench.sequential(network), 4)
    sizes = network.U.square().sum(0) + network.A.square().sum(0)
    kept = network.U.detach().T[sizes.topk(4).indices.sort().values]
    assert (model[0].weight == kept).all()
