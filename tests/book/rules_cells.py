"""The shape of a chapter: set-up, parameters with their ranges, cells that can be read, helpers named before their use.

Each rule takes a document and yields sentences: where, what is wrong, how to mend it.
"""

import ast
import re

from notebooks import CODE, MATH, flat
from rules_statements import solutions_of

LONGEST_CELL = 20  # lines that are not blank; the set-up cell, the same in all chapters, does not count
WIDTH = 88  # characters of a code line: wider ones scroll in the book and break in print
FOLDED = {"hide-input", "hide-cell"}
SECTIONS = (
    "Prerequisites", "You will learn", "Reading time", "In this chapter", "What we saw", "Exercises", "Further reading",
)  # fmt: skip
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


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
    """Cells show ideas: none is empty or longer than a screen."""
    for cell in document.code:
        size = sum(bool(line.strip()) for line in cell.source.splitlines())
        if "setup" not in cell.tags and size > LONGEST_CELL:
            yield f"cell {cell.number}: {size} lines; at most {LONGEST_CELL}, split it or move plumbing to helpers/"
        if size == 0:
            yield f"cell {cell.number}: is empty; remove it"


def readable_code(document):
    """Code of cells and solutions: no line over 88 characters, no comprehension that holds another or loops twice."""
    pieces = [(f"cell {c.number}", c.source) for c in document.code]
    for number, blocks in solutions_of(document).items():
        pieces += [(f"the solution of Exercise {number}", block) for block in blocks]
    for where, source in pieces:
        for line in source.splitlines():
            if len(line) > WIDTH:
                yield f"{where}: a line of {len(line)} characters, at most {WIDTH}: {line.strip()[:50]}…"
        for node in ast.walk(ast.parse(source)):
            inner = [n for n in ast.walk(node) if isinstance(n, COMPREHENSIONS) and n is not node]
            if isinstance(node, COMPREHENSIONS) and (inner or len(node.generators) > 1):
                yield f"{where}: a nested comprehension, line {node.lineno}; name the inner result, or write a loop"


def parameters(document):
    """The cell of the parameters says that it may be changed, and the next one refuses what is out of range."""
    cells = [cell for cell in document.code if "setup" not in cell.tags]
    place = next((i for i, cell in enumerate(cells) if "parameters" in cell.tags), None)
    if place is None:
        return
    if not cells[place].source.startswith("# change these and run again\n"):
        yield f"cell {cells[place].number}: must open with the line «# change these and run again»"
    checked = parameter_ranges(cells[place + 1].source) if place + 1 < len(cells) else {}
    for name in assigned(cells[place].source):
        if name not in checked and name not in ("SEED", "PROGRESS"):
            yield f"cell {cells[place].number}: {name} has no range; name it in the ranges(...) of the next code cell"


def parameter_ranges(source):
    """{name: (low, high)}, expressions as text, from the call ranges(NAME=(NAME, low, high), ...) in a cell."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "ranges"]
    keywords = [keyword for call in calls for keyword in call.keywords]
    return {k.arg: tuple(ast.unparse(bound) for bound in k.value.elts[1:]) for k in keywords}


def assigned(source):
    """The names that a cell assigns, in order."""
    targets = [target for node in ast.parse(source).body if isinstance(node, ast.Assign) for target in node.targets]
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def folded_figures(document):
    """A cell that draws only draws, and is folded: what it draws was computed before."""
    for cell in document.code:
        if cell.alt and "hide-input" not in cell.tags:
            yield f"cell {cell.number}: draws a figure; tag it hide-input and compute in cells before"


def introduced(document):
    """A helper that a visible cell uses was named before in backticks, in a sentence that says what it does."""
    names, modules = imported_helpers(document)
    told = ""
    for cell in document.cells:
        if cell.kind == "markdown":
            told += " ".join(re.findall(r"`([^`\n]+)`", cell.source)) + " "
        elif not FOLDED & set(cell.tags) and "setup" not in cell.tags:
            for name in sorted(_used(cell.source, names, modules)):
                if not re.search(rf"\b{name}\b", told):
                    yield f"cell {cell.number}: uses {name}, which no text before it names in backticks"
                    told += name + " "


def imported_helpers(document):
    """The helpers that a chapter imports: names of functions and classes, names of modules. Drawings do not count."""
    names, modules = set(), set()
    for cell in document.code:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "helpers":
                if node.module.startswith(("helpers.figures", "helpers.proofs")):
                    continue
                for alias in node.names:
                    lower = alias.name == alias.name.lower() and node.module in ("helpers", "helpers.digits")
                    (modules if lower else names).add(alias.asname or alias.name)
    return names, modules - {"proofs", "figures"}


def _used(source, names, modules):
    """Which of the names a cell uses, and which attributes of the modules."""
    tree = ast.parse(source)
    imports = {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names - imports and node.id != "ranges":
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield node.attr


def sections(document):
    """The page has the sections of the page plan, and the reading time that its length asks for."""
    text = "\n".join(cell.source for cell in document.markdown)
    for section in SECTIONS:
        if section not in text:
            yield f"no «{section}»; the page plan asks for it"
    stated = re.search(r"\*\*Reading time\.\*\* (\d+) minutes", text)
    minutes = reading_minutes(document)
    if stated and int(stated[1]) != minutes:
        yield f"states a reading time of {stated[1]} minutes; its words and lines ask for {minutes}"


def reading_minutes(document):
    """A hundred words, ten lines of code or four displayed formulas a minute, outside the folds; a multiple of five.

    Readers who timed themselves took 47 to 56 minutes for chapters of some 2,300 words and 200 lines.
    """
    tokens = [token for cell in document.markdown for token in cell.unfolded]
    text = " ".join(flat(token) for token in tokens if token.type == "inline")
    words = len(re.findall(rf"[{MATH}{CODE}\w][\w'’-]*", text))
    shown = [c.source for c in document.code if not FOLDED & set(c.tags) and "setup" not in c.tags]
    lines = sum(bool(line.strip()) for source in shown for line in source.splitlines())
    displays = sum(token.type == "math_block" for token in tokens)
    return 5 * max(1, round((words / 100 + lines / 10 + displays / 4) / 5))


def _only_assigns(source):
    try:
        return all(isinstance(node, ast.Assign | ast.AnnAssign) for node in ast.parse(source).body)
    except SyntaxError:
        return False
