"""Every closed form refuses each argument outside its range, by name: one table of ranges for all functions.

A function is called with VALID arguments; then one after the other is put just outside.
"""

import importlib
import inspect

import numpy as np
import pytest

from helpers import theory

WORDS = ("sensing", "landscape", "frames", "gap", "guarantee", "tuning", "quadratic", "digits", "untuned", "factors")
VALID = {
    "d": 6, "r": 2, "rank": 2, "n": 400, "k": 12, "keep": 3, "most": 4, "small": 1, "steps": 10.0, "degree": 2.0,
    "mu_r": 0.5, "mu": 0.8, "p": 0.4, "x": 0.3, "strength": 0.05, "smoothing": 0.01, "beta": 0.3, "ratio": 0.2,
    "c_beta": 0.01, "c_lambda": 0.1, "kappa": 1.2, "t": 0.5, "theta0": 0.5, "s": 0.3, "eps": 0.01, "gamma": 0.01,
    "tau": 0.01, "omega": 0.3, "norm": 1.0, "fraction": 0.3, "c": 0.5, "failure": 0.05, "noise": 0.1, "size": 0.5,
    "nu": 0.1, "truth_loss": 0.1, "trace": 1.0, "alpha": 0.8, "upper": 1.2, "lower": 0.8, "rho": 0.1,
    "deviation": 0.1, "step": 0.05, "excess": 0.01, "radius": 0.01, "fourth": 3.0, "difference": np.eye(2),
    "ensemble": "gaussian", "level": 0.2, "delta": 0.05, "columns": 3, "rows": 4, "share": 0.5, "margin": 0.25,
}  # fmt: skip
TINY = 1e-9
OUTSIDE = {
    "d": [0], "r": [0], "rank": [0, 7], "n": [0], "k": [0], "keep": [0, 13], "most": [1, 7], "small": [0],
    "steps": [0.0], "degree": [1 - TINY], "mu_r": [0.0], "p": [-TINY], "x": [-TINY], "strength": [-TINY],
    "smoothing": [-TINY], "c_beta": [0.0], "c_lambda": [0.0], "kappa": [0.0], "t": [-TINY],
    "theta0": [-TINY, np.pi / 2 + TINY], "s": [0.0], "eps": [-TINY], "gamma": [-TINY], "tau": [-TINY], "omega": [0.0],
    "fraction": [-TINY, 1 + TINY], "c": [-TINY, 1 + TINY], "failure": [0.0, 1.0], "noise": [-TINY], "size": [-TINY],
    "nu": [-TINY], "truth_loss": [-TINY], "alpha": [0.0], "lower": [0.0], "rho": [-TINY], "deviation": [-TINY],
    "step": [0.0], "excess": [-TINY], "radius": [-TINY], "fourth": [1 - TINY], "mu": [-TINY],
    "level": [0.0], "ratio": [0.0], "delta": [-TINY], "rows": [0], "share": [0.0, 1 + TINY], "margin": [-TINY],
}  # fmt: skip
ALLOWED = {  # where a name stands for something with another range
    ("bending_point", "ratio", 0.0), ("pair_size", "rank", 0), ("path_deviation", "most", 7), ("rule_ends", "most", 7),
}  # fmt: skip
ALONE = {"crossing", "least", "size_bend"}  # what they take (a function, a penalty) has no range


def functions():
    for word in WORDS:
        module = importlib.import_module(f"helpers.theory.{word}")
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and name[0] != "_" and name not in ALONE:
                yield function


CASES = [
    pytest.param(function, name, value, id=f"{function.__name__}-{name}-{value:.3g}")
    for function in functions()
    for name in inspect.signature(function).parameters
    for value in OUTSIDE.get(name, ())
    if (function.__name__, name, value) not in ALLOWED
]


def arguments_of(function):
    return {name: VALID[name] for name in inspect.signature(function).parameters if name in VALID}


@pytest.mark.parametrize("function", list(functions()), ids=lambda function: function.__name__)
def test_valid_arguments_give_finite_numbers(function):
    value = function(**arguments_of(function))
    if not isinstance(value, str):
        assert not np.isnan(np.asarray(value, dtype=float)).any()


@pytest.mark.parametrize(("function", "name", "value"), CASES)
def test_an_argument_just_outside_its_range_is_refused_by_name(function, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        function(**arguments_of(function) | {name: value})


def test_ends_of_ranges_are_allowed():
    """Where a range is closed its ends belong to it, and the defaults are the plain values."""
    assert theory.threshold_strength(0.01) == theory.threshold_strength(0.01, 1)
    assert theory.gap_edge(0.05) == theory.gap_edge(0.05, 1.0, 0.0)
    assert theory.nu_bound(0.5, 1, 9, 0) == pytest.approx(2**0.5 * 0.5 / 9)
    assert theory.noise_level(0.5, 1, 8) == pytest.approx(0.25)
    assert theory.cramer_rao(2, 1, 1, 0.5) == pytest.approx(0.5)  # n = 1
    assert theory.samples_needed(1, 1) > 1
    assert theory.enough_measurements(1, 1, 0.5, 0.5, 0.01, 1e-3, 0.01) > 1
    assert theory.count_near_largest_law(50, 0.5) == theory.count_near_largest_law(50, 0.5, 1)
    assert theory.count_near_largest(50, 0.5) == theory.count_near_largest(50, 0.5, 1)
    equal = theory.fit_excess(0.4, 0.5, 0.8 * 0.01**0.5 * 0.5, 0.01, alpha=0.8)
    assert np.isfinite(equal), "λ = α√β μ_r is allowed"


@pytest.mark.parametrize("r", [1, 2, 3])
def test_a_crawl_needs_a_column_and_a_dimension_to_spare(r):
    assert theory.sublinear_error(10.0, 0.05, r + 1, r + 1, r) > 0
    for d, k, name in ((r, r + 1, "d"), (r + 1, r, "k")):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            theory.sublinear_error(10.0, 0.05, d, k, r)


def test_inexact_points_have_one_bound_only():
    """The second bound of Theorem 4.7 is for exact points: nothing jumps as another inexactness goes to 0."""
    for name in ("eps", "gamma", "tau", "rho"):
        given = {"nu": 0.2, "alpha": 0.5, name: 0.05}
        others = {other: 1e-12 for other in ("eps", "gamma", "tau", "rho") if other != name}
        bound = theory.closeness_bound([0.4], 1, 0.25, 0.01, 0.01, **given)
        assert bound == pytest.approx(theory.closeness_bound([0.4], 1, 0.25, 0.01, 0.01, **given, **others), rel=1e-6)
        assert bound > 1.3 * theory.closeness_bound([0.4], 1, 0.25, 0.01, 0.01, nu=0.2, alpha=0.5)
