"""The statements of chapter 5, measured on fresh instances; and its stored reference estimators, recomputed in part."""

import json
import math

import numpy as np
import pytest
import torch
from benchmarks import reference_estimators
from scipy import optimize

from helpers import theory
from helpers.arguments import generator
from helpers.problems import Empirical, Population, ground_truth, smat, svec
from helpers.proofs import tuning
from helpers.stack import Stack
from helpers.training import fine_tune, gaussian_init, train

SEEDS = [0, 1, 2]
SHAPES = [(5, 1), (7, 3), (10, 2)]
ENSEMBLES = ["gaussian", "rank-one"]


def gaussian(*shape, seed):
    """Far from the seeds of the truths: a step along the frame that a truth was made of is an exceptional start."""
    return torch.randn(*shape, generator=generator(seed + 10_000), dtype=torch.float64)


def fails(steps):
    return [step for step in steps if not step.holds()]


def spectrum(problem):
    return torch.linalg.svdvals(problem.U_star).numpy() ** 2


def population(d, r, seed, ensemble="gaussian"):
    return Population(ground_truth(d, r, condition=1.5 if r > 1 else 1.0, seed=seed), ensemble)


def data(d, r, n, seed, *, noise=0.1, ensemble="gaussian"):
    truth = ground_truth(d, r, condition=1.2, seed=seed)
    return Empirical.sample(truth, n, noise=noise, ensemble=ensemble, seed=100 + seed)


def late_factor(problem, step, seed, *, perturbation=None, steps=1500):
    """The mean factor per step on the error, between 1e-9 and 1e-12, from a start next to the truth."""
    if perturbation is None:
        perturbation = gaussian(*problem.U_star.shape, seed=seed + 50)
    run = train(problem, problem.U_star + 1e-2 * perturbation, steps=steps, step_size=step, record=steps + 1)
    first, last = ((run.error < 1e-9) & (run.error > 1e-12)).nonzero()[[0, -1], 0]
    return ((run.error[last] / run.error[first]) ** (1 / (last - first))).item()


# Theorem 5.1


@pytest.mark.statement("5.1")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r"), SHAPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_derivative_of_a_step_has_the_stated_extreme_eigenvalues(ensemble, d, r, seed):
    problem = population(d, r, seed, ensemble)
    for share in (0.13, 0.8, 0.97, 1.2):
        step = share * theory.largest_step(spectrum(problem), ensemble=ensemble)
        assert not fails(tuning.linearised_step(problem, step))


@pytest.mark.statement("5.1")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r", "seed"), [(5, 1, 0), (7, 3, 1)])
@pytest.mark.parametrize("share", [0.3, 0.7, 1.1])
def test_descent_has_the_stated_rate(ensemble, d, r, seed, share):
    problem = population(d, r, seed, ensemble)
    mu = spectrum(problem)
    step = share * theory.optimal_step(mu, ensemble=ensemble)
    predicted = theory.linear_rate(mu, step, ensemble=ensemble)
    assert late_factor(problem, step, seed) == pytest.approx(predicted, rel=2e-3)


@pytest.mark.statement("5.1")
@pytest.mark.parametrize("seed", SEEDS)
def test_exceptional_starts_and_full_rank_converge_twice_as_fast(seed):
    problem, full = population(7, 2, seed), population(3, 3, seed)
    inside = problem.U_star @ gaussian(2, 2, seed=seed)  # moves nothing out of the range of M
    for case, start in ((problem, inside), (full, None)):
        mu = spectrum(case)
        step = 0.5 * theory.optimal_step(mu)
        assert late_factor(case, step, seed, perturbation=start) == pytest.approx(1 - 8 * step * mu[-1], rel=5e-3)


@pytest.mark.statement("5.1")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_truth_is_unstable_beyond_the_largest_step(ensemble, seed):
    problem = population(6, 2, seed, ensemble)
    start = problem.U_star + 1e-5 * gaussian(6, 2, seed=seed)
    largest = theory.largest_step(spectrum(problem), ensemble=ensemble)
    for share, left in ((0.97, False), (1.03, True)):
        run = train(problem, start, steps=400, step_size=share * largest, record=1)
        assert (run.error[-1] > 1e-2).item() is left


