"""Low-rank adapters whose ranks the group Lasso finds (chapter 9): a frozen weight W becomes W + UVᵀ.

They are parametrizations in PyTorch's sense (`torch.nn.utils.parametrize`), so they fit any module, and it stays an
ordinary module:

    adapters = adapt(model, rank=16)                             # only U and V have gradients from here on
    optimizer = torch.optim.Adam(parameters(adapters))
    loss = loss + price(adapters, GroupLasso(0.04, 1e-3))        # in each step
    ranks = cut(adapters, GroupLasso(0.04, 1e-3).threshold)      # then train on without the price
    merge(model)                                                 # the weights are plain again, adapter included
"""

import torch
from torch import nn
from torch.nn.utils import parametrize

from helpers.arguments import generator, integer, number
from helpers.factors import join
from helpers.pruning import column_norms


class Adapter(nn.Module):
    """W ↦ W + UVᵀ, U (d₁, k) and V (d₂, k) for a weight W (d₁, d₂). At the start U = 0, so nothing changes, and V has
    entries N(0, 1/d₂), as is usual for low-rank adapters; k is at most min(d₁, d₂)."""

    def __init__(self, weight, rank, seed=0):
        super().__init__()
        rows, columns = weight.shape
        rank = min(integer("rank", rank, low=1), rows, columns)
        draw = torch.randn(columns, rank, generator=generator(seed), dtype=torch.float64) / columns**0.5
        self.U = nn.Parameter(weight.new_zeros(rows, rank))
        self.V = nn.Parameter(draw.to(weight))

    def forward(self, weight):
        return weight + self.U @ self.V.T

    def joined(self):
        """Z = (U; V)/√2, whose columns the group Lasso sees."""
        return join(self.U, self.V)

    def keep(self, kept):
        """Only the pairs `kept` (a boolean for each) stay, as new and smaller parameters."""
        self.U, self.V = (nn.Parameter(factor.detach()[:, kept].clone()) for factor in (self.U, self.V))


def adapt(model, rank, *, seed=0, layers=nn.Linear):
    """Freeze `model` and put an adapter of at most `rank` pairs on the weight of each of its modules of type `layers`.

    Returns {name of the module: its `Adapter`}. Raises ValueError if there is none, or if one has an adapter already.
    """
    model.requires_grad_(False)
    found = {name: module for name, module in model.named_modules() if isinstance(module, layers)}
    if not found:
        raise ValueError(f"model has no module of type {layers} to adapt: name its linear layers in `layers`")
    if taken := [name for name, module in found.items() if parametrize.is_parametrized(module)]:
        raise ValueError(f"{taken[0]} has an adapter already: call merge(model) first")
    for number_, module in enumerate(found.values()):
        adapter = Adapter(module.weight, rank, seed=integer("seed", seed, low=0) + number_)
        parametrize.register_parametrization(module, "weight", adapter)
    return {name: module.parametrizations.weight[0] for name, module in found.items()}


def parameters(adapters):
    """All U and V, a list, for `torch.optim`."""
    return [factor for adapter in adapters.values() for factor in adapter.parameters()]


def price(adapters, penalty):
    """The penalty on the pairs of all adapters, a number with gradients: λ Σ_l Σ_i h(½(‖u_i‖² + ‖v_i‖²)), as in
    Theorem 9.2 for several matrices."""
    return sum(penalty.value(adapter.joined()) for adapter in adapters.values())


def sizes(adapters):
    """{name: √p_i of its pairs, largest first}."""
    norms = {name: column_norms(adapter.joined().detach()) for name, adapter in adapters.items()}
    return {name: norm.sort(descending=True).values for name, norm in norms.items()}


def cut(adapters, threshold):
    """Drop all pairs with √p_i ≤ threshold (≥ 0), in place: {name: how many are left}. Make a new optimizer then."""
    threshold = number("threshold", threshold, low=0)
    for adapter in adapters.values():
        adapter.keep(column_norms(adapter.joined().detach()) > threshold)
    return {name: adapter.U.shape[1] for name, adapter in adapters.items()}


def merge(model):
    """Write W + UVᵀ into each adapted weight and take the adapters off, in place: an ordinary module again."""
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    return model
