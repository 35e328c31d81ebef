"""The figures of chapter 3. Each function draws measured values and, as black lines, what the theory says of them."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch

from helpers import theory
from helpers.figures.style import CAST, FADED, SHADES, decorate, descending, line, points, single_runs
from helpers.problems import Population
from helpers.pruning import column_norms, pruning_curve


def norm_histograms(norms, bins, expected, threshold):
    """How many columns have which norm: norms {name of the cast: (runs, k)}, counted in `bins` (b + 1,) and averaged
    over the runs. `expected` (b,) is a random frame's count; the last panel says how many are above `threshold`."""
    _, axes = plt.subplots(len(norms), 1, figsize=(5.4, 5.6), sharex=True)
    for ax, (name, values) in zip(axes, norms.items(), strict=True):
        runs, k = values.shape
        sns.histplot(x=values.flatten(), bins=list(bins), weights=1 / runs, color=CAST[name]["color"], ax=ax)
        if name != "group Lasso":
            ax.plot((bins[1:] + bins[:-1]) / 2, expected, **line("theory", label="random frame"))
        decorate(ax, xlabel="", ylabel="columns", title=name, yscale="log", ylim=(0.02, 2 * k))
    kept = (values > threshold).sum().item() / runs
    axes[-1].text(0.04, k / 5, f"{k - kept:.3g} columns")
    axes[-1].text(0.9, 0.5, f"{kept:.3g} columns", ha="right")
    axes[-1].set_xlabel("column norm")


def clouds(coordinates):
    """The columns of three models as points of a plane: coordinates {name of the cast: (2, k)}; the unit circle."""
    figure, ax = plt.subplots(figsize=(5.4, 5))
    looks = {"no penalty": (8, "none"), "weight decay": (3.5, "full"), "group Lasso": (11, "full")}
    for name, (size, fill) in looks.items():
        ax.plot(*coordinates[name], **points(name, markersize=size, fillstyle=fill))
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, color="#999999", linestyle=":"))
    ticks = [-1, -0.5, 0, 0.5, 1]
    decorate(
        ax, xlabel="along the first column of the truth", ylabel="along the second", legend=False, aspect="equal",
        xticks=ticks, yticks=ticks,
    )  # fmt: skip
    figure.legend(loc="outside upper center", ncols=3)


def fibre_norms(fibre):
    """Column norms of points of one fibre, largest first: fibre {name: (k,)}."""
    _, ax = plt.subplots()
    for (name, norms), shade, marker in zip(fibre.items(), SHADES[::2], "^so", strict=True):
        descending(ax, norms, marker, color=shade, label=name, markersize=4)
    decorate(ax, xlabel="column, largest first", ylabel="column norm", xscale="log")


def counts_near_largest(widths, near, laws):
    """Columns near the largest against k: near {c: a list of single counts for every width}, laws {name: {c: values}},
    the exact one first."""
    _, ax = plt.subplots(figsize=(5.4, 4))
    broad = {"linestyle": "--", "color": SHADES[4], "linewidth": 4, "zorder": 1}
    for n, (c, draws) in enumerate(near.items()):
        for (name, law), look in zip(laws.items(), ({}, broad, {"linestyle": ":"}), strict=True):
            ax.plot(widths, law[c], **line("theory", label=None if n else name, **look))
        single_runs(ax, widths, np.stack(draws), **points("no penalty", label=None if n else "random frames"))
        exact = next(iter(laws.values()))[c]
        ax.text(1.3 * widths[-3], 0.6 * exact[-3], f"$c = {c}$", va="top")
    decorate(ax, xlabel="columns $k$", ylabel="columns near the largest", xscale="log", yscale="log")


def paper_figure(x, shares, predicted, drawn, norms):
    """The paper's Figure 1. Left, the share of columns whose norm is at least x (p,) times the largest: shares {name of
    the cast: (p,)}, for no penalty `predicted` (p,), and single frames `drawn` (p, draws). Right, a histogram of the
    norms {name: (k,)}."""
    _, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.9))
    left.fill_between(x, *np.quantile(drawn, (0.16, 0.84), axis=1), color="#CCCCCC", label="single frames")
    left.plot(x, predicted, **line("theory", label="(3.1)", linestyle=":"))
    for name, share in shares.items():
        left.plot(x, share, **line(name))
    decorate(left, xlabel="$x$", ylabel="share of columns with norm ≥ $x$ · largest")
    bins = np.linspace(0, 1.02 * max(values.max().item() for values in norms.values()), 40)
    for name, values in norms.items():
        looks = {"color": CAST[name]["color"], "alpha": 1, "hatch": None if name == "group Lasso" else "////"}
        sns.histplot(x=values, bins=list(bins), linewidth=0, label=name, ax=right, **looks)  # hatched: alike in grey
    decorate(right, xlabel="column norm", ylabel="columns", yscale="log")


def trained_errors(keeps, errors, kept, formula):
    """Error of trained models against the columns kept: errors {name of the cast: (len(keeps), runs)}, the formula at
    `kept` (k,) as a line."""
    _, ax = plt.subplots()
    for (name, draws), shift in zip(errors.items(), (0.985, 1.015, 1), strict=True):
        single_runs(ax, shift * np.asarray(keeps), draws, **points(name))
    ax.plot(kept, formula, **line("theory", label="formula (3.4)"))
    decorate(ax, xlabel="columns kept", ylabel="relative error", xscale="log")


