"""The figures of chapter 8. Measured counts and norms are points, what the theory says of them lines and bands."""

import matplotlib.pyplot as plt
import numpy as np

from helpers import theory
from helpers.figures import style
from helpers.figures.style import CAST, FADED, INK, PAPER, SHADES, decorate, draw_threshold, line, points
from helpers.pruning import column_norms

RIGHT = CAST["group Lasso"]["color"]


def window(c_beta, c_lambda, ends, kappa, nu, here):
    """The plane of natural scales: converged points `ends` at each pair of scales (flat arrays) and the three borders
    of the guaranteed window for κ and noise norm ν; `here`: the scales (c_β, c_λ) of a star."""
    figure, ax = plt.subplots(figsize=(5.4, 4.8))
    r, mu_r = ends[0].problem.r, ends[0].problem.mu_r
    fine = np.geomspace(c_beta.min() / 1.6, c_beta.max() * 1.6, 200)
    low, high = theory.working_window(fine, r, kappa)
    noise = theory.fold_strength(nu, fine * mu_r / r) * r**0.5 / mu_r**1.5
    floor = np.maximum(low, noise)
    ax.fill_between(fine, floor, high, where=floor < high, color="#CFE6D4", linewidth=0)
    ax.plot(fine, high, **line("theory", label=r"upper border, $2\sqrt{c_\beta}$"))
    ax.plot(fine, low, **line("theory", linestyle="--", label="right border: threshold leaves the gap"))
    ax.plot(fine, noise, **line("theory", linestyle=":", label="noise edge"))
    kept = np.array([(column_norms(point.U) > point.penalty.threshold).sum() for point in ends])
    clean = kept == np.array([point.m for point in ends])
    for mask, look in (
        ((kept == r) & clean, {"marker": "^", "color": RIGHT, "label": "right count, every other column is zero"}),
        ((kept == r) & ~clean, {"marker": "o", "color": RIGHT, "mfc": "white", "label": "right count, some cut"}),
        (kept != r, {"marker": "x", "color": style.WRONG, "label": "wrong count"}),
    ):
        ax.plot(c_beta[mask], c_lambda[mask], linestyle="none", markersize=7, **look)
    ax.plot(*here, "*", color=SHADES[5], markeredgecolor=INK, markersize=14, label="next experiment", linestyle="none")
    decorate(ax, xlabel=r"smoothing $c_\beta$", ylabel=r"strength $c_\lambda$", legend=False, xscale="log",
             yscale="log", xlim=(fine[0], fine[-1]), ylim=(c_lambda.min() / 1.5, c_lambda.max() * 1.5))  # fmt: skip
    figure.legend(loc="outside upper left")
    return figure


def noise_sweep(levels, ends, predicted, edge, noise_edge):
    """Column norms of converged points against the noise levels (T,), their predictions (T, d), the gap below `edge`,
    and the noise level at which g_min = ν is expected."""
    figure, ax = plt.subplots(figsize=(5.4, 3.9))
    r, threshold = ends[0].problem.r, ends[0].penalty.threshold
    ax.fill_between(levels, 0, edge, color=style.BAND, linewidth=0)
    ax.plot(levels, np.where(predicted > 0, predicted, np.nan), **line("theory", label=None, linewidth=1.2))
    ax.axvline(noise_edge, color=INK, linestyle=":", linewidth=1.5)
    draw_threshold(ax, threshold)
    for level, point in zip(levels, ends, strict=True):
        norms = column_norms(point.S).sort(descending=True).values
        ax.plot([level] * len(norms[:r]), norms[:r], **points("group Lasso", label=None, markersize=6))
        ax.plot([level] * len(norms[r:]), norms[r:], "x", color=style.WRONG, markersize=6)
    place = ax.get_xaxis_transform()
    ax.text(noise_edge, 0.5, "noise edge, \nexpected ", ha="right", transform=place)
    ax.text(levels[-1], 0.55, "columns that\nfit noise", color=style.WRONG, ha="right", va="top",
            transform=place)  # fmt: skip
    ax.text(levels[0], edge * 0.35, " no column here", color=style.ON_BAND)
    ax.text(levels[-1], threshold * 0.93, r"threshold $2\sqrt{\beta}$", ha="right", va="top")
    decorate(ax, xlabel="noise $s$", ylabel="column norm", ylim=(0, None), legend=False)
    return figure


