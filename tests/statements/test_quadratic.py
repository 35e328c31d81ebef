"""Chapter 6: quadratic networks, their inputs, their landscape, their units and their noise."""

from functools import lru_cache

import numpy as np
import pytest
import sympy
import torch
from instances import data, gaussian, minimise, orthogonal, population, symmetric, uniform
from statements.ledger import measures

from helpers import theory
from helpers.certificates import smallest_eigenvalue
from helpers.isometry import extreme_ratio, isometry_ratio, random_low_rank
from helpers.objective import Objective
from helpers.penalties import GroupLasso, natural
from helpers.problems import ground_truth
from helpers.proofs import quadratic
from helpers.proofs.tuning import tangent_basis
from helpers.pruning import column_norms

# the dictionary

SIZES = ({"d": 3, "k": 1}, {"d": 5, "k": 7}, {"d": 9, "k": 4})


@lru_cache(8)
def dictionary(seed, d, k):
    """The steps of Proposition 6.1 on noisy data; X is read off a wider network with the same function."""
    problem, U = data(seed, d, 2, 10 * d, ensemble="rank-one"), gaussian(d, k, seed=seed)
    return quadratic.same_problem(problem, U, torch.nn.functional.pad(U, (0, 2)) @ orthogonal(k + 2, seed))


@measures("6.1", "mean squared error of the module, against $f(UU^\\top)$", "=", SIZES)
def test_network_loss(seed, d, k):
    step = dictionary(seed, d, k)[0]
    return step.right, step.left


@measures("6.1", "gradient in the weights by autograd, distance to $2\\nabla f(X)U$", "=", SIZES)
def test_network_gradient(seed, d, k):
    return 0, dictionary(seed, d, k)[1].left


@measures(
    "6.1", "$X$ read off the outputs of a wider network with the same function, distance to $UU^\\top$", "=", SIZES
)
def test_same_function(seed, d, k):
    return 0, dictionary(seed, d, k)[2].left


# other inputs

INPUTS = ({"d": 2}, {"d": 4}, {"d": 6})


@lru_cache(8)
def other_law(seed, d):
    return quadratic.other_inputs(symmetric(d, seed), uniform((), low=1, high=6, seed=seed).item())


@measures("6.2", "$\\mathbb{E}(x^\\top\\Delta x)^2$ over all inputs, random $m_4$, against (i)", "=", INPUTS)
def test_other_inputs(seed, d):
    step = other_law(seed, d)[0]
    return step.right, step.left


@measures("6.2", "the same with the best output bias, against (ii)", "=", INPUTS)
def test_with_a_bias(seed, d):
    step = other_law(seed, d)[2]
    return step.right, step.left


@measures(
    "6.2", "$\\mathbb{E}(x^\\top\\Delta x)^2/\\lVert\\Delta\\rVert_F^2$, worst $\\Delta$ for this $m_4$", "≥", INPUTS
)
def test_what_is_seen_at_least(seed, d):
    fourth, difference = uniform((), low=1, high=6, seed=seed).item(), symmetric(d, seed)
    diagonal = difference.diagonal().clone()
    worst = difference - diagonal.diag() if fourth > 3 else (diagonal - diagonal.mean()).diag()
    return min(2, fourth - 1), quadratic.other_inputs(worst, fourth)[0].left / worst.square().sum()


def quadrature(d):
    """Nodes (5^d, d) and weights for means over N(0, I), exact for polynomials of degree nine in each coordinate."""
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(5))
    places = torch.cartesian_prod(*[torch.arange(5)] * d).reshape(-1, d)
    return nodes[places], (weights / weights.sum())[places].prod(1)


@measures(
    "6.2",
    "$\\mathbb{E}(x^\\top\\Delta x)^2$ for $x \\sim N(0, \\Sigma)$, against (iii)",
    "=",
    ({"d": 1}, {"d": 2}, {"d": 3}),
)
def test_correlated_inputs(seed, d):
    root, difference, (z, chances) = gaussian(d, d, seed=seed), symmetric(d, seed + 1), quadrature(d)
    x, inner = z @ root.T, root @ root.T @ difference
    return 2 * (inner @ inner).trace() + inner.trace() ** 2, (chances * ((x @ difference) * x).sum(1) ** 2).sum()


