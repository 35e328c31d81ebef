"""The figures of chapter 2. Each function draws measured values and, as black lines, what the theory says of them."""

import matplotlib.pyplot as plt
import numpy as np
from torch.nn.utils.rnn import pad_sequence

from helpers import theory
from helpers.figures.style import CAST, FADED, INK, SHADES, decorate, descending, line, points
from helpers.rotations import rotate

MARKERS = "os^Dv"  # one for each of a family of curves, beside the shade
POWERS = {
    1: CAST["group Lasso"] | {"label": "group Lasso, $q = 1$"},
    2: CAST["weight decay"] | {"label": "weight decay, $q = 2$"},
    4: {"color": "#A3437F", "marker": "D", "linestyle": (0, (1, 1)), "label": "$q = 4$"},
}
PHASE_LOOKS = (("#0072B2", "o"), ("#4A97C4", "s"), ("#B87D00", "D"), ("#8C2D04", "^"))  # beside theory.PHASES


def powers(degrees, along, norms):
    """Left: penalties along an orbit, {q: (T,)} over the angles `degrees` (T,), each above its value at 0 and scaled to
    height one. Right: column norms {q: (k,)}, largest first. q is a key of POWERS."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    heights = {1: 0.82, 2: 0.07, 4: -0.88}
    for q, look in POWERS.items():
        rise = along[q] - along[q][0]
        left.plot(degrees, rise / max(abs(rise).max(), 1e-9), color=look["color"], linestyle=look["linestyle"])
        left.annotate(f"$q = {q}$", (45, heights[q]), ha="center")
        descending(right, norms[q], **look)
    decorate(left, xlabel=r"angle $\theta$ (degrees)", ylabel="penalty less that at 0, scaled", xticks=[0, 45, 90])
    places = range(1, len(norms[1]) + 1)
    decorate(right, xlabel="column, largest first", ylabel="norm after training", ylim=(-0.05, 1.5), xticks=places)
    return figure


def dial(pair, degrees, along, angle):
    """Left: two orthogonal columns `pair` (2, 2) along the axes, turned into each other by `angle` degrees, on the
    ellipse that stands for X. Right: what the group Lasso costs along the turn, `along` (T,) at the angles `degrees`
    (T,), above its value at 0."""
    figure, (plane, hill) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    blue, circle = CAST["group Lasso"]["color"], np.linspace(0, 2 * np.pi, 100)
    plane.plot(*(pair.numpy() @ [np.cos(circle), np.sin(circle)]), color=FADED, linestyle=":")
    tips = rotate(pair, 0, 1, np.deg2rad(angle)).numpy()
    plane.quiver([0, 0], [0, 0], *tips, color=blue, angles="xy", scale_units="xy", scale=1, width=0.012)
    hill.plot(degrees, along - along[0], color=blue)
    hill.plot(angle, np.interp(angle, degrees, along - along[0]), "o", color=blue, markersize=8)
    hill.axhline(0, color=INK, linestyle="--", linewidth=1.2)
    decorate(plane, xlabel="first eigenvector of X", ylabel="second eigenvector", aspect="equal")
    decorate(hill, xlabel="angle θ (degrees)", ylabel="penalty − penalty at 0", xticks=[0, 45, 90])
    return figure


def column_scene(run, goal, *, threshold):
    """A figure of the columns of U (2, k) as arrows and of their norms as bars, and a function that draws record i of
    `run` (with iterates) into it. goal (2,): the predicted norms along the axes. Columns that end below `threshold` are
    grey."""
    k = run.U.shape[1]
    figure, (plane, bars) = plt.subplots(1, 2, figsize=(4.9, 2.9), width_ratios=[1.15, 1])
    colors = np.where(run.column_norms[-1] > threshold, CAST["group Lasso"]["color"], FADED)
    start = run.iterates[0].numpy()
    arrows = plane.quiver(*np.zeros((2, k)), *start, color=colors, angles="xy", scale_units="xy", scale=1, width=0.012)
    plane.plot(goal[0] * np.array([1, -1, 0, 0]), goal[1] * np.array([0, 0, 1, -1]), "o", mfc="none", mec=INK, ms=9)
    limits = {"xlim": (-1.25, 1.25), "ylim": (-1.25, 1.25), "xticks": [-1, 0, 1], "yticks": [-1, 0, 1]}
    decorate(
        plane, xlabel="first eigenvector of $M$", ylabel="second eigenvector", aspect="equal", title="step 0", **limits
    )
    heights = bars.bar(range(1, k + 1), run.column_norms[0].tolist(), color=colors)
    bars.hlines(goal, 0.4, k + 0.6, colors=INK, linewidth=1.2)
    decorate(bars, xlabel="column", ylabel="norm", ylim=(0, 1.25), xticks=range(1, k + 1))

    def draw(i):
        arrows.set_UVC(*run.iterates[i].numpy())
        for bar, height in zip(heights, run.column_norms[i].tolist(), strict=True):
            bar.set_height(height)
        plane.set_title(f"(a) step {run.steps[i]}")

    return figure, draw


def many_starts(paths, norms, labels, predicted):
    """Left: objectives above the least value, a list of runs (T,), as many in turn for each label, down to rounding
    level, and their median at each step. Right: the medians of the sorted column norms (runs, k) of the same runs,
    with bars from the least to the largest, and the `predicted` norms as lines."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    ordered = norms.sort(descending=True).values.unflatten(0, (len(labels), -1))
    places, each = np.arange(1, norms.shape[-1] + 1), len(paths) // len(labels)
    for n, label in enumerate(labels):
        look = {"color": SHADES[2 * n]}
        runs = paths[n * each : (n + 1) * each]
        for path in runs:
            seen = path[: int((path > 1e-17).nonzero().max()) + 2]
            left.semilogy(range(0, len(seen), 2), seen[::2].clamp(min=1e-17), linewidth=0.5, color=FADED, alpha=0.5)
        median = pad_sequence(runs).clamp(min=1e-17).median(1).values
        left.plot(median, **look, marker=MARKERS[n], markevery=(4 * n, 12))
        middle, low, high = ordered[n].median(0).values, ordered[n].amin(0), ordered[n].amax(0)
        bars = np.stack([middle - low, high - middle])
        right.errorbar(places + 0.22 * (n - 1), middle, bars, fmt=MARKERS[n], label=label, **look)
    right.hlines(predicted, 0.5, places[-1] + 0.5, colors=INK, linewidth=1.2, label="theory")
    decorate(left, xlabel="iteration", ylabel="$F$ less the least value found", ylim=(1e-17, 1e4), legend=False)
    decorate(right, xlabel="column, largest first", ylabel="norm at the end", xticks=places, legend=False)
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def scalar_objective(ax, mu, strengths, smoothing):
    """ψ(x) − μ², ψ(x) = (x − μ)² + λh(x), for several λ, with a dot on the larger root p₊ (on 0 without one)."""
    x = np.linspace(0, 1.15 * mu, 400)
    for n, strength in enumerate(strengths):
        psi = theory.psi(x, mu, strength, smoothing) - mu**2
        ax.plot(x, psi, color=SHADES[n])
        label = rf"$\lambda = {strength:.2f}$"
        ax.annotate(label, (x[-1], psi[-1]), xytext=(6, 0), textcoords="offset points", va="center")
        kept = theory.shrunk_eigenvalue(mu, strength, smoothing)
        ax.plot(kept, np.interp(kept, x, psi), "o", color=SHADES[n], markersize=8, clip_on=False)
    ax.hlines(0, 0, x[-1], color=INK, linewidth=0.8)
    return decorate(ax, xlabel="$x$, a squared norm", ylabel=r"$\psi_\mu(x) - \mu^2$", xlim=(0, 1.35 * mu))


