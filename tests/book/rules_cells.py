"""The shape of a chapter: set-up, parameters, cells small enough to read, a length one can plan with.

Each rule takes a document and yields sentences: where, what is wrong, how to mend it.
"""

import ast
import re
from statistics import median

from notebooks import MATH, flat

# The set-up cell, the same in all chapters, counts in none of these.
LONGEST_CELL = 20  # lines that are not blank
MEDIAN_CELL = 6
CODE_CELLS = range(15, 26)
FIGURES = range(5, 9)
WORDS = range(1620, 2751)  # 1,800 to 2,500, give or take ten per cent
SECTIONS = ("In this chapter", "What we saw", "Exercises", "Further reading")


def stored_state(document):
    """Sources only: no outputs, no execution counts, the plain Python kernel."""
    for cell in document.code:
        if cell.outputs or cell.execution_count is not None:
            yield f"cell {cell.number}: has outputs or an execution count; clear all outputs before saving"
    if document.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel must be python3; set metadata.kernelspec"
    if "widgets" in document.metadata:
        yield "has stored widget state; clear all outputs before saving"


def setup_cell(document):
    """The first code cell is the set-up, hidden on the page; exactly one cell holds the parameters."""
    if not document.code or set(document.code[0].tags) != {"setup", "hide-input"}:
        yield "the first code cell must be the set-up cell, tagged setup and hide-input"
    for tag in ("setup", "parameters"):
        count = sum(tag in cell.tags for cell in document.code)
        if count != 1:
            yield f"{count} cells are tagged {tag}; exactly one must be"
    for cell in document.code:
        if "parameters" in cell.tags and not _only_assigns(cell.source):
            yield f"cell {cell.number}: the parameters cell holds assignments only (SEED = 0, sizes)"


def setup_source(document):
    """The text of the set-up cell, None if there is none."""
    return next((cell.source for cell in document.code if "setup" in cell.tags), None)


def plain_python(document):
    """No % or ! lines: the same text runs in a test, in a script and in every reader."""
    for cell in document.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {cell.number}: is not plain Python, line {error.lineno}: {error.msg}; no % or ! lines"


def cell_sizes(document):
    """Cells show ideas: none over 20 lines, median at most 6, 15 to 25 of them, 5 to 8 figures."""
    cells = [cell for cell in document.code if "setup" not in cell.tags]
    sizes = {cell.number: sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells}
    for number, size in sizes.items():
        if size > LONGEST_CELL:
            yield f"cell {number}: {size} lines; at most {LONGEST_CELL}, move plumbing to helpers/"
        if size == 0:
            yield f"cell {number}: is empty; remove it"
    if sizes and median(sizes.values()) > MEDIAN_CELL:
        yield f"the median code cell has {median(sizes.values()):g} lines; at most {MEDIAN_CELL}"
    if len(cells) not in CODE_CELLS:
        yield f"{len(cells)} code cells besides the set-up; a chapter has {_span(CODE_CELLS)}"
    drawn = sum(cell.alt is not None for cell in cells)
    if drawn not in FIGURES:
        yield f"{drawn} figures; a chapter has {_span(FIGURES)}"


def prose(document):
    """The page can be read in a sitting, and has the sections of the page plan."""
    if (count := word_count(document)) not in WORDS:
        yield f"{count} words outside the folds; a chapter has 1,800 to 2,500 (here {_span(WORDS)} passes)"
    text = "\n".join(cell.source for cell in document.markdown)
    for section in SECTIONS:
        if section not in text:
            yield f"no «{section}»; the page plan asks for it"


def word_count(document):
    """Words of the Markdown cells outside the folds; a formula in the line is one word, displays and code are none."""
    texts = (flat(token) for cell in document.markdown for token in cell.unfolded if token.type == "inline")
    return sum(len(re.findall(rf"[{MATH}\w][\w'’-]*", text)) for text in texts)


def _only_assigns(source):
    try:
        return all(isinstance(node, ast.Assign | ast.AnnAssign) for node in ast.parse(source).body)
    except SyntaxError:
        return False


def _span(numbers):
    return f"{numbers.start:,} to {numbers.stop - 1:,}"
