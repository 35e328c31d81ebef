"""What the bench times does what it says, at small sizes: columns, errors and evaluations, never seconds."""

import pytest
import torch
from benchmarks import bench

from helpers.arguments import ENSEMBLES
from helpers.penalties import natural
from helpers.problems import Empirical
from helpers.training import safe_step, train

SCALES = {"gaussian": (0.05, 0.4), "rank-one": (0.01, 0.3)}


def problem_of(ensemble, dtype=torch.float64):
    truth = bench.truth(16, 3, torch.zeros((), dtype=dtype))
    c_beta, c_lambda = SCALES[ensemble]
    problem = Empirical.sample(truth, 1500, noise=0.1, ensemble=ensemble, seed=1)
    return problem, natural(problem, c_lambda=c_lambda, c_beta=c_beta)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_pipeline_finds_the_rank_and_comes_within_a_percent_of_the_oracle(ensemble, dtype):
    problem, penalty = problem_of(ensemble, dtype)
    found = bench.reached(problem, *bench.pipeline(problem, penalty, bench.start(problem, 16)))
    assert found["columns"] == "3 of 16, r = 3"
    assert found["error"] <= 1.01
    assert found["evaluations"] <= 300  # gradient descent takes some thousands


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_baseline_takes_the_steps_of_the_book(ensemble):
    problem, penalty = problem_of(ensemble)
    U0 = bench.start(problem, 16)
    size = safe_step(problem, U0, penalty).item()
    step = bench.autograd(problem, penalty, U0, size)
    for _ in range(5):
        step()
    U = step.__closure__[step.__code__.co_freevars.index("U")].cell_contents.detach()
    torch.testing.assert_close(U, train(problem, U0, penalty=penalty, steps=5, step_size=size).U, rtol=1e-9, atol=1e-12)


def test_a_row_leaves_empty_what_was_not_measured():
    assert bench.cells(bench.Row("W", seconds=0.5)) == ["W", "", "0.5", "", "", "", "", "", "", ""]
