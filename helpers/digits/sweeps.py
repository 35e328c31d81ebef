"""Accuracy against units kept, for a grid of penalty strengths and many seeds at once (chapter 7)."""

from dataclasses import dataclass

import torch

from helpers.arguments import integer
from helpers.digits.data import Split
from helpers.digits.ensembles import Ensemble, accuracy, fit


@dataclass(frozen=True)
class WidthSweep:
    """One penalty at L strengths × S seeds: the trained networks, and how they classify when m units are kept.

    split: the data, S random splits. strengths (L,). keeps: the M widths m, ascending. ensemble: run l · S + s has
    strength l and seed s. validation, test: accuracies (M, L, S) right after pruning, without fine-tuning.
    """

    split: Split
    strengths: torch.Tensor
    keeps: tuple
    ensemble: Ensemble
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

    def runs(self, choice):
        """The networks with strength number choice[s] for seed s, an `Ensemble` of S."""
        seeds = self.test.shape[-1]
        return self.ensemble[choice * seeds + torch.arange(seeds)]

    def at(self, strength):
        """The networks of one of the strengths, an `Ensemble` of S. Raises ValueError for a strength not tried."""
        found = torch.isclose(self.strengths, torch.tensor(strength, dtype=self.strengths.dtype)).nonzero()
        if not len(found):
            raise ValueError(f"strength must be one of {self.strengths.tolist()}, got {strength}")
        return self.runs(found[0].expand(self.test.shape[-1]))

    def largest_good(self):
        """For every seed the largest strength (its index) whose validation accuracy at full width lies within one
        standard error of the best; shape (S,)."""
        full, size = self.validation[-1], self.split.validation.y.shape[-1]
        best = full.max(0).values
        good = full >= best - (best * (1 - best) / size).sqrt()
        return len(self.strengths) - 1 - good.flip(0).float().argmax(0)


def width_sweep(make, split, penalty, strengths, *, width, seeds, keeps, **options):
    """Train a network for every strength and seed of a stacked `Split`, prune to each width: a `WidthSweep`.

    make: (units, seed) → network. penalty: strengths (L · S,) → penalty, or None for no penalty (then L = 1).
    width: the hidden units of the networks. seeds: S integers, one a data set. keeps: widths to prune to, from 1 to
    `width`, which is added. options: for `fit`. Raises TypeError or ValueError, as `fit` does.
    """
    width, seeds = integer("width", width, low=1), list(seeds)
    keeps = tuple(sorted({width, *(integer("keeps", m, low=1, high=width) for m in keeps)}))
    levels = torch.tensor(strengths if penalty else [0.0], dtype=split.train.x.dtype)
    ensemble = Ensemble(make(width, seed) for seed in seeds).repeat(len(levels))
    strength_of_run = levels.repeat_interleave(len(seeds))
    penalty = penalty(strength_of_run) if penalty else None
    ensemble = fit(ensemble, split.train.repeat(len(levels)), penalty=penalty, **options)
    found = []
    for part in (split.validation, split.test):
        part = part.repeat(len(levels))
        found.append(torch.stack([accuracy(ensemble.prune(m), part).reshape(-1, len(seeds)) for m in keeps]))
    return WidthSweep(split, levels, keeps, ensemble, *found)


def tuned(sweeps, keep, **options):
    """Networks of the chosen strengths pruned to `keep` units, then fine-tuned without a penalty: test accuracies (S,)
    for each of `sweeps` {name: WidthSweep} on the same data. options: for `fit`."""
    one = next(iter(sweeps.values()))
    row = one.keeps.index(keep)
    pruned = Ensemble.join(sweep.runs(sweep.choice[row]).prune(keep) for sweep in sweeps.values())
    pruned = fit(pruned, one.split.train.repeat(len(sweeps)), **options)
    accuracies = accuracy(pruned, one.split.test.repeat(len(sweeps))).reshape(len(sweeps), -1)
    return dict(zip(sweeps, accuracies, strict=True))


def from_scratch(make, split, keep, *, seeds, **options):
    """Test accuracies (S,) of networks that have `keep` units from the start, trained without a penalty."""
    return accuracy(fit(Ensemble(make(keep, seed) for seed in seeds), split.train, **options), split.test)
