"""The other methods on tables with gaps do what their names say, and stored errors are recomputed."""

import ast
import json

import pytest
import torch
from benchmarks import matrix_completion as bench


def small(seed=0):
    _, table = bench.planted(seed)
    seen, _, _ = bench.split_entries(table.shape, seed)
    return table[:8, :6], seen[:8, :6]


def test_soft_impute_solves_the_convex_problem():
    cp = pytest.importorskip("cvxpy")
    table, seen = small()
    X = cp.Variable(table.shape)
    miss = cp.multiply(seen.numpy().astype(float), X - table.numpy())
    program = cp.Problem(cp.Minimize(cp.sum_squares(miss) / 2 + 0.7 * cp.normNuc(X)))
    program.solve(solver=cp.CLARABEL)
    ours = bench.soft_impute(table, seen, 0.7, steps=5000, tolerance=1e-10)
    assert torch.allclose(ours, torch.from_numpy(X.value), atol=1e-3)


def test_alternating_least_squares_solves_each_side():
    table, seen = small()
    V = bench.gaussian_init(6, 2, scale=1.0, seed=1)
    U = bench._rows(torch.where(seen, table, 0), seen, V, 0.3 * torch.eye(2, dtype=V.dtype))
    for i in range(len(table)):
        slope = V[seen[i]].T @ (V[seen[i]] @ U[i] - table[i, seen[i]]) + 0.3 * U[i]
        assert slope.norm() < 1e-9


def test_told_least_squares_is_recomputed_and_needs_more_than_one_start():
    rows = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["rows"]
    table, errors = bench.planted(3), {}
    fit, _, unseen = bench.split_entries(table[0].shape, 3)
    for method in (bench.TOLD, f"{bench.TOLD}, one start"):
        key = ("planted", 3, method)
        place = list(zip(rows["table"], rows["seed"], rows["method"], strict=True)).index(key)
        rank, ridge, start = ast.literal_eval(rows["setting"][place])
        X = bench.least_squares(table[1], fit, rank, ridge, 100 * start + 3)
        errors[method] = (X - table[0])[unseen].square().mean().sqrt().item()
        assert rank == rows["rank"][place] == 3
        assert errors[method] == pytest.approx(rows["unseen"][place], rel=1e-2)
    assert 2 * errors[bench.TOLD] < errors[f"{bench.TOLD}, one start"]


@pytest.mark.slow
def test_stored_errors_are_recomputed():
    rows = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["rows"]
    for row in bench.chosen("planted", 0):
        at = [i for i in range(len(rows["seed"])) if rows["table"][i] == "planted" and rows["seed"][i] == 0]
        (place,) = [i for i in at if rows["method"][i] == row["method"]]
        assert row["unseen"] == pytest.approx(rows["unseen"][place], rel=1e-2), row["method"]
