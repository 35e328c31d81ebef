"""The two ensembles, population and empirical: values, gradients, adjoints, expectations and bad input."""

import math

import pytest
import torch

from helpers.arguments import ENSEMBLES
from helpers.problems import Empirical, Population, ground_truth, smat, svec

# (d, k, n): a Gram matrix, too few measurements for one, and rank-one data that are streamed, factored and not
SIZES = [(6, 3, 60), (6, 6, 8), (30, 4, 40), (30, 30, 40)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problems_of(ensemble, d, n, noise=0.3):
    U_star = ground_truth(d, 2, condition=2.0, seed=1)
    return Population(U_star, ensemble), Empirical.sample(U_star, n, noise=noise, ensemble=ensemble, seed=2)


def plain_loss(problem, U):
    """The loss as the text writes it first, for autograd to differentiate."""
    X = U @ U.mT
    if isinstance(problem, Empirical):
        return (problem.measure(X) - problem.y).square().mean(-1)
    square = (X - problem.M).square().sum((-2, -1))
    trace = (X - problem.M).diagonal(dim1=-2, dim2=-1).sum(-1)
    return square if problem.ensemble == "gaussian" else 2 * square + trace**2


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize(("d", "k", "n"), SIZES)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_loss_and_gradient_agree_with_autograd(ensemble, d, k, n, batch):
    for problem in problems_of(ensemble, d, n):
        U = random(*batch, d, k).requires_grad_()
        expected = plain_loss(problem, U)
        (slope,) = torch.autograd.grad(expected.sum(), U)
        loss, gradient = problem.loss_and_gradient(U.detach())
        assert loss.shape == batch
        assert relative(loss, expected) < 1e-12
        assert relative(gradient, slope) < 1e-10
        assert relative(problem.gradient(U.detach()), slope) < 1e-10
        assert relative(2 * problem.matrix_gradient(U.detach()) @ U, slope) < 1e-10


@pytest.mark.parametrize(("d", "k", "n"), SIZES)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_hessian_vector_products_agree_with_autograd(ensemble, d, k, n):
    for problem in problems_of(ensemble, d, n):
        U, V = random(d, k), random(d, k, seed=5)
        _, expected = torch.autograd.functional.hvp(lambda U, problem=problem: plain_loss(problem, U), U, V)
        assert relative(problem.hessian_vector(U, V), expected) < 1e-9
        batched = problem.hessian_vector(torch.stack([U, V]), torch.stack([V, U]))
        assert relative(batched[0], expected) < 1e-9


@pytest.mark.parametrize("n", [5, 30, 5000])
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_adjoint_is_the_adjoint(ensemble, n):
    _, problem = problems_of(ensemble, 7, n)
    X, v = random(3, 7, 7), random(3, n, seed=1)
    X = X + X.mT
    left, right = (problem.measure(X) * v).sum(-1), (X * problem.adjoint(v)).sum((-2, -1))
    assert torch.allclose(left, right, rtol=1e-12, atol=1e-12 * left.abs().max().item())


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_measurements_are_inner_products_with_the_measurement_matrices(ensemble):
    _, problem = problems_of(ensemble, 5, 9)
    X = random(5, 5) + random(5, 5).T
    unit = torch.eye(9, dtype=torch.float64)
    assert torch.allclose(problem.measure(X), (problem.adjoint(unit) * X).sum((-2, -1)))
    matrices = problem.adjoint(unit)
    assert torch.allclose(matrices, matrices.mT)
    if ensemble == "rank-one":
        assert torch.linalg.matrix_rank(matrices).tolist() == [1] * 9


@pytest.mark.parametrize("n", [40, 400])
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_a_step_costs_no_more_memory_than_the_data_and_the_loss_does_not_read_them_when_n_is_large(ensemble, n):
    """With a Gram matrix in place the design may be thrown away: the loss does not depend on n any more."""
    problem = Empirical.sample(ground_truth(6, 2, seed=1), n, noise=0.3, ensemble=ensemble, form="gram")
    U = random(6, 4)
    expected = problem.loss(U)
    assert problem.gram.shape == (21, 21)
    problem.design = None
    assert torch.equal(problem.loss(U), expected)


@pytest.mark.parametrize(("n", "width"), [(1, 1), (2049, 3), (4096, 6), (6145, 1)])
def test_data_drawn_in_chunks_are_those_of_one_draw(n, width):
    d = {1: 1, 3: 2, 6: 3}[width]
    problem = Empirical.sample(ground_truth(d, 1), n, noise=1.0, seed=3)
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(problem.design, torch.randn(n, width, generator=generator, dtype=torch.float64))
    w = torch.randn(n, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(problem.y - problem.measure(problem.M), w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_population_loss_is_the_expectation_of_the_empirical_one(ensemble):
    noise, U = 0.5, random(4, 2)
    population, _ = problems_of(ensemble, 4, 1)
    draws = torch.stack(
        [Empirical.sample(population.U_star, 20_000, noise=noise, ensemble=ensemble, seed=s).loss(U) for s in range(20)]
    )
    standard_error = (draws.std() / math.sqrt(len(draws))).item()
    expected = population.loss(U).item() + noise**2
    assert abs(draws.mean().item() - expected) < 4 * standard_error
    assert standard_error < 0.02 * expected


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_gradient_vanishes_and_the_loss_is_the_noise_at_the_truth(ensemble):
    population, empirical = problems_of(ensemble, 6, 100, noise=0.0)
    for problem in (population, empirical):
        assert problem.loss(problem.U_star).item() < 1e-28
        assert problem.gradient(problem.U_star).norm().item() < 1e-13
        assert problem.error(problem.U_star).item() < 1e-13
    _, noisy = problems_of(ensemble, 6, 100)
    assert torch.allclose(noisy.loss(noisy.U_star), (noisy.y - noisy.measure(noisy.M)).square().mean())


def test_symmetric_matrices_and_coordinates_are_isometric():
    X, Y = (random(3, 5, 5, seed=s) for s in (1, 2))
    X, Y = X + X.mT, Y + Y.mT
    assert torch.allclose(smat(svec(X)), X)
    assert torch.allclose((svec(X) * svec(Y)).sum(-1), (X * Y).sum((-2, -1)))


@pytest.mark.parametrize(("d", "r", "condition"), [(2, 1, 1.0), (9, 4, 3.0), (9, 9, 10.0)])
def test_the_ground_truth_has_the_promised_spectrum(d, r, condition):
    U = ground_truth(d, r, condition=condition, seed=3)
    assert torch.allclose(U.T @ U, torch.diag(torch.linspace(1, 1 / condition, r, dtype=torch.float64) ** 2))
    assert not torch.equal(U, ground_truth(d, r, condition=condition, seed=4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_dtype_of_the_truth_is_kept(ensemble, dtype):
    U_star = ground_truth(5, 2).to(dtype)
    problem = Empirical.sample(U_star, 40, ensemble=ensemble)
    assert problem.gradient(U_star).dtype == problem.loss(U_star).dtype == dtype


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ground_truth(3, 4), ValueError, "r must be an integer, finite and at least 1 and at most 3, got 4"),
        (lambda: ground_truth(0, 1), ValueError, "d must be"),
        (lambda: ground_truth(3, 0), ValueError, "r must be"),
        (lambda: ground_truth(3, 2.0), TypeError, "r must be an integer"),
        (lambda: ground_truth(3, 1, condition=0.5), ValueError, "condition must be"),
        (lambda: Population(random(2, 3)), ValueError, "U_star must have shape"),
        (lambda: Population(random(2, 3, 2)), ValueError, "U_star must have shape"),
        (lambda: Population(random(3, 2) * math.nan), ValueError, "U_star must be finite"),
        (lambda: Population(random(3, 2), "uniform"), ValueError, "ensemble must be one of"),
        (lambda: Empirical.sample(random(3, 2), 0), ValueError, "n must be"),
        (lambda: Empirical.sample(random(3, 2), 5.0), TypeError, "n must be an integer"),
        (lambda: Empirical.sample(random(3, 2), 5, noise=-0.1), ValueError, "noise must be"),
        (lambda: Empirical.sample(random(3, 2), 5, noise=math.inf), ValueError, "noise must be"),
        (lambda: Empirical.sample(random(3, 2), 5, ensemble="Gaussian"), ValueError, "ensemble must be one of"),
        (lambda: Empirical.sample(random(3, 2), 5, seed=-1), ValueError, "seed must be"),
        (lambda: Empirical(random(3, 2), random(5, 3), random(5)), ValueError, "design must have shape"),
        (lambda: Empirical(random(3, 2), random(5, 6), random(4)), ValueError, "w must have shape"),
        (lambda: Population(random(3, 2)).loss(random(4, 2)), ValueError, r"U must have shape \(..., 3, any\)"),
        (lambda: Population(random(3, 2)).loss(random(3, 2).float()), TypeError, "U must be torch.float64"),
        (lambda: Population(random(3, 2)).loss(random(3)), ValueError, "U must have at least 2 dimensions"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
