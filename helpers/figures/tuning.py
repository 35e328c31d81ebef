"""The figures of chapter 5. Measured values are points; what the theory says of them is a black line."""

import matplotlib.pyplot as plt
import torch

from helpers.figures.style import LEVEL, SHADES, decorate, line, points, ticks_one_two_five

MARKERS = "vos^D"


def rates(curves, measured):
    """The rate against the step size: curves and measured {ensemble: (steps, rates)}, arrays of one length each."""
    _, ax = plt.subplots()
    looks = {"gaussian": ("Gaussian", "o", SHADES[0]), "rank-one": ("rank-one", "s", SHADES[3])}
    for ensemble, (name, marker, shade) in looks.items():
        ax.plot(*curves[ensemble], **line("theory", label=None))
        ax.plot(*measured[ensemble], marker, color=shade, markersize=7, label=f"{name} ensemble")
    ax.plot([], [], **line("theory"))
    ax.axhline(1, **LEVEL)
    decorate(ax, xlabel=r"step size $\eta$", ylabel="factor on the error per step", ylim=(0, 1.05))
    ax.legend(loc="lower right")


def crawl(steps, errors, laws):
    """Error against steps, without noise: errors and laws {columns: (T,)}, in the order of the widths."""
    _, ax = plt.subplots(figsize=(5.4, 4))
    for (k, error), shade, marker in zip(errors.items(), SHADES, MARKERS, strict=False):
        ax.plot(steps, laws[k], **line("theory", linewidth=1, label=None))
        ax.plot(steps, error, marker, color=shade, markersize=5, label=f"$k = {k}$")
    ax.plot([], [], **line("theory", linewidth=1))
    settings = {"xscale": "log", "yscale": "log", "ylim": (1e-15, 10), "xlim": (1, 1.3 * steps[-1].item())}
    decorate(ax, xlabel="step", ylabel=r"$\Vert X - M\Vert_F$", **settings)


def scaled_crawl(steps, errors, laws):
    """Errors and laws {columns: (T,)} of wide models, in units of their limit law, from the hundredth step on."""
    _, ax = plt.subplots()
    late = steps >= 100
    for (k, error), shade, marker in zip(errors.items(), SHADES[1:], MARKERS[1:], strict=False):
        ax.plot(steps[late], laws[k][late], **line("theory", linewidth=1, label=None))
        ax.plot(steps[late], error[late], marker, color=shade, label=f"$k = {k}$")
    ax.plot([], [], **line("theory", linewidth=1))
    ax.axhline(1, **LEVEL)
    decorate(ax, xlabel="step", ylabel=r"$8\eta t\,\Vert X - M\Vert_F\,/\,\sqrt{m - r}$", xscale="log")
    ax.set_ylim(top=1.1)


