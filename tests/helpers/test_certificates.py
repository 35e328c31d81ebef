"""Lanczos' method, and with it the Hessian of F, against dense Hessians; what a certificate says."""

import pytest
import torch

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
def test_smallest_eigenvalue_equals_that_of_the_dense_hessian(problem, penalty):
    objective, U = Objective(problem, penalty), points(2, 2)
    value, direction, residual = smallest_eigenvalue(problem, U, penalty)
    expected = torch.stack([torch.linalg.eigvalsh(dense_hessian(objective, u))[0] for u in U.flatten(0, 1)])
    assert torch.allclose(value.flatten(), expected, atol=1e-8)
    assert (residual < 1e-7).all()
    assert torch.allclose(torch.linalg.matrix_norm(direction), torch.ones(2, 2, dtype=torch.float64))
    assert torch.allclose(objective.hessian_vector(U, direction), value[..., None, None] * direction, atol=1e-7)


@pytest.mark.parametrize(("d", "r", "k"), [(5, 2, 4), (1, 1, 3), (4, 4, 3), (3, 3, 5)])
def test_repeated_eigenvalues_and_invariant_subspaces_are_no_obstacle(d, r, k):
    """At U = 0 the Hessian has two eigenvalues, for M = I one: the basis has to go on with fresh vectors."""
    problem, penalty = Population(ground_truth(d, r)), GroupLasso(0.1, 0.04)
    U = torch.zeros(2, d, k, dtype=torch.float64)
    U[1, :, 0] = problem.U_star[:, 0]
    expected = torch.stack([torch.linalg.eigvalsh(dense_hessian(Objective(problem, penalty), u))[0] for u in U])
    assert expected[0] == pytest.approx(2 * 0.1 / 0.2 - 4)  # 2λh'(0) − 4μ
    for seed in range(4):
        value, _, residual = smallest_eigenvalue(problem, U, penalty, seed=seed)
        assert torch.allclose(value, expected, atol=1e-10)
        assert (residual < 1e-10).all()


def test_certificate_reports_values_and_judges_them():
    problem, penalty = PROBLEMS["Empirical gaussian"], GroupLasso(0.1, 0.02)
    minimum = train(problem, points(), penalty=penalty, method="l-bfgs", steps=2000, tolerance=1e-11).U
    U = torch.stack([minimum, torch.zeros_like(minimum), points()])  # minimum, saddle, neither
    found = certificate(problem, U, penalty, epsilon=1e-10, gamma=1e-6)
    assert found.holds.tolist() == [True, False, False]
    assert found.gradient_norm[1] == 0
    assert found.smallest_eigenvalue[1] < -0.1
    assert torch.equal(found.gradient_norm, gradient_norm(problem, U, penalty))
    assert certificate(problem, U, penalty, epsilon=1e3, gamma=1e3).holds.all()
    assert "1 of 3" in repr(found)


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
    expected, spent = torch.linalg.eigvalsh(dense_hessian(Objective(truth, penalty), U))[0], []
    for tolerance, steps in ((1e-2, 600), (1e-10, 600), (0, 25)):
        problem, calls = counting(truth)
        value, _, residual = smallest_eigenvalue(problem, U, penalty, tolerance=tolerance, steps=steps)
        spent.append(len(calls) - 1)  # the last product only measures the residual
        assert spent[-1] == steps or residual <= tolerance * 40  # ‖∇²F‖ is less than that
        assert tolerance != 1e-10 or abs(value - expected) < 1e-8  # long before the basis is complete
    assert spent[0] < spent[1] < 144
    assert spent[2] == 25
    assert all(n % 10 == 0 for n in spent[:2])  # it looks every ten steps


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epsilon": -1}, ValueError, "epsilon must"),
        ({"gamma": float("nan")}, ValueError, "gamma must"),
        ({"U": points()[:3]}, ValueError, "U must"),
        ({"U": points() * float("nan")}, ValueError, "U must"),
        ({"U": points().float()}, TypeError, r"U must be torch\.float64"),
    ],
)
def test_bad_input_is_named(change, error, message):
    with pytest.raises(error, match=message):
        certificate(PROBLEMS["Population gaussian"], **({"U": points(), "epsilon": 0, "gamma": 0} | change))
