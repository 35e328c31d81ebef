"""Chapter 7: what symmetry proves of signed and of homogeneous units, and what the experiments on digits claim.

The claims are orderings and margins over several seeds, measured with the very code of the page.
"""

import json

import numpy as np
import pytest
import torch
from chapter_code import chapter_code
from notebooks import CHAPTERS
from scipy.optimize import minimize

from helpers.digits import data as digits
from helpers.digits.ensembles import Ensemble, accuracy, fit
from helpers.digits.sweeps import tuned, width_sweep
from helpers.figures import digits as figures
from helpers.objective import Objective
from helpers.penalties import GroupLasso, WeightDecay
from helpers.proofs import digits as units
from helpers.pruning import prune

PAGE = chapter_code("07_real_networks")
PAGE.INPUTS = 65
SEEDS, KEEPS = range(20, 24), (4, 6, 10, 15, PAGE.WIDTH)
HOW = {"steps": PAGE.STEPS, "batch": PAGE.BATCH, "learning_rate": PAGE.RATE, "seed": 5}
PENALTIES = {"group Lasso": GroupLasso(0.05, 0.01), "weight decay": WeightDecay(0.05)}
ACTIVATIONS = {1: torch.relu, 2: torch.square, 3: lambda z: torch.relu(z) ** 3}


def vector(n, seed):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps_hold(steps):
    wrong = [step for step in steps if not step.holds() and abs(step.slack) > 1e-14]
    assert not wrong, wrong



class SignedLoss:
    """The logistic loss of x ↦ xᵀUSUᵀx on random data, in the shape that `Objective` minimises."""

    def __init__(self, d, k, seed, n=200):
        random = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, d, generator=random, dtype=torch.float64)
        hidden = torch.randn(d, d, generator=random, dtype=torch.float64)
        noise = torch.randn(n, generator=random, dtype=torch.float64)
        self.y = torch.where(((self.x @ (hidden + hidden.T)) * self.x).sum(-1) + noise > 0, 1.0, -1.0)
        self.signs = torch.where(torch.arange(k) % 2 == 0, 1.0, -1.0).double()

    def loss(self, U):
        margin = self.y * ((self.x @ U).square() @ self.signs)
        return torch.nn.functional.softplus(-margin).mean()

    def loss_and_gradient(self, U):
        U = U.detach().requires_grad_()
        loss = self.loss(U)
        return loss.detach(), torch.autograd.grad(loss, U)[0]

    def hessian_vector(self, U, V):
        return torch.autograd.functional.hvp(self.loss, U, V)[1]


def stationary(loss, d, k, penalty, seed):
    """A converged minimiser of loss + penalty from a random start."""
    start = 0.3 * torch.randn(d, k, generator=torch.Generator().manual_seed(seed + 100), dtype=torch.float64)
    U, slope, _ = Objective(loss, penalty).minimise(start, steps=5000, tolerance=1e-9)
    assert slope < 1e-5
    return U


def cosines(U, signs, same):
    norms = torch.linalg.vector_norm(U, dim=0)
    big = norms > 1e-3 * norms.max()
    unit, signs = U[:, big] / norms[big], signs[big]
    pairs = torch.ones(len(signs), len(signs)).triu(1).bool() & ((signs[:, None] == signs) == same)
    return (unit.T @ unit).abs()[pairs]


@pytest.mark.statement("7.1")
@pytest.mark.parametrize("signs", [(1, -1), (-1, 1), (1, 1)])
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("seed", range(4))
def test_turning_two_units_moves_the_penalty_only(signs, penalty, seed):
    for d in (3, 12):
        steps_hold(units.turned(vector(d, seed), vector(d, seed + 50), penalty, signs=signs, angle=0.2 + 0.3 * seed))


@pytest.mark.statement("7.1")
@pytest.mark.parametrize(("d", "k"), [(4, 6), (6, 12)])
@pytest.mark.parametrize("seed", range(3))
def test_units_of_opposite_sign_are_orthogonal_with_either_penalty(d, k, seed):
    loss = SignedLoss(d, k, seed)
    for penalty in (WeightDecay(0.02), GroupLasso(0.02, 0.01)):
        U = stationary(loss, d, k, penalty, seed)
        found = cosines(U, loss.signs, same=False)
        assert len(found)
        assert found.max() < 1e-3


