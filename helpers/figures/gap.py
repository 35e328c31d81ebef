"""The figures of chapter 4. Each function draws measured values as points and what the theory says of them as lines."""

import matplotlib.pyplot as plt
import numpy as np

from helpers import theory
from helpers.figures.style import CAST, SHADES, decorate, draw_threshold, line, points

INK, DEAD, BAND = CAST["theory"]["color"], "#8A8A8A", "#EBD9D3"
RIGHT, WRONG = "#0072B2", "#B3332B"
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1}
NAMES = {"gaussian": "Gaussian", "rank-one": "rank-one"}


def _log_ticks(ax, axis, values):
    getattr(ax, f"set_{axis}ticks")(values, [f"{v:g}" for v in values])
    getattr(ax, f"{axis}axis").set_minor_locator(plt.NullLocator())


def bending(penalty, ratios):
    """|h''| at a column of norm ‖u‖ (both in the units of β), and levels 2κ/λ for `ratios`, the λ in units of κβ^{3/2}:
    where the curve is above a level, no column can be."""
    figure, ax = plt.subplots(figsize=(6.6, 3.5))
    beta = penalty.smoothing
    norms = np.linspace(0, 6, 400)
    bend = [(norm**2 + 4) / (4 * (norm**2 + 1) ** 2.5) for norm in norms]
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
    """Column norms (T, draws, k) of converged runs against the strengths (T,), a panel an ensemble: `swept` maps its
    name to (κ, norms). Grey the band below the edge of the gap lemma."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.9), sharey=True)
    fine = np.geomspace(strengths[0], strengths[-1], 200)
    for ax, (ensemble, (kappa, norms)) in zip(axes, swept.items(), strict=True):
        edge = theory.gap_edge(fine, kappa, smoothing)
        ax.fill_between(fine, 0, edge, color=BAND, linewidth=0)
        ax.plot(fine, edge, **line("theory", label="edge of Lemma 4.1"))
        limit = line("theory", linestyle=":", label=r"limit $\frac{1}{2}(\lambda/\kappa)^{1/3}$")
        ax.plot(fine, theory.gap_edge(fine, kappa), **limit)
        for strength, row in zip(strengths, norms.numpy(), strict=True):
            alive = [np.sort(run[run > 1e-6]) for run in row]
            ax.plot([strength] * sum(map(len, alive)), np.concatenate(alive), "o", color=DEAD, markersize=2.5)
            least = [run[0] for run in alive]
            ax.plot([strength] * len(least), least, **points("group Lasso", label=None, markersize=6))
            ax.plot(strength, 0, "|", color=DEAD, markersize=7, clip_on=False)
        ax.plot([], [], **points("group Lasso", label="smallest nonzero column"))
        ax.text(fine[150], edge[150] * 0.35, "no column here", ha="center", color="#6B3A2C")
        ax.set_title(rf"{NAMES[ensemble]} data, $\kappa \approx {kappa:.1f}$")
        decorate(ax, xlabel=r"strength $\lambda$", ylabel="", xscale="log", ylim=(0, 1.05), legend=False)
        _log_ticks(ax, "x", [0.01, 0.03, 0.1, 0.3])
    axes[0].set_ylabel("column norm")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize="small")
    return figure


def window(c_beta, c_lambda, kept, nonzero, r, kappa, level, mu_r=1.0):
    """The plane of natural scales: outcomes of runs (arrays of one shape: columns above 2√β, nonzero columns) and the
    three borders of the guaranteed window for curvature κ and noise norm `level`."""
    figure, ax = plt.subplots(figsize=(6.6, 4.4))
    fine = np.geomspace(c_beta.min() / 1.6, c_beta.max() * 1.6, 200)
    bottom, top = c_lambda.min() / 1.5, c_lambda.max() * 1.5
    low, high = 5**2.5 * kappa * fine**1.5 / r, 2 * np.sqrt(fine)
    noise = theory.fold_strength(level, fine * mu_r / r) * r**0.5 / mu_r**1.5
    floor = np.maximum(low, noise)
    ax.fill_between(fine, floor, high, where=floor < high, color="#CFE6D4", linewidth=0)
    ax.plot(fine, high, **line("theory", label=None))
    ax.plot(fine, low, **line("theory", linestyle="--", label=None))
    ax.plot(fine, noise, **line("theory", linestyle=":", label=None))
    good, clean = kept == r, nonzero == r
    for mask, look in (
        (good & clean, {"marker": "^", "color": RIGHT, "label": "right count, every other column is zero"}),
        (good & ~clean, {"marker": "o", "color": RIGHT, "mfc": "white", "label": "right count, nonzero columns cut"}),
        (~good, {"marker": "x", "color": WRONG, "label": "wrong count"}),
    ):
        ax.plot(c_beta[mask], c_lambda[mask], linestyle="none", markersize=7, **look)
    decorate(ax, xlabel=r"smoothing $c_\beta$", ylabel=r"strength $c_\lambda$", legend=False,
             xscale="log", yscale="log", xlim=(fine[0], fine[-1]), ylim=(bottom, top))  # fmt: skip
    figure.legend(loc="outside upper left", ncols=1, fontsize="small")
    look = {"rotation_mode": "anchor", "ha": "center", "va": "center", "fontsize": "small"}
    ax.text(0.005, np.interp(0.005, fine, high) * 1.28, "too strong for Theorem 2.5", rotation=24, **look)
    ax.text(0.031, np.interp(0.031, fine, low) * 0.55, "threshold leaves the gap", rotation=54, **look)
    ax.text(0.37, np.interp(0.37, fine, noise) * 1.25, "noise edge", rotation=21, **look)
    return figure


def pruning_curves(curves, limit):
    """Loss and relative error after keeping the m largest columns, m = 0, …, k: `curves` maps a name of the cast to the
    pair; `limit` (k + 1,) is the prediction for a random frame."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.6))
    for who, (loss, error) in curves.items():
        for ax, values in zip(axes, (loss, error), strict=True):
            shown = np.unique(np.geomspace(1, len(values) - 1, 16).round().astype(int))
            ax.plot(shown, values[shown], **points(who))
    axes[1].plot(range(1, len(limit)), limit[1:], **line("theory", label="random frame"))
    decorate(axes[0], xlabel="columns kept", ylabel="training loss $f$", xscale="log", yscale="log")
    decorate(axes[1], xlabel="columns kept", ylabel=r"$\Vert X_m - M\Vert_F / \Vert M\Vert_F$", legend=False,
             xscale="log", yscale="log", ylim=(0.03, 1.3))  # fmt: skip
    axes[1].text(3.2, 0.95, "theory: random frame", fontsize="small")
    for ax in axes:
        _log_ticks(ax, "x", [1, 2, 5, 10, 30, len(limit) - 1])
    return figure


