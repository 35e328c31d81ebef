"""Adapters whose ranks the group Lasso finds beside fixed ranks, at equal effort: the numbers of chapter 9.

Run from the root of the repository, with tests/requirements.txt installed (hours on one core, a minute on a GPU):

    python -m tests.benchmarks.adapter_ranks

It writes chapters/data/adapter_ranks.json, which chapter 9 shows; test_adapter_ranks.py recomputes some of it. All runs
of one learning rate are trained side by side: factors have shape (runs, d, k), and a pair of zeros stays zero.
"""

import sys
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from helpers.adapters import Adapter
from helpers.digits import data as digits
from helpers.factors import join
from helpers.penalties import GroupLasso, WeightDecay
from helpers.pruning import column_norms

from .results import DATA, by_column, made_with, store

RESULTS = DATA / "adapter_ranks.json"
COMMAND = "python -m tests.benchmarks.adapter_ranks"
SEEDS = tuple(range(10))
WIDTHS = (65, 96, 96, 10)
MOST, IMAGES, SMOOTHING = 16, 300, 1e-3  # pairs in a layer at the start, turned images to learn from, β
TRAINING, TUNING = 1500, 500  # steps with the penalty and after pruning; fixed ranks get all of them in one go
RATES = (0.003, 0.01, 0.03)  # learning rates that every method may choose from
STRENGTHS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)  # λ
DECAYS = (0.0, 1e-4, 1e-3)  # weight decay that fixed ranks, and pairs cut by norm, may choose from
TOTALS = (6, 9, 12, 18, 24, 30)  # pairs in all that are kept without the group Lasso


class Task(NamedTuple):
    """The frozen networks and the turned digits, stacked over seeds: weights and biases (S, ...), a `digits.Split`."""

    weights: list
    biases: list
    data: digits.Split


