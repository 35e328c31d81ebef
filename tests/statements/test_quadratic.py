"""The statements of chapter 6, measured on fresh instances."""

import math

import numpy as np
import pytest
import torch

from helpers import theory
from helpers.arguments import generator
from helpers.certificates import certificate, smallest_eigenvalue
from helpers.isometry import extreme_ratio, random_low_rank
from helpers.networks import QuadraticNetwork
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs import inputs, quadratic
from helpers.proofs.tuning import tangent_basis
from helpers.rotations import random_frame
from helpers.stack import Stack
from helpers.training import fine_tune, gaussian_init, train

SEEDS = [0, 1, 2]
SPECTRA = [[1.0], [1.0, 0.4], [1.0, 1.0], [1.0, 0.6, 0.3], [1.0, 0.5, 0.5, 0.2]]
CONVERGED = {"method": "l-bfgs", "steps": 4000, "tolerance": 1e-10}


def normal(*shape, seed):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def fails(steps, tolerance=1e-9):
    return [step for step in steps if not step.holds(tolerance)]


def population(mu, d=None, seed=0):
    """The loss without noise for M with these eigenvalues, in random directions."""
    mu = torch.tensor(mu, dtype=torch.float64)
    return Population(ground_truth(d or len(mu) + 3, len(mu), seed=seed) * mu.sqrt(), "rank-one")


def noisy(seed, d=6, r=2, n=400, condition=1.0, noise=0.3):
    truth = ground_truth(d, r, condition=condition, seed=seed)
    return Empirical.sample(truth, n, noise=noise, ensemble="rank-one", seed=seed + 1)


def penalty_at(fraction, mu, smoothing):
    return GroupLasso(fraction * theory.critical_strength(mu[-1], smoothing, "rank-one"), smoothing)


def stationary_points(problem, penalty, k=None, starts=3, seed=0):
    """Second-order stationary points from random starts at several scales, and from the truth without some units."""
    k = k or problem.r + 2
    some = [gaussian_init(problem.d, k, scale=(0.01, 0.3, 1.0)[i % 3], seed=seed + i) for i in range(starts)]
    for kept in range(min(problem.r, k)):
        start = gaussian_init(problem.d, k, scale=1e-3, seed=seed + kept)
        start[:, :kept] += problem.U_star[:, :kept]
        some.append(start)
    ends = torch.stack([train(problem, start, penalty=penalty, **CONVERGED).U for start in some])
    assert certificate(problem, ends, penalty, epsilon=1e-7, gamma=1e-7).holds.all()
    return ends


@pytest.mark.statement("6.1")
@pytest.mark.parametrize("seed", SEEDS)
def test_network_and_sensing_problem_have_one_loss_and_one_gradient(seed):
    d, k = 3 + 2 * seed, 2 + 3 * seed
    problem = noisy(seed, d=d, n=30 + 50 * seed, noise=2.0)
    U, V = normal(d, k, seed=seed), normal(d, 3, seed=seed + 5)
    assert not fails(inputs.same_problem(problem, U, V))
    wrong = Empirical(problem.U_star, problem.design, problem.y, "rank-one")
    assert inputs.same_problem(problem, U, V)[0].right != pytest.approx(wrong.loss(U).item())


@pytest.mark.statement("6.1")
@pytest.mark.parametrize("k", [2, 3, 7])
def test_two_networks_are_the_same_function_exactly_when_their_matrices_agree(k):
    U, x = normal(5, 2, seed=k), normal(40, 5, seed=k + 1)
    other = U @ random_frame(2, k, seed=k)
    torch.testing.assert_close(QuadraticNetwork.from_factor(U)(x), QuadraticNetwork.from_factor(other)(x))
    other[0, 0] += 1e-3
    assert (QuadraticNetwork.from_factor(U)(x) - QuadraticNetwork.from_factor(other)(x)).abs().max() > 1e-5


@pytest.mark.statement("6.2")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fourth", [1.0, 1.8, 3.0, 9.0])
def test_the_mean_square_over_other_inputs(seed, fourth):
    S = normal(3 + seed, 3 + seed, seed=seed)
    assert not fails(inputs.other_inputs(S + S.T, fourth))


@pytest.mark.statement("6.2")
def test_random_signs_do_not_see_a_diagonal_without_trace():
    steps = inputs.other_inputs(torch.diag(torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)), 1.0)
    assert abs(steps[0].left) < 1e-12
    assert not fails(steps[:2])