# Theorems 5.2 and 5.3


@pytest.mark.statement("5.2")
@pytest.mark.parametrize(("d", "r", "k"), [(6, 1, 3), (6, 2, 9), (8, 3, 8), (9, 3, 4)])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_flow_is_solved(d, r, k, seed):
    problem, U0 = population(d, r, seed), gaussian_init(d, k, scale=0.5, seed=seed + 9)
    for t in (0.2, 0.8):
        assert not fails(tuning.solved_flow(problem.M, U0, r, t))


@pytest.mark.statement("5.2")
@pytest.mark.parametrize(("d", "r", "k"), [(6, 1, 3), (6, 2, 9), (8, 3, 8), (9, 3, 3), (4, 4, 7)])
def test_almost_every_start_has_this_many_superfluous_directions(d, r, k):
    problem = population(d, r, 3)
    assert len(tuning.slow_values(problem.M, gaussian_init(d, k, scale=1.0, seed=4), r)) == min(k, d) - r


@pytest.mark.statement("5.2")
@pytest.mark.parametrize(("d", "r", "k"), [(6, 1, 3), (8, 3, 20)])
def test_descent_crawls_as_the_flow_does(d, r, k):
    problem, U0, step = population(d, r, 1), gaussian_init(d, k, scale=0.25, seed=7), 0.02
    run = train(problem, U0, steps=6000, step_size=step, record=[2000, 6000])
    s = tuning.slow_values(problem.M, U0, r)
    law = (8 * step * run.steps[:, None] + s**-2).pow(-2).sum(-1).sqrt()
    torch.testing.assert_close(run.error, law, rtol=3e-3, atol=0)
    limit = theory.sublinear_error(1e9, 1.0, d, k, r)
    assert (8e9 + s**-2).pow(-2).sum().sqrt().item() == pytest.approx(limit, rel=1e-6)


@pytest.mark.statement("5.2")
@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_right_width_the_flow_is_exponential(seed):
    problem, step = population(7, 2, seed), 2e-3
    run = train(problem, problem.U_star + 0.02 * gaussian(7, 2, seed=seed), steps=4000, step_size=step, record=4)
    rate = (run.error[-1] / run.error[-2]).log() / (step * (run.steps[-1] - run.steps[-2]))
    assert rate.item() == pytest.approx(-4 * spectrum(problem)[-1], rel=0.01)


@pytest.mark.statement("5.3")
@pytest.mark.parametrize(("d", "r", "k"), [(6, 1, 3), (8, 2, 5), (9, 3, 9)])
def test_crawl_of_quadratic_networks(d, r, k):
    problem = population(d, r, 2, "rank-one")
    frame = torch.linalg.svd(problem.U_star).U
    start = torch.cat([problem.U_star, 0.3 * frame[:, r:k]], 1)  # all s_i are equal: the limit comes soon
    run = train(problem, start, steps=4000, step_size=0.03, record=[4000])
    predicted = theory.sublinear_error(4000, 0.03, d, k, r, ensemble="rank-one")
    assert run.error.item() == pytest.approx(predicted, rel=5e-3)
    excess = frame.T @ (run.U @ run.U.T - problem.M) @ frame
    q = excess[r:, r:].trace()
    slaved = -q / (2 + r) * torch.eye(r, dtype=q.dtype)
    torch.testing.assert_close(excess[:r, :r], slaved, rtol=0.02, atol=0.02 * q.item() / (2 + r))


@pytest.mark.statement("5.3")
def test_crawl_of_quadratic_networks_from_a_random_start():
    problem = population(6, 2, 0, "rank-one")
    run = train(problem, gaussian_init(6, 4, scale=0.6, seed=3), steps=12_000, step_size=0.03, record=[1000, 12_000])
    ratios = run.error / torch.tensor(theory.sublinear_error(run.steps.numpy(), 0.03, 6, 4, 2, ensemble="rank-one"))
    assert abs(ratios[1] - 1) < min(0.03, abs(ratios[0] - 1))


