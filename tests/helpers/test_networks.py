"""Quadratic networks are ordinary PyTorch modules, reproducible, and refuse bad input."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import gaussian, orthogonal
from torch import nn
from torch.nn.utils.prune import ln_structured, remove

from helpers.networks import QuadraticNetwork
from helpers.pruning import column_norms, prune

SIZES = [(1, 1), (3, 7), (6, 2)]


@pytest.mark.parametrize(("d", "k"), SIZES)
def test_the_network_sums_the_squares_of_its_units(d, k):
    network, x = QuadraticNetwork(d, k, scale=0.7, seed=1), gaussian(11, d, seed=0)
    U = network.factor()
    assert U.shape == (d, k)
    assert network.hidden.weight.shape == (k, d)
    assert network(x).shape == (11,)
    expected = sum((x @ U[:, j]) ** 2 for j in range(k))
    torch.testing.assert_close(network(x), expected, rtol=1e-13, atol=1e-14)


@given(seed=st.integers(0, 10**6), k=st.integers(1, 5), scale=st.floats(0.01, 10))
@settings(max_examples=20, deadline=None)
def test_turning_and_scaling_of_the_units(seed, k, scale):
    """φ_{UO} = φ_U for orthogonal O (Proposition 6.1), and φ_{aU} = a² φ_U."""
    U, x = gaussian(4, k, seed=seed), gaussian(9, 4, seed=seed + 1)
    outputs = QuadraticNetwork.from_factor(U)(x)
    torch.testing.assert_close(QuadraticNetwork.from_factor(U @ orthogonal(k, seed))(x), outputs)
    torch.testing.assert_close(QuadraticNetwork.from_factor(scale * U)(x), scale**2 * outputs)


def test_the_weights_depend_on_the_seed_and_the_scale_only():
    before = torch.get_rng_state()
    first, again = (QuadraticNetwork(40, 50, scale=0.3, seed=4).factor() for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, QuadraticNetwork(40, 50, scale=0.3, seed=5).factor())
    assert first.std().item() == pytest.approx(0.3, rel=0.05)
    QuadraticNetwork.from_factor(gaussian(4, 3, seed=0))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_from_factor_copies_the_columns(dtype):
    U = gaussian(4, 3, seed=0).to(dtype)
    network = QuadraticNetwork.from_factor(U)
    assert network.factor().dtype == dtype
    assert torch.equal(network.factor(), U)
    with torch.no_grad():
        network.hidden.weight.zero_()
    assert U.norm() > 1


def test_it_is_saved_and_copied_like_any_module():
    network, x = QuadraticNetwork(3, 4, scale=0.5, seed=2), gaussian(50, 3, seed=0)
    assert [name for name, _ in network.named_parameters()] == ["hidden.weight"]
    other = QuadraticNetwork(3, 4, scale=0.5, seed=9)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x), network(x))
    assert torch.equal(copy.deepcopy(network)(x), network(x))


@pytest.mark.parametrize("gone", [0, 1, 4, 6])
def test_structured_pruning_drops_the_same_units_as_ours(gone):
    """PyTorch masks rows of the weight matrix by norm; we drop columns of its transpose."""
    network, x = QuadraticNetwork(5, 7, scale=0.5, seed=3), gaussian(20, 5, seed=0)
    U = network.factor().detach().clone()
    small = QuadraticNetwork.from_factor(prune(U, keep=7 - gone))
    ln_structured(network.hidden, "weight", amount=gone, n=2, dim=0)
    assert torch.equal(network.factor(), prune(U[None], keep=7 - gone)[0])
    torch.testing.assert_close(network(x), small(x), rtol=1e-13, atol=1e-14)
    assert small.hidden.weight.shape == (7 - gone, 5)
    remove(network.hidden, "weight")
    assert (column_norms(network.factor()) > 0).sum() == 7 - gone
    threshold = column_norms(U).sort().values[gone].item() * (1 - 1e-9)
    assert torch.equal(prune(U, threshold=threshold), small.factor())


def test_a_subclass_can_change_what_is_made_of_the_squares():
    class Signed(QuadraticNetwork):
        def __init__(self, *sizes, classes, **options):
            super().__init__(*sizes, **options)
            self.read_out = nn.Parameter(torch.ones(classes, sizes[1], dtype=torch.float64))

        def output(self, squares):
            return squares @ self.read_out.T

    network, x = Signed(3, 4, classes=5, scale=0.5), gaussian(6, 3, seed=0)
    assert network(x).shape == (6, 5)
    plain = QuadraticNetwork.from_factor(network.factor().detach())
    torch.testing.assert_close(network(x)[:, 2], plain(x))


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (lambda: QuadraticNetwork(3, 0, scale=1.0), ValueError, "k must be an integer, .* at least 1"),
        (lambda: QuadraticNetwork(3, 2, scale=0.0), ValueError, "scale must be .*greater than 0"),
        (lambda: QuadraticNetwork(3, 2, scale=1.0)(torch.ones(5, 4)), TypeError, "x must be torch.float64"),
        (lambda: QuadraticNetwork(3, 2, scale=1.0)(gaussian(5, 4, seed=0)), ValueError, r"shape \(..., any, 3\)"),
        (lambda: QuadraticNetwork(3, 2, scale=1.0)(gaussian(2, 5, 3, seed=0)), ValueError, r"shape \(batch, 3\)"),
        (lambda: QuadraticNetwork.from_factor(gaussian(2, 3, 4, seed=0)), ValueError, r"U must have shape \(d, k\)"),
        (lambda: QuadraticNetwork.from_factor(gaussian(3, seed=0)), ValueError, "at least 2 dimensions"),
        (lambda: QuadraticNetwork.from_factor(gaussian(3, 2, seed=0) / 0), ValueError, "U must be finite"),
    ],
)
def test_bad_input_is_refused(attempt, error, message):
    with pytest.raises(error, match=message):
        attempt()
