"""What the bench times does what it says, at small sizes: columns, errors and evaluations, never seconds."""

import pytest
import torch
from benchmarks import bench, works

from helpers.arguments import ENSEMBLES
from helpers.penalties import natural
from helpers.problems import Empirical
from helpers.training import fine_tune, safe_step, train

SCALES = {"gaussian": (0.05, 0.4), "rank-one": (0.01, 0.3)}


def problem_of(ensemble, dtype=torch.float64):
    truth = works.truth(16, 3, torch.zeros((), dtype=dtype))
    c_beta, c_lambda = SCALES[ensemble]
    problem = Empirical.sample(truth, 1500, noise=0.1, ensemble=ensemble, seed=1)
    return problem, natural(problem, c_lambda=c_lambda, c_beta=c_beta)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("share", [False, True])
def test_the_pipeline_finds_the_rank_and_comes_within_a_percent_of_the_oracle(share, ensemble, dtype):
    problem, penalty = problem_of(ensemble, dtype)
    part = works.share_of(problem, works.noise_of(problem)) if share else None
    found = works.reached(problem, *works.pipeline(problem, penalty, works.start(problem, 16), counted_on=part))
    assert found["columns"] == "3 of 16, r = 3"
    assert found["error"] <= 1.01
    assert found["evaluations"] <= 300  # gradient descent takes some thousands


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_baseline_takes_the_steps_of_the_book(ensemble):
    problem, penalty = problem_of(ensemble)
    U0 = works.start(problem, 16)
    size = safe_step(problem, U0, penalty).item()
    step = works.autograd(problem, U0, size, penalty)
    for _ in range(5):
        step()
    U = step.__closure__[step.__code__.co_freevars.index("U")].cell_contents.detach()
    torch.testing.assert_close(U, train(problem, U0, penalty=penalty, steps=5, step_size=size).U, rtol=1e-9, atol=1e-12)


def test_the_count_of_the_baseline_is_that_of_its_steps():
    problem, penalty = problem_of("gaussian")
    U0, how = works.start(problem, 16), {"steps": 4000, "record": 81}
    steps, pruned, tunings = works.descent(problem, penalty, U0)
    counts = (train(problem, U0, penalty=penalty, **how).column_norms > penalty.threshold).sum(-1)
    assert counts[steps // 50] == pruned.shape[1] == 3 < counts[steps // 50 - 1]
    errors = fine_tune(problem, pruned, steps=tunings, record=[tunings - 5, tunings]).error
    assert errors[1] <= 1.01 * works.oracle_error(problem) < errors[0]


def test_a_share_holds_the_same_measurements():
    problem, _ = problem_of("gaussian")
    part = works.share_of(problem, works.noise_of(problem))
    assert part.n == problem.n // works.SHARE
    torch.testing.assert_close(part.y, problem.y[: part.n])
    torch.testing.assert_close(part.design, problem.design[: part.n])


def test_l_bfgs_computes_far_fewer_gradients_than_descent():
    row = works.evaluations(d=8, k=8, r=2, n=400)
    assert row.ratio >= 50
    assert row.gradient <= 1e-5
    assert row.columns == "2 of 8, r = 2"


def test_every_work_runs_and_says_what_it_reached(capsys):
    how, rows = bench.measure(["W2", "W3", "W4", "W5"], "cpu", quick=True)
    own = [row["work"][:2] for row in rows if row["against"] != "pymanopt, told r"]
    assert own == ["W2", "W2", "W3", "W4", "W5", "W5"]
    columns = {row["work"][:2]: row["columns"] for row in rows}
    assert columns["W2"] == "3 of 16, r = 3"
    assert columns["W4"] == "2 of 30, r = 2"
    assert columns["W5"] == "2 of 20, r = 2"
    assert all(row["error"] <= 1.01 for row in rows if row["error"] is not None)
    assert list(how["milliseconds"]["n, rows"]) == ["50", "200", "800"]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(rows) + len(how["milliseconds"])


def test_the_page_is_that_of_the_stored_numbers():
    assert bench.PAGE.read_text(encoding="utf-8") == bench.page(), f"run `{bench.COMMAND} --page`"


def test_a_row_leaves_out_what_was_not_measured():
    assert bench.cells(vars(works.Row("W", seconds=0.5))) == ["W", "", "", "0.5 s", ""]
    row = vars(works.Row("W", "A", ratio=21.04, target="9×", columns="3 of 8, r = 3", error=1.00049, limit="B"))
    assert bench.cells(row) == ["W", "A", "B", "21×<br>target 9×", "columns 3 of 8, r = 3<br>error / oracle 1.0005"]
