"""The volume: pages in the order of the sidebar, ids and links that still meet, the numbers of the sheets, the tags."""

import asyncio
import io
import re
import sys
from types import SimpleNamespace

import pytest
from notebooks import CHAPTERS, ROOT

sys.path.insert(0, str(ROOT / "tests" / "tools"))

PdfReader = pytest.importorskip("pypdf", reason="NO PYPDF (tests/requirements.txt): the volume is not tested").PdfReader
import press  # noqa: E402
import volume  # noqa: E402
from binding import ELSEWHERE  # noqa: E402

PAGE = """<html><head><link rel="stylesheet" href="{style}"></head><body><nav class="bd-docs-nav">
<a class="reference" href="#">Book</a><p class="caption">Theory</p><ul>
<li><a class="reference" href="01_one.html">1. One</a></li><li><a class="reference" href="proofs.html">Proofs</a>
<ul><li><a class="reference" href="proofs/01_one.html">Proofs of chapter 1</a></li></ul></li></ul></nav>
<div class="dropdown dropdown-download-buttons"><ul class="dropdown-menu"></ul></div>
<article class="bd-article"><h1>{title}<a class="headerlink" href="#">#</a></h1>
<p id="a">A</p><p><a href="01_one.html#thm-1-1">b</a> <a href="#a">a</a></p>
<img src="../_images/x.png">
<details><summary>Proof</summary>So.</details><button>Run</button><script>1</script>{more}</article>
<p class="component-author">By us</p></body></html>"""
STATEMENT = (
    '<div class="highlight"><pre>a\n</pre></div><div class="highlight"><pre>' + "a\n" * 40 + "</pre></div>"
    '<p style="height: 900mm">Long.</p><blockquote id="thm-1-1">Lemma 1.1</blockquote>'
    '<section id="exercises"><h2>Exercises<a class="headerlink" href="#exercises">#</a></h2></section>'
)
# 85 mm high as print.css has it, on a sheet with less room
DRAWING = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='500' height='400'/%3E"
FIGURE = (
    '<p style="height: 105mm">Long.</p><div class="cell"><div class="cell_input"><pre>plot()</pre></div>'
    f'<div class="cell_output"><img src="{DRAWING}"></div></div><p class="figure-caption">Figure 1.1</p>'
    '<p id="thm-1-1">Lemma 1.1</p>'
)
LEDGER = '<table class="table ledger"><tr><td>Wide.</td></tr></table>'
LISTED = (
    LEDGER + '<h2>Proofs of chapter 1</h2><ul><li><p><a href="proofs/01_one.html#thm-1-1">Lemma 1.1</a></p></li></ul>'
)
PAGES = ["chapters/index.html", "chapters/01_one.html", "chapters/proofs.html"]
STYLE = (CHAPTERS / "_static" / "print.css").as_uri()
OF_LEMMA = "chapters-01_one--thm-1-1"


@pytest.fixture
def site(tmp_path):
    texts = [("Book", '<span id="on-paper"></span>'), ("1. One", STATEMENT), ("Proofs", LISTED)]
    for name, (title, more) in zip(PAGES, texts, strict=True):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE.format(title=title, more=more, style=STYLE), encoding="utf-8")
    return tmp_path


def test_pages_come_in_the_order_of_the_sidebar_without_those_that_repeat_the_chapters(site):
    assert volume.contents(site) == [
        ("About this book", PAGES[0]), ("Theory", None), ("1. One", PAGES[1]), ("Statements", PAGES[2]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("#a", "#chapters-01_one--a"),
        ("proofs/01_one.html#prf-1-1", f"#{OF_LEMMA}"),
        ("index.html", "#chapters-index"),
        ("https://doi.org/10.1/x", "https://doi.org/10.1/x"),
        ("../_sources/x.md", None),
    ],
)
def test_links_lead_within_the_volume_or_to_the_web(address, leads):
    assert volume.leads(address, "chapters/01_one.html", PAGES) == leads


def test_an_article_is_open_has_ids_of_its_own_and_nothing_to_press(site):
    text = volume.article(site, PAGES[0], PAGES)
    assert 'id="chapters-index--a"' in text
    assert f'href="{ELSEWHERE}{OF_LEMMA}"' in text
    assert 'href="#chapters-index--a"' in text
    assert 'src="_images/x.png"' in text
    assert '<details open="">' in text
    assert "<script" not in text
    assert "<button" not in text


