"""CONTRIBUTING.md followed in a copy of the book: a toy lemma, its measurement, `make statements`, the tests."""

import shutil
import subprocess
import sys

import nbformat
import pytest
from notebooks import ROOT, project_files, read
from rules_statements import statements_of

LEMMA = """<a id="thm-{anchor}"></a>

> **Lemma {number}** (Toy; proved here). For all real $a$ and $b$, $2ab \\le a^2 + b^2$.

<details><summary>Proof of Lemma {number}</summary>

A square of a real number is never negative. So $0 \\le (a - b)^2 = a^2 - 2ab + b^2$,
and it remains to add $2ab$ on both sides.

</details>
"""
MEASUREMENT = """

@measures("{number}", "$2ab$ against $a^2 + b^2$", "≤", [{{"a": 1.0}}, {{"a": 2.0}}, {{"a": -3.0}}])
def test_toy_lemma(seed, a):
    b = a + seed * 1e-3
    return a**2 + b**2, 2 * a * b
"""
TESTS = ("tests/book/test_statements.py", "tests/book/test_proofs_page.py", "tests/book/test_links.py")


def run(copy, *command):
    done = subprocess.run([sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_new_lemma_needs_three_steps(tmp_path):
    for path in project_files():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    chapter = tmp_path / "chapters" / "02_benign_landscape.ipynb"
    number = f"2.{len(statements_of(read(chapter))) + 1}"

    notebook = nbformat.read(chapter, as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## Exercises"))
    lemma = LEMMA.format(number=number, anchor=number.replace(".", "-"))
    notebook.cells.insert(place, nbformat.v4.new_markdown_cell(lemma))
    nbformat.write(notebook, chapter)
    code, said = run(tmp_path, "tests/tools/update_statements.py")
    assert code == 1
    assert f"Lemma {number} has no row: write one with @measures in tests/statements/" in said

    with open(tmp_path / "tests" / "statements" / "test_landscape.py", "a", encoding="utf-8") as module:
        module.write(MEASUREMENT.format(number=number))
    code, said = run(tmp_path, "tests/tools/update_statements.py")
    assert code == 0, said
    assert "Nothing is missing" in said

    code, said = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert code == 0, said
    rows = ("-k", "toy or every_statement or stored_numbers or 2ab")
    code, said = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *rows, "tests/statements")
    assert code == 0, said
