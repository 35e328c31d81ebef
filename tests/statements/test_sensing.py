"""Chapter 1: coordinates, rotations, gradients, expectations, the restricted isometry property, units."""

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import ENSEMBLE_NAMES, data, distance, either, gaussian, natural, orthogonal, symmetric, uniform
from statements.ledger import measures

from helpers.isometry import extreme_ratio, isometry_ratio, random_low_rank
from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay
from helpers.problems import Empirical, Population, ground_truth, smat, svec
from helpers.proofs.sensing import isometry_steps
from helpers.theory import gaussian_radius, gaussian_width
from helpers.training import gaussian_init, train

SHAPES = ({"d": 3, "k": 2}, {"d": 6, "k": 4}, {"d": 9, "k": 14})  # fewer and more columns than dimensions
TAIL = 4.0  # t: the bounds of Theorem 1.5 fail with probability at most 2e^{−t²/2} = .07 %

any_seed, any_ensemble = st.integers(0, 2**16), st.sampled_from(list(ENSEMBLE_NAMES))
instances = settings(max_examples=20, deadline=None, derandomize=True)


def is_zero(expression):
    return sympy.simplify(expression) == 0


# Lemma 1.1


@measures("1.1", r"$\langle\mathrm{svec}(X), \mathrm{svec}(Y)\rangle$, against $\mathrm{tr}\,XY$", "=", SHAPES)
def test_coordinates(seed, d, k):
    X, Y = symmetric(d, seed), symmetric(d, seed + 100)
    return (X @ Y).trace(), svec(X) @ svec(Y)


@measures("1.1", r"$\langle X, \mathcal{A}^*(v)\rangle$, against $\sum_i v_i\langle A_i, X\rangle$", "=", SHAPES)
def test_adjoint(seed, d, k):
    """With A_i = x_i x_iᵀ written out, or with the matrices of which the rows of the design are the coordinates."""
    problem, X, v = data(seed, d, 1, 5 * k, ensemble=either(seed)), symmetric(d, seed), uniform(5 * k, seed=seed)
    rows = problem.design
    A = rows[:, :, None] * rows[:, None, :] if problem.ensemble == "rank-one" else smat(rows)
    return (v * (A * X).sum((1, 2))).sum(), (X * problem.adjoint(v)).sum()


# Proposition 1.2


@measures("1.2", "distance of two factors of one $X$ after the best rotation", "=", SHAPES)
def test_one_fibre(seed, d, k):
    """(i): the second factor is made from the eigenvectors of X, not from the first."""
    U = gaussian(d, 2, seed=seed) @ gaussian(2, k, seed=seed + 1)
    values, vectors = torch.linalg.eigh(U @ U.T)
    V = torch.zeros_like(U)
    V[:, :2] = (vectors * values.clamp(min=0).sqrt())[:, -2:]
    left, _, right = torch.linalg.svd(U.T @ V)
    return 0, distance(U @ left @ right, V)


@measures("1.2", "descent from $U_0O$, distance from $U_tO$, noisy data", "=", SHAPES)
def test_turned_descent(seed, d, k):
    problem, turn = data(seed, d, 2, 10 * d, ensemble=either(seed)), orthogonal(k, seed)
    start = gaussian_init(d, k, scale=0.3 / d**0.5, seed=seed)
    first, second = (train(problem, U0, steps=60, step_size=0.01, record=1).U for U0 in (start, start @ turn))
    return 0, distance(second, first @ turn)


@pytest.mark.statement("1.2")
@pytest.mark.parametrize("penalty", [GroupLasso(1.0, 0.01), WeightDecay(1.0)], ids=repr)
def test_a_penalty_that_is_no_function_of_the_product_is_changed_by_a_rotation(penalty):
    U, turn = torch.cat([gaussian(6, 2, seed=0), torch.zeros(6, 7)], 1), orthogonal(9, 1)
    blind = penalty.exponent == 2
    assert (distance(penalty.gradient(U @ turn), penalty.gradient(U) @ turn) < 1e-12) == blind
    assert (abs(penalty.value(U @ turn) / penalty.value(U) - 1) < 1e-3) == blind


# Proposition 1.3


