"""The figures of chapter 6. Each function draws measured values as points and what the theory says of them as lines."""

import matplotlib.pyplot as plt
import numpy as np

from helpers import theory
from helpers.figures.style import CAST, FADED, INK, SHADES, decorate, descending, draw_threshold, line, points, ticks
from helpers.tables import table

MARKERS = "os^D"


def half_isometry(ratios, steepest, densities, flattest, rank):
    """Left: the largest ‖𝒜(vvᵀ)‖²/n found, {d: (T,)} over n/d² = `ratios`, and the bound of Proposition 4.2 for the
    largest d. Right: the smallest ‖𝒜(X)‖²/n found at this rank, {d: (T,)} over n/(rank · d) = `densities`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.7))
    fine = np.geomspace(ratios[0], ratios[-1], 100)
    d = max(steepest)
    bounds = [theory.curvature_bound(d, round(ratio * d**2), ensemble="rank-one") for ratio in fine]
    left.plot(fine, bounds, **line("theory", label=f"bound, $d = {d}$"))
    left.axhline(3, color=INK, linewidth=1, linestyle=":")
    right.axhline(2, color=INK, linewidth=1, linestyle=":")
    for ax, over, found in ((left, ratios, steepest), (right, densities, flattest)):
        for shade, marker, (d, values) in zip(SHADES[::2], MARKERS, found.items(), strict=False):
            ax.plot(over, values, marker, color=shade, markersize=6, label=f"$d = {d}$")
    left.text(fine[-1], 2.65, "expectation 3", ha="right", va="top")
    right.text(densities[0], 2.08, "expectation, at least 2", va="bottom")
    decorate(left, xlabel=r"$n/d^2$", ylabel=r"$\kappa$, largest found", xscale="log", yscale="log", ylim=(1.8, 220))
    decorate(right, xlabel=rf"$n/({rank}d)$", ylabel=r"smallest ratio found", xscale="log", ylim=(0, 2.4))
    right.legend(loc="lower right")
    ticks(left, "x", ratios)
    ticks(left, "y", [2, 5, 10, 20, 50, 100, 200])
    ticks(right, "x", densities)
    return figure


def landscape(fractions, shifts, predicted, onset):
    """Left: p_i − μ_i, measured (T, r) and predicted (T', r), over λ/(4√βμ_r) = `fractions`, a pair (T,), (T',). Right:
    the brackets {r: (low, high)} in which a point with r − 1 columns becomes stable, in the same unit."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.7))
    for i, (shade, marker) in enumerate(zip(SHADES[::2], MARKERS, strict=False)):
        left.plot(fractions[1], predicted[:, i], **line("theory", label=None, linewidth=1.3))
        left.plot(fractions[0], shifts[:, i], marker, color=shade, markersize=6)
        offset = (0, 7) if i == 0 else (-10, -13)  # beside its curve
        left.annotate(rf"$i = {i + 1}$", (fractions[0][-2], shifts[-2, i]), color=shade, ha="right", xytext=offset,
                      textcoords="offset points")  # fmt: skip
    left.axhline(0, color=FADED, linewidth=1)
    decorate(left, xlabel=r"$\lambda\,/\,(4\sqrt{\beta}\,\mu_r)$", ylabel=r"$p_i - \mu_i$")
    ranks = np.linspace(1, max(onset) + 0.4, 100)
    right.plot(ranks, theory.further_strength(1.0, ranks, 1.0) / theory.critical_strength(1.0, 1.0, "rank-one"),
               **line("theory"))  # fmt: skip
    right.axhline(1, **line("theory", label=None, linestyle="--", linewidth=1.2))
    for r, (low, high) in onset.items():
        right.errorbar(r, (low + high) / 2, (high - low) / 2, capsize=4, **points("group Lasso"))
    middle = {"ha": "right", "va": "center", "color": "#5A4A42", "fontsize": 11}
    right.text(ranks[-1], 1.47, "points without one unit\nare stable", **middle)
    right.text(ranks[-1], 1.075, "$r$ units, global", **middle)
    place = 0.75 * ranks[-1]
    right.text(place, (place + 2) / (place + 1) + 0.02, r"$\frac{r+2}{r+1}$", ha="center", va="bottom", fontsize=14)
    right.text(ranks[-1], 0.99, "Theorem 6.5", ha="right", va="top")
    unit = r"$\lambda\,/\,(4\sqrt{\beta}\,\mu_r)$"
    decorate(right, xlabel="units of the teacher, $r$", ylabel=unit, ylim=(0.9, 1.62), xticks=list(onset), legend=False)
    return figure


