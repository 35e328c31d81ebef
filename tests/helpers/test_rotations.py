"""Random frames are frames, uniformly distributed; the two extreme members of a fibre lie on it; plane rotations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import gaussian, orthogonal
from scipy import stats

from helpers.pruning import column_norms
from helpers.rotations import equal_columns, largest_cosine, orthogonal_columns, random_frame, rotate
from helpers.training import gaussian_init


@pytest.mark.parametrize(("r", "k"), [(1, 1), (1, 7), (3, 3), (3, 8)])
def test_a_frame_is_the_positive_triangular_normalisation_of_its_gaussian_matrix(r, k):
    W = random_frame(r, k, seed=5, batch=(2, 4))
    assert (W @ W.mT - torch.eye(r)).abs().max() < 1e-12
    G = torch.randn(2, 4, k, r, generator=torch.Generator().manual_seed(5), dtype=torch.float64).mT
    expected = torch.linalg.solve_triangular(torch.linalg.cholesky(G @ G.mT), G, upper=False)
    assert torch.allclose(W, expected, atol=1e-10)


def test_every_entry_of_an_orthogonal_matrix_has_the_uniform_law():
    """For flatter frames: the rows of Lemma 3.4 and Theorem 3.5 in the ledger."""
    W = random_frame(6, 6, seed=2, batch=(4000,))
    for entry in (W[:, 0, 0], W[:, -1, -1]):
        assert stats.kstest(entry.square(), stats.beta(0.5, 2.5).cdf).pvalue > 1e-3
        assert abs((entry > 0).double().mean() - 0.5) < 0.03


BAD = [
    (lambda: random_frame(3, 2), ValueError, "r must be .*at most 2, got 3"),
    (lambda: random_frame(0, 2), ValueError, "r must be .*at least 1"),
    (lambda: random_frame(1.0, 2), TypeError, "r must be an integer"),
    (lambda: random_frame(1, 2, seed=-1), ValueError, "seed must be"),
    (lambda: random_frame(1, 2, batch=(0,)), ValueError, "batch must be"),
    (lambda: equal_columns(torch.zeros(2, 3, 4)), ValueError, r"shape \(d, k\)"),
    (lambda: rotate(points(), 2, 2, 0.1), ValueError, "two different columns"),
    (lambda: rotate(points(), 2, 5, 0.1), ValueError, "j must be an integer"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 11), st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_extreme_members_of_a_fibre(d, k, seed, scale):
    """They lie on it, and their norms depend on X only: rotating U first changes nothing, scaling U scales them."""
    U = gaussian(d, k, seed=seed)
    few, level = orthogonal_columns(U), equal_columns(U)
    gram = few.T @ few
    assert (gram - gram.diag().diag()).abs().max() < 1e-12 * gram.max()
    assert (column_norms(few).diff() <= 0).all()
    assert column_norms(level).tolist() == pytest.approx([U.norm().item() / k**0.5] * k, rel=1e-12)
    for member, V in ((orthogonal_columns, few), (equal_columns, level)):
        turned = member(scale * U @ orthogonal(k, seed))
        assert torch.allclose(V @ V.T, U @ U.T, atol=1e-9)
        assert torch.allclose(turned @ turned.T, scale**2 * U @ U.T, atol=1e-9 * scale**2)
        assert torch.allclose(column_norms(turned), scale * column_norms(V), atol=1e-7 * scale)


def test_orthogonal_columns_count_the_rank_of_each_of_a_batch():
    low, full = torch.ones(3, 5, dtype=torch.float64), gaussian(3, 5, seed=0)
    V = orthogonal_columns(torch.stack([low, full, 0 * low]))
    assert (column_norms(V) > 0).sum(-1).tolist() == [1, 3, 0]
    assert torch.allclose(V[1], orthogonal_columns(full))


def test_equal_columns_of_special_matrices():
    for V in (torch.eye(3, 7, dtype=torch.float64), torch.ones(2, 5, dtype=torch.float64), torch.zeros(2, 3)):
        assert column_norms(equal_columns(V)).std() < 1e-12


def test_single_precision_stays():
    U = gaussian(4, 7, seed=0).float()
    for V in (orthogonal_columns(U), equal_columns(U)):
        assert V.dtype == torch.float32
        assert torch.allclose(V @ V.T, U @ U.T, atol=1e-5)
    assert (column_norms(orthogonal_columns(U)) > 0).sum() == 4


def points(*batch):
    return gaussian_init(6, 5, scale=0.6, batch=batch)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_rotation_keeps_the_matrix_and_turns_two_columns(batch):
    U, theta = points(*batch), torch.linspace(-2, 2, 4, dtype=torch.float64)
    turned = rotate(U, 1, 4, theta)
    assert turned.shape == (4, *U.shape)
    assert torch.allclose(turned @ turned.mT, (U @ U.mT).expand(4, *batch, 6, 6), atol=1e-12)
    assert torch.equal(turned[..., [0, 2, 3]], U[..., [0, 2, 3]].expand(4, *batch, 6, 3))
    first = theta[1].cos() * U[..., 1] + theta[1].sin() * U[..., 4]
    assert torch.allclose(turned[1, ..., 1], first)
    assert torch.allclose(rotate(U, 1, 4, 0.3), rotate(U, 4, 1, -0.3))
    assert torch.allclose(rotate(rotate(U, 0, 1, 0.3), 0, 1, -0.3), U)


def test_largest_cosine_looks_at_large_columns_only():
    U = torch.tensor([[1.0, 3.0, 0.01, 0.0], [0.0, 4.0, 0.0, 0.0]], dtype=torch.float64)
    assert largest_cosine(U) == pytest.approx(1)
    assert largest_cosine(U, threshold=0.1) == pytest.approx(0.6)
    assert largest_cosine(U, threshold=2) == 0
    opposite = torch.tensor([[1.0, -0.6], [0.0, 0.8]], dtype=torch.float64)
    assert largest_cosine(opposite) == pytest.approx(0.6)
    assert largest_cosine(opposite, threshold=1.0) == 0  # norms of exactly the threshold do not count
    assert largest_cosine(torch.stack([U, 2 * U]), threshold=0.015).tolist() == pytest.approx([0.6, 1])
    assert largest_cosine(U[:, :1]) == 0


def test_orthogonal_columns_of_a_batch_are_those_of_its_members():
    U = gaussian(2, 4, 6, seed=3)
    assert torch.allclose(orthogonal_columns(U), torch.stack([orthogonal_columns(member) for member in U]))


def test_the_first_column_may_come_second_and_a_batch_may_be_of_one():
    U = gaussian(4, 3, seed=4)
    assert torch.allclose(rotate(U, 2, 0, 0.3), rotate(U, 0, 2, -0.3))
    assert torch.equal(random_frame(2, 5, seed=1, batch=(1,))[0], random_frame(2, 5, seed=1))
