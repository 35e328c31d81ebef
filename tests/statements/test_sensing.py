"""The statements of chapter 1, and the pipeline that it promises, on fresh instances."""

import math

import pytest
import torch

from helpers import theory
from helpers.isometry import extreme_ratio, isometry_ratio, random_low_rank
from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth, smat, svec
from helpers.proofs.sensing import isometry_steps
from helpers.pruning import column_norms, prune
from helpers.theory import gaussian_radius
from helpers.training import fine_tune, gaussian_init, train

ENSEMBLES = ["gaussian", "rank-one"]
SIZES = [(4, 1, 6), (7, 3, 5), (9, 2, 14)]  # d, r, k: fewer and more columns than dimensions


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetric(*shape, seed=0):
    X = random(*shape, shape[-1], seed=seed)
    return X + X.mT


def orthogonal(k, seed=0):
    return torch.linalg.qr(random(k, k, seed=seed)).Q


def sample(d, r, n, ensemble="gaussian", noise=0.3, seed=0):
    truth = ground_truth(d, r, condition=1.5, seed=seed)
    return Empirical.sample(truth, n, noise=noise, ensemble=ensemble, seed=seed + 50)


@pytest.mark.statement("1.1")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "n"), [(3, 4), (6, 50), (11, 9)])
def test_coordinates_are_isometric_and_the_adjoint_sums_the_measurement_matrices(d, n, ensemble):
    problem, X, Y = sample(d, 2, n, ensemble), symmetric(d, seed=1), symmetric(d, seed=2)
    assert svec(X).shape == (d * (d + 1) // 2,)
    assert svec(X) @ svec(Y) == pytest.approx(torch.trace(X @ Y).item(), rel=1e-12)
    assert torch.allclose(smat(svec(X)), X, rtol=1e-14)
    A = problem.adjoint(torch.eye(n, dtype=torch.float64))
    assert torch.allclose(A, A.mT, rtol=1e-14)
    assert torch.allclose(problem.measure(X), torch.einsum("iab,ab->i", A, X), rtol=1e-11)
    assert torch.allclose(problem.measure(X), svec(A) @ svec(X), rtol=1e-11)
    v = random(n, seed=3)
    assert torch.allclose(problem.adjoint(v), (v[:, None, None] * A).sum(0), rtol=1e-11)
    assert problem.measure(X) @ v == pytest.approx((X * problem.adjoint(v)).sum().item(), rel=1e-12)


@pytest.mark.statement("1.2")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r", "k"), SIZES)
def test_loss_and_gradient_turn_with_the_columns_but_the_group_lasso_does_not(d, r, k, ensemble):
    problem, U, turn = sample(d, r, 80, ensemble), random(d, k), orthogonal(k, seed=1)
    assert problem.loss(U @ turn) == pytest.approx(problem.loss(U).item(), rel=1e-12)
    assert torch.allclose(problem.gradient(U @ turn), problem.gradient(U) @ turn, rtol=1e-9, atol=1e-9)
    assert WeightDecay(1.0).value(U @ turn) == pytest.approx(WeightDecay(1.0).value(U).item())
    lasso = GroupLasso(1.0, 0.01)
    assert abs(lasso.value(U @ turn) - lasso.value(U)) > 1e-3 * lasso.value(U)


@pytest.mark.statement("1.2")
@pytest.mark.parametrize(("d", "rank", "k"), [(5, 2, 4), (4, 4, 7), (6, 3, 3), (5, 1, 5)])
def test_two_factors_of_one_matrix_differ_by_a_rotation(d, rank, k):
    """The rotation of the proof, from two factors of which neither was made from the other."""
    L = random(d, rank)
    values, vectors = torch.linalg.eigh(L @ L.T)
    zeros = torch.zeros(d, k - rank, dtype=torch.float64)
    U = torch.cat([L, zeros], 1) @ orthogonal(k, seed=2)
    V = torch.cat([vectors[:, -rank:] * values[-rank:].sqrt(), zeros], 1)
    root, P = values[-rank:].sqrt(), vectors[:, -rank:]
    complete = [torch.linalg.svd((P / root).T @ F, full_matrices=True) for F in (U, V)]
    frames = [torch.block_diag(left, torch.eye(k - rank, dtype=torch.float64)) @ right for left, _, right in complete]
    turn = frames[0].T @ frames[1]
    assert torch.allclose(turn @ turn.T, torch.eye(k, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(U @ turn, V, atol=1e-8)


@pytest.mark.statement("1.2")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_gradient_descent_from_a_turned_start_runs_through_turned_iterates(ensemble):
    problem, turn = sample(6, 2, 70, ensemble), orthogonal(8, seed=4)
    U0 = gaussian_init(6, 8, scale=0.2, seed=5)
    runs = [train(problem, start, steps=60, step_size=0.01, keep_iterates=True, record=30) for start in (U0, U0 @ turn)]
    assert torch.allclose(runs[0].iterates @ turn, runs[1].iterates, atol=1e-9)
    lasso = GroupLasso(0.1, 0.01)
    turned = [train(problem, start, penalty=lasso, steps=60, step_size=0.01).U for start in (U0, U0 @ turn)]
    assert (turned[0] @ turn - turned[1]).norm() > 1e-3


@pytest.mark.statement("1.3")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("d", "r", "k"), SIZES)
def test_the_gradient_is_twice_the_matrix_gradient_times_the_factor(d, r, k, ensemble):
    problem, U, H = sample(d, r, 60, ensemble), random(d, k), random(d, k, seed=1)
    residual = problem.measure(U @ U.T) - problem.y
    slope = 2 / problem.n * problem.adjoint(residual)
    assert torch.allclose(problem.matrix_gradient(U), slope, rtol=1e-9, atol=1e-9)
    assert torch.allclose(problem.gradient(U), 2 * slope @ U, rtol=1e-9, atol=1e-8)
    quotient = (problem.loss(U + 1e-5 * H) - problem.loss(U - 1e-5 * H)) / 2e-5
    assert quotient.item() == pytest.approx((problem.gradient(U) * H).sum().item(), rel=1e-6)


@pytest.mark.statement("1.3")
@pytest.mark.parametrize("k", [2, 6])
def test_the_chain_rule_holds_for_any_function_of_the_product(k):
    """f(X) = log det(I + X) + ⟨C, X³⟩, whose matrix gradient autograd finds on the symmetric matrices."""
    U, C = (0.5 * random(5, k)).requires_grad_(), symmetric(5, seed=2)

    def f(X):
        return torch.logdet(torch.eye(5, dtype=torch.float64) + X) + (C * (X @ X @ X)).sum()

    X = (U @ U.T).detach().requires_grad_()
    (full,) = torch.autograd.grad(f(X), X)
    (slope,) = torch.autograd.grad(f(U @ U.T), U)
    assert torch.allclose(slope, 2 * (full + full.T) / 2 @ U, rtol=1e-9)


@pytest.mark.statement("1.4")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("direction", ["identity", "traceless", "random"])
def test_the_loss_has_the_stated_expectation(direction, ensemble):
    d, noise, draws = 5, 0.4, 40
    truth = ground_truth(d, 2, seed=6)
    eye = torch.eye(d, dtype=torch.float64)
    Delta = {"identity": eye, "traceless": torch.diag(eye[0] - eye[1]), "random": symmetric(d, seed=7)}[direction]
    problems = [Empirical.sample(truth, 2000, noise=noise, ensemble=ensemble, seed=s) for s in range(draws)]
    losses = torch.stack([(p.measure(p.M + Delta) - p.y).square().mean() for p in problems])
    square, trace = Delta.square().sum(), Delta.trace()
    expected = noise**2 + (square if ensemble == "gaussian" else 2 * square + trace**2)
    error = losses.std() / math.sqrt(draws)
    assert error < 0.02 * expected
    assert abs(losses.mean() - expected) < 4 * error


@pytest.mark.statement("1.4")
@pytest.mark.parametrize("d", [2, 5])
def test_the_fourth_moments_of_gaussian_inputs_give_the_rank_one_formula(d):
    """The other road, by Isserlis' theorem: E x_a x_b x_c x_d is the sum over the three pairings."""
    eye, Delta = torch.eye(d, dtype=torch.float64), symmetric(d, seed=d)
    pairings = [torch.einsum(f"{p},{q}->abcd", eye, eye) for p, q in (("ab", "cd"), ("ac", "bd"), ("ad", "bc"))]
    moment = torch.einsum("abcd,ab,cd->", sum(pairings), Delta, Delta)
    population = Population(ground_truth(d, 1), "rank-one")
    assert moment.item() == pytest.approx((2 * Delta.square().sum() + Delta.trace() ** 2).item())
    assert moment.item() == pytest.approx((isometry_ratio(population, Delta) * Delta.square().sum()).item())


@pytest.mark.statement("1.5")
@pytest.mark.parametrize(("d", "rank", "n"), [(6, 1, 80), (10, 2, 300), (10, 5, 900), (16, 3, 4000)])
def test_no_low_rank_matrix_that_a_search_finds_leaves_the_stated_interval(d, rank, n):
    radius = gaussian_radius(d, rank, n, t=3.0)
    for seed in range(3):
        problem = sample(d, 1, n, seed=seed)
        low, high = (extreme_ratio(problem, rank, largest=side, seed=seed) for side in (False, True))
        ratios = isometry_ratio(problem, random_low_rank(d, rank, count=200, seed=seed))
        assert low <= ratios.min() <= ratios.max() <= high
        assert max(0, 1 - radius) ** 2 <= low < 1 < high <= (1 + radius) ** 2
        assert high - 1 > (1 + radius) ** 2 / 8 - 1 / 8  # the bound is not far off


@pytest.mark.statement("1.5")
@pytest.mark.parametrize(("d", "rank", "n"), [(3, 1, 5), (8, 2, 100), (20, 6, 700)])
def test_the_steps_of_the_proof_hold(d, rank, n):
    for seed in range(3):
        steps = isometry_steps(sample(d, 1, n, seed=seed), rank=rank, t=3.0, seed=seed)
        assert not [step for step in steps if not step.holds()]


@pytest.mark.statement("1.5")
def test_the_increments_that_the_comparison_needs():
    u, v = (torch.nn.functional.normalize(random(500, 4, seed=s), dim=-1) for s in (1, 2))
    uu, vv = (w[:, :, None] * w[:, None, :] for w in (u, v))
    same, opposite = (vv - uu).square().sum((-2, -1)), (vv + uu).square().sum((-2, -1))
    assert (same <= 2 * (v - u).square().sum(-1) + 1e-12).all()
    assert (opposite <= 4 + 1e-12).all()
    assert opposite.max() > 3.9
    x, y = (torch.nn.functional.normalize(random(500, 6, seed=s), dim=-1) for s in (3, 4))  # step 1
    product = (x[:, :, None] * u[:, None, :] - y[:, :, None] * v[:, None, :]).square().sum((-2, -1))
    gain = (u - v).square().sum(-1) + (x - y).square().sum(-1) - product
    assert torch.allclose(gain, 2 * (1 - (x * y).sum(-1)) * (1 - (u * v).sum(-1)), atol=1e-12)


@pytest.mark.statement("1.5")
def test_the_distance_from_an_isometry_shrinks_like_one_over_root_n():
    excess = [extreme_ratio(sample(8, 1, n, seed=3), 2) ** 0.5 - 1 for n in (500, 8000)]
    assert excess[0] / excess[1] == pytest.approx(4, rel=0.25)
    assert gaussian_radius(8, 2, 500) / gaussian_radius(8, 2, 8000) == pytest.approx(4)


@pytest.mark.statement("1.6")
@pytest.mark.parametrize("rank", [2, 3, 6])
def test_rank_one_measurements_spread_over_the_stated_interval_in_expectation(rank):
    population = Population(ground_truth(8, 2), "rank-one")
    ratios = isometry_ratio(population, random_low_rank(8, rank, count=500, seed=rank))
    assert (ratios >= 2 - 1e-12).all()
    assert (ratios <= 2 + rank + 1e-12).all()
    assert extreme_ratio(population, rank) == pytest.approx(2 + rank, rel=1e-6)
    assert extreme_ratio(population, rank, largest=False, steps=400) == pytest.approx(2, rel=1e-3)
    for scale in torch.linspace(0.05, 1, 200).tolist():  # the best δ over all multiples
        assert max(scale * (2 + rank) - 1, 1 - 2 * scale) >= rank / (4 + rank) - 1e-12


@pytest.mark.statement("1.6")
@pytest.mark.parametrize("rank", [2, 3, 6])
def test_no_multiple_of_a_large_rank_one_sample_is_an_isometry(rank):
    """The quotient of the two ratios in the proof excludes every δ below ρ/(4 + ρ), nearly."""
    d, n = 8, 40_000
    flat, traceless = torch.zeros(2, d, dtype=torch.float64)
    flat[:rank], traceless[:2] = 1, torch.tensor([1.0, -1.0])
    for seed in range(3):
        problem = sample(d, 1, n, "rank-one", seed=seed)
        high, low = (isometry_ratio(problem, torch.diag(values)) for values in (flat, traceless))
        excluded = (high / low - 1) / (high / low + 1)
        assert excluded == pytest.approx(rank / (4 + rank), rel=0.1)


@pytest.mark.statement("1.6")
@pytest.mark.parametrize("n", [20, 400])
def test_one_long_input_is_measured_far_too_strongly(n):
    d, least = 12, []
    for seed in range(20):
        problem = sample(d, 1, n, "rank-one", seed=seed)
        x = problem.design[problem.design.norm(dim=-1).argmax()]
        least.append((x @ x) ** 2 / n)
        assert isometry_ratio(problem, torch.outer(x, x)) >= least[-1]
        assert extreme_ratio(problem, 1) >= least[-1]
    assert torch.stack(least).mean() > d * (d + 2) / n


@pytest.mark.statement("1.7")
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("a", [0.3, 2.5])
def test_the_objective_scales_with_the_fourth_power(a, ensemble):
    d, r, k = 6, 2, 9
    problem, U = sample(d, r, 60, ensemble), random(d, k)
    w = problem.y - problem.measure(problem.M)
    scaled = Empirical(a * problem.U_star, problem.design, a**2 * w, ensemble)
    F, F_a = Objective(problem, GroupLasso(0.2, 0.03)), Objective(scaled, GroupLasso(a**3 * 0.2, a**2 * 0.03))
    assert F_a.value(a * U).item() == pytest.approx(a**4 * F.value(U).item(), rel=1e-10)
    assert torch.allclose(F_a.gradient(a * U), a**3 * F.gradient(U), rtol=1e-8)
    V = random(d, k, seed=1)
    assert torch.allclose(F_a.hessian_vector(a * U, V), a**2 * F.hessian_vector(U, V), rtol=1e-8)
    strengths = [theory.natural_strengths(mu, r, c_lambda=0.4, c_beta=0.05) for mu in (0.5, a**2 * 0.5)]
    assert strengths[1] == pytest.approx((a**3 * strengths[0][0], a**2 * strengths[0][1]))


def pipeline(seed, d=20, r=3, k=40, n=600, condition=1.25, starts=4):
    """The chapter's pipeline: the penalty, and the runs trained, pruned and fine-tuned, plain, and the oracle's."""
    problem = Empirical.sample(ground_truth(d, r, condition=condition, seed=seed), n, noise=0.2, seed=seed + 1)
    U0 = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed + 2, batch=(starts,))
    lasso = GroupLasso(*theory.natural_strengths(1 / condition**2, r, c_lambda=0.4, c_beta=0.05))
    trained, plain = (train(problem, U0, penalty=penalty, steps=1500) for penalty in (lasso, None))
    tuned = fine_tune(problem, prune(trained.U, threshold=lasso.threshold), steps=400)
    return problem, lasso, trained, tuned, plain, fine_tune(problem, problem.U_star)


def keeps_its_promise(seed, **sizes):
    problem, lasso, trained, tuned, plain, oracle = pipeline(seed, **sizes)
    cut = problem.error(prune(plain.U, keep=problem.r))
    assert ((column_norms(trained.U) > lasso.threshold).sum(-1) == problem.r).all()
    assert torch.allclose(tuned.error[0], trained.error[-1], rtol=1e-3)
    assert torch.allclose(tuned.error[-1], oracle.error[-1], rtol=1e-6)
    assert ((column_norms(plain.U) > lasso.threshold).sum(-1) > 2 * problem.r).all()
    assert (cut > 4 * plain.error[-1]).all()


@pytest.mark.parametrize("seed", [100, 200, 300])
def test_the_pipeline_keeps_its_promise(seed):
    keeps_its_promise(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1600, 10))
