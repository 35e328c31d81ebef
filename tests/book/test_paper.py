"""A real chapter on paper, printed by a browser: nothing cut, proofs and solutions open, the live figure a still."""

import io
import re
import unicodedata

import nbformat
import pytest
from browser import chromium
from notebooks import CHAPTERS
from small_book import build

from helpers.figures import lab

pytestmark = pytest.mark.slow
CHAPTER = CHAPTERS / "04_pruning_gap.ipynb"
LONG = f"wide = '{'-'.join(map(str, range(100)))}, the end of a line that is much wider than any sheet'"
STILL = '<img alt="Still." width="100" height="50" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
TUNING = {"d": 12, "r": 2, "condition": 1.4, "seed": 0}
SHEET = {"width": 658, "height": 900}  # pixels: A4 between the margins of print.css
CUT = """() => [...document.querySelectorAll("pre, .cell_input, .cell_output, div.math, details")]
  .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.textContent.trim().slice(0, 60))"""
FOLDED = """() => [...document.querySelectorAll("details.proof, details.solution")].map(fold => {
  const words = [...fold.querySelectorAll(":scope > p")].flatMap(p => [...p.childNodes])
    .filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data);
  return [fold.querySelector("summary").textContent, words.reduce((a, b) => a.length >= b.length ? a : b, "")];
})"""


def squeezed(text):
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def source():
    """The chapter, with a line of code wider than a sheet and the output of a live figure."""
    notebook = nbformat.read(CHAPTER, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # its pages alone: links to the others lead elsewhere
            cell.source = re.sub(r"\]\((?!http)[^)]+\)", "](https://example.org)", cell.source)
    html = lab.page("tuning", STILL, TUNING)
    live = nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "live"})
    notebook.cells.append(nbformat.v4.new_code_cell(LONG, id="long", outputs=[live]))
    return notebook


@pytest.fixture(scope="module")
def page(source, tmp_path_factory):
    site = build(tmp_path_factory.mktemp("book"), {f"chapters/{CHAPTER.name}": nbformat.writes(source)})
    with chromium() as browser:
        page = browser.new_page(viewport=SHEET)
        page.goto((site / "chapters" / CHAPTER.with_suffix(".html").name).as_uri())
        page.wait_for_selector("div.math mjx-container", state="attached")
        page.wait_for_selector(".lab-live")
        yield page


@pytest.fixture(scope="module")
def text(page):
    from pypdf import PdfReader

    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    return squeezed("".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages))


def test_every_line_of_code_is_there(source, text):
    lines = [line for cell in source.cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert len(lines) > 100
    assert [line for line in lines if squeezed(line)[-60:] not in text] == []


def test_nothing_is_wider_than_the_sheet(page):
    page.emulate_media(media="print")
    assert page.evaluate(CUT) == []


def test_every_proof_and_solution_stands_open(source, page, text):
    folded = page.evaluate(FOLDED)
    told = "\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown")
    assert len(folded) == len(re.findall(r"<summary>\s*(?:Proof|Solution)", told)) > 15
    assert [title for title, words in folded if squeezed(title) not in text] == []
    assert [title for title, words in folded if squeezed(words) not in text] == []


def test_a_live_figure_is_a_still_and_says_so(page, text):
    page.emulate_media(media="screen")
    assert page.locator(".lab-live").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".lab-live").is_visible()
    assert page.locator(".lab-still img").is_visible()
    assert squeezed("A still. On the book's page this figure is live") in text
