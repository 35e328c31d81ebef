"""Training descends, reaches certified points, treats a batch as independent runs, and says so when it diverges."""

import math

import numpy as np
import pytest
import torch

from helpers.arguments import ENSEMBLES
from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay, natural
from helpers.problems import Empirical, Population, ground_truth
from helpers.pruning import column_norms, prune
from helpers.training import fine_tune, gaussian_init, safe_step, train


def problem_of(ensemble="gaussian", d=8, n=300, noise=0.1, seed=0):
    return Empirical.sample(ground_truth(d, 2, condition=1.3, seed=seed), n, noise=noise, ensemble=ensemble, seed=seed)


def start(d=8, k=6, batch=(), seed=0, scale=0.1):
    return gaussian_init(d, k, scale=scale, seed=seed, batch=batch)


def test_the_initialisation_has_the_stated_scale_and_shape():
    U = gaussian_init(50, 40, scale=0.3, seed=1, batch=(5, 2))
    assert U.shape == (5, 2, 50, 40)
    assert U.dtype == torch.float64
    assert U.std().item() == pytest.approx(0.3, rel=0.02)
    assert torch.equal(U, gaussian_init(50, 40, scale=0.3, seed=1, batch=(5, 2)))


@pytest.mark.parametrize("penalty", [None, GroupLasso(0.1, 0.02), WeightDecay(0.05)], ids=str)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("scale", [0.01, 0.3, 2.0])
def test_the_safe_step_never_climbs(ensemble, penalty, scale):
    problem = problem_of(ensemble)
    run = train(problem, start(scale=scale), penalty=penalty, steps=150, record=151, keep_iterates=True)
    values = torch.stack([Objective(problem, penalty).value(U) for U in run.iterates])
    assert (values.diff() <= 1e-12 * values[:-1].abs()).all()
    assert values[-1] < values[0]


def test_one_step_is_the_gradient_step():
    problem, penalty, U0 = problem_of(), GroupLasso(0.1, 0.02), start()
    run = train(problem, U0, penalty=penalty, steps=1, step_size=0.01)
    assert torch.allclose(run.U, U0 - 0.01 * (problem.gradient(U0) + penalty.gradient(U0)), rtol=1e-13)


def test_a_batch_is_the_same_as_its_runs_one_by_one():
    problem, penalty, U0 = problem_of("rank-one"), GroupLasso(0.1, 0.02), start(batch=(3,))
    together = train(problem, U0, penalty=penalty, steps=60, drop_below=0.03)
    for i in range(3):
        alone = train(problem, U0[i], penalty=penalty, steps=60, drop_below=0.03)
        assert torch.allclose(together.U[i], alone.U, rtol=1e-9, atol=1e-12)
        assert torch.allclose(together.error[:, i], alone.error, rtol=1e-9)


def test_the_history_is_that_of_the_iterates():
    problem = problem_of()
    run = train(problem, start(), steps=40, record=[0, 7, 40], keep_iterates=True)
    assert run.steps.tolist() == [0, 7, 40]
    assert torch.equal(run.iterates[-1], run.U)
    assert torch.allclose(run.loss, torch.stack([problem.loss(U) for U in run.iterates]))
    assert torch.allclose(run.error, torch.stack([problem.error(U) for U in run.iterates]))
    assert torch.allclose(run.column_norms, torch.stack([column_norms(U) for U in run.iterates]))
    assert torch.allclose(run.iterates[1], train(problem, start(), steps=7, step_size=run.step_size.item()).U)


def test_dropped_columns_are_exact_zeros_and_the_others_do_not_notice():
    problem, penalty = problem_of(), GroupLasso(0.2, 0.02)
    full = train(problem, start(k=8), penalty=penalty, steps=1500)
    short = train(problem, start(k=8), penalty=penalty, steps=1500, drop_below=0.1 * penalty.threshold)
    assert (column_norms(short.U) == 0).sum() == 6
    kept = column_norms(short.U) > 0
    assert torch.allclose(short.U[:, kept], full.U[:, kept], atol=1e-3)


def test_dropping_everything_leaves_zero():
    run = train(problem_of(), start(k=3), penalty=GroupLasso(50.0, 0.02), steps=300, drop_below=0.05)
    assert torch.equal(run.U, torch.zeros(8, 3, dtype=torch.float64))


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", range(3))
def test_l_bfgs_ends_at_a_certified_stationary_point(ensemble, seed):
    problem, penalty = problem_of(ensemble, noise=0.3, seed=seed), GroupLasso(0.1, 0.01)
    run = train(problem, start(seed=seed), penalty=penalty, steps=3000, method="l-bfgs", tolerance=1e-7)
    assert run.gradient_norm <= 1e-7
    assert Objective(problem, penalty).gradient(run.U).norm() == run.gradient_norm
    assert run.error[-1] == problem.error(run.U)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", range(3))
