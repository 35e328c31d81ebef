"""Hessian-vector products and Lanczos against dense Hessians, certificates, rotations, converged runs."""

import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from helpers.certificates import certificate, gradient_norm, smallest_eigenvalue
from helpers.objective import Objective
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth
from helpers.rotations import largest_cosine, rotate
from helpers.training import gaussian_init, train

D, K = 6, 5
TRUTH = ground_truth(D, 2, condition=1.5, seed=3)
PROBLEMS = {
    f"{kind.__name__} {ensemble}": kind(TRUTH, ensemble=ensemble)
    if kind is Population
    else kind.sample(TRUTH, 50, noise=0.3, ensemble=ensemble, seed=4)
    for kind in (Population, Empirical)
    for ensemble in ("gaussian", "rank-one")
}
PENALTIES = [None, GroupLasso(0.1, 0.02), WeightDecay(0.1), ColumnPower(0.1, 1.5, 0.05), ColumnPower(0.1, 3, 0.05)]
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


def points(*batch, seed=0, scale=0.6):
    return gaussian_init(D, K, scale=scale, seed=seed, batch=batch)


def dense_hessian(objective, U):
    return torch.autograd.functional.hessian(lambda x: objective.value(x.reshape(U.shape)), U.flatten())


@every_penalty
@every_problem
def test_hessian_vector_products_equal_autograd(problem, penalty):
    objective, U, V = Objective(problem, penalty), points(3), points(3, seed=1)
    _, expected = torch.autograd.functional.hvp(lambda U: objective.value(U).sum(), U, V)
    found = objective.hessian_vector(U, V)
    assert (found - expected).norm() <= 1e-9 * expected.norm()
    assert torch.allclose(found[1], objective.hessian_vector(U[1], V[1]), rtol=1e-12)


@every_penalty
@every_problem
def test_smallest_eigenvalue_equals_that_of_the_dense_hessian(problem, penalty):
    objective, U = Objective(problem, penalty), points(2, 2)
    value, direction, residual = smallest_eigenvalue(problem, U, penalty)
    expected = torch.stack([torch.linalg.eigvalsh(dense_hessian(objective, u))[0] for u in U.flatten(0, 1)])
    assert torch.allclose(value.flatten(), expected, atol=1e-8)
    assert (residual < 1e-7).all()
    assert torch.allclose(torch.linalg.matrix_norm(direction), torch.ones(2, 2, dtype=torch.float64))
    assert torch.allclose(objective.hessian_vector(U, direction), value[..., None, None] * direction, atol=1e-7)


def test_smallest_eigenvalue_agrees_with_arpack_before_the_basis_is_complete():
    problem, penalty = Population(ground_truth(20, 3, condition=1.5)), GroupLasso(0.05, 0.01)
    U = gaussian_init(20, 20, scale=0.2, seed=1)
    calls = []

    class Counting(Population):
        def hessian_vector(self, U, V):
            calls.append(1)
            return super().hessian_vector(U, V)

    value, _, _ = smallest_eigenvalue(Counting(problem.U_star), U, penalty)

    def product(v):
        return Objective(problem, penalty).hessian_vector(U, torch.from_numpy(v).reshape(U.shape)).numpy().ravel()

    operator = LinearOperator((400, 400), product, dtype=float)
    assert abs(value - eigsh(operator, 1, which="SA", return_eigenvectors=False)[0]) < 1e-8
    assert len(calls) < 200


def test_repeated_eigenvalues_and_invariant_subspaces_are_no_obstacle():
    problem, penalty = Population(ground_truth(5, 2)), GroupLasso(0.1, 0.04)
    U = torch.zeros(3, 5, 4, dtype=torch.float64)  # here the Hessian has two eigenvalues only
    U[1, :, 0] = problem.U_star[:, 0]
    value, _, residual = smallest_eigenvalue(problem, U, penalty)
    expected = [torch.linalg.eigvalsh(dense_hessian(Objective(problem, penalty), u))[0] for u in U]
    assert torch.allclose(value, torch.stack(expected), atol=1e-10)
    assert value[0] == pytest.approx(2 * 0.1 / 0.2 - 4)  # 2λh'(0) − 4μ
    assert (residual < 1e-10).all()


