"""A stack of problems is the same as the problems one by one."""

import pytest
import torch

from helpers.problems import Empirical, Population, ground_truth
from helpers.stack import Stack
from helpers.training import fine_tune, gaussian_init, train

SIZES = [("gaussian", 5, 2, 60), ("rank-one", 4, 1, 80)]


def problems_of(ensemble, d, r, n, count=3):
    truth = ground_truth(d, r, condition=1.3, seed=1)
    return [Empirical.sample(truth, n, noise=0.1, ensemble=ensemble, seed=10 + i) for i in range(count)]


@pytest.mark.parametrize(("ensemble", "d", "r", "n"), SIZES)
def test_every_run_sees_its_own_data(ensemble, d, r, n):
    problems = problems_of(ensemble, d, r, n)
    stack = Stack(problem for problem in problems)
    U, V = (gaussian_init(d, 3, scale=0.5, seed=seed, batch=(3,)) for seed in (2, 3))
    assert len(stack) == 3
    for name in ("loss", "gradient", "matrix_gradient", "error"):
        one_by_one = torch.stack([getattr(p, name)(u) for p, u in zip(problems, U, strict=True)])
        torch.testing.assert_close(getattr(stack, name)(U), one_by_one, rtol=1e-12, atol=1e-13)
    one_by_one = torch.stack([p.hessian_vector(u, v) for p, u, v in zip(problems, U, V, strict=True)])
    torch.testing.assert_close(stack.hessian_vector(U, V), one_by_one, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("ensemble", "d", "r", "n"), SIZES)
def test_a_batch_of_batches_runs_over_all_data_sets(ensemble, d, r, n):
    problems = problems_of(ensemble, d, r, n)
    U = gaussian_init(d, 2, scale=0.2, seed=4, batch=(2, 3))
    run = train(Stack(problems), U, steps=30, step_size=0.01)
    for i, problem in enumerate(problems):
        alone = train(problem, U[:, i], steps=30, step_size=0.01)
        torch.testing.assert_close(run.U[:, i], alone.U, rtol=1e-11, atol=1e-13)


def test_fine_tuning_a_stack_takes_a_safe_step_for_each_problem():
    problems = problems_of("gaussian", 5, 2, 60)
    together = fine_tune(Stack(problems), problems[0].U_star.expand(3, 5, 2), tolerance=1e-10)
    assert together.step_size.shape == (3,)
    for i, problem in enumerate(problems):
        alone = fine_tune(problem, problem.U_star, tolerance=1e-10)
        torch.testing.assert_close(together.error[-1, i], alone.error[-1], rtol=1e-7, atol=0)


@pytest.mark.parametrize(
    ("problems", "error", "words"),
    [
        ([], ValueError, "empty"),
        ([Population(ground_truth(4, 1))], TypeError, "Empirical"),
        ([Empirical.sample(ground_truth(4, 1, seed=i), 40) for i in (1, 2)], ValueError, "U_star"),
        ([*problems_of("gaussian", 4, 1, 40), *problems_of("rank-one", 4, 1, 40)], ValueError, "ensemble"),
    ],
)
def test_bad_stacks_are_refused(problems, error, words):
    with pytest.raises(error, match=words):
        Stack(problems)
