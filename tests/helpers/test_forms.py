"""Both forms of the data give one loss, the cheaper is taken, what does not fit is refused before it is allocated."""

import pytest
import torch

from helpers import forms
from helpers.arguments import ENSEMBLES
from helpers.problems import Empirical, ground_truth
from helpers.stack import Stack
from helpers.training import gaussian_init, train


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_both_forms_are_the_same_loss(ensemble):
    truth, U = ground_truth(6, 2, seed=1), ground_truth(6, 3, seed=2)
    gram, rows = (Empirical.sample(truth, 50, noise=0.2, ensemble=ensemble, form=form) for form in forms.FORMS)
    assert (gram.gram is None, rows.gram is None) == (False, True)
    torch.testing.assert_close(gram.loss(U), rows.loss(U), rtol=1e-12, atol=0)
    torch.testing.assert_close(gram.gradient(U), rows.gradient(U), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("ensemble", "d", "n", "steps", "form"),
    [
        ("gaussian", 50, 5000, 400, "gram"),
        ("gaussian", 50, 5000, 10, "rows"),  # building would cost more than the ten steps save
        ("gaussian", 50, 600, 10**6, "rows"),  # n ≤ D/2: the rows are fewer numbers than the Gram matrix
        ("gaussian", 50, 700, 10**6, "gram"),
        ("rank-one", 50, 5000, 100, "rows"),
        ("rank-one", 50, 5000, 10**4, "gram"),  # the same data serve many runs
        ("rank-one", 200, 100_000, 400, "rows"),
    ],
)
def test_the_cheaper_form_is_taken(ensemble, d, n, steps, form):
    assert forms.cheapest(ensemble, d, n, steps=steps) == form


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_a_step_on_a_gram_matrix_does_not_depend_on_n_and_a_step_on_rows_does(ensemble):
    def step(form, n):
        return forms.cost(form, ensemble, 9, n, steps=1) - forms.cost(form, ensemble, 9, n, steps=0)

    assert step("gram", 100) == step("gram", 10_000) > 0
    assert step("rows", 10_000) == 100 * step("rows", 100) > 0


def test_where_the_gram_matrix_does_not_fit_the_rows_are_read():
    small = forms.memory("rows", "rank-one", 30, 10**5) + 1
    assert forms.cheapest("rank-one", 30, 10**5) == "gram"
    assert forms.cheapest("rank-one", 30, 10**5, free=small) == "rows"


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_estimate_covers_what_is_kept(ensemble, form):
    problem = Empirical.sample(ground_truth(8, 1).float(), 500, ensemble=ensemble, form=form)
    kept = [problem.design, problem.y, problem.gram if form == "gram" else problem.y]
    assert forms.memory(form, ensemble, 8, 500, itemsize=4) >= sum(tensor.nbytes for tensor in kept)


def test_an_accelerator_is_given_as_many_rows_as_it_has_room_for(monkeypatch):
    monkeypatch.setattr(forms, "total_memory", lambda device: 80 * 10**9)
    many = forms.rows_at_once(400, itemsize=4, device="cuda")
    assert many == 80 * 10**9 // 16 // (400 * 4) > 100_000  # W4 in one chunk
    assert forms.rows_at_once(800, itemsize=4, device="cuda") == many // 2
    assert forms.rows_at_once(10**9, device="cuda") == forms.rows_at_once(400, device="cpu") == forms.CHUNK


@pytest.mark.parametrize("k", [3, 5])  # columns of U: few are multiplied with the rows, more as UUᵀ
@pytest.mark.parametrize("rows", [7, 50])
def test_how_many_rows_are_handled_at_once_changes_nothing(monkeypatch, rows, k):
    problem, U = Empirical.sample(ground_truth(6, 2), 50, ensemble="rank-one", form="rows"), ground_truth(6, k)
    batch, asked = torch.stack([U, -2 * U]), []
    expected = problem.loss_and_gradient(batch)
    monkeypatch.setattr(forms, "rows_at_once", lambda numbers, **how: asked.append((numbers, how)) or rows)
    for found, same in zip(problem.loss_and_gradient(batch), expected, strict=True):
        torch.testing.assert_close(found, same, rtol=1e-12, atol=1e-13)
    assert {numbers for numbers, _ in asked} == {2 * (k if k == 3 else 6)}
    assert all(how == {"itemsize": 8, "device": U.device} for _, how in asked)


def test_what_does_not_fit_is_refused_with_the_estimate_before_it_is_drawn():
    with pytest.raises(MemoryError, match=r"d = 300, n = 1000000000 needs about 3.61e\+05 GB, .* GB are free on c"):
        Empirical.sample(ground_truth(300, 1), 10**9)
    with pytest.raises(MemoryError, match=r"take a smaller n or d, float32\."):
        Empirical.sample(ground_truth(300, 1), 10**12, ensemble="rank-one")


def test_a_stack_and_a_history_that_do_not_fit_are_refused(monkeypatch):
    problems = [Empirical.sample(ground_truth(4, 1), 40, seed=seed) for seed in range(3)]
    monkeypatch.setattr(forms, "free_memory", lambda device: 3 * 800)  # a Gram matrix has 800 bytes
    with pytest.raises(MemoryError, match="a stack of 3 problems with d = 4 needs"):
        Stack(problems)
    with pytest.raises(MemoryError, match=r"keeping 11 iterates of shape \(4, 4\) needs"):
        train(problems[0], gaussian_init(4, 4, scale=0.1), steps=20, record=11, keep_iterates=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"form": "dense"}, ValueError, "form must be one of 'gram', 'rows'"),
        ({"steps": -1}, ValueError, "steps must be"),
        ({"steps": 1.5}, TypeError, "steps must be an integer"),
    ],
)
def test_bad_forms_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        Empirical.sample(ground_truth(3, 1), 5, **options)
