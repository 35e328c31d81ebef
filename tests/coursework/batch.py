"""Writes a folder of thirty submissions to problem set 1: right, wrong, broken and hostile ones, with the marks that
each must get. `python tests/coursework/batch.py FOLDER` makes it to try grading by hand; the tests grade it too."""

import copy
import json
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from coursework import ps1
from coursework.answers import REGION, RELEASE, coding_problems, master, with_answer

SET = "ps1"
POINTS = {"adjoint": 2, "gradient": 3, "rotation": 3, "pruning": 2, "pipeline": 3}
ALL = sum(POINTS.values())

FORKS = """
import os
try:
    while True:
        if os.fork() == 0:
            while True:
                pass
except OSError:
    pass"""
ESCAPES = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
return torch.einsum("i,iab->ab", v, B)"""
STUBBORN = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
MEDDLES = """
import IPython
shell = IPython.get_ipython()
shell.run_cell = shell.run_cell_async = lambda *a, **k: None
import builtins
builtins.AssertionError = type("Quiet", (Exception,), {})
raise SystemExit"""
SNOOPS = """
import os, pathlib
for place in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents, pathlib.Path.home()]:
    for path in place.glob("*.db"):
        path.write_text("all points to me")
os.environ.clear()
return 0"""


def solved(answers=None):
    """The student notebook of set 1 with the reference answers, or those of {problem: answer} where given."""
    notebook = copy.deepcopy(master(SET))
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if answers and name in answers:
            cell.source = with_answer(cell.source, answers[name])
        elif REGION.search(cell.source):
            cell.source = REGION.sub(lambda found: found[2], cell.source)
    released = {c.metadata.nbgrader.grade_id: c for c in unsolved().cells if "nbgrader" in c.metadata}
    for cell in notebook.cells:
        if (graded := cell.metadata.get("nbgrader")) and graded.locked:
            cell.source = released[graded.grade_id].source
    return notebook


def unsolved():
    """The student notebook as it is handed out."""
    return nbformat.read(RELEASE / SET / f"{SET}.ipynb", as_version=4)


def without(*lost):
    """The points of a notebook in which these problems fail."""
    return ALL - sum(POINTS[name] for name in lost)


def named(notebook, name):
    """The cell of this nbgrader name."""
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def with_cells(edit):
    """The solved notebook after `edit` has changed its list of cells."""
    notebook = solved()
    edit(notebook)
    return notebook


def _delete(notebook):
    gone = {"setup", "imports", "adjoint-check", "gradient", "derivation"}
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in gone]


def _easy_tests(notebook):
    for problem in coding_problems(SET):
        named(notebook, f"{problem}-check").source = "pass"
    for problem in ("adjoint", "rotation"):
        named(notebook, problem).source = "adjoint = rotation_between = None"
    named(notebook, "gradient-check").metadata.nbgrader.points = 1000


def _own_cells(notebook):
    helper = nbformat.v4.new_code_cell("import warnings\n\ndef halves(Z):\n    warnings.warn('mine')\n    return Z / 2")
    place = notebook.cells.index(named(notebook, "adjoint"))
    notebook.cells.insert(place, helper)
    answer = "Z = torch.einsum('i,iab->ab', v, B)\nreturn halves(Z + Z.T)"
    named(notebook, "adjoint").source = with_answer(_reference("adjoint"), answer)


def _renamed(notebook):
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)


def _reference(problem):
    return next(c.source for c in master(SET).cells if c.metadata.get("nbgrader", {}).get("grade_id") == problem)


def _first_right(number):
    return {problem: list(answers.values())[number % len(answers)] for problem, answers in ps1.RIGHT.items()}


def _first_wrong(number):
    return {problem: list(answers.values())[number] for problem, answers in ps1.WRONG.items()}


# {student: (notebook or text of the file or None for no file, points by the checks, status, a word of the message)}
def submissions():
    """All thirty."""
    hundred = "print('x' * 100_000_000)\nreturn torch.einsum('i,iab->ab', v, B)"
    return {
        "right-reference": (solved(), ALL, "graded", ""),
        "right-other-1": (solved(_first_right(0)), ALL, "graded", ""),
        "right-other-2": (solved(_first_right(1)), ALL, "graded", ""),
        "right-own-cells": (with_cells(_own_cells), ALL, "graded", ""),
        "right-reordered": (with_cells(lambda nb: nb.cells.reverse()), ALL, "graded", "moved"),
        "untouched": (unsolved(), 0, "graded", ""),
        "wrong-everywhere-1": (solved(_first_wrong(0)), 0, "graded", ""),
        "wrong-everywhere-2": (solved(_first_wrong(1)), 0, "graded", ""),
        "wrong-everywhere-3": (solved(_first_wrong(2)), 0, "graded", ""),
        "wrong-adjoint": (solved({"adjoint": ps1.WRONG["adjoint"]["factor 2"]}), without("adjoint"), "graded", ""),
        "wrong-gradient": (solved({"gradient": ps1.WRONG["gradient"]["one factor of UUᵀ"]}), without("gradient"),
                           "graded", ""),
        "wrong-pruning": (solved({"pruning": ps1.WRONG["pruning"]["one too many"]}), without("pruning"), "graded", ""),
        "broken-syntax": (solved({"gradient": "return 4 *** 5"}), without("gradient"), "graded", ""),
        "broken-deleted-cells": (with_cells(_delete), without("gradient"), "graded", "deleted"),
        "broken-names-lost": (with_cells(_renamed), ALL, "graded", "deleted"),
        "broken-no-file": (None, 0, "missing", "no file"),
        "broken-not-json": ("%PDF-1.7 my homework", 0, "unreadable", "not JSON"),
        "broken-old-format": (json.dumps({"worksheets": [], "nbformat": 3}), 0, "unreadable", "no list of cells"),
        "broken-deep": ("[" * 100_000, 0, "unreadable", "ps1.ipynb"),
        "hostile-edits-tests": (with_cells(_easy_tests), without("adjoint", "rotation"), "graded", "edited"),
        "hostile-loops": (solved({"gradient": "while True:\n    pass"}), without("gradient"), "graded", "longer"),
        "hostile-stubborn": (solved({"gradient": STUBBORN}), POINTS["adjoint"], "stopped", "not be interrupted"),
        "hostile-exits": (solved({"rotation": "import os\nos._exit(0)"}), POINTS["adjoint"] + POINTS["gradient"],
                          "stopped", "ended"),
        "hostile-system-exit": (solved({"rotation": "raise SystemExit"}), without("rotation"), "graded", ""),
        "hostile-prints": (solved({"adjoint": hundred}), without("adjoint"), "graded", "cut"),
        "hostile-forks": (solved({"pruning": FORKS}), without("pruning", "pipeline"), "stopped", "it "),
        "hostile-memory": (solved({"adjoint": "return torch.ones(10**6, 10**6)"}), without("adjoint"), "graded", ""),
        "hostile-escapes": (solved({"adjoint": ESCAPES}), without("adjoint"), "graded", ""),
        "hostile-meddles": (solved({"adjoint": MEDDLES}), 0, "stopped", "no longer"),
        "hostile-snoops": (solved({"adjoint": SNOOPS}), without("adjoint"), "graded", ""),
    }


def _with_own(*cells, before="gradient", answers=None):
    """The solved notebook with code cells of the student's own in front of a cell."""
    notebook = solved(answers)
    place = notebook.cells.index(named(notebook, before))
    notebook.cells[place:place] = [nbformat.v4.new_code_cell(source) for source in cells]
    return notebook


