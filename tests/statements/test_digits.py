"""Chapter 7: what symmetry proves of signed and of homogeneous units, and what the experiments on digits claim.

The claims are orderings and margins over several seeds, measured with the very code of the page.
"""

import json
import math
from functools import lru_cache

import pytest
import sympy
import torch
from chapter_code import chapter_code
from instances import gaussian, uniform
from notebooks import CHAPTERS
from statements.ledger import measures
from torch.nn.functional import normalize

from helpers import theory
from helpers.digits import data as digits
from helpers.digits.networks import NetworkStack, accuracy, fit
from helpers.digits.sweeps import from_scratch, strengths_around, tuned, width_sweep, widths_to
from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay
from helpers.proofs import digits as proof

PENALTIES = {"group Lasso": GroupLasso(0.05, 0.01), "weight decay": WeightDecay(0.05)}
ACTIVATIONS = {1: torch.relu, 2: torch.square, 3: lambda z: torch.relu(z) ** 3}
PARALLEL = 1 - 1e-4  # the cosine of incoming weights from which on they count as multiples


class Network:
    """The mean squared error of two layers with the activation z ↦ z^q, in the shape that `Objective` minimises.

    Its columns are the units (u_j, a_j), or u_j alone when the outgoing weights A (c, k) are fixed; targets (n, c) are
    what a true network puts out, and noise.
    """

    def __init__(self, x, truth, noise, degree, A=None):
        self.x, self.degree, self.A, self.y = x, degree, A, 0
        self.y = self.residual(truth)[0] + noise

    def residual(self, W):
        """The residual (n, c), the inputs z of the units (n, k) and their outgoing weights."""
        d = self.x.shape[1]
        z, A = self.x @ W[:d], W[d:] if self.A is None else self.A
        return z**self.degree @ A.T - self.y, z, A

    def loss_and_gradient(self, W):
        R, z, A = self.residual(W)
        G = 2 * R / R.numel()
        parts = [self.x.T @ (G @ A * self.degree * z ** (self.degree - 1))]
        return R.square().mean(), torch.cat(parts + ([G.T @ z**self.degree] if self.A is None else []))

    def hessian_vector(self, W, V):
        W = W.detach().requires_grad_()
        return torch.autograd.grad(self.loss_and_gradient(W)[1], W, V)[0]


def converged(network, penalty, start):
    W, slope, _ = Objective(network, penalty).minimise(start, steps=3000, tolerance=1e-9)
    if slope > 1e-7:
        raise RuntimeError(f"not converged: ‖∇F‖ = {slope:.1e}")
    return W


def off_diagonal(W):
    """Cosines of the columns of W, zero on the diagonal."""
    unit = normalize(W, dim=0)
    return (unit.T @ unit).fill_diagonal_(0)


def true_but_for_rounding(step):
    return step.holds() or abs(step.slack) < 1e-14  # where both sides are zero


# Proposition 7.1

SIGNED = ({"d": 3, "k": 4}, {"d": 4, "k": 6}, {"d": 5, "k": 6})