@pytest.mark.statement("6.2")
def test_the_fourth_moments_symbolically():
    d, fourth = 3, sympy.Symbol("m4")
    x = sympy.symbols(f"x:{d}")
    delta = sympy.Matrix(d, d, lambda a, b: sympy.Symbol(f"e{min(a, b)}{max(a, b)}"))
    output = sum(delta[a, b] * x[a] * x[b] for a in range(d) for b in range(d))
    moments = {0: 1, 1: 0, 2: 1, 3: 0, 4: fourth}
    terms = sympy.Poly(sympy.expand(output**2), *x).terms()
    mean = sum(factor * sympy.prod(moments[power] for power in powers) for powers, factor in terms)
    diagonal = sum(delta[a, a] ** 2 for a in range(d))
    formula = 2 * sum(entry**2 for entry in delta) + delta.trace() ** 2 + (fourth - 3) * diagonal
    assert sympy.expand(mean - formula) == 0


# half an isometry


@measures(
    "6.3", "$\\mathbb{E}Y^4/(\\mathbb{E}Y^2)^2$, largest of 500 spectra of rank $\\rho$", "≤",
    ({"rank": 1}, {"rank": 2}, {"rank": 3}),
)  # fmt: skip
def test_fourth_moment(seed, rank):
    """By quadrature, not by cumulants. The supremum is near 12."""
    spectra = torch.nn.functional.normalize(gaussian(500, rank, seed=seed) ** 3, dim=1)
    z, chances = quadrature(rank)
    forms = spectra @ (z**2).T
    return 17, ((forms**4 @ chances) / (forms**2 @ chances) ** 2).max()


@measures(
    "6.3", "smallest ratio found at rank $\\rho$ with the least $n$ that the theorem allows", "≥",
    ({"d": 2, "rank": 1}, {"d": 3, "rank": 1}, {"d": 4, "rank": 2}), loose=True,
)  # fmt: skip
def test_half_an_isometry(seed, d, rank):
    problem = data(seed, d, 1, theory.samples_needed(d, rank, t=4.0), ensemble="rank-one")
    return 0.5, extreme_ratio(problem, rank, largest=False, starts=2, steps=15, seed=seed)


@measures(
    "6.3", "ratio at $X = vz^\\top + zv^\\top$, each factor orthogonal to half of $n = 2(d-1)$ inputs", "=",
    ({"d": 3}, {"d": 5}, {"d": 8}),
)  # fmt: skip
def test_too_few_samples(seed, d):
    """Far from its condition the theorem's conclusion fails, whatever the inputs."""
    problem = data(seed, d, 1, 2 * (d - 1), ensemble="rank-one")
    v, z = (torch.linalg.svd(half).Vh[-1] for half in problem.design.chunk(2))
    return 0, isometry_ratio(problem, torch.outer(v, z) + torch.outer(z, v))


@pytest.mark.statement("6.3")
def test_the_fourth_moment_symbolically():
    """The cumulants of Y, and the quadratic that makes 17 enough."""
    values, tau = sympy.symbols("l:3"), sympy.Symbol("tau", nonnegative=True)
    g = sympy.symbols("g:3")
    moments = [1, 1, 3, 15, 105]  # E g^{2p}
    terms = sympy.Poly(sympy.expand(sum(v * s for v, s in zip(values, g, strict=True)) ** 4), *g).terms()
    mean = sum(factor * sympy.prod(moments[power] for power in powers) for powers, factor in terms)
    trace, two, three, four = (sum(v**q for v in values) for q in (1, 2, 3, 4))
    assert sympy.expand(mean - (48 * four + 32 * three * trace + 12 * two**2 + 12 * two * trace**2 + trace**4)) == 0
    rest = sympy.expand(17 * (2 + tau**2) ** 2 - (60 + 32 * tau + 12 * tau**2 + tau**4))
    assert sympy.expand(rest - (8 - 32 * tau + 56 * tau**2 + 16 * tau**4)) == 0
    assert sympy.discriminant(8 - 32 * tau + 56 * tau**2, tau) < 0