@pytest.mark.statement("7.1")
@pytest.mark.parametrize(("d", "k"), [(4, 6), (6, 12)])
def test_only_the_group_lasso_makes_units_of_equal_sign_orthogonal(d, k):
    largest = {"group Lasso": [], "weight decay": []}
    for seed in range(3):
        loss = SignedLoss(d, k, seed)
        for name, penalty in (("group Lasso", GroupLasso(0.02, 0.01)), ("weight decay", WeightDecay(0.02))):
            found = cosines(stationary(loss, d, k, penalty, seed), loss.signs, same=True)
            largest[name].append(found.max().item() if len(found) else 0.0)
    assert max(largest["group Lasso"]) < 1e-3
    assert min(largest["weight decay"]) > 0.3


@pytest.mark.statement("7.1")
@pytest.mark.parametrize("seed", range(3))
def test_pruning_truncates_the_eigendecomposition(seed):
    d, k = 6, 10
    loss = SignedLoss(d, k, seed)
    U = stationary(loss, d, k, GroupLasso(0.02, 0.01), seed)
    X = U * loss.signs @ U.T
    eigenvalues = torch.linalg.eigvalsh(X)
    alive = torch.linalg.vector_norm(U, dim=0) > 1e-3
    own = (loss.signs * U.square().sum(0))[alive].sort().values
    nonzero = eigenvalues[eigenvalues.abs() > 1e-5].sort().values
    torch.testing.assert_close(own, nonzero, rtol=1e-4, atol=1e-6)
    for m in range(1, len(nonzero)):
        V = prune(U[None], keep=m)[0]
        left = (V * loss.signs @ V.T - X).norm()
        least = eigenvalues.abs().sort().values[:-m].norm()
        assert left == pytest.approx(least.item(), rel=1e-4)



@pytest.mark.statement("7.2")
@pytest.mark.parametrize("degree", ACTIVATIONS)
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("seed", range(4))
def test_balancing_a_unit_costs_nothing(degree, penalty, seed):
    for d, outputs in ((3, 1), (8, 5)):
        u, a = vector(d, seed), vector(outputs, seed + 9)
        steps_hold(units.rescaled(u, a, penalty, degree, ACTIVATIONS[degree], seed=seed))


@pytest.mark.statement("7.2")
@pytest.mark.parametrize("degree", ACTIVATIONS)
@pytest.mark.parametrize("size", [0.05, 0.7, 4.0])
@pytest.mark.parametrize("seed", range(2))
def test_duplicates_merge_where_the_charge_of_size_is_concave(degree, size, seed):
    e = vector(5, seed)
    e = e / e.norm()
    for name, penalty in PENALTIES.items():
        steps = units.merged(e, size, vector(3, seed), penalty, degree, ACTIVATIONS[degree], seed=seed)
        steps_hold(steps[:1])
        if name == "weight decay" and degree == 1:
            assert abs(steps[1].left) < 1e-12
            assert units.size_bend(size, penalty, degree) == 0
        else:
            steps_hold(steps[1:])
            assert units.size_bend(size, penalty, degree) < 0


@pytest.mark.statement("7.2")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_weight_decay_does_not_see_a_relu_unit_split(share):
    u, a, x = vector(6, 1), vector(2, 2), vector(6, 3)
    parts = [(w**0.5 * u, w**0.5 * a) for w in (share, 1 - share)]
    torch.testing.assert_close(sum(b * torch.relu(v @ x) for v, b in parts), a * torch.relu(u @ x))
    columns = torch.stack([torch.cat(part) for part in parts], dim=1)
    whole = torch.cat([u, a])[:, None]
    torch.testing.assert_close(WeightDecay(0.3).value(columns), WeightDecay(0.3).value(whole))
    assert GroupLasso(0.3, 0.01).value(columns) > GroupLasso(0.3, 0.01).value(whole)


