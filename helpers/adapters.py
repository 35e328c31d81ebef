"""Low-rank adapters whose ranks the group Lasso finds (chapter 9): a frozen weight W becomes W + UVᵀ.

They are parametrizations in PyTorch's sense (`torch.nn.utils.parametrize`), so they fit any module, and it stays an
ordinary module:

    adapters = adapt(model, rank=16)                             # only U and V have gradients from here on
    optimizer = torch.optim.Adam(parameters(adapters))
    loss = loss + price(adapters, GroupLasso(0.04, 1e-3))        # in each step
    ranks = cut(adapters, GroupLasso(0.04, 1e-3).threshold)      # then train on: new optimizer, no price
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
        rank = min(rank, rows, columns)
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


def adapt(model, rank, *, seed=0, layers=(nn.Linear, nn.MultiheadAttention)):
    """Freeze `model` and put an adapter of at most `rank` pairs on every matrix of weights of its modules of the types
    `layers`: of a linear layer the weight, of attention also the projections that it keeps in one matrix.

    Returns {name of the module, for attention of its matrix: its `Adapter`}. What else shall learn, such as a new last
    layer, has to get `requires_grad_(True)` after this and a place in the optimizer. Raises TypeError or ValueError,
    also if there is no such matrix or one is parametrized already, and then the model is what it was.
    """
    rank, seed = integer("rank", rank, low=1), integer("seed", seed, low=0)
    found = {}
    for name, module in model.named_modules():
        for key in _matrices(module) if isinstance(module, layers) else ():
            found[name if key == "weight" else f"{name}.{key}".lstrip(".")] = module, key
    if not found:
        raise ValueError(f"model has no matrix of weights in modules of type {layers}: name others in `layers`")
    if taken := [name for name, (module, key) in found.items() if parametrize.is_parametrized(module, key)]:
        raise ValueError(f"{taken[0] or 'model'} is parametrized already: if by an adapter, call merge(model) first")
    model.requires_grad_(False)
    for number_, (module, key) in enumerate(found.values()):
        adapter = Adapter(getattr(module, key), rank, seed=seed + number_)
        parametrize.register_parametrization(module, key, adapter)
    return {name: module.parametrizations[key][0] for name, (module, key) in found.items()}


def _matrices(module):
    """The names of its own weights that are matrices, parametrized ones too."""
    names = [name for name, weight in module.named_parameters(recurse=False) if weight.ndim == 2]
    taken = getattr(module, "parametrizations", {})
    return names + [name for name in taken if getattr(module, name).ndim == 2]


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
    """Write W + UVᵀ into each adapted weight and take the adapters off, in place: an ordinary module again. Of a weight
    that another module shares only the adapted copy changes, and they share it no longer."""
    for module in model.modules():
        for key, chain in list(getattr(module, "parametrizations", {}).items()):
            if isinstance(chain[0], Adapter):
                merged = nn.Parameter(getattr(module, key).detach().clone(), requires_grad=chain.original.requires_grad)
                parametrize.remove_parametrizations(module, key, leave_parametrized=False)
                setattr(module, key, merged)
    return model