@pytest.mark.statement("6.3")
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_steps_of_the_lower_isometry(rank):
    d = 4 + rank
    X = random_low_rank(d, rank, count=1, seed=rank)[0]
    assert all(step.holds() for step in quadratic.lower_isometry(data(rank, d, 1, 60, ensemble="rank-one"), X))


# the landscape

RANKS = ({"d": 2, "r": 1}, {"d": 3, "r": 2}, {"d": 4, "r": 3})
ONSET = ({"d": 3, "r": 1}, {"d": 4, "r": 2}, {"d": 6, "r": 2})


def slope(p, beta):
    """h'(p)."""
    return (p + 2 * beta) / (2 * (p + beta) ** 1.5)


def raised(p, half, level, beta):
    """The μ_i that (6.3) gives for p_i, T/2 and λ."""
    return p + level / 4 * slope(p, beta) - half


@lru_cache(8)
def onset(seed, d, r, share):
    """μ, the problem, the penalty and where training ends, started at the point without the last unit; at share 1
    that point becomes stable. Made from the p_i of the others, since 4μ_r + 2T = λ/√β and (6.3) then give λ and μ."""
    last = uniform((), low=0.3, high=0.6, seed=seed)
    p = (last * uniform(r - 1, low=1.6, high=3, seed=seed + 1)).sort(descending=True).values
    beta = 0.03 * last.item()
    slopes = slope(p, beta).sum().item()
    level = 4 * last.item() * (r + 2) / ((r + 1) / beta**0.5 - slopes)
    mu = torch.cat([raised(p, (last + level / 4 * slopes) / (r + 1), level, beta), last[None]])
    penalty, problem = GroupLasso(share * level, beta), population(mu, d, seed, "rank-one")
    start = 1e-3 * gaussian(d, r + 1, seed=seed)
    start[:, : r - 1] += problem.U_star[:, : r - 1]
    U, residual, _ = Objective(problem, penalty).minimise(start, steps=4000, tolerance=1e-8)
    assert residual < 1e-7
    return mu, problem, penalty, U * (column_norms(U) > 1e-5)


@measures("6.4", "share of $X$ off the top $s$ eigenvectors of $M$, one unit missing", "=", ONSET)
def test_null_directions(seed, d, r):
    _, problem, _, U = onset(seed, d, r, 1.01)
    s = (column_norms(U) > 0).sum().item()
    rest = torch.linalg.eigh(problem.M).eigenvectors[:, : d - s]
    return 0, (rest.T @ U).norm() ** 2 / problem.M.trace()


@measures("6.4", "missing trace $T$, against (6.3)", "=", ONSET)
def test_missing_trace(seed, d, r):
    mu, problem, penalty, U = onset(seed, d, r, 1.01)
    p = U.square().sum(0)
    p, s = p[p > 0], (p > 0).sum()
    slopes = slope(p, penalty.smoothing).sum()
    return 2 * (mu[s:].sum() + penalty.strength / 4 * slopes) / (s + 2), problem.M.trace() - p.sum()


@measures("6.4", "largest miss of $p_i = \\mu_i + \\frac T2 - \\frac\\lambda4h'(p_i)$", "=", ONSET)
def test_each_unit_obeys_its_equation(seed, d, r):
    mu, problem, penalty, U = onset(seed, d, r, 0.99)
    p = U.square().sum(0).sort(descending=True).values[:r]
    half = (problem.M.trace() - p.sum()) / 2
    return 0, (raised(p, half, penalty.strength, penalty.smoothing) - mu).abs().max()


@measures(
    "6.4",
    "$4\\mu_{s+1} + 2T$ where a unit is missing, one per cent beyond the onset, against $\\lambda/\\sqrt\\beta$",
    "≤",
    ONSET,
)
def test_zero_column(seed, d, r):
    mu, problem, penalty, U = onset(seed, d, r, 1.01)
    s = (column_norms(U) > 0).sum().item()
    assert s == r - 1
    return penalty.strength / penalty.smoothing**0.5, 4 * mu[s] + 2 * (problem.M.trace() - U.square().sum())