# Lemma 5.4, Theorem 5.5, Proposition 5.6


@pytest.mark.statement("5.4")
@pytest.mark.parametrize(("d", "r"), [*SHAPES, (4, 4)])
@pytest.mark.parametrize("seed", SEEDS)
def test_tangent_space_is_what_curves_of_rank_r_run_along(d, r, seed):
    U = ground_truth(d, r, condition=1.4 if r > 1 else 1.0, seed=seed)
    basis = tuning.tangent_basis(U).flatten(1)
    assert len(basis) == r * d - r * (r - 1) // 2
    torch.testing.assert_close(basis @ basis.T, torch.eye(len(basis), dtype=U.dtype), rtol=0, atol=1e-12)
    Z, h = gaussian(d, r, seed=seed), 1e-5
    velocity = (((U + h * Z) @ (U + h * Z).T - (U - h * Z) @ (U - h * Z).T) / (2 * h)).flatten()
    torch.testing.assert_close(basis.T @ (basis @ velocity), velocity, rtol=0, atol=1e-9)
    Q = torch.eye(d, dtype=U.dtype) - U @ torch.linalg.pinv(U)
    assert torch.linalg.matrix_norm(Q @ velocity.reshape(d, d) @ Q) < 1e-9


@pytest.mark.statement("5.4", "5.5")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r"), SHAPES)
def test_fisher_form_on_the_tangent_space(ensemble, d, r):
    problem = population(d, r, 5, ensemble)
    assert not fails(tuning.information(problem))
    values = torch.linalg.eigvalsh(tuning.on_tangent(problem.U_star, lambda xi: problem.curvature(xi) / 2))
    expected = 0.09 / 50 * (1 / values).sum().item()
    assert theory.cramer_rao(d, r, 50, 0.3, ensemble=ensemble) == pytest.approx(expected)


def bound_given_data(problem):
    """tr (𝒜_T*𝒜_T)^{−1}."""
    form = tuning.on_tangent(problem.U_star, lambda xi: problem.curvature(xi) * problem.n / 2)
    return torch.linalg.inv(form).trace().item()


@pytest.mark.statement("5.5")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_unbiased_estimators_obey_the_bound(ensemble, seed):
    """Linear functions L of y with L𝒜 = identity on T are unbiased given the data, and their error is s²‖L‖_F²."""
    problem = data(5, 2, 40, seed, ensemble=ensemble)
    basis = tuning.tangent_basis(problem.U_star)
    everywhere = torch.linalg.pinv(problem.measure(smat(torch.eye(15, dtype=torch.float64))).T)
    on_tangent = torch.linalg.pinv(problem.measure(basis).T)
    left_over = torch.eye(40, dtype=torch.float64) - problem.measure(basis).T @ on_tangent
    other = on_tangent + 0.1 * gaussian(*on_tangent.shape, seed=seed) @ left_over
    bound = bound_given_data(problem)
    assert everywhere.square().sum().item() >= bound
    assert other.square().sum().item() > 1.001 * bound
    assert on_tangent.square().sum().item() == pytest.approx(bound)


@pytest.mark.statement("5.5")
@pytest.mark.parametrize(("d", "r", "n"), [(4, 1, 14), (4, 2, 25), (6, 1, 30)])
def test_mean_of_the_bound_over_gaussian_data(d, r, n):
    values = np.array([bound_given_data(data(d, r, n, seed)) for seed in range(400)])
    predicted = theory.cramer_rao(d, r, n, 1.0, finite_n=True)
    assert abs(values.mean() - predicted) < 4 * values.std() / 20
    assert values.mean() > theory.cramer_rao(d, r, n, 1.0)


