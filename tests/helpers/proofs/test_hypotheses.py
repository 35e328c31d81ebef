"""`points` measures what the theorems of chapter 4 name; `hypotheses` compares and reports it."""

import math

import pytest
import torch

from helpers import theory
from helpers.arguments import ENSEMBLES, generator
from helpers.certificates import gradient_norm, smallest_eigenvalue
from helpers.isometry import column_curvatures, extreme_ratio
from helpers.objective import Objective
from helpers.penalties import GroupLasso
from helpers.problems import Empirical, Population, ground_truth
from helpers.proofs import hypotheses
from helpers.proofs.points import Point, converged, largest_kappa, points_along
from helpers.pruning import column_norms
from helpers.training import gaussian_init

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
def test_isometry_and_curvature_by_their_definitions(ensemble):
    data, U = problem(ensemble, seed=3), gaussian_init(6, 4, scale=0.4, seed=3)
    point, difference = Point(data, PENALTY, U), U @ U.T - data.M
    ratio = data.measure(difference).square().sum() / data.n / difference.square().sum()
    assert point.alpha == pytest.approx(ratio.item())
    for u, kappa in zip(U.T, column_curvatures(data, U), strict=True):
        direct = data.measure(torch.outer(u, u)).square().sum() / data.n / (u @ u) ** 2
        assert kappa.item() == pytest.approx(direct.item())


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
    assert Point(data, PENALTY, U, kappa=1.7).kappa == 1.7
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
    number = "4.8" if point.exact else "4.14"
    assert (found[f"{number} at least r"].holds, found[f"{number} at most r"].seen) == (False, True)
    assert hypotheses.show(found.values()).data.count("\n") == len(found) + 1


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_checks_report_condition_slack_and_promise(ensemble):
    data = problem(ensemble, noise=0.1)
    rows = hypotheses.checks(converged(data, PENALTY))
    numbers = ["4.1", "4.3", "4.6", "4.7", "4.8", "4.8", "4.11"]
    assert [row.statement.split()[0] for row in rows] == numbers
    for row in rows:
        assert row.slack == row.right - row.left
        assert row.holds == (row.left < row.right)
        assert row.contradicted == (row.holds and not row.seen)
    c, strength = (1, PENALTY.strength) if ensemble == "gaussian" else (2, PENALTY.strength / 2)
    assert rows[4].right == pytest.approx(2 * c / 1.3**2 - PENALTY.strength / PENALTY.smoothing**0.5)
    assert rows[5].right == pytest.approx(2 * c * theory.g_min(strength, PENALTY.smoothing))


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_converged_points_are_stationary_and_stopped_ones_carry_their_slack(ensemble):
    data = problem(ensemble, noise=0.1)
    point = converged(data, PENALTY, k=4)
    assert point.U.shape == (6, 4)
    assert gradient_norm(data, point.U, PENALTY) < 1e-6
    moved = torch.stack([point.U, point.U + 0.01])
    near = points_along(data, PENALTY, moved)
    assert [p.epsilon for p in near] == pytest.approx(gradient_norm(data, moved, PENALTY).tolist())
    values = smallest_eigenvalue(data, moved, PENALTY)[0]
    assert [p.gamma for p in near] == pytest.approx((-values).clamp(min=0).tolist(), abs=1e-6)
    assert not near[1].exact


def test_a_run_that_finds_no_stationary_point_says_so(monkeypatch):
    monkeypatch.setattr(Objective, "minimise", lambda self, U, **how: (U, torch.tensor(0.1), 1))
    with pytest.raises(RuntimeError, match=r"is still .*; try another seed"):
        converged(problem("gaussian"), PENALTY)


def test_the_largest_kappa_is_that_of_the_search_or_of_a_column():
    data = problem("gaussian")
    point = converged(data, PENALTY)
    found = largest_kappa([[point]])
    assert found >= column_curvatures(data, point.S).max().item()
    assert found >= extreme_ratio(data, 1)