def step_and_width(curve, measured, steps, errors, laws):
    """Left, the rate against the step size: curve and measured (steps, rates). Right, errors against the steps (T,) at
    one step size, for the right width and for one more: errors and laws {columns: (T,)}, the right width first."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    left.plot(*curve, **line("theory", label="Theorem 5.1"))
    left.plot(*measured, **points("group Lasso", label="measured"))
    left.axhline(1, **LEVEL)
    looks = {"pruned": "group Lasso", "one column more": "no penalty"}
    for (name, who), (k, error) in zip(looks.items(), errors.items(), strict=False):
        right.plot(steps, laws[k], **line("theory", linewidth=1, label=None))
        right.plot(steps, error, **points(who, label=name, markersize=4))
    right.plot([], [], **line("theory", linewidth=1))
    decorate(left, xlabel=r"step size $\eta$", ylabel="factor on the error per step", ylim=(0, 1.05))
    last = steps[errors[min(errors)] > 1e-12].max().item()
    limits = {"ylim": (1e-12, 10), "xlim": (0, 1.5 * last)}
    decorate(right, xlabel="step", ylabel=r"$\Vert X - M\Vert_F$", yscale="log", **limits)
    return figure


def errors_by_size(sizes, found, bound):
    """Root mean square error (S,) of least squares against the number of measurements, and the bound (S,)."""
    _, ax = plt.subplots()
    ax.plot(sizes, bound, **line("theory", label=r"$s\sqrt{{\rm dof}/n}$"))
    ax.plot(sizes, found, **points("oracle", markersize=8, label="least squares of rank $r$"))
    ticks = {"xscale": "log", "yscale": "log", "xticks": sizes, "xticklabels": sizes}
    decorate(ax, xlabel="measurements $n$", ylabel=r"root mean square of $\Vert\hat X - M\Vert_F$", **ticks)
    ticks_one_two_five(ax)


def quotients(sizes, mean, bars, curve):
    """Squared error over the Cramér–Rao value, mean and standard error (S,); curve (n, values) of the theory."""
    _, ax = plt.subplots()
    ax.plot(*curve, **line("theory", label=r"$n/(n - \mathrm{dof} - 1)$"))
    ax.axhline(1, **LEVEL)
    ax.errorbar(sizes, mean, 2 * bars, capsize=3, **points("oracle", markersize=7, label="measured, ± 2 s.e."))
    ticks = {"xscale": "log", "xticks": sizes, "xticklabels": sizes}
    label = r"$\mathrm{E}\Vert\hat X - M\Vert_F^2 \cdot n/(s^2\,\mathrm{dof})$"
    decorate(ax, xlabel="measurements $n$", ylabel=label, **ticks)
    ax.minorticks_off()


def approach(distances, error):
    """Distance to X̂ against steps of fine-tuning: distances {start: (steps, distance)}; the error of X̂ as a line."""
    _, ax = plt.subplots()
    for who, (name, path) in zip(("group Lasso", "oracle", "no penalty"), distances.items(), strict=True):
        ax.plot(*path, **points(who, label=name, markersize=6))
    ax.axhline(error, **line("theory", label=r"error $\Vert\hat X - M\Vert_F$", linestyle="--"))
    decorate(ax, xlabel="step of fine-tuning", ylabel=r"distance to $\hat X$", yscale="log", ylim=(1e-15, 5))


def price(widths, mean, bars, curve, levels):
    """Squared error in units of s²/n against the width of the model: mean and standard error (W,), the theory's curve
    (k, values), and levels {name: parameters} as dotted lines."""
    _, ax = plt.subplots()
    ax.plot(*curve, **line("theory"))
    ax.errorbar(widths, mean, 2 * bars, capsize=3, **points("no penalty", markersize=7, label="measured, ± 2 s.e."))
    for name, level in levels.items():
        ax.axhline(level, **LEVEL)
        ax.annotate(name, (curve[0][-1], 0.985 * level), va="top", ha="right", color="#555555")
    top = 1.12 * max(*levels.values(), *curve[1])
    label = r"$n\,\Vert\hat X - M\Vert_F^2\,/\,s^2$"
    decorate(ax, xlabel="columns $k$ of the model, not pruned", ylabel=label, legend=False, ylim=(0, top))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="lower left", bbox_to_anchor=(0.3, 0.05))


def estimators(sizes, means, curves):
    """Four estimators: means {name: (S,)} of the squared error in units of s²/n, curves {name: (n, values)}."""
    _, ax = plt.subplots()
    looks = {"unpruned": "no penalty", "trace norm": "weight decay", "pruned": "group Lasso", "Riemannian": "oracle"}
    for (name, who), marker in zip(looks.items(), "os^x", strict=True):
        ax.plot(sizes, means[name], **points(who, label=name, marker=marker, markersize=9 if marker == "x" else 6))
        ax.plot(*curves[name], **line("theory", linewidth=1, label=None))
    ax.plot([], [], **line("theory", linewidth=1))
    ticks = {"xscale": "log", "xticks": sizes, "xticklabels": torch.as_tensor(sizes).int().tolist()}
    decorate(ax, xlabel="measurements $n$", ylabel=r"$n\,\Vert\hat X - M\Vert_F^2\,/\,s^2$", ylim=(0, None), **ticks)
    ax.minorticks_off()