@measures("6.4", "nonzero columns where it asks for more, one per cent before the onset, same start", "=", ONSET)
def test_before_the_onset_the_unit_comes_back(seed, d, r):
    return r, (column_norms(onset(seed, d, r, 0.99)[-1]) > 0).sum()


@pytest.mark.statement("6.4")
@pytest.mark.parametrize("k", [1, 2])
def test_a_network_with_too_few_units_learns_the_strongest_directions(k):
    mu = [1.0, 0.5, 0.3]
    problem, penalty = population(mu, 6, k, "rank-one"), GroupLasso(0.06, 0.01)
    U = minimise(problem, penalty, k, k)
    assert all(step.holds(1e-7) for step in quadratic.null_directions(problem, penalty, U))
    assert (column_norms(U) > 1e-6).all()


@pytest.mark.statement("6.4")
def test_a_unit_in_a_null_direction_is_stationary_but_not_to_second_order():
    """p = (1 − p)/2 − (λ/4)h'(p) has a root: a stationary point, from which turning towards M leads down."""
    problem, penalty = population([1.0], 2, 0, "rank-one"), GroupLasso(0.02, 0.01)
    p = torch.tensor(0.3, dtype=torch.float64)
    for _ in range(50):
        p = (1 - p) / 2 - penalty.strength / 4 * penalty.dh(p)
    null = torch.linalg.eigh(problem.M).eigenvectors[:, :1]
    U = torch.cat([null * p.sqrt(), torch.zeros_like(null)], 1)
    assert Objective(problem, penalty).gradient(U).norm() < 1e-12
    steps = quadratic.null_directions(problem, penalty, U)
    assert [step.holds(1e-7) for step in steps[:4]] == [True, True, False, False]
    assert smallest_eigenvalue(problem, U, penalty)[0] < -0.1


@lru_cache(8)
def benign_point(seed, d, r, share):
    """p, μ, the problem, the penalty at this share of 4√β μ_r, and where training ends from a start of random scale.
    Made from the p_i: (6.4) and (6.3) for the last unit give λ, as μ_r is linear in it, and then μ."""
    p = (uniform(r, low=0.3, high=0.8, seed=seed).sort().values + 0.2 * torch.arange(r)).flip(0)
    beta = 0.05 * p[-1].item()
    slopes = slope(p, beta)
    part = slopes.sum() / (4 * r + 8)
    unit = 4 * share * beta**0.5
    level = (unit * p[-1] / (1 - unit * (slopes[-1] / 4 - part))).item()
    mu = raised(p, level * part, level, beta)
    problem, penalty = population(mu, d, seed, "rank-one"), GroupLasso(level, beta)
    scale = 10 ** uniform((), low=-1.5, high=0.3, seed=seed + 1).item()
    return p, mu, problem, penalty, minimise(problem, penalty, r + 1, seed, scale=scale)


@measures(
    "6.5",
    "$F$ where training ends, $\\lambda = .97 \\cdot 4\\sqrt\\beta\\mu_r$, against the minimum in closed form",
    "=",
    RANKS,
)
def test_every_point_is_global(seed, d, r):
    p, mu, problem, penalty, U = benign_point(seed, d, r, 0.97)
    profile = (p / (p + penalty.smoothing).sqrt()).sum()
    least = 2 * (p - mu).square().sum() + (mu - p).sum() ** 2 + penalty.strength * profile
    return least, Objective(problem, penalty).value(U)


@measures("6.5", "largest miss of the $p_i$", "=", RANKS)
def test_the_units_have_the_predicted_norms(seed, d, r):
    p, *_, U = benign_point(seed, d, r, 0.97)
    return 0, (U.square().sum(0).sort(descending=True).values[:r] - p).abs().max()


