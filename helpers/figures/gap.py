"""The figures of chapter 4. Each function draws measured values as points and what the theory says of them as lines."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from helpers import theory
from helpers.figures import style
from helpers.figures.style import FADED, INK, PAPER, SHADES, decorate, line, points, ticks
from helpers.pruning import column_norms

NAMES = {"gaussian": "Gaussian", "rank-one": "rank-one"}


def bending(penalty, ratios):
    """|h''| at a column of norm ‖u‖ (both in the units of β), and levels 2κ/λ for `ratios`, the λ in units of κβ^{3/2}:
    where the curve is above a level, no column can be."""
    figure, ax = plt.subplots()
    beta = penalty.smoothing
    norms = np.linspace(0, 6, 400)
    bend = -(beta**1.5) * penalty.d2h(torch.from_numpy(beta * norms**2))
    ax.plot(norms, bend, **line("theory", label=None))
    ax.text(0.5, 0.9, r"$|h''|$", fontsize=13)
    for shade, ratio in zip(SHADES[::2], ratios, strict=True):
        edge = theory.gap_edge(ratio * beta**1.5, 1.0, beta) / beta**0.5
        ax.plot([0, edge], [2 / ratio] * 2, color=shade, linewidth=5, alpha=0.6, solid_capstyle="butt")
        ax.plot([edge, edge], [1e-3, 2 / ratio], color=shade, linewidth=1.2, linestyle=":")
        label = rf"$\lambda = {ratio}\,\kappa\beta^{{3/2}}$"
        ax.text(edge + 0.12, 2 / ratio * 1.12, label, color=shade, va="bottom", bbox=PAPER)
    ax.axvline(2, color=INK, linestyle="--", linewidth=1.2, zorder=0)
    ax.text(2.08, 1.2, r"threshold $2\sqrt{\beta}$")
    decorate(ax, xlabel=r"column norm, in units of $\sqrt{\beta}$", ylabel=r"$\beta^{3/2}|h''(\Vert u\Vert^2)|$",
             yscale="log", ylim=(2e-3, 2), xlim=(0, 6))  # fmt: skip
    return figure


def forbidden_band(strengths, swept, smoothing):
    """Column norms of converged points against their strengths (T,), a panel an ensemble: `swept` maps its name to κ
    and a list of T lists of points. Shaded: the band below the edge of Lemma 4.1."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.9), sharey=True)
    fine = np.geomspace(strengths[0], strengths[-1], 200)
    for ax, (ensemble, (kappa, rows)) in zip(axes, swept.items(), strict=True):
        edge = theory.gap_edge(fine, kappa, smoothing)
        ax.fill_between(fine, 0, edge, color=style.BAND, linewidth=0)
        ax.plot(fine, edge, **line("theory", label="edge of Lemma 4.1"))
        limit = line("theory", linestyle=":", label=r"limit $\frac{1}{2}(\lambda/\kappa)^{1/3}$")
        ax.plot(fine, theory.gap_edge(fine, kappa), **limit)
        for strength, row in zip(strengths, rows, strict=True):
            alive = [np.sort(column_norms(point.S).numpy()) for point in row if point.m]
            for norms in alive:
                ax.plot([strength] * len(norms), norms, "o", color=FADED, markersize=2.5)
                ax.plot(strength, norms[0], **points("group Lasso", label=None, markersize=6))
            ax.plot(strength, 0, "|", color=FADED, markersize=7, clip_on=False)
        ax.plot([], [], **points("group Lasso", label="smallest nonzero column"))
        ax.text(fine[150], edge[150] * 0.35, "no column here", ha="center", color=style.ON_BAND)
        title = rf"{NAMES[ensemble]} data, $\kappa \approx {kappa:.1f}$"
        decorate(ax, xlabel=r"strength $\lambda$", ylabel="", title=title, xscale="log", ylim=(0, 1.05), legend=False)
        ticks(ax, "x", [0.01, 0.03, 0.1, 0.3])
    axes[0].set_ylabel("column norm")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def pruning_curves(curves, limit):
    """Loss and relative error after keeping the m largest columns, m = 0, …, k: `curves` maps a name of the cast to the
    pair; `limit` (k + 1,) is the prediction for a random frame."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.6))
    floor = min(error.min().item() for _, error in curves.values())
    for who, (loss, error) in curves.items():
        for ax, values in zip(axes, (loss, error), strict=True):
            shown = np.unique(np.geomspace(1, len(values) - 1, 16).round().astype(int))
            ax.plot(shown, values[shown], **points(who))
    axes[1].plot(range(1, len(limit)), limit[1:], **line("theory", label="random frame"))
    decorate(axes[0], xlabel="columns kept", ylabel="training loss $f$", xscale="log", yscale="log")
    decorate(axes[1], xlabel="columns kept", ylabel=r"$\Vert X_m - M\Vert_F / \Vert M\Vert_F$", legend=False,
             xscale="log", yscale="log", ylim=(0.7 * floor, 1.3))  # fmt: skip
    axes[1].text(3.2, 0.95, "theory: random frame")
    for ax in axes:
        ticks(ax, "x", [1, 2, 5, 10, 30, len(limit) - 1])
    return figure


def counts(ends, verdicts):
    """Theorem 4.8 on many converged points: m − r against left/right of the condition of 'at most r' (below 1: it
    holds); `verdicts`: the pair of `count_checks` of each."""
    figure, ax = plt.subplots()
    excess = np.array([point.m - point.problem.r for point in ends])
    ratios = np.array([most.left / most.right for _, most in verdicts])
    ensembles = np.array([point.problem.ensemble for point in ends])
    ax.axvspan(1e-3, 1, color=style.SAFE, linewidth=0)
    ax.axvline(1, color=INK, linewidth=1.4)
    looks = {"gaussian": ("o", SHADES[0], -0.13), "rank-one": ("^", SHADES[3], 0.13)}
    for ensemble, (marker, shade, shift) in looks.items():
        mine = ensembles == ensemble
        look = {"color": shade, "markersize": 6, "alpha": 0.75, "label": NAMES[ensemble]}
        ax.plot(ratios[mine], excess[mine] + shift, marker, **look)
    ax.text(0.97, 0.96, "condition holds:\nat most r columns", ha="right", va="top",
            transform=ax.get_xaxis_transform())  # fmt: skip
    decorate(ax, xlabel=r"$\lambda_{\max}(-Q'EQ')\,/\,2c\,g_{\min}$", ylabel="extra columns $m - r$", xscale="log",
             xlim=(ratios.min() / 1.3, max(2, ratios.max()) * 1.3),
             yticks=range(min(excess), max(excess) + 1), ylim=(min(excess) - 0.5, max(excess) + 1))  # fmt: skip
    ax.legend(loc="center left")
    ticks(ax, "x", [0.03, 0.1, 0.3, 1, 3])
    return figure


def conditions_over_time(steps, kept, r, ratios):
    """Above: columns of norm at least 2√β along training. Below: left/right of each condition (a dict of lists, NaN
    where the right side is not positive); a condition holds where its curve is below 1."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(5.4, 4.8), sharex=True, height_ratios=[1, 2.2])
    top.plot(steps, kept, **points("group Lasso", label=None, markersize=7))
    top.axhline(r, color=INK, linewidth=0.8)
    bottom.axhspan(1e-3, 1, color=style.SAFE, linewidth=0)
    bottom.axhline(1, color=INK, linewidth=1.4)
    for (name, values), shade, marker in zip(ratios.items(), SHADES[::2], "os^", strict=True):
        bottom.plot(steps, values, color=shade, marker=marker, linewidth=1, label=name)
    for step in steps[np.isnan(list(ratios.values())).any(0)]:
        bottom.plot(step, 2.6, "x", color=style.WRONG, markersize=6)
    bottom.text(steps[-1], 0.42, "condition holds", ha="right", color=style.ON_SAFE)
    decorate(top, xlabel="", ylabel="columns\nkept", yticks=sorted({r, max(kept)}))
    decorate(bottom, xlabel="step of gradient descent", ylabel="left side / right side", xscale="log", yscale="log",
             ylim=(1e-3, 4))  # fmt: skip
    bottom.legend(loc="lower left")
    return figure