def test_l_bfgs_that_drops_dead_columns_ends_where_it_does_without_and_is_told_no_rank(ensemble, seed):
    problem, U0 = problem_of(ensemble, d=20, n=800, seed=seed), start(20, 40, seed=seed)
    penalty = natural(problem, c_lambda=0.3)
    options = {"penalty": penalty, "steps": 3000, "method": "l-bfgs", "tolerance": 1e-7}
    full, short = (train(problem, U0, **options, drop_below=below) for below in (0, 0.1 * penalty.threshold))
    assert (column_norms(short.U) > 0).sum() == 2  # the others are exact zeros
    assert short.gradient_norm <= 1e-7
    torch.testing.assert_close(short.U @ short.U.T, full.U @ full.U.T, rtol=0, atol=1e-6)
    dropped = (short.column_norms == 0).sum(-1)
    assert dropped[:25].sum() == 0  # never before the warm-up is over
    assert (dropped.diff() >= 0).all()


def test_l_bfgs_drops_every_column_where_the_penalty_kills_all():
    run = train(
        problem_of(), start(k=3), penalty=GroupLasso(50.0, 0.02), steps=300, method="l-bfgs", drop_below=0.05
    )
    assert torch.equal(run.U, torch.zeros(8, 3, dtype=torch.float64))


@pytest.mark.parametrize("method", ["gradient descent", "l-bfgs"])
def test_the_recorded_loss_is_that_of_the_recorded_iterate(method):
    problem = problem_of()
    run = train(problem, start(), steps=30, method=method, penalty=GroupLasso(0.1, 0.02), keep_iterates=True)
    torch.testing.assert_close(run.loss, torch.stack([problem.loss(U) for U in run.iterates]), rtol=1e-12, atol=0)


def test_l_bfgs_records_its_end_only_if_one_record_is_asked_for():
    every, last = (train(problem_of(), start(), steps=30, method="l-bfgs", record=record) for record in (100, 1))
    assert len(last.steps) == 1 < len(every.steps)
    assert torch.equal(last.U, every.U)
    assert torch.equal(last.loss[-1], every.loss[-1])


def test_train_prune_fine_tune_reaches_the_oracle():
    for ensemble, c_lambda in (("gaussian", 0.1), ("rank-one", 0.3)):
        problem = problem_of(ensemble, d=12, n=600)
        mu_r = problem.U_star.norm(dim=0).min().item() ** 2
        penalty = GroupLasso(c_lambda * mu_r**1.5 / math.sqrt(2), 0.01 * mu_r / 2)
        trained = train(problem, start(12, 12), penalty=penalty, steps=2000)
        pruned = prune(trained.U, threshold=penalty.threshold)
        tuned, oracle = fine_tune(problem, pruned), fine_tune(problem, problem.U_star)
        assert pruned.shape == (12, 2)
        assert max(tuned.gradient_norm, oracle.gradient_norm) <= 1e-9
        assert (tuned.U @ tuned.U.T - oracle.U @ oracle.U.T).norm() < 1e-7


def test_fine_tuning_without_noise_recovers_the_truth():
    problem = problem_of(noise=0.0)
    near = problem.U_star + 0.1 * start(k=2, scale=1.0)
    assert fine_tune(problem, near).error[-1] < 1e-9


def test_a_single_run_that_diverges_says_what_to_do():
    with pytest.raises(
        FloatingPointError, match=r"diverged at step \d+: step_size=5 is too large here. Pass step_size="
    ):
        train(problem_of(), start(), steps=100, step_size=5.0)


def test_a_diverging_run_of_a_batch_is_flagged_and_the_others_go_on():
    problem, U0 = Population(ground_truth(6, 2)), start(6, 2, batch=(3,))
    U0[1] *= 100
    run = train(problem, U0, steps=300, step_size=0.05)
    assert run.diverged.tolist() == [False, True, False]
    assert run.U[1].isnan().all()
    assert run.error[-1, 1].isnan()
    assert (run.error[-1, [0, 2]] < 1e-3).all()


def test_float32_stays_float32():
    U_star = ground_truth(6, 2).float()
    run = train(Empirical.sample(U_star, 100), start(6, 4).float(), penalty=GroupLasso(0.1, 0.02), steps=20)
    assert run.U.dtype == run.loss.dtype == torch.float32


