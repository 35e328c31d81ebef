"""One look for every figure of the book: the style, the cast of colours and markers, and the recurring figures."""

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullLocator

from helpers.tables import table as table  # a page has one import for its figures and tables

INK, FADED = "#222222", "#8A8A8A"  # what theory says; columns that are small or dead
SAFE, BAND, WRONG = "#DDEEE0", "#EBD9D3", "#B3332B"  # where a condition holds; where no column can be; a wrong count
ON_SAFE, ON_BAND = "#1E5B2D", "#6B3A2C"  # letters there
LEVEL = {"color": "#777777", "linewidth": 1, "linestyle": ":"}  # a line to compare with
# The same thing has the same colour, marker and line in every chapter (Okabe and Ito's colour-blind-safe palette, but
# weight decay's darker, so that penalties differ in lightness, too).
CAST = {
    "no penalty": {"color": "#D55E00", "marker": "o", "linestyle": (0, (5, 1.5))},
    "weight decay": {"color": "#6B4A00", "marker": "s", "linestyle": (0, (3, 1, 1, 1))},
    "group Lasso": {"color": "#0072B2", "marker": "^", "linestyle": "-"},
    "oracle": {"color": "#00785A", "marker": "D", "linestyle": (0, (1, 1))},
    "theory": {"color": INK, "linestyle": "-"},
}
LETTERS = 11.4  # points, as all sizes here
SMALL = LETTERS * 11 / 12
TICKS = {"labelsize": SMALL, "major.width": 1.25, "minor.width": 1.0, "minor.size": 4.0}
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # under a word that a line would strike through
SANS = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")  # near the pages' own letters
# for families of curves: ordered, and none too pale for a thin line
SHADES = [tuple(map(float, plt.get_cmap("cividis")(i / 10)[:3])) for i in range(1, 7)]
SIGNED = LinearSegmentedColormap.from_list("signed", ["#DD8530", "white", "#083370"])


def use_style():
    """Set matplotlib's defaults for the book, with figures as sharp SVG. Call once, after the imports. A figure of one
    panel is 5.4 inches wide, so that its letters can be read on a phone."""
    plt.style.use("seaborn-v0_8-ticks")  # seaborn itself would take a second to load
    there = {font.name for font in font_manager.fontManager.ttflist}
    plt.rcParams.update({
        "figure.figsize": (5.4, 3.5), "figure.dpi": 110, "savefig.dpi": 160, "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.1,  # inches: a cut between two panels finds room
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
        "axes.grid": True, "grid.color": "#E3E3E3", "grid.linewidth": 0.7, "axes.axisbelow": True,
        "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": "medium", "axes.titlelocation": "left",
        "legend.frameon": False, "lines.linewidth": 1.8, "lines.markersize": 5, "animation.embed_limit": 10,
        "font.size": LETTERS, "axes.labelsize": "medium", "patch.force_edgecolor": True, "patch.edgecolor": "white",
        "legend.fontsize": SMALL,
        **{f"{axis}tick.{name}": value for axis in "xy" for name, value in TICKS.items()},
        "font.sans-serif": [name for name in SANS if name in there], "mathtext.fontset": "cm", "svg.hashsalt": "book",
    })  # fmt: skip
    if get_ipython():  # a notebook, not a test; the import would choose a drawing backend there
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def line(who, **changes):
    """Keyword arguments for `ax.plot` that draw `who` of the cast as a line without markers."""
    return {k: v for k, v in CAST[who].items() if k != "marker"} | {"label": who} | changes


def points(who, **changes):
    """Keyword arguments for `ax.plot` that draw `who` of the cast as measured points without a line."""
    return CAST[who] | {"linestyle": "none", "label": who} | changes


def single_runs(ax, x, draws, **style):
    """Points at the means of `draws`, an array (len(x), runs) of single results; bars hold the middle 68 % of them."""
    draws = np.asarray(draws)
    mean, (low, high) = draws.mean(-1), np.quantile(draws, (0.16, 0.84), axis=-1)
    return ax.errorbar(x, mean, np.clip([mean - low, high - mean], 0, None), capsize=3, **style)


def signed_image(ax, values, top):
    """The image of a matrix, orange from −top over white at zero to blue at top. An entry clearly below zero carries a
    dot, so that the signs can be told apart in grey, too."""
    image = ax.imshow(values, cmap=SIGNED, vmin=-top, vmax=top)
    rows, columns = np.nonzero(np.asarray(values) < -top / 10)
    ax.plot(columns, rows, ".", color=INK, markersize=3.2, markeredgewidth=0)
    return image


class LogLabels(LogFormatterSciNotation):
    """Labels of a logarithmic axis: 0.01, 1, 100 where all lie between a thousandth and ten thousand, else powers."""

    def __call__(self, x, pos=None):
        text, (low, high) = super().__call__(x, pos), self.axis.get_view_interval()
        return f"{x:g}" if text and low >= 5e-4 and high <= 2e4 else text


def decorate(ax, *, xlabel, ylabel, title=None, legend=True, **settings):
    """Label an axes and draw its legend if it has entries; `settings` go to `ax.set` (xscale="log", ylim=…). A panel of
    several gets a letter, (a), (b), …, by which captions call it: a phone shows them below each other."""
    ax.set(xlabel=xlabel, ylabel=ylabel, **settings)
    panels = [panel for panel in ax.figure.axes if panel.get_label() != "<colorbar>"]
    if len(panels) > 1:
        title = f"({chr(ord('a') + panels.index(ax))}) {title or ''}"
    ax.tick_params(labelleft=True)  # of panels that share an axis, too: on a phone they stand below each other
    for axis in (ax.xaxis, ax.yaxis):
        if type(axis.get_major_formatter()) is LogFormatterSciNotation:
            axis.set_major_formatter(LogLabels())
            axis.set_minor_formatter(LogLabels())
    if title:
        ax.set_title(title)
    if legend and ax.get_legend_handles_labels()[0]:
        ax.legend()
    return ax


def ticks(ax, axis, values):
    """Ticks of an axis, "x" or "y", at these values only, in plain numbers."""
    getattr(ax, f"set_{axis}ticks")(values, [f"{value:g}" for value in values])
    getattr(ax, f"{axis}axis").set_minor_locator(NullLocator())


def ticks_one_two_five(ax):
    """Ticks of the logarithmic y-axis at 1, 2 and 5 times the powers of ten, in plain numbers; no minor ones."""
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def descending(ax, values, *marker, **look):
    """Draw the tensor `values` (k,) in decreasing order over 1, …, k; the rest is for `ax.plot`."""
    ax.plot(range(1, len(values) + 1), values.sort(descending=True).values, *marker, **look)


def draw_threshold(ax, threshold):
    """The pruning threshold, a dashed horizontal line."""
    ax.axhline(threshold, color=INK, linestyle="--", linewidth=1.2, label=r"threshold $2\sqrt{\beta}$")