def unit_norms(paths, ends, threshold):
    """Left: the norm of every unit after each epoch (T, k) with the group Lasso. Right: norms after training, largest
    first, {name: (k,)} with names of the cast."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.6), sharey=True)
    alive = paths[-1] > threshold
    left.plot(range(1, len(paths) + 1), paths[:, ~alive], color=FADED, linewidth=0.9)
    left.plot(range(1, len(paths) + 1), paths[:, alive], color=CAST["group Lasso"]["color"], linewidth=2.2)
    for who, norms in ends.items():
        hollow = {"markersize": 9, "markerfacecolor": "none"} if who == "no penalty" else {"markersize": 5}
        descending(right, norms, **points(who, **hollow))
    for ax in (left, right):
        draw_threshold(ax, threshold)
    decorate(left, xlabel="epoch", ylabel="norm of a hidden unit", legend=False, xscale="log", title="group Lasso")
    decorate(right, xlabel="hidden unit, largest first", ylabel="", title="after training")
    return figure


def pruned_errors(errors, floor):
    """Test error after keeping the m units of largest norm, m = 1, …, k, {name: (k,)}; `floor`: that of the oracle."""
    _, ax = plt.subplots()
    for who, values in errors.items():
        ax.plot(range(1, len(values) + 1), values, **CAST[who] | {"markersize": 4, "linewidth": 1, "label": who})
    ax.axhline(floor, **line("oracle", label="oracle, told $r$"))
    return decorate(ax, xlabel="hidden units kept", ylabel="test error (mean square)", yscale="log")


def overlaps(panels, norms):
    """|v_iᵀu_j| for teacher units i (unit vectors v_i) and student units j: {title: (r, k)}, one map below the other.
    `norms`: those of the teacher units, which set the shades."""
    figure, axes = plt.subplots(len(panels), 1, figsize=(5.4, 5.4), sharex=True)
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        image = ax.imshow(values, aspect="auto", cmap="Blues", vmin=0, vmax=max(norms))
        decorate(ax, xlabel="", ylabel="teacher", title=title, yticks=range(len(values)))
        ax.set_yticklabels(range(1, len(values) + 1))
        ax.grid(visible=False)
    axes[-1].set(xlabel="hidden unit of the student", xticks=[0, *range(4, values.shape[1], 5)])
    axes[-1].set_xticklabels([1, *range(5, values.shape[1] + 1, 5)])
    figure.colorbar(image, ax=axes, label="overlap", shrink=0.8)
    return figure


def units_in_plane(teacher, student, penalty, strongest):
    """A network in the plane: teacher (2, 2), student (2, k). Left, both functions as ellipses {Uw: ‖w‖ = 1} and all
    units as arrows; right, the norms of the student's units and what Theorem 6.5 says of them below its border (dashed)
    and below `strongest`, against the strength."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.4))
    angle = np.linspace(0, 2 * np.pi, 200)
    looks = {"teacher": (teacher, INK, "--"), "student": (student, CAST["group Lasso"]["color"], "-")}
    for name, (U, color, dash) in looks.items():
        directions, sizes, _ = np.linalg.svd(np.asarray(U), full_matrices=False)
        left.plot(*(directions * sizes) @ [np.cos(angle), np.sin(angle)], color=color, linestyle=dash, label=name)
        left.quiver(*np.zeros_like(U), *U, color=color, angles="xy", scale_units="xy", scale=1, width=0.012)
    mu = np.linalg.svd(np.asarray(teacher), compute_uv=False) ** 2
    border = theory.critical_strength(mu[-1], penalty.smoothing, "rank-one")
    strengths = np.linspace(0, min(border, strongest), 40)
    roots = [theory.shrunk_spectrum_rank_one(mu, strength, penalty.smoothing) for strength in strengths]
    right.plot(strengths, np.sqrt(roots), **line("theory", label=None))
    right.axvline(border, color=FADED, linestyle="--", linewidth=1.2)
    right.axhline(penalty.threshold, color=FADED, linestyle=":")
    norms = np.linalg.norm(student, axis=0)
    right.plot(np.full_like(norms, penalty.strength), norms, **points("group Lasso", label=None, fillstyle="none"))
    square = {"aspect": "equal", "xticks": [-1, 0, 1], "yticks": [-1, 0, 1], "xlim": (-1.3, 1.3), "ylim": (-1.3, 1.3)}
    decorate(left, xlabel="first input", ylabel="second input", legend=False, **square)
    left.legend(loc="lower right")
    decorate(right, xlabel=r"strength $\lambda$", ylabel="norms of the student's units", ylim=(-0.05, 1.4))
    return figure


