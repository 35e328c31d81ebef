"""The figures of chapter 3. Each function draws measured values and, as black lines, what the theory says of them."""

import matplotlib.pyplot as plt
import numpy as np

from helpers import theory
from helpers.figures.style import CAST, SHADES, decorate, line, points, single_runs


def norm_histograms(norms, bins, expected, threshold):
    """How many columns have which norm: norms {name of the cast: (runs, k)}, counted in `bins` (b + 1,) and averaged
    over the runs. `expected` (b,) is a random frame's count; the last panel says how many are above `threshold`."""
    _, axes = plt.subplots(len(norms), 1, figsize=(7, 5.6), sharex=True)
    for ax, (name, values) in zip(axes, norms.items(), strict=True):
        runs, k = values.shape
        ax.hist(values.flatten(), bins, weights=np.full(runs * k, 1 / runs), color=CAST[name]["color"], alpha=0.75)
        if name != "group Lasso":
            ax.plot((bins[1:] + bins[:-1]) / 2, expected, **line("theory", label="random frame"))
        decorate(ax, xlabel="", ylabel="columns", title=name, yscale="log", ylim=(0.02, 2 * k))
    kept = (values > threshold).sum().item() / runs
    axes[-1].text(0.04, k / 5, f"{k - kept:g} columns")
    axes[-1].text(0.96, 0.5, f"{kept:g} columns", ha="right")
    axes[-1].set_xlabel("column norm")


def clouds(coordinates):
    """The columns of three models as points of a plane: coordinates {name of the cast: (2, k)}; the unit circle."""
    _, ax = plt.subplots(figsize=(5.2, 5))
    looks = {"no penalty": (8, "none"), "weight decay": (3.5, "full"), "group Lasso": (11, "full")}
    for name, (size, fill) in looks.items():
        ax.plot(*coordinates[name], **points(name, markersize=size, fillstyle=fill))
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, color="#999999", linestyle=":"))
    ticks = [-1, -0.5, 0, 0.5, 1]
    decorate(
        ax, xlabel="along the first column of the truth", ylabel="along the second", legend=False, aspect="equal",
        xticks=ticks, yticks=ticks,
    )  # fmt: skip
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.92))


def counts_near_largest(widths, near, laws):
    """Columns near the largest against k: near {c: a list of single counts for every width}, laws {name: law(k, c)},
    the exact one first."""
    _, ax = plt.subplots(figsize=(7, 4.2))
    broad = {"linestyle": "--", "color": SHADES[4], "linewidth": 4, "zorder": 1}
    for n, (c, draws) in enumerate(near.items()):
        for (name, law), look in zip(laws.items(), ({}, broad, {"linestyle": ":"}), strict=True):
            values = [law(k, c) for k in widths]
            ax.plot(widths, values, **line("theory", label=None if n else name, **look))
        single_runs(ax, widths, np.stack(draws), **points("no penalty", label=None))
        ax.text(1500, 0.6 * laws[next(iter(laws))](1500, c), f"$c = {c}$", va="top")
    decorate(ax, xlabel="columns $k$", ylabel="columns near the largest", xscale="log", yscale="log")


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


def finite_widths(squares, fractions):
    """Rank one: the error against k when a fraction of the columns is kept. squares {k: (draws, k)}: squared entries
    of random frames, largest first."""
    _, ax = plt.subplots()
    ks = list(squares)
    for fraction, shade, marker in zip(fractions, (SHADES[i] for i in (0, 2, 3)), "os^", strict=True):
        keep = {k: round(fraction * k) for k in ks}
        draws = [1 - squares[k][:, : keep[k]].sum(-1).numpy() for k in ks]
        single_runs(ax, ks, draws, fmt=marker, color=shade)
        ax.plot(ks, [1 - theory.kept_mass(keep[k], k) for k in ks], color=shade)
        limit = theory.frame_pruning_error(fraction, 1) ** 0.5
        ax.axhline(limit, color=shade, linestyle=":")
        ax.text(ks[-1], limit - 0.02, f"{fraction:.0%} kept", ha="right", va="top", color=shade)
    decorate(ax, xlabel="columns $k$", ylabel="relative error", xscale="log", ylim=(0, 0.85))


def errors_by_scale(scales, errors):
    """Error against the scale of the start, four cases: errors {name: (those of trained models (scales, runs), the mean
    of fresh frames (scales,))}."""
    _, ax = plt.subplots(figsize=(7, 4.4))
    places = [(0, 1.12, "left"), (0, 1.12, "left"), (2, 1.3, "right"), (2, 0.7, "left")]
    for n, ((name, (trained, fresh)), (at, lift, side)) in enumerate(zip(errors.items(), places, strict=True)):
        single_runs(ax, scales, trained, fmt="osD^"[n], color=SHADES[n])
        ax.plot(scales, fresh, color=SHADES[n], linewidth=1.2)
        beside = {"left": 1.1, "right": 0.9}[side] if at else 1
        place = scales[at] * beside, trained[at].mean() * lift
        ax.text(*place, name, color=SHADES[n], ha=side, va="bottom" if lift > 1 else "top")
    decorate(ax, xlabel="scale of the start", ylabel="relative error", xscale="log", yscale="log")