@measures("6.5", "$\\mathrm{tr}(M - X)$, against $\\lambda\\sum_ih'(p_i)/(2r + 4)$", "=", RANKS)
def test_trace_of_the_error(seed, d, r):
    _, _, problem, penalty, U = benign_point(seed, d, r, 0.97)
    p = torch.linalg.eigvalsh(U @ U.T)[-r:]
    return penalty.strength * slope(p, penalty.smoothing).sum() / (2 * r + 4), (problem.M - U @ U.T).trace()


@measures("6.5", "nonzero columns", "=", RANKS)
def test_exactly_r(seed, d, r):
    return r, (benign_point(seed, d, r, 0.97)[-1].norm(dim=0) > 1e-5).sum()


@pytest.mark.statement("6.5")
@pytest.mark.slow
@pytest.mark.parametrize("mu", [[1.0], [1.0, 1.0], [1.0, 0.5, 0.5, 0.2]])
@pytest.mark.parametrize(("share", "smoothing"), [(0.3, 0.01), (0.99, 0.4)])
def test_many_starts_end_at_one_value(mu, share, smoothing):
    """Also with equal eigenvalues, and with β above μ_r."""
    problem = population(mu, 8, 0, "rank-one")
    penalty = GroupLasso(share * theory.critical_strength(mu[-1], smoothing, "rank-one"), smoothing)
    ends = torch.stack([minimise(problem, penalty, 6, seed, (0.01, 0.3, 1.0)[seed % 3]) for seed in range(25)])
    values, X = Objective(problem, penalty).value(ends), ends @ ends.mT
    assert values.max() - values.min() < 1e-12
    assert (X - X[0]).abs().max() < 1e-6
    assert ((ends.norm(dim=1) > 1e-6).sum(1) == len(mu)).all()


@pytest.mark.statement("6.5")
def test_the_steps_of_the_benign_landscape():
    _, _, problem, penalty, U = benign_point(0, 5, 2, 0.97)
    assert all(step.holds(1e-6) for step in quadratic.benign(problem, penalty, U))
    assert all(step.holds(1e-6) for step in quadratic.null_directions(problem, penalty, U))


FURTHER = ({"d": 2, "r": 1}, {"d": 2, "r": 2}, {"d": 4, "r": 2})


@measures(
    "6.6", "nonzero columns, $\\lambda = (1 + \\frac{.98}{r+1})\\,4\\sqrt\\beta\\mu_r$", "=", FURTHER,
)  # fmt: skip
def test_a_little_further(seed, d, r):
    return r, (benign_point(seed, d, r, 1 + 0.98 / (r + 1))[-1].norm(dim=0) > 1e-5).sum()


@measures("6.6", "largest miss of the $p_i$, the larger roots, same strength", "=", FURTHER)
def test_the_norms_a_little_further(seed, d, r):
    p, *_, U = benign_point(seed, d, r, 1 + 0.98 / (r + 1))
    return 0, (U.square().sum(0).sort(descending=True).values[:r] - p).abs().max()


@measures(
    "6.6",
    "least eigenvalue of $\\nabla^2F(0)$ at $\\lambda = 6\\sqrt\\beta\\mu_1$, $r = 1$",
    "=",
    ({"d": 2}, {"d": 3}, {"d": 4}),
)
def test_sharp_at_rank_one(seed, d):
    mu, beta = uniform((), low=0.3, high=1.5, seed=seed).item(), 0.02
    penalty = GroupLasso(theory.further_strength(mu, 1, beta), beta)
    return 0, smallest_eigenvalue(population([mu], d, seed, "rank-one"), torch.zeros(d, 3).double(), penalty)[0]


@measures("6.6", "nonzero columns at two per cent more, small start, $r = 1$", "=", ({"d": 2}, {"d": 3}, {"d": 4}))
def test_beyond_it_the_unit_is_missed(seed, d):
    mu, beta = uniform((), low=0.3, high=1.5, seed=seed).item(), 0.02
    penalty = GroupLasso(1.02 * theory.further_strength(mu, 1, beta), beta)
    U = minimise(population([mu], d, seed, "rank-one"), penalty, 2, seed, scale=1e-3)
    return 0, (column_norms(U) > 1e-5).sum()