def frame_errors(fractions, simulated, q, formula, limit):
    """Error against the fraction kept. Left, equal eigenvalues with the `formula` {r: (len(q),)}; right, unequal ones
    with their `limit` (len(q),) and the formula of the same rank. simulated {(eigenvalues, k): (fractions, draws)}."""
    _, axes = plt.subplots(1, 2, figsize=(7, 3.9), sharey=True)
    unequal = next(mu for mu, _ in simulated if len(set(mu)) > 1)
    for curve in formula.values():
        axes[0].plot(q, curve, **line("theory", label=None))
    axes[1].plot(q, limit, **line("theory", label=None))
    axes[1].plot(q, formula[len(unequal)], **line("theory", linestyle=":", label=f"(3.4) for $r = {len(unequal)}$"))
    narrow = min(k for _, k in simulated)
    for (mu, k), draws in simulated.items():
        size = {"markersize": 8, "fillstyle": "none"} if k == narrow else {"markersize": 4}
        label = None if len(mu) == 1 else f"$k = {k}$"
        single_runs(axes[int(mu == unequal)], fractions, draws, fmt="o", color=SHADES[len(mu) - 1], label=label, **size)
    axes[0].text(0.03, 0.25, "$r = 1$")
    axes[0].text(0.32, 0.45, "$r = 3$")
    titles = "equal eigenvalues", "eigenvalues " + ", ".join(f"{value:g}" for value in unequal)
    for ax, title, ylabel in zip(axes, titles, ("relative error", ""), strict=True):
        decorate(ax, xlabel="fraction kept $q$", ylabel=ylabel, title=title)


def finite_widths(widths, finite):
    """Rank one: the error against k when a fraction of the columns is kept. finite {fraction: (draws, exact)}: draws a
    list of single errors for every width, exact (len(widths),)."""
    _, ax = plt.subplots()
    for (fraction, (draws, exact)), n, marker in zip(finite.items(), (0, 2, 3), "os^", strict=True):
        single_runs(ax, widths, np.stack(draws), fmt=marker, color=SHADES[n])
        ax.plot(widths, exact, color=SHADES[n])
        limit = theory.frame_pruning_error(fraction, 1) ** 0.5
        ax.axhline(limit, color=SHADES[n], linestyle=":")
        ax.text(widths[-1], limit - 0.02, f"{fraction:.0%} kept", ha="right", va="top", color=SHADES[n])
    decorate(ax, xlabel="columns $k$", ylabel="relative error", xscale="log", ylim=(0, 0.85))


def errors_by_scale(scales, errors):
    """Error against the scale of the start, four cases: errors {name: (those of trained models (scales, runs), the mean
    of fresh frames (scales,))}."""
    _, ax = plt.subplots(figsize=(5.4, 4.4))
    places = [(0, 1.12, "left"), (0, 1.12, "left"), (2, 1.3, "right"), (2, 0.7, "left")]
    for n, ((name, (trained, fresh)), (at, lift, side)) in enumerate(zip(errors.items(), places, strict=True)):
        single_runs(ax, scales, trained, fmt="osD^"[n], color=SHADES[n])
        ax.plot(scales, fresh, color=SHADES[n], linewidth=1.2)
        beside = {"left": 1.1, "right": 0.9}[side] if at else 1
        place = scales[at] * beside, trained[at].mean() * lift
        ax.text(*place, name, color=SHADES[n], ha=side, va="bottom" if lift > 1 else "top")
    decorate(ax, xlabel="scale of the start", ylabel="relative error", xscale="log", yscale="log")


def cut_frame(frame, cut):
    """One frame (r, k), equal eigenvalues, cut at the share `cut` of its largest column norm. Left, the share of
    columns at least so long; right, the error with the longest ones kept; (3.1) and (3.4) for wide random frames."""
    r, k = frame.shape
    norms = column_norms(frame).sort(descending=True).values
    lengths, ranks = norms / norms[0], np.arange(k + 1) / k
    kept = (lengths >= cut).sum().item()
    errors = pruning_curve(Population(torch.eye(r, dtype=frame.dtype)), frame)[1] / r**0.5
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    x = np.linspace(0, 1, 41)
    left.plot(x, [theory.count_near_largest(k, c, r) / k for c in x], **line("theory", label="(3.1)"))
    left.plot(lengths[kept:], ranks[kept + 1 :], "o", color=FADED, markersize=3, label="cut off")
    left.plot(lengths[:kept], ranks[1 : kept + 1], **points("no penalty", label="kept", markersize=4))
    left.axvline(cut, color=FADED, linestyle="--", linewidth=1.2)
    right.plot(x, np.sqrt(theory.frame_pruning_error(x, r)), **line("theory", label="(3.4)"))
    right.plot(ranks, errors, **line("no penalty", label="this frame"))
    right.plot(kept / k, errors[kept], **points("no penalty", label="cut here", markersize=8))
    decorate(left, xlabel="share of the largest norm", ylabel="share of columns at least so long")
    decorate(right, xlabel="share of columns kept", ylabel="share of the truth that is lost")
    return figure
