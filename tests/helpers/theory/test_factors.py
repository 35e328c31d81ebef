"""Closed forms of chapter 9."""

import numpy as np
import pytest
import torch
from instances import gaussian

from helpers import theory


@pytest.mark.parametrize("strength", [0.01, 0.3, 4.0])
@pytest.mark.parametrize("kappa", [1.0, 2.5])
def test_on_the_path_the_threshold_is_the_edge_of_the_gap(strength, kappa):
    beta = theory.path_smoothing(strength, kappa)
    assert np.isclose(theory.threshold_strength(beta, kappa), strength)
    assert np.isclose(theory.gap_edge(strength, kappa, beta), 2 * beta**0.5)
    with pytest.raises(ValueError, match=r"strength must be .*greater than 0"):
        theory.path_smoothing(0, kappa)


def test_the_free_numbers_are_the_dimension_of_the_tangent_space():
    U, V = gaussian(5, 2, seed=1), gaussian(4, 2, seed=2)
    moves = [torch.outer(a, v) for v in V.T for a in torch.eye(5, dtype=U.dtype)]
    moves += [torch.outer(u, b) for u in U.T for b in torch.eye(4, dtype=U.dtype)]
    dimension = torch.linalg.matrix_rank(torch.stack(moves).flatten(1))
    assert theory.pair_size(5, 4, 2) == (18, dimension)
    assert theory.pair_size(5, 4, 0) == (0, 0)


@pytest.mark.parametrize("share", [0, -0.1, 1.2, "half"])
def test_shares_that_are_none_are_refused(share):
    with pytest.raises((TypeError, ValueError), match="share"):
        theory.entry_curvature(share)
    assert theory.entry_curvature(1) == 1
