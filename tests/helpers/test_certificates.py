"""Hessian-vector products and Lanczos against dense Hessians, certificates, converged runs."""

import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from helpers.certificates import Certificate, certificate, gradient_norm, smallest_eigenvalue
from helpers.objective import Objective
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth
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
    counted, calls = counting(problem)
    value, _, _ = smallest_eigenvalue(counted, U, penalty)

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


@pytest.mark.parametrize(("d", "k"), [(1, 3), (4, 3), (3, 5)])
def test_a_hessian_with_one_eigenvalue_is_no_obstacle(d, k):
    """M = I and U = 0: every product is a multiple of the vector, and the basis has to go on with fresh ones."""
    problem = Population(torch.eye(d, dtype=torch.float64))
    for seed in range(4):
        value, _, residual = smallest_eigenvalue(problem, torch.zeros(d, k).double(), GroupLasso(0.25, 0.25), seed=seed)
        assert value == pytest.approx(-3)  # 2λh'(0) − 4
        assert residual < 1e-12


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


def test_a_certificate_holds_at_equality_and_not_beyond():
    one = torch.tensor(1.0, dtype=torch.float64)
    assert Certificate(one, -0.75 * one, 0.25 * one, epsilon=1.0, gamma=1.0).holds
    for gradient, value, residual in ((1 + 1e-9, -0.75, 0.25), (1.0, -0.75 - 1e-9, 0.25), (1.0, -0.75, 0.25 + 1e-9)):
        assert not Certificate(gradient * one, value * one, residual * one, epsilon=1.0, gamma=1.0).holds


def counting(problem):
    """A population problem that counts its Hessian-vector products, and the list of them."""
    calls = []

    class Counting(Population):
        def hessian_vector(self, U, V):
            calls.append(V)
            return super().hessian_vector(U, V)

    return Counting(problem.U_star), calls


@pytest.mark.parametrize("steps", [1, 3, 8, 21])
def test_a_ritz_value_is_never_below_the_smallest_eigenvalue_and_near_some_eigenvalue(steps):
    """What Lanczos shows after any number of steps, and what it does not: that no eigenvalue lies lower."""
    problem, penalty, U = PROBLEMS["Empirical gaussian"], GroupLasso(0.1, 0.02), points()
    spectrum = torch.linalg.eigvalsh(dense_hessian(Objective(problem, penalty), U))
    for seed in range(5):
        value, direction, residual = smallest_eigenvalue(problem, U, penalty, steps=steps, seed=seed)
        assert value > spectrum[0] - 1e-12
        assert (spectrum - value).abs().min() <= residual + 1e-12
        image = Objective(problem, penalty).hessian_vector(U, direction)
        assert abs(residual - (image - value * direction).norm()) < 1e-12
        assert abs((direction * image).sum() - value) < 1e-12
    if steps == 1:
        assert value > spectrum[0] + 0.1  # the smallest eigenvalue is far below, and the residual does not say so


def test_lanczos_stops_at_its_tolerance_and_after_its_steps():
    truth, penalty = Population(ground_truth(12, 2, condition=1.5)), GroupLasso(0.05, 0.01)
    U = gaussian_init(12, 12, scale=0.2, seed=1)
    spent = []
    for tolerance, steps in ((1e-2, 600), (1e-10, 600), (0, 25)):
        problem, calls = counting(truth)
        _, _, residual = smallest_eigenvalue(problem, U, penalty, tolerance=tolerance, steps=steps)
        spent.append(len(calls) - 1)  # the last product only measures the residual
        assert spent[-1] == steps or residual <= tolerance * 40  # ‖∇²F‖ is less than that
    assert spent[0] < spent[1] < 144
    assert spent[2] == 25
    assert all(n % 10 == 0 for n in spent[:2])  # it looks every ten steps


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