def noise_cost(sizes, totals, lost, traces):
    """Left: n‖X̂ − M‖²/s² over its limit, (mean, error) of shape (T,) each, against n; the line is 1 + lost/n. Right:
    n(tr(X̂ − M))²/(s²r), {r: (mean, error)}, against r."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.7))
    fine = np.geomspace(sizes[0] * 0.9, sizes[-1] * 1.1, 100)
    left.plot(fine, 1 + lost / fine, **line("theory", label=r"$1 + \alpha/n$"))
    left.axhline(1, color=FADED, linewidth=1, linestyle=":")
    left.errorbar(sizes, totals[0], 2 * totals[1], capsize=3, **points("oracle", label="measured, ± 2 s.e."))
    ranks = np.linspace(1, max(traces) + 0.4, 100)
    right.plot(ranks, theory.trace_limit(ranks) / ranks, **line("theory", label="$1/(2 + r)$"))
    right.axhline(0.5, **line("theory", linestyle="--", linewidth=1.2, label="without the trace term"))
    means, bars = np.array(list(traces.values())).T
    right.errorbar(list(traces), means, 2 * bars, capsize=3, **points("oracle", label="measured"))
    decorate(left, xlabel="samples $n$", ylabel="squared error / limit", xscale="log", ylim=(0.8, None))
    ticks(left, "x", sizes)
    left.tick_params(axis="x", rotation=40)
    label = r"$n\,(\mathrm{tr}(\hat X - M))^2\,/\,(s^2 r)$"
    decorate(right, xlabel="units of the teacher, $r$", ylabel=label, ylim=(0, 0.8), xticks=list(traces))
    return figure


def what_we_saw(*, kappa, shift, borders, checks, units, errors, noise):
    """The last table of the chapter. kappa: (bound, found). shift: the largest miss of p − μ. borders: {r: (low, high)}
    as in `landscape`. checks: those of `hypotheses.checks`. units: (of the teacher, kept in each run). errors:
    (fine-tuned, oracle). noise: rows (claim, predicted, (mean, standard error))."""
    unit = theory.critical_strength(1.0, 1.0, "rank-one")
    further = {r: theory.further_strength(1.0, r, 1.0) / unit for r in borders}
    onsets = [
        (rf"onset of other minima, $r = {r}$, in $4\sqrt\beta\,\mu_r$",
         f"{'' if r == 1 else 'at least '}{further[r]:.3f}",
         f"{low:.2f} to {high:.2f}")
        for r, (low, high) in borders.items()
    ]  # fmt: skip
    return table([
        (r"largest $\kappa$ found on our data", f"at most {kappa[0]:.1f} (prob. 0.95)", f"{kappa[1]:.2f}"),
        (r"$p - \mu$ against its prediction, largest difference", "0", f"{shift:.0e}"),
        *onsets,
        ("conditions of chapter 4 that hold on the run", "", f"{sum(c.holds for c in checks)} of {len(checks)}"),
        ("... and promises then broken", "0", sum(c.contradicted for c in checks)),
        ("units kept, fresh data", f"{units[0]}", f"{units[1].min()} to {units[1].max()}"),
        ("test error, fine-tuned against oracle", f"{errors[1]:.2g}", f"{errors[0]:.2g}"),
        *((claim, f"{predicted:.3f}", f"{mean:.3f} ± {error:.3f}") for claim, predicted, (mean, error) in noise),
    ])  # fmt: skip