def test_the_pipeline_keeps_its_promise_on_many_problems(seed):
    keeps_its_promise(seed)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: random_low_rank(4, 5, count=3), ValueError, "rank must be"),
        (lambda p: random_low_rank(4, 2, count=0), ValueError, "count must be"),
        (lambda p: extreme_ratio(p, 0), ValueError, "rank must be"),
        (lambda p: extreme_ratio(p, 2, steps=0), ValueError, "steps must be"),
        (lambda p: isometry_ratio(p, random(3, 3)), ValueError, "X must have shape"),
        (lambda p: isometry_ratio(p, torch.eye(5)), TypeError, "X must be torch.float64"),
        (lambda p: gaussian_radius(5, 6, 10), ValueError, "rank must be"),
        (lambda p: gaussian_radius(5, 1, 10, t=-1), ValueError, "t must be"),
    ],
)
def test_bad_input_to_the_isometry_module_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(sample(5, 1, 10))


def test_random_low_rank_matrices_are_what_they_are_called():
    X = random_low_rank(9, 3, count=20, seed=4)
    assert torch.linalg.matrix_rank(X).tolist() == [3] * 20
    assert torch.allclose(torch.linalg.matrix_norm(X), torch.ones(20, dtype=torch.float64))
    assert (torch.linalg.eigvalsh(X)[:, 0] < 0).any()
    assert not torch.equal(X, random_low_rank(9, 3, count=20, seed=5))


def test_a_search_never_makes_the_ratio_less_extreme():
    problem = sample(9, 2, 60)
    for side in (True, False):
        path = [extreme_ratio(problem, 2, largest=side, starts=1, steps=steps) for steps in (1, 2, 4, 8, 16, 32)]
        assert path == sorted(path, reverse=not side)