def signs_of(k):
    return torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(k // 2)


@lru_cache(8)
def signed(seed, d, k, name):
    """A minimum of signed units on noisy data from d orthogonal units: the problem, U and its nonzero units."""
    signs, Q = signs_of(k), torch.linalg.qr(gaussian(d, d, seed=seed)).Q
    truth = torch.cat([Q * torch.linspace(1.2, 0.6, d, dtype=Q.dtype), Q.new_zeros(d, k - d)], 1)
    x, noise = gaussian(15 * d, d, seed=seed + 2), 0.3 * gaussian(15 * d, 1, seed=seed + 1)
    network = Network(x, truth, noise, 2, signs[None])
    U = converged(network, PENALTIES[name], 0.3 * gaussian(d, k, seed=seed + 3))
    kept = U.norm(dim=0) > 1e-3
    return network, U, U[:, kept], signs[kept]


@measures("7.1", "largest $\\lvert\\cos\\angle\\rvert$ of units of opposite sign, weight decay", "=", SIGNED)
def test_opposite_signs_are_orthogonal_with_weight_decay(seed, **shape):
    *_, U, signs = signed(seed, **shape, name="weight decay")
    return 0, off_diagonal(U)[signs[:, None] != signs].abs().max()


@measures("7.1", "largest $\\lvert\\cos\\angle\\rvert$ of all units, group Lasso", "=", SIGNED)
def test_all_units_are_orthogonal_with_the_group_lasso(seed, **shape):
    *_, U, _ = signed(seed, **shape, name="group Lasso")
    return 0, off_diagonal(U).abs().max()


@measures("7.1", "largest distance of $s_j\\lVert u_j\\rVert^2$ from the eigenvalues of $X$, group Lasso", "=", SIGNED)
def test_units_are_the_eigenvalues(seed, **shape):
    *_, U, signs = signed(seed, **shape, name="group Lasso")
    own = torch.cat([signs * U.square().sum(0), torch.zeros(shape["d"] - len(signs), dtype=U.dtype)])
    return 0, (own.sort().values - torch.linalg.eigvalsh(U * signs @ U.T)).abs().max()


@measures("7.1", "error of keeping the largest unit, against the best of rank 1, group Lasso", "=", SIGNED)
def test_pruning_truncates_the_eigendecomposition(seed, **shape):
    *_, U, signs = signed(seed, **shape, name="group Lasso")
    dropped = U.norm(dim=0).argsort(descending=True)[1:]
    best = torch.linalg.eigvalsh(U * signs @ U.T).abs().sort().values[:-1].norm()
    return best, ((U * signs)[:, dropped] @ U[:, dropped].T).norm()


@measures(
    "7.1", "where $h'' = 0$: $\\lvert\\cos\\angle\\rvert$ of two units of equal sign at a minimum, weight decay",
    "=", SIGNED,
)  # fmt: skip
def test_weight_decay_leaves_equal_signs_at_any_angle(seed, **shape):
    """Its minima stay minima when units of one sign turn: orthogonal ones of squared norms p > s, turned by 45°, have
    the cosine (p − s)/(p + s)."""
    network, U, _, _ = signed(seed, **shape, name="weight decay")
    U, same = U.clone(), signs_of(shape["k"]) > 0
    U[:, same] = U[:, same] @ torch.linalg.svd(U[:, same], full_matrices=False).Vh.T
    first, second = same.nonzero()[:2, 0]
    p, s = U[:, first].square().sum(), U[:, second].square().sum()
    U[:, [first, second]] = torch.stack([U[:, first] + U[:, second], U[:, second] - U[:, first]], 1) / 2**0.5
    minimum = Objective(network, PENALTIES["weight decay"]).gradient(U).norm() < 1e-7
    return (p - s) / (p + s), off_diagonal(U)[first, second].abs() if minimum else math.nan


@measures(
    "7.1", "where $\\lambda = 0$: $\\cos\\angle$ of two units of opposite sign at a minimum", "=",
    ({"d": 2, "angle": 0.1}, {"d": 5, "angle": 0.4}, {"d": 9, "angle": 1.0}),
)  # fmt: skip
def test_without_a_penalty_opposite_signs_need_not_be_orthogonal(seed, d, angle):
    """Orthogonal units of equal norm, turned hyperbolically by θ, give the same X and have the cosine tanh 2θ."""
    U = torch.linalg.qr(gaussian(d, 2, seed=seed)).Q
    network = Network(gaussian(30, d, seed=seed + 1), U, 0, 2, signs_of(2)[None])
    cosh, sinh = math.cosh(angle), math.sinh(angle)
    turned = U @ torch.tensor([[cosh, sinh], [sinh, cosh]], dtype=U.dtype)
    minimum = Objective(network).gradient(turned).norm() < 1e-7
    return math.tanh(2 * angle), off_diagonal(turned)[0, 1] if minimum else math.nan


@pytest.mark.statement("7.1")
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
def test_turning_two_units_moves_the_penalty_only(penalty):
    for d in (3, 12):
        steps = proof.turned(gaussian(d, seed=1), gaussian(d, seed=2), penalty, angle=0.8)
        assert all(true_but_for_rounding(step) for step in steps), steps


@pytest.mark.statement("7.1")
def test_identities_of_the_hyperbolic_turn_hold_symbolically():
    theta, a, b, q, p, s = sympy.symbols("theta a b q p s", real=True)
    first, second = sympy.cosh(theta) * a + sympy.sinh(theta) * b, sympy.sinh(theta) * a + sympy.cosh(theta) * b
    assert sympy.simplify((first**2 - second**2).rewrite(sympy.exp) - (a**2 - b**2)) == 0
    for square in (first**2, second**2):  # with a² = p, b² = s, ab = q: squared norms and the inner product
        norm = sympy.expand(square).subs({a**2: p, b**2: s}).subs(a * b, q)
        assert sympy.simplify(norm.diff(theta).subs(theta, 0) - 2 * q) == 0


# Proposition 7.2

HOMOGENEOUS = (
    {"d": 3, "r": 2, "degree": 2, "name": "group Lasso"},
    {"d": 4, "r": 3, "degree": 2, "name": "weight decay"},
    {"d": 3, "r": 2, "degree": 3, "name": "group Lasso"},
)


@lru_cache(8)
def doubled(seed, d, r, degree, name):
    """A minimum with the activation z ↦ z^q, which is even or odd: from r units in orthogonal directions that fit noisy
    data, each split into two parallel ones of 60 and 40 % of its size, and shaken a little. Its nonzero units."""
    length = degree ** (0.5 / (degree + 1))
    U = length * torch.linalg.qr(gaussian(d, r, seed=seed)).Q
    A = torch.linalg.qr(gaussian(r, r, seed=seed + 1)).Q / length**degree
    truth, noise = torch.cat([U, A]), 0.1 * gaussian(15 * d, r, seed=seed + 2)
    network = Network(gaussian(15 * d, d, seed=seed + 3), truth, noise, degree)
    start = torch.cat([share ** (1 / (degree + 1)) * truth for share in (0.6, 0.4)], 1)
    W = converged(network, PENALTIES[name], start + 1e-3 * gaussian(d + r, 2 * r, seed=seed + 4))
    W = W[:, W.norm(dim=0) > 1e-3]
    return W[:d], W[d:]


def parallel_pairs(U):
    return (off_diagonal(U).triu().abs() > PARALLEL).sum()


@measures("7.2", "$\\lVert u_j\\rVert^2/\\lVert a_j\\rVert^2$ of the least balanced nonzero unit", "=", HOMOGENEOUS)
def test_units_are_balanced(seed, **shape):
    U, A = doubled(seed, **shape)
    ratios, q = U.square().sum(0) / A.square().sum(0), shape["degree"]
    return q, ratios[(ratios - q).abs().argmax()]


@measures("7.2", "penalty at a minimum, against $\\lambda\\sum_jh(C_q\\varrho_j^{2/(q+1)})$", "=", HOMOGENEOUS)
def test_balanced_units_pay_for_their_size(seed, **shape):
    U, A = doubled(seed, **shape)
    penalty, sizes = PENALTIES[shape["name"]], A.norm(dim=0) * U.norm(dim=0) ** shape["degree"]
    norms = torch.from_numpy(theory.unit_norm(sizes.numpy(), shape["degree"]))
    return (penalty.strength * penalty.h(norms)).sum(), penalty.value(torch.cat([U, A]))


@measures("7.2", "pairs of parallel nonzero units, where the start has $r$ of them", "=", HOMOGENEOUS)
def test_duplicates_merge(seed, **shape):
    U, _ = doubled(seed, **shape)
    if U.shape[1] < 2:
        return 0, math.nan  # nothing that could be parallel
    return 0, parallel_pairs(U)


@measures(
    "7.2", "the same where $g'' = 0$: weight decay, $q = 1$", "=",
    tuple({"d": d, "r": r, "degree": 1, "name": "weight decay"} for d, r in ((2, 2), (4, 2), (5, 3))),
)  # fmt: skip
def test_duplicates_stay_where_the_charge_is_linear(seed, **shape):
    return shape["r"], parallel_pairs(doubled(seed, **shape)[0])


@measures(
    "7.2", "bend of the penalty when duplicates trade size, against $2\\lambda g''$", "=",
    tuple({"degree": q, "name": name} for q, name in ((1, "group Lasso"), (2, "weight decay"), (3.5, "group Lasso"))),
)  # fmt: skip
def test_a_trade_of_size_bends_the_penalty(seed, degree, name):
    """By automatic differentiation of what two balanced units pay. No ReLU unit is at work: the outputs drop out."""
    size, kind = uniform(1, low=0.3, high=2.0, seed=seed).item(), {"group Lasso": GroupLasso(1.0, 0.1)}
    penalty = kind.get(name, WeightDecay(1.0))
    e, a = normalize(gaussian(3, seed=seed), dim=0), gaussian(2, seed=seed + 1)
    bend = proof.merged(e, size, a, penalty, degree, torch.relu)[-1].left
    return 2 * theory.size_bend(size, degree, penalty), bend


@measures(
    "7.2", "outputs of the parts of a unit, over its own: $\\tau^{(q+1)/2} + (1-\\tau)^{(q+1)/2}$, 1 for $q = 1$ only",
    "=", tuple({"degree": q} for q in (1, 2, 3)),
)  # fmt: skip
def test_a_split_keeps_the_outputs_for_degree_one_only(seed, degree):
    share = uniform(1, low=0.1, high=0.9, seed=seed).item()
    U, A, x = gaussian(4, seed=seed), gaussian(3, seed=seed + 1), gaussian(50, 4, seed=seed + 2)
    own = ACTIVATIONS[degree](x @ U)[:, None] * A
    parts = sum(ACTIVATIONS[degree](w**0.5 * (x @ U))[:, None] * w**0.5 * A for w in (share, 1 - share))
    return share ** ((degree + 1) / 2) + (1 - share) ** ((degree + 1) / 2), parts.norm() / own.norm()


@measures(
    "7.2", "penalty of the two parts of a unit, over its own, weight decay", "=", tuple({"c": c} for c in (1, 2, 5))
)
def test_a_split_keeps_weight_decay(seed, c):
    share, W = uniform(1, low=0.1, high=0.9, seed=seed).item(), gaussian(4 + c, 1, seed=seed)
    parts = torch.cat([share**0.5 * W, (1 - share) ** 0.5 * W], 1)
    assert GroupLasso(0.3, 0.01).value(parts) > GroupLasso(0.3, 0.01).value(W)
    return 1, WeightDecay(0.3).value(parts) / WeightDecay(0.3).value(W)


@pytest.mark.statement("7.2")
@pytest.mark.parametrize("degree", ACTIVATIONS)
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
def test_the_lines_of_the_proof_hold(degree, penalty):
    for d, outputs in ((3, 1), (8, 5)):
        u, a = gaussian(d, seed=1), gaussian(outputs, seed=2)
        steps = proof.rescaled(u, a, penalty, degree, ACTIVATIONS[degree])
        steps += proof.merged(u / u.norm(), 0.7, a, penalty, degree, ACTIVATIONS[degree])
        steps += proof.split(u, a, 0.2, torch.relu)
        assert all(true_but_for_rounding(step) for step in steps), steps


@pytest.mark.statement("7.2")
def test_constant_and_bend_of_the_proof_hold_symbolically():
    q, a, rho, alpha, C = sympy.symbols("q a rho alpha C", positive=True)
    size = sympy.sqrt(q) ** q * a ** (q + 1)  # of the balanced unit with ‖a‖ = a, ‖u‖ = √q a
    constant = (q + 1) * q ** (-q / (q + 1))
    ratio = constant * size ** (2 / (q + 1)) / ((q + 1) * a**2)
    assert sympy.simplify(sympy.expand_log(sympy.log(ratio), force=True)) == 0
    h = sympy.Function("h")
    x, y = C * rho**alpha, sympy.Symbol("y", positive=True)
    bend = h(y).diff(y, 2).subs(y, x) * (C * alpha * rho ** (alpha - 1)) ** 2
    bend += h(y).diff(y).subs(y, x) * C * alpha * (alpha - 1) * rho ** (alpha - 2)
    for profile in (y, y / sympy.sqrt(y + 1), y**3):
        difference = (h(x).diff(rho, 2) - bend).subs(h, sympy.Lambda(y, profile))
        assert sympy.simplify(difference.doit()) == 0


# what the page claims of the digits

PAGE = chapter_code("07_real_networks")
PAGE.INPUTS = 65
STRENGTHS, PAGE_KEEPS = strengths_around(PAGE.LAM), widths_to(PAGE.WIDTH)
SEEDS, KEEPS = range(20, 24), (4, 6, 10, 15, PAGE.WIDTH)
HOW = {"steps": PAGE.STEPS, "batch": PAGE.BATCH, "learning_rate": PAGE.RATE, "seed": 5}
SHORT = HOW | {"steps": PAGE.TUNING_STEPS}


def lasso(strength):
    return GroupLasso(strength, PAGE.SMOOTHING)


THRESHOLD = lasso(PAGE.LAM).threshold


def swept(make, split, strengths=(PAGE.LAM,), names=("no penalty", "weight decay", "group Lasso"), keeps=KEEPS):
    """The page's sweep on other seeds."""
    kinds = {"no penalty": None, "weight decay": WeightDecay, "group Lasso": lasso}
    grid = {"width": PAGE.WIDTH, "seeds": SEEDS, "keeps": keeps}
    return {name: width_sweep(make, split, kinds[name], strengths, **grid, **HOW) for name in names}


@pytest.fixture(scope="module")
def parity():
    return digits.load("parity", SEEDS)


@pytest.fixture(scope="module")
def ten():
    return digits.load("digit", SEEDS)


@pytest.fixture(scope="module")
def squares(parity):
    return swept(PAGE.signed, parity)


@pytest.fixture(scope="module")
def relus_ten(ten):
    return swept(PAGE.relu_ten, ten)


def mean(sweep, keep):
    return sweep.row(keep).mean().item()


def left(sweep):
    """How many units stand above the threshold, (S,)."""
    return (sweep.networks.norms() > THRESHOLD).sum(-1).double()


def test_signed_squares_survive_pruning_with_the_group_lasso_only(squares):
    found, decay, plain = (squares[name] for name in ("group Lasso", "weight decay", "no penalty"))
    full = [mean(sweep, PAGE.WIDTH) for sweep in squares.values()]
    assert max(full) - 0.02 < min(full) > 0.96
    assert mean(found, 10) > mean(found, PAGE.WIDTH) - 0.005
    assert mean(found, 6) > mean(decay, 6) + 0.02 > mean(plain, 6) + 0.05
    assert 3 <= left(found).min() <= left(found).max() <= 15
    assert left(decay).min() > 45


@pytest.mark.statement("7.1")
def test_angles_of_trained_networks_are_as_predicted(squares):
    same, opposite = squares["weight decay"].networks.cosines(above=THRESHOLD)
    assert opposite.median() < 0.01 < 0.2 < same.median()
    found = squares["group Lasso"]
    longer = HOW | {"steps": 600, "batch": digits.TRAIN}
    further = fit(found.networks.prune(12), found.split.train, penalty=lasso(PAGE.LAM), **longer)
    same, opposite = further.cosines(above=THRESHOLD)
    assert same.median() < 0.02
    assert opposite.max() < 0.02


def test_rotating_first_helps_the_other_penalties(squares, parity):
    PAGE.twin, PAGE.parity = PAGE.signed(PAGE.WIDTH, 0), parity
    for name, least in (("weight decay", 0.03), ("no penalty", 0.1)):
        model = squares[name].networks
        assert PAGE.rotated(model, 6).mean() > PAGE.straight(model, 6).mean() + least


def test_fine_tuning_and_equal_effort_even_out_ten_units(squares, parity):
    healed = {name: values.mean().item() for name, values in tuned(squares, [10], **SHORT).items()}
    small = from_scratch(PAGE.signed, parity, lasso, STRENGTHS, [10], seeds=SEEDS, tuning=SHORT, **HOW)
    assert abs(healed["group Lasso"] - healed["weight decay"]) < 0.01
    assert abs(healed["group Lasso"] - small.mean()) < 0.01
    assert healed["group Lasso"] > 0.96


def test_relu_units_survive_pruning_with_the_group_lasso_only(relus_ten):
    found, decay, plain = (mean(relus_ten[name], 15) for name in ("group Lasso", "weight decay", "no penalty"))
    assert found > 0.95
    assert found > decay + 0.05 > plain + 0.1


def test_too_few_units_do_not_serve_ten_classes(relus_ten, ten):
    healed = tuned(relus_ten, [4], **SHORT)["group Lasso"].mean()
    small = from_scratch(PAGE.relu_ten, ten, lasso, STRENGTHS, [4], seeds=SEEDS, tuning=SHORT, **HOW).mean()
    assert healed < 0.8
    assert small > healed + 0.05


@pytest.mark.statement("7.2")
def test_trained_relu_units_are_balanced_by_a_penalty_only(relus_ten):
    ratios = {}
    for name, sweep in relus_ten.items():
        U, A = (sweep.networks.weights[key].detach().square().sum(-2) for key in "UA")
        ratios[name] = (U / A)[sweep.networks.norms() > THRESHOLD].median().item()
    assert ratios["weight decay"] == pytest.approx(1, abs=0.1)
    assert ratios["group Lasso"] == pytest.approx(1, abs=0.2)
    assert ratios["no penalty"] > 2


@pytest.mark.statement("7.2")
def test_weight_decay_empties_units_exactly_where_it_is_concave_in_the_size(squares, relus_ten, ten):
    trained = swept(PAGE.square_ten, ten, names=("weight decay", "group Lasso"))
    signs, relu, emptied = (left(found["weight decay"]).mean() for found in (squares, relus_ten, trained))
    assert emptied < 40 < 50 < min(signs, relu)
    assert abs(mean(trained["weight decay"], 15) - mean(trained["group Lasso"], 15)) < 0.02


def test_smoothing_does_not_matter_until_the_threshold_reaches_useful_units(parity):
    kept, after, starts = {}, {}, NetworkStack(PAGE.signed(PAGE.WIDTH, seed) for seed in SEEDS)
    for beta in (1e-5, 1e-3, 1e-1):
        penalty = GroupLasso(PAGE.LAM, beta)
        found = fit(starts, parity.train, penalty=penalty, **HOW)
        kept[beta] = (found.norms() > penalty.threshold).sum(-1).double().mean().item()
        after[beta] = accuracy(found.cut(penalty.threshold), parity.test).mean().item()
    assert abs(kept[1e-5] - kept[1e-3]) < 1.5
    assert abs(after[1e-5] - after[1e-3]) < 0.01
    assert after[1e-1] < after[1e-3] - 0.01


@pytest.fixture(scope="module")
def stored():
    return json.loads((CHAPTERS / "data" / "structured_pruning.json").read_text(encoding="utf-8"))


def test_the_stored_reference_was_computed_as_the_page_computes(stored):
    how = stored["provenance"]["training"]
    assert how == {"steps": PAGE.STEPS, "batch": PAGE.BATCH, "learning_rate": PAGE.RATE, "seed": PAGE.SEED}
    assert stored["provenance"]["group Lasso and weight decay"] == "λ = " + ", ".join(f"{s:g}" for s in STRENGTHS)
    rows = stored["rows"]
    assert sorted(set(rows["keep"])) == list(PAGE_KEEPS)
    assert sorted(set(rows["seed"])) == list(range(10))
    assert rows["units chosen otherwise"] == [0] * len(PAGE_KEEPS)
    assert len({len(rows[name]) for name in ("keep", "seed", "group Lasso", "weight decay", "Torch-Pruning")}) == 1


def test_a_part_of_the_stored_reference_comes_out_again(stored):
    seeds, rows = [PAGE.SEED, PAGE.SEED + 1], stored["rows"]
    grid = {"width": PAGE.WIDTH, "seeds": seeds, "keeps": (15, 30)}
    how = stored["provenance"]["training"]
    sweep = width_sweep(PAGE.relu_ten, digits.load("digit", seeds), lasso, STRENGTHS, **grid, **how)
    for m, again in zip(sweep.keeps, sweep.chosen, strict=True):
        for seed, value in zip(seeds, again.tolist(), strict=True):
            row = rows["keep"].index(m) + rows["seed"].index(seed)
            assert (rows["keep"][row], rows["seed"][row]) == (m, seed)
            assert value == pytest.approx(rows["group Lasso"][row], abs=0.03)