def test_certificate_reports_values_and_judges_them():
    problem, penalty = PROBLEMS["Empirical gaussian"], GroupLasso(0.1, 0.02)
    minimum = train(problem, points(), penalty=penalty, method="l-bfgs", steps=2000, tolerance=1e-11).U
    U = torch.stack([minimum, torch.zeros_like(minimum), points()])  # minimum, saddle, neither
    found = certificate(problem, U, penalty, epsilon=1e-8, gamma=1e-6)
    assert found.holds.tolist() == [True, False, False]
    assert found.gradient_norm[1] == 0
    assert found.smallest_eigenvalue[1] < -0.1
    assert torch.equal(found.gradient_norm, gradient_norm(problem, U, penalty))
    assert certificate(problem, U, penalty, epsilon=1e3, gamma=1e3).holds.all()
    assert "1 of 3" in repr(found)


def test_a_residual_counts_against_the_certificate():
    problem, U = PROBLEMS["Population gaussian"], points()
    found = certificate(problem, U, epsilon=1e3, gamma=1e3)
    found.residual = torch.tensor(2e3)
    assert not found.holds


@pytest.mark.parametrize("method_error", [{"epsilon": -1, "gamma": 0}, {"epsilon": 0, "gamma": float("nan")}])
def test_bad_tolerances_are_named(method_error):
    with pytest.raises(ValueError, match=r"epsilon|gamma"):
        certificate(PROBLEMS["Population gaussian"], points(), **method_error)


def test_bad_points_are_named():
    problem = PROBLEMS["Population gaussian"]
    for U in (points()[:3], points() * float("nan")):
        with pytest.raises(ValueError, match="U must"):
            smallest_eigenvalue(problem, U)
    with pytest.raises(TypeError, match=r"U must be torch\.float64"):
        smallest_eigenvalue(problem, points().float())


@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
def test_converged_training_reaches_a_stationary_point(ensemble):
    """‖∇F‖ ≤ 1e-7 in every run, ≤ 1e-10 in most, and it is the true gradient norm."""
    norms = []
    for seed in range(12):
        truth = ground_truth(8, 2, condition=1.3, seed=seed)
        problem = Empirical.sample(truth, 150, noise=0.3, ensemble=ensemble, seed=seed)
        penalty = GroupLasso(0.15, 0.01)
        start = gaussian_init(8, 6, scale=(0.01, 0.3, 1.0)[seed % 3], seed=seed)
        run = train(problem, start, penalty=penalty, method="l-bfgs", steps=3000, tolerance=1e-12)
        assert run.gradient_norm == pytest.approx(gradient_norm(problem, run.U, penalty).item(), abs=1e-14)
        norms.append(run.gradient_norm.item())
    assert max(norms) <= 1e-7
    assert sorted(norms)[9] <= 1e-10


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_rotation_keeps_the_matrix_and_turns_two_columns(batch):
    U, theta = points(*batch), torch.linspace(-2, 2, 4, dtype=torch.float64)
    turned = rotate(U, 1, 4, theta)
    assert turned.shape == (4, *U.shape)
    assert torch.allclose(turned @ turned.mT, (U @ U.mT).expand(4, *batch, D, D), atol=1e-12)
    assert torch.equal(turned[..., [0, 2, 3]], U[..., [0, 2, 3]].expand(4, *batch, D, 3))
    first = theta[1].cos() * U[..., 1] + theta[1].sin() * U[..., 4]
    assert torch.allclose(turned[1, ..., 1], first)
    assert torch.allclose(rotate(U, 1, 4, 0.3), rotate(U, 4, 1, -0.3))
    assert torch.allclose(rotate(rotate(U, 0, 1, 0.3), 0, 1, -0.3), U)


def test_bad_columns_of_a_rotation_are_named():
    with pytest.raises(ValueError, match="two different columns"):
        rotate(points(), 2, 2, 0.1)
    with pytest.raises(ValueError, match="j must be an integer"):
        rotate(points(), 2, K, 0.1)


def test_largest_cosine_looks_at_large_columns_only():
    U = torch.tensor([[1.0, 3.0, 0.01, 0.0], [0.0, 4.0, 0.0, 0.0]], dtype=torch.float64)
    assert largest_cosine(U) == pytest.approx(1)
    assert largest_cosine(U, threshold=0.1) == pytest.approx(0.6)
    assert largest_cosine(U, threshold=2) == 0
    assert largest_cosine(torch.stack([U, 2 * U]), threshold=0.015).tolist() == pytest.approx([0.6, 1])
    assert largest_cosine(U[:, :1]) == 0
