"""Figures on the site weigh less than matplotlib made them, and look the same."""

import io
import re
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from browser import chromium
from notebooks import CHAPTERS
from PIL import Image, ImageChops

sys.path.insert(0, str(CHAPTERS / "_extensions"))

import drawings


@pytest.fixture(scope="module")
def drawn():
    """A figure with curves, points of one look, text, a formula and a picture, as SVG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
    x = np.linspace(0.1, 3, 200)
    for n in range(30):
        left.semilogy(x, np.exp(-n * x) + 0.01 * np.sin(9 * x) ** 2, linewidth=0.6)
    left.scatter(x, 0.01 + x**n / 3**n, s=4, alpha=0.5, label=r"$\lambda_0$")
    left.fill_between(x, 0.1, 0.5 + x, alpha=0.2)
    left.legend()
    right.imshow(np.outer(x, x))
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    plt.close(figure)
    return stream.getvalue()


def test_a_figure_gets_lighter_once(drawn):
    light = drawings.lighter(drawn)
    assert len(light) < 0.7 * len(drawn)
    assert drawings.lighter(light) == light


@pytest.mark.parametrize("path", ["M 1.2345 2", "M 1.2345 2 L 3 4", "M 1 2 L 3.4567 4 L 5 6 z"])
def test_a_build_that_finds_the_light_figures_of_an_earlier_one_leaves_them(path):
    light = drawings.lighter(f'<svg xmlns="{drawings.SVG[1:-1]}"><metadata/><path d="{path}"/></svg>')
    assert "metadata" not in light
    assert path not in light
    assert drawings.lighter(light) == light


@pytest.mark.parametrize("count", [2, 500])
def test_corners_stay_within_half_a_hundredth_however_many_there_are(count):
    corners = np.random.default_rng(count).uniform(0, 400, (count, 2))
    steps = " L ".join(f"{x:.6f} {y:.6f}" for x, y in corners)
    start, moves = drawings.outline(f"M {steps} z").removeprefix("M").removesuffix("z").split("l")
    walked = np.cumsum(np.array([*start.split(), *moves.split()], dtype=float).reshape(-1, 2), axis=0)
    assert abs(walked - corners).max() < 0.0051


def test_curves_and_small_numbers_keep_their_meaning():
    assert drawings.outline("M 1.2345 0 Q 2 3.9999 5 -0.001 z") == "M 1.23 0 Q 2 4 5 0 z"
    assert drawings.rounded("1.5e-05 2.123456e-07") == "1.5e-05 2.123456e-07"


@pytest.mark.slow
def test_it_looks_the_same(drawn):
    seen = []
    with chromium() as browser:
        page = browser.new_page(device_scale_factor=2)
        for svg in (drawn, drawings.lighter(drawn)):
            page.set_content(re.sub(r"^.*?(?=<svg)", "", svg, flags=re.S))
            seen.append(Image.open(io.BytesIO(page.locator("svg").screenshot())).convert("L"))
    changed = np.asarray(ImageChops.difference(*seen))
    assert seen[0].getextrema()[0] < 100  # something is drawn
    assert (changed > 40).mean() < 1e-3
