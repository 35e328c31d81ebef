"""The figures of chapter 1, and the rows of its last table: measurements are points, what theory says black lines."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import torch

from helpers import theory
from helpers.figures import style
from helpers.figures.style import CAST, FADED, INK, SHADES, decorate, draw_threshold, line, points
from helpers.pruning import column_norms
from helpers.training import Run, fine_tune

PALE = "#CFCFCF"


class Pipeline(NamedTuple):
    """The runs of one problem: with the group Lasso, fine-tuned after the cut at `threshold`, without a penalty, that
    one fine-tuned after a cut to r columns, and the oracle's."""

    trained: Run
    tuned: Run
    plain: Run
    healed: Run
    oracle: Run
    threshold: float


def first_look(start, plain, trained, threshold, errors):
    """The pipeline at a glance: column norms (d, k) before and after training, and {fit: error} as bars."""
    _, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.4), width_ratios=[1.2, 1])
    sorted_norms(left, start, plain, trained, threshold)
    who = {"least squares": FADED, "no penalty": CAST["no penalty"]["color"], "oracle, told r": CAST["oracle"]["color"]}
    names = list(errors)[::-1]
    colors = [who.get(name, CAST["group Lasso"]["color"]) for name in names]
    bars = right.barh(names, [errors[name] for name in names], color=colors)
    right.bar_label(bars, fmt="%.2g", padding=3)
    right.margins(x=0.15)
    decorate(right, xlabel=r"error $\Vert X - M\Vert_F$", ylabel="").grid(visible=False)


def sorted_norms(ax, start, plain, trained, threshold):
    """Column norms of three factors (d, k), each in decreasing order, and the pruning threshold."""
    looks = (
        {"color": FADED, "marker": ".", "linestyle": "none", "label": "random start"},
        points("no penalty"),
        points("group Lasso", markersize=7),
    )
    for U, look in zip((start, plain, trained), looks, strict=True):
        style.descending(ax, column_norms(U), **look)
    draw_threshold(ax, threshold)
    decorate(ax, xlabel="column, largest first", ylabel="column norm")


def heat_maps(matrices):
    """Two symmetric matrices {title: (d, d)} side by side, each on its own scale, which ends at its 99 % quantile."""
    figure, axes = plt.subplots(1, 2, figsize=(6.2, 3.5))
    for ax, (title, matrix) in zip(axes, matrices.items(), strict=True):
        top = matrix.abs().quantile(0.99).item()
        image = style.signed_image(ax, matrix, top)
        figure.colorbar(image, ax=ax, orientation="horizontal", shrink=0.8, extend="both", label="entry")
        decorate(ax, xlabel="", ylabel="", title=title).axis("off")


def norm_bars(factors):
    """Column norms of two factors {title: U (d, k)}, in the order of the columns, on one scale."""
    _, axes = plt.subplots(1, 2, figsize=(6.2, 3), sharey=True)
    for ax, (title, U) in zip(axes, factors.items(), strict=True):
        ax.bar(range(1, U.shape[-1] + 1), column_norms(U), color=SHADES[1], edgecolor="white", linewidth=0.5)
        decorate(ax, xlabel="column $i$", ylabel="", title=title)
    axes[0].set_ylabel("column norm")


