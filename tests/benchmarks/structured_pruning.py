"""A structured-pruning library on the book's networks and data: a reference point for chapter 7.

Run from the root of the repository, with tests/requirements.txt installed:

    python -m tests.benchmarks.structured_pruning

It writes chapters/data/structured_pruning.json, which chapter 7 shows; test_structured_pruning.py recomputes some.
"""

import sys

import torch
from torch import nn

from helpers.digits import data as digits
from helpers.digits.networks import NetworkStack, accuracy, minibatches
from helpers.digits.sweeps import WidthSweep, strengths_around, width_sweep, widths_to
from helpers.penalties import GroupLasso, WeightDecay
from tests.book.chapter_code import chapter_code

from .results import DATA, made_with, store

RESULTS = DATA / "structured_pruning.json"
COMMAND = "python -m tests.benchmarks.structured_pruning"
PAGE = chapter_code("07_real_networks")
PAGE.INPUTS = 65
STRENGTHS, KEEPS = strengths_around(PAGE.LAM), widths_to(PAGE.WIDTH)
REGULARISERS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # the library's coefficient: it adds reg · γ · w to the gradient
SEEDS = range(10)
HOW = {"steps": PAGE.STEPS, "batch": PAGE.BATCH, "learning_rate": PAGE.RATE, "seed": PAGE.SEED}


def sequential(network):
    """A `TwoLayer` ReLU network of the page as the `nn.Sequential` of the same function that the library can trace."""
    hidden = nn.utils.skip_init(nn.Linear, *network.U.shape, bias=False)
    output = nn.utils.skip_init(nn.Linear, *network.A.shape[::-1], bias=False)
    hidden.weight.data, output.weight.data = network.U.detach().T.clone(), network.A.detach().clone()
    return nn.Sequential(hidden, nn.ReLU(), output)


def page_network(model, like):
    """The way back: a network of the page with the weights of a sequential model."""
    network = PAGE.TwoLayer(*like.U.shape, like.A.shape[0], like.activation, 0)
    network.U.data, network.A.data = model[0].weight.detach().T.clone(), model[2].weight.detach().clone()
    return network


def pruner_of(model, kind="BasePruner", keep=None, **options):
    """A pruner of the library that ranks hidden units by the joint norm of their weights, and would keep `keep`."""
    import torch_pruning

    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2, group_reduction="sum", normalizer=None)
    width, inputs = model[0].weight.shape
    ratio = 0.0 if keep is None else 1 - (keep + 0.5) / width  # it rounds width · (1 − ratio) down
    return getattr(torch_pruning.pruner, kind)(
        model, torch.zeros(1, inputs), importance, pruning_ratio=ratio, ignored_layers=[model[2]], **options
    )


def pruned(model, keep):
    """The model with `keep` units, cut by the library."""
    if keep < model[0].weight.shape[0]:
        pruner_of(model, keep=keep).step()
    return model


def train_sparse(model, part, reg):
    """The page's loop, with the library's sparsity training (`GroupNormPruner.regularize`) as the penalty."""
    pruner = pruner_of(model, "GroupNormPruner", reg=reg)
    optimizer = torch.optim.Adam(model.parameters(), lr=HOW["learning_rate"])
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, HOW["steps"])
    for rows in minibatches(len(part.y), steps=HOW["steps"], batch=HOW["batch"], seed=HOW["seed"]):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(part.x[rows]), part.y[rows]).backward()
        pruner.regularize(model)
        optimizer.step()
        schedule.step()
    return model


def otherwise(sweep, keep):
    """In how many units the library's choice of `keep` differs from the book's, over the chosen networks."""
    whole = sweep.runs(sweep.choice[sweep.keeps.index(keep)])
    ours, count = whole.prune(keep), 0
    for run in range(len(whole)):
        theirs = pruned(sequential(whole.network(run)), keep)[0].weight
        assert len(theirs) == keep
        same = (theirs[:, None] == ours.network(run).U.T).all(-1)
        count += keep - same.any(1).sum().item()
    return count


def torch_pruning_runs(split, seeds=SEEDS):
    """The library's own training and pruning on the splits of these seeds, as a `WidthSweep` over its regularisers."""
    runs = []
    for reg in REGULARISERS:
        for s, seed in enumerate(seeds):
            start = PAGE.relu_ten(PAGE.WIDTH, seed)
            model = train_sparse(sequential(start), digits.Part(split.train.x[s], split.train.y[s]), reg)
            runs.append(page_network(model, start))
        print(f"reg = {reg}", file=sys.stderr)
    networks, found = NetworkStack(runs), []
    for part in (split.validation, split.test):
        part = part.repeat(len(REGULARISERS))
        found.append(torch.stack([accuracy(networks.prune(m), part).reshape(-1, len(seeds)) for m in KEEPS]))
    return WidthSweep(split, torch.tensor(REGULARISERS), KEEPS, networks, *found)


def main():
    """Compute everything and write the results file."""
    torch.set_num_threads(1)
    split = digits.load("digit", SEEDS)
    kinds = {"group Lasso": lambda strength: GroupLasso(strength, PAGE.SMOOTHING), "weight decay": WeightDecay}
    sweeps = {
        name: width_sweep(
            PAGE.relu_ten, split, kind, STRENGTHS, width=PAGE.WIDTH, seeds=SEEDS, keeps=KEEPS, **HOW
        )
        for name, kind in kinds.items()
    }
    sweeps["Torch-Pruning"] = torch_pruning_runs(split)
    different = [sum(otherwise(sweep, m) for sweep in sweeps.values()) for m in KEEPS]
    rows = {"keep": [m for m in KEEPS for _ in SEEDS], "seed": list(SEEDS) * len(KEEPS)}
    rows |= {name: [round(a, 6) for a in sweep.chosen.flatten().tolist()] for name, sweep in sweeps.items()}
    rows["units chosen otherwise"] = different
    provenance = made_with(COMMAND, "torch", "scikit-learn", "torch-pruning") | {
        "task": "digit", "network": f"ReLU, {PAGE.WIDTH} units", "smoothing": PAGE.SMOOTHING, "training": HOW,
        "group Lasso and weight decay": "λ = " + ", ".join(f"{strength:g}" for strength in STRENGTHS),
        "Torch-Pruning": "GroupNormPruner, reg = " + ", ".join(map(str, REGULARISERS)),
        "choice": "by validation accuracy after pruning, for each width and seed; accuracies are of the test part",
        "units chosen otherwise": "for each width in KEEPS: units that the library's BasePruner keeps and the book "
        "does not, over all seeds of the three methods",
    }  # fmt: skip
    store(RESULTS, provenance, rows)


if __name__ == "__main__":
    main()
