"""The volume: pages in the order of the sidebar, ids and links that still meet when all stand in one file."""

import sys

import pytest
from notebooks import ROOT

sys.path.insert(0, str(ROOT / "tests" / "tools"))

import volume

PAGE = """<html><head><link rel="stylesheet" href="../_static/book.css"></head><body><nav class="bd-docs-nav">
<a class="reference" href="#">Book</a><p class="caption">Theory</p><ul>
<li><a class="reference" href="01_one.html">One</a>
<ul><li><a class="reference" href="proofs/01_one.html">Proofs of 1</a></li></ul></li></ul></nav>
<article class="bd-article"><h1>Book#</h1><p id="a">A</p><a href="01_one.html#b">b</a><img src="../_images/x.png">
<script>1</script></article><p class="component-author">By us</p></body></html>"""
PAGES = ["chapters/index.html", "chapters/01_one.html", "chapters/proofs/01_one.html"]


@pytest.fixture
def site(tmp_path):
    for name in PAGES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_pages_come_in_the_order_of_the_sidebar(site):
    assert volume.contents(site) == [
        (0, "Book", PAGES[0]), (0, "Theory", None), (0, "One", PAGES[1]), (1, "Proofs of 1", PAGES[2]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("#a", "#chapters-01_one--a"),
        ("proofs/01_one.html#thm-1-1", "#chapters-proofs-01_one--thm-1-1"),
        ("index.html", "#chapters-index"),
        ("https://doi.org/10.1/x", "https://doi.org/10.1/x"),
        ("../_sources/x.md", None),
    ],
)
def test_links_lead_within_the_volume_or_to_the_web(address, leads):
    assert volume._leads(address, "chapters/01_one.html", PAGES) == leads


def test_an_article_has_ids_of_its_own_and_no_script(site):
    text = volume.article(site, PAGES[0], PAGES)
    assert 'id="chapters-index--a"' in text
    assert 'href="#chapters-01_one--b"' in text
    assert 'src="_images/x.png"' in text
    assert "<script" not in text


def test_the_contents_have_the_numbers_of_the_sheets(site):
    text = volume.volume(site, {PAGES[1]: 7})
    assert '<a href="#chapters-01_one">One</a><span>7</span>' in text
    assert text.count("<article") == 3
