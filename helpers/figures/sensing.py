"""The figures of chapter 1. Each function draws what is measured, and as black lines what the theory says of it."""

import matplotlib.pyplot as plt

from helpers.figures.style import CAST, SHADES, decorate, draw_threshold, line, points
from helpers.pruning import column_norms

PALE = "#CFCFCF"


def heat_maps(matrices):
    """Two symmetric matrices {title: (d, d)} side by side, each on its own scale, which ends at its 99 % quantile."""
    figure, axes = plt.subplots(1, 2, figsize=(6.2, 3.5))
    for ax, (title, matrix) in zip(axes, matrices.items(), strict=True):
        top = matrix.abs().quantile(0.99).item()
        image = ax.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top)
        figure.colorbar(image, ax=ax, orientation="horizontal", shrink=0.8, extend="both", label="entry")
        decorate(ax, xlabel="", ylabel="", title=title).axis("off")


def norm_bars(factors):
    """Column norms of two factors {title: U (d, k)}, in the order of the columns, on one scale."""
    _, axes = plt.subplots(1, 2, figsize=(6.2, 3), sharey=True)
    for ax, (title, U) in zip(axes, factors.items(), strict=True):
        ax.bar(range(1, U.shape[-1] + 1), column_norms(U), color=SHADES[1], edgecolor="white", linewidth=0.5)
        decorate(ax, xlabel="column $i$", ylabel="", title=title)
    axes[0].set_ylabel("column norm")


def isometry_ratios(ax, sizes, ratios, **settings):
    """Ratios (4, len(sizes)) against the number of measurements: a random sample's smallest and largest as a grey band,
    the smallest and largest that a search finds as triangles. `settings` go to `decorate`."""
    sampled_low, sampled_high, low, high = ratios
    ax.fill_between(sizes, sampled_low, sampled_high, color=PALE, label="500 random matrices", linewidth=0)
    look = {"color": SHADES[0], "markersize": 8, "linestyle": "none"}
    ax.plot(sizes, high, marker="^", label="search, largest", **look)
    ax.plot(sizes, low, marker="v", label="search, smallest", markerfacecolor="white", **look)
    ticks = {"xscale": "log", "xticks": sizes[::2], "xticklabels": sizes[::2]}
    decorate(ax, xlabel="measurements $n$", ylabel="ratio in (1.7), rank 2", **ticks, **settings).minorticks_off()


def sorted_norms(ax, start, plain, trained, threshold):
    """Column norms of three factors (d, k), each in decreasing order, and the pruning threshold."""
    looks = (
        {"color": "#8A8A8A", "marker": ".", "linestyle": "none", "label": "random start"},
        points("no penalty"),
        points("group Lasso", markersize=7),
    )
    for U, look in zip((start, plain, trained), looks, strict=True):
        ax.plot(range(1, U.shape[-1] + 1), column_norms(U).sort(descending=True).values, **look)
    draw_threshold(ax, threshold)
    decorate(ax, xlabel="column, largest first", ylabel="column norm")


def errors_along_the_way(results):
    """Errors of many pipelines, relative to the oracle's: left while training, right while fine-tuning after the cut.

    A result has the runs `trained`, `tuned` (group Lasso), `plain`, `healed` (no penalty) and `oracle`.
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4), sharey=True, width_ratios=[3, 2])
    for x in results:
        for ax, plain, lasso in ((left, x.plain, x.trained), (right, x.healed, x.tuned)):
            for who, run in (("no penalty", plain), ("group Lasso", lasso)):
                relative = run.error / x.oracle.error[-1]
                ax.plot(run.steps, relative, color=CAST[who]["color"], linewidth=0.9, alpha=0.5)
    end = results[0].trained.steps[-1].item()
    for ax, at, y, text, who in (
        (left, end, 13, "no penalty", "no penalty"),
        (left, end, 9, "group Lasso", "group Lasso"),
        (left, end, 0.86, "oracle", "oracle"),
        (right, 80, 9, "no penalty,\ntold to keep $r$", "no penalty"),
        (right, 80, 1.38, "group Lasso,\ncut at $2\\sqrt{\\beta}$", "group Lasso"),
    ):
        ax.text(at, y, text, color=CAST[who]["color"], ha="right", va="center")
    ticks = {"yscale": "log", "ylim": (0.75, 40), "yticks": [1, 2, 5, 10, 20], "yticklabels": [1, 2, 5, 10, 20]}
    for ax in (left, right):
        ax.axhline(1, **line("oracle", label=None))
    decorate(left, xlabel="training step", ylabel="error / oracle's error", title="train", **ticks)
    decorate(right, xlabel="fine-tuning step", ylabel="", title="prune, then fine-tune", xlim=(-2, 82))
    right.minorticks_off()