@pytest.mark.statement("6.6")
@pytest.mark.parametrize("r", [2, 3])
def test_the_derivatives_of_the_equation_for_the_smallest_unit(r):
    """D′ and D″ symbolically, by implicit differentiation, for any h; and h‴."""
    q, level = sympy.symbols("q lambda", positive=True)
    h, T = sympy.Function("h"), sympy.Function("T")(q)
    mu, p = sympy.symbols(f"mu:{r}"), [sympy.Function(f"p{i}")(q) for i in range(r - 1)]
    slope = [h(x).diff(x, order) for x in [sympy.Symbol("x")] for order in (1, 2, 3)]

    def at(order, x):
        return slope[order - 1].subs(sympy.Symbol("x"), x).doit()

    equations = [4 * (x - m) - 2 * T + level * at(1, x) for x, m in zip(p, mu, strict=False)]
    equations.append(T - (mu[-1] - q + sum(m - x for x, m in zip(p, mu, strict=False))))
    unknown = [T.diff(q), *(x.diff(q) for x in p)]
    rates = sympy.solve([sympy.expand(e.diff(q).doit()) for e in equations], unknown, dict=True)[0]
    D = 4 * (q - mu[-1]) - 2 * T + level * at(1, q)
    first = D.diff(q).doit().subs(rates)
    shares = [2 / (4 + level * at(2, x)) for x in p]
    assert sympy.simplify((first - (4 + level * at(2, q) + 2 / (1 + sum(shares)))).doit()) == 0
    second = first.diff(q).doit().subs(rates)
    weighted = sum(share**3 * at(3, x) for share, x in zip(shares, p, strict=True)) / (1 + sum(shares)) ** 3
    assert sympy.simplify((second - level * (at(3, q) - weighted)).doit()) == 0
    x, beta = sympy.symbols("x beta", positive=True)
    third = sympy.diff(x / sympy.sqrt(x + beta), x, 3)
    assert sympy.simplify(third - sympy.Rational(3, 8) * (x + 6 * beta) * (x + beta) ** sympy.Rational(-7, 2)) == 0


@pytest.mark.statement("6.6")
@pytest.mark.parametrize("mu", [[1.0, 0.4], [1.0, 1.0, 1.0], [1.0, 0.5, 0.5, 0.2]])
def test_the_steps_a_little_further(mu):
    mu, beta = np.array(mu), 0.05 * mu[-1]
    for share in (0.5, 0.99):
        penalty = GroupLasso(share * theory.further_strength(mu[-1], len(mu), beta), beta)
        assert all(step.holds() for step in quadratic.further(mu, penalty))


@pytest.mark.statement("6.6")
def test_beyond_the_critical_strength_the_smallest_unit_may_be_a_smaller_root():
    """μ_r < β, λ near the border: 1 + (λ/4)h''(p) < 0 at the only second-order stationary value p."""
    penalty = GroupLasso(1.48 * theory.critical_strength(1.0, 1.2, "rank-one"), 1.2)
    problem = population([1.0], 4, 0, "rank-one")
    ends = torch.stack([minimise(problem, penalty, 3, seed) for seed in (0, 1)])
    p = ends.square().sum(1).amax(1)
    assert (p - p[0]).abs().max() < 1e-6
    assert (4 + penalty.strength * penalty.d2h(p)).max() < 0
    with pytest.raises(ValueError, match="larger roots"):
        theory.shrunk_spectrum_rank_one([1.0], penalty.strength, penalty.smoothing)


# recovered units


def angles(M, r, U):
    """(sin∠(u_i, v_i), the eigenvalue gap at μ_i) for i = 1, …, r."""
    mu, frame = torch.linalg.eigh(M)
    mu, frame = mu.flip(0).clamp(min=0), frame.flip(1)
    columns = U[:, U.norm(dim=0).argsort(descending=True)]
    for i in range(r):
        u, gaps = torch.nn.functional.normalize(columns[:, i], dim=0), mu[max(i - 1, 0) : i + 2].diff().abs()
        yield (u - frame[:, i] * (frame[:, i] @ u)).norm(), gaps.min()


