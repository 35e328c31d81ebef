"""The pages Proofs hold every statement and every proof, as they stand in the chapters now."""

import re

import proofs_page
import pytest
from notebooks import CHAPTERS, Cell, Document, chapter_paths, page_paths, read
from rules_statements import statements_of

PATHS = [proofs_page.INDEX, *sorted(proofs_page.FOLDER.glob("*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in PATHS}
STATEMENTS = [(path, s) for path in chapter_paths() for s in statements_of(read(path))]
KEYS = {"10.1007/bf02288367": "Eckart1936", "2303.11453": "Rajaraman2023"}


def page_of(chapter):
    return TEXTS[proofs_page.FOLDER / f"{chapter.stem}.md"]


def test_the_pages_are_what_the_chapters_say():
    assert proofs_page.pages() == TEXTS, "a chapter has changed since: run `make statements`"


@pytest.mark.parametrize(("path", "statement"), STATEMENTS, ids=lambda x: getattr(x, "name", "")[:20])
def test_every_statement_stands_there_once_with_its_proof(path, statement):
    label, page = statement.number.replace(".", "-"), page_of(path)
    opening = rf"^::::\{{prf:{statement.kind.lower()}\}} {re.escape(statement.number)} \(.+\)\n:label: prf-{label}$"
    assert len(re.findall(opening, page, re.M)) == 1
    assert page.count(f'<a id="thm-{label}"></a>') == 1
    home = f"[{statement.name}](../{path.name}#thm-{label})"
    assert f"*In the chapter: {home}; {statement.provenance}.*" in page
    proofs = re.findall(rf"^::::\{{prf:proof\}}\n:class: of-{label}\n\n(.+?)\n::::$", page, re.M | re.S)
    assert len(proofs) == (statement.provenance == "proved here")
    assert all(len(proof) > 100 for proof in proofs)


@pytest.mark.parametrize(("path", "statement"), STATEMENTS, ids=lambda x: getattr(x, "name", "")[:20])
def test_the_index_leads_to_every_proof_from_the_anchor_that_the_one_page_had(path, statement):
    anchor = f"thm-{statement.number.replace('.', '-')}"
    line = f'- <a id="{anchor}"></a>[{statement.name}](proofs/{path.stem}.md#{anchor}): '
    assert TEXTS[proofs_page.INDEX].count(line) == 1


def test_no_words_of_a_statement_or_a_proof_are_lost():
    """Word for word, for the text between links: that of the chapter's quotations and folds is on the page."""
    for path in chapter_paths():
        for cell in read(path).markdown:
            quotes = [re.sub(r"^> ?", "", found, flags=re.M) for found in proofs_page.QUOTE.findall(cell.source)]
            folds = [body for _, body in proofs_page.FOLDED.findall(cell.source)]
            for text in quotes + folds:
                for piece in re.split(r"\[[^\]]*\]\([^)]*\)|\*\*.*?\*\* \(.*?\)\.", text):
                    assert piece.strip() in page_of(path)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_page_names_only_formulas_that_it_shows(path):
    page = TEXTS[path]
    tags, named = set(proofs_page.TAG.findall(page)), set(re.findall(r"\((\d\.\d+)\)", page))
    assert named <= tags
    assert "\nNone\n" not in page


def test_links_between_statements_lead_to_proofs_that_are_there():
    leading_back = 0
    for path in PATHS[1:]:
        for file, anchor in re.findall(r"\[\w+ \d+\.\d+\]\(([^)#]*)#(thm-\d+-\d+)\)", TEXTS[path]):
            assert anchor in read(path.parent / file).anchors
            leading_back += file.endswith(".ipynb")
    assert leading_back == len(STATEMENTS)  # one for each: the others stay among the proofs


def test_citations_are_in_the_bibliography():
    known = re.findall(r"^@\w+\{(\w+),", (CHAPTERS / "references.bib").read_text(encoding="utf-8"), re.M)
    everything = "".join(TEXTS.values())
    cited = re.findall(r"\{cite:\w\}`(\w+)`", everything)
    assert cited
    assert set(cited) <= set(known)
    assert not re.findall(r"\]\((https://\S+?)\)", everything), "a proof cites what references.bib does not have"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[Theorem 2.3](02_benign_landscape.ipynb#thm-2-3)", "[Theorem 2.3](02_benign_landscape.md#thm-2-3)"),
        ("[chapter 2](02_benign_landscape.ipynb)", "[chapter 2](../02_benign_landscape.ipynb)"),
        ("[notation](notation.md#sizes)", "[notation](../notation.md#sizes)"),
        ("[Eckart and Young 1936](https://doi.org/10.1007/BF02288367)", "{cite:t}`Eckart1936`"),
        ("[the paper (2023)](https://arxiv.org/abs/2303.11453v2)", "{cite:t}`Rajaraman2023`"),
        ("[best approximation](https://doi.org/10.1007/BF02288367)", "best approximation {cite:p}`Eckart1936`"),
        ("[other (2020)](https://arxiv.org/abs/2001.00001)", "[other (2020)](https://arxiv.org/abs/2001.00001)"),
    ],
)
def test_links_become_what_the_pages_need(text, shown):
    assert proofs_page.linked(text, KEYS) == shown


def test_a_chapter_becomes_directives_in_its_order_with_the_formulas_it_names():
    cells = [
        "# Title",
        "Let\n\n$$\na = b. \\tag{1.1}\n$$\n\n$$ c \\tag{1.2} $$",
        '<a id="thm-1-1"></a>\n\n> **Lemma 1.1** (Name; proved here). By (1.1),\n>\n> $$ x $$',
        "<details><summary>Proof of Lemma 1.1</summary>\n\nClear.\n\n</details>",
    ]
    document = Document(CHAPTERS / "01_x.ipynb", [Cell(i, "markdown", text) for i, text in enumerate(cells)])
    assert proofs_page.chapter(document, KEYS, proofs_page.formulas([document])) == (
        "# Proofs of chapter 1\n\nThe statements of [Title](../01_x.ipynb) with their proofs. *Proved here* means that "
        "the book proves it; *known* means\nthat the source cited has the proof. Symbols are those of the "
        "[notation page](../notation.md).\n\nFormulas that are named below, as they stand in the chapters:\n\n"
        "$$\na = b. \\tag{1.1}\n$$\n\n"
        '<a id="thm-1-1"></a>\n\n'
        "::::{prf:lemma} 1.1 (Name)\n:label: prf-1-1\n:nonumber:\n\n"
        "*In the chapter: [Lemma 1.1](../01_x.ipynb#thm-1-1); proved here.*\n\nBy (1.1),\n\n$$ x $$\n::::\n\n"
        "::::{prf:proof}\n:class: of-1-1\n\nClear.\n::::\n"
    )
    assert proofs_page.chapter(Document(CHAPTERS / "07_x.ipynb", [Cell(1, "markdown", "# Title")]), KEYS, {}) == ""


def test_the_pages_are_some_of_the_book():
    assert set(PATHS) <= set(page_paths())