def _beside(notebook):
    """Derivation, figure and open answer stand in cells of their own below the untouched ones."""
    for name in ("derivation", "figure", "open"):
        cell = named(notebook, name)
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        notebook.cells.insert(notebook.cells.index(cell) + 1, make(cell.source))
        cell.source = named(unsolved(), name).source


def _split(notebook):
    cell = named(notebook, "gradient")
    parts = (
        "def misfit(A, y, U):\n    return torch.einsum('iab,ab->i', A, U @ U.T) - y",
        "def gradient(A, y, U):\n    return 4 / len(y) * torch.einsum('i,iab->ab', misfit(A, y, U), A) @ U",
    )
    place = notebook.cells.index(cell)
    pieces = [nbformat.from_dict({**cell, "source": part, "id": f"part-{k}"}) for k, part in enumerate(parts)]
    notebook.cells[place : place + 1] = pieces


def _attachment(notebook, data):
    named(notebook, "derivation").source = "![page1](attachment:page1.png)"
    named(notebook, "derivation")["attachments"] = {"page1.png": {"image/png": data}}


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURES = {"odd-picture": PIXEL, "odd-svg": "data:image/svg+xml;base64,", "odd-jpeg": "data:image/jpeg;base64,"}
NAMES = "result = same = draw = slope = symmetric = check_gradient = sensing = print = sum = list = any = 7"
FORMAT = "%config InlineBackend.figure_formats = ['{}']"


