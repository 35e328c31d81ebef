"""Chapter 2, statement by statement, on fresh random instances."""

import numpy as np
import pytest
import torch

from helpers import theory
from helpers.certificates import certificate, smallest_eigenvalue
from helpers.objective import Objective
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs import landscape as proof
from helpers.pruning import prune
from helpers.rotations import largest_cosine, rotate
from helpers.training import gaussian_init, train

SEEDS = range(4)
every_seed = pytest.mark.parametrize("seed", SEEDS)


def draws(seed):
    return np.random.default_rng(seed)


def truth(d, mu, seed):
    """A problem whose M has the eigenvalues mu and random eigenvectors."""
    return Population(ground_truth(d, len(mu), seed=seed) * torch.tensor(mu, dtype=torch.float64).sqrt())


def noisy(d, r, n, ensemble, seed):
    return Empirical.sample(ground_truth(d, r, condition=1.3, seed=seed), n, noise=0.3, ensemble=ensemble, seed=seed)


def converged(problem, penalty, U0):
    run = train(problem, U0, penalty=penalty, method="l-bfgs", steps=4000, tolerance=1e-11)
    assert certificate(problem, run.U, penalty, epsilon=1e-7, gamma=1e-6).holds
    return run.U


def true(steps, tolerance=1e-8):
    assert len(steps) >= 3
    assert not [step for step in steps if not step.holds(tolerance)]


class LogPenalty(GroupLasso):
    """h(x) = log(1 + x/β): another profile with h' > 0 > h'' and h''' > 0."""

    def h(self, x):
        return (x / self.smoothing).log1p()

    def dh(self, x):
        return 1 / (x + self.smoothing)

    def d2h(self, x):
        return -1 / (x + self.smoothing) ** 2


@pytest.mark.statement("2.1")
@pytest.mark.parametrize(("d", "k"), [(5, 3), (4, 4), (3, 8)])
@pytest.mark.parametrize("penalty", [GroupLasso(0.3, 0.02), ColumnPower(1.0, 1.5, 0.1), LogPenalty(1.0, 0.2)], ids=repr)
def test_orthogonal_columns_are_the_cheapest_factor(d, k, penalty):
    U = gaussian_init(d, k, scale=1.0, seed=d, batch=(200,))
    floor = penalty.strength * penalty.h(torch.linalg.eigvalsh(U @ U.mT).clamp(min=0)).sum(-1)
    orthogonal = U @ torch.linalg.eigh(U.mT @ U).eigenvectors
    assert torch.allclose(penalty.value(orthogonal), floor, rtol=1e-12)
    assert (penalty.value(U) > floor + 1e-4).all()  # random columns are not orthogonal
    for u in U[:5]:
        true(proof.schatten(penalty, u))


@pytest.mark.statement("2.2")
@every_seed
@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
def test_columns_are_orthogonal_at_second_order_stationary_points_of_any_loss(ensemble, seed):
    problem = noisy(6, 2, 40, ensemble, seed)
    penalty = [GroupLasso(0.2, 0.01), ColumnPower(0.2, 1.5, 0.02)][seed % 2]
    U = converged(problem, penalty, gaussian_init(6, 9 if seed % 2 else 5, scale=0.5, seed=seed))
    assert largest_cosine(U, threshold=1e-3) < 1e-5
    assert largest_cosine(U, threshold=1e-3) < 1e-3 * largest_cosine(gaussian_init(6, 5, scale=0.5, seed=seed))
    true(proof.rotation(problem, penalty, gaussian_init(6, 5, scale=0.7, seed=seed), 0, 3))


@pytest.mark.statement("2.2")
def test_strict_concavity_alone_is_not_enough():
    """h = x − .05(x − 1)⁴, d = 1, k = 2: two parallel columns are second-order stationary, but no local minimum."""

    def value(U, strength=0.8):
        return (U @ U - 2 - strength / 2) ** 2 + strength * (U**2 - 0.05 * (U**2 - 1) ** 4).sum()

    U = torch.ones(2, dtype=torch.float64)
    assert torch.autograd.functional.jacobian(value, U).abs().max() < 1e-12
    assert torch.linalg.eigvalsh(torch.autograd.functional.hessian(value, U))[0] > -1e-12
    assert largest_cosine(U[None]) == pytest.approx(1)
    for angle in (0.05, 0.2):
        assert value(rotate(U[None], 0, 1, angle)[0]) < value(U) - 1e-8