def test_the_safe_step_shrinks_with_the_penalty_and_with_the_trace_of_the_rank_one_ensemble():
    U0 = start()
    gaussian, rank_one = (Population(ground_truth(8, 2), ensemble) for ensemble in ENSEMBLES)
    assert safe_step(gaussian, U0).item() == pytest.approx(1 / 8, rel=0.05)
    assert safe_step(rank_one, U0).item() == pytest.approx(1 / 32, rel=0.05)
    with_penalty = safe_step(gaussian, U0, GroupLasso(0.1, 0.01)).item()
    assert with_penalty == pytest.approx(1 / (8 + 2 * 0.1 / 0.1), rel=0.05)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": -1}, ValueError, "steps must be"),
        ({"steps": 1.5}, TypeError, "steps must be"),
        ({"steps": 1, "step_size": 0.0}, ValueError, "step_size must be"),
        ({"steps": 1, "step_size": math.nan}, ValueError, "step_size must be"),
        ({"steps": 1, "tolerance": -1.0}, ValueError, "tolerance must be"),
        ({"steps": 1, "drop_below": -1.0}, ValueError, "drop_below must be"),
        ({"steps": 1, "record": 0}, ValueError, "record must be"),
        ({"steps": 1, "method": "adam"}, ValueError, "method must be one of"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        train(problem_of(), start(), **options)


@pytest.mark.parametrize(
    ("U0", "error", "message"),
    [
        (torch.ones(7, 2, dtype=torch.float64), ValueError, "U0 must have shape"),
        (torch.ones(8, 2), TypeError, "U0 must be torch.float64"),
        (torch.full((8, 2), math.inf, dtype=torch.float64), ValueError, "U0 must be finite"),
    ],
)
def test_a_bad_start_is_refused(U0, error, message):
    with pytest.raises(error, match=message):
        train(problem_of(), U0, steps=1)


def test_l_bfgs_refuses_a_batch():
    with pytest.raises(ValueError, match="takes one run"):
        train(problem_of(), start(batch=(2,)), steps=5, method="l-bfgs")


@pytest.mark.parametrize(
    "options", [{"d": 0, "k": 1}, {"d": 3, "k": 0}, {"d": 3, "k": 2, "scale": 0.0}, {"d": 3, "k": 2, "batch": (0,)}]
)
def test_a_bad_initialisation_is_refused(options):
    with pytest.raises(ValueError, match="must be"):
        gaussian_init(**({"scale": 1.0} | options))


@pytest.mark.parametrize("method", ["gradient descent", "l-bfgs"])
def test_a_factor_that_requires_grad_is_taken_as_data(method):
    weights = start().requires_grad_()
    run = train(problem_of(), weights.T.T, penalty=GroupLasso(0.1, 0.02), steps=5, method=method)
    assert not any(value.requires_grad for value in (run.U, run.loss, run.error, run.column_norms))
    assert torch.equal(run.U, train(problem_of(), start(), penalty=GroupLasso(0.1, 0.02), steps=5, method=method).U)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_where_every_column_was_pruned_the_model_is_zero(ensemble):
    problem, none = problem_of(ensemble), start()[:, :0]
    assert problem.error(none) == problem.M.norm()
    assert problem.loss(none) == pytest.approx(problem.y.square().mean().item())
    assert problem.gradient(none).shape == none.shape
    assert GroupLasso(0.1, 0.02).value(none) == 0
    assert prune(prune(start(), threshold=100), threshold=1).shape == none.shape
    for method in ("gradient descent", "l-bfgs"):
        assert train(problem, none, penalty=GroupLasso(0.1, 0.02), steps=5, method=method).U.shape == none.shape


@pytest.mark.parametrize("record", [[0, 4, 8], torch.tensor([0, 4, 8]), np.linspace(0, 8, 3), np.int64(3), 3])
def test_steps_to_record_come_as_any_sequence_of_integers(record):
    assert train(problem_of(), start(), steps=8, record=record).steps.tolist() == [0, 4, 8]


@pytest.mark.parametrize("record", ["some", [0.5, 1], np.linspace(0, 8, 4), True, None])
def test_other_records_are_refused_by_name(record):
    with pytest.raises(TypeError, match="record must be an integer or a sequence of integers"):
        train(problem_of(), start(), steps=8, record=record)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_single_precision_sees_the_same_data_and_stops_where_it_can_go_no_further(ensemble):
    double = problem_of(ensemble)
    single = Empirical.sample(double.U_star.float(), double.n, noise=0.1, ensemble=ensemble, seed=0)
    assert (single.y - double.y).abs().max() < 1e-5
    run = fine_tune(single, single.U_star)
    assert run.evaluations < 1000
    assert run.gradient_norm < 1e-4
    assert run.error[-1] == pytest.approx(fine_tune(double, double.U_star).error[-1].item(), rel=1e-3)