def test_nu_is_estimated_from_the_residuals():
    data = problem("gaussian", noise=0.4)
    point = converged(data, PENALTY)
    dof = theory.degrees_of_freedom(6, point.m)
    residuals = data.measure(point.U @ point.U.T) - data.y
    noise = (residuals.square().sum() / (data.n - dof)).sqrt().item()
    assert hypotheses.estimated_nu(point) == pytest.approx(noise * (12 / data.n) ** 0.5)
    assert noise == pytest.approx(0.4, rel=0.2)
    few = Empirical.sample(ground_truth(6, 2), 5, seed=0)
    with pytest.raises(ValueError, match="n must exceed the 11 parameters of 2 columns, got 5"):
        hypotheses.estimated_nu(Point(few, PENALTY, gaussian_init(6, 2, scale=1.0)))


def test_the_fit_has_two_bounds_and_the_smaller_is_promised():
    point = converged(problem("gaussian", noise=0.0), GroupLasso(0.02, 0.004))
    first, second = hypotheses.fit_bounds(point)
    p = point.S.square().sum(0)
    shrinking, slopes = 0.02 * (p * point.penalty.dh(p)).sum(), point.penalty.dh(p).norm()
    level = 0.02 / 0.004**0.5 * point.problem.M.trace()
    assert first == pytest.approx((level - shrinking).item() - point.alpha * point.error**2)
    assert second == pytest.approx((0.02**2 * slopes**2 / (4 * point.alpha)).item())
    assert hypotheses.fit_check(point).promise.endswith(f"≤ {second:.4f}")


def test_over_time_ratios_below_one_are_conditions_that_hold_and_the_first_sealed_point_is_found():
    data = problem("gaussian", noise=0.1)
    point = converged(data, PENALTY)
    shifts = torch.tensor([0.1, 1e-6, 1e-7])[:, None, None] * torch.ones_like(point.U)
    points = points_along(data, PENALTY, point.U + shifts)
    ratios = hypotheses.ratios_over_time(points)
    assert list(ratios) == ["4.12 robust gap", "4.14 at least r", "4.14 at most r"]
    for i, one in enumerate(points):
        checks = [*hypotheses.gap_checks(one), *hypotheses.count_checks(one)]
        assert [ratios[check.statement][i] < 1 for check in checks] == [check.holds for check in checks]
    assert hypotheses.first_sealed(points) is points[1]
    assert hypotheses.first_sealed(points[:1]) is points[0]


def test_the_least_ratio_to_the_edge_is_over_all_ensembles_and_runs():
    point = converged(problem("gaussian"), PENALTY)
    edge = theory.gap_edge(PENALTY.strength, 1.5, PENALTY.smoothing)
    least = column_norms(point.S).min().item() / edge
    assert hypotheses.least_over_edge({"a": (1.5, [[point]]), "b": (1e9, [[point]])}) == pytest.approx(least)


def test_a_condition_that_only_rounding_decides_does_not_hold():
    zero = Point(problem("gaussian"), PENALTY, torch.zeros(6, 3, dtype=torch.float64))
    single = Point(Population(ground_truth(6, 1, seed=0)), PENALTY, torch.zeros(6, 3, dtype=torch.float64))
    assert not hypotheses.eigenvalue_checks(zero)[0].holds  # μ_1 < μ_2 is false
    assert not hypotheses.eigenvalue_checks(single)[0].holds  # μ_1 < μ_1, whatever the last digit
    assert not hypotheses.Check("x", "a < b", 1.0, 1.0 + 1e-12, "never", False).holds
    assert hypotheses.Check("x", "a < b", 1.0, math.inf, "ever", True).holds


def test_a_contradiction_is_noticed():
    assert hypotheses.Check("x", "a < b", 0.0, 1.0, "never", False).contradicted
    assert not hypotheses.Check("x", "a < b", 1.0, 0.0, "never", False).contradicted


def test_the_table_says_in_words_what_holds():
    rows = [
        hypotheses.Check("x", "a < b", 0.0, 1.0, "good", True),
        hypotheses.Check("y", "a < b", 2.0, 1.0, "bad", False),
        hypotheses.Check("z", "a < b", 2.0, math.inf, "no bound", None),
    ]
    text = hypotheses.show(rows).data
    assert (text.count("✓\u00a0yes"), text.count("✗\u00a0no"), text.count("—")) == (3, 2, 1)
    assert text.count("∞") == 2


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
        ({"kappa": -1.0}, ValueError),
    ],
)
def test_bad_points_are_refused(changes, error):
    given = {"problem": problem("gaussian"), "penalty": PENALTY, "U": gaussian_init(6, 3, scale=0.1)} | changes
    with pytest.raises(error):
        Point(**given)
