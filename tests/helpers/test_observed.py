"""A problem from one's own measurements is the problem of the book, without its truth."""

import numpy as np
import pandas as pd
import pytest
import torch
from instances import ENSEMBLE_NAMES, data, gaussian

from helpers.observed import Observed, part
from helpers.problems import smat
from helpers.training import train

both = pytest.mark.parametrize("ensemble", ENSEMBLE_NAMES)


def observed(problem):
    """The measurements of a problem as somebody would hand them over: in numpy, on a GPU as tensors."""
    A, y = smat(problem.design) if problem.ensemble == "gaussian" else problem.design, problem.y
    return Observed(A.numpy(), y.numpy()) if y.device.type == "cpu" else Observed(A, y)


@both
@pytest.mark.parametrize("n", [8, 60])
def test_loss_and_derivatives_are_those_of_the_problem(ensemble, n):
    problem, U, V = data(1, 4, 2, n, ensemble=ensemble), gaussian(4, 3, seed=2), gaussian(4, 3, seed=3)
    ours = observed(problem)
    assert (ours.d, ours.n, ours.ensemble) == (4, n, ensemble)
    for name in ("loss", "gradient", "matrix_gradient"):
        torch.testing.assert_close(getattr(ours, name)(U), getattr(problem, name)(U), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.hessian_vector(U, V), problem.hessian_vector(U, V), rtol=1e-10, atol=1e-10)


@both
def test_what_needs_the_truth_says_that_there_is_none(ensemble):
    ours = observed(data(1, 4, 2, 60, ensemble=ensemble))
    for name in ("r", "mu_r"):
        with pytest.raises(AttributeError, match="not known"):
            getattr(ours, name)
    assert ours.error(gaussian(5, 4, 3, seed=1)).shape == (5,)
    assert ours.error(gaussian(4, 3, seed=1)).isnan()


@both
def test_training_runs_without_a_truth(ensemble):
    problem = data(1, 4, 2, 60, ensemble=ensemble)
    run = train(observed(problem), 0.3 * gaussian(4, 4, seed=2), steps=300)
    assert run.loss[-1] < 0.1 * run.loss[0]


def test_only_the_symmetric_part_of_a_measurement_counts():
    A, y = gaussian(50, 4, 4, seed=1) * 2**0.5, gaussian(50, seed=2)
    X = gaussian(4, 4, seed=3)
    X = X + X.T
    torch.testing.assert_close(Observed(A, y).measure(X), (A * X).sum((1, 2)))


def test_frames_lists_and_views_are_taken_as_the_same_numbers():
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0)
    frame = pd.DataFrame(x[:, ::-1])
    fixed = x.copy()
    fixed.flags.writeable = False
    wanted = Observed(x[:, ::-1].copy(), y)
    for given in (frame, frame.to_numpy(), x[:, ::-1], fixed[:, ::-1], frame.to_numpy().tolist()):
        ours = Observed(given, pd.Series(y))
        torch.testing.assert_close((ours.design, ours.y), (wanted.design, wanted.y))


@both
def test_a_part_keeps_the_rows_that_were_named(ensemble):
    problem = data(1, 4, 2, 60, ensemble=ensemble)
    mask = torch.arange(60) % 3 == 0
    for rows in (mask, torch.arange(0, 60, 3)):
        some = part(problem, rows)
        torch.testing.assert_close(some.design, problem.design[mask])
        torch.testing.assert_close(some.y, problem.y[mask])


@both
def test_the_scale_of_a_small_part_is_that_of_the_whole(ensemble):
    """One row alone has a mean square that `Observed` might refuse."""
    problem = data(1, 2, 1, 60, ensemble=ensemble)
    size = problem.design.square().mean(1).sqrt()
    least = size.argmin()
    assert size[least] < 0.7
    assert part(problem, least[None]).n == 1
    with pytest.raises(ValueError, match="empty"):
        part(problem, torch.zeros(60, dtype=torch.bool))


@pytest.mark.parametrize(
    ("measurements", "y", "error", "words"),
    [
        ([["a"]], np.ones(1), TypeError, "measurements must be .* an array of real numbers, got list of str32"),
        (np.ones((5, 2), complex), np.ones(5), TypeError, "complex128"),
        (torch.ones(5, 2), torch.ones(5, dtype=torch.bool), TypeError, "y must be .* Tensor of bool"),
        (np.ones(4), np.ones(4), ValueError, "at least 2 dimensions"),
        (np.ones((5, 2, 3)), np.ones(5), ValueError, "measurements must have shape"),
        (np.ones((5, 2, 2, 2)), np.ones(5), ValueError, r"inputs \(n, d\) or matrices \(n, d, d\)"),
        (np.full((5, 2), np.nan), np.ones(5), ValueError, "finite"),
        (np.zeros((5, 2)), np.ones(5), ValueError, "not all be zero"),
        (np.array([[[0.0, 1.0], [-1.0, 0.0]]]), np.ones(1), ValueError, "symmetric part"),
        (3 * np.ones((5, 2)), np.ones(5), ValueError, "divide by 3, and what is found is 9 × M"),
        (3 * np.eye(2)[None], np.ones(1), ValueError, r"divide by 2.449, and what is found is 2.449 × M"),
        (np.ones((5, 2)), np.ones(4), ValueError, r"y must have one number a measurement, shape \(5,\), got \(4,\)"),
        (np.ones((5, 2)), np.ones((5, 1)), ValueError, "y must have one number"),
        (np.ones((5, 2)), np.ones((3, 5)), ValueError, "y must have one number"),
        (np.ones((5, 2)), np.array([1, 1, np.nan, 1, 1]), ValueError, "y must be finite"),
    ],
)
def test_bad_measurements_are_refused_in_words(measurements, y, error, words):
    with pytest.raises(error, match=words):
        Observed(measurements, y)
