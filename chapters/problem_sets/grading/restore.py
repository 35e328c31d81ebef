"""Puts a submission's answers into the master's notebook, and reads from the outputs which checks have passed.

The result has the master's checks in the master's order, whatever was deleted, edited or moved. All else that a student
wrote stays, each cell in front of the one that it preceded.
"""

import copy
import dataclasses
import html
import re
import secrets

from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grading.collect import same_text

UNFINISHED = "NotGraded"
PASSED = '\n__import__("sys").stdout.write({!r});'  # the student may call `print` something else
KEEP = '__import__("helpers.checks").checks.keep(globals(), {!r})'
SAFE_TAG = r"/?(?:b|i|em|strong|sub|sup|br|hr|p|u|code|kbd|details|summary|table|thead|tbody|tr|td|th|ul|ol|li)\s*/?>"
OTHER_TAG = re.compile(rf"<(?=[a-zA-Z/!?])(?!{SAFE_TAG}|https?:)", re.IGNORECASE)
TARGET = re.compile(r"(\]\(\s*|\]:\s*)(<[^>\n]*>|[^\s)]*)")
SAFE_TARGET = re.compile(
    r"[^:]*(?:[/?#].*)?$|(?:https?|mailto|attachment):|data:image/(?:png|jpeg|gif|webp);", re.IGNORECASE
)


def by_name(notebook):
    """{grade_id: cell} of a master or student notebook, in its order."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def is_answer(cell):
    """Whether the student writes this cell."""
    return "nbgrader" in cell.metadata and cell.metadata.nbgrader.solution


def is_check(cell):
    """Whether running this cell decides about points."""
    graded = "nbgrader" in cell.metadata and cell.metadata.nbgrader.grade
    return cell.cell_type == "code" and graded and not is_answer(cell)


def is_marked(cell):
    """Whether a person gives this cell's points."""
    return is_answer(cell) and cell.metadata.nbgrader.grade


def handed_out(release):
    """The texts of a student version's cells, to see which cells of a submission are as they were given."""
    return frozenset(same_text(cell.source) for cell in release.cells)


def restore(master, release, submitted):
    """(notebook, waiting, notes): the submission (a list of `collect.Cell`) with every locked cell as in `master`.

    master and release: the instructor's and the student's version. waiting: the names of answers that a person has to
    look at. notes: sentences on what had to be put back.
    """
    releases, masters, given = by_name(release), by_name(master), handed_out(release)
    stubs = {name: same_text(cell.source) for name, cell in releases.items()}
    submitted = _recognised(submitted, releases, stubs)
    chosen = {name: _chosen(submitted, cell, stubs[name]) for name, cell in releases.items()}
    before = _between(submitted, chosen, releases, stubs)
    cells, waiting, beside, elsewhere = [], [], [], []
    for name, following in zip(releases, [*list(releases)[1:], None], strict=True):
        cell = copy.deepcopy(releases[name])  # its metadata hold the points
        if not is_answer(cell):
            cell.source = masters[name].source
        elif chosen[name] is not None:
            _fill(cell, submitted[chosen[name]])
        cells += [*map(_own, before[name]), cell]
        untouched = same_text(cell.source) == stubs[name]
        near = [*before[name], *before[following], *before[None]]
        far = "\n".join(own.source for place in before if place != following for own in before[place])
        if is_marked(cell) and not untouched:
            waiting.append(name)
        elif is_marked(cell):
            beside += [name] * any(same_text(own.source) not in given for own in near)
        elif is_answer(cell) and untouched:
            elsewhere += [name for start in re.findall(r"(?m)^def \w+\(", cell.source) if start in far]
    cells += map(_own, before[None])
    notes = _notes(submitted, chosen, releases, stubs) | {
        "untouched answer cell, own text stands beside it, a person has to look": beside,
        "answers outside their cells, no check finds them, move them there": elsewhere,
    }
    notes = [f"{note}: {', '.join(dict.fromkeys(names))}" for note, names in notes.items() if names]
    order = [index for index in chosen.values() if index is not None]
    if order != sorted(order):
        notes.insert(0, "cells had been moved, the order was restored")
    kept = {key: master.metadata[key] for key in ("kernelspec", "language_info") if key in master.metadata}
    return new_notebook(metadata=kept, cells=cells), [*waiting, *beside], notes


