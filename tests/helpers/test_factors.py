"""Pairs and signed factors: stacking, losses with gaps, and derivatives of any loss."""

import pytest
import torch
from instances import gaussian, orthogonal, uniform

from helpers.factors import Pairs, Signed, completion, join, split, squared_distance, svd_pair
from helpers.penalties import GroupLasso
from helpers.problems import Population, ground_truth
from helpers.pruning import column_norms
from helpers.training import train


def logistic(X):
    return torch.nn.functional.softplus(X).sum((-2, -1))


def pairs(loss=None, batch=()):
    M = gaussian(4, 2, seed=1) @ gaussian(3, 2, seed=2).T
    return Pairs(loss or squared_distance(M), M), gaussian(*batch, 7, 5, seed=3)


def signed():
    M = gaussian(4, 4, seed=1)
    return Signed(logistic, M + M.T, torch.tensor([1.0, -1.0] * 4, dtype=torch.float64)), gaussian(4, 8, seed=3)


def test_joining_and_splitting_are_inverse_and_column_norms_are_mean_squares():
    U, V = gaussian(2, 4, 5, seed=1), gaussian(2, 3, 5, seed=2)
    Z = join(U, V)
    again = split(Z, 4)
    assert torch.allclose(again[0], U)
    assert torch.allclose(again[1], V)
    assert torch.allclose(column_norms(Z).square(), (U.square().sum(-2) + V.square().sum(-2)) / 2)


def test_the_pair_of_a_matrix_has_its_singular_values_evenly_on_both_sides():
    X = gaussian(5, 3, seed=1)
    U, V = split(svd_pair(X), 5)
    assert torch.allclose(U @ V.T, X)
    assert torch.allclose(U.T @ U, torch.linalg.svdvals(X).diag())
    assert torch.allclose(U.T @ U, V.T @ V)
    assert svd_pair(X).shape == (8, 3)


@pytest.mark.parametrize("make", [pairs, lambda: pairs(logistic), signed])
def test_gradients_and_hessians_are_derivatives(make):
    problem, Z = make()
    way, step = gaussian(*Z.shape, seed=5), 1e-5
    slope = (problem.loss(Z + step * way) - problem.loss(Z - step * way)) / (2 * step)
    assert torch.isclose((problem.gradient(Z) * way).sum(), slope, rtol=1e-6)
    bend = (problem.gradient(Z + step * way) - problem.gradient(Z - step * way)) / (2 * step)
    assert torch.allclose(problem.hessian_vector(Z, way), bend, rtol=1e-5, atol=1e-5)


def test_a_batch_is_the_runs_one_by_one():
    problem, Z = pairs(logistic, batch=(3,))
    losses, slopes = problem.loss_and_gradient(Z)
    way = gaussian(3, 7, 5, seed=9)
    for i in range(3):
        assert torch.isclose(losses[i], problem.loss(Z[i]))
        assert torch.allclose(slopes[i], problem.gradient(Z[i]))
        assert torch.allclose(problem.hessian_vector(Z, way)[i], problem.hessian_vector(Z[i], way[i]))


def test_positive_signs_give_the_symmetric_problem_of_the_book():
    U_star = ground_truth(5, 2, condition=1.3, seed=1)
    book, U = Population(U_star), gaussian(5, 4, seed=2)
    same = Signed(squared_distance(book.M), book.M, torch.ones(4, dtype=torch.float64))
    assert torch.isclose(same.loss(U), book.loss(U))
    assert torch.allclose(same.gradient(U), book.gradient(U))
    assert torch.allclose(same.hessian_vector(U, U), book.hessian_vector(U, U))
    assert same.r == 2
    assert abs(same.mu_r - book.mu_r) < 1e-12


def test_a_symmetric_truth_is_found_by_gradient_descent_on_pairs():
    M = orthogonal(4, 1)[:, :2] @ orthogonal(3, 2)[:, :2].T
    problem = Pairs(squared_distance(M), M)
    run = train(problem, 0.1 * gaussian(7, 4, seed=1), penalty=GroupLasso(0.1, 0.01), steps=3000, tolerance=1e-6)
    assert (column_norms(run.U) > 0.2).sum() == 2


def test_unseen_entries_do_not_matter():
    Y, seen = gaussian(4, 5, seed=1), uniform(4, 5, seed=2) < 0.5
    holes, X = torch.where(seen, Y, torch.nan), gaussian(4, 5, seed=3)
    expected = (X - Y)[seen].square().sum() / seen.double().mean()
    assert torch.isclose(completion(holes, seen)(X), expected)


@pytest.mark.parametrize(
    ("seen", "error", "word"),
    [
        (torch.ones(4, 5), TypeError, "booleans"), (torch.ones(3, 5, dtype=torch.bool), ValueError, "shape"),
        (torch.zeros(4, 5, dtype=torch.bool), ValueError, "True"),
    ],
)  # fmt: skip
def test_a_mask_that_is_none_is_refused(seen, error, word):
    with pytest.raises(error, match=word):
        completion(gaussian(4, 5, seed=1), seen)


def test_tables_that_are_no_tensors_are_told_how_to_become_some():
    Y, seen = gaussian(4, 5, seed=1), torch.ones(4, 5, dtype=torch.bool)
    for name, given in (("Y", (Y.numpy(), seen)), ("seen", (Y, seen.numpy()))):
        with pytest.raises(TypeError, match=f"{name} must be a torch tensor, got ndarray: torch.from_numpy"):
            completion(*given)


def test_the_rank_of_a_truth_is_that_of_its_precision():
    M = gaussian(9, 2, seed=1) @ gaussian(2, 7, seed=2)
    symmetric = M[:7] + M[:7].T
    for precise in (torch.float64, torch.float32):
        X, S = M.to(precise), symmetric.to(precise)
        assert Pairs(squared_distance(X), X).r == 2
        assert Signed(squared_distance(S), S, torch.tensor([1.0, -1.0] * 4, dtype=precise)).r == 4


def test_a_truth_of_zeros_has_rank_0():
    nothing = torch.zeros(3, 3)
    loss = squared_distance(nothing)
    for problem in (Pairs(loss, nothing), Signed(loss, nothing, torch.ones(2))):
        assert (problem.r, problem.mu_r) == (0, 0.0)


@pytest.mark.parametrize(
    ("M", "signs", "word"),
    [
        (torch.ones(3, 4), torch.ones(3), "M must have shape"), (torch.ones(3, 3).triu(), torch.ones(3), "symmetric"),
        (torch.eye(3), torch.tensor([1.0, 1.0, 1.0, 0.5]), "1 or -1"),
    ],
)  # fmt: skip
def test_signed_factors_need_signs_and_a_symmetric_truth(M, signs, word):
    with pytest.raises(ValueError, match=word):
        Signed(squared_distance(M), M, signs)


def test_too_few_signs_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match="signs needs at least 3 entries equal to 1"):
        Signed(logistic, torch.eye(3, dtype=torch.float64), torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="V must have shape"):
        join(gaussian(4, 5, seed=1), gaussian(3, 4, seed=1))
    with pytest.raises(ValueError, match="rows"):
        split(gaussian(4, 5, seed=1), 4)
    problem, _ = pairs()
    with pytest.raises(ValueError, match="Z must have shape"):
        problem.gradient(gaussian(6, 5, seed=1))