@measures("6.7", "largest $\\sin\\angle$ of a student's unit and its teacher's, population", "=", RANKS)
def test_recovered_units(seed, d, r):
    _, _, problem, _, U = benign_point(seed, d, r, 0.97)
    return 0, torch.stack([sine for sine, _ in angles(problem.M, r, U)]).max()


@measures(
    "6.7",
    "largest ratio of that to its bound, two units just changed places",
    "≤",
    ({"d": 3, "r": 2}, {"d": 5, "r": 3}, {"d": 9, "r": 6}),
)
def test_nearly_swapped_units(seed, d, r):
    """Any X is that of a second-order point of some f, such as ‖X − Y‖² with Y = X + (λ/2)h'(X) (Theorem 2.5). Two
    adjacent eigenvalues of M are moved past each other: the bound is nearly attained."""
    mu = uniform(r, low=0.5, high=1.5, seed=seed).sort(descending=True).values
    frame, moved, i = ground_truth(d, r, seed=seed), mu.clone(), seed % (r - 1)
    middle, half = (mu[i] + mu[i + 1]) / 2, (mu[i] - mu[i + 1]) / 2
    moved[i], moved[i + 1] = middle - 0.01 * half, middle + 0.01 * half
    M, U = frame @ mu.diag() @ frame.T, frame * moved.sqrt()
    gap = torch.linalg.matrix_norm(U @ U.T - M, 2)
    return 1, torch.stack([sine * room / (2 * gap) for sine, room in angles(M, r, U)]).max()


@measures(
    "6.7", "the same on noisy data", "≤",
    ({"d": 2, "r": 1, "n": 40}, {"d": 4, "r": 1, "n": 80}, {"d": 2, "r": 2, "n": 80}),
)  # fmt: skip
def test_nearly_recovered_units(seed, d, r, n):
    problem = data(seed, d, r, n, ensemble="rank-one", condition=2)
    U = minimise(problem, natural(problem), r + 1, seed)
    gap = torch.linalg.matrix_norm(U @ U.T - problem.M, 2)
    return 1, torch.stack([sine * room / (2 * gap) for sine, room in angles(problem.M, r, U)]).max()


@pytest.mark.statement("6.7")
def test_the_steps_of_the_recovery_and_a_point_at_which_they_fail():
    problem = data(0, 5, 2, 300, ensemble="rank-one", condition=1.5)
    U = minimise(problem, natural(problem), 4, 0)
    assert all(step.holds(1e-7) for step in quadratic.recovered(problem, U))
    mixed = problem.U_star @ orthogonal(2, 3) + 1e-3 * gaussian(5, 2, seed=0)
    assert not all(step.holds() for step in quadratic.recovered(problem, mixed))


# what noise allows

NOISE = ({"d": 3, "r": 1, "n": 150}, {"d": 4, "r": 2, "n": 300}, {"d": 4, "r": 3, "n": 300})


@lru_cache(8)
def bounds_given_inputs(seed, d, r, n, draws=100):
    """Means over draws of the inputs of tr S⁻¹ and ⟨P, S⁻¹P⟩, S the mean of ζζᵀ: the bounds, times n/s²."""
    truth, x = ground_truth(d, r, condition=1.2, seed=seed), gaussian(draws, n, d, seed=seed)
    basis = tangent_basis(truth)
    zeta = ((x[:, :, :, None] * x[:, :, None, :]).flatten(2)) @ basis.flatten(1).T
    inverse = torch.linalg.inv(zeta.mT @ zeta / n)
    traces = basis.diagonal(dim1=1, dim2=2).sum(1)
    return inverse.diagonal(dim1=1, dim2=2).sum(1).mean(), (inverse @ traces @ traces).mean()


@measures("6.8", "mean bound on $\\frac n{s^2}\\lVert\\hat X - M\\rVert_F^2$ given the inputs", "≥", NOISE)
def test_frobenius_bound(seed, d, r, n):
    return theory.noise_limit(d, r), bounds_given_inputs(seed, d, r, n)[0]