def counts(ratios, excess, ensembles):
    """Theorem C on many runs: m − r against left/right of the condition of 'at most r' (below 1: it holds)."""
    figure, ax = plt.subplots(figsize=(6.8, 3.5))
    ax.axvspan(1e-3, 1, color="#DDEEE0", linewidth=0)
    ax.axvline(1, color=INK, linewidth=1.4)
    shift = {"gaussian": -0.13, "rank-one": 0.13}
    for ensemble, marker, shade in (("gaussian", "o", SHADES[0]), ("rank-one", "^", SHADES[3])):
        rows = [i for i, name in enumerate(ensembles) if name == ensemble]
        across, up = [ratios[i] for i in rows], [excess[i] + shift[ensemble] for i in rows]
        ax.plot(across, up, marker, color=shade, markersize=6, alpha=0.75, label=NAMES[ensemble])
    ax.text(0.97, max(excess), "condition holds:\nat most r columns", ha="right", va="top")
    decorate(ax, xlabel=r"$\lambda_{\max}(-Q'EQ')\,/\,2c\,g_{\min}$", ylabel="extra columns $m - r$", xscale="log",
             xlim=(min(ratios) / 1.3, max(ratios) * 1.3), yticks=range(min(excess), max(excess) + 1))  # fmt: skip
    ax.legend(loc="center left")
    _log_ticks(ax, "x", [0.03, 0.1, 0.3, 1, 3])
    return figure