def along_the_path(fits, chosen, *, ratio, ends):
    """Norms of the columns (above) and their number (below) against the level z of a path of `Fit`s; `chosen` the fit
    of the rule, `ends` the pair of levels where noise and signal are expected to cross the floor."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(5.4, 5.2), sharex=True, height_ratios=[1.2, 1])
    levels = np.array([fit.level for fit in fits])
    edge = 2 * (ratio * levels) ** 0.5
    top.fill_between(levels, 0, edge, color=style.BAND, linewidth=0)
    top.plot(levels, edge, **line("theory", linestyle="--", label=r"threshold $2\sqrt{\beta}$"))
    for fit in fits:
        norms = column_norms(fit.penalised).numpy()
        top.plot([fit.level] * len(norms), norms, **points("group Lasso", label=None))
    top.plot([], [], **points("group Lasso", label="a nonzero column"))
    top.text(levels[-1], edge[-1] * 0.4, "no column here", ha="right", color=style.ON_BAND)
    bottom.axvspan(*ends, color=style.SAFE, linewidth=0)
    bottom.plot(levels, [fit.rank for fit in fits], **points("group Lasso", label=None, markersize=6))
    bottom.axvline(chosen.level, color=INK, linewidth=1.2)
    place = bottom.get_xaxis_transform()
    bottom.text(chosen.level * 1.04, 0.93, "the rule", va="top", transform=place)
    bottom.text(ends[1], 0.93, "expected \nplateau ", ha="right", va="top", color=style.ON_SAFE,
                transform=place)  # fmt: skip
    decorate(top, xlabel="", ylabel="column norm", xscale="log", ylim=(0, None))
    top.legend(loc="center left")
    decorate(bottom, xlabel=r"level $z = \lambda^{2/3}$", ylabel="columns left", legend=False,
             ylim=(-0.5, max(fit.rank for fit in fits) + 1.5))  # fmt: skip
    return figure


def outweighing(fits, chosen):
    """Both sides of the rule against the level: the floor c g_b z, a line, and the noise ν̂ that each fit leaves."""
    _, ax = plt.subplots(figsize=(5.4, 3.5))
    levels = [fit.level for fit in fits]
    ax.plot(levels, [fit.floor for fit in fits], **line("theory", label=r"floor $c\,g_bz$"))
    finite = [fit for fit in fits if np.isfinite(fit.nu)]
    ax.plot([fit.level for fit in finite], [fit.nu for fit in finite],
            **points("group Lasso", label=r"noise $\hat\nu$ that the fit leaves"))  # fmt: skip
    for fit in finite:
        ax.annotate(str(fit.rank), (fit.level, fit.nu), xytext=(0, 6), textcoords="offset points", ha="center",
                    color=CAST["group Lasso"]["color"], bbox=PAPER)  # fmt: skip
    ax.axvline(chosen.level, color=INK, linewidth=1.2, zorder=0)
    return decorate(ax, xlabel=r"level $z = \lambda^{2/3}$", ylabel="operator norm", xscale="log", yscale="log").figure


def staircases(levels, panels):
    """Counts between the two staircases of Theorem 8.2 along the path: `panels` maps a title to a list of triples
    (least, m, most), one a level."""
    figure, axes = plt.subplots(1, len(panels), figsize=(7.4, 3.7), sharey=True)
    for ax, (title, triples) in zip(axes, panels.items(), strict=True):
        least, counts, most = np.array(triples).T
        ax.fill_between(levels, least, most, step="mid", color=style.SAFE, linewidth=0)
        ax.step(levels, least, where="mid", **line("theory", label=r"eigenvalues above $z/(2\sqrt{b})$"))
        ax.step(levels, most, where="mid", **line("theory", linestyle="--", label=r"eigenvalues above $g_bz$"))
        ax.plot(levels, counts, **points("group Lasso", label="columns"))
        decorate(ax, xlabel=r"level $z = \lambda^{2/3}$", ylabel="", title=title, xscale="log", legend=False)
    axes[0].set_ylabel("number")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


RULES = {  # marker, colour and line, so that five curves can be told apart in grey
    "first that outweighs": ("o", CAST["group Lasso"]["color"], "-"), "BIC": ("s", INK, (0, (1, 1))),
    "cross-validation, 1 SE": ("^", "#D55E00", (0, (5, 1.5))), "threshold": ("D", CAST["oracle"]["color"], "-."),
    "from above": ("x", FADED, "-"),
}  # fmt: skip
NAMES = {"first that outweighs": "the rule", "from above": "iteration from above"}


def success(rows):
    """The share of problems on which each of `RULES` finds r, against signal over noise cμ_r/ν in eight bins; bars: one
    standard error. rows: a table with the columns of chapters/data/rank_rules.json."""
    figure, ax = plt.subplots(figsize=(5.4, 4.6))
    edges = 0.25, 0.5, 1, 2, 3, 5, 8, 14, 40
    middle, place = np.sqrt(np.multiply(edges[:-1], edges[1:])), np.digitize(rows["signal"], edges) - 1
    for i, (rule, (marker, color, dash)) in enumerate(RULES.items()):
        there = rows[rule].notna()
        right = (rows[rule] == rows["r"])[there]
        groups = right.groupby(place[there])
        share, count = groups.mean(), groups.size()
        error = np.sqrt(share * (1 - share) / count)
        ax.errorbar(middle[share.index] * 1.03 ** (i - 2), share, error, marker=marker, color=color, linestyle=dash,
                    capsize=2, linewidth=1.2, label=NAMES.get(rule, rule))  # fmt: skip
    ax.axvline(0.5, color=INK, linestyle=":", linewidth=1.4)
    ax.text(0.52, 0.95, "detection\nlimit", va="top")
    ax.axvline(1 + 1 / (2 * 0.05**0.5 * theory.path_floor(0.05)), color=INK, linestyle="--", linewidth=1.2)
    ax.text(4.0, 0.05, "a proof needs this (Gaussian)")
    decorate(ax, xlabel=r"signal over noise $c\mu_r/\nu$", ylabel="share with the right rank", xscale="log",
             ylim=(-0.03, 1.05), xlim=(0.25, 40), legend=False)  # fmt: skip
    style.ticks(ax, "x", [0.25, 0.5, 1, 2, 5, 10, 20, 40])
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def spectrum(values, found):
    """Eigenvalues (d,) of a matrix in decreasing order, and those that were found: a list of (label, eigenvalues (m,),
    resolution), the resolution a dashed line with its label."""
    figure, ax = plt.subplots(figsize=(5.4, 4.2))
    ax.plot(range(1, len(values) + 1), values, "o", color=FADED, label="the matrix")
    for (label, eigenvalues, resolution), shade, marker in zip(found, SHADES[::2], "^sD", strict=False):
        ax.plot(range(1, len(eigenvalues) + 1), eigenvalues, marker, color=shade, label=label)
        ax.axhline(resolution, color=shade, linestyle="--", linewidth=1)
        ax.text(0.01, resolution, label.removeprefix("found at "), color=shade, va="top",
                transform=ax.get_yaxis_transform())  # fmt: skip
    decorate(ax, xlabel="number", ylabel="eigenvalue", yscale="log", legend=False)
    figure.legend(loc="outside upper center", ncols=2)  # the lines cross all of the axes
    return figure