@measures("1.3", r"slope of the loss along a line, against $2\langle\nabla f(X)U, H\rangle$", "=", SHAPES)
def test_gradient(seed, d, k):
    """∇f from its formula, the slope by differences that are exact for a quartic."""
    problem, U, H = data(seed, d, 2, 10 * d, ensemble=either(seed)), gaussian(d, k, seed=seed), gaussian(d, k, seed=9)
    slope = 2 / problem.n * problem.adjoint(problem.measure(U @ U.T) - problem.y)
    t = 1e-4
    near, far = ((problem.loss(U + s * H) - problem.loss(U - s * H)) / (2 * s) for s in (t, 2 * t))
    size = H.norm() * (slope @ U).norm()
    return 2 * (slope @ U * H).sum() / size, (4 * near - far) / 3 / size


@pytest.mark.statement("1.3")
@pytest.mark.parametrize("k", [2, 6])
def test_the_chain_rule_holds_for_any_function_of_the_product(k):
    """f(X) = log det(I + X) + ⟨C, X³⟩; its gradient among the symmetric matrices is the symmetric part of the other."""
    U, C = (0.5 * gaussian(5, k, seed=0)).requires_grad_(), gaussian(5, 5, seed=2)

    def f(X):
        return torch.logdet(torch.eye(5, dtype=torch.float64) + X) + (C * (X @ X @ X)).sum()

    X = (U @ U.T).detach().requires_grad_()
    (full,) = torch.autograd.grad(f(X), X)
    (slope,) = torch.autograd.grad(f(U @ U.T), U)
    assert torch.allclose(slope, 2 * (full + full.T) / 2 @ U, rtol=1e-9)
    assert not torch.allclose(slope, 2 * full @ U, rtol=1e-2)


# Proposition 1.4


def loss_at_a_fixed_matrix(seed, d, ensemble, s=0.4):
    """Δ, the same for every seed, and the loss at M + Δ over 500 fresh answers with noise s; signs instead of normal
    inputs for the ensemble "signs"."""
    signs, Delta = ensemble == "signs", symmetric(d, 0) / d
    problem = Empirical.sample(ground_truth(d, 1), 500, noise=s, ensemble="rank-one" if signs else ensemble, seed=seed)
    if signs:
        w = problem.y - problem.measure(problem.M)
        problem = Empirical(problem.U_star, problem.design.sign(), w, "rank-one")
    return Delta, (problem.measure(problem.M + Delta) - problem.y).square().mean()


@measures("1.4", "loss at a fixed $X$, Gaussian", "≈", SHAPES)
def test_expected_loss_gaussian(seed, d, k):
    Delta, loss = loss_at_a_fixed_matrix(seed, d, "gaussian")
    return Delta.square().sum() + 0.16, loss


@measures("1.4", "loss at a fixed $X$, rank-one", "≈", SHAPES)
def test_expected_loss_rank_one(seed, d, k):
    Delta, loss = loss_at_a_fixed_matrix(seed, d, "rank-one")
    return 2 * Delta.square().sum() + Delta.trace() ** 2 + 0.16, loss


@measures("1.4", r"the same with random signs for $x$, less by $2\sum_a\Delta_{aa}^2$ (Exercise 1.3)", "≈", SHAPES)
def test_expected_loss_of_random_signs(seed, d, k):
    """Inputs that are not Gaussian: (1.5) fails."""
    Delta, loss = loss_at_a_fixed_matrix(seed, d, "signs")
    missing = 2 * Delta.diagonal().square().sum()
    return 2 * Delta.square().sum() + Delta.trace() ** 2 - missing + 0.16, loss


# Theorem 1.5

ISOMETRY = ({"d": 8, "rank": 2, "n": 60}, {"d": 20, "rank": 1, "n": 60}, {"d": 20, "rank": 2, "n": 1000})


@measures("1.5", r"largest ratio found, against $(1 + \varepsilon)^2$", "≤", ISOMETRY, loose=True)
def test_upper_isometry(seed, d, rank, n):
    """The search reaches two thirds of the way to the bound, in the norm and without its t."""
    bound = (1 + gaussian_radius(d, rank, n, t=TAIL)) ** 2
    return bound, extreme_ratio(data(seed, d, 1, n), rank, starts=2, steps=30)


