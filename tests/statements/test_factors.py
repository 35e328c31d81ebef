"""Chapter 9, statement by statement: pairs, signed factors, tables with gaps."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from instances import gaussian, minimise, orthogonal, uniform
from statements.ledger import measures

from helpers import theory
from helpers.factors import Pairs, Signed, completion, join, split, squared_distance, svd_pair
from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay
from helpers.proofs import factors as proof
from helpers.pruning import column_norms, prune

PAIRS = ({"d1": 3, "d2": 4, "k": 3}, {"d1": 4, "d2": 3, "k": 4}, {"d1": 4, "d2": 5, "k": 5})
BENIGN = ({"d1": 3, "d2": 3, "r": 1}, {"d1": 3, "d2": 5, "r": 2}, {"d1": 5, "d2": 4, "r": 3})
SIGNED = ({"plus": 1, "minus": 1}, {"plus": 2, "minus": 1}, {"plus": 2, "minus": 2})


def rectangular(sizes, d1, d2, seed):
    """A matrix with these singular values in random directions."""
    r = len(sizes)
    left, right = orthogonal(d1, seed)[:, :r], orthogonal(d2, seed + 500)[:, :r]
    return left * torch.as_tensor(sizes, dtype=torch.float64) @ right.T


def least(problem, penalty, Z):
    """The least eigenvalue of ∇²F(Z), of all of them."""
    basis = torch.eye(Z.numel(), dtype=Z.dtype).reshape(-1, *Z.shape)
    rows = torch.stack([Objective(problem, penalty).hessian_vector(Z, V) for V in basis])
    return torch.linalg.eigvalsh(rows.flatten(1))[0]


# Lemma 9.1


@lru_cache(16)
def near_svd(seed, d1, d2, k, angle=0.1):
    """A pair with k columns near the balanced orthogonal one of its own product, and the product."""
    U, V = split(svd_pair(gaussian(d1, k, seed=seed) @ gaussian(d2, k, seed=seed + 1).T), d1)
    U, V = (torch.nn.functional.pad(factor, (0, k - factor.shape[1])) for factor in (U, V))
    skew = angle * gaussian(k, k, seed=seed + 2)
    T = torch.matrix_exp(skew)
    return join(U @ T, V @ torch.linalg.inv(T).T), U @ V.T


@measures("9.1", "$\\sum_i h(p_i)$ near the balanced pair, against $\\sum_j h(\\sigma_j(X))$", "≥", PAIRS)
def test_no_pair_is_cheaper_than_the_singular_values(seed, d1, d2, k):
    Z, X = near_svd(seed, d1, d2, k)
    penalty = GroupLasso(1.0, 0.02)
    return penalty.h(torch.linalg.svdvals(X)).sum(), penalty.value(Z)


@measures("9.1", "$\\sum_i h(p_i)$ of the balanced orthogonal pair", "=", PAIRS)
def test_balanced_orthogonal_pairs_cost_the_singular_values(seed, d1, d2, k):
    _, X = near_svd(seed, d1, d2, k)
    penalty = GroupLasso(1.0, 0.02)
    return penalty.h(torch.linalg.svdvals(X)).sum(), penalty.value(svd_pair(X))


@pytest.mark.statement("9.1")
@pytest.mark.parametrize("shape", PAIRS)
def test_the_steps_of_its_proof_hold(shape):
    Z, _ = near_svd(3, **shape)
    assert all(step.holds() for step in proof.price(GroupLasso(1.0, 0.02), Z, shape["d1"]))


# Theorem 9.2


@lru_cache(16)
def one_bit_point(seed, d1, d2, k):
    """A second-order stationary point for the logistic loss of random signs: problem, penalty, Z."""
    Y = torch.where(gaussian(d1, d2, seed=seed) > 0, 1.0, -1.0).double()
    problem = Pairs(lambda X: torch.nn.functional.softplus(-Y * X).sum((-2, -1)), Y)
    penalty = GroupLasso(0.6, 0.1)
    Z = minimise(problem, penalty, k, seed, scale=1.0)
    return problem, penalty, Objective(problem, penalty).minimise(Z, steps=20, tolerance=1e-12)[0]


def off_diagonal(U):
    large = U[:, U.norm(dim=0) > 1e-3]
    unit = large / large.norm(dim=0)
    return (unit.T @ unit).fill_diagonal_(0).abs().sum()


@measures("9.2", "logistic loss: sum of $\\lvert\\cos\\angle\\rvert$ of two $u_i$ or two $v_i$", "=", PAIRS)
def test_both_sides_are_orthogonal_for_any_smooth_loss(seed, d1, d2, k):
    problem, _, Z = one_bit_point(seed, d1, d2, k)
    return 0, sum(off_diagonal(factor) for factor in split(Z, problem.rows))


@measures("9.2", "there: $\\sum_i i\\,p_i$ against $\\sum_i i\\,\\sigma_i(X)$, largest first", "=", PAIRS)
def test_the_pairs_are_the_singular_values(seed, d1, d2, k):
    problem, _, Z = one_bit_point(seed, d1, d2, k)
    values = torch.linalg.svdvals(problem.product(Z))[: min(k, d1, d2)]
    p = column_norms(Z).square().sort(descending=True).values[: len(values)]
    order = torch.arange(1, len(values) + 1)
    return (order * values).sum(), (order * p).sum()


@measures("9.2", "there: $\\sum_i (\\lVert u_i\\rVert^2 - \\lVert v_i\\rVert^2)^2$", "=", PAIRS)
def test_both_sides_are_equally_long(seed, d1, d2, k):
    U, V = split(one_bit_point(seed, d1, d2, k)[2], d1)
    return 0, (U.square().sum(0) - V.square().sum(0)).square().sum()


class TwoLayers(Pairs):
    """A tanh network with two low-rank weights; the pairs of the first are the first half of the columns of Z."""

    def __init__(self, d, seed):
        super().__init__(lambda X: X.sum((-2, -1)), gaussian(d, d, seed=seed))
        self.x, self.y = gaussian(12, d, seed=seed + 1), gaussian(12, d, seed=seed + 2)

    def loss(self, Z):
        first, second = (self.product(half) for half in Z.chunk(2, -1))
        return ((self.x @ first).tanh() @ second - self.y).square().mean((-2, -1))


@measures("9.2", "two weights of a tanh network: sum of $\\lvert\\cos\\angle\\rvert$ within each", "=",
          ({"k": 2}, {"k": 3}, {"k": 4}))  # fmt: skip
def test_each_of_several_matrices_has_orthogonal_pairs(seed, k):
    problem, penalty = TwoLayers(2, seed), GroupLasso(0.05, 0.02)
    Z = Objective(problem, penalty).minimise(gaussian(4, 2 * k, seed=seed), steps=3000, tolerance=1e-9)[0]
    return 0, sum(off_diagonal(factor) for half in Z.chunk(2, -1) for factor in split(half, 2))


@pytest.mark.statement("9.2")
def test_weight_decay_gives_no_orthogonal_pairs():
    problem, _, _ = one_bit_point(0, 4, 5, 5)
    Z = minimise(problem, WeightDecay(0.6), 5, 0, scale=1.0)
    U, V = split(Z, 4)
    assert torch.allclose(U.norm(dim=0), V.norm(dim=0), atol=1e-6), "equal sides need h' > 0 only"
    assert off_diagonal(U) > 0.1


@pytest.mark.statement("9.2")
@pytest.mark.parametrize("shape", PAIRS)
def test_the_steps_of_the_theorem_hold(shape):
    assert all(step.holds(1e-7) for step in proof.balance(*one_bit_point(1, **shape)))


# Lemma 9.3


@measures("9.3", "$\\lambda\\lvert h''(p)\\rvert$ against $2\\kappa = 2$, just above the fold", "≤",
          ({"above": 1.01}, {"above": 1.1}, {"above": 1.5}))  # fmt: skip
def test_a_pair_bends_no_more_than_the_loss(seed, above):
    strength = 0.3
    M = rectangular([above * theory.g_min(strength, 0.01)], 3, 4, seed)
    problem, penalty = Pairs(squared_distance(M), M), GroupLasso(strength, 0.01)
    Z = Objective(problem, penalty).minimise(svd_pair(M), steps=3000, tolerance=1e-10)[0]
    return 2, -strength * penalty.d2h(Z.square().sum(0)).min()


@lru_cache(16)
def gappy_point(seed, d1, d2, k, share=0.6):
    """A second-order stationary point on a noisy table with gaps: problem, penalty, Z, the share that is seen."""
    M = rectangular([1.0, 0.7], d1, d2, seed)
    seen = uniform(d1, d2, seed=seed) < share
    seen[0, 0], seen[0, 1] = True, False
    problem = Pairs(completion(M + 0.1 * gaussian(d1, d2, seed=seed + 3), seen), M)
    q = seen.double().mean().item()
    strength = 0.3
    penalty = GroupLasso(strength, theory.path_smoothing(strength, theory.entry_curvature(q)))
    return problem, penalty, minimise(problem, penalty, k, seed), q


TABLES = ({"d1": 4, "d2": 5, "k": 5}, {"d1": 5, "d2": 4, "k": 6}, {"d1": 6, "d2": 5, "k": 6})


@measures("9.3", "smallest nonzero norm on a table with gaps, against the edge for $\\kappa = 1/q$", "≥", TABLES,
          loose=True)  # fmt: skip
def test_no_pair_lies_in_the_gap(seed, d1, d2, k):
    _, penalty, Z, q = gappy_point(seed, d1, d2, k)
    norms = column_norms(Z)
    edge = theory.gap_edge(penalty.strength, theory.entry_curvature(q), penalty.smoothing)
    return edge, norms[norms > 1e-5].min() if (norms > 1e-5).any() else edge


@pytest.mark.statement("9.3")
@pytest.mark.parametrize("shape", PAIRS)
def test_the_steps_of_the_gap_hold(shape):
    assert all(step.holds(1e-7) for step in proof.gap(*one_bit_point(1, **shape)))


# Lemma 9.4


@lru_cache(16)
def barely_lost(seed, d1, d2, loss):
    """Second-order stationary point where the second of two singular values is just lost: problem, penalty, Z."""
    M = rectangular([1.0, 0.9], d1, d2, seed)
    problem, penalty = Pairs(squared_distance(M), M), GroupLasso(2 * (0.9 + loss), 1.0)
    return problem, penalty, minimise(problem, penalty, 3, seed, scale=1.0)


LOST = ({"d1": 2, "d2": 3, "loss": 0.005}, {"d1": 4, "d2": 3, "loss": 0.02}, {"d1": 4, "d2": 5, "loss": 0.05})


@measures("9.4", "$\\lVert\\nabla f(X)\\rVert_{op}$ against $\\lambda/\\sqrt\\beta$, a direction just lost", "≤", LOST)
def test_a_zero_pair_bounds_the_gradient(seed, d1, d2, loss):
    problem, penalty, Z = barely_lost(seed, d1, d2, loss)
    size = torch.linalg.matrix_norm(problem.matrix_gradient(Z), 2)
    return theory.certificate_level(penalty.strength, penalty.smoothing), size


@measures("9.4", "left side of (9.4) and the square, against the right at the nuclear-norm estimate", "≤", LOST)
def test_no_matrix_fits_much_better_than_the_point(seed, d1, d2, loss):
    problem, penalty, Z = barely_lost(seed, d1, d2, loss)
    level, p = theory.certificate_level(penalty.strength, penalty.smoothing), Z.square().sum(0)
    left, values, right = torch.linalg.svd(problem.M, full_matrices=False)
    Y = left * (values - level / 2).clamp(min=0) @ right
    paid = penalty.strength * (p * penalty.dh(p)).sum() + (Y - problem.product(Z)).square().sum()
    return problem.of(Y) + level * torch.linalg.svdvals(Y).sum(), problem.loss(Z) + paid


@pytest.mark.statement("9.4")
@pytest.mark.parametrize("shape", TABLES)
def test_the_steps_of_the_training_loss_hold(shape):
    problem, penalty, Z, _ = gappy_point(2, **shape)
    assert all(step.holds(1e-6) for step in proof.fit(problem, penalty, Z, problem.M))


# Theorem 9.5


@lru_cache(16)
def benign_point(seed, d1, d2, r, share=0.9):
    """A point of training at `share` of the critical strength, random singular values: problem, penalty, Z."""
    sizes = uniform(r, low=0.4, high=1.0, seed=seed).sort(descending=True).values
    M, beta = rectangular(sizes, d1, d2, seed), 0.02 + 0.1 * (seed % 3)
    problem = Pairs(squared_distance(M), M)
    penalty = GroupLasso(share * theory.critical_strength(problem.mu_r, beta), beta)
    return problem, penalty, minimise(problem, penalty, r + 2, seed)


@measures("9.5", "pairs kept at 0.9 of the critical strength, from random starts", "=", BENIGN)
def test_training_keeps_the_rank(seed, d1, d2, r):
    return r, (column_norms(benign_point(seed, d1, d2, r)[2]) > 1e-6).sum()


@measures("9.5", "$\\sum_i i\\,p_i$, largest first, against the roots of $g(p) = \\sigma_i$", "=", BENIGN)
def test_the_pairs_are_the_roots(seed, d1, d2, r):
    problem, penalty, Z = benign_point(seed, d1, d2, r)
    sizes = torch.linalg.svdvals(problem.M)[:r].numpy()
    order = np.arange(1, r + 1)
    p = column_norms(Z).square().sort(descending=True).values[:r].numpy()
    return order @ theory.shrunk_eigenvalue(sizes, penalty.strength, penalty.smoothing), order @ p


def without_the_last(seed, d1, d2, r, share):
    """The stationary point whose r-th pair is zero, at `share` of the critical strength."""
    problem, penalty, _ = benign_point(seed, d1, d2, r)
    penalty = GroupLasso(share * theory.critical_strength(problem.mu_r, penalty.smoothing), penalty.smoothing)
    Z = prune(svd_pair(problem.M), keep=r - 1)
    sizes = torch.linalg.svdvals(problem.M)[: r - 1]
    if r > 1:
        kept = theory.shrunk_eigenvalue(sizes.numpy(), penalty.strength, penalty.smoothing)
        Z = Z / column_norms(Z) * torch.from_numpy(kept).sqrt()
    return problem, penalty, torch.nn.functional.pad(Z, (0, 2))


@measures("9.5", "least eigenvalue of $\\nabla^2F$ without the last pair, at the critical strength", "≥", BENIGN)
def test_from_the_critical_strength_on_a_point_with_fewer_pairs_is_second_order(seed, d1, d2, r):
    point = without_the_last(seed, d1, d2, r, 1.0)
    return 0, least(*point) - Objective(*point[:2]).gradient(point[2]).norm()


@measures("9.5", "the same below it, against $2(\\lambda/\\sqrt\\beta - 2\\sigma_r)$", "=", BENIGN)
def test_below_it_that_point_is_a_saddle(seed, d1, d2, r):
    problem, penalty, Z = without_the_last(seed, d1, d2, r, 0.98)
    level = theory.certificate_level(penalty.strength, penalty.smoothing)
    return 2 * (level - 2 * problem.mu_r), least(problem, penalty, Z)


@pytest.mark.statement("9.5")
@pytest.mark.parametrize("shape", BENIGN)
def test_the_steps_of_the_landscape_hold(shape):
    assert all(step.holds(1e-6) for step in proof.benign(*benign_point(1, **shape)))


# Theorem 9.6


@lru_cache(16)
def signed_point(seed, plus, minus):
    """Signed factors at 0.9 of the critical strength, with a column of each sign to spare: problem, penalty, U."""
    r, d = plus + minus, plus + minus + 2
    # apart from each other: where two nearly coincide, the last rotation takes no end (Proposition 2.8)
    sizes = torch.linspace(1, 0.4, r, dtype=torch.float64) + uniform(r, low=-0.04, high=0.04, seed=seed)
    sizes = sizes[gaussian(r, seed=seed).argsort()]
    mu = sizes * torch.tensor([1.0] * plus + [-1.0] * minus, dtype=torch.float64)
    frame = orthogonal(d, seed)[:, :r]
    M = frame * mu @ frame.T
    signs = torch.tensor([1.0] * (plus + 1) + [-1.0] * (minus + 1), dtype=torch.float64)
    problem = Signed(squared_distance(M), M, signs)
    penalty = GroupLasso(0.9 * theory.critical_strength(problem.mu_r, 0.05), 0.05)
    return problem, penalty, minimise(problem, penalty, r + 2, seed)


@measures("9.6", "columns of sign 1 kept, from random starts", "=", SIGNED)
def test_training_keeps_the_positive_eigenvalues(seed, plus, minus):
    problem, _, U = signed_point(seed, plus, minus)
    return plus, ((column_norms(U) > 1e-6) & (problem.signs > 0)).sum()


@measures("9.6", "columns of sign −1 kept", "=", SIGNED)
def test_training_keeps_the_negative_eigenvalues(seed, plus, minus):
    problem, _, U = signed_point(seed, plus, minus)
    return minus, ((column_norms(U) > 1e-6) & (problem.signs < 0)).sum()


@measures("9.6", "$\\sum_i i\\,p_i$, largest first, against the roots of $g(p) = \\lvert\\mu_i\\rvert$", "=", SIGNED)
def test_the_columns_are_the_roots(seed, plus, minus):
    problem, penalty, U = signed_point(seed, plus, minus)
    sizes = torch.linalg.svdvals(problem.M)[: problem.r].numpy()
    order = np.arange(1, problem.r + 1)
    p = column_norms(U).square().sort(descending=True).values[: problem.r].numpy()
    return order @ theory.shrunk_eigenvalue(sizes, penalty.strength, penalty.smoothing), order @ p


@measures("9.6", "least eigenvalue of $\\nabla^2F$ at $U = 0$, $r = 1$, at the critical strength", "≥",
          ({"sign": 1, "beta": 0.05}, {"sign": -1, "beta": 0.05}, {"sign": -1, "beta": 0.3}))  # fmt: skip
def test_from_the_critical_strength_on_a_sign_may_be_missed(seed, sign, beta):
    e = orthogonal(3, seed)[:, 0]
    M = sign * torch.outer(e, e)
    problem = Signed(squared_distance(M), M, torch.tensor([1.0, -1.0], dtype=torch.float64))
    return 0, least(problem, GroupLasso(theory.critical_strength(1.0, beta), beta), torch.zeros_like(problem.U_star))


@pytest.mark.statement("9.6")
@pytest.mark.parametrize("shape", SIGNED)
def test_the_steps_for_signed_factors_hold(shape):
    assert all(step.holds(1e-6) for step in proof.signed(*signed_point(1, **shape)))


# Proposition 9.7


@measures("9.7", "$\\lVert\\mathcal A(E)\\rVert^2/n$ from a seen to an unseen entry, against $\\cos^2\\theta/q$", "=",
          TABLES)  # fmt: skip
def test_every_value_up_to_the_largest_occurs(seed, d1, d2, k):
    problem, _, _, q = gappy_point(seed, d1, d2, k)
    theta, E = uniform((), low=0, high=1.5, seed=seed), torch.zeros_like(problem.M)
    E[0, 0], E[0, 1] = theta.cos(), theta.sin()
    steps = problem.of(problem.M + E) + problem.of(problem.M - E) - 2 * problem.of(problem.M)
    return theta.cos() ** 2 * theory.entry_curvature(q), steps / 2


@measures("9.7", "mean of the loss (9.5) over random entries, against $\\lVert X - Y\\rVert_F^2$", "≈",
          ({"share": 0.3}, {"share": 0.5}, {"share": 0.8}))  # fmt: skip
def test_the_mean_over_random_entries_is_the_squared_distance(seed, share):
    X, Y = gaussian(5, 6, seed=1), gaussian(5, 6, seed=2)
    return (X - Y).square().sum(), completion(Y, uniform(5, 6, seed=seed) < share)(X)


@pytest.mark.statement("9.7")
def test_the_steps_for_entries_hold():
    seen = uniform(6, 7, seed=1) < 0.5
    M = gaussian(6, 7, seed=1)
    assert all(step.holds() for step in proof.unseen(Pairs(completion(M, seen), M), seen))