def _recognised(submitted, releases, stubs):
    """The cells, with the names of those that an editor has stripped of it: a locked cell is known by its text."""
    there = {cell.name for cell in submitted}
    lost = {text: name for name, text in stubs.items() if not is_answer(releases[name]) and name not in there}
    found = [None if cell.name in releases else lost.get(same_text(cell.source)) for cell in submitted]
    return [dataclasses.replace(cell, name=name or cell.name) for cell, name in zip(submitted, found, strict=True)]


def _chosen(submitted, released, stub):
    """The index of the submitted cell that stands for one that was handed out, None if there is none: of those with its
    name and kind the last one that was edited, of locked ones rather the first one that was not."""
    name, kind = released.metadata.nbgrader.grade_id, released.cell_type
    those = [i for i, cell in enumerate(submitted) if (cell.name, cell.kind) == (name, kind)]
    edited = [i for i in those if same_text(submitted[i].source) not in ("", stub)]
    if is_answer(released):
        return (edited or those or [None])[-1]
    return next((i for i in those if i not in edited), (edited or [None])[-1])


def _between(submitted, chosen, releases, stubs):
    """{name of a chosen cell: cells of the student's own in front of it}; None stands for the end."""
    before, own, place = dict.fromkeys([*releases, None], ()), [], {index: name for name, index in chosen.items()}
    for index, cell in enumerate(submitted):
        name = place.get(index)
        answers = name and is_answer(releases[name])
        if cell.source.strip() and not answers and same_text(cell.source) != stubs.get(cell.name):
            own.append(cell)
        if name:
            before[name], own = own, []
    return before | {None: own}


def _notes(submitted, chosen, releases, stubs):
    """{what had to be put back: names of cells}"""
    known = [cell for cell in submitted if cell.name in releases]
    names, locked = [cell.name for cell in known], [cell for cell in known if not is_answer(releases[cell.name])]
    return {
        "deleted cells were put back": [name for name, index in chosen.items() if index is None],
        "cells stood there more than once, all run": [name for name in names if names.count(name) > 1],
        "edited checks or set-up were put back, your version runs before it": [
            cell.name for cell in locked if same_text(cell.source) != stubs[cell.name]
        ],
        "answers in a cell of another type": [
            cell.name for cell in known if cell not in locked and cell.kind != releases[cell.name].cell_type
        ],
    }


def _fill(cell, submitted):
    cell.source = submitted.source
    if cell.cell_type == "markdown":
        cell.source, cell.attachments = tame(submitted.source), submitted.attachments


def _own(submitted):
    cell = new_code_cell() if submitted.kind == "code" else new_markdown_cell()
    _fill(cell, submitted)
    return cell


def tame(source):
    """Markdown whose HTML is only shown, but for plain marks, and whose links lead to pages and pictures: a script in
    it would run in the browser of who marks."""

    def checked(link):
        target = re.sub(r"[\s\\<>]", "", html.unescape(link[2]))
        return link[0] if SAFE_TARGET.match(target) else f"{link[1]}#"

    return OTHER_TAG.sub("< ", TARGET.sub(checked, source))


def to_run(notebook):
    """The code to run, [(index of the cell, source, token or None)], and {index: token}. Each check ends by writing a
    token of its own, drawn anew for each run: a check has passed when its token comes out, not when no error does.
    After an answer, as cell -1, its names are kept for the check (`helpers.checks.keep`)."""
    code, tokens = [], {}
    for i, cell in enumerate(notebook.cells):
        if is_check(cell):
            tokens[i] = secrets.token_hex(16)
            code.append((i, cell.source + PASSED.format(tokens[i]), tokens[i]))
        elif cell.cell_type == "code":
            code.append((i, cell.source, None))
            if is_answer(cell) and not is_marked(cell):
                code.append((-1, KEEP.format(cell.source), None))
    return code, tokens


def take_outputs(notebook, outputs, tokens, reason):
    """Store outputs {index: list} in the notebook; {name: sentence} of all checks, "" for those whose token came out.

    Where it did not, and the output shows no error either, an error with the `reason` says why.
    """
    said = {}
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs = [from_dict(output) for output in outputs.get(i, [])]
        if token := tokens.get(i):
            streams = [output for output in cell.outputs if output.output_type == "stream"]
            errors = [output for output in cell.outputs if output.output_type == "error"]
            if not errors and not any(token in output.text for output in streams):
                errors = [new_output("error", ename=UNFINISHED, evalue=reason, traceback=[reason])]
                cell.outputs += errors
            for output in streams:
                output.text = output.text.replace(token, "")
            cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
            said[cell.metadata.nbgrader.grade_id] = " ".join(f"{e.ename}: {e.evalue}" for e in errors)[:500]
    return said
