"""Chapter 5's closed forms against computations by other means, and against printed formulas, written out again."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import ENSEMBLE_NAMES

from helpers import theory
from helpers.proofs.tuning import tangent_basis

random = np.random.default_rng
spectra = st.lists(st.floats(0.05, 3), min_size=1, max_size=4)
both = pytest.mark.parametrize("ensemble", ENSEMBLE_NAMES)


@both
@given(mu=spectra, scale=st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_rates_know_no_units_and_no_order(ensemble, mu, scale):
    """X → scale · X goes with η → η/scale; the order of the eigenvalues is none."""
    step = 0.7 * theory.largest_step(mu, ensemble=ensemble)
    rate = theory.linear_rate(mu, step, ensemble=ensemble)
    scaled = [scale * value for value in mu]
    assert theory.linear_rate(scaled, step / scale, ensemble=ensemble) == pytest.approx(rate)
    assert theory.linear_rate(mu[::-1], step, ensemble=ensemble) == pytest.approx(rate)


@both
def test_optimal_step_has_the_least_rate(ensemble):
    mu = [0.8, 0.5]
    best, largest = theory.optimal_step(mu, ensemble=ensemble), theory.largest_step(mu, ensemble=ensemble)
    steps = best * np.array([0.999, 1, 1.001])
    below, least, above = theory.linear_rate(mu, steps, ensemble=ensemble)
    assert least < min(below, above)
    assert theory.linear_rate(mu, largest, ensemble=ensemble) == pytest.approx(1)
    equal = theory.optimal_step([1.0] * 4, ensemble=ensemble)
    assert equal == pytest.approx(1 / 6 if ensemble == "gaussian" else 1 / (4 * (6 + 1)))


@both
@pytest.mark.parametrize("mu", [[0.7], [1.0, 0.6], [0.9, 0.5, 0.4]])
def test_endpoint_constant_is_measured(ensemble, mu):
    """On the diagonal, where a step needs no matrices, from far enough out along the stiffest direction."""
    mu, trace = np.array(mu), 2 if ensemble == "rank-one" else 0
    z, step = 1.3 * np.sqrt(mu), theory.largest_step(mu, ensemble=ensemble)
    for _ in range(100_000):
        rest = z**2 - mu
        z = z - 2 * step * ((4 if trace else 2) * rest + trace * rest.sum()) * z
    measured = math.sqrt(100_000) * np.linalg.norm(z**2 - mu)
    assert theory.endpoint_constant(mu, ensemble=ensemble) == pytest.approx(measured, rel=5e-3)


def test_endpoint_constant_where_it_is_simple():
    assert theory.endpoint_constant([0.8, 0.3]) == pytest.approx(0.4)
    assert theory.endpoint_constant([0.8] * 3, ensemble="rank-one") == pytest.approx(math.sqrt(3) * 0.4)


def test_crawl_error_is_the_printed_sum_and_tends_to_the_limit_law():
    t, s = np.array([0.0, 1.5, 1e7]), np.array([0.3, 2.0])
    by_hand = [math.sqrt((8 * x + 1 / 0.09) ** -2 + (8 * x + 0.25) ** -2) for x in t]
    np.testing.assert_allclose(theory.crawl_error(t, s), by_hand, rtol=1e-12)
    for d, k, r in ((5, 3, 1), (4, 9, 2)):
        assert theory.crawl_error(1e7, s) == pytest.approx(theory.sublinear_error(1e7, 1.0, d, k, r), rel=1e-6)
    assert theory.sublinear_error(10, 0.5, 4, 3, 2) == pytest.approx(theory.sublinear_error(5, 1.0, 4, 3, 2))
    assert theory.crawl_error(0.0, s) == pytest.approx(math.sqrt(0.09**2 + 4**2))


@pytest.mark.parametrize(("d", "k", "r"), [(8, 4, 2), (6, 14, 1)])
def test_sublinear_error_of_quadratic_networks_solves_its_equations(d, k, r):
    """The scalar flow of equal superfluous eigenvalues q, beside p of M's: p' = −16p(p − 1 + τ/2), q' = −16q(q + τ/2),
    τ = r(p − 1) + (m − r)q, by small steps."""
    m, p, q, h = min(d, k), 1.0, 0.5, 1e-3
    for _ in range(200_000):
        tau = r * (p - 1) + (m - r) * q
        p, q = p - 16 * h * p * (p - 1 + tau / 2), q - 16 * h * q * (q + tau / 2)
    error = math.sqrt(r * (p - 1) ** 2 + (m - r) * q**2)
    assert theory.sublinear_error(200_000, h, d, k, r, ensemble="rank-one") == pytest.approx(error, rel=5e-3)


# what noise allows


@both
def test_cramer_rao_at_finite_n_is_the_error_of_linearised_least_squares(ensemble):
    d, r, n, runs, source = 5, 2, 300, 300, random(8)
    basis, found = tangent_basis(torch.eye(d, r, dtype=torch.float64)).flatten(1).numpy(), []
    for _ in range(runs):
        design = source.standard_normal((n, d, d)) if ensemble == "gaussian" else source.standard_normal((n, d, 1))
        design = design if ensemble == "gaussian" else design * design.swapaxes(1, 2)
        design = design.reshape(n, -1) @ basis.T  # symmetric basis: symmetrising A changes nothing
        found.append(np.trace(np.linalg.inv(design.T @ design)))
    predicted = theory.cramer_rao(d, r, n, 1.0, ensemble=ensemble, finite_n=True)
    assert abs(np.mean(found) - predicted) < 4 * np.std(found) / runs**0.5 + 0.004 * predicted
    assert predicted > 1.02 * theory.cramer_rao(d, r, n, 1.0, ensemble=ensemble)


def test_cramer_rao_scales_and_tends_to_its_limit():
    n = np.array([100.0, 200.0, 1e7])
    bound = theory.cramer_rao(12, 2, n, 0.5)
    assert bound[0] == pytest.approx(0.25 * 23 / 100)
    assert bound[0] == pytest.approx(2 * bound[1])
    assert theory.cramer_rao(12, 2, 100, 0.5, finite_n=True) == pytest.approx(0.25 * 23 / 76)
    for ensemble in ENSEMBLE_NAMES:
        limit = [theory.cramer_rao(12, 2, n, 0.5, ensemble=ensemble, finite_n=finite) for finite in (False, True)]
        assert (limit[1] > limit[0]).all()
        assert limit[1][-1] == pytest.approx(limit[0][-1], rel=1e-4)
    assert theory.cramer_rao(12, 2, 100, 0.0) == 0


# one minimum, and the price of a wide model


@given(r=st.integers(1, 5), nu=st.floats(0, 2), excess=st.floats(0, 2), lower=st.floats(0.2, 2))
@settings(max_examples=60, deadline=None)
def test_descent_radius_bounds_the_root_of_its_inequality(r, nu, excess, lower):
    """lower ρ² − 2√(2r)νρ ≤ excess on the way; ϱ is the root where ν or the excess is 0, else at most √2 times it."""
    radius = theory.descent_radius(r, nu, excess, lower)
    half = math.sqrt(2 * r) * nu
    root = (half + math.sqrt(half**2 + lower * excess)) / lower
    assert root * (1 - 1e-9) <= radius <= math.sqrt(2) * root + 1e-12
    assert theory.descent_radius(r, 0.0, excess, lower) == pytest.approx(math.sqrt(excess / lower))
    assert theory.descent_radius(r, nu, 0.0, lower) == pytest.approx(2 * half / lower)


def test_basin_reaches_half_way_without_noise():
    assert (
        theory.same_minimum_slack(0.499, 1.0, 0.0, 1.0, 1.0) > 0 > theory.same_minimum_slack(0.501, 1.0, 0.0, 1.0, 1.0)
    )
    by_hand = 0.8 * (0.7 - 0.1) - 1.3 * 0.1 - 0.05
    assert theory.same_minimum_slack(0.1, 0.7, 0.05, 0.8, 1.3) == pytest.approx(by_hand)


def test_unpruned_dimensions_are_half_way():
    assert theory.unpruned_dimensions(7, 3) == (28 + 18) / 2
    assert theory.unpruned_dimensions(5, 5) == 15


def test_finite_sample_price_is_that_of_the_smallest_models_up_to_one():
    assert theory.finite_sample_price(10, 40) == pytest.approx(40 / 3)
    np.testing.assert_allclose(theory.finite_sample_price([5.0, 10.0], 20), [20 / 3, 20])
    n = np.array([50.0, 500.0])
    linear = n * theory.cramer_rao(6, 1, n, 1.0, finite_n=True)
    assert (theory.finite_sample_price(6, n) < linear).all()
    assert (linear < theory.finite_sample_price(7, n) * 7 / 6).all()


BAD = [
    (lambda: theory.linear_rate([1.0, 0.0], 0.1), ValueError, "mu must be .*greater than 0"),
    (lambda: theory.linear_rate([1.0], 0.0), ValueError, "step must be .*greater than 0"),
    (lambda: theory.optimal_step([1.0], ensemble="x"), ValueError, "ensemble must be one of"),
    (lambda: theory.endpoint_constant([-1.0]), ValueError, "mu must be .*greater than 0"),
    (lambda: theory.crawl_error(-1.0, [1.0]), ValueError, "t must be .*at least 0"),
    (lambda: theory.crawl_error(1.0, [0.0]), ValueError, "s must be .*greater than 0"),
    (lambda: theory.sublinear_error(100, 0.1, 5, 2, 2), ValueError, "k must be .*at least 3, got 2"),
    (lambda: theory.sublinear_error(100, 0.1, 2, 5, 2), ValueError, "d must be .*at least 3, got 2"),
    (lambda: theory.cramer_rao(3, 4, 100, 1.0), ValueError, "r must be .*at most 3"),
    (lambda: theory.cramer_rao(4, 2, 100, -1.0), ValueError, "noise must be .*at least 0"),
    (lambda: theory.cramer_rao(4, 2, 8, 1.0, finite_n=True), ValueError, "n must be .*greater than 8, got 8"),
    (lambda: theory.descent_radius(0, 0.0, 0.0, 1.0), ValueError, "r must be .*at least 1"),
    (lambda: theory.descent_radius(1, 0.0, 0.0, 0.0), ValueError, "lower must be .*greater than 0"),
    (lambda: theory.same_minimum_slack(0.1, 0.0, 0.0, 1.0, 1.0), ValueError, "mu_r must be .*greater than 0"),
    (lambda: theory.finite_sample_price(10, 10), ValueError, "n must be .*greater than 10"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
