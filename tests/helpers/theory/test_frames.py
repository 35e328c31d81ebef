"""Closed forms of random frames, against the printed formulas written out again and computations by other means.

Simulations of the same formulas are measurements of chapter 3: tests/statements/test_frames.py.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from helpers import theory

TRIES = settings(deadline=None, derandomize=True, max_examples=60)
RANKS = st.integers(1, 30)
SHARES = st.floats(0.01, 0.99)


@TRIES
@given(SHARES, RANKS)
def test_frame_pruning_error_is_the_printed_formula(q, r):
    printed = stats.chi2(r + 2).cdf(stats.chi2(r).ppf(1 - q)) ** 2
    assert theory.frame_pruning_error(q, r) == pytest.approx(printed, rel=1e-8, abs=1e-14)


def test_frame_pruning_error_in_elementary_form_and_elementwise():
    q = np.array([[0.01, 0.2], [0.5, 0.99]])
    np.testing.assert_allclose(theory.frame_pruning_error(q, 2), (1 - q * (1 - np.log(q))) ** 2, rtol=1e-9)
    assert theory.frame_pruning_error([0.0, 1.0], 3).tolist() == [1, 0]
    assert theory.frame_pruning_error(0.3, 10**6) == pytest.approx(0.7**2, abs=2e-3)  # all norms alike


def test_kept_mass_in_closed_form():
    """E max(cos², sin²) = ½ + 1/π; half of the mass on each side; everything; the integral as printed; its limit."""
    assert theory.kept_mass(1, 1) == theory.kept_mass(30, 30) == 1
    assert theory.kept_mass(1, 2) == pytest.approx(0.5 + 1 / math.pi, rel=1e-9)
    for k, m in [(3, 1), (10, 2), (50, 20), (50, 49)]:
        printed = integrate.quad(lambda u, k=k, m=m: stats.chi2.ppf(u, 1) * special.betainc(k - m, m, u), 0, 1)[0]
        assert theory.kept_mass(m, k) == pytest.approx(printed, rel=1e-6)
    limit = theory.frame_pruning_error(0.1, 1) ** 0.5
    assert 1 - theory.kept_mass(10**5, 10**6) == pytest.approx(limit, rel=2e-5)


@TRIES
@given(st.integers(2, 10**9), st.floats(0, 1))
def test_count_near_largest_at_rank_two_is_a_beta_integral(k, c):
    """The tail of χ_2 is e^{−y²/2}, so E N_c = k(k − 1) B(1 + c², k − 1)."""
    assert theory.count_near_largest(k, c, 2) == pytest.approx(k * (k - 1) * special.beta(1 + c * c, k - 1), rel=1e-6)


@TRIES
@given(st.integers(1, 10**9), RANKS)
def test_count_near_largest_ends(k, r):
    """All columns, or the largest alone: the latter tests the density, its constant and the range of integration."""
    assert theory.count_near_largest(k, 0.0, r) == pytest.approx(k, rel=1e-9)
    assert theory.count_near_largest(k, 1.0, r) == pytest.approx(1, rel=1e-9)


@TRIES
@given(st.integers(2, 10**9), SHARES, RANKS)
def test_count_near_largest_law_is_the_printed_formula(k, c, r):
    chi = stats.chi(r)
    assert theory.count_near_largest_law(k, c, r) == pytest.approx(
        math.gamma(1 + c**2) * k * chi.sf(c * chi.isf(1 / k)), rel=1e-9
    )


BAD = [
    (lambda: theory.frame_pruning_error(1.1, 1), ValueError, "fraction must be .*at most 1, got 1.1"),
    (lambda: theory.frame_pruning_error(0.5, 1.0), TypeError, "r must be an integer"),
    (lambda: theory.frame_pruning_error(0.5, 0), ValueError, "r must be .*at least 1"),
    (lambda: theory.kept_mass(11, 10), ValueError, "keep must be .*at most 10, got 11"),
    (lambda: theory.kept_mass(0, 10), ValueError, "keep must be .*at least 1"),
    (lambda: theory.count_near_largest(10, 1.5), ValueError, "c must be .*at most 1"),
    (lambda: theory.count_near_largest(0, 0.5), ValueError, "k must be .*at least 1"),
    (lambda: theory.count_near_largest_law(1, 0.5), ValueError, "k must be .*at least 2"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