def tanh_network(seed):
    """The network of the chapter, three linear layers with tanh between them, before training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(WIDTHS)]
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


def turned_split(seed, quarter_turns):
    """The digits turned by so many right angles, the same rows in the same part whatever the angle, in float64."""
    pixels, digit = digits.images()
    turned = pixels.double().rot90(quarter_turns, (1, 2)).flatten(1)
    return digits.split(turned, digit, 10, seed=seed)


def pretrained(seed, steps=400):
    """A network trained on upright digits: Adam on all training images."""
    network, part = tanh_network(seed), turned_split(seed, 0).train
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(part.x), part.y).backward()
        optimizer.step()
    return network


def task(seeds, device="cpu"):
    """Frozen networks and turned digits for these seeds. The first `IMAGES` of the training images are adapted to."""
    networks = [pretrained(seed) for seed in seeds]
    splits = [turned_split(seed, 1) for seed in seeds]
    parts = []
    for name in digits.Split._fields:
        x, y = (torch.stack([getattr(getattr(split, name), what) for split in splits]) for what in "xy")
        rows = IMAGES if name == "train" else x.shape[1]
        parts.append(digits.Part(x[:, :rows].to(device), y[:, :rows].to(device)))
    weights = [torch.stack([net[i].weight.detach() for net in networks]).to(device) for i in (0, 2, 4)]
    biases = [torch.stack([net[i].bias.detach() for net in networks]).to(device) for i in (0, 2, 4)]
    return Task(weights, biases, digits.Split(*parts))


def start(task, seeds, ranks):
    """A factor pair a layer, U (R, S, d₁, k) zero and V (R, S, d₂, k) with as many nonzero columns as `ranks` (R,)."""
    pairs = []
    for layer, weight in enumerate(task.weights):
        k = min(MOST, *weight.shape[1:])
        V = torch.stack([Adapter(weight[0], k, seed=100 * seed + layer).V.detach() for seed in seeds])
        kept = torch.arange(k, device=weight.device) < torch.tensor(ranks, device=weight.device)[:, None]
        V = V[None] * kept[:, None, None]
        pairs.append((torch.zeros(len(ranks), *weight.shape[:2], k).to(V), V.clone()))
    return pairs


def scores(task, pairs, x):
    """The outputs (R, S, n, 10) of the adapted networks on x (S, n, d)."""
    for layer, ((U, V), weight, bias) in enumerate(zip(pairs, task.weights, task.biases, strict=True)):
        x = x @ weight.mT + x @ V @ U.mT + bias[:, None]
        x = x if layer == len(pairs) - 1 else x.tanh()
    return x


def trained(task, pairs, steps, rate, penalty=None):
    """The pairs after so many steps of Adam on the cross-entropy plus the penalty, the learning rate falling to zero.
    The penalty holds one strength a run (R, 1)."""
    pairs = [tuple(factor.detach().clone().requires_grad_() for factor in pair) for pair in pairs]
    optimizer = torch.optim.Adam([factor for pair in pairs for factor in pair], lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    x, y = task.data.train
    for _ in range(steps):
        optimizer.zero_grad()
        out = scores(task, pairs, x)
        log = out.log_softmax(-1).gather(-1, y[..., None].expand(*out.shape[:-1], 1))
        loss = -log.mean((-2, -1)).sum()
        for pair in pairs if penalty else ():
            loss = loss + penalty.value(join(*pair)).sum()
        loss.backward()
        optimizer.step()
        schedule.step()
    return [tuple(factor.detach() for factor in pair) for pair in pairs]


def cut(pairs, threshold):
    """Pairs of norm at most the threshold set to zero, and the ranks left in each layer (R, S, 3)."""
    kept = [column_norms(join(*pair)) > threshold for pair in pairs]
    cut_pairs = [tuple(f * k[..., None, :] for f in pair) for pair, k in zip(pairs, kept, strict=True)]
    return cut_pairs, torch.stack([k.sum(-1) for k in kept], -1)


def accuracies(task, pairs):
    """Validation and test accuracy of every run, (2, R, S)."""
    found = []
    for part in (task.data.validation, task.data.test):
        found.append((scores(task, pairs, part.x).argmax(-1) == part.y).double().mean(-1))
    return torch.stack(found)


def lasso_runs(task, seeds, rate, strengths=STRENGTHS):
    """Rows of the group Lasso: trained, pruned at 2√β, trained on without penalty."""
    level = torch.tensor(strengths, dtype=torch.float64, device=task.weights[0].device)[:, None]
    penalty = GroupLasso(level.expand(len(strengths), len(seeds)), SMOOTHING)
    pairs = trained(task, start(task, seeds, [MOST] * len(strengths)), TRAINING, rate, penalty)
    before = accuracies(task, pairs)
    pairs, ranks = cut(pairs, penalty.threshold)
    at_cut = accuracies(task, pairs)
    pairs = trained(task, pairs, TUNING, rate)
    return rows("group Lasso", rate, strengths, seeds, ranks, accuracies(task, pairs), before, at_cut)


def fixed_runs(task, seeds, rate, decay, ranks=range(1, MOST + 1)):
    """Rows of fixed ranks: the same rank in each layer (at most its own), all steps in one go, weight decay or none."""
    ranks = list(ranks)
    penalty = WeightDecay(decay) if decay else None
    pairs = trained(task, start(task, seeds, ranks), TRAINING + TUNING, rate, penalty)
    _, left = cut(pairs, 0)
    found = accuracies(task, pairs)
    return rows("fixed rank", rate, ranks, seeds, left, found, found, found, decay)


def plain_runs(task, seeds, rate, decay, totals=TOTALS):
    """Rows of adapters trained with weight decay or nothing, of which the `totals` largest pairs of all layers are kept
    and trained on: the steps of `lasso_runs`, without its penalty."""
    pairs = trained(task, start(task, seeds, [MOST]), TRAINING, rate, WeightDecay(decay) if decay else None)
    before, found = accuracies(task, pairs), []
    norms = torch.cat([column_norms(join(*pair)) for pair in pairs], -1)
    for total in totals:
        least = norms.topk(total + 1).values[..., -1]
        kept, ranks = cut(pairs, least[..., None])
        at_cut = accuracies(task, kept)
        tuned = trained(task, kept, TUNING, rate)
        found += rows("cut by norm", rate, [total], seeds, ranks, accuracies(task, tuned), before, at_cut, decay)
    return found


def rows(method, rate, settings, seeds, ranks, final, before, at_cut, decay=0.0):
    """One dictionary a run."""
    sizes = torch.tensor([a + b for a, b in pairwise(WIDTHS)], device=ranks.device)
    table = []
    for r, setting in enumerate(settings):
        for s, seed in enumerate(seeds):
            table.append({
                "method": method, "rate": rate, "setting": setting, "decay": decay, "seed": seed,
                "ranks": ranks[r, s].tolist(), "parameters": int((ranks[r, s] * sizes).sum()),
                "trained": before[1, r, s].item(), "pruned": at_cut[1, r, s].item(),
                "validation": final[0, r, s].item(), "test": final[1, r, s].item(),
            })  # fmt: skip
    return table


def main():
    """Compute everything and write the results file."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    problem, found = task(SEEDS, device), []
    plain = accuracies(problem, start(problem, SEEDS, [0]))[1, 0].tolist()
    for rate in RATES:
        found += lasso_runs(problem, SEEDS, rate)
        for decay in DECAYS:
            found += fixed_runs(problem, SEEDS, rate, decay) + plain_runs(problem, SEEDS, rate, decay)
        print(f"rate {rate}", file=sys.stderr)
    provenance = made_with(COMMAND, "torch", "scikit-learn") | {
        "device": device,
        "network": "65-96-96-10, tanh", "images": IMAGES, "smoothing": SMOOTHING, "pairs at the start": MOST,
        "steps": [TRAINING, TUNING], "rates": RATES, "strengths": STRENGTHS, "weight decays": DECAYS,
        "unadapted": plain,
    }  # fmt: skip
    store(RESULTS, provenance, by_column(found))


if __name__ == "__main__":
    main()
