"""The frame of the pages: repairs of the theme's markup do what they say, once."""

import sys
from types import SimpleNamespace

import pytest
from notebooks import CHAPTERS

sys.path.insert(0, str(CHAPTERS / "_extensions"))

import frame


@pytest.mark.parametrize(
    ("found", "mended"),
    [
        ('<p>a</p> <script src="../_static/vendor/fontawesome/6.5.2/js/all.min.js?digest=1"></script>', "<p>a</p>"),
        ('<p>a</p> <link href="../_static/vendor/fontawesome/6/css/all.min.css" rel="stylesheet" />', "<p>a</p>"),
        ('<p>a</p> <link href="../_static/book.css" rel="stylesheet" />', None),
        ('<summary aria-label="Toggle hidden content">', "<summary>"),
        ('<p class="expanded admonition-title">Hide it</p>\n', '<span class="expanded">Hide it</span>'),
        ('<input type="search"\n id="search-input"\n x>', '<input type="search"\n x>'),
        ('<th class="head"><p></p></th>', '<td class="head"></td>'),
        ('<th class="head"><p>d</p></th>', '<th scope="col" class="head"><p>d</p></th>'),
        ('<button class="btn" title="Search">', '<button type="button" class="btn" title="Search">'),
        ('<button class="btn" type="submit">', None),
        ('<main id="main-content" class="bd-main" role="main">', '<main id="main-content" class="bd-main">'),
        ('<th class="blank level0" >&nbsp;</th>', '<td class="blank level0" ></td>'),
        ('<div class="citation" id="id27" role="doc-biblioentry">', '<div class="citation" id="id27" role="listitem">'),
        ('<button class="btn search-button-field x" title="Search" aria-label="Search" data-x="1">',
         '<button type="button" class="btn search-button-field x" title="Search" data-x="1">'),
        ('<html lang="en" data-content_root="../" >', '<html lang="en" data-content_root="../" data-theme="light">'),
    ],
)  # fmt: skip
def test_repairs_mend_what_the_theme_writes_and_leave_the_rest(found, mended):
    assert frame.mended(found) == (found if mended is None else mended)
    assert frame.mended(frame.mended(found)) == frame.mended(found)


def written(tmp_path, text, pages):
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    env, builder = SimpleNamespace(all_docs={"a": 0}), SimpleNamespace(format="html")
    return SimpleNamespace(builder=builder, outdir=tmp_path, env=env, frame_written=pages)


@pytest.mark.parametrize(("pages", "warns"), [({"a"}, True), (set(), False)])
def test_a_repair_that_no_page_needs_is_named_when_all_pages_are_new(tmp_path, monkeypatch, pages, warns):
    said = []
    monkeypatch.setattr(frame, "REPAIRS", {"old": "new", "gone": ""})
    monkeypatch.setattr(frame.logger, "warning", lambda *words: said.append(words[-1]))
    frame.mend(written(tmp_path, "old page", pages), None)
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "new page"
    assert said == (["gone"] if warns else [])