@pytest.mark.statement("6.2")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_mean_square_over_correlated_gaussian_inputs(seed):
    S, root = normal(3, 3, seed=seed), normal(3, 3, seed=seed + 10)
    S, Sigma = S + S.T, root @ root.T
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    z = torch.cartesian_prod(*[torch.from_numpy(nodes)] * 3)
    chances = torch.cartesian_prod(*[torch.from_numpy(weights / weights.sum())] * 3).prod(1)
    x = z @ root.T
    measured = (chances * ((x @ S) * x).sum(1) ** 2).sum()
    half = torch.linalg.cholesky(Sigma)
    form = 2 * (half.T @ S @ half).square().sum() + (Sigma @ S).trace() ** 2
    torch.testing.assert_close(measured, form)


@pytest.mark.statement("6.3")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_steps_of_the_lower_isometry(seed, rank):
    d = 5 + seed
    X, Y = random_low_rank(d, rank, count=2, seed=seed)
    assert not fails(inputs.lower_isometry(noisy(seed, d=d, n=60), X, Y))


@pytest.mark.statement("6.3")
def test_seventeen_bounds_the_fourth_moment_and_twelve_nearly_does():
    """Over spectra of norm 1: the worst ratio is near 12, so that 17 is safe and not absurd."""
    spectra = torch.nn.functional.normalize(normal(200_000, 3, seed=0), dim=1)
    trace, third, fourth = spectra.sum(1), (spectra**3).sum(1), (spectra**4).sum(1)
    ratio = (48 * fourth + 32 * third * trace + 12 + 12 * trace**2 + trace**4) / (2 + trace**2) ** 2
    assert 11 < ratio.max() < 17


@pytest.mark.statement("6.3")
@pytest.mark.parametrize("n", [10, 40])
def test_the_lower_tail_of_a_mean_of_squares(n):
    for values in ([1.0, 0.0], [0.5**0.5, -(0.5**0.5)], [0.8, 0.6]):
        g = normal(4000, n, 2, seed=n)
        means = ((g**2 @ torch.tensor(values, dtype=torch.float64)) ** 2).mean(1)
        expected = 2 + sum(values) ** 2
        assert (means <= expected / 2).double().mean() <= math.exp(-n / 136)


@pytest.mark.statement("6.3")
@pytest.mark.parametrize(("d", "rank"), [(3, 1), (4, 2), (6, 1)])
def test_enough_samples_see_every_matrix_of_low_rank(d, rank):
    n = next(n for n in range(500, 10**5, 500) if n >= inputs.samples_needed(d, rank, n))
    assert extreme_ratio(noisy(d, d=d, r=1, n=n), rank, largest=False) >= 0.5
    assert extreme_ratio(noisy(d, d=d, r=1, n=d), rank, largest=False) < 0.5
    assert inputs.samples_needed(2 * d, rank, 10**6) < 2.5 * inputs.samples_needed(d, rank, 10**6)


@pytest.mark.statement("6.4")
@pytest.mark.parametrize("mu", SPECTRA[1:])
@pytest.mark.parametrize(("fraction", "smoothing"), [(0.4, 0.01), (1.5, 0.02), (4.0, 0.1)])
def test_null_directions_stay_empty_at_any_strength(mu, fraction, smoothing):
    problem, penalty = population(mu), penalty_at(fraction, mu, smoothing)
    for U in stationary_points(problem, penalty, starts=2):
        assert not fails(quadratic.null_directions(problem, penalty, U), 1e-7)
        s = (U.norm(dim=0) > 1e-6).sum().item()
        if s < problem.r:
            half = (problem.M.trace() - U.square().sum()) / 2
            assert penalty.strength / smoothing**0.5 >= 4 * mu[s] + 4 * half - 1e-6


@pytest.mark.statement("6.4")
@pytest.mark.parametrize("k", [1, 2])
def test_a_network_with_too_few_units_learns_the_strongest_directions(k):
    mu = [1.0, 0.5, 0.3]
    problem, penalty = population(mu), penalty_at(0.5, mu, 0.01)
    for U in stationary_points(problem, penalty, k=k):
        assert not fails(quadratic.null_directions(problem, penalty, U), 1e-7)
        assert (U.norm(dim=0) > 1e-6).sum() == k


@pytest.mark.statement("6.4")
def test_a_unit_in_a_null_direction_is_stationary_but_not_to_second_order():
    """p = (1 − p)/2 − (λ/4)h'(p) has a root: a stationary point, from which turning towards M leads down."""
    problem, penalty = Population(torch.eye(2, 1, dtype=torch.float64), "rank-one"), GroupLasso(0.02, 0.01)
    p = torch.tensor(0.3, dtype=torch.float64)
    for _ in range(50):
        p = (1 - p) / 2 - penalty.strength / 4 * penalty.dh(p)
    U = torch.stack([torch.zeros(2, dtype=torch.float64), p.sqrt() * torch.eye(2)[1].double()]).T
    assert Objective(problem, penalty).gradient(U).norm() < 1e-12
    steps = quadratic.null_directions(problem, penalty, U)
    assert not fails(steps[:2], 1e-7)
    assert len(fails(steps[2:4])) == 2
    assert smallest_eigenvalue(problem, U, penalty)[0] < -0.1


