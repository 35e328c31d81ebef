"""The statements of chapter 3, measured on fresh instances."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import integrate, stats

from helpers.arguments import generator
from helpers.figures.style import single_runs
from helpers.penalties import ColumnPower, GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs import frames as proofs
from helpers.pruning import column_norms, prune
from helpers.rotations import equal_columns, orthogonal_columns, random_frame
from helpers.theory import count_near_largest, count_near_largest_law, frame_pruning_error, kept_mass
from helpers.training import gaussian_init, train

SEEDS = [0, 1, 2]


def gaussian(*shape, seed):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def instance(seed, ensemble="gaussian"):
    """A noisy problem (d = 5 + seed, r = 2), a start of k columns, and an orthogonal (k, k) matrix."""
    d, k = 5 + seed, 4 + 3 * seed
    problem = Empirical.sample(ground_truth(d, 2, seed=seed), 15 * d, noise=0.3, ensemble=ensemble, seed=seed + 1)
    return problem, gaussian_init(d, k, scale=0.3, seed=seed + 2), random_frame(k, k, seed=seed + 3)


def fails(steps):
    return [step for step in steps if not step.holds()]


def relative_error(W, mu, keep):
    """‖X_m − M‖_F/‖M‖_F for U = U⋆W, M = diag(mu), W (..., r, k), the `keep` largest columns kept."""
    problem = Population(torch.tensor(mu, dtype=W.dtype).sqrt().diag())
    return problem.error(prune(problem.U_star @ W, keep=keep)) / problem.M.norm()


@pytest.mark.statement("3.1")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
@pytest.mark.parametrize("penalty", [None, WeightDecay(0.2)], ids=["no penalty", "weight decay"])
def test_training_commutes_with_rotations(seed, ensemble, penalty):
    problem, U, turn = instance(seed, ensemble)
    assert not fails(proofs.commutes(problem, U, turn, penalty=penalty, step_size=0.01, steps=150, seed=seed))


@pytest.mark.statement("3.1")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("exponent", [1, 1.9, 3])
def test_other_column_penalties_do_not_commute(seed, exponent):
    problem, U, turn = instance(seed)
    steps = proofs.commutes(problem, U, turn, penalty=ColumnPower(0.2, exponent, 0.01), step_size=0.01, steps=150)
    assert len(fails(steps)) == len(steps)


@pytest.mark.statement("3.1")
def test_another_adaptive_step_commutes_but_adam_does_not():
    problem, U, turn = instance(1)

    def after(U, scale):
        for _ in range(50):
            slope = problem.gradient(U)
            U = U - 0.01 * slope / scale(slope)
        return U

    assert torch.allclose(after(U @ turn, torch.linalg.matrix_norm), after(U, torch.linalg.matrix_norm) @ turn)
    assert not torch.allclose(after(U @ turn, torch.abs), after(U, torch.abs) @ turn, atol=1e-2)


@pytest.mark.statement("3.2")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_a_factor_splits_into_what_x_says_and_a_frame(seed, rank):
    U = gaussian(5, rank, seed=seed) @ gaussian(rank, 9, seed=seed + 10)
    assert not fails(proofs.splits(U, random_frame(9, 9, seed=seed), seed=seed + 1))


@pytest.mark.statement("3.2")
@pytest.mark.parametrize("penalty", [None, WeightDecay(0.3), GroupLasso(0.3, 0.01)], ids=["none", "decay", "lasso"])
@pytest.mark.parametrize("steps", [7, 150])
def test_the_frame_of_a_trained_model_is_uniform_at_every_time(penalty, steps):
    """With the group Lasso the law changes, so the test can fail."""
    k, problem = 6, Population(ground_truth(4, 1, seed=3))
    start = gaussian_init(4, k, scale=0.2, seed=4, batch=(1500,))
    U = train(problem, start, penalty=penalty, steps=steps, step_size=0.1, record=1).U
    leading = torch.linalg.eigh(U @ U.mT).eigenvectors[..., -1:]
    W = torch.nn.functional.normalize((leading.mT @ U).squeeze(-2), dim=-1)
    entries = stats.kstest(W[:, 0].square(), stats.beta(0.5, (k - 1) / 2).cdf).pvalue
    largest = random_frame(1, k, seed=5, batch=(20_000,)).abs().amax((-2, -1))
    extremes = stats.ks_2samp(W.abs().amax(-1), largest).pvalue
    dependence = stats.spearmanr(W.abs().amax(-1), problem.error(U)).pvalue
    if isinstance(penalty, GroupLasso):
        assert extremes < 1e-6
    else:
        assert min(entries, extremes, dependence) > 1e-3


@pytest.mark.statement("3.2")
def test_a_small_start_ends_at_a_random_frame_of_the_truth():
    problem = Population(ground_truth(6, 2, seed=1))
    U = train(problem, gaussian_init(6, 12, scale=1e-4, seed=2, batch=(300,)), steps=250, step_size=0.1, record=1).U
    W = torch.linalg.pinv(problem.U_star) @ U
    assert (W @ W.mT - torch.eye(2)).abs().max() < 1e-4
    assert (U - problem.U_star @ W).abs().max() < 0.02
    assert stats.kstest(column_norms(W)[:, 0].square(), stats.beta(1, 5).cdf).pvalue > 1e-3


@pytest.mark.statement("3.3")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rank", [1, 3])
def test_weight_decay_sees_no_difference_inside_a_fibre(seed, rank):
    problem, U, _ = instance(seed)
    U = U @ random_frame(min(rank, U.shape[1]), U.shape[1], seed=seed).T @ random_frame(rank, U.shape[1], seed=seed + 1)
    assert not fails(proofs.blind(problem, WeightDecay(0.4), GroupLasso(0.1, 0.02), U))


@pytest.mark.statement("3.3")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_hessian_has_one_spectrum_on_a_fibre(seed):
    """Whether a point is second-order stationary cannot depend on how X is split into columns."""
    problem = Population(ground_truth(3, 1, seed=seed))
    decay = WeightDecay(0.3)
    U = train(problem, gaussian_init(3, 4, scale=0.1, seed=seed), penalty=decay, steps=400, step_size=0.1).U
    basis = torch.eye(12, dtype=torch.float64).reshape(12, 3, 4)

    def spectrum(V):
        rows = problem.hessian_vector(V, basis) + decay.hessian_vector(V, basis)
        return torch.linalg.eigvalsh(rows.reshape(12, 12))

    for V in (orthogonal_columns(U), equal_columns(U), U @ random_frame(4, 4, seed=seed)):
        assert torch.allclose(spectrum(V), spectrum(U), atol=1e-10)
        assert spectrum(V)[0] > -1e-6


@pytest.mark.statement("3.3")
@pytest.mark.parametrize("exponent", [0.5, 1, 1.9, 2.1, 3])
def test_no_other_power_is_blind(exponent):
    U = gaussian(3, 6, seed=4)
    penalty = ColumnPower(1.0, exponent, 1e-3)
    few, level = penalty.value(orthogonal_columns(U)), penalty.value(equal_columns(U))
    assert (few < 0.99 * level) if exponent < 2 else (level < 0.99 * few)


@pytest.mark.statement("3.4")
@pytest.mark.parametrize(("r", "k"), [(1, 2), (1, 30), (2, 9), (3, 50), (4, 4)])
def test_squared_norm_of_one_column_is_beta(r, k):
    p = column_norms(random_frame(r, k, seed=r + k, batch=(3000,))).square()
    if r == k:
        assert torch.allclose(p, torch.ones_like(p))
        return
    assert stats.kstest(p[:, k // 2], stats.beta(r / 2, (k - r) / 2).cdf).pvalue > 1e-3
    assert p.mean().item() == pytest.approx(r / k)


@pytest.mark.statement("3.5")
@pytest.mark.parametrize(("k", "c"), [(2, 0.5), (3, 1.0), (17, 0.8), (200, 0.3), (1000, 0.5), (10_000, 0.9)])
def test_count_near_the_largest_steps(k, c):
    assert not fails(proofs.near_largest(k, c))


@pytest.mark.statement("3.5")
@pytest.mark.parametrize(("k", "c"), [(2, 0.3), (5, 0.5), (60, 0.5), (60, 0.9), (700, 0.7)])
def test_count_near_the_largest_is_the_simulated_mean(k, c):
    w = column_norms(random_frame(1, k, seed=k, batch=(4000,)))
    counts = (w >= c * w.amax(-1, keepdim=True)).double().sum(-1)
    assert abs(counts.mean() - count_near_largest(k, c)) < 4 * counts.std() / len(counts) ** 0.5


@pytest.mark.statement("3.5")
@pytest.mark.parametrize(("k", "c"), [(3, 0.5), (40, 0.2), (40, 0.9)])
def test_the_exact_count_against_the_printed_integral(k, c):
    def integrand(y):
        tail = 2 * stats.norm.sf(c * y)
        return 2 * stats.norm.pdf(y) * (2 * stats.norm.cdf(y) - 1) ** (k - 2) * tail

    printed = k * (k - 1) * integrate.quad(integrand, 0, 12, epsabs=1e-12, limit=400)[0]
    assert count_near_largest(k, c) == pytest.approx(printed, rel=1e-7)


@pytest.mark.statement("3.5")
@pytest.mark.parametrize("c", [0.3, 0.5, 0.7, 0.9])
def test_the_laws_of_the_count(c):
    """The ratio to the Γ law tends to 1, the local exponent to 1 − c² (slowly: a logarithm stands between)."""
    gaps = [abs(count_near_largest(10**j, c) / count_near_largest_law(10**j, c) - 1) for j in (1, 2, 3, 5, 8)]
    assert max(gaps) < 0.03
    assert gaps[2] > gaps[3] > gaps[4]
    assert gaps[4] < 0.01

    def leading(k):
        return math.gamma(1 + c * c) / c * (k / math.sqrt(math.pi * math.log(k))) ** (1 - c * c)

    ratios = [count_near_largest_law(k, c) / leading(k) for k in (10**3, 10**6, 10**12)]
    assert abs(ratios[2] - 1) < abs(ratios[1] - 1) < abs(ratios[0] - 1)
    slope = math.log(count_near_largest_law(10**14, c) / count_near_largest_law(10**12, c)) / math.log(100)
    assert slope == pytest.approx(1 - c * c, abs=0.03)


@pytest.mark.statement("3.6")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mu", [(1.0,), (1.0, 1.0), (1.0, 0.5, 0.1)])
@pytest.mark.parametrize("keep", [20, 150])
def test_the_kept_sum_is_squeezed(seed, mu, keep):
    G = gaussian(len(mu), 300 + 100 * seed, seed=seed)
    assert not fails(proofs.squeeze(G, torch.tensor(mu, dtype=torch.float64), keep))


@pytest.mark.statement("3.6")
@pytest.mark.parametrize("r", [1, 2, 3, 7])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 0.5, 0.9])
def test_pruning_error_of_wide_frames(r, fraction):
    k, runs = 2000, 40
    lost = relative_error(random_frame(r, k, seed=r, batch=(runs,)), [0.7] * r, round(fraction * k))
    predicted = math.sqrt(frame_pruning_error(fraction, r))
    assert abs(lost.mean() - predicted) < 4 * lost.std() / math.sqrt(runs) + 3 / k
    spread = random_frame(r, 100, seed=r, batch=(runs,))
    assert relative_error(spread, [0.7] * r, round(fraction * 100)).mean() > predicted


@pytest.mark.statement("3.6")
@pytest.mark.parametrize("penalty", [None, WeightDecay(0.05)], ids=["no penalty", "weight decay"])
def test_trained_models_lose_what_wide_frames_lose(penalty):
    problem, k = Population(ground_truth(6, 2, seed=5)), 300
    start = gaussian_init(6, k, scale=1e-4, seed=6, batch=(30,))
    U = train(problem, start, penalty=penalty, steps=200, step_size=0.1, record=1).U
    X = U @ U.mT
    for fraction in (0.01, 0.1, 0.4):
        V = prune(U, keep=round(fraction * k))
        lost = torch.linalg.matrix_norm(V @ V.mT - X) / torch.linalg.matrix_norm(X)
        assert lost.mean() == pytest.approx(math.sqrt(frame_pruning_error(fraction, 2)), abs=0.015)
        assert lost.std() < 0.03


@pytest.mark.statement("3.6")
@pytest.mark.parametrize("fraction", [0.05, 0.3])
def test_unequal_eigenvalues_have_another_limit(fraction):
    mu, k = (1.0, 0.4, 0.1), 3000
    root = np.sqrt(mu)[:, None] * gaussian(3, 400_000, seed=8).numpy()
    sizes = np.sum(root**2, 0)
    kept = (root * (sizes >= np.quantile(sizes, 1 - fraction))) @ root.T / root.shape[1]
    predicted = np.linalg.norm(kept - np.diag(mu)) / np.linalg.norm(mu)
    lost = relative_error(random_frame(3, k, seed=9, batch=(40,)), mu, round(fraction * k))
    assert abs(lost.mean() - predicted) < 0.004
    assert abs(lost.mean() - math.sqrt(frame_pruning_error(fraction, 3))) > 0.02
    shares = np.diag(kept) / mu
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.statement("3.6")
def test_keeping_a_vanishing_share_loses_everything():
    widths = (10, 100, 1000, 10_000)
    lost = [relative_error(random_frame(2, k, seed=k, batch=(10,)), [1.0, 1.0], 2).mean() for k in widths]
    assert lost == sorted(lost)
    assert lost[-1] > 0.995


@pytest.mark.statement("3.7")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("k", "keep"), [(2, 1), (7, 3), (40, 5), (100, 30)])
def test_kept_mass_steps(seed, k, keep):
    assert not fails(proofs.sphere(gaussian(k, seed=seed), keep))


@pytest.mark.statement("3.7")
@pytest.mark.parametrize(("k", "keep"), [(2, 1), (9, 2), (50, 1), (100, 25), (100, 100)])
def test_kept_mass_is_the_simulated_mean(k, keep):
    lost = relative_error(random_frame(1, k, seed=keep, batch=(4000,)), [1.0], keep)
    assert abs(lost.mean() - (1 - kept_mass(keep, k))) < 4 * lost.std() / len(lost) ** 0.5 + 1e-12


@pytest.mark.statement("3.8")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ensemble", ["gaussian", "rank-one"])
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_rotate_then_prune_is_best_possible(seed, ensemble, keep):
    problem, U, _ = instance(seed, ensemble)
    assert not fails(proofs.truncates(problem, U, keep))


@pytest.mark.statement("3.9")
@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_quadratic_activation_can_be_rotated(seed):
    s, t = gaussian(2, seed=seed).tolist()
    U, x, turn = gaussian(4, 6, seed=seed), gaussian(30, 4, seed=seed + 1), random_frame(6, 6, seed=seed)
    for activation, invariant in [
        (torch.square, True), (lambda z: 2 - 3 * z**2, True), (torch.relu, False), (torch.tanh, False),
        (torch.abs, False), (lambda z: z, False), (lambda z: z**4, False), (torch.cos, False),
    ]:  # fmt: skip
        assert (not fails(proofs.rotatable(activation, s, t))) == invariant
        before, after = (activation(x @ V).sum(-1) for V in (U, U @ turn))
        assert torch.allclose(before, after, atol=1e-10) == invariant


def test_bars_hold_the_middle_of_single_runs():
    draws = torch.stack([torch.arange(101.0), torch.full((101,), 3.0)])
    fig, ax = plt.subplots()
    points, _, (bars,) = single_runs(ax, [1, 2], draws, fmt="o", color="black")
    plt.close(fig)
    assert points.get_ydata().tolist() == [50, 3]
    low, high = bars.get_segments()[0][:, 1]
    assert (round(low), round(high)) == (16, 84)