@measures("1.5", r"smallest ratio found, against $\max(0, 1 - \varepsilon)^2$", "≥", ISOMETRY, loose=True)
def test_lower_isometry(seed, d, rank, n):
    bound = max(0, 1 - gaussian_radius(d, rank, n, t=TAIL)) ** 2
    return bound, extreme_ratio(data(seed, d, 1, n), rank, largest=False, starts=2, steps=30)


@measures(
    "1.5", r"mean of $\max_{X \in T}\langle S, X\rangle$ (step 3), against $\sqrt\rho(\sqrt{2d} + 1)$", "≤",
    ({"d": 20, "rank": 1, "draws": 20}, {"d": 80, "rank": 2, "draws": 5}, {"d": 240, "rank": 1, "draws": 1}),
)  # fmt: skip
def test_width(seed, d, rank, draws):
    """The maximum is exact: the length of the ρ eigenvalues of largest modulus. At d = 240 the bound is 5 % above."""
    G = gaussian(draws, d, d, seed=seed)
    sizes = torch.linalg.eigvalsh((G + G.mT) / 2).abs().sort(-1, descending=True).values
    return gaussian_width(d, rank), sizes[:, :rank].norm(dim=-1).mean()


@pytest.mark.statement("1.5")
@pytest.mark.parametrize(("d", "rank", "n"), [(3, 1, 5), (8, 2, 100), (14, 6, 400)])
def test_the_steps_of_the_proof_hold(d, rank, n):
    for seed in range(3):
        steps = isometry_steps(data(seed, d, 1, n), rank=rank, t=3.0, seed=seed)
        assert not [step for step in steps if not step.holds()]


@pytest.mark.statement("1.5")
def test_the_covariances_that_the_comparisons_need_symbolically():
    """Step 1: equal variances, and the sign Slepian and Gordon ask for. Step 4: increments, for σ = τ and σ ≠ τ."""
    a, b, theta = sympy.symbols("a b theta", real=True)
    first, second = a * b + 1, a + b  # of ⟨𝒜(X), v⟩ + ξ and of ⟨g, v⟩ + ⟨S, X⟩
    assert first.subs({a: 1, b: 1}) == second.subs({a: 1, b: 1}) == 2
    assert is_zero(first - second - (1 - a) * (1 - b))
    c = sympy.cos(theta)
    v, u = sympy.Matrix([c, sympy.sin(theta)]), sympy.Matrix([1, 0])
    same, opposite = ((v * v.T - sign * u * u.T).norm() ** 2 for sign in (1, -1))
    assert is_zero(same - (2 - 2 * c**2))
    assert is_zero(opposite - (2 + 2 * c**2))
    assert is_zero((4 - 4 * c) - (2 - 2 * c**2) - 2 * (1 - c) ** 2)


@pytest.mark.statement("1.5")
def test_the_length_of_a_gaussian_vector_symbolically():
    """Step 2: E‖g_n‖ from its density, E‖g_n‖ E‖g_{n+1}‖ = n, and the variance below 1 of step 4."""
    n, x = sympy.symbols("n x", positive=True)

    def moment(power):  # of ‖g_n‖, whose density is x^{n−1} e^{−x²/2} up to a constant
        return sympy.integrate(x ** (n - 1 + power) * sympy.exp(-(x**2) / 2), (x, 0, sympy.oo), conds="none")

    length = sympy.sqrt(2) * sympy.gamma((n + 1) / 2) / sympy.gamma(n / 2)
    assert is_zero(sympy.gammasimp(moment(1) / moment(0) - length))
    assert is_zero(sympy.gammasimp(length * length.subs(n, n + 1)) - n)
    assert is_zero(n - n**2 / (n + 1) - n / (n + 1))


# Proposition 1.6

RANKS = ({"d": 3, "rank": 2}, {"d": 6, "rank": 3}, {"d": 8, "rank": 5})


def expected(d):
    return Population(ground_truth(d, 1), "rank-one")


@measures("1.6", r"largest expected ratio at rank $\rho$, against $2 + \rho$", "=", RANKS)
def test_expected_top(seed, d, rank):
    return 2 + rank, extreme_ratio(expected(d), rank, starts=2, steps=80, seed=seed)


