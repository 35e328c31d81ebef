"""The penalties: derivatives against autograd, limits and bad input."""

import math

import pytest
import torch

from helpers.penalties import ColumnPower, GroupLasso, WeightDecay

PENALTIES = [
    GroupLasso(0.7, 0.05),
    WeightDecay(0.3),
    ColumnPower(0.7, 1.5, 0.1),
    ColumnPower(0.7, 2, 0.1),
    ColumnPower(2.0, 3, 0.1),
]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("shape", [(5, 3), (4, 5, 3)])
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_gradient_and_hessian_agree_with_autograd(penalty, shape):
    U, V = random(*shape).requires_grad_(), random(*shape, seed=1)
    (slope,) = torch.autograd.grad(penalty.value(U).sum(), U)
    _, bend = torch.autograd.functional.hvp(lambda U: penalty.value(U).sum(), U.detach(), V)
    assert penalty.value(U).shape == shape[:-2]
    assert relative(penalty.gradient(U.detach()), slope) < 1e-10
    assert relative(penalty.hessian_vector(U.detach(), V), bend) < 1e-9


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_the_profile_derivatives_agree_with_autograd_at_zero_too(penalty):
    x = torch.cat([torch.zeros(1), torch.logspace(-6, 2, 30)]).double().requires_grad_()
    (first,) = torch.autograd.grad(penalty.h(x).sum(), x, create_graph=True)
    assert torch.allclose(penalty.dh(x), first, rtol=1e-12)
    second = torch.autograd.grad(first.sum(), x)[0] if first.requires_grad else torch.zeros_like(x)
    assert torch.allclose(penalty.d2h(x), second, rtol=1e-10)


def test_the_group_lasso_has_the_formulas_of_the_book():
    penalty, x = GroupLasso(1.0, 0.2), torch.linspace(0, 3, 50, dtype=torch.float64)
    assert torch.allclose(penalty.h(x), x / (x + 0.2).sqrt())
    assert torch.allclose(penalty.dh(x), (x + 0.4) / (2 * (x + 0.2) ** 1.5))
    assert torch.allclose(penalty.d2h(x), -(x + 0.8) / (4 * (x + 0.2) ** 2.5))
    assert penalty.threshold == pytest.approx(2 * math.sqrt(0.2))
    assert (penalty.d2h(x) < 0).all()


def test_the_group_lasso_tends_to_the_sum_of_column_norms():
    U = random(6, 4)
    gaps = [abs(GroupLasso(1.0, beta).value(U) - U.norm(dim=0).sum()).item() for beta in (1e-2, 1e-4, 1e-6)]
    assert gaps[0] > 50 * gaps[1] > 2500 * gaps[2] > 0


def test_weight_decay_is_the_squared_frobenius_norm():
    U = random(6, 4)
    assert torch.allclose(WeightDecay(0.3).value(U), 0.3 * U.square().sum())


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_no_direction_curves_more_than_the_stated_largest_curvature(penalty):
    for U in (random(5, 3), torch.zeros(5, 3, dtype=torch.float64)):
        hessian = torch.autograd.functional.hessian(penalty.value, U + 1e-12).reshape(15, 15)
        assert torch.linalg.eigvalsh(hessian)[-1] <= penalty.largest_curvature(U) * (1 + 1e-6)


@pytest.mark.parametrize("strength", [-0.1, math.nan, math.inf])
def test_a_bad_strength_is_refused(strength):
    for make in (lambda: GroupLasso(strength, 0.1), lambda: WeightDecay(strength)):
        with pytest.raises(ValueError, match="strength must be"):
            make()


@pytest.mark.parametrize("smoothing", [-0.1, 0, math.nan])
def test_a_bad_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match="smoothing must be"):
        GroupLasso(0.1, smoothing)


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="exponent must be"):
        ColumnPower(0.1, 0, 0.1)
    with pytest.raises(TypeError, match="strength must be a real number"):
        GroupLasso("0.1", 0.1)
    with pytest.raises(ValueError, match="U must be finite"):
        GroupLasso(0.1, 0.1).value(torch.full((3, 2), math.nan))


def test_one_strength_a_run_equals_runs_one_by_one():
    U, V = random(3, 5, 4), random(3, 5, 4, seed=1)
    strengths, smoothings = torch.tensor([0.1, 0.5, 2.0]).double(), torch.tensor([0.3, 0.02, 0.1]).double()
    together = GroupLasso(strengths, smoothings)
    alone = [GroupLasso(s.item(), b.item()) for s, b in zip(strengths, smoothings, strict=True)]
    calls = {"value": (U,), "gradient": (U,), "hessian_vector": (U, V), "largest_curvature": (U,)}
    for name, arguments in calls.items():
        expected = torch.stack([getattr(p, name)(*(a[i] for a in arguments)) for i, p in enumerate(alone)])
        assert torch.allclose(getattr(together, name)(*arguments), expected, rtol=1e-13)
    assert repr(together) == "GroupLasso(strength=<3 values>, smoothing=<3 values>)"
    with pytest.raises(ValueError, match="strength must be finite and at least 0"):
        GroupLasso(-strengths, smoothings)


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_a_vector_is_no_factor_and_no_columns_cost_nothing(penalty):
    with pytest.raises(ValueError, match="U must have at least 2 dimensions"):
        penalty.value(random(5))
    assert penalty.value(random(5, 0)) == 0
