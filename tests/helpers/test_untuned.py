"""find_rank looks at the data and at nothing else, and says what it can and cannot tell."""

import math

import numpy as np
import pytest
import torch
from instances import ENSEMBLE_NAMES, data

from helpers.isometry import extreme_ratio
from helpers.observed import Observed
from helpers.problems import Empirical, Population, ground_truth, smat
from helpers.pruning import column_norms
from helpers.rotations import tangent_basis
from helpers.theory import degrees_of_freedom, largest_ratio, noise_level
from helpers.untuned import (
    Fit,
    choose,
    cross_validated,
    doubts,
    error_law,
    find_rank,
    path,
    resampled_ranks,
    residual_noise,
)

both = pytest.mark.parametrize("ensemble", ENSEMBLE_NAMES)


def silence(d, n, seed, ensemble="gaussian"):
    return Empirical.sample(torch.zeros(d, 1, dtype=torch.float64), n, noise=1.0, ensemble=ensemble, seed=seed)


@both
@pytest.mark.parametrize(("r", "seed"), [(1, 0), (2, 1), (3, 2)])
def test_the_rank_of_clear_data_is_found(ensemble, r, seed):
    problem = data(seed, 7, r, 160, noise=0.1, ensemble=ensemble)
    found = find_rank(problem)
    assert found.rank == r == found.U.shape[1]
    assert found.noise == pytest.approx(0.1, rel=0.3)
    assert found.plateau[0] <= choose(found.fits).level <= found.plateau[1]


@both
def test_the_truth_is_not_looked_at(ensemble):
    problem = data(3, 6, 2, 100, ensemble=ensemble)
    A = smat(problem.design) if ensemble == "gaussian" else problem.design
    blind, found = find_rank(Observed(A, problem.y)), find_rank(problem)
    assert blind.rank == found.rank
    torch.testing.assert_close(blind.U @ blind.U.T, found.U @ found.U.T, rtol=1e-4, atol=1e-5)


@both
def test_noise_without_a_signal_has_rank_0(ensemble):
    found = [find_rank(silence(6, 60, seed, ensemble)) for seed in range(2)]
    assert [answer.rank for answer in found] == [0] * 2
    assert all(answer.error == 0 and answer.plateau[1] == math.inf for answer in found)


def test_zeros_have_rank_0():
    assert find_rank(Observed(np.random.default_rng(0).normal(size=(40, 5)), np.zeros(40))).rank == 0


def test_the_answer_scales_with_the_data():
    problem = data(4, 6, 2, 100)
    large = Empirical(10 * problem.U_star, problem.design, 100 * (problem.y - problem.measure(problem.M)))
    small, big = find_rank(problem), find_rank(large)
    assert small.rank == big.rank
    assert big.error == pytest.approx(100 * small.error, rel=1e-3)
    assert big.plateau == pytest.approx([100 * level for level in small.plateau], rel=1e-6)


@both
def test_no_column_of_the_path_lies_in_the_gap_and_they_only_die(ensemble):
    problem = data(5, 6, 3, 60, noise=0.5, ensemble=ensemble)
    ratio = largest_ratio(extreme_ratio(problem, 1))
    fits = list(path(problem, ratio=ratio, k=9))
    assert [fit.rank for fit in fits] == sorted((fit.rank for fit in fits), reverse=True)
    assert fits[-1].rank == 0
    for fit in fits[:-1]:
        assert column_norms(fit.penalised).min() > 2 * (ratio * fit.level) ** 0.5


def test_fewer_measurements_than_parameters_leave_no_residual():
    problem = data(1, 6, 2, 8)
    assert residual_noise(problem, problem.U_star) == math.inf
    assert residual_noise(problem, problem.U_star[:, :0]) == pytest.approx(problem.y.square().mean().item() ** 0.5)


def test_rounding_below_zero_is_no_noise(monkeypatch):
    problem = data(1, 6, 2, 100)
    monkeypatch.setattr(problem, "loss", lambda U: torch.tensor(-1e-17))
    assert residual_noise(problem, problem.U_star) == 0.0


def test_weak_signals_come_with_a_warning():
    doubtful = [find_rank(data(seed, 7, 2, 80, noise=1.0)) for seed in range(4)]
    assert any("nearly admit" in warning for answer in doubtful for warning in answer.warnings)
    assert "rank" in str(doubtful[0])


def test_few_measurements_and_full_rank_are_pointed_out():
    full = Empirical.sample(ground_truth(4, 4, seed=1), 15, noise=0.01, seed=1)
    warnings = " ".join(find_rank(full).warnings)
    assert "not of low rank" in warnings
    assert "15 measurements for 10 parameters" in warnings


@both
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_negative_eigenvalue_is_pointed_out(ensemble, scale):
    truth = ground_truth(6, 3, seed=4) * scale**0.5
    problem = Empirical.sample(truth, 120, noise=0.1 * scale, ensemble=ensemble, seed=4)
    assert not any("semidefinite" in warning for warning in find_rank(problem).warnings)
    plus, minus = truth[:, :2], truth[:, 2:]
    indefinite = problem.measure(plus @ plus.T - minus @ minus.T) + problem.y - problem.measure(problem.M)
    answer = find_rank(Empirical(truth, problem.design, indefinite - problem.measure(problem.M), ensemble))
    assert answer.rank == 2
    assert any("semidefinite" in warning for warning in answer.warnings)