@pytest.mark.statement("6.5")
@pytest.mark.parametrize("mu", SPECTRA)
@pytest.mark.parametrize(("fraction", "smoothing"), [(0.5, 0.005), (0.97, 0.02), (0.97, 0.4)])
def test_every_second_order_point_is_the_predicted_minimum(mu, fraction, smoothing):
    problem, penalty = population(mu), penalty_at(fraction, mu, smoothing)
    ends = stationary_points(problem, penalty, starts=3)
    values, X = Objective(problem, penalty).value(ends), ends @ ends.mT
    assert values.max() - values.min() < 1e-12
    assert (X - X[0]).abs().max() < 1e-6
    for U in ends:
        assert not fails(quadratic.benign(problem, penalty, U), 1e-6)


@pytest.mark.statement("6.5")
def test_a_strong_unit_may_come_out_longer_than_its_teacher():
    mu = np.array([1.0, 0.1])
    p = theory.shrunk_spectrum_rank_one(mu, 0.9 * theory.critical_strength(0.1, 0.003, "rank-one"), 0.003)
    assert p[0] > mu[0]
    assert p.sum() < mu.sum()
    for r in (1, 3, 6):
        p = theory.shrunk_spectrum_rank_one(np.ones(r), 0.1, 0.01)
        np.testing.assert_allclose(1 - p, 0.1 * theory.dh(p, 0.01) / (2 * r + 4))


@pytest.mark.statement("6.5")
@pytest.mark.slow
@pytest.mark.parametrize("mu", SPECTRA)
@pytest.mark.parametrize(("fraction", "smoothing"), [(0.3, 0.01), (0.75, 0.01), (0.99, 0.05)])
def test_many_starts_end_at_one_value(mu, fraction, smoothing):
    problem, penalty = population(mu, d=10), penalty_at(fraction, mu, smoothing)
    ends = stationary_points(problem, penalty, k=8, starts=50, seed=100)
    values = Objective(problem, penalty).value(ends)
    assert values.max() - values.min() < 1e-12
    assert ((ends.norm(dim=1) > 1e-6).sum(1) == problem.r).all()


@pytest.mark.statement("6.6")
@pytest.mark.parametrize("mu", SPECTRA)
@pytest.mark.parametrize("smoothing", [0.003, 0.05, 0.8])
def test_a_little_beyond_the_critical_strength_all_is_still_well(mu, smoothing):
    r = len(mu)
    problem = population(mu)
    for share in (0.3, 0.98):
        penalty = penalty_at(1 + share / (r + 1), mu, smoothing * mu[-1])
        ends = stationary_points(problem, penalty, starts=2)
        p = ends.square().sum(1).sort(descending=True).values
        assert ((p > 1e-9).sum(1) == r).all()
        assert (p - p[0]).abs().max() < 1e-6


@pytest.mark.statement("6.6")
@pytest.mark.parametrize("mu", [[1.0, 0.4], [1.0, 1.0, 1.0], [1.0, 0.5, 0.5, 0.2]])
def test_the_derivatives_of_the_equation_for_the_smallest_unit(mu):
    r, tensor = len(mu), torch.tensor(mu, dtype=torch.float64)
    for smoothing in (0.003, 0.05):
        penalty = penalty_at((r + 2) / (r + 1), mu, smoothing * mu[-1])
        for share in (0.0, 0.2, 0.8):
            assert not fails(quadratic.further(tensor, penalty, share * mu[-1]), 1e-6)


@pytest.mark.statement("6.6")
def test_beyond_the_critical_strength_the_smallest_unit_may_be_a_smaller_root():
    """μ_r < β, λ near the border: 1 + (λ/4)h''(p) < 0 at the only second-order stationary value p."""
    penalty = penalty_at(1.48, [1.0], 1.2)
    p = stationary_points(population([1.0]), penalty).square().sum(1).amax(1)
    assert (p - p[0]).abs().max() < 1e-6
    assert (4 + penalty.strength * penalty.d2h(p)).max() < 0
    with pytest.raises(ValueError, match="larger roots"):
        theory.shrunk_spectrum_rank_one([1.0], penalty.strength, penalty.smoothing)


@pytest.mark.statement("6.6")
@pytest.mark.parametrize("smoothing", [0.01, 0.3])
def test_with_one_unit_six_is_the_sharp_constant(smoothing):
    problem, zero = population([1.0]), torch.zeros(4, 3, dtype=torch.float64)
    for factor, sign in ((0.999, -1), (1.001, 1)):
        penalty = GroupLasso(factor * 6 * smoothing**0.5, smoothing)
        assert smallest_eigenvalue(problem, zero, penalty)[0] * sign > 0