def phase_diagram(beta, strength, codes):
    """The phases `codes` (indices into theory.PHASES) measured at β/μ and λ/μ^{3/2}, arrays of one shape; the borders
    of Theorem 2.7."""
    figure, ax = plt.subplots(figsize=(5.4, 4.9))
    for code, (color, marker) in enumerate(PHASE_LOOKS):
        here = codes == code
        ax.plot(beta[here], strength[here], marker, color=color, markersize=5, label=theory.PHASES[code])
    fine = np.geomspace(beta.min() / 1.2, beta.max() * 1.2, 300)
    borders = {"0": theory.critical_strength, "glob": theory.global_strength, "fold": theory.fold_strength}
    for name, border in borders.items():
        ax.plot(fine, border(1.0, fine), **line("theory", label=None))
        text = rf"$\lambda_\mathrm{{{name}}}$" if name != "0" else r"$\lambda_0$"
        ax.text(fine[0] / 1.1, border(1.0, fine[0]), text, ha="right", va="center")
    limits = {"xlim": (fine[0] / 2.6, fine[-1] * 1.05), "xscale": "log", "yscale": "log"}
    decorate(ax, xlabel=r"smoothing $\beta/\mu$", ylabel=r"strength $\lambda/\mu^{3/2}$", legend=False, **limits)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def turning(ax, times, measured, predicted, labels, *, death):
    """Angles in radians against `times` (T,): `measured` and `predicted`, a list of (T,) each, and the time in which a
    column dies as a band."""
    for n, (angles, path) in enumerate(zip(measured, predicted, strict=True)):
        ax.plot(times, np.rad2deg(path), color=INK, linewidth=1.2)
        ax.plot(times, angles.rad2deg(), MARKERS[n], color=SHADES[2 * n], label=labels[n])
    ax.plot([], [], **line("theory", linewidth=1.2))
    ax.axvspan(times[0], death, color="#DDDDDD", zorder=0)
    ax.annotate("a column dies", (death, 3), xytext=(-5, 0), textcoords="offset points", ha="right")
    settings = {"xscale": "log", "ylim": (0, 44)}
    return decorate(ax, xlabel="time $t$ = steps × step size", ylabel=r"angle $\theta$ (degrees)", **settings)


def nearly_orthogonal(ax, steps, cosine, bound):
    """The largest cosine between large columns along a run (T,), and the bound of Theorem 2.9 at the same steps."""
    ax.plot(steps, cosine, **points("group Lasso", label="largest cosine"))
    ax.plot(steps, bound, **line("theory", label="bound of Theorem 2.9"))
    return decorate(ax, xlabel="step", ylabel="|cos| between large columns", xscale="log", yscale="log")