@measures("6.8", "mean bound on $\\frac n{s^2}(\\mathrm{tr}(\\hat X - M))^2$ given the inputs", "≥", NOISE)
def test_trace_bound(seed, d, r, n):
    return theory.trace_limit(r), bounds_given_inputs(seed, d, r, n)[1]


@measures("6.8", "mean bound on $\\frac n{s^2}(x^\\top(\\hat X - M)x)^2$ given the inputs", "≥", NOISE)
def test_bound_at_a_fresh_input(seed, d, r, n):
    total, trace = bounds_given_inputs(seed, d, r, n)
    return theory.degrees_of_freedom(d, r), 2 * total + trace


@measures(
    "6.9",
    "mean of $q_1q_2$ over inputs, from their projections on $T_M$, against $(1 + \\alpha)\\,\\mathbb{E}q_2$",
    "≈",
    NOISE,
)
def test_second_order(seed, d, r, n):
    truth, x = ground_truth(d, r, seed=seed), gaussian(4 * n, d, seed=seed)
    basis = tangent_basis(truth)
    traces = basis.diagonal(dim1=1, dim2=2).sum(1)
    inverse = torch.linalg.inv(2 * torch.eye(len(basis)).double() + traces[:, None] * traces)
    zeta = torch.einsum("na,cab,nb->nc", x, basis, x)
    q = [((zeta @ power) * zeta).sum(1) for power in (inverse, inverse @ inverse)]
    return (1 + theory.sample_correction(d, r)) * theory.noise_limit(d, r), (q[0] * q[1]).mean()


@measures(
    "6.9", "mean of $\\mathrm{tr}\\,S^{-1}$ against $(1 + \\frac\\alpha n)\\,\\mathbb{E}q_2$, growing $n$", "→",
    ({"d": 3, "r": 1, "n": 20}, {"d": 3, "r": 1, "n": 60}, {"d": 3, "r": 1, "n": 300}),
)  # fmt: skip
def test_second_order_in_the_limit(seed, d, r, n):
    order = 1 + theory.sample_correction(d, r) / n
    return order * theory.noise_limit(d, r), bounds_given_inputs(seed, d, r, n)[0]


@pytest.mark.statement("6.9")
def test_the_second_order_symbolically():
    t, d, r = sympy.symbols("t d r", positive=True)
    cut = 1 - t + t**2 - t**3
    assert sympy.simplify(1 / (1 + t) - cut - t**4 / (1 + t)) == 0

    def mean(polynomial, g, z):
        def moment(df, power):
            return sympy.prod(df + 2 * i for i in range(power))

        terms = sympy.Poly(sympy.expand(polynomial), g, z).terms()
        return sum(factor * moment(r, powers[0]) * moment(d - r, powers[1]) for powers, factor in terms)

    g, z = sympy.symbols("g z")
    q = [2**-j * (g**2 + 2 * g * z - g**2 / r) + (2 + r) ** -j * g**2 / r for j in map(sympy.Integer, (1, 2))]
    dof = r * d - r * (r - 1) / 2
    limit = dof / 2 - r / (2 * (2 + r))
    assert sympy.simplify(mean(q[0], g, z) - dof) == 0
    assert sympy.simplify(mean(q[1], g, z) - limit) == 0
    alpha = sympy.simplify(mean(q[0] * q[1], g, z) / limit - 1)
    for size, rank in ((3, 1), (8, 2), (20, 3), (5, 5)):
        assert theory.sample_correction(size, rank) == pytest.approx(float(alpha.subs({d: size, r: rank})), rel=1e-12)


@pytest.mark.statement("6.8")
@pytest.mark.parametrize(("d", "r"), [(3, 1), (4, 2), (5, 5)])
def test_the_information_in_rank_one_data(d, r):
    problem = data(d, d, r, 40 * d, ensemble="rank-one")
    assert all(step.holds() for step in quadratic.noise(problem) + quadratic.sample_correction(problem))