def prices(norms, smoothed):
    """What a column of each norm (T,) pays: the group Lasso, its smoothed versions {β: (T,)}, and weight decay."""
    _, ax = plt.subplots()
    ax.plot(norms, norms, **line("theory", linestyle="--", label="group Lasso"))
    for n, (beta, price) in enumerate(smoothed.items()):
        look = {"color": SHADES[4 - 2 * n], "marker": "os^"[n], "markevery": len(norms) // 8}
        ax.plot(norms, price, label=rf"smoothed, $\beta = {beta}$", **look)
    ax.plot(norms, norms**2, **line("weight decay"))
    decorate(ax, xlabel=r"column norm $\Vert u\Vert$", ylabel="price of a column")


def isometry_ratios(sizes, ratios, bounds, **settings):
    """Ratios (len(sizes), 4) against the number of measurements: a random sample's smallest and largest as a grey band,
    the smallest and largest that a search finds as triangles, and theory as {label: (x, y)}. `settings` go to
    `decorate`."""
    _, ax = plt.subplots()
    for label, (x, y) in bounds.items():
        ax.plot(x, y, **line("theory", label=label))
    sampled_low, sampled_high, low, high = torch.as_tensor(ratios).T
    ax.fill_between(sizes, sampled_low, sampled_high, color=PALE, label="500 random matrices", linewidth=0)
    look = {"color": SHADES[0], "markersize": 8, "linestyle": "none"}
    ax.plot(sizes, high, marker="^", label="search, largest", **look)
    ax.plot(sizes, low, marker="v", label="search, smallest", markerfacecolor="white", **look)
    ticks = {"xscale": "log", "xticks": sizes[::2], "xticklabels": sizes[::2]}
    decorate(ax, xlabel="measurements $n$", ylabel="ratio in (1.7), rank 2", **ticks, **settings).minorticks_off()


def whole_pipeline(problem, penalty, run, tuned):
    """The still picture of the live pipeline. Left: the column norms of `run`, trained with the group Lasso `penalty`,
    and those that Theorem 2.5 predicts. Right: the errors of `run`, then of `tuned`, with the oracle's and that which
    `theory.cramer_rao` expects."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2))
    norms, place = column_norms(run.U), torch.arange(1, run.U.shape[-1] + 1)
    large = norms > penalty.threshold
    left.bar(place[large], norms[large], color=CAST["group Lasso"]["color"])
    left.bar(place[~large], norms[~large], color=FADED)
    goal = theory.shrunk_eigenvalue(problem.U_star.square().sum(0).numpy(), penalty.strength, penalty.smoothing) ** 0.5
    left.hlines(goal, 0, len(norms) + 1, color=INK, linewidth=1.2)
    draw_threshold(left, penalty.threshold)
    decorate(left, xlabel="column", ylabel=r"norm $\Vert u_i\Vert$", ylim=(0, 1.5))
    right.axvspan(run.steps[-1], run.steps[-1] + tuned.steps[-1], color="#D9ECDD", linewidth=0)
    for stage, shift in ((run, 0), (tuned, run.steps[-1])):
        right.plot(stage.steps + shift, stage.error, **line("group Lasso", label=None))
    told = fine_tune(problem, problem.U_star).error[-1].item()
    expected = theory.cramer_rao(problem.d, problem.r, problem.n, problem.noise, finite_n=True) ** 0.5
    right.axhline(told, **line("oracle", label="oracle, told r"))
    right.axhline(expected, **line("theory", linestyle=(0, (10, 3)), linewidth=1.2, label="theory for it"))
    error = r"error $\Vert X - M\Vert_F$"
    decorate(right, xlabel="step: train, then prune and fine-tune", ylabel=error, yscale="log")
    style.ticks_one_two_five(right)
    return figure


def errors_along_the_way(results):
    """Errors of many `Pipeline`s over the oracle's: left while training, right while fine-tuning after the cut."""
    _, (left, right) = plt.subplots(1, 2, figsize=(7, 4), sharey=True, width_ratios=[3, 2])
    for x in results:
        for ax, plain, lasso in ((left, x.plain, x.trained), (right, x.healed, x.tuned)):
            for who, run in (("no penalty", plain), ("group Lasso", lasso)):
                ax.plot(run.steps, relative(run, x), **line(who, label=None, linewidth=0.9, alpha=0.6))
    for ax in (left, right):
        ax.axhline(1, **line("oracle", label=None))
    for who in ("no penalty", "group Lasso"):
        left.plot([], [], **line(who))
    left.plot([], [], **line("oracle"))
    decorate(left, xlabel="training step", ylabel="error / oracle's error", title="train", yscale="log")
    style.ticks_one_two_five(left)
    decorate(right, xlabel="fine-tuning step", ylabel="", title="prune, then fine-tune")


def relative(run, result):
    """The errors along a run over that of the problem's oracle, shape (T, ...)."""
    return run.error / result.oracle.error[-1]


def claims_of_the_paper(results, r, limit):
    """Rows (claim, predicted, measured) for the paper's P1 to P3 from a list of `Pipeline`s; `limit` is the mean
    squared error that theory predicts."""
    steps = [_steps_to_the_oracle(x) for x in results]
    late = f"not in {results[0].tuned.steps[-1]} on {steps.count(None)} of {len(steps)}"
    squares = torch.stack([x.tuned.error[-1] ** 2 for x in results]).mean()
    excess = [x.tuned.loss[0] - x.oracle.loss[0] for x in results]
    kept = spread(_kept(x.trained, x.threshold) for x in results)
    scattered = spread(_kept(x.plain, x.threshold) for x in results)
    harm = spread(x.healed.error[0] / x.plain.error[-1] for x in results)
    return [
        ("P1: columns kept", f"{r}", kept),
        ("P1: training loss, pruned, less the truth's", "near 0", spread(excess)),
        ("P1: error after pruning / before", "1", spread(x.tuned.error[0] / x.trained.error[-1] for x in results)),
        ("P2: fine-tuning steps to 1 % of the oracle", "few", late if None in steps else spread(steps)),
        ("P2: error / oracle's", "1", spread(relative(x.tuned, x)[-1] for x in results)),
        ("P2: mean squared error, chapter 5", f"{limit:.3g}", f"{squares:.3g}"),
        ("P3: columns above the threshold", "many", scattered),
        ("P3: error after a cut to r / before", "well above 1", harm),
    ]


def spread(values):
    """The smallest and largest of some numbers or tensors, as text to three digits."""
    values = torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in values])
    low, high = (f"{value:.3g}" for value in (values.min().item(), values.max().item()))
    return low if low == high else f"{low} to {high}"


def _steps_to_the_oracle(result):
    """After how many steps of fine-tuning every run stays within 1 % of the oracle's error; None if not at the end."""
    far = ((relative(result.tuned, result) - 1).abs() > 0.01).any(-1)
    first = far.nonzero()[-1, 0] + 1 if far.any() else 0
    return None if far[-1] else result.tuned.steps[first].item()


def _kept(run, threshold):
    return (column_norms(run.U) > threshold).sum(-1)