@pytest.mark.statement("7.2")
@pytest.mark.parametrize(("degree", "activation"), [(2, torch.square), (3, lambda z: z**3)])
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
def test_units_are_balanced_and_unlike_at_a_minimum(degree, activation, penalty):
    d, k, c, n = 3, 6, 2, 80
    x, target = (torch.randn(n, m, generator=torch.Generator().manual_seed(m), dtype=torch.float64) for m in (d, c))
    target = target + activation(x[:, :1])

    def value_and_slope(flat):
        W = torch.tensor(flat).reshape(d + c, k).requires_grad_()
        value = (activation(x @ W[:d]) @ W[d:].T - target).square().mean() + penalty.value(W)
        return value.item(), torch.autograd.grad(value, W)[0].flatten().numpy()

    start = 0.5 * vector((d + c) * k, 7).numpy()
    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 0, "gtol": 1e-9}
    W = minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=options).x.reshape(d + c, k)
    incoming, outgoing = np.linalg.norm(W[:d], axis=0), np.linalg.norm(W[d:], axis=0)
    alive = np.hypot(incoming, outgoing) > 1e-2
    assert alive.any()
    assert incoming[alive] ** 2 == pytest.approx(degree * outgoing[alive] ** 2, rel=1e-2)
    directions = W[:d, alive] / incoming[alive]
    inner = directions.T @ directions - 2 * np.eye(alive.sum())
    assert (inner if degree % 2 else np.abs(inner) * (1 - np.eye(alive.sum()))).max() < 0.999



def lasso(strength):
    return GroupLasso(strength, PAGE.SMOOTHING)


def swept(make, split, strength=PAGE.LAM, names=("no penalty", "weight decay", "group Lasso")):
    """The page's sweep on other seeds, at one strength."""
    kinds = {"no penalty": None, "weight decay": WeightDecay, "group Lasso": lasso}
    grid = {"width": PAGE.WIDTH, "seeds": SEEDS, "keeps": KEEPS}
    return {name: width_sweep(make, split, kinds[name], (strength,), **grid, **HOW) for name in names}


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
    return sweep.chosen[KEEPS.index(keep)].mean().item()


THRESHOLD = lasso(PAGE.LAM).threshold


def test_all_penalties_classify_alike_before_pruning(squares):
    full = [mean(sweep, PAGE.WIDTH) for sweep in squares.values()]
    assert min(full) > 0.96
    assert max(full) - min(full) < 0.02


def test_signed_squares_survive_pruning_with_the_group_lasso_only(squares):
    found, decay, plain = (squares[name] for name in ("group Lasso", "weight decay", "no penalty"))
    assert mean(found, 10) > mean(found, PAGE.WIDTH) - 0.005
    assert mean(found, 6) > mean(decay, 6) + 0.02 > mean(plain, 6) + 0.05
    assert (found.chosen[KEEPS.index(10)] - decay.chosen[KEEPS.index(10)]).min() > -0.01


def test_about_ten_units_survive_by_themselves(squares):
    left = (squares["group Lasso"].ensemble.norms() > THRESHOLD).sum(-1)
    assert 3 <= left.min() <= left.max() <= 15
    assert (squares["weight decay"].ensemble.norms() > THRESHOLD).sum(-1).min() > 45


@pytest.mark.statement("7.1")
def test_angles_of_trained_networks_are_as_predicted(squares):
    same, opposite = figures.pair_cosines(squares["weight decay"].ensemble, above=THRESHOLD)
    assert opposite.median() < 0.01 < 0.2 < same.median()
    found = squares["group Lasso"]
    longer = HOW | {"steps": 600, "batch": digits.TRAIN}
    converged = fit(found.ensemble.prune(12), found.split.train, penalty=lasso(PAGE.LAM), **longer)
    same, opposite = figures.pair_cosines(converged, above=THRESHOLD)
    assert same.median() < 0.02
    assert opposite.max() < 0.02


def test_rotating_first_helps_the_other_penalties(squares, parity):
    PAGE.signs, PAGE.parity = PAGE.signed(PAGE.WIDTH, 0).signs, parity
    for name, least in (("weight decay", 0.03), ("no penalty", 0.1)):
        model = squares[name].ensemble
        assert PAGE.rotated(model, 6).mean() > PAGE.straight(model, 6).mean() + least


