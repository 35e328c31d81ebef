"""Formulas and figures on a phone and on a desk, in a real browser with the book's MathJax."""

import io

import numpy as np
import pytest
from browser import chromium
from PIL import Image
from small_book import build, notebook
from test_panels import ALT, drawing

pytestmark = pytest.mark.slow
LETTERS = "abcdefghijkl"
TEXT = f"""# One

By ${" + ".join(LETTERS)} = {" + ".join(LETTERS)}$, and then $\\frac{{{" + ".join(LETTERS * 2)}}}2$, and $x$.

{" ".join(f"word{'s' * n} $x_{n}$," for n in range(40))} and so on.

$$ {" + ".join(LETTERS * 3)} $$
"""
LINES = """() => [...document.querySelectorAll(".together")].map((span) => {
  const mark = document.createRange();
  mark.setStart(span.lastChild, 0);
  mark.setEnd(span.lastChild, 1);
  const formula = span.querySelector(".math").getBoundingClientRect(), comma = mark.getBoundingClientRect();
  return comma.top < formula.bottom && comma.bottom > formula.top && comma.left >= formula.right - 1;
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pages = {"chapters/01_one.ipynb": notebook(TEXT, {"image/svg+xml": drawing(1, 2)}, alt=ALT)}
    return build(tmp_path_factory.mktemp("book"), pages).as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_at(browser, site):
    """Opens the page in a window of some width, its formulas set."""
    opened = []

    def at(width):
        page = browser.new_page(viewport={"width": width, "height": 800})
        opened.append(page)
        page.goto(f"{site}/chapters/01_one.html")
        page.wait_for_selector("div.math mjx-container")
        page.wait_for_function("document.querySelector('span.wide') || innerWidth > 600")
        return page

    yield at
    for page in opened:
        page.close()


def test_only_what_has_no_place_to_break_scrolls_and_the_page_does_not(open_at):
    page = open_at(390)
    assert page.locator("span.wide").count() == 1
    assert page.locator("span.wide").evaluate("formula => formula.scrollWidth > formula.clientWidth")
    assert page.evaluate("document.querySelector('.bd-article').scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("cut", ["span.wide", "div.math", ".cell_input pre"])
def test_what_scrolls_has_a_shadow_at_its_edge(open_at, cut):
    shadows = open_at(390).evaluate(f"getComputedStyle(document.querySelector('{cut}')).backgroundImage")
    assert shadows.count("linear-gradient") == 4


@pytest.mark.parametrize("width", [390, 1280])
def test_punctuation_stays_on_the_line_of_its_formula(open_at, width):
    same_line = open_at(width).evaluate(LINES)
    assert len(same_line) > 40
    assert all(same_line)


@pytest.mark.parametrize("mathjax", ["comes late", "never comes"])
def test_words_around_a_formula_appear_with_it_and_without_mathjax_too(browser, site, mathjax):
    page, held = browser.new_page(viewport={"width": 390, "height": 800}), []
    page.clock.install()
    page.route("**/mathjax/tex-chtml.js*", lambda asked: held.append(asked))
    with page.expect_request("**/mathjax/tex-chtml.js*"):
        page.goto(f"{site}/chapters/01_one.html", wait_until="commit")
    formula = page.locator("span.math").first
    formula.wait_for(state="attached")
    assert (page.get_by_role("heading", name="One").is_visible(), formula.is_visible()) == (True, False)
    if mathjax == "comes late":
        held[0].continue_()
    else:
        page.clock.fast_forward(3000)
    formula.wait_for(state="visible")
    assert formula.locator("mjx-container").count() == (mathjax == "comes late")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_panels_stand_below_each_other_on_a_phone_and_side_by_side_on_a_desk(open_at):
    desk, phone = open_at(1280), open_at(390)
    assert desk.locator("img.whole").is_visible()
    assert not desk.locator(".panel").first.is_visible()
    assert not phone.locator("img.whole").is_visible()
    boxes = [panel.bounding_box() for panel in phone.locator(".panel").all()]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    assert all(200 < box["width"] <= 390 for box in boxes)
    assert phone.get_by_role("img", name=ALT).count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_panel_shows_its_part_of_the_figure_in_either_mode(open_at, theme):
    phone = open_at(390)
    phone.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    assert not phone.locator("img.whole").is_visible()
    for panel in phone.locator(".panel").all():
        shown, whole = panel.bounding_box(), panel.locator("img").bounding_box()
        assert whole["width"] > 1.7 * shown["width"]
        assert abs(whole["height"] - shown["height"]) < 2


@pytest.mark.parametrize(("width", "figure"), [(1280, "img.whole"), (390, ".panel img")])
def test_a_figure_is_light_on_dark_in_the_dark_mode_and_stays_as_drawn_in_print(open_at, width, figure):
    page = open_at(width)
    card = page.locator(figure).first

    def seen(theme):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        return np.asarray(Image.open(io.BytesIO(card.screenshot())).convert("L"))

    assert np.median(seen("light")) == 255
    dark = seen("dark")
    assert np.median(dark) < 40  # the ground
    assert dark.max() > 200  # letters
    page.emulate_media(media="print")
    assert card.evaluate("e => getComputedStyle(e).filter") == "none"
