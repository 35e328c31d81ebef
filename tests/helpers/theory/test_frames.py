"""Random frames: the closed forms of chapter 3 against simulation."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi

from helpers import theory

random = np.random.default_rng


def frame_norms(r, k, runs, seed):
    """Squared column norms, largest first, and the frames in that order: (runs, k) and (runs, r, k)."""
    frames = np.swapaxes(np.linalg.qr(random(seed).standard_normal((runs, k, r)))[0], 1, 2)
    norms = (frames**2).sum(1)
    order = np.argsort(-norms, axis=1)
    return np.take_along_axis(norms, order, 1), np.take_along_axis(frames, order[:, None], 2)


@pytest.mark.parametrize("r", [1, 3])
def test_frame_pruning_error_is_what_random_frames_lose(r):
    k, fractions = 2000, np.array([0.01, 0.1, 0.25, 0.5])
    _, frames = frame_norms(r, k, 12, seed=r)
    measured = []
    for fraction in fractions:
        kept = frames[:, :, : round(fraction * k)]
        measured.append((((np.eye(r) - kept @ np.swapaxes(kept, 1, 2)) ** 2).sum((1, 2)) / r).mean())
    np.testing.assert_allclose(theory.frame_pruning_error(fractions, r), measured, rtol=0.05, atol=2e-3)


def test_frame_pruning_error_runs_from_one_to_zero():
    curve = theory.frame_pruning_error(np.linspace(0, 1, 50), 2)
    assert curve[0] == 1
    assert curve[-1] == 0
    assert (np.diff(curve) < 0).all()


def test_kept_mass_is_exact_for_every_k():
    norms, _ = frame_norms(1, 30, 20_000, seed=5)
    for keep in (1, 3, 15, 29):
        mass = norms[:, :keep].sum(1)
        assert abs(theory.kept_mass(keep, 30) - mass.mean()) < 4 * mass.std() / 20_000**0.5
    assert theory.kept_mass(30, 30) == 1
    assert theory.kept_mass(1, 1) == 1
    assert theory.kept_mass(1, 2) == pytest.approx(0.5 + 1 / math.pi, rel=1e-9)  # E max(cos², sin²)
    assert (1 - theory.kept_mass(10_000, 100_000)) ** 2 == pytest.approx(
        theory.frame_pruning_error(0.1, 1), rel=1e-3
    )


def test_count_near_largest_is_exact_at_rank_one():
    norms, _ = frame_norms(1, 40, 20_000, seed=6)
    for c in (0.3, 0.5, 0.9):
        count = (norms >= c**2 * norms[:, :1]).sum(1)
        assert abs(theory.count_near_largest(40, c) - count.mean()) < 4 * count.std() / 20_000**0.5
    expected = 2 - 4 / math.pi * math.atan(0.5)  # two columns, as an angle on the circle
    assert theory.count_near_largest(2, 0.5) == pytest.approx(expected, rel=1e-9)


def test_count_near_largest_at_higher_rank_and_its_limits():
    norms, _ = frame_norms(3, 400, 400, seed=7)
    assert theory.count_near_largest(400, 0.5, 3) == pytest.approx(
        (norms >= norms[:, :1] / 4).sum(1).mean(), rel=0.05
    )
    assert theory.count_near_largest(17, 0.0) == pytest.approx(17)
    assert theory.count_near_largest(17, 1.0) == pytest.approx(1)
    assert theory.count_near_largest(1, 0.5) == 1
    assert (np.diff([theory.count_near_largest(50, c, 2) for c in np.linspace(0, 1, 9)]) < 0).all()
    k, c, F = 60, 0.6, chi(2)
    by_definition = k - k * (k - 1) * quad(lambda y: F.pdf(y) * F.cdf(y) ** (k - 2) * F.cdf(c * y), 0, 12)[0]
    assert theory.count_near_largest(k, c, 2) == pytest.approx(by_definition, rel=1e-7)


def test_the_gamma_law_is_close_where_the_bare_power_is_not():
    for k, c, r in [(1000, 0.5, 1), (10_000, 0.5, 1), (10_000, 0.7, 3)]:
        assert theory.count_near_largest_law(k, c, r) == pytest.approx(
            theory.count_near_largest(k, c, r), rel=0.01
        )
    assert theory.count_near_largest(1000, 0.5) < 1000**0.75 / 1.9


# input

BAD = [
    (lambda: theory.frame_pruning_error(1.1, 1), ValueError, "fraction must be .*at most 1, got 1.1"),
    (lambda: theory.frame_pruning_error(0.5, 1.0), TypeError, "r must be an integer"),
    (lambda: theory.kept_mass(11, 10), ValueError, "keep must be .*at most 10, got 11"),
    (lambda: theory.count_near_largest(10, 1.5), ValueError, "c must be .*at most 1"),
    (lambda: theory.count_near_largest_law(1, 0.5), ValueError, "k must be .*at least 2"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused_with_its_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
