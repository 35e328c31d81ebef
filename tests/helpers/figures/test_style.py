"""The palette: lines and points stand out from the ground in both modes."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from helpers.figures import digits, lab, style
from helpers.figures.landscape import PHASE_LOOKS

# hue-rotate(180deg), as browsers do it after invert(1): chapters/_static/book.css
TURN = 2 * np.array([0.213, 0.715, 0.072]) - np.eye(3)
GROUND = np.array(to_rgb("#121212"))
CAST = [look["color"] for look in style.CAST.values()]
DRAWN = [*CAST, style.FADED, *style.SHADES, *(color for color, _ in PHASE_LOOKS)]
# what is left of red, green and blue light in an eye without one kind of cone (Machado, Oliveira and Fernandes 2009)
EYES = {
    "typical": np.eye(3),
    "no long cones": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no middle cones": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}
GROUNDS = ("paper", "rule", "band", "safe")  # what is no line, point or letter


def contrast(*colors, eye=EYES["typical"]):
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in map(np.asarray, colors)]
    linear = [np.clip(eye @ color, 0, 1) for color in linear]
    low, high = sorted(color @ [0.2126, 0.7152, 0.0722] for color in linear)
    return (high + 0.05) / (low + 0.05)


def live_colors():
    """{name: colour} of the live figures, in the light mode and in the dark one."""
    modes = re.findall(r"--lab-ink.*?--lab-amber: #\w+", (lab.HERE / "lab.css").read_text(encoding="utf-8"), re.S)
    return [dict(re.findall(r"--lab-(\w+): (#\w+)", mode)) for mode in modes]


@pytest.mark.parametrize("color", DRAWN)
def test_what_is_drawn_is_seen_in_both_modes(color):
    color = np.array(to_rgb(color))
    turned = np.clip(TURN @ (1 - color), 0, 1)
    assert contrast(color, np.ones(3)) >= 3
    assert contrast(1 - (1 - turned) * (1 - GROUND), GROUND) >= 3


def test_the_live_figures_are_seen_in_both_modes():
    modes = live_colors()
    assert len(modes) == 2
    for mode in modes:
        colors = {name: np.array(to_rgb(color)) for name, color in mode.items()}
        faint = {name: contrast(color, colors["paper"]) for name, color in colors.items() if name not in GROUNDS}
        assert {name: ratio for name, ratio in faint.items() if ratio < 3} == {}


@pytest.mark.parametrize("eye", EYES)
def test_penalties_differ_in_lightness_too(eye):
    looks = [np.array(to_rgb(style.CAST[name]["color"])) for name in digits.LIVE]
    live = [[np.array(to_rgb(mode[color])) for color, *_ in digits.LIVE.values()] for mode in live_colors()]
    for plain, decay, lasso in (looks, *live):
        assert contrast(plain, decay, eye=EYES[eye]) >= 1.5  # one hue to many eyes
        assert min(contrast(lasso, other) for other in (plain, decay)) >= 1.25  # in grey


def test_signs_differ_by_more_than_hue():
    _, ax = plt.subplots()
    style.signed_image(ax, np.array([[-1.0, 1.0], [-0.01, np.nan]]), 1)
    assert np.array_equal(ax.lines[0].get_xydata(), [[0, 0]])
    plt.close()