@pytest.mark.statement("2.2")
@every_seed
def test_without_smoothing_columns_that_are_not_orthogonal_are_no_local_minimum(seed):
    U = gaussian_init(5, 2, scale=1.0, seed=seed)
    equal = U / U.norm(dim=0)
    for pair in (U, equal):
        around = rotate(pair, 0, 1, torch.tensor([-1e-3, 0.0, 1e-3], dtype=torch.float64)).norm(dim=-2).sum(-1)
        assert around.min() < around[1] - 1e-9


@pytest.mark.statement("2.3")
@every_seed
def test_pruning_is_truncating_the_eigendecomposition(seed):
    problem, penalty = noisy(7, 3, 60, "gaussian", seed), GroupLasso(0.05, 0.01)
    U = converged(problem, penalty, gaussian_init(7, 10, scale=0.3, seed=seed))
    values, vectors = torch.linalg.eigh(U @ U.mT)
    squares = U.square().sum(0).sort().values[-7:]
    assert torch.allclose(squares, values, atol=1e-7)
    for m in range(5):
        kept = prune(U, keep=m)
        best = (vectors[:, 7 - m :] * values[7 - m :]) @ vectors[:, 7 - m :].T
        assert torch.allclose(kept @ kept.T, best, atol=1e-6)


@pytest.mark.statement("2.4")
@every_seed
@pytest.mark.parametrize("exponent", [0.5, 1, 1.7, 2, 2.5, 3, 4])
def test_two_is_the_watershed_of_exponents(exponent, seed):
    problem, penalty = noisy(5, 2, 60, ("gaussian", "rank-one")[seed % 2], seed), ColumnPower(0.1, exponent, 0.05)
    U = converged(problem, penalty, gaussian_init(5, 4, scale=0.5, seed=seed))
    norms = U.norm(dim=0)
    if exponent < 2:
        rank = int((torch.linalg.eigvalsh(U @ U.mT) > 1e-8).sum())
        assert int((norms > 1e-4).sum()) == rank
        assert largest_cosine(U, threshold=1e-4) < 1e-5
    elif exponent == 2:
        objective = Objective(problem, penalty)
        turned = U @ torch.linalg.qr(gaussian_init(4, 4, scale=1.0, seed=seed, batch=(20,))).Q
        assert torch.allclose(objective.value(turned), objective.value(U), rtol=1e-12)
        assert certificate(problem, turned, penalty, epsilon=1e-7, gamma=1e-6).holds.all()
        assert (turned.norm(dim=-2) - norms).abs().max() > 0.1
    else:
        assert torch.allclose(norms, ((U @ U.T).trace() / 4).sqrt(), atol=1e-5)


@pytest.mark.statement("2.4")
@every_seed
def test_every_matrix_has_a_factor_with_equal_columns(seed):
    """The construction in the proof: k − 1 turns make all column norms equal."""
    U = gaussian_init(3, 6, scale=1.0, seed=seed)
    goal = U.square().sum() / 6
    for _ in range(5):
        p = U.square().sum(0)
        high, low = p.argmax().item(), p.argmin().item()
        angles = torch.linspace(0, np.pi / 2, 2, dtype=torch.float64)
        for _ in range(60):  # halving
            middle = angles.mean()
            above = rotate(U, high, low, middle)[:, high].square().sum() > goal
            angles = torch.stack([middle, angles[1]]) if above else torch.stack([angles[0], middle])
        U = rotate(U, high, low, angles[0])
    assert torch.allclose(U.square().sum(0), goal.expand(6), atol=1e-9)


@pytest.mark.statement("2.5")
@pytest.mark.parametrize("mu", [(1.0, 0.6, 0.4), (1.0, 1.0), (0.7, 0.7, 0.3, 0.3), (2.0, 0.05)])
def test_below_the_critical_strength_every_start_finds_the_one_minimum(mu):
    d, k = 7, 6
    problem, beta = truth(d, mu, seed=len(mu)), 0.05 * mu[-1]
    penalty = GroupLasso(0.9 * theory.critical_strength(mu[-1], beta), beta)
    starts = [gaussian_init(d, k, scale=scale, seed=seed) for seed, scale in enumerate((0.01, 0.1, 0.3, 1.0, 2.0))]
    ends = [converged(problem, penalty, start) for start in starts]
    values = Objective(problem, penalty).value(torch.stack(ends))
    assert values.max() - values.min() < 1e-10
    p = torch.from_numpy(theory.shrunk_eigenvalue(np.array(mu), penalty.strength, beta))
    frame = problem.U_star / problem.U_star.norm(dim=0)
    for U in ends:
        assert torch.allclose(U @ U.T, (frame * p) @ frame.T, atol=1e-6)
        assert int((U.norm(dim=0) > 1e-4).sum()) == len(mu)
        true(proof.benign(problem, penalty, U), tolerance=1e-6)


