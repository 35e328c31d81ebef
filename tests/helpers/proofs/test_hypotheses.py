"""`points` measures what the theorems of chapter 4 name; `hypotheses` compares and reports it."""

import math

import pytest
import torch

from helpers import theory
from helpers.arguments import generator
from helpers.isometry import column_curvatures
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs import hypotheses
from helpers.proofs.points import Point
from helpers.training import gaussian_init

ENSEMBLES = ["gaussian", "rank-one"]
PENALTY = GroupLasso(0.05, 0.004)


def problem(ensemble, seed=0, noise=0.4):
    return Empirical.sample(
        ground_truth(6, 2, condition=1.3, seed=seed), 150, noise=noise, ensemble=ensemble, seed=seed
    )


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_deviation_is_sampling_and_noise(ensemble):
    data, U = problem(ensemble), gaussian_init(6, 4, scale=0.4, seed=1)
    point, population = Point(data, PENALTY, U), Population(data.U_star, ensemble)
    difference = U @ U.T - data.M
    residual = data.measure(difference) - (data.y - data.measure(data.M))
    by_hand = 2 / data.n * data.adjoint(residual) - 2 * point.c * difference
    assert torch.allclose(point.E, by_hand, atol=1e-12)
    mean = Point(population, PENALTY, U).E
    expected = 2 * difference.trace() * torch.eye(6) if ensemble == "rank-one" else torch.zeros(6, 6)
    assert torch.allclose(mean, expected.to(mean), atol=1e-12)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_deviations_are_the_largest_forms_on_and_off_the_range(ensemble):
    point = Point(problem(ensemble), PENALTY, gaussian_init(6, 4, scale=0.4, seed=2))
    frame = torch.linalg.qr(point.problem.U_star).Q
    rest = torch.linalg.svd(point.problem.U_star).U[:, 2:]
    on = torch.linalg.eigvalsh(frame.T @ point.E @ frame)[-1].clamp(min=0)
    off = torch.linalg.eigvalsh(-rest.T @ point.E @ rest)[-1].clamp(min=0)
    assert point.deviations == pytest.approx([on.item(), off.item()], abs=1e-12)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_noise_isometry_and_curvature_by_their_definitions(ensemble):
    data, U = problem(ensemble, seed=3), gaussian_init(6, 4, scale=0.4, seed=3)
    point, w = Point(data, PENALTY, U), data.y - data.measure(data.M)
    difference = U @ U.T - data.M
    assert point.noise == pytest.approx(torch.linalg.matrix_norm(data.adjoint(w), 2).item() / data.n)
    ratio = data.measure(difference).square().sum() / data.n / difference.square().sum()
    assert point.isometry == pytest.approx(ratio.item())
    for u, kappa in zip(U.T, column_curvatures(data, U), strict=True):
        direct = data.measure(torch.outer(u, u)).square().sum() / data.n / (u @ u) ** 2
        assert kappa.item() == pytest.approx(direct.item())
    assert point.mu_r == pytest.approx(1.3**-2)
    assert Point(Population(data.U_star, ensemble), PENALTY, U).noise == 0


def test_kept_columns_are_the_nonzero_or_the_long_ones():
    data = problem("gaussian")
    U = gaussian_init(6, 4, scale=1.0, seed=4)
    U = U / U.norm(dim=0) * torch.tensor([1, 0.9 * PENALTY.threshold, 1e-9, 0])
    exact, loose = Point(data, PENALTY, U), Point(data, PENALTY, U, 0.1, 0.2)
    assert (exact.m, exact.tau, exact.cosine) == (2, 0, 0)
    assert (loose.m, loose.cosine) == (1, 0)
    assert loose.tau == pytest.approx(0.9 * PENALTY.threshold)
    assert loose.p == pytest.approx([1])
    assert loose.error == pytest.approx(data.error(U[:, :1]).item())


def test_kappa_is_given_or_bounded():
    data, U = problem("gaussian"), gaussian_init(6, 4, scale=0.4, seed=5)
    assert Point(data, PENALTY, U, curvature=1.7).kappa == 1.7
    assert Point(data, PENALTY, U).kappa > 1.5
    assert Point(Population(data.U_star, "rank-one"), PENALTY, U).kappa == 3


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("stop", [(0.0, 0.0), (1e-2, 1e-3)])
def test_a_strong_penalty_leaves_no_column_and_no_contradiction(ensemble, stop):
    zero = torch.zeros(6, 3, dtype=torch.float64)
    point = Point(problem(ensemble), GroupLasso(2.0, 0.004), zero, *stop)
    found = {check.statement: check for check in hypotheses.checks(point)}
    assert point.m == 0
    assert not any(check.contradicted for check in found.values())
    assert (found["C: at least r"].holds, found["C: at most r"].seen) == (False, True)
    hypotheses.show(found.values()).to_html()


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_checks_report_condition_slack_and_promise(ensemble):
    data = problem(ensemble, noise=0.1)
    U, _, _ = Objective(data, PENALTY).minimise(gaussian_init(6, 6, scale=0.2, seed=6), steps=2000, tolerance=1e-10)
    rows = hypotheses.checks(Point(data, PENALTY, U))
    names = ["gap", "window", "A: training loss", "B: closeness", "C: at least r", "C: at most r", "D: after the count"]
    assert [row.statement for row in rows] == names
    for row in rows:
        assert row.slack == row.right - row.left
        assert row.holds == (row.left < row.right)
        assert row.contradicted == (row.holds and not row.seen)
    c, strength = (1, PENALTY.strength) if ensemble == "gaussian" else (2, PENALTY.strength / 2)
    assert rows[4].right == pytest.approx(2 * c / 1.3**2 - PENALTY.strength / PENALTY.smoothing**0.5)
    assert rows[5].right == pytest.approx(2 * c * theory.g_min(strength, PENALTY.smoothing))


def test_a_contradiction_is_noticed():
    assert hypotheses.Check("x", "a < b", 0.0, 1.0, "never", False).contradicted
    assert not hypotheses.Check("x", "a < b", 1.0, 0.0, "never", False).contradicted


def test_the_table_says_in_words_what_holds():
    rows = [
        hypotheses.Check("x", "a < b", 0.0, 1.0, "good", True),
        hypotheses.Check("y", "a < b", 2.0, 1.0, "bad", False),
        hypotheses.Check("z", "a < b", 2.0, math.inf, "no bound", None),
    ]
    text = hypotheses.show(rows).to_html()
    assert (text.count("✓ yes"), text.count("✗ no"), text.count("—")) == (3, 2, 3)
    assert "1.000" in text
    assert "background-color" in text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"epsilon": -1.0}, ValueError),
        ({"gamma": math.nan}, ValueError),
        ({"epsilon": "small"}, TypeError),
        ({"U": torch.zeros(5, 3, dtype=torch.float64)}, ValueError),
        ({"U": torch.zeros(2, 6, 3, dtype=torch.float64)}, ValueError),
        ({"U": torch.zeros(6, 3)}, TypeError),
        ({"U": torch.randn(6, 3, generator=generator(0), dtype=torch.float64) / 0}, ValueError),
        ({"curvature": -1.0}, ValueError),
    ],
)
def test_bad_points_are_refused(changes, error):
    given = {"problem": problem("gaussian"), "penalty": PENALTY, "U": gaussian_init(6, 3, scale=0.1)} | changes
    with pytest.raises(error):
        Point(**given)
