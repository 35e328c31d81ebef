"""Networks with one hidden layer of quadratic units, as ordinary `torch.nn` modules (chapters 6 and 7).

x ↦ Σ_j (u_jᵀx)² = ⟨xxᵀ, UUᵀ⟩: hidden unit j holds column j of U, so that fitting the network to data is matrix sensing
with the rank-one measurements A = xxᵀ, and removing a unit is pruning a column (Proposition 6.1).
"""

import torch
from torch import nn

from helpers.arguments import tensor
from helpers.training import gaussian_init


class QuadraticNetwork(nn.Module):
    """k hidden units u_j with the activation t ↦ t², and the sum of what they put out: x ↦ Σ_j (u_jᵀx)².

    d, k ≥ 1: numbers of inputs and hidden units. scale: the standard deviation of the random weights, > 0. seed: of
    that draw. The weights are `hidden.weight` (k, d), one unit a row; what is made of the squares stands in `output`,
    for a subclass to change. Raises TypeError or ValueError.
    """

    def __init__(self, d, k, *, scale, seed=0):
        super().__init__()
        U = gaussian_init(d, k, scale=scale, seed=seed)
        # nn.Linear would draw weights of its own from the global random state
        self.hidden = nn.utils.skip_init(nn.Linear, d, k, bias=False, dtype=U.dtype)
        with torch.no_grad():
            self.hidden.weight.copy_(U.T)

    @classmethod
    def from_factor(cls, U):
        """The network whose units are the columns of U (d, k): a copy, with the dtype and on the device of U.

        Raises TypeError or ValueError, as for a U that is not a finite floating-point matrix.
        """
        if tensor("U", U, ndim=2).ndim != 2:
            raise ValueError(f"U must have shape (d, k), got {tuple(U.shape)}")
        network = cls(*U.shape, scale=1.0).to(U)
        with torch.no_grad():
            network.hidden.weight.copy_(U.T)
        return network

    def factor(self):
        """U of shape (d, k): the transpose of the hidden weights, masked if they are pruned; autograd follows it."""
        return self.hidden.weight.T

    def forward(self, x):
        """The outputs (batch,) at inputs x (batch, d). Raises TypeError or ValueError for other inputs."""
        weight = self.hidden.weight
        if tensor("x", x, ndim=2, shape=(None, weight.shape[1]), like=weight).ndim != 2:
            raise ValueError(f"x must have shape (batch, {weight.shape[1]}), got {tuple(x.shape)}")
        return self.output(self.hidden(x).square())

    def output(self, squares):
        """What the hidden activations (batch, k) are put together to: their sum (batch,)."""
        return squares.sum(-1)
