"""Networks of one architecture trained side by side, each on its own data and with its own penalty (chapter 7).

A network is here any `nn.Module` whose hidden units are numbered by the last dimension of each of its parameters and
buffers: entries (..., j) belong to unit j. Pruning unit j is dropping these entries, and the unit's column is all of
its trainable ones, incoming and outgoing.
"""

from copy import deepcopy

import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from tqdm import tqdm

from helpers.arguments import generator, integer, number, tensor
from helpers.digits.data import check_labels
from helpers.pruning import column_norms


class NetworkStack:
    """S networks as one: every parameter and buffer has a first dimension S, and `stack(x)` runs all of them.

    networks: an iterable of `nn.Module`s of one architecture. x has shape (S, n, d), the scores (S, n, c).
    Methods that change something return a new stack.
    """

    def __init__(self, networks):
        networks = list(networks)
        if not networks:
            raise ValueError("networks must not be empty")
        weights, fixed = stack_module_state(networks)
        self._network = deepcopy(networks[0])
        self._set({name: weight.detach() for name, weight in weights.items()}, fixed)

    def _set(self, weights, fixed):
        self.weights = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
        self.fixed = fixed

    def _changed(self, change):
        new = object.__new__(NetworkStack)
        new._network = self._network
        weights = {name: change(weight.detach()) for name, weight in self.weights.items()}
        new._set(weights, {name: change(value) for name, value in self.fixed.items()})
        return new

    def __len__(self):
        return len(next(iter(self.weights.values())))

    def __call__(self, x):
        def one(weights, fixed, x):
            return functional_call(self._network, (weights, fixed), (x,))

        return vmap(one)(self.weights, self.fixed, x)

    def __getitem__(self, runs):
        """The networks `runs`, a tensor of indices, as a stack."""
        return self._changed(lambda value: value[runs])

    def parameters(self):
        """The stacked parameters, for `torch.optim`."""
        return self.weights.values()

    def columns(self):
        """Each unit's trainable weights as a column: (S, p, k), differentiable."""
        return torch.cat(list(self.parameters()), dim=-2)

    def network(self, run):
        """Network number `run`, an ordinary `nn.Module` of its own."""
        network = deepcopy(self._network)
        for name, value in (self.weights | self.fixed).items():
            path, _, last = name.rpartition(".")
            value = value.detach()[run].clone()
            setattr(network.get_submodule(path), last, torch.nn.Parameter(value) if name in self.weights else value)
        return network

    def repeat(self, times):
        """All S networks `times` times over: run t · S + s is network s."""
        return self[torch.arange(len(self)).repeat(integer("times", times, low=1))]

    @classmethod
    def join(cls, stacks):
        """Several stacks of one architecture and width, one after the other."""
        first, *others = stacks = list(stacks)
        if any(other.columns().shape[1:] != first.columns().shape[1:] for other in others):
            raise ValueError(f"stacks must have one shape, got {[tuple(s.columns().shape) for s in stacks]}")
        joined = first[torch.arange(len(first))]
        weights = {name: torch.cat([s.weights[name].detach() for s in stacks]) for name in first.weights}
        joined._set(weights, {name: torch.cat([s.fixed[name] for s in stacks]) for name in first.fixed})
        return joined

    def norms(self):
        """The norm of each unit's column, (S, k)."""
        return column_norms(self.columns().detach())

    def cosines(self, *, above):
        """|cosine| of all pairs of units of norm larger than `above` within each network, of networks with a buffer
        `signs`: two tensors (pairs,), those of equal and those of opposite sign."""
        norms, signs = self.norms(), self.fixed["signs"]
        unit = self.columns().detach() / norms.clamp(min=1e-30)[:, None]
        alive, same = norms > above, signs[:, :, None] == signs[:, None]
        pairs = (alive[:, :, None] & alive[:, None]).triu(1)
        cosines = (unit.mT @ unit).abs()
        return cosines[pairs & same], cosines[pairs & ~same]

    def cut(self, threshold):
        """Every network with all entries of its units of norm at most `threshold` set to zero; the widths stay."""
        kept = self.norms() > number("threshold", threshold, low=0)
        return self._changed(lambda value: value * kept.reshape(len(kept), *[1] * (value.ndim - 2), -1))

    def prune(self, keep):
        """Every network with only its `keep` units of largest column norm, 1 ≤ keep ≤ k, in their old order."""
        norms = self.norms()
        order = norms.argsort(dim=-1, descending=True, stable=True)
        kept = order[:, : integer("keep", keep, low=1, high=norms.shape[-1])].sort(dim=-1).values

        def change(value):
            rows = kept.reshape(len(kept), *[1] * (value.ndim - 2), -1)
            return value.gather(-1, rows.expand(*value.shape[:-1], -1))

        return self._changed(change)


def log_loss(scores, y):
    """The mean log-loss of scores (S, n, c) on classes y (S, n), shape (S,): logistic for c = 1, else softmax."""
    if scores.shape[-1] == 1:
        losses = binary_cross_entropy_with_logits(scores[..., 0], y.to(scores.dtype), reduction="none")
    else:
        losses = cross_entropy(scores.mT, y, reduction="none")
    return losses.mean(-1)


@torch.no_grad()
def accuracy(network, part):
    """The share of a part's inputs that a network, or each network of a stack, puts into their class: (...)."""
    scores = network(part.x)
    guess = scores[..., 0] > 0 if scores.shape[-1] == 1 else scores.argmax(-1)
    return (guess == part.y).float().mean(-1)


def fit(stack, part, *, penalty=None, steps, learning_rate=0.01, batch=200, seed=0, progress=False):
    """Minimise log-loss + penalty on minibatches by Adam, its learning rate falling linearly to zero: a `NetworkStack`.

    part: x (S, n, d) and y (S, n), one data set a network. penalty: one of `helpers.penalties`, put on `columns()`; its
    strength may be a tensor (S,). seed: of the minibatches, the same rows of all S data sets. progress: show a bar.
    Raises TypeError or ValueError for bad input, FloatingPointError when a run diverges.
    """
    _check(stack, part)
    steps, learning_rate = integer("steps", steps, low=1), number("learning_rate", learning_rate, low=0, strict=True)
    stack = stack[torch.arange(len(stack))]
    optimizer = torch.optim.Adam(stack.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    rows = minibatches(part.y.shape[-1], steps=steps, batch=batch, seed=seed)
    for i in tqdm(rows, disable=not progress):
        optimizer.zero_grad()
        objective = log_loss(stack(part.x.index_select(1, i)), part.y.index_select(1, i))
        if penalty is not None:
            objective = objective + penalty.value(stack.columns())
        if not torch.isfinite(objective).all():
            raise FloatingPointError(f"training diverged: learning_rate={learning_rate:.3g} is too large here")
        objective.sum().backward()  # the runs share nothing, so this is S gradients in one
        optimizer.step()
        schedule.step()
    return stack


def minibatches(n, *, steps, batch=200, seed=0):
    """Row numbers (steps, batch): the n rows in a new random order in each epoch, cut into pieces. 1 ≤ batch ≤ n."""
    batch, random = integer("batch", batch, low=1, high=n), generator(seed)
    epochs = -(-steps * batch // n)
    order = torch.cat([torch.randperm(n, generator=random) for _ in range(epochs)])
    return order[: steps * batch].reshape(steps, batch)


def _check(stack, part):
    tensor("part.x", part.x, ndim=3, shape=(len(stack), None, None))
    with torch.no_grad():
        classes = stack(part.x[:, :1]).shape[-1]
    check_labels(part.y, max(2, classes), part.x.shape[-2])