@pytest.mark.statement("2.5")
@every_seed
def test_other_stationary_points_have_a_negative_eigenvalue(seed):
    mu = np.sort(draws(seed).uniform(0.3, 1.5, 3))[::-1]
    problem, beta = truth(5, tuple(mu), seed), 0.02
    strength = 0.7 * theory.critical_strength(mu[-1], beta)
    penalty = GroupLasso(strength, beta)
    frame = problem.U_star / problem.U_star.norm(dim=0)
    p = torch.from_numpy(theory.shrunk_eigenvalue(mu, strength, beta))
    for kept in ([], [0], [1], [0, 2], [1, 2]):
        U = torch.zeros(5, 4, dtype=torch.float64)
        U[:, kept] = (frame * p.sqrt())[:, kept]
        found = certificate(problem, U, penalty, epsilon=1e-9, gamma=0)
        assert found.gradient_norm < 1e-9
        assert found.smallest_eigenvalue < -1e-3
    half = torch.tensor(0.0, dtype=torch.float64)  # two parallel columns of squared norm p with 2p + (λ/2)h'(p) = μ
    high = torch.tensor(mu[0] / 2)
    for _ in range(80):
        middle = (half + high) / 2
        half, high = (middle, high) if 2 * middle + strength / 2 * penalty.dh(middle) < mu[0] else (half, middle)
    U = torch.zeros(5, 4, dtype=torch.float64)
    U[:, :2] = half.sqrt() * frame[:, :1]
    U[:, 2:] = (frame * p.sqrt())[:, 1:]
    found = certificate(problem, U, penalty, epsilon=1e-9, gamma=0)
    assert found.gradient_norm < 1e-9
    assert found.smallest_eigenvalue < -1e-3


@pytest.mark.statement("2.5")
@every_seed
def test_the_benign_landscape_needs_the_signs_of_three_derivatives_only(seed):
    mu, beta = (1.0, 0.5), 0.1
    problem, penalty = truth(6, mu, seed), LogPenalty(0.9 * 2 * beta * mu[-1], beta)
    starts = gaussian_init(6, 4, scale=0.3, seed=seed, batch=(4,))
    ends = torch.stack([converged(problem, penalty, start) for start in starts])
    values = Objective(problem, penalty).value(ends)
    assert values.max() - values.min() < 1e-10
    assert ((ends.norm(dim=-2) > 1e-3).sum(-1) == 2).all()


@pytest.mark.statement("2.6")
@every_seed
@pytest.mark.parametrize("k", [2, 5, 7])
def test_the_objective_splits_over_eigenvalues(k, seed):
    mu = tuple(np.sort(draws(seed).uniform(0.2, 1.5, 3))[::-1])
    problem, penalty = truth(5, mu, seed), GroupLasso(0.4, 0.03)
    true(proof.splitting(problem, penalty, gaussian_init(5, k, scale=0.8, seed=seed)))
    frame = torch.linalg.eigh(problem.M).eigenvectors.flip(1)[:, :k]  # largest eigenvalue first
    x = torch.from_numpy(np.sort(draws(seed + 50).uniform(0, 1, frame.shape[1]))[::-1].copy())
    U = torch.nn.functional.pad(frame * x.sqrt(), (0, k - frame.shape[1]))
    total = proof.splitting(problem, penalty, U)[-1]
    assert total.left == pytest.approx(total.right, rel=1e-10)
    U = torch.nn.functional.pad(frame * x.flip(0).sqrt(), (0, k - frame.shape[1]))
    swapped = proof.splitting(problem, penalty, U)[-1]
    assert swapped.left < swapped.right - 1e-3


@pytest.mark.statement("2.7")
def test_the_scalar_problem_has_the_predicted_minima():
    random, grid = draws(0), np.linspace(0, 1.2, 6000) ** 2
    for _ in range(400):
        mu = random.uniform(0.1, 1.2)
        beta = mu * 10 ** random.uniform(-3, 0.5)
        strength = theory.critical_strength(mu, beta) * 10 ** random.uniform(-0.5, 1.2)
        borders = [b(mu, beta) for b in (theory.critical_strength, theory.global_strength, theory.fold_strength)]
        if np.abs(np.log(strength / np.array(borders))).min() < 0.01:
            continue
        p = np.concatenate([[0], np.geomspace(1e-9, 1e-4, 500), grid[grid > 1e-4]])
        psi = (p - mu) ** 2 + strength * p / np.sqrt(p + beta)
        inner = np.flatnonzero((psi[1:-1] < psi[:-2]) & (psi[1:-1] < psi[2:])) + 1
        assert (len(inner) > 0) == (strength < borders[2])
        assert (psi[1] > psi[0]) == (strength > borders[0])
        assert (len(inner) > 0 and psi[inner].min() < psi[0]) == (strength < borders[1])


