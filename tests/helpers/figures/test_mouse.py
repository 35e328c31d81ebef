"""A mouse that does the unexpected on a live figure: nothing moves that was not meant to, and nothing sticks."""

import pytest
from browser import chromium

from helpers.figures import lab

PICTURE = '<img alt="A picture that stands in for the live figure." src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
FIGURES = {
    "landscape_dial": {"squares": [1.0, 0.4], "smoothing": 0.0067},
    "frames": {"r": 2, "k": 60, "c_beta": 0.01, "seed": 0},
    "gap": {"d": 6, "smoothing": 0.03},
    "tuning": {"d": 12, "r": 2, "condition": 1.4, "seed": 0},
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.mark.parametrize("name", FIGURES)
def test_only_a_pressed_left_button_drags(browser, name):
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.set_content(f"<main>{lab.page(name, PICTURE, FIGURES[name])}</main>")
    handle, plot = page.locator(".lab-handle").first, page.locator(".lab-plots svg:has(.lab-handle)").first
    box, place = plot.bounding_box(), handle.locator("circle").last.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2

    def where():
        return handle.get_attribute("transform")

    before = where()
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 40, y + 40, steps=3)
    page.mouse.up(button="right")
    page.mouse.dblclick(box["x"] + 8, box["y"] + 6)  # the letter of the panel
    assert where() == before
    assert page.evaluate("getSelection().toString()") == ""
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"], steps=3)
    assert where() != before
    page.mouse.move(-40, -40)  # out of the window
    page.mouse.up()
    said = handle.get_attribute("aria-valuetext")
    page.mouse.move(x, y, steps=3)
    assert handle.get_attribute("aria-valuetext") == said
    page.close()