@measures(
    "1.6", r"smallest expected ratio at rank $\rho$, of 100 random matrices and the one named, against 2", "=", RANKS
)
def test_expected_bottom(seed, d, rank):
    v, w = orthogonal(d, seed)[:2]
    named = torch.outer(v, v) - torch.outer(w, w)
    matrices = torch.cat([named[None], random_low_rank(d, rank, count=100, seed=seed)])
    return 2, isometry_ratio(expected(d), matrices).min()


@measures("1.6", r"expected ratio at rank one, where the interval is no longer all of $[2, 2 + \rho]$", "=", RANKS)
def test_expected_rank_one(seed, d, rank):
    """ρ ≥ 2 is needed: at ρ = 1 the value 2 is not taken."""
    return 3, isometry_ratio(expected(d), random_low_rank(d, 1, count=20, seed=seed)).min()


@measures(
    "1.6", r"least $\delta$ that the two matrices of the proof leave, rank 3, against $\rho/(4 + \rho)$", "→",
    ({"n": 250}, {"n": 2000}, {"n": 16_000}),
)  # fmt: skip
def test_excluded_isometry(seed, n):
    problem = data(seed, 6, 1, n, ensemble="rank-one")
    flat = torch.diag(torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64))
    traceless = torch.diag(torch.tensor([1.0, -1, 0, 0, 0, 0], dtype=torch.float64))
    quotient = isometry_ratio(problem, flat) / isometry_ratio(problem, traceless)
    return 3 / 7, (quotient - 1) / (quotient + 1)


@measures("1.6", "ratio at the longest input, against its fourth power over $n$", "≥", ({"n": 1}, {"n": 5}, {"n": 60}))
def test_longest_input(seed, n):
    """An equality at n = 1."""
    problem = data(seed, 12, 1, n, ensemble="rank-one")
    x = problem.design[problem.design.norm(dim=-1).argmax()]
    return (x @ x) ** 2 / n, isometry_ratio(problem, torch.outer(x, x))


@measures("1.6", "largest ratio at rank one, $n = 1$, against $d(d + 2)$", "≈", ({"d": 2}, {"d": 6}, {"d": 15}))
def test_expected_longest_input(seed, d):
    return d * (d + 2), extreme_ratio(data(seed, d, 1, 1, ensemble="rank-one"), 1, starts=2, steps=3)


# Proposition 1.7


def scaled(problem, a):
    """The problem with a·U⋆ for U⋆ and a² times the noise."""
    w = problem.y - problem.measure(problem.M)
    return Empirical(a * problem.U_star, problem.design, a**2 * w, problem.ensemble)


@measures("1.7", "$F_a(aU)$, against $a^4F(U)$, with the natural scales of both problems", "=", SHAPES)
def test_scales(seed, d, k):
    problem, a = data(seed, d, 2, 10 * d, ensemble=either(seed)), uniform((), low=0.3, high=1.5, seed=seed).item()
    U, larger = gaussian(d, k, seed=seed) / 2, scaled(problem, a)
    return a**4 * Objective(problem, natural(problem)).value(U), Objective(larger, natural(larger)).value(a * U)


@pytest.mark.statement("1.7")
@given(
    seed=any_seed, ensemble=any_ensemble, d=st.integers(1, 6), k=st.integers(1, 8),
    a=st.floats(0.1, 10), strength=st.floats(1e-3, 3), smoothing=st.floats(1e-3, 1),
)  # fmt: skip
@instances
def test_value_gradient_and_hessian_scale_with_three_powers(seed, ensemble, d, k, a, strength, smoothing):
    problem, U, V = data(seed, d, 1, 12, ensemble=ensemble), gaussian(d, k, seed=seed), gaussian(d, k, seed=seed + 1)
    F = Objective(problem, GroupLasso(strength, smoothing))
    F_a = Objective(scaled(problem, a), GroupLasso(a**3 * strength, a**2 * smoothing))
    assert F_a.value(a * U).item() == pytest.approx(a**4 * F.value(U).item(), rel=1e-9)
    for larger, power, one in (
        (F_a.gradient(a * U), 3, F.gradient(U)),
        (F_a.hessian_vector(a * U, V), 2, F.hessian_vector(U, V)),
    ):
        assert distance(larger, a**power * one) < 1e-9
