"""Accuracy against units kept, for a grid of penalty strengths and many seeds at once (chapter 7)."""

from dataclasses import dataclass

import torch

from helpers.arguments import integer, number
from helpers.digits.data import Split
from helpers.digits.networks import NetworkStack, accuracy, fit

WIDTHS = (2, 3, 4, 6, 8, 10, 12, 15, 20, 30, 45)


def strengths_around(strength):
    """Four penalty strengths in steps of about three, the third the given one, > 0. Raises TypeError or ValueError."""
    strength = number("strength", strength, low=0, strict=True)
    return strength / 10, strength / 3, strength, strength / 0.3


def widths_to(width):
    """The widths to which networks of `width` ≥ 1 units are pruned: 2, 3, 4, 6, 8, … and `width` itself."""
    return (*(m for m in WIDTHS if m < integer("width", width, low=1)), width)


@dataclass(frozen=True)
class WidthSweep:
    """One penalty at L strengths × S seeds: the trained networks, and how they classify when m units are kept.

    split: the data, S random splits. strengths (L,). keeps: the M widths m, ascending. networks: run l · S + s has
    strength l and seed s. validation, test: accuracies (M, L, S) right after pruning, without fine-tuning.
    """

    split: Split
    strengths: torch.Tensor
    keeps: tuple
    networks: NetworkStack
    validation: torch.Tensor
    test: torch.Tensor

    @property
    def choice(self):
        """For every width and seed, the strength (its index) with the best *validation* accuracy, of equally good ones
        the largest; shape (M, S). The test part has no say."""
        return len(self.strengths) - 1 - self.validation.flip(1).argmax(1)

    @property
    def chosen(self):
        """The test accuracy at the chosen strengths, (M, S)."""
        return self.test.gather(1, self.choice[:, None]).squeeze(1)

    def row(self, keep):
        """The test accuracy at the chosen strengths with `keep` units, one of `keeps`: (S,)."""
        return self.chosen[self.keeps.index(keep)]

    def runs(self, choice):
        """The networks with strength number choice[s] for seed s, a `NetworkStack` of S."""
        seeds = self.test.shape[-1]
        return self.networks[choice * seeds + torch.arange(seeds)]

    def at(self, strength):
        """The networks of one of the strengths, a `NetworkStack` of S. Raises ValueError for a strength not tried."""
        found = torch.isclose(self.strengths, torch.tensor(strength, dtype=self.strengths.dtype)).nonzero()
        if not len(found):
            raise ValueError(f"strength must be one of {self.strengths.tolist()}, got {strength}")
        return self.runs(found[0].expand(self.test.shape[-1]))

    def smallest_good(self):
        """The recipe: for every seed the smallest width that some strength brings within one standard error of the
        best *validation* accuracy of all widths and strengths. Returns these widths and their test accuracies, (S,)
        each."""
        reached, size = self.validation.amax(1), self.split.validation.y.shape[-1]
        best = reached.amax(0)
        good = reached >= best - (best * (1 - best) / size).sqrt()
        first = good.float().argmax(0)
        return torch.tensor(self.keeps)[first], self.chosen.gather(0, first[None])[0]


def width_sweep(make, split, penalty, strengths, *, width, seeds, keeps, **options):
    """Train a network for every strength and seed of a stacked `Split`, prune to each width: a `WidthSweep`.

    make: (units, seed) → network. penalty: strengths (L · S,) → penalty, or None for no penalty (then L = 1).
    width: the hidden units of the networks. seeds: S integers, one a data set. keeps: widths to prune to, from 1 to
    `width`, which is added. options: for `fit`. Raises TypeError or ValueError, as `fit` does.
    """
    width, seeds = integer("width", width, low=1), list(seeds)
    keeps = tuple(sorted({width, *(integer("keeps", m, low=1, high=width) for m in keeps)}))
    levels = torch.tensor(strengths if penalty else [0.0], dtype=split.train.x.dtype)
    networks = NetworkStack(make(width, seed) for seed in seeds).repeat(len(levels))
    strength_of_run = levels.repeat_interleave(len(seeds))
    penalty = penalty(strength_of_run) if penalty else None
    networks = fit(networks, split.train.repeat(len(levels)), penalty=penalty, **options)
    found = []
    for part in (split.validation, split.test):
        part = part.repeat(len(levels))
        found.append(torch.stack([accuracy(networks.prune(m), part).reshape(-1, len(seeds)) for m in keeps]))
    return WidthSweep(split, levels, keeps, networks, *found)


def tuned(sweeps, keeps, **options):
    """Networks of the chosen strengths, pruned to each of `keeps` units, then fine-tuned without a penalty.

    sweeps: {name: WidthSweep} on the same data, which hold these widths. options: for `fit`. Returns the test
    accuracies {name: (M, S)}.
    """
    one, rows = next(iter(sweeps.values())), []
    for keep in keeps:
        start = NetworkStack.join(found.runs(found.choice[found.keeps.index(keep)]).prune(keep)
                                  for found in sweeps.values())  # fmt: skip
        end = fit(start, one.split.train.repeat(len(sweeps)), **options)
        rows.append(accuracy(end, one.split.test.repeat(len(sweeps))).reshape(len(sweeps), -1))
    return dict(zip(sweeps, torch.stack(rows, dim=1), strict=True))


def from_scratch(make, split, penalty, strengths, keeps, *, seeds, tuning, **options):
    """What `tuned` gives for networks that have each of `keeps` units from the start: test accuracies (M, S).

    They get what the pruned networks get, but no pruning: training with the penalty at each of the strengths (options
    are those of `fit`), the strength chosen on the validation part, then training without it (`tuning`: options too).
    """
    rows = []
    for keep in keeps:
        found = width_sweep(make, split, penalty, strengths, width=keep, seeds=seeds, keeps=(), **options)
        rows += tuned({"": found}, [keep], **tuning)[""]
    return torch.stack(rows)