def noise_sweep(levels, norms, predicted, edge, noise_edge, threshold):
    """Column norms of runs (T, k) against the noise level (T,), their predictions (T, d), the gap below `edge`, and the
    noise level at which g_min = ν is expected."""
    figure, ax = plt.subplots(figsize=(6.8, 3.9))
    ax.fill_between(levels, 0, edge, color=BAND, linewidth=0)
    ax.plot(levels, np.where(predicted > 0, predicted, np.nan), **line("theory", label=None, linewidth=1.2))
    ax.axvline(noise_edge, color=INK, linestyle=":", linewidth=1.5)
    draw_threshold(ax, threshold)
    truth = np.sort(norms, axis=1)[:, ::-1]
    signal = int((truth[0] > 1e-6).sum())
    for level, row in zip(levels, truth, strict=True):
        ax.plot([level] * signal, row[:signal], **points("group Lasso", label=None, markersize=6))
        extra = row[signal:][row[signal:] > 1e-6]
        ax.plot([level] * len(extra), extra, "x", color=WRONG, markersize=6)
    ax.text(noise_edge - 0.02, 0.62, "noise edge,\nexpected", ha="right", fontsize="small")
    ax.text(levels[-1], 0.53, "columns that\nfit noise", color=WRONG, ha="right", fontsize="small")
    ax.text(levels[0] + 0.02, edge * 0.35, "no column here", color="#6B3A2C", fontsize="small")
    ax.text(levels[-1], threshold + 0.015, r"threshold $2\sqrt{\beta}$", ha="right", fontsize="small")
    decorate(ax, xlabel="noise $s$", ylabel="column norm", ylim=(0, 1.1), legend=False)
    return figure


def weak_and_few(mu, ends, predicted, edge, certain, sizes, runs, sure, expected, r):
    """Left: norm of the second column against its eigenvalue (T,), from a random start and from one without it (2, T).
    Right: columns left against n (a list of lists of counts, and whether Theorem C promises them)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.7))
    left.fill_between(mu, 0, edge, color=BAND, linewidth=0)
    left.plot(mu, np.where(predicted > 0, predicted, np.nan), **line("theory", label=None))
    left.axvline(certain, color=INK, linestyle=":", linewidth=1.5)
    left.plot(mu, ends[0], **points("group Lasso", label="random start", markersize=7))
    left.plot(mu, ends[1], "o", color=WRONG, markerfacecolor="none", label="start without it")
    left.text(certain + 0.02, 0.36, r"$\lambda < 2\sqrt{\beta}\mu_2$", fontsize="small")
    decorate(left, xlabel=r"weaker eigenvalue $\mu_2$", ylabel="norm of its column", title="weak signal",
             ylim=(-0.03, 1.02))  # fmt: skip
    left.legend(loc="upper left", fontsize="small")
    for size, counts_, promised in zip(sizes, runs, sure, strict=True):
        for i, (count, ok) in enumerate(zip(counts_, promised, strict=True)):
            look = {"marker": "^", "color": RIGHT} if ok else {"marker": "o", "color": WRONG, "mfc": "none"}
            right.plot(size * 1.07 ** (i - 1), count, linestyle="none", markersize=6, **look)
    right.plot([], [], "^", color=RIGHT, label="count promised")
    right.plot([], [], "o", color=WRONG, markerfacecolor="none", label="not promised")
    right.axhline(r, color=INK, linewidth=0.8)
    right.axvline(expected, color=INK, linestyle=":", linewidth=1.5)
    decorate(right, xlabel="measurements $n$", ylabel="nonzero columns", title="few samples", xscale="log",
             yticks=range(1, 6), ylim=(0.5, 5.5))  # fmt: skip
    right.legend(loc="upper right", fontsize="small")
    _log_ticks(right, "x", [30, 100, 300, 1000, 3000])
    return figure


def conditions_over_time(steps, kept, r, ratios):
    """Above: columns of norm at least 2√β along training. Below: left/right of each condition (a dict of lists, NaN
    where the right side is not positive); a condition holds where its curve is below 1."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.8, 4.6), sharex=True, height_ratios=[1, 2.2])
    top.plot(steps, kept, **points("group Lasso", label=None, markersize=7))
    top.axhline(r, color=INK, linewidth=0.8)
    bottom.axhspan(1e-3, 1, color="#DDEEE0", linewidth=0)
    bottom.axhline(1, color=INK, linewidth=1.4)
    for (name, values), shade, marker in zip(ratios.items(), SHADES[::2], "os^", strict=True):
        bottom.plot(steps, values, color=shade, marker=marker, linewidth=1, label=name)
    for step in steps[np.isnan(list(ratios.values())).any(0)]:
        bottom.text(step, 2.6, "✗", ha="center", va="center", color=WRONG)
    bottom.text(steps[-1], 0.42, "condition holds", ha="right", fontsize="small", color="#1E5B2D")
    decorate(top, xlabel="", ylabel="columns\nkept", yticks=[r, max(kept) // 2, max(kept)])
    decorate(bottom, xlabel="step of gradient descent", ylabel="left side / right side", xscale="log", yscale="log",
             ylim=(8e-3, 4))  # fmt: skip
    bottom.legend(loc="lower left", fontsize="small")
    return figure