@pytest.mark.statement("6.7")
@pytest.mark.parametrize("seed", SEEDS)
def test_orthogonal_teacher_units_are_found_one_by_one(seed):
    mu = [1.0, 0.6, 0.3]
    problem, penalty = population(mu, seed=seed), penalty_at(0.8, mu, 0.01)
    for U in stationary_points(problem, penalty, seed=seed):
        U = U[:, U.norm(dim=0).argsort(descending=True)[:3]]
        p = U.square().sum(0)
        signs = (U * problem.U_star).sum(0).sign()
        expected = problem.U_star * (p / torch.tensor(mu)).sqrt() * signs
        torch.testing.assert_close(U, expected, rtol=0, atol=1e-6)


@pytest.mark.statement("6.7")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_angle_to_the_teacher_is_bounded_on_data(seed, noise):
    problem = noisy(seed, d=5 + seed, n=200, condition=1.5, noise=noise)
    U = train(problem, gaussian_init(problem.d, 6, scale=0.3, seed=seed), penalty=GroupLasso(0.1, 0.01), **CONVERGED).U
    assert not fails(quadratic.recovered(problem, U), 1e-7)
    square = noisy(seed, d=2, n=200, condition=1.5, noise=noise)  # r = d: the last gap is μ_r itself
    U = train(square, gaussian_init(2, 4, scale=0.3, seed=seed), penalty=GroupLasso(0.1, 0.01), **CONVERGED).U
    assert not fails(quadratic.recovered(square, U), 1e-7)
    start = gaussian_init(problem.d, 6, scale=0.3, seed=seed)
    assert fails(quadratic.recovered(problem, problem.U_star @ random_frame(2, 6, seed=seed) + 1e-3 * start))


@pytest.mark.statement("6.8")
@pytest.mark.parametrize(("d", "r"), [(3, 1), (4, 2), (6, 3), (5, 5)])
def test_the_information_in_rank_one_data(d, r):
    problem = noisy(d, d=d, r=r, n=40 * d)
    assert not fails(inputs.noise(problem)[:-1], 1e-5)
    assert not fails(inputs.noise(problem)[-1:])


@pytest.mark.statement("6.8")
@pytest.mark.parametrize(("d", "r", "n"), [(4, 1, 150), (5, 2, 300)])
def test_the_error_to_first_order_in_the_noise(d, r, n):
    """The covariance of least squares given the inputs, averaged over many draws of them."""
    truth, draws = ground_truth(d, r, seed=1), 1500
    x = normal(draws, n, d, seed=2)
    basis = tangent_basis(truth)
    rows = torch.einsum("bnd,cde,bne->bnc", x, basis, x)
    covariance = torch.linalg.inv(rows.mT @ rows) * n
    bare, finite = (
        1e6 * theory.cramer_rao(d, r, 1e6, 1.0, ensemble="rank-one", finite_n=finite) for finite in (False, True)
    )
    lost = 1e6 * (1 - bare / finite)
    total = covariance.diagonal(dim1=1, dim2=2).sum(1)
    error = total.std() / draws**0.5
    assert total.mean() + 4 * error > bare * (1 + lost / n)
    assert total.mean() - 4 * error < bare * (1 + lost / n + 3 * (lost / n) ** 2)
    traces = basis.diagonal(dim1=1, dim2=2).sum(1)
    along = torch.einsum("c,bce,e->b", traces, covariance, traces)
    assert r / (2 + r) < along.mean() < 1.2 * r / (2 + r) < r / 2
    predicted = 2 * total + along
    dof = theory.degrees_of_freedom(d, r)
    assert dof < predicted.mean() < 1.2 * dof


@pytest.mark.statement("6.8")
@pytest.mark.slow
@pytest.mark.parametrize(("d", "r"), [(6, 1), (8, 2), (6, 4)])
def test_least_squares_attains_the_bounds(d, r):
    truth, sets, n, s = ground_truth(d, r, condition=1.25, seed=0), 400, 1500, 0.05
    data = (Empirical.sample(truth, n, noise=s, ensemble="rank-one", seed=i) for i in range(sets))
    U = fine_tune(Stack(data), truth.expand(sets, d, r), steps=400, tolerance=1e-8, record=1).U
    gap = (U @ U.mT - truth @ truth.T) * n**0.5 / s
    norm, trace = gap.square().sum((1, 2)), gap.diagonal(dim1=1, dim2=2).sum(1) ** 2
    limit = n * theory.cramer_rao(d, r, n, 1.0, ensemble="rank-one", finite_n=True)
    for values, expected in (
        (norm, limit),
        (trace, r / (2 + r)),
        (2 * norm + trace, theory.degrees_of_freedom(d, r)),
    ):
        assert abs(values.mean() - expected) < 4 * values.std() / sets**0.5 + 0.05 * expected
