"""Previews and the search in a real browser: by mouse, keyboard and touch, from a folder without a server."""

import pytest
from browser import chromium
from small_book import build, notebook
from test_references import NOTATION, ONE, TWO

pytestmark = pytest.mark.slow
OPEN = "#book-preview:not([hidden])"
FOLD = """
## List

<details class="fold"><summary>Rows</summary>

Here is <a id="row"></a>a row.

</details>
"""
LONG = "\n\n".join(["Text."] * 60)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pages = {
        "chapters/01_one.ipynb": notebook(ONE + "\n**Exercise 1.1** (Try). It.\n\n" + LONG),
        "chapters/02_two.ipynb": notebook(TWO + "\n\n> **Lemma 2.1** (Near; known). Beside Lemma 1.1.\n"),
        "chapters/notation.md": NOTATION,
        "chapters/words.md": f"# First words\n\n```{{glossary}}\nshort\n  See Lemma 1.1.\n```\n{FOLD}",
    }
    return build(tmp_path_factory.mktemp("book"), pages).as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[{"width": 1280, "height": 900}, {"width": 390, "height": 800}], ids=["wide", "phone"])
def page(browser, site, request):
    page = browser.new_page(viewport=request.param)
    page.goto(f"{site}/chapters/02_two.html")
    yield page
    page.close()


def lemma(page):
    return page.locator("a.named", has_text="Lemma 1.1").first


def test_a_preview_opens_under_the_mouse_may_be_entered_and_closes_behind_it(page):
    page.clock.install()
    lemma(page).hover()
    page.wait_for_selector(OPEN)
    assert "Short; proved here" in page.inner_text(OPEN)
    page.hover(OPEN)
    page.clock.run_for(1000)  # milliseconds, five times what a preview stays behind the mouse
    assert page.is_visible(OPEN)
    page.mouse.move(1, 799)
    page.wait_for_selector(OPEN, state="detached")


def test_a_preview_stays_inside_the_window(page):
    lemma(page).hover()
    page.wait_for_selector(OPEN)
    box = page.locator(OPEN).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]


def test_focus_opens_a_preview_that_describes_the_link_and_escape_closes_it(page):
    page.locator("a[href='01_one.html#thm-1-1']").first.evaluate("link => link.focus()")
    page.keyboard.press("Tab")
    page.wait_for_selector(OPEN)
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "book-preview"
    assert page.get_attribute(OPEN, "role") == "tooltip"
    page.keyboard.press("Escape")
    page.wait_for_selector(OPEN, state="detached")
    assert page.evaluate("document.activeElement.textContent") == "Lemma 1.1"


def test_the_first_tap_shows_and_the_second_follows(browser, site):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{site}/chapters/02_two.html")
    lemma(page).tap()
    page.wait_for_selector(OPEN)
    assert page.url.endswith("02_two.html")
    lemma(page).tap()
    page.wait_for_url("**/01_one.html#thm-1-1")
    context.close()


def test_a_link_without_a_preview_just_leads_on(browser, site):
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{site}/index.html")
    page.get_by_role("link", name="Second").first.click()
    page.wait_for_url("**/02_two.html")
    assert not [error for error in errors if "THEBE" not in str(error)]


FOUND = [("Lemma 1.1", "Lemma 1.1 (Short)"), ("exercise 1.1", "Exercise 1.1 (Try)"), ("(1.1)", "Formula (1.1)")]
FOUND += [("Short", "short")]  # the glossary's word, before the lemma of that name


@pytest.mark.parametrize(("asked", "first"), FOUND)
def test_the_search_finds_what_has_that_number_or_name_first(browser, site, asked, first):
    page = browser.new_page()
    page.goto(f"{site}/search.html?q={asked}")
    found = page.locator("ul.search li")
    found.first.wait_for()
    names = found.locator("a").all_inner_texts()
    assert names[0] == first
    assert "in First" in found.first.inner_text()
    assert len(names) == len(set(names))


def test_a_link_into_a_fold_opens_it_and_a_button_opens_and_closes_all(browser, site):
    page = browser.new_page()
    rows, button = page.get_by_text("Here is a row"), page.get_by_role("button", name="all")
    page.goto(f"{site}/chapters/words.html#row")
    rows.wait_for()
    assert button.inner_text() == "Close all"
    button.click()
    rows.wait_for(state="hidden")
    page.evaluate("location.hash = '#list'")  # the section's own fold
    rows.wait_for()