def odd():
    """{student: as in `submissions`} of what is unusual and right: points stay, or the message says what is lost."""
    halves = json.dumps(solved()).replace("There is no single answer", "\\ud83d There is no single answer")
    big = solved()
    named(big, "figure").outputs = [nbformat.v4.new_output("stream", name="stdout", text="x" * 21_000_000)]
    windows = with_cells(lambda nb: [cell.update(source=cell.source.replace("\n", "\r\n")) for cell in nb.cells])
    picture = "Image(bytes.fromhex('89504e470d0a1a0a') + bytes(40_000_000))"
    shown = f"from IPython.display import Image, display\ndisplay({picture})"
    huge = with_cells(lambda nb: named(nb, "figure").update(source=shown))
    return {
        "odd-picture": (with_cells(lambda nb: _attachment(nb, PIXEL)), ALL, "graded", ""),
        "odd-lost-picture": (with_cells(lambda nb: _attachment(nb, "iVBORw0KGgo=")), ALL, "graded", "page1.png"),
        "odd-half-emoji": (halves, ALL, "graded", ""),
        "odd-beside": (with_cells(_beside), ALL, "graded", "derivation, figure, open"),
        "odd-split": (with_cells(_split), ALL, "graded", "all run: gradient"),
        "odd-names": (_with_own(NAMES, before="gradient-check"), ALL, "graded", ""),
        "odd-star": (_with_own("from numpy import *"), ALL, "graded", ""),
        "odd-pylab": (_with_own("%pylab inline"), ALL, "graded", ""),
        "odd-big-outputs": (big, ALL, "graded", ""),
        "odd-own-module": (_with_own("from mine import gradient"), ALL, "graded", "'mine' (only the notebook"),
        "odd-windows": (windows, ALL, "graded", ""),
        "odd-svg": (_with_own(FORMAT.format("svg")), ALL, "graded", ""),
        "odd-jpeg": (_with_own(FORMAT.format("jpeg")), ALL, "graded", ""),
        "odd-pdf": (_with_own(FORMAT.format("pdf")), ALL, "graded", "application/pdf"),
        "odd-huge-figure": (huge, ALL, "graded", "image/png"),
        "odd-installs": (_with_own('%pip install -q "tqdm==4.66.5"'), ALL, "graded", ""),
        "odd [name]*? 100% ä'\"": (solved(), ALL, "graded", ""),
        "=odd name\nof two lines": (solved(), ALL, "graded", ""),
    }


def write_odd(folder):
    """Write them, and two folders whose names are no UTF-8 or as long as a name can be; {name in the tables: marks}."""
    expected = _write(folder, odd())
    latin, long = b"odd-m\xfcller".decode("utf-8", "surrogateescape"), "odd-" + "ä" * 120
    _write(folder, {latin: odd()["odd-split"], long: odd()["odd-windows"]})
    lines = "=odd name\nof two lines"
    expected["'=odd name\\nof two lines"] = expected.pop(lines)
    return expected | {"odd-m\\udcfcller": odd()["odd-split"][1:], long: odd()["odd-windows"][1:]}


def write(folder):
    """Write the thirty as STUDENT/ps1/ps1.ipynb; {student: (points, status, word)}."""
    return _write(folder, submissions())


def _write(folder, those):
    expected = {}
    for student, (content, *marks) in those.items():
        place = folder / student / SET
        place.mkdir(parents=True)
        if content is None:
            (place / "my homework.txt").write_text("I ran out of time.", encoding="utf-8")
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            (place / f"{SET}.ipynb").write_text(text, encoding="utf-8")
        expected[student] = tuple(marks)
    return expected


if __name__ == "__main__":
    print(f"{len(write(Path(sys.argv[1])))} submissions in {sys.argv[1]}")
