"""The figures and tables of chapter 7: accuracies against units kept, angles between units, and units as images."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from helpers.figures import lab, style
from helpers.figures.style import CAST, INK, decorate, points, single_runs
from helpers.pruning import column_norms
from helpers.tables import number

SMALL = {"color": "#555555", "marker": "x", "linestyle": ":", "markersize": 6}
INKS = ("#1B2A49", "#7A7A7A", "#8A5A00")
TICKS = (2, 3, 4, 6, 10, 20, 40, 60, 100)
LIBRARY = ("group Lasso", "weight decay", "Torch-Pruning")  # the methods of the stored runs


def sorted_norms(norms, threshold):
    """Unit norms {name of the cast: (k,)} in decreasing order, as points, with the pruning threshold."""
    _, ax = plt.subplots()
    for name, values in norms.items():
        style.descending(ax, values, **points(name))
    style.draw_threshold(ax, threshold)
    return decorate(ax, xlabel="unit, largest first", ylabel="norm of the unit")


def look(name):
    """How `name` is drawn: one of the cast, or "small from scratch"."""
    return CAST.get(name, SMALL) | {"linewidth": 1.1, "label": name}


def accuracy_by_width(ax, keeps, curves, *, title="", ylabel="test accuracy", **settings):
    """Accuracies {name: (M, S)} against the widths `keeps` (M,): means, and bars for the middle 68 % of the seeds.

    The series stand a little apart, so that no bar hides another.
    """
    for i, (name, values) in enumerate(curves.items()):
        aside = 1.025 ** (i - (len(curves) - 1) / 2)
        single_runs(ax, np.array(keeps) * aside, values, **look(name))
    ax.set_xscale("log")
    style.ticks(ax, "x", _ticks(keeps))
    return decorate(ax, xlabel="hidden units kept", ylabel=ylabel, title=title, **settings)


def _ticks(keeps):
    return [m for m in TICKS if min(keeps) <= m <= max(keeps)]


LIVE = {  # colour, marker and dashes
    "no penalty": ("orange", "circle", "7 3"), "weight decay": ("ochre", "square", "5 2 2 2"),
    "group Lasso": ("blue", "triangle", ""),
}  # fmt: skip


def strength_slider(sweeps, *, alt):
    """Accuracy right after pruning against units kept, live, with a slider over the strength: `sweeps` {penalty of the
    cast: WidthSweep} with the same widths, "no penalty" first, the others with the same strengths. `alt` as for
    `lab.show`. Bars hold the middle 68 % of the seeds; the still picture shows a strength in the middle."""
    keeps, strengths = sweeps["no penalty"].keeps, list(sweeps.values())[-1].strengths.tolist()
    curves, words, start = [], [], len(strengths) // 2
    for name, (color, shape, dash) in LIVE.items():
        runs = sweeps[name].test.double().expand(-1, len(strengths), -1)
        low, high = runs.quantile(torch.tensor([0.16, 0.84]).to(runs), dim=-1)
        rows = {"middle": runs.mean(-1), "low": low, "high": high}
        rows = {part: values.T.round(decimals=4) for part, values in rows.items()}
        curves.append({"name": name, "color": color, "shape": shape, "dash": dash} | rows)
    for i in range(len(strengths)):
        words.append(_in_words({curve["name"]: curve["middle"][i] for curve in curves}, keeps))
    figure, ax = plt.subplots()
    shown = {name: sweep.test[:, start if sweep.test.shape[1] > 1 else 0] for name, sweep in sweeps.items()}
    title = rf"$\lambda = {strengths[start]:.2g}$"
    accuracy_by_width(ax, keeps, shown, title=title, ylim=(0.45, 1.01))
    numbers = {"keeps": keeps, "ticks": _ticks(keeps), "strengths": strengths, "start": start}
    return lab.show("digits", still=figure, alt=alt, curves=curves, words=words, **numbers)


def _in_words(means, keeps):
    rows = [len(keeps) - 1, *(keeps.index(m) for m in (10, 6, 4) if m in keeps[:-1])]
    cells = "; ".join(f"{who} " + ", ".join(f"{100 * m[i]:.0f}" for i in rows) for who, m in means.items())
    return f"Mean test accuracy in per cent with {', '.join(str(keeps[i]) for i in rows)} units: {cells}."


def angle_strips(cosines):
    """|cosine| of pairs of units, {name: (pairs of equal sign, pairs of opposite sign)}: a row of dots for each, and a
    bar at its median. A name opens with a penalty of the cast; what follows a comma is a remark."""
    _, ax = plt.subplots(figsize=(5.4, 4.5))
    rows, random = [], np.random.default_rng(0)
    for name, (same, opposite) in cosines.items():
        rows += [(f"{name}:\nequal", name, same), (f"{name}:\nopposite", name, opposite)]
    for y, (_, name, values) in enumerate(rows):
        color, scatter = CAST[name.split(",")[0]]["color"], y + random.uniform(-0.28, 0.28, len(values))
        size = 1.5 if len(values) > 1000 else 4
        ax.plot(values, scatter, ".", color=color, markersize=size, alpha=0.4, rasterized=True)
        ax.plot([values.median()] * 2, [y - 0.4, y + 0.4], color=INK, linewidth=2.5)
    ax.set_yticks(range(len(rows)), [row[0] for row in rows])
    ax.invert_yaxis()
    return decorate(ax, xlabel="|cosine| of the angle between two units", ylabel="", legend=False, xlim=(-0.02, 1.02))


def unit_images(network, part, *, above, most):
    """The largest units of a signed network of norm larger than `above`, at most `most`, as 8 × 8 images.

    Above the weights; below the pattern the unit goes with, the mean of (uᵀx)x over the inputs of a `Part`. Under each
    column stands s‖u‖². Orange with a dot and blue are the two signs, white is zero; each image has its own scale.
    """
    figure, axes = plt.subplots(2, most, figsize=(5.4, 2.5), squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    U = network.U.detach()
    patterns = part.x.T @ (part.x @ U) / len(part.x)
    norms = column_norms(U)
    order = norms.argsort(descending=True)[:most]
    for pair, j in zip(axes.T, order[norms[order] > above].tolist(), strict=False):
        for ax, columns in zip(pair, (U, patterns), strict=True):
            pixels = columns[:64, j].reshape(8, 8)
            style.signed_image(ax, pixels, pixels.abs().max().item())
        pair[1].set_xlabel(f"{'+' if network.signs[j] > 0 else '−'}{norms[j] ** 2:.2f}")
    for ax, title in zip(axes[:, 0], ("weights", "goes with"), strict=True):
        ax.set_ylabel(title)
    return figure


def units_alive(ax, sweeps, *, above, title="", **settings):
    """Mean number of units of norm larger than `above` against the strength, for {label: WidthSweep}."""
    for (name, sweep), shade, marker in zip(sweeps.items(), INKS, "osD", strict=False):
        counts = (sweep.networks.norms() > above).sum(-1).reshape(len(sweep.strengths), -1)
        single_runs(ax, sweep.strengths, counts, color=shade, marker=marker, linewidth=1.1, label=name)
    decorate(ax, xlabel=r"strength $\lambda$", ylabel="units left", title=title, xscale="log", **settings)
    ax.set_xticks(sweep.strengths.tolist(), [f"{strength:.2g}" for strength in sweep.strengths.tolist()])
    ax.minorticks_off()
    return ax


def norm_strips(models):
    """All unit norms of networks trained with different smoothing, {β: NetworkStack}: a column of dots each, with the
    threshold 2√β; norms below 1e-5 are drawn there."""
    _, ax = plt.subplots(figsize=(5.4, 3.9))
    random, floor = np.random.default_rng(0), 1e-5
    for x, (beta, stack) in enumerate(models.items()):
        norms = stack.norms().flatten().clamp(min=floor)
        dots = x + random.uniform(-0.3, 0.3, len(norms))
        ax.plot(dots, norms, ".", color=CAST["group Lasso"]["color"], markersize=4, alpha=0.5)
        ax.plot([x - 0.42, x + 0.42], [2 * beta**0.5] * 2, "--", color=INK, linewidth=1.4)
    ax.text(x + 0.45, 2 * beta**0.5, r"$2\sqrt{\beta}$", va="center")
    ax.set_xticks(range(len(models)), [number(beta) for beta in models])
    return decorate(ax, xlabel=r"smoothing $\beta$", ylabel="norm of a unit", yscale="log", ylim=(floor / 2, 3),
                    xlim=(-0.5, len(models) - 0.2))  # fmt: skip


def gain(better, worse):
    """The mean difference of two series of accuracies (S,), and its standard deviation over the seeds, as text."""
    return f"{(better - worse).mean():+.3f} ({(better - worse).std():.3f})"


def recipe_row(name, sweeps):
    """What the recipe finds: accuracy without a penalty, then for the group Lasso and for weight decay the units kept,
    mean (least to most), and the mean test accuracy, of `sweeps` {penalty: WidthSweep}."""
    row = [name, sweeps["no penalty"].chosen[-1].mean().item()]
    for penalty in ("group Lasso", "weight decay"):
        widths, reached = sweeps[penalty].smallest_good()
        row += [f"{widths.double().mean():.0f} ({widths.min()} to {widths.max()})", reached.mean().item()]
    return row


def pruner_rows(stored):
    """The stored runs with a structured-pruning library, at five widths and the full one: rows (units kept, the mean
    accuracy of each method, the first method minus the library: mean ± its standard error, paired by seed)."""
    rows, found = {name: np.array(values) for name, values in stored["rows"].items()}, []
    for keep in (6, 8, 10, 15, 20, rows["keep"].max()):
        runs = [rows[name][rows["keep"] == keep] for name in LIBRARY]
        lead = runs[0] - runs[-1]
        error = lead.std(ddof=1) / len(lead) ** 0.5
        found.append((int(keep), *(run.mean() for run in runs), f"{lead.mean():+.3f} ± {error:.3f}"))
    return found