@pytest.mark.statement("2.7")
@pytest.mark.parametrize(("mu", "smoothing"), [(1.0, 0.01), (0.25, 0.04), (0.3, 0.25), (0.2, 0.2), (0.1, 0.5)])
def test_the_borders_are_ordered_and_attained(mu, smoothing):
    steps = proof.phases(mu, smoothing)
    true(steps)
    assert (steps[0].slack > 0) == (steps[1].slack > 0) == (mu > smoothing)


@pytest.mark.statement("2.7")
@every_seed
def test_local_minima_are_the_predicted_ones_and_no_others(seed):
    """Of all orthogonal stationary points made of eigenvectors, the predicted ones have a Hessian ⪰ 0."""
    random = draws(seed)
    mu = np.sort(random.uniform(0.1, 1.0, 3))[::-1]
    beta = random.uniform(0.005, 0.03)
    lows, folds = theory.critical_strength(mu, beta), theory.fold_strength(mu, beta)
    problem = truth(4, tuple(mu), seed)
    frame = problem.U_star / problem.U_star.norm(dim=0)
    for strength in random.uniform(0.5 * lows[-1], 1.1 * folds[0], 12):
        penalty, p = GroupLasso(strength, beta), theory.shrunk_eigenvalue(mu, strength, beta)
        if min(np.abs(np.log(strength / lows)).min(), np.abs(np.log(strength / folds)).min()) < 0.02:
            continue
        for subset in range(8):
            kept = [i for i in range(3) if subset >> i & 1]
            if (strength >= folds[kept]).any():
                continue
            U = torch.zeros(4, 3, dtype=torch.float64)
            U[:, kept] = (frame * torch.from_numpy(p).sqrt())[:, kept]
            assert Objective(problem, penalty).gradient(U).norm() < 1e-8
            predicted = kept == list(range(len(kept))) and (strength > np.delete(lows, kept)).all()
            assert (smallest_eigenvalue(problem, U, penalty)[0] > -1e-9) == predicted


@pytest.mark.statement("2.7")
@every_seed
def test_training_ends_in_a_predicted_minimum_beyond_the_critical_strength(seed):
    random, mu, beta = draws(seed), np.array([1.0, 0.5, 0.2]), 0.01
    strength = random.uniform(1.2 * theory.critical_strength(0.2, beta), 0.9 * theory.fold_strength(0.5, beta))
    problem, penalty = truth(5, tuple(mu), seed), GroupLasso(strength, beta)
    U = converged(problem, penalty, gaussian_init(5, 4, scale=random.uniform(0.05, 0.7), seed=seed))
    squares = U.square().sum(0).sort(descending=True).values.numpy()
    s = int((squares > 1e-6).sum())
    assert np.allclose(squares[:s], theory.shrunk_eigenvalue(mu[:s], strength, beta), atol=1e-6)
    assert (strength < theory.fold_strength(mu[:s], beta)).all()
    assert all(strength > theory.critical_strength(lost, beta) for lost in mu[s:])


@pytest.mark.statement("2.8")
@every_seed
def test_the_orbit_and_the_slow_rate_are_as_computed(seed):
    random = draws(seed)
    mu = (1.0, random.uniform(0.4, 0.9))
    problem, penalty = truth(4, mu, seed), GroupLasso(0.08, 0.02)
    U = converged(problem, penalty, gaussian_init(4, 3, scale=0.3, seed=seed))
    i, j = U.norm(dim=0).argsort(descending=True)[:2].tolist()
    true(proof.slow_rotation(problem, penalty, U, i, j, random.uniform(0.05, 1.5)))
    true(proof.slow_rotation(noisy(4, 2, 50, "rank-one", seed), penalty, U, i, j, 0.4)[:3])  # any loss


