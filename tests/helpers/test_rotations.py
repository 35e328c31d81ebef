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

SHAPES = [(1, 1), (1, 7), (3, 3), (2, 40), (5, 6)]


@pytest.fixture
def U():
    scales = torch.tensor([3, 1, 0.1], dtype=torch.float64)
    return scales[:, None] * torch.randn(3, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("r", "k"), SHAPES)
def test_rows_of_a_frame_are_orthonormal(r, k):
    W = random_frame(r, k, seed=1, batch=(4, 2))
    assert W.shape == (4, 2, r, k)
    assert W.dtype == torch.float64
    assert (W @ W.mT - torch.eye(r)).abs().max() < 1e-12


def test_a_frame_is_the_positive_triangular_normalisation_of_its_gaussian_matrix():
    G = torch.randn(8, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64).T
    expected = torch.linalg.solve_triangular(torch.linalg.cholesky(G @ G.T), G, upper=False)
    assert torch.allclose(random_frame(3, 8, seed=5), expected, atol=1e-10)


@pytest.mark.parametrize(("r", "k"), [(1, 6), (2, 6), (6, 6)])
def test_every_entry_has_the_uniform_law(r, k):
    W = random_frame(r, k, seed=2, batch=(4000,))
    for entry in (W[:, 0, 0], W[:, -1, -1]):
        assert stats.kstest(entry.square(), stats.beta(0.5, (k - 1) / 2).cdf).pvalue > 1e-3
        assert abs((entry > 0).double().mean() - 0.5) < 0.03
    assert abs((W[:, 0, 0] * W[:, -1, -1]).mean()) < (0.01 if r > 1 else 0.02)


def test_seeds_reproduce_and_differ():
    assert torch.equal(random_frame(2, 5, seed=3), random_frame(2, 5, seed=3))
    assert not torch.equal(random_frame(2, 5, seed=3), random_frame(2, 5, seed=4))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"r": 3, "k": 2}, ValueError),
        ({"r": 0, "k": 2}, ValueError),
        ({"r": 1, "k": 0}, ValueError),
        ({"r": 1.0, "k": 2}, TypeError),
        ({"r": 1, "k": 2, "seed": -1}, ValueError),
        ({"r": 1, "k": 2, "batch": (0,)}, ValueError),
    ],
)
def test_bad_arguments_are_named(arguments, error):
    with pytest.raises(error, match="must be"):
        random_frame(**arguments)


def test_orthogonal_columns_stay_on_the_fibre(U):
    V = orthogonal_columns(U.expand(2, 3, 11))
    assert V.shape == (2, 3, 11)
    gram = V[1].T @ V[1]
    assert (gram - gram.diag().diag()).abs().max() < 1e-12
    assert torch.allclose(V[0] @ V[0].T, U @ U.T, atol=1e-12)
    assert (column_norms(V[0]) > 0).tolist() == [True] * 3 + [False] * 8
    assert (column_norms(V[0]).diff() <= 0).all()


def test_orthogonal_columns_count_the_rank():
    low = torch.ones(5, 4, dtype=torch.float64)
    assert (column_norms(orthogonal_columns(low)) > 0).sum() == 1
    assert orthogonal_columns(torch.zeros(2, 3)).abs().max() == 0


@pytest.mark.parametrize("k", [1, 2, 3, 11])
def test_equal_columns_have_one_norm_and_stay_on_the_fibre(U, k):
    V = equal_columns(U[:, :k])
    assert column_norms(V).tolist() == pytest.approx([U[:, :k].norm().item() / k**0.5] * k, rel=1e-12)
    assert torch.allclose(V @ V.T, U[:, :k] @ U[:, :k].T, atol=1e-11)


def test_equal_columns_of_special_matrices():
    for V in (torch.eye(3, 7, dtype=torch.float64), torch.ones(2, 5, dtype=torch.float64), torch.zeros(2, 3)):
        assert column_norms(equal_columns(V)).std() < 1e-12
    with pytest.raises(ValueError, match=r"shape \(d, k\)"):
        equal_columns(torch.zeros(2, 3, 4))


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


def test_bad_columns_of_a_rotation_are_named():
    with pytest.raises(ValueError, match="two different columns"):
        rotate(points(), 2, 2, 0.1)
    with pytest.raises(ValueError, match="j must be an integer"):
        rotate(points(), 2, 5, 0.1)


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


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_extreme_members_depend_on_x_only_and_scale(d, k, seed, scale):
    """Rotating U first changes neither their norms nor X; scaling U scales them."""
    U = gaussian(d, k, seed=seed)
    for member in (orthogonal_columns, equal_columns):
        V, turned = member(U), member(scale * U @ orthogonal(k, seed))
        assert torch.allclose(V @ V.T, U @ U.T, atol=1e-9)
        assert torch.allclose(turned @ turned.T, scale**2 * U @ U.T, atol=1e-9 * scale**2)
        assert torch.allclose(column_norms(turned), scale * column_norms(V), atol=1e-7 * scale)


def test_single_precision_stays():
    U = gaussian(4, 7, seed=0).float()
    for V in (orthogonal_columns(U), equal_columns(U)):
        assert V.dtype == torch.float32
        assert torch.allclose(V @ V.T, U @ U.T, atol=1e-5)
    assert (column_norms(orthogonal_columns(U)) > 0).sum() == 4
