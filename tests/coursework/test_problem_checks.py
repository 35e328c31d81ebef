"""helpers/checks.py: what the checks of the problem sets accept, and what they say."""

import numpy as np
import pytest
import torch

from helpers.checks import checks, draw, parts, result, same, slope, symmetric


def test_draws_are_seeded_and_symmetric_where_promised():
    assert torch.equal(draw(3, 2, seed=5), draw(3, 2, seed=5))
    assert not torch.equal(draw(3, 2, seed=5), draw(3, 2, seed=6))
    A = symmetric(4, 3, 3, seed=1)
    assert torch.equal(A, A.mT)
    assert A.dtype == torch.float64


def test_slope_is_a_directional_derivative():
    U, V = draw(3, 2, seed=1), draw(3, 2, seed=2)
    assert abs(slope(lambda W: (W**3).sum(), U, V) - (3 * U**2 * V).sum()) < 1e-8


@pytest.mark.parametrize("answer", [2.0, 2, np.float64(2), np.array(2.0), torch.tensor(2.0), torch.tensor(2)])
def test_numbers_of_all_kinds_are_answers(answer):
    assert result(answer, "x", ()).dtype == torch.float64
    same(answer, 2.0, "x")


def test_arrays_lists_and_tensors_that_ask_for_gradients_are_answers():
    want = torch.tensor([1.0, 2.0])
    for answer in ([1, 2], np.array([1.0, 2.0]), want.clone().requires_grad_()):
        same(answer, want, "x")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (None, "x is None: does your function return its result"),
        ("two", "x must be a tensor, an array or a number, got str"),
        ([1.0], r"x has shape \(1,\), expected \(2,\)"),
        ([1.0, float("nan")], "x has NaN or infinite entries"),
        ([2.0, 4.0], "x is right up to the factor 2. Half of it"),
        ([-1.0, -2.0], "x is right up to the factor -1 and has the wrong sign"),
        ([1.0, 2.1], "x is wrong, not only by a factor"),
        ([2.0, -1.0], "x is wrong, not only by a factor"),
    ],
)
def test_wrong_answers_are_told_what_is_wrong(answer, sentence):
    with pytest.raises(AssertionError, match=sentence):
        same(answer, torch.tensor([1.0, 2.0]), "x", {2: "Half of it is right."})


@pytest.mark.parametrize("answer", [(1, 2), [1, 2], np.array([1, 2]), torch.tensor([1, 2])])
def test_several_things_come_as_a_tuple_a_list_or_numbers_in_an_array(answer):
    assert parts(answer, 2, "two numbers: (a, b)") == (1, 2)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(None, "is None"), (torch.ones(2, 2), "is a Tensor"), ((1, 2, 3), "has length 3"), ((1, None), "A part of yours")],
)
def test_what_is_not_as_many_things_is_told_which_are_asked_for(answer, why):
    with pytest.raises(AssertionError, match=rf"Return two numbers: \(a, b\)\. .*{why}"):
        parts(answer, 2, "two numbers: (a, b)")


def test_a_number_off_by_a_known_factor_gets_its_hint():
    with pytest.raises(AssertionError, match=r"6 instead of 3.*Once is enough"):
        same(6.0, 3.0, "x", {2: "Once is enough."})


def test_nothing_but_nothing_equals_nothing():
    same(torch.zeros(2), torch.zeros(2), "x")
    with pytest.raises(AssertionError):
        same(torch.ones(2), torch.zeros(2), "x")


def notebook(**names):
    """The namespace of a notebook in which a check of `answer` was defined, and then these names."""
    cell = "@checks('answer')\ndef check(n, *, times=2):\n    same(sum([answer(n)] * times), 6.0, 'the sum')"
    namespace = {"checks": checks}
    exec(cell, namespace)
    return namespace | names


def test_a_check_takes_the_answer_as_it_is_when_it_runs_and_nothing_else_of_the_notebook():
    cell = notebook(answer=lambda n: n, same=1, sum=2, torch=3)
    cell["check"].__wrapped__.__globals__.update(cell)
    cell["check"](3)
    with pytest.raises(AssertionError, match="8 instead of 6"):
        cell["check"](4)


def test_without_an_answer_the_check_says_so():
    with pytest.raises(NameError, match="no answer to check"):
        notebook()["check"](3)
