"""The palette: lines and points stand out from the ground in both modes."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from helpers.figures import lab, style
from helpers.figures.landscape import PHASE_LOOKS

# hue-rotate(180deg), as browsers do it after invert(1): chapters/_static/book.css
TURN = 2 * np.array([0.213, 0.715, 0.072]) - np.eye(3)
GROUND = np.array(to_rgb("#121212"))
CAST = [look["color"] for look in style.CAST.values()]
DRAWN = [*CAST, style.FADED, *style.SHADES, *(color for color, _ in PHASE_LOOKS)]
GROUNDS = ("paper", "rule", "band", "safe")  # what is no line, point or letter


def contrast(*colors):
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in map(np.asarray, colors)]
    low, high = sorted(color @ [0.2126, 0.7152, 0.0722] for color in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", DRAWN)
def test_what_is_drawn_is_seen_in_both_modes(color):
    color = np.array(to_rgb(color))
    turned = np.clip(TURN @ (1 - color), 0, 1)
    assert contrast(color, np.ones(3)) >= 3
    assert contrast(1 - (1 - turned) * (1 - GROUND), GROUND) >= 3


def test_the_live_figures_are_seen_in_both_modes():
    modes = re.findall(r"--lab-ink.*?--lab-amber: #\w+", (lab.HERE / "lab.css").read_text(encoding="utf-8"), re.S)
    assert len(modes) == 2
    for mode in modes:
        colors = {name: np.array(to_rgb(color)) for name, color in re.findall(r"--lab-(\w+): (#\w+)", mode)}
        faint = {name: contrast(color, colors["paper"]) for name, color in colors.items() if name not in GROUNDS}
        assert {name: ratio for name, ratio in faint.items() if ratio < 3} == {}