def test_fine_tuning_evens_out_ten_units(squares):
    options = HOW | {"steps": PAGE.TUNING_STEPS}
    healed = {name: values.mean().item() for name, values in tuned(squares, 10, **options).items()}
    assert abs(healed["group Lasso"] - healed["weight decay"]) < 0.01
    assert min(healed.values()) > 0.93


def test_relu_units_survive_pruning_with_the_group_lasso_only(relus_ten):
    found, decay, plain = (mean(relus_ten[name], 15) for name in ("group Lasso", "weight decay", "no penalty"))
    assert found > 0.95
    assert found > decay + 0.05 > plain + 0.1


def test_too_few_units_do_not_serve_ten_classes(relus_ten, ten):
    healed = tuned(relus_ten, 4, **(HOW | {"steps": PAGE.TUNING_STEPS}))["group Lasso"].mean()
    small = accuracy(fit(Ensemble(PAGE.relu_ten(4, seed) for seed in SEEDS), ten.train, **HOW), ten.test).mean()
    assert healed < 0.85
    assert small > healed


@pytest.mark.statement("7.2")
def test_trained_relu_units_are_balanced_by_a_penalty_only(relus_ten):
    ratios = {}
    for name, sweep in relus_ten.items():
        U, A = (sweep.ensemble.weights[key].detach().square().sum(-2) for key in "UA")
        ratios[name] = (U / A)[sweep.ensemble.norms() > THRESHOLD].median().item()
    assert ratios["weight decay"] == pytest.approx(1, abs=0.1)
    assert ratios["group Lasso"] == pytest.approx(1, abs=0.2)
    assert ratios["no penalty"] > 2


@pytest.mark.statement("7.2")
def test_weight_decay_empties_units_exactly_where_it_is_concave_in_the_size(squares, relus_ten, ten):
    trained = swept(PAGE.square_ten, ten, names=("weight decay", "group Lasso"))
    left = {
        name: (sweep.ensemble.norms() > THRESHOLD).sum(-1).double().mean().item()
        for name, sweep in {
            "signs": squares["weight decay"], "ReLU": relus_ten["weight decay"], "trained": trained["weight decay"]
        }.items()
    }  # fmt: skip
    assert left["trained"] < 40 < 50 < min(left["signs"], left["ReLU"])
    assert abs(mean(trained["weight decay"], 15) - mean(trained["group Lasso"], 15)) < 0.02
    assert mean(trained["weight decay"], 15) > 0.94


def test_smoothing_does_not_matter_until_the_threshold_reaches_useful_units(parity):
    kept, after = {}, {}
    starts = Ensemble(PAGE.signed(PAGE.WIDTH, seed) for seed in SEEDS)
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
    assert stored["provenance"]["group Lasso and weight decay"] == "λ = " + ", ".join(map(str, PAGE.STRENGTHS[::2]))
    rows = stored["rows"]
    assert sorted(set(rows["keep"])) == list(PAGE.KEEPS)
    assert sorted(set(rows["seed"])) == list(range(PAGE.SEED, PAGE.SEED + PAGE.SEEDS))
    assert rows["units chosen otherwise"] == [0] * len(PAGE.KEEPS)
    assert len({len(rows[name]) for name in ("keep", "seed", "group Lasso", "weight decay", "Torch-Pruning")}) == 1


def test_a_part_of_the_stored_reference_comes_out_again(stored):
    seeds, rows = [PAGE.SEED, PAGE.SEED + 1], stored["rows"]
    how = stored["provenance"]["training"]
    sweep = width_sweep(
        PAGE.relu_ten, digits.load("digit", seeds), lasso, PAGE.STRENGTHS[::2],
        width=PAGE.WIDTH, seeds=seeds, keeps=(15, 30), **how,
    )  # fmt: skip
    for m, again in zip(sweep.keeps, sweep.chosen, strict=True):
        for seed, value in zip(seeds, again.tolist(), strict=True):
            row = rows["keep"].index(m) + rows["seed"].index(seed)
            assert (rows["keep"][row], rows["seed"][row]) == (m, seed)
            assert value == pytest.approx(rows["group Lasso"][row], abs=0.03)