def test_short_code_is_known_by_its_lines(site):
    text = volume.article(site, PAGES[1], PAGES)
    assert text.count("highlight") == 2
    assert text.count("highlight short") == 1


@pytest.mark.parametrize(
    ("words", "short"),
    [("a" * 439, True), ("a" * 440, False), (r"\(\mathbb{R}\)" * 60, True)],
    ids=["four lines", "five lines", "formulas, whose commands are not set"],
)
def test_short_paragraphs_are_known_by_their_letters(site, words, short):
    (site / PAGES[1]).write_text(PAGE.format(title="1. One", more=f"<p>{words}</p>", style=STYLE), encoding="utf-8")
    assert (f'<p class="short">{words}' in volume.article(site, PAGES[1], PAGES)) == short


def test_contents_and_statements_wait_for_the_numbers_of_their_sheets(site):
    texts = volume.parts(site)
    assert list(texts) == ["front", "chapters-index", "chapters-01_one", "chapters-proofs"]
    listed = f'<span class="sheet" data-leads="chapters-01_one"></span><a href="{ELSEWHERE}chapters-01_one">1. One</a>'
    assert listed in texts["front"]
    listed = f'<span class="sheet" data-leads="{OF_LEMMA}"></span><a href="{ELSEWHERE}{OF_LEMMA}">Lemma 1.1</a>'
    assert listed in texts["chapters-proofs"]
    assert "<h2>Chapter 1</h2>" in texts["chapters-proofs"]


def test_contents_have_the_sections_of_a_chapter_and_the_title_its_edition(site):
    (site / volume.STATUS).write_text('<table class="status"><tr><td>date</td><td>1 May</td></tr></table>')
    front = volume.parts(site)["front"]
    place = "chapters-01_one--exercises"
    line = f'<span class="sheet" data-leads="{place}"></span><a href="{ELSEWHERE}{place}">Exercises</a>'
    assert f"<ol><li>{line}</li></ol>" in front
    assert '<p class="imprint">date 1 May</p>' in front


@pytest.mark.parametrize(
    ("room", "figure", "overleaf", "smaller"),  # points
    [
        (270, 300, 1, True),
        (270, 300, 0, False),
        (140, 140, 1, False),
        (200, 300, 1, False),
        (400, 300, 1, False),
    ],
    ids=["just misses", "on the same sheet", "no hole", "too large", "fits, but is held"],
)
def test_a_figure_is_made_smaller_where_that_fills_a_hole(room, figure, overleaf, smaller):
    at = {"code-3": press.FOOT + room, "figure-3": press.HEAD - figure, "caption-3": press.HEAD - figure - 18}
    part = SimpleNamespace(
        places={name: [None, "/XYZ", 0, top] for name, top in at.items()},
        sheets={"code-3": 5, "figure-3": 5 + overleaf, "caption-3": 5 + overleaf},
    )
    found = press.misfit(part)
    assert bool(found) == smaller
    if smaller:
        k, share = found
        assert k == 3
        assert share * figure + 18 + press.SLACK == pytest.approx(room)
    assert press.misfit(part, 3) is None


def test_a_part_ends_with_links_to_the_places_that_others_name(site):
    ends = {name: text.partition('id="aside"')[2] for name, text in volume.parts(site).items()}
    assert f'href="#{OF_LEMMA}"' in ends["chapters-01_one"]
    assert OF_LEMMA not in ends["chapters-index"]
    assert "--a" not in ends["chapters-index"]


def test_the_site_offers_the_volume_once_however_often_it_is_printed(site):
    for words in ("PDF, 7 pages", "PDF, 8 pages"):
        volume.offer(site, words)
    cover, chapter = ((site / page).read_text(encoding="utf-8") for page in PAGES[:2])
    assert cover.count('href="../book.pdf"') == 2
    assert "PDF, 8 pages" in cover
    assert chapter.count('href="../book.pdf"') == 1


def print_(site, **options):
    import browser

    browser.executable()  # or the test is skipped
    return asyncio.run(volume.printed(site, site / "kept", **options))


