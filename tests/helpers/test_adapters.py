"""Adapters: a module with them is the module it was until they are trained, and an ordinary one after merging."""

from copy import deepcopy

import pytest
import torch
from instances import gaussian
from torch import nn
from torch.nn.utils import parametrize

from helpers.adapters import adapt, cut, merge, parameters, price, sizes
from helpers.penalties import GroupLasso


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def disturbed(rank=4):
    """A network with adapters that are not zero."""
    model = network()
    adapters = adapt(model, rank)
    with torch.no_grad():
        for number, adapter in enumerate(adapters.values()):
            adapter.U.copy_(gaussian(*adapter.U.shape, seed=number))
    return model, adapters


def test_nothing_changes_at_the_start_and_only_the_factors_have_gradients():
    model, x = network(), gaussian(5, 6, seed=1)
    before = model(x)
    adapters = adapt(model, 4, seed=3)
    assert torch.equal(model(x), before)
    assert [adapter.U.shape[1] for adapter in adapters.values()] == [4, 3], "no more pairs than the layer's rank"
    model(x).square().sum().backward()
    learning = {id(p) for p in model.parameters() if p.requires_grad}
    assert learning == {id(p) for p in parameters(adapters)}


def test_an_adapter_adds_its_product():
    model, adapters = disturbed()
    plain, adapter = network(), adapters["0"]
    assert torch.allclose(model[0].weight, plain[0].weight + adapter.U @ adapter.V.T)


def test_the_price_is_the_group_lasso_of_the_pairs():
    _, adapters = disturbed()
    paid = price(adapters, GroupLasso(0.3, 0.02))
    squares = [(a.U.square().sum(0) + a.V.square().sum(0)) / 2 for a in adapters.values()]
    p = torch.cat(squares)
    assert torch.isclose(paid, 0.3 * (p / (p + 0.02).sqrt()).sum())
    paid.backward()
    assert all(factor.grad is not None for factor in parameters(adapters))
    assert torch.allclose(torch.cat(list(sizes(adapters).values())).square().sort().values, p.sort().values)


def test_a_cut_drops_the_small_pairs_and_no_others():
    model, adapters = disturbed()
    x, threshold = gaussian(5, 6, seed=1), sizes(adapters)["0"][2].item()
    expected = deepcopy(model)
    with torch.no_grad():
        for module in (expected[0], expected[2]):
            adapter = module.parametrizations.weight[0]
            small = adapter.joined().norm(dim=0) <= threshold
            adapter.U[:, small] = 0
    ranks = cut(adapters, threshold)
    assert ranks["0"] == 2
    assert ranks == {name: adapter.V.shape[1] for name, adapter in adapters.items()}
    assert torch.allclose(model(x), expected(x))


def test_all_pairs_may_go():
    model, adapters = disturbed()
    assert set(cut(adapters, 1e6).values()) == {0}
    assert torch.allclose(model(gaussian(5, 6, seed=1)), network()(gaussian(5, 6, seed=1)))


def test_merging_leaves_an_ordinary_module_with_the_same_outputs():
    model, _ = disturbed()
    x = gaussian(5, 6, seed=1)
    before = model(x)
    assert merge(model) is model
    assert torch.allclose(model(x), before)
    plain = network()
    plain.load_state_dict(model.state_dict())
    assert torch.allclose(plain(x), before)


def test_attention_is_adapted_with_its_projections():
    model, x = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True), gaussian(3, 5, 8, seed=1).float()
    adapters = adapt(model, 3)
    assert set(adapters) == {"self_attn.in_proj_weight", "self_attn.out_proj", "linear1", "linear2"}
    before = model(x)
    with torch.no_grad():
        for adapter in adapters.values():
            adapter.U += 0.1
    model(x).sum().backward()
    assert all(factor.grad.norm() > 0 for factor in parameters(adapters) if factor.shape[0] == 24)
    after = model(x).detach()
    assert (after - before).norm() > 0.1
    with torch.no_grad():
        assert torch.allclose(model.eval()(x), after, atol=1e-5), "PyTorch's shortcut sees the adapters, too"
    assert torch.allclose(merge(model)(x), after, atol=1e-5)
    assert type(model.self_attn) is nn.MultiheadAttention


def test_merging_leaves_a_shared_weight_to_the_other_module():
    model = nn.ModuleDict({"words": nn.Embedding(5, 4), "scores": nn.Linear(4, 5, bias=False)})
    model["scores"].weight = model["words"].weight
    words = model["words"].weight.detach().clone()
    with torch.no_grad():
        adapt(model, 2)["scores"].U += 1
    weight = model["scores"].weight.detach()
    merge(model)
    assert torch.equal(model["scores"].weight, weight)
    assert torch.equal(model["words"].weight, words)


def test_merging_leaves_other_parametrizations_alone():
    model = nn.ModuleList([nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Linear(4, 3)])
    with pytest.raises(ValueError, match="parametrized already"):
        adapt(model, 2)
    adapt(model[1], 2)
    merge(model)
    assert parametrize.is_parametrized(model[0])
    assert not parametrize.is_parametrized(model[1])


def test_a_module_without_linear_layers_and_one_with_adapters_are_refused():
    with pytest.raises(ValueError, match="no matrix of weights"):
        adapt(nn.Sequential(nn.Tanh()), 2)
    model = network()
    adapt(model, 2)
    with pytest.raises(ValueError, match="parametrized already"):
        adapt(model, 2)
    with pytest.raises(ValueError, match="rank"):
        adapt(network(), 0)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"rank": 0}, "rank"), ({"rank": 2, "seed": -1}, "seed"), ({"rank": 2, "layers": (nn.Conv2d,)}, "no matrix")],
)
def test_a_model_that_is_refused_can_still_be_trained(wrong, word):
    model = network()
    with pytest.raises(ValueError, match=word):
        adapt(model, **wrong)
    assert all(weight.requires_grad for weight in model.parameters())
