"""What others see of the book before they open it, and what the page Status says of its making."""

import sys
from types import SimpleNamespace

import pytest
from docutils.core import publish_doctree
from notebooks import CHAPTERS

sys.path.insert(0, str(CHAPTERS / "_extensions"))

import front_door
import status_page


@pytest.mark.parametrize(
    ("there", "above"),
    [
        ('<a href="01_one.html#thm-1-1">', '<a href="chapters/01_one.html#thm-1-1">'),
        ('<link href="../_static/book.css" />', '<link href="_static/book.css" />'),
        ('<html data-content_root="../">', '<html data-content_root="./">'),
        ('<a href="#main-content">', '<a href="#main-content">'),
        ('<a href="https://example.org/x">', '<a href="https://example.org/x">'),
    ],
)
def test_the_cover_is_the_front_page_with_its_links_led_from_there(there, above):
    assert front_door.moved_up(there) == above


LIST = "* A list that is long enough to be a description, had it not been a list.\n\n"
SAID = "This page says in a sentence what it is, which is what we show of it."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{LIST}{SAID} More.", f"{SAID} More."),
        (f"Prerequisites. Chapter 1, and some acquaintance with matrices of all kinds.\n\n{SAID}", SAID),
        (f"{SAID} It ends before :math:`x`, whatever follows. And on.", SAID),
        (f"What does fine-tuning buy? Before :math:`x` this is too short to say much of it.\n\n{SAID}", SAID),
        (f"Here :math:`x` stands in the first of the sentences, so none is whole.\n\n{SAID}", SAID),
        ("Short.", ""),
        ("word " * 60, ("word " * 39).strip() + "…"),
    ],
)
def test_a_page_is_described_by_its_first_sentences(text, words):
    assert front_door.first_words(publish_doctree(text)) == words


def door(folder, address):
    for name in ("chapters/index", "404"):
        path = folder / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text('<html><head></head><a href="01_one.html">One</a></html>', encoding="utf-8")
    env = SimpleNamespace(all_docs={"chapters/index": 0, "chapters/b": 0})
    config, builder = SimpleNamespace(html_baseurl=address), SimpleNamespace(format="html")
    front_door.open_door(SimpleNamespace(outdir=folder, config=config, env=env, builder=builder), None)
    return {path.name for path in folder.iterdir()}


def test_a_map_of_the_site_needs_its_address(tmp_path):
    assert door(tmp_path, "") == {"chapters", "404.html", "index.html"}
    assert "sitemap.xml" in door(tmp_path, "https://example.org/book/")
    chart = (tmp_path / "sitemap.xml").read_text(encoding="utf-8")
    assert "<loc>https://example.org/book/chapters/b.html</loc>" in chart
    assert '<base href="https://example.org/book/">' in (tmp_path / "404.html").read_text(encoding="utf-8")


def test_the_status_has_the_seconds_of_every_chapter_that_ran_and_no_other():
    ran = {"exec_data": {"runtime": 12.34, "mtime": 0.0}}
    titles = {name: SimpleNamespace(astext=lambda: "Title") for name in "ab"}
    env = SimpleNamespace(nb_metadata={"a": ran, "b": {"exec_data": {"runtime": None}}, "c": {}}, titles=titles)
    assert list(status_page.runs(env)) == [("Title", "12.3", "1 January 1970")]
    assert dict(status_page.versions()).keys() >= {"Python", "torch", "Sphinx"}


def test_where_there_is_no_repository_the_status_says_so(tmp_path):
    assert status_page.commit(tmp_path) == "unknown: no git, or no repository"
