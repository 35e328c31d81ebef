"""Greedy pruning keeps the right columns, for one run and for a batch."""

import math

import pytest
import torch

from helpers.problems import Population, ground_truth
from helpers.pruning import column_norms, prune, pruning_curve


@pytest.fixture
def U():
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.tensor(
        [3, 0.01, 2, 0.02, 1, 0], dtype=torch.float64
    )


def test_column_norms_are_the_norms_of_the_columns(U):
    expected = [math.sqrt(sum(x.item() ** 2 for x in U[:, i])) for i in range(6)]
    assert column_norms(U).tolist() == pytest.approx(expected)
    assert column_norms(U.expand(2, 3, 5, 6)).shape == (2, 3, 6)


def test_a_threshold_drops_the_columns_at_or_below_it(U):
    assert torch.equal(prune(U, threshold=0.5), U[:, [0, 2, 4]])
    edge = column_norms(U)[4].item()
    assert torch.equal(prune(U, threshold=edge), U[:, [0, 2]])
    assert prune(U, threshold=1e9).shape == (5, 0)


def test_keeping_the_largest_columns_preserves_their_order(U):
    flipped = U.flip(-1)
    assert torch.equal(prune(flipped, keep=2), flipped[:, [3, 5]])
    assert torch.equal(prune(U, keep=6), U)
    assert prune(U, keep=0).shape == (5, 0)


def test_equal_columns_keep_the_first():
    U = torch.eye(4, dtype=torch.float64)
    assert torch.equal(prune(U, keep=2), U[:, :2])


def test_a_batch_keeps_its_shape_and_each_run_loses_its_own_columns(U):
    batch = torch.stack([U, U.flip(-1)])
    for options in ({"keep": 2}, {"threshold": 0.5}):
        pruned = prune(batch, **options)
        assert pruned.shape == batch.shape
        for run, original in zip(pruned, batch, strict=True):
            assert torch.equal(run[:, column_norms(run) > 0], prune(original, **options))


def test_the_pruning_curve_is_the_loss_and_error_of_every_pruned_model(U):
    problem = Population(ground_truth(5, 2))
    loss, error = pruning_curve(problem, U)
    assert loss.shape == error.shape == (7,)
    for m in range(1, 7):
        assert torch.allclose(loss[m], problem.loss(prune(U, keep=m)))
        assert torch.allclose(error[m], problem.error(prune(U, keep=m)))
    assert torch.allclose(error[0], problem.M.norm())
    assert torch.allclose(pruning_curve(problem, torch.stack([U, 2 * U]))[0][:, 0], loss)


@pytest.mark.parametrize("options", [{}, {"keep": 2, "threshold": 0.1}])
def test_exactly_one_of_threshold_and_keep(U, options):
    with pytest.raises(TypeError, match="exactly one of threshold and keep"):
        prune(U, **options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"keep": 7}, ValueError), ({"keep": -1}, ValueError), ({"keep": 2.0}, TypeError),
        ({"threshold": -1.0}, ValueError), ({"threshold": math.nan}, ValueError), ({"threshold": "1"}, TypeError),
    ],
)  # fmt: skip
def test_bad_input_is_refused(U, options, error):
    with pytest.raises(error, match=r"keep must be|threshold must be"):
        prune(U, **options)


def test_a_column_vector_is_no_matrix():
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        column_norms(torch.ones(3))
