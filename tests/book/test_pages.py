"""Every built page as its readers meet it, in a real browser: silent, light, within reach of everyone, at two
widths and in light and dark.

They look at _build/html, so `make book` comes first. Each page is opened once, with all its folds open.
"""

import functools
import gzip
import http.server
import re
import threading
from collections import Counter

import pytest
from browser import chromium
from notebooks import ROOT

pytestmark = pytest.mark.slow
SITE = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
if not PAGES:
    pytest.skip("NO PAGES: _build/html is empty, so no page was looked at; `make book` first", allow_module_level=True)
WIDTHS = (1280, 390)
# Bytes of a page: what is the book's own and the theme's as it lies on the disk; and everything with MathJax, as hosts
# of static pages send it (compressed), without its fonts.
HEAVIEST = 1_500_000
RULES = {"target-size": {"enabled": True}, "label-content-name-mismatch": {"enabled": True}}
MODES = ("light", "dark")

READY = """async () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const image of document.images) image.loading = "eager";
  await window.MathJax?.startup?.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
# formulas.js and frame.js measure once the window keeps still: their timers, which ours follows, begin before a frame.
# On a busy machine the browser may owe us that frame, or a rest, for ever: nobody waits longer than ten seconds.
MEASURED = """() => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(() => requestIdleCallback(done), 400));
  setTimeout(done, 10_000);
})"""
# How far a page's words have moved while it was loaded; less than 0.1 is called good.
MOVES = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.moved = (window.moved ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
MOVED = "async () => { await window.MathJax?.startup?.promise; return window.moved ?? 0; }"
SET_MODE = "mode => { document.documentElement.dataset.theme = document.documentElement.dataset.mode = mode; }"
STILL = "() => Promise.all(document.getAnimations().map((change) => change.finished.catch(() => {})))"
BAD_FORMULAS = "() => [...document.querySelectorAll('mjx-merror, [data-mjx-error]')].map((error) => error.outerHTML)"
RAW_TEX = """() => [...document.querySelectorAll(".bd-article .math")]
  .filter((formula) => !formula.querySelector("mjx-container")).map((formula) => formula.textContent)"""
TOO_WIDE = """() => {
  const right = document.documentElement.clientWidth + 1;
  const scrolls = (element) => element && (/auto|scroll|hidden/.test(getComputedStyle(element).overflowX)
    ? !element.matches(".bd-main, .bd-content, .bd-article-container, .bd-container, body, html")
    : scrolls(element.parentElement));
  return [...document.querySelectorAll(".bd-article *:not(mjx-container *, svg *)")]
    .filter((item) => item.getBoundingClientRect().right > right && item.checkVisibility() && !scrolls(item))
    .map((element) => element.outerHTML.slice(0, 200));
}"""
STOPS = """() => [...document.querySelectorAll("mjx-container, .math")].filter((formula) =>
  formula.tabIndex >= 0 !== (formula.scrollWidth > formula.clientWidth + 1 && formula.matches(".math")
    && getComputedStyle(formula).overflowX !== "visible")).map((formula) => formula.outerHTML.slice(0, 200))"""
REACHED = """() => [...document.querySelectorAll(".highlight pre")].every((code) =>
  code.scrollWidth <= code.clientWidth + 1 || code.tabIndex >= 0)"""
UNREACHED_TABLES = """() => [...document.querySelectorAll(".pst-scrollable-table-container")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .filter((box) => (innerWidth < 600 && !box.closest(".cell_output")) || box.querySelector(".ledger")
    || !getComputedStyle(box).backgroundImage.includes("gradient")
    || !box.closest("[tabindex='0'][aria-label$='wider than the page']"))
  .map((box) => box.textContent.trim().slice(0, 200))"""
BROKEN_NUMBERS = r"""() => [...document.querySelectorAll(".cell_output pre")].flatMap((printed) => {
  const found = [], place = document.createRange(), walk = document.createTreeWalker(printed, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) for (const number of walk.currentNode.data.matchAll(/-?\d[\d.]*(?:e[-+]?\d+)?/g)) {
    place.setStart(walk.currentNode, number.index);
    place.setEnd(walk.currentNode, number.index + number[0].length);
    const lines = new Set([...place.getClientRects()].map((box) => Math.round(box.top)));
    if (lines.size > 1) found.push(number[0]);
  }
  return found;
})"""
UNSEEN_FOCUS = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
  .filter((element) => element.tabIndex >= 0 && element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => {
    element.focus({ preventScroll: true });
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    return document.activeElement === element
      && (outlineStyle === "none" || parseFloat(outlineWidth) < 2 || /, 0\\)$|transparent/.test(outlineColor));
  }).map((element) => element.outerHTML.slice(0, 200))"""
# For axe-core, whose walk through MathJax's letters and every coloured word of the code takes minutes: a formula is the
# text that screen readers get, and one word of each colour stands for the others.
PLAIN = """() => {
  for (const formula of document.querySelectorAll("mjx-container")) {
    formula.parentElement.style.overflowWrap = "anywhere";  // a table becomes no wider than with the formula
    formula.replaceWith(formula.querySelector("mjx-assistive-mml").textContent);
  }
  const kinds = new Set();
  for (const token of document.querySelectorAll(".highlight pre span"))
    if (kinds.has(token.className)) token.replaceWith(...token.childNodes);
    else kinds.add(token.className);
}"""
# A formula has the colour of the words around it, so that the text in its place is seen as it would be.
COLOURED_FORMULAS = """() => [...document.querySelectorAll("mjx-container")].filter((formula) =>
  formula.querySelector("[style*=color]")
    || getComputedStyle(formula).color !== getComputedStyle(formula.parentElement).color)
  .map((formula) => formula.parentElement.outerHTML.slice(0, 200))"""
# Most of axe-core's time goes into contrast, word by word. It depends on the letters' colour, size and weight and on
# what lies beneath: of the elements in which all that is the same the first three are looked at.
ALIKE = """() => {
  const beneath = new Map([[null, ""]]), seen = new Map();
  const style = (element, names) => names.map((name) => getComputedStyle(element)[name]).join();
  const look = (element) => {
    if (!beneath.has(element)) {
      const names = ["backgroundColor", "backgroundImage", "opacity", "filter", "position", "textShadow"];
      const here = style(element, names);
      const plain = here === "rgba(0, 0, 0, 0),none,1,none,static,none";
      beneath.set(element, look(element.parentElement) + (plain ? "" : `/${here}`));
    }
    return beneath.get(element);
  };
  for (const element of document.querySelectorAll("body, body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const shown = text && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const kind = shown && element.tagName + style(element, ["color", "fontSize", "fontWeight"]) + look(element);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    element.toggleAttribute("data-contrast", shown ? seen.get(kind) <= 3 : element.matches("input, select, textarea"));
  }
}"""
CONTRAST_THERE = "axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-contrast]' }] });"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def window(address):
    """A browser's window that keeps what the console says and who is asked for what."""
    with chromium() as browser:
        page = browser.new_page()
        page.add_init_script(MOVES)
        page.on("console", lambda said: page.said.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.said.append(f"{error}"))
        page.on("response", lambda answer: page.said.append(answer.url) if answer.status >= 400 else None)
        page.on("request", lambda asked: page.asked.append(asked.url))
        yield page


@pytest.fixture(scope="module", params=PAGES)
def page(window, address, request):
    """The window with one page in it, all folds open, its formulas set."""
    window.said, window.asked = [], []
    window.set_viewport_size({"width": WIDTHS[1], "height": 900})
    window.goto(f"{address}/{request.param}", wait_until="load")
    window.moved = window.evaluate(MOVED)
    window.evaluate(READY)
    return window


@pytest.fixture(params=WIDTHS)
def wide(page, request):
    page.set_viewport_size({"width": request.param, "height": 900})
    page.evaluate(MEASURED)
    return request.param


def test_console_is_silent_and_nobody_else_is_asked(page, address):
    assert page.said == []
    assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []


def test_nothing_jumps_while_the_page_is_loaded(page):
    assert page.moved < 0.1


def test_page_is_light(page, address):
    names = {url.split("?")[0] for url in page.asked if url.startswith(address) and not url.endswith(".woff")}
    files = {name: (SITE / name.removeprefix(f"{address}/")).read_bytes() for name in names}
    own = {name: len(data) for name, data in files.items() if "/mathjax/" not in name}
    assert sum(own.values()) <= HEAVIEST, sorted(own.items(), key=lambda entry: -entry[1])[:6]
    assert sum(len(gzip.compress(data, 6)) for data in files.values()) <= HEAVIEST


def test_every_formula_is_set(page):
    assert page.evaluate(BAD_FORMULAS) == []
    assert page.evaluate(RAW_TEX) == []


def test_nothing_reaches_beyond_the_page_and_a_formula_is_a_tab_stop_where_it_scrolls(page, wide):
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(STOPS) == []


def test_tables_fit_or_show_that_they_scroll_and_on_a_phone_only_results_do(page, wide):
    page.wait_for_function(REACHED)
    assert page.evaluate(UNREACHED_TABLES) == []


def test_no_number_that_a_cell_prints_is_broken(page, wide):
    assert page.evaluate(BROKEN_NUMBERS) == []


def test_focus_is_seen(page, wide):
    page.keyboard.press("Tab")  # from now on the browser shows focus
    assert page.evaluate(UNSEEN_FOCUS) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_formula_has_the_colour_of_the_words_around_it(page, mode):
    page.evaluate(SET_MODE, mode)
    page.evaluate(STILL)
    assert page.evaluate(COLOURED_FORMULAS) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing(page, width, mode):  # last of a page: it simplifies what it looks at
    package = pytest.importorskip("axe_playwright_python.sync_playwright")
    axe = package.Axe(f"{package.Axe().axe_script};{CONTRAST_THERE}")
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(SET_MODE, mode)
    page.wait_for_function(REACHED)  # frame.js waits for a window that is being resized
    page.evaluate(PLAIN)
    page.evaluate(STILL)
    page.evaluate(ALIKE)
    found = axe.run(page, options={"rules": RULES, "resultTypes": ["violations"]}).response["violations"]
    assert not found, "\n".join(f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"])


def test_the_search_quotes_what_it_finds(window, address):
    page, said = window.context.browser.new_page(), []
    page.on("console", lambda word: said.append(word.text) if word.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(f"{error}"))
    page.goto(f"{address}/search.html?q=rotation")
    page.wait_for_selector("ul.search p.context")
    page.wait_for_load_state("networkidle")
    assert "rotation" in " ".join(page.locator("ul.search p.context").all_inner_texts())
    assert said == []
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("link", ["04_pruning_gap.html#thm-4-15", "02_benign_landscape.html#thm-2-7"])
def test_a_link_leads_to_its_place_though_the_formulas_above_are_set_later(window, address, link, width):
    page = window.context.browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{address}/chapters/{link}")
    page.evaluate("async () => { await MathJax.startup.promise; }")
    page.evaluate(MEASURED)
    top = page.locator(f"#{link.split('#')[1]}").evaluate("place => place.getBoundingClientRect().top")
    page.close()
    assert 0 <= top <= 150


def test_a_page_printed_before_its_formulas_are_set_has_them_all(window, address):
    page = window.context.browser.new_page()
    page.goto(f"{address}/chapters/02_benign_landscape.html", wait_until="commit")
    page.wait_for_selector(".math mjx-container", state="attached")
    early, late = page.evaluate(f"""async () => {{
      await document.fonts.ready;
      return [({RAW_TEX})(), (dispatchEvent(new Event("beforeprint")), ({RAW_TEX})())];
    }}""")
    page.evaluate("async () => { await MathJax.startup.promise; }")
    twice = page.evaluate("document.querySelectorAll('.math mjx-container + mjx-container').length")
    page.close()
    assert early
    assert late == []
    assert twice == 0


@pytest.mark.parametrize("name", PAGES)
def test_head_says_what_the_page_is(name):
    html = (SITE / name).read_text(encoding="utf-8")
    assert re.search(r"<title>[^<]+</title>", html)
    assert '<html lang="en"' in html
    if name.startswith("chapters/") or name == "index.html":
        assert re.search(r'<meta name="description" content="[^"]{30,}"', html)
        assert len(re.findall(r"<h1[ >]", re.search(r"<article.*</article>", html, re.S)[0])) == 1


@pytest.mark.parametrize("name", PAGES)
def test_html_is_valid_and_no_id_stands_twice(name):
    """As far as a strict parser sees; it knows which element may be where only roughly."""
    html5lib = pytest.importorskip("html5lib")
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parse((SITE / name).read_text(encoding="utf-8"))
    assert [(place, fault, more) for place, fault, more in parser.errors] == []
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert [id for id, count in Counter(ids).items() if count > 1] == []
    assert not root.findall(".//summary/p")


def test_no_page_is_built_that_nothing_leads_to():
    assert {"genindex.html", "prf-prf.html", "py-modindex.html"}.isdisjoint(PAGES)
