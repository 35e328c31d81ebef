"""Chapter 8's closed forms against computations by other means."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import ENSEMBLE_NAMES
from scipy.optimize import brentq

from helpers import theory

both = pytest.mark.parametrize("ensemble", ENSEMBLE_NAMES)


@both
@pytest.mark.parametrize("ratio", [1e-3, 0.02, 0.05])
def test_the_floor_is_the_least_value_on_a_grid(ensemble, ratio):
    x = np.geomspace(1e-6, 10, 200_000)
    slope = (x + 2 * ratio) / (2 * (x + ratio) ** 1.5)
    least = (x + slope / (2 * theory.mean_factor(ensemble))).min()
    assert theory.path_floor(ratio, ensemble=ensemble) == pytest.approx(least, rel=1e-7)


def test_the_numbers_that_the_text_prints():
    assert theory.path_floor(0.05) == pytest.approx(0.78098, abs=1e-5)
    assert theory.largest_ratio() == pytest.approx(0.0684, abs=1e-4)


@both
@given(ratio=st.floats(5e-3, 0.06), nu=st.floats(1e-3, 0.2), delta=st.floats(0, 0.2), r=st.integers(1, 4))
@settings(max_examples=8, deadline=None)
def test_the_plateau_is_where_the_slack_is_positive(ensemble, ratio, nu, delta, r):
    args = (ratio, r, 1.0, nu, delta)
    levels = np.geomspace(1e-3, 2, 400)
    positive = levels[theory.plateau_slack(levels, *args, ensemble=ensemble) > 0]
    ends = theory.plateau(*args, ensemble=ensemble)
    if ends is None:
        assert len(positive) == 0
    else:
        inside = levels[(levels > ends[0]) & (levels < ends[1])]
        assert np.array_equal(inside, positive)


@both
def test_the_deviation_is_the_printed_formula(ensemble):
    b, r, most, mu_r, nu, delta = 0.03, 2, 3, 0.8, 0.07, 0.15
    c = theory.mean_factor(ensemble)
    edge = brentq(lambda x: (x + 4 * b) / (4 * (x + b) ** 2.5) - 2 * (2 * c - 1 + delta), 0, 10, xtol=1e-15)
    slope = (edge + 2 * b) / (2 * (edge + b) ** 1.5)
    level = np.array([0.05, 0.2])
    pull = math.sqrt(most + r) * nu + math.sqrt(most) * slope / 2 * level
    room = c - delta - level / (2 * math.sqrt(b) * mu_r)
    expected = 2 * delta * pull / room + (c - 1) * pull / np.sqrt(room) + 2 * nu, pull / room
    measured = theory.path_deviation(level, b, r, mu_r, nu, delta, most=most, ensemble=ensemble)
    np.testing.assert_allclose(measured, expected, rtol=1e-9)


@pytest.mark.parametrize(("mu_r", "nu"), [(0.4, 0.1), (0.4, 0.2), (3.0, 0.2), (3.0, 1.5)])
def test_without_delta_the_plateau_has_the_ends_of_corollary_8_4(mu_r, nu):
    ends = nu / theory.path_floor(0.05), 2 * 0.05**0.5 * (mu_r - nu)
    found = theory.plateau(0.05, 3, mu_r, nu, 0.0)
    if ends[0] < ends[1]:
        assert found == pytest.approx(ends, rel=1e-9)
    else:
        assert found is None


@both
def test_the_bounds_fall_apart_beyond_the_upper_end(ensemble):
    c = theory.mean_factor(ensemble)
    level = 2 * 0.04**0.5 * (c - 0.1)
    args = (0.04, 2, 1.0, 0.1, 0.1)
    assert theory.path_deviation(level * 1.001, *args, ensemble=ensemble) == (math.inf, math.inf)
    assert all(map(math.isfinite, theory.path_deviation(level * 0.99, *args, ensemble=ensemble)))


def test_more_columns_and_more_noise_shorten_the_plateau():
    wide = theory.plateau(0.04, 2, 1.0, 0.05, 0.01)
    for nu, most in ((0.06, 2), (0.05, 5)):
        narrow = theory.plateau(0.04, 2, 1.0, nu, 0.01, most=most)
        assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert theory.plateau(0.04, 2, 1.0, 0.5, 0.0) is None
    assert theory.plateau(0.04, 2, 1.0, 0.05, 1.5) is None


def test_the_range_of_counts_widens_with_the_deviation_and_falls_with_the_level():
    mu = 2.0 ** -np.arange(8)
    least, most = theory.count_range(mu, 0.1, 0.04)
    assert (least, most) == ((mu > 0.25).sum(), (mu >= 0.1 * theory.path_floor(0.04)).sum())
    wide = theory.count_range(mu, 0.1, 0.04, 0.05)
    assert wide[0] <= least <= most <= wide[1]
    assert theory.count_range(mu, 5.0, 0.04) == (0, 0)


@both
def test_the_detection_limit_is_half_the_noise(ensemble):
    level = theory.noise_level(0.3, 10, 500, ensemble=ensemble)
    assert 2 * theory.mean_factor(ensemble) * theory.detection_limit(0.3, 10, 500, ensemble=ensemble) == level


def test_without_columns_the_residuals_are_the_noise():
    assert theory.residual_floor(1, 0.1, 0, 0.5) == 1


def test_the_rule_needs_the_residuals_of_the_noise():
    low, high = theory.rule_ends(1.0, 0.1, 10, 2, 500, 1.0)
    unit = 1.25 * math.sqrt(2 * 10 / 500)
    assert low == pytest.approx(unit * math.sqrt(1 - 4 * 0.1**2))
    assert high == pytest.approx(unit / math.sqrt(1 - 19 / 500))
    assert theory.rule_ends(1.0, 0.6, 10, 2, 500, 1.0)[0] == 0
    assert theory.rule_ends(1.0, 0.1, 10, 2, 19, 1.0)[1] == math.inf
