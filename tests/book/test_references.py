"""What the text names is a link, on a book of five pages: the right words, to the right place, with a preview."""

import json
import re

import pytest
from small_book import build, notebook

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ONE = """# First

Why is a column short? **Is it?** See (1.1), Figure 1.1, Exercise 1.1 and chapters 1 and 2; not (1.9), not 1.1.
The size is $\\kappa$, the letter $m$ and $\\rho$, but never $\\kappa + 1$. From
[Burer and Monteiro (2003)](https://doi.org/10.1007/s10107-002-0352-8).

$$ x = y \\tag{1.1} $$

<a id="thm-1-1"></a>

> **Lemma 1.1** (Short; proved here). By (1.1), $\\kappa$ and $m$.

<details><summary>Proof of Lemma 1.1</summary>

By (1.1), with $\\kappa$.

</details>
"""
END = """*Figure 1.1. What it shows.*

**Exercise 1.1** (Try). As in Lemma 1.1.
"""
TWO = """# Second

By [Lemma 1.1](01_one.ipynb#thm-1-1) and Lemma 1.1, (1.1), chapter 1 and chapter 2, with $m$ and $s$.
"""
NOTATION = """# Notation

| symbol | meaning | introduced |
|---|---|---|
| $\\kappa$ | curvature | [chapter 1](01_one.ipynb) |
| $m$, $\\rho = 2m$ | numbers | [chapter 1](01_one.ipynb) |
| $s$ | noise | [chapter 1](01_one.ipynb) |
"""
WORKS = "@article{B, author={Burer, S.}, title={A program}, journal={J}, year=2003, doi={10.1007/s10107-002-0352-8}}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    pages = {
        "chapters/01_one.ipynb": notebook(ONE, {"image/png": PIXEL}, END),
        "chapters/02_two.ipynb": notebook(TWO),
        "chapters/notation.md": NOTATION,
        "chapters/glossary.md": "# Glossary\n\n```{glossary}\nshort column\n  One to prune.\n```\n",
        "chapters/bibliography.md": "# Bibliography\n\n```{bibliography}\n:all:\n```\n",
        "works.bib": WORKS,
    }
    return build(tmp_path_factory.mktemp("book"), pages)


def page(site, name):
    return (site / "chapters" / f"{name}.html").read_text(encoding="utf-8").partition("<article")[2]


def links(html, kind):
    """[(words, address)] of the links of a class, in order."""
    found = re.findall(rf'<a class="{kind} reference internal" href="([^"]*)">(?:<span[^>]*>)?(.*?)<', html)
    return [(words, address) for address, words in found]


def previews(site, name):
    text = (site / "_static" / "previews" / "chapters" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(text.partition(", ")[2].removesuffix(");\n"))


def test_numbers_of_formulas_figures_exercises_and_chapters_are_links(site):
    assert links(page(site, "01_one"), "named") == [
        ("(1.1)", "#eq-1-1"), ("Figure 1.1", "#fig-1-1"), ("Exercise 1.1", "#ex-1-1"), ("2", "02_two.html"),
        ("(1.1)", "#eq-1-1"), ("(1.1)", "#eq-1-1"), ("Lemma 1.1", "#thm-1-1"),
    ]  # fmt: skip


def test_other_pages_lead_to_the_page_that_has_it(site):
    assert links(page(site, "02_two"), "named") == [
        ("Lemma 1.1", "01_one.html#thm-1-1"), ("(1.1)", "01_one.html#eq-1-1"), ("chapter 1", "01_one.html"),
    ]  # fmt: skip


def test_every_link_within_the_book_leads_to_an_id(site):
    for name in ("01_one", "02_two", "notation"):
        for file, fragment in re.findall(r'<a class="[^"]*internal[^"]*" href="([^"#:]*)#([^"]+)"', page(site, name)):
            other = page(site, file.removesuffix(".html") or name)
            assert f'id="{fragment}"' in other


def test_symbols_lead_to_the_notation_page_where_they_mean_what_stands_there(site):
    kappa, m, rho = ("notation.html#sym-kappa", "notation.html#sym-m", "notation.html#sym-m")
    first = links(page(site, "01_one"), "symbol")
    assert first == [("\\(\\kappa\\)", kappa), ("\\(m\\)", m), ("\\(\\rho\\)", rho), ("\\(\\kappa\\)", kappa)]
    assert links(page(site, "02_two"), "symbol") == [("\\(m\\)", m)]  # s is no noise in chapter 2


@pytest.mark.parametrize("place", ["thm-1-1", "fig-1-1", "ex-1-1"])
def test_statements_figures_and_exercises_have_a_permalink(site, place):
    html = page(site, "01_one")
    assert len(re.findall(rf'<a class="headerlink[^>]* href="#{place}" title="Link to \w+ 1.1">#</a>', html)) == 1
    assert len(re.findall(rf'id="{place}"', html)) == 1


def test_previews_hold_what_a_link_leads_to(site):
    shown = previews(site, "01_one")
    assert set(shown) == {"", "eq-1-1", "thm-1-1", "fig-1-1", "ex-1-1"}
    assert "First" in shown[""]
    assert "Is it?" in shown[""]
    assert "x = y" in shown["eq-1-1"]
    assert "Short; proved here" in shown["thm-1-1"]
    assert "<img" in shown["fig-1-1"]
    assert "What it shows" in shown["fig-1-1"]
    assert "curvature" in previews(site, "notation")["sym-kappa"]
    assert "A program" in previews(site, "bibliography")["doi.org/10.1007/s10107-002-0352-8"]


def test_previews_hold_no_links_and_no_ids(site):
    for name in ("01_one", "notation", "bibliography"):
        for text in previews(site, name).values():
            assert "<a " not in text
            assert " id=" not in text


def test_the_search_knows_statements_by_kind_number_and_name_and_terms(site):
    index = json.loads((site / "searchindex.js").read_text(encoding="utf-8")[len("Search.setIndex(") : -1])
    objects = [(prefix, entry) for prefix, found in index["objects"].items() for entry in found]
    names = {(prefix and prefix + ".") + entry[4]: entry[3] for prefix, entry in objects}
    assert names == {
        "Lemma 1.1 (Short)": "thm-1-1", "Exercise 1.1 (Try)": "ex-1-1", "Figure 1.1": "fig-1-1",
        "Formula (1.1)": "eq-1-1",
        "Chapter 1: First": "main-content", "Chapter 2: Second": "main-content", "short column": "term-short-column",
    }  # fmt: skip
    assert {kind[2] for kind in index["objnames"].values()} == {
        "chapter", "exercise", "figure", "formula", "lemma", "term",
    }  # fmt: skip