def test_data_without_noise_and_without_signal_make_no_alarm():
    assert find_rank(data(1, 6, 2, 100, noise=0.0)).warnings == []
    assert find_rank(Observed(torch.ones(3, 1, 1), torch.full((3,), 2.0))).rank == 1
    silent = find_rank(silence(6, 90, 3))
    assert (silent.rank, silent.warnings) == (0, [])
    assert "no fit" in str(silent)


def test_data_against_every_signal_leave_a_sight_that_ends_at_the_noise():
    """Where 𝒜*y has no positive eigenvalue no penalty was tried: the noise alone says what would have been seen."""
    problem = data(1, 6, 2, 100)
    against = Observed(smat(problem.design), -problem.y)
    answer = find_rank(against)
    assert answer.rank == 0
    assert answer.resolution == pytest.approx(1.25 * noise_level(against.y.square().mean().item() ** 0.5, 6, 100))


def test_measurements_that_repeat_each_other_are_pointed_out():
    answer = find_rank(Observed(np.ones((40, 3)), np.full(40, 2.0)))
    assert (answer.rank, answer.error) == (1, math.inf)
    assert any("repeat each other" in warning for warning in answer.warnings)


def test_a_quarter_less_is_a_quarter_less():
    """The fits of a path whose floors are 1, 1.3, 1.6, 1.7 times the noise, and ranks to tell them apart."""
    problem = data(1, 6, 2, 100)
    ratios = (1.2, 1.3, 1.6, 1.7)
    fits = [Fit(1, ratio, None, problem.U_star[:, :1].expand(-1, 5 - i), 1, 1) for i, ratio in enumerate(ratios)]
    rank = {"more": 5, "less": 2}  # 1.25 × 1.2 ≥ 1.25, and of 0.75 × 1.6 and 0.75 × 1.7 only the second
    said = doubts(problem, fits, choose(fits), 0.0)
    for word, other in rank.items():
        assert any(f"rank {other}:" in sentence and sentence.endswith(f"quarter {word}.") for sentence in said)


def test_the_order_of_the_levels_does_not_matter_and_all_are_positive():
    problem = data(5, 6, 3, 60)
    ranks = [[fit.rank for fit in path(problem, ratio=0.04, levels=z)] for z in ([0.05, 0.3], [0.3, 0.05])]
    assert ranks[0] == ranks[1]
    with pytest.raises(ValueError, match="levels"):
        next(path(problem, ratio=0.04, levels=[0.0]))


@both
def test_the_error_law_is_that_of_least_squares_to_first_order(ensemble):
    """s²(𝒜*𝒜)⁻¹ on the tangent space, by drawing noise and projecting it."""
    problem, noise = data(2, 5, 2, 200, ensemble=ensemble), 0.1
    basis = tangent_basis(problem.U_star)
    design = problem.measure(basis).T
    w = noise * torch.randn(200, 4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    squares = torch.linalg.lstsq(design, w).solution.square().sum(0)
    error, (low, high) = error_law(problem, problem.U_star, noise)
    assert error**2 == pytest.approx(squares.mean().item(), rel=0.03)
    inside = ((squares > low**2) & (squares < high**2)).double().mean().item()
    assert inside == pytest.approx(0.95, abs=0.012)


def test_the_error_is_unknown_where_measurements_are_fewer_than_parameters():
    problem = data(1, 6, 3, degrees_of_freedom(6, 3) - 1)
    assert error_law(problem, problem.U_star, 1.0) == (math.inf, (0.0, math.inf))


def test_parts_of_clear_data_agree():
    assert resampled_ranks(data(1, 6, 2, 150, noise=0.05), draws=3, seed=1) == [2, 2, 2]


def test_cross_validation_finds_the_rank_and_gives_fits_of_the_path():
    problem = data(1, 6, 2, 150, noise=0.05)
    fits = find_rank(problem).fits
    least, simplest = cross_validated(problem, fits, seed=1)
    assert simplest.rank == 2
    assert any(least is fit for fit in fits)
    assert any(simplest is fit for fit in fits)
    assert simplest.level >= least.level


def test_folds_are_predicted_by_the_others_only():
    problem = data(1, 6, 1, 60, noise=0.5)
    fits = find_rank(problem).fits
    known = [(problem.measure(fit.U @ fit.U.T) - problem.y).square().mean().item() for fit in fits[::2]]
    best = fits[::2][known.index(min(known))]
    assert best.rank == 4  # the closest to the data that chose it
    assert cross_validated(problem, fits)[0].rank == 1


@pytest.mark.parametrize("folds", [1, 61])
def test_folds_are_at_least_two_and_at_most_the_measurements(folds):
    problem = data(1, 4, 1, 60, noise=0.01)
    with pytest.raises(ValueError, match="folds must be an integer"):
        cross_validated(problem, find_rank(problem).fits, folds=folds)


def test_no_part_is_no_share():
    with pytest.raises(ValueError, match="share"):
        resampled_ranks(data(1, 6, 2, 150), draws=1, share=0.0)


def test_only_measurements_have_a_rank_to_find():
    with pytest.raises(TypeError, match="must hold measurements"):
        find_rank(Population(ground_truth(4, 1)))