@pytest.mark.statement("5.6")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r", "seed"), [(5, 1, 0), (6, 2, 1), (7, 3, 2)])
def test_least_squares_follows_its_linearisation(ensemble, d, r, seed):
    clean = data(d, r, 40 * d, seed, noise=0.0, ensemble=ensemble)
    g, basis = gaussian(clean.n, seed=seed + 7), tuning.tangent_basis(clean.U_star)
    coordinates = torch.linalg.lstsq(clean.measure(basis).T, g).solution
    predicted = (coordinates[:, None, None] * basis).sum(0)
    gaps = []
    for s in (0.04, 0.02):
        problem = Empirical(clean.U_star, clean.design, s * g, ensemble)
        X = (V := fine_tune(problem, clean.U_star, tolerance=1e-12).U) @ V.T
        gaps.append((torch.linalg.matrix_norm(X - clean.M - s * predicted) / s).item())
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.15)


@pytest.mark.statement("5.5", "5.6")
@pytest.mark.slow
@pytest.mark.parametrize(("d", "r", "n"), [(12, 2, 60), (12, 2, 500), (8, 3, 500)])
def test_least_squares_attains_the_bound_with_its_finite_sample_factor(d, r, n):
    stack, count = Stack(data(d, r, n, 0, noise=0.05) for _ in range(1)), 400
    stack = Stack(Empirical.sample(stack.U_star, n, noise=0.05, seed=1000 + i) for i in range(count))
    error = fine_tune(stack, stack.U_star.expand(count, d, r), tolerance=1e-7, record=1).error[-1] ** 2
    ratio = error / theory.cramer_rao(d, r, n, 0.05, finite_n=True)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / count**0.5


# Theorem 5.7 and Corollary 5.8


@pytest.mark.statement("5.7")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r", "seed"), [(6, 2, 0), (7, 3, 1), (8, 2, 2)])
def test_two_stationary_points_and_the_lines_of_the_proof(ensemble, d, r, seed):
    problem = data(d, r, 60 * d, seed, ensemble=ensemble)
    lower = torch.linalg.eigvalsh(problem.gram)[0].item()
    best = fine_tune(problem, problem.U_star, tolerance=1e-12).U
    for kept in range(1, r):  # fewer columns and zeros: stationary, and not the best
        part = fine_tune(problem, problem.U_star[:, :kept], tolerance=1e-12).U
        short = torch.cat([part, torch.zeros(d, r - kept, dtype=part.dtype)], 1)
        *lines, hypothesis = tuning.one_minimum(problem, best, short, lower=lower)
        assert not fails(lines)
        assert not hypothesis.holds()


@pytest.mark.statement("5.7")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r", "seed"), [(6, 1, 0), (7, 3, 1), (8, 2, 2)])
def test_fits_from_anywhere_coincide_when_the_hypothesis_holds(ensemble, d, r, seed):
    problem = data(d, r, 60 * d, seed, ensemble=ensemble)
    lower = torch.linalg.eigvalsh(problem.gram)[0].item()
    starts = [problem.U_star] + [gaussian_init(d, r, scale=0.2, seed=seed + i) for i in (20, 30)]
    V1, *others = [fine_tune(problem, U0, tolerance=1e-11).U for U0 in starts]
    for V2 in others:
        assert tuning.one_minimum(problem, V1, V2, lower=lower)[-1].holds()
        assert torch.linalg.matrix_norm(V1 @ V1.T - V2 @ V2.T) < 1e-8


@pytest.mark.statement("5.7")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_minimum_is_not_degenerate(ensemble, seed):
    problem = data(6, 2, 400, seed, ensemble=ensemble)
    V, lower = fine_tune(problem, problem.U_star, tolerance=1e-12).U, torch.linalg.eigvalsh(problem.gram)[0].item()
    sigma = torch.linalg.svdvals(V)[-1].item() ** 2
    least = 4 * lower * sigma - 2 * tuning.tilt_of(problem, V)
    for i in range(20):
        S, off = gaussian(2, 2, seed=30 * seed + i), gaussian(6, 2, seed=30 * seed + i + 500)
        Z = torch.linalg.pinv(V).T @ (S + S.T) + off - V @ torch.linalg.lstsq(V, off).solution
        torch.testing.assert_close(V.T @ Z, Z.T @ V, rtol=0, atol=1e-10)
        assert (Z * problem.hessian_vector(V, Z)).sum() >= least * Z.square().sum()


