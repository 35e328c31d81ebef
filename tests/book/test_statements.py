"""Statements, figures and exercises are numbered without gaps; each statement is measured by a test."""

import ast
from pathlib import Path

from notebooks import chapter_paths, read
from parametrised import every_chapter, none_of
from rules_figures import dangling, figures
from rules_statements import equations, exercises, proofs, statements, statements_of

TESTS = Path(__file__).parents[1]


def marked_statements(sources):
    """{"2.3": {"test_x.py", ...}}: the numbers in @measures("2.3", ...) and @pytest.mark.statement("2.3"), as text."""
    found = {}
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            numbers = node.args if called.endswith("mark.statement") else node.args[:1] if called == "measures" else []
            for number in numbers:
                if isinstance(number, ast.Constant):
                    found.setdefault(number.value, set()).add(name)
    return found


def unmatched(printed, marked):
    """Statements without a test, and marks without a statement, as sentences."""
    missing = sorted(set(printed) - set(marked))
    unknown = sorted(n for n in set(marked) - set(printed) if not n.startswith("P"))  # P1 to P4 are the paper's claims
    return [
        *(f'{printed[n]} has no test; measure it with @measures("{n}", ...) in tests/statements/' for n in missing),
        *(f"{', '.join(sorted(marked[n]))}: statement({n!r}) names no statement of the book" for n in unknown),
    ]


@every_chapter
def test_statements_run_from_one_and_say_where_their_proof_is(path):
    none_of(statements(read(path)), path)


@every_chapter
def test_what_is_proved_here_is_proved_right_there(path):
    none_of(proofs(read(path)), path)


@every_chapter
def test_formulas_run_from_one_and_exist_where_they_are_named(path):
    none_of(equations(read(path)), path)


@every_chapter
def test_figures_have_alt_text_and_a_numbered_caption(path):
    none_of(figures(read(path)), path)


@every_chapter
def test_exercises_run_from_one_and_have_folded_solutions(path):
    none_of(exercises(read(path)), path)


@every_chapter
def test_figures_and_exercises_that_the_text_names_exist(path):
    none_of(dangling(read(path)), path)


def test_every_statement_is_measured_by_a_test():
    printed = {s.number: f"{path.name}: {s.name}" for path in chapter_paths() for s in statements_of(read(path))}
    sources = {path.name: path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")}
    problems = unmatched(printed, marked_statements(sources))
    assert not problems, "\n" + "\n".join(problems)
