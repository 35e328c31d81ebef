"""A docstring that names a numbered statement names one that the book prints, by its kind and in its room's chapter."""

import ast
import re

import pytest
from notebooks import KINDS, ROOT, chapter_paths, read
from rules_statements import statements_of

CHAPTER_OF = {
    "sensing": 1, "landscape": 2, "frames": 3, "gap": 4, "tuning": 5, "quadratic": 6, "digits": 7, "untuned": 8,
    "factors": 9,
}
PRINTED = {s.number: s.kind for path in chapter_paths() for s in statements_of(read(path))}
FORMULAS = {
    tag for path in chapter_paths() for c in read(path).markdown for tag in re.findall(r"\\tag\{(\d+\.\d+)\}", c.source)
}
MODULES = sorted((ROOT / "helpers").rglob("*.py"))
NAMED = re.compile(rf"\b({'|'.join(KINDS)})s?\s+(\d+\.\d+)")


def docstrings(path):
    """{name: docstring} of a module's functions and classes, and of the module itself as ""."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {"": ast.get_docstring(tree) or ""} | {node.name: ast.get_docstring(node) or "" for node in nodes}


def wrong_names(text):
    """What a docstring names as a statement or a formula (c.n) of the book and is none."""
    for kind, number in NAMED.findall(text):
        if PRINTED.get(number) != kind:
            yield f"{kind} {number}, which the book prints as {PRINTED.get(number, 'nothing')}"
    for number in re.findall(r"\((\d\.\d+)\)", text):
        if number not in FORMULAS:
            yield f"formula ({number}), which no chapter has"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "helpers")))
def test_statements_that_docstrings_name_are_printed(path):
    wrong = [f"{name}: {what}" for name, text in docstrings(path).items() for what in wrong_names(text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("word", CHAPTER_OF)
@pytest.mark.parametrize("room", ["theory", "proofs"])
def test_closed_forms_and_proofs_name_a_statement_or_formula_of_their_chapter(room, word):
    path = ROOT / "helpers" / room / f"{word}.py"
    if not path.exists():
        pytest.skip("this chapter has no such module")
    chapter = CHAPTER_OF[word]
    body = ast.parse(path.read_text(encoding="utf-8")).body
    public = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    own = re.compile(rf"(?:{'|'.join(KINDS)})s? [^.]*\b{chapter}\.\d+|\({chapter}\.\d+\)")
    silent = [n for n, text in docstrings(path).items() if n in public and n[0] != "_" and not own.search(text)]
    assert not silent, f"{', '.join(silent)}: name the statement of chapter {chapter} in the docstring"


@pytest.mark.parametrize("text", ["Theorem 99.1", "see (1.99)", "the Corollary 2.1"])
def test_names_of_what_the_book_does_not_have_are_found(text):
    assert list(wrong_names(text))