@pytest.mark.statement("5.7")
def test_quoted_distance_lemma_on_random_pairs():
    for seed in range(300):
        d, r = 2 + seed % 5, 1 + seed % 2
        V1 = gaussian(d, r, seed=seed)
        V2 = V1 + 10.0 ** -(seed % 4) * gaussian(d, r, seed=seed + 1000) if seed % 3 else -gaussian(d, r, seed=seed)
        left, _, right = torch.linalg.svd(V1.T @ V2)
        V2 = V2 @ (left @ right).T
        sigma = max(torch.linalg.svdvals(V)[-1].item() for V in (V1, V2)) ** 2
        gap = (V1 @ V1.T - V2 @ V2.T).square().sum()
        assert 2 * (2**0.5 - 1) * sigma * (V1 - V2).square().sum() <= gap + 1e-12


@pytest.mark.statement("5.8")
@pytest.mark.parametrize(("d", "r", "seed"), [(5, 1, 0), (5, 2, 1), (6, 2, 2)])
def test_descent_from_the_whole_basin_ends_at_one_matrix(d, r, seed):
    problem = data(d, r, 4000, seed, noise=0.05)
    ends = torch.linalg.eigvalsh(problem.gram)[[0, -1]].tolist()
    level, mu_r = torch.linalg.matrix_norm(problem.noise_matrix, 2).item() / 2, spectrum(problem)[-1].item()
    results = []
    for i in range(4):
        direction, size = gaussian(d, r, seed=10 * seed + i), 0.3
        while True:  # a start as far from the truth as the corollary allows, up to a factor
            U0 = problem.U_star + size * direction
            excess = max(0.0, (problem.loss(U0) - problem.loss(problem.U_star)).item())
            radius = theory.descent_radius(r, level, excess, ends[0])
            if radius < mu_r and theory.same_minimum_slack(radius, mu_r, level, *ends) > 0:
                break
            size *= 0.8
        assert size > 1e-3
        run = fine_tune(problem, U0, tolerance=1e-11, record=200)
        assert (run.error <= radius).all()
        assert (run.loss.diff() <= 1e-15).all()
        results.append(run.U @ run.U.T)
    for X in results[1:]:
        torch.testing.assert_close(X, results[0], rtol=0, atol=1e-8)


# Theorem 5.9


@pytest.mark.statement("5.9")
@pytest.mark.parametrize(("d", "r"), [*SHAPES, (6, 6)])
@pytest.mark.parametrize("seed", SEEDS)
def test_projection_on_the_cone(d, r, seed):
    G = gaussian(d, d, seed=seed + 40)
    if d > r:
        assert not fails(tuning.half_of_the_noise(ground_truth(d, r, seed=seed), G + G.T))


@pytest.mark.statement("5.9")
@pytest.mark.parametrize(("d", "r", "seed"), [(4, 1, 0), (5, 2, 1)])
@pytest.mark.parametrize("extra", [0, 3])
def test_unpruned_fit_tends_to_the_fit_on_the_cone(d, r, seed, extra):
    """The limit is computed apart: block coordinates, the positive block as a square, by a general minimiser."""
    clean = data(d, r, 60, seed, noise=0.0)
    g = gaussian(60, seed=seed + 3)
    frame, basis = torch.linalg.svd(clean.U_star).U, tuning.tangent_basis(clean.U_star)

    def xi(x):
        S = x[len(basis) :].reshape(d - r, d - r)
        return (x[: len(basis), None, None] * basis).sum(0) + frame[:, r:] @ S @ S.T @ frame[:, r:].T

    def value_and_slope(x):
        x = torch.from_numpy(x).requires_grad_()
        value = (clean.measure(xi(x)) - g).square().sum()
        return value.item(), torch.autograd.grad(value, x)[0].numpy()

    start = gaussian(len(basis) + (d - r) ** 2, seed=seed).numpy()
    limit = xi(torch.from_numpy(optimize.minimize(value_and_slope, start, jac=True, options={"gtol": 1e-9}).x))
    gaps = []
    for s in (1e-2, 1e-3):
        problem = Empirical(clean.U_star, clean.design, s * g)
        U = train(problem, torch.cat([clean.U_star, 0.1 * gaussian(d, d + extra - r, seed=seed)], 1), steps=5000,
                  method="l-bfgs", tolerance=1e-11).U  # fmt: skip
        slope = problem.matrix_gradient(U)
        assert torch.linalg.eigvalsh(slope)[0] > -1e-6  # the certificate of a minimum over the cone
        assert (slope @ U).norm() < 1e-8
        gaps.append((torch.linalg.matrix_norm((U @ U.T - clean.M) / s - limit) / limit.norm()).item())
    assert gaps[1] < 0.01
    assert gaps[1] < gaps[0]


