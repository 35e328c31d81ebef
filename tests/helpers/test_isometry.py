"""Random matrices of low rank, and the search for the extremes of ‖𝒜(X)‖²/n."""

import pytest
import torch
from instances import data, gaussian, symmetric

from helpers.isometry import column_curvatures, extreme_ratio, isometry_ratio, random_low_rank
from helpers.problems import Population, ground_truth, svec


def test_random_low_rank_matrices_are_what_they_are_called():
    X = random_low_rank(9, 3, count=20, seed=4)
    assert torch.linalg.matrix_rank(X).tolist() == [3] * 20
    assert torch.allclose(torch.linalg.matrix_norm(X), torch.ones(20, dtype=torch.float64))
    assert (torch.linalg.eigvalsh(X)[:, 0] < 0).any()
    assert not torch.equal(X, random_low_rank(9, 3, count=20, seed=5))


@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
def test_the_ratio_is_that_of_the_answers_and_in_the_population_of_the_expectation(ensemble):
    problem, X = data(0, 6, 1, 30, ensemble=ensemble), 3 * symmetric(6, 1)
    assert isometry_ratio(problem, X).item() == pytest.approx(problem.measure(X).square().mean() / X.square().sum())
    expected = 1 if ensemble == "gaussian" else 2 + X.trace() ** 2 / X.square().sum()
    assert isometry_ratio(Population(ground_truth(6, 1), ensemble), X).item() == pytest.approx(float(expected))


def test_at_full_rank_the_search_finds_the_extreme_singular_values():
    problem = data(1, 3, 1, 20)
    sizes = torch.linalg.svdvals(problem.design).square() / problem.n
    assert extreme_ratio(problem, 3, steps=200) == pytest.approx(sizes[0].item(), rel=1e-6)
    assert extreme_ratio(problem, 3, largest=False, steps=200) == pytest.approx(sizes[-1].item(), rel=1e-3)


def test_a_search_never_makes_the_ratio_less_extreme_and_beats_random_matrices():
    problem = data(2, 9, 2, 60)
    ratios = isometry_ratio(problem, random_low_rank(9, 2, count=200, seed=0))
    for side in (True, False):
        path = [extreme_ratio(problem, 2, largest=side, starts=1, steps=steps) for steps in (1, 4, 16, 32)]
        assert path == sorted(path, reverse=not side)
    assert extreme_ratio(problem, 2, largest=False) < ratios.min() < ratios.max() < extreme_ratio(problem, 2)


def test_curvatures_of_columns_are_ratios_at_their_outer_products():
    problem, U = data(3, 6, 1, 50), gaussian(6, 4, seed=0)
    by_hand = [(problem.design @ svec(torch.outer(u, u))).square().mean() / (u @ u) ** 2 for u in U.T]
    assert torch.allclose(column_curvatures(problem, U), torch.stack(by_hand))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: random_low_rank(4, 5, count=3), ValueError, "rank must be"),
        (lambda p: random_low_rank(4, 2, count=0), ValueError, "count must be"),
        (lambda p: extreme_ratio(p, 0), ValueError, "rank must be"),
        (lambda p: extreme_ratio(p, 2, steps=0), ValueError, "steps must be"),
        (lambda p: isometry_ratio(p, symmetric(3, 0)), ValueError, "X must have shape"),
        (lambda p: isometry_ratio(p, torch.eye(5)), TypeError, "X must be torch.float64"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call(data(0, 5, 1, 10))