@pytest.mark.statement("2.8")
@pytest.mark.parametrize("second", [0.5, 0.7])
def test_gradient_descent_turns_as_slowly_as_predicted(second):
    problem = Population(torch.tensor([1.0, second], dtype=torch.float64).sqrt().diag())
    penalty = GroupLasso(0.05, 0.02)
    p, s = theory.shrunk_eigenvalue(np.array([1.0, second]), penalty.strength, penalty.smoothing)
    U = rotate(torch.tensor([p, s]).sqrt().diag(), 0, 1, 0.6)
    rate = theory.rotation_speed(p, s, penalty.strength, penalty.smoothing)
    run = train(problem, U, penalty=penalty, steps=int(2.5 / rate / 0.1), step_size=0.1, record=12, keep_iterates=True)
    gram = run.iterates.mT @ run.iterates
    theta = 0.5 * torch.atan2(2 * gram[:, 0, 1].abs(), gram[:, 0, 0] - gram[:, 1, 1])
    predicted = theory.rotation_angle(0.1 * run.steps.numpy(), 0.6, p, s, penalty.strength, penalty.smoothing)
    assert np.abs(theta.numpy() - predicted).max() < 0.02  # X lags behind by O(λ)
    assert theta[-1] < 0.3 < theta[0]
    U = rotate(torch.tensor([p, s]).sqrt().diag(), 0, 1, 1e-4)
    late = train(problem, U, penalty=penalty, steps=2000, step_size=0.1, record=[1000, 2000], keep_iterates=True)
    overlap = (late.iterates[..., 0] * late.iterates[..., 1]).sum(-1)
    exact = theory.rotation_speed(p, s, penalty.strength, penalty.smoothing, exact=True)
    assert (overlap[0] / overlap[1]).log().item() / 100 == pytest.approx(exact, rel=1e-3)


@pytest.mark.statement("2.8")
def test_a_column_dies_at_the_predicted_rate():
    mu, penalty = (1.0, 0.5), GroupLasso(0.08, 0.02)
    problem = truth(4, mu, 1)
    p = theory.shrunk_eigenvalue(np.array(mu), penalty.strength, penalty.smoothing)
    frame = problem.U_star / problem.U_star.norm(dim=0)
    U = torch.cat([frame * torch.from_numpy(p).sqrt(), torch.zeros(4, 1, dtype=torch.float64)], 1)
    push = torch.zeros_like(U)
    push[:, 2] = frame[:, 0]
    image = Objective(problem, penalty).hessian_vector(U, push)
    assert torch.allclose(image, theory.death_speed(penalty.strength, penalty.smoothing, p[0]) * push, atol=1e-9)


@pytest.mark.statement("2.9")
@pytest.mark.parametrize("seed", range(12))
def test_nearly_stationary_columns_are_nearly_orthogonal(seed):
    problem = noisy(5, 2, 60, ("gaussian", "rank-one")[seed % 2], seed)
    penalty = GroupLasso(0.3, 0.01)
    U = gaussian_init(5, 4, scale=0.4, seed=seed)
    true(proof.robust(problem, penalty, U, 0, 1))
    U = converged(problem, penalty, U)
    i, j = U.norm(dim=0).argsort(descending=True)[:2].tolist()
    near = rotate(U, i, j, 10 ** draws(seed).uniform(-6, -0.5)) + gaussian_init(5, 4, scale=1e-5, seed=seed)
    true(proof.robust(problem, penalty, near, i, j))


@pytest.mark.statement("2.9")
def test_the_constants_of_the_robust_bound_are_enough_and_nearly_needed():
    t = np.linspace(0, 1, 200_001)
    first = np.sqrt(1 + t) * (np.sqrt(t) + 1 - t) / (1 + t**1.5)
    second = (1 + t) / (1 + t**1.5)
    assert 1.255 < first.max() < 1.26
    assert 1.118 < second.max() < 1.12
    x = np.geomspace(4, 1e6, 1000)  # x/β
    assert ((x + 4) / (4 * (x + 1) ** 2.5) >= x**-1.5 / 4).all()
    z = 5 / 12  # P is convex on [0, 1], so its value and slope here show P > 0
    value = 1.26**2 * (1 + z**3) ** 2 - (1 + z**2) * (1 + z - z**2) ** 2
    slope = 6 * 1.26**2 * (1 + z**3) * z**2 - (2 - 10 * z**4 + 6 * z**5)
    assert value > 0.012
    assert abs(slope) < 0.001


@pytest.mark.statement("2.9")
def test_weight_decay_has_no_such_bound():
    """A blind penalty: stationary to rounding, with columns far from orthogonal."""
    problem, penalty = truth(5, (1.0, 0.5), 0), WeightDecay(0.1)
    U = converged(problem, penalty, gaussian_init(5, 3, scale=0.5, seed=0))
    assert largest_cosine(U) > 0.1