@pytest.mark.statement("5.9")
@pytest.mark.parametrize(("d", "r"), SHAPES)
def test_mean_price_is_half_way_between_dof_and_all_dimensions(d, r):
    draws = gaussian(4000, d - r, d - r, seed=d)
    kept = torch.linalg.eigvalsh((draws + draws.mT) / 2).clamp(min=0).square().sum(-1)
    price = theory.degrees_of_freedom(d, r) + kept
    expected = (d * (d + 1) / 2 + theory.degrees_of_freedom(d, r)) / 2
    assert abs(price.mean() - expected) < 4 * price.std() / 4000**0.5


@pytest.mark.statement("5.9")
@pytest.mark.slow
@pytest.mark.parametrize(("d", "r", "n"), [(8, 1, 600), (8, 3, 600)])
def test_unpruned_error_over_many_data_sets(d, r, n):
    truth, count, s = ground_truth(d, r, seed=3), 300, 0.2
    stack = Stack(Empirical.sample(truth, n, noise=s, seed=2000 + i) for i in range(count))
    error = train(stack, gaussian_init(d, d, scale=0.1, seed=1, batch=(count,)), steps=2500, step_size=0.08, record=1)
    cost = error.error[-1] ** 2 * n / s**2
    p = (d * (d + 1) / 2 + theory.degrees_of_freedom(d, r)) / 2
    assert abs(cost.mean() - p * n / (n - p)) < 4 * cost.std() / count**0.5


# the stored reference estimators


@pytest.fixture(scope="module")
def stored():
    return json.loads(reference_estimators.RESULTS.read_text(encoding="utf-8"))


def test_stored_estimators_say_where_they_come_from(stored):
    assert stored["provenance"]["command"] == reference_estimators.COMMAND
    assert {"pymanopt", "cvxpy", "clarabel"} <= set(stored["provenance"]["versions"])
    rows = stored["rows"]
    expected = [(n, seed) for n in reference_estimators.SIZES for seed in reference_estimators.SEEDS]
    assert list(zip(rows["n"], rows["seed"], strict=True)) == expected
    assert all(math.isfinite(value) for values in rows.values() for value in values)


@pytest.mark.parametrize("row", [0, 70, 299])
def test_stored_errors_of_the_book_are_recomputed(stored, row):
    rows = {name: values[row] for name, values in stored["rows"].items()}
    again = reference_estimators.book(reference_estimators.problem_of(rows["n"], rows["seed"]), rows["seed"])
    for name, value in again.items():
        assert value == pytest.approx(rows[name], rel=1e-3), name


def test_stored_estimators_agree_where_the_theory_says_so(stored):
    rows = {name: np.array(values) for name, values in stored["rows"].items()}
    assert (rows["columns"] == 2).all()
    np.testing.assert_allclose(rows["Riemannian"], rows["oracle"], rtol=1e-4)
    np.testing.assert_allclose(rows["pruned"], rows["oracle"], rtol=1e-4)
    np.testing.assert_allclose(rows["convex, no penalty"], rows["unpruned"], rtol=1e-3)
    assert (rows["trace norm"] < rows["unpruned"]).all()


def test_svec_of_the_convex_program_is_the_book_s():
    X = gaussian(4, 4, seed=0)
    X = X + X.T
    units = torch.eye(16, dtype=torch.float64).reshape(16, 4, 4)
    torch.testing.assert_close(svec((units + units.mT) / 2).T @ X.flatten(), svec(X))
