"""The figures of chapter 9."""

from math import nan

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from helpers.figures.style import CAST, INK, decorate, line, points, signed_image, ticks

STARTS = {"small start": {"marker": "o", "color": "#0072B2"}, "last pair removed": {"marker": "s", "color": "#D55E00"}}

METHODS = {
    "group Lasso": CAST["group Lasso"],
    "cut by norm": CAST["no penalty"],
    "fixed rank": {"color": "#555555", "marker": "s", "linestyle": (0, (1, 1))},
}


def prices_and_values(prices, sizes):
    """The squared norms p of the pairs, {name of the cast: (k,), largest first}, as points, over the singular values of
    X, {name: (m,)}, as lines: a panel for each name."""
    figure, panels = plt.subplots(1, len(prices), figsize=(7.4, 3.1), sharey=True)
    for ax, (name, p) in zip(panels, prices.items(), strict=True):
        places = range(1, len(p) + 1)
        values = [*sizes[name].tolist(), *[0.0] * len(p)][: len(p)]
        ax.hlines(values, [i - 0.4 for i in places], [i + 0.4 for i in places], color=INK, label=r"$\sigma_i(X)$")
        ax.plot(places, p, **points(name, label="$p_i$"))
        decorate(ax, xlabel="pair, largest first", ylabel="", title=name, xticks=places)
    panels[0].set_ylabel("squared norm, singular value")
    return figure


def counts_by_strength(ratios, counts, rank):
    """Pairs kept, {start of STARTS: one count a ratio}, against λ/λ₀; lines at the critical strength and at `rank`."""
    _, ax = plt.subplots()
    ax.axvline(1, **line("theory", label=r"$\lambda_0$", linestyle="--", linewidth=1.2))
    ax.axhline(rank, color=INK, linewidth=0.8, label="rank of M")
    for shift, (name, found) in zip((0.04, -0.04), counts.items(), strict=True):
        ax.plot(ratios, [count + shift for count in found], linestyle="none", label=name, **STARTS[name])
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    limits = {"ylim": (-0.4, rank + 0.9)}
    return decorate(ax, xlabel=r"strength $\lambda/\lambda_0$", ylabel="pairs kept", **limits)


def adapter_spectra(sizes, values, threshold):
    """Norms √p of an adapter's pairs, {layer: (k,), largest first}, as points over the roots of the singular values of
    UVᵀ, {layer: (m,)}, as lines: a panel a layer, with the threshold."""
    figure, panels = plt.subplots(1, len(sizes), figsize=(7.6, 3), sharey=True)
    for number, (ax, norms) in enumerate(zip(panels, sizes.values(), strict=True)):
        places = range(1, len(norms) + 1)
        roots = list(values.values())[number].clamp(min=0).sqrt().tolist()[: len(norms)]
        ax.hlines(roots, [i - 0.4 for i in places], [i + 0.4 for i in places], color=INK)
        ax.plot(places, norms, **points("group Lasso", label=None))
        ax.axhline(threshold, color=INK, linestyle="--", linewidth=1.2)
        decorate(ax, xlabel="pair, largest first", ylabel="", title=f"layer {number + 1}")
        ax.set_xticks([1, *range(4, len(norms) + 1, 4)])
    panels[0].set_ylabel(r"$\sqrt{p_i}$, root of $\sigma_i$")
    return figure


def accuracy_by_parameters(ax, runs):
    """Mean test accuracy against mean number of adapter parameters for each method and setting of `runs`, a data frame
    with the columns method, setting, parameters and test, a row a seed; bars are standard errors."""
    for method, look in METHODS.items():
        groups = runs[runs.method == method].groupby("setting")
        found = groups.agg(parameters=("parameters", "mean"), mean=("test", "mean"), error=("test", "sem"))
        found = found.sort_values("parameters")
        ax.errorbar(found.parameters, found["mean"], found.error, capsize=2, linewidth=1.2, label=method, **look)
    decorate(ax, xlabel="numbers in the adapters", ylabel="test accuracy", xscale="log")
    ticks(ax, "x", [500, 1000, 2000, 4000])
    return ax


def filled_table(truth, seen, found):
    """The seen entries of a table and all that was found of it: truth, seen and found (d₁, d₂)."""
    figure, panels = plt.subplots(1, 2, figsize=(6.4, 3.4))
    largest = truth.abs().max().item()
    for ax, values, title in zip(panels, (truth.where(seen, nan), found), ("seen", "found"), strict=True):
        image = signed_image(ax, values, largest)
        decorate(ax, xlabel="column", ylabel="row", title=title, xticks=[], yticks=[])
        ax.grid(visible=False)
    figure.colorbar(image, ax=panels, shrink=0.7)
    return figure