def tags_of(reader):
    """Every tag of the PDF that stands on a sheet, with the number of the sheet, from 0."""
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages)}
    waiting, found = [reader.trailer["/Root"]["/StructTreeRoot"]["/K"]], []
    while waiting:
        tag = waiting.pop().get_object()
        if isinstance(tag, dict):
            if "/Pg" in tag:
                found.append((tag, numbers[tag.raw_get("/Pg").idnum]))
            below = tag.get("/K", [])
            waiting += below if isinstance(below, list) else [below]
    return found


@pytest.mark.slow
def test_the_volume_has_its_numbers_links_bookmarks_and_tags(site):
    reader = PdfReader(io.BytesIO(print_(site)))
    texts = [page.extract_text(extraction_mode="layout") for page in reader.pages]
    for words, listed in (("1. One", texts[1]), ("Statements", texts[1]), ("Lemma 1.1", texts[-1])):
        number = re.search(rf"{words} +(\d+)", listed)[1]
        assert words in texts[int(number) - 1]
        assert texts[int(number) - 1].split()[-1] == number
    assert reader.metadata.title == "Book"
    assert reader.metadata.author == "us"
    assert "1. One" in {place.title for place in reader.outline if not isinstance(place, list)}
    links = [link.get_object() for page in reader.pages for link in page.get("/Annots", ())]
    assert f"/{OF_LEMMA}" in {link["/Dest"] for link in links}
    assert all(link["/Dest"] in reader.trailer["/Root"]["/Dests"] for link in links)
    assert {sheet for _, sheet in tags_of(reader)} == set(range(len(reader.pages)))
    assert reader.trailer["/Root"]["/Lang"] == "en"
    across = [page.mediabox.width > page.mediabox.height for page in reader.pages]
    assert across == [False] * (len(across) - 1) + [True]  # of pages as wide as a ledger, which upright would be shrunk
    kept = {path: path.stat().st_mtime_ns for path in (site / "kept").iterdir()}
    print_(site)
    assert kept == {path: path.stat().st_mtime_ns for path in (site / "kept").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(("least", "sheets"), [(press.LEAST, [0]), (1, [0, 1])])
def test_a_figure_that_just_misses_the_foot_of_a_sheet_shrinks(site, monkeypatch, least, sheets):
    page = site / PAGES[1]
    page.write_text(PAGE.format(title="1. One", more=FIGURE, style=STYLE), encoding="utf-8")
    monkeypatch.setattr(press, "LEAST", least)
    texts = [sheet.extract_text() for sheet in PdfReader(io.BytesIO(print_(site, only=PAGES[1:2]))).pages]
    first = next(number for number, text in enumerate(texts) if "Long." in text)
    assert [number - first for number, text in enumerate(texts) if "plot()" in text or "Figure 1.1" in text] == sheets


@pytest.mark.slow
def test_a_paragraph_of_four_lines_stays_whole(site):
    four = "<br>".join(["A line."] * 4)
    feet = [f'<p style="height: {high}mm; break-before: page"></p><p>{four}</p>' for high in range(220, 250, 2)]
    more = "".join(feet) + '<p id="thm-1-1">Lemma 1.1</p>'
    (site / PAGES[1]).write_text(PAGE.format(title="1. One", more=more, style=STYLE), encoding="utf-8")
    sheets = PdfReader(io.BytesIO(print_(site, only=PAGES[1:2]))).pages
    assert {sheet.extract_text().count("A line.") for sheet in sheets} == {0, 4}


@pytest.mark.slow
def test_a_page_that_is_never_done_is_named_and_those_before_it_are_kept(site):
    endless = "mathjax: addEventListener('load', () => { while (document.getElementById('chapters-01_one')); })"
    cover = site / PAGES[0]
    html = cover.read_text(encoding="utf-8").replace("<head>", f"<head><script>{endless}</script>")
    cover.write_text(html, encoding="utf-8")
    with pytest.raises(TimeoutError, match="chapters-01_one was not set within 10 seconds"):
        print_(site, limit=10)
    assert {path.name.rpartition("-")[0] for path in (site / "kept").iterdir()} == {"front", "chapters-index"}
