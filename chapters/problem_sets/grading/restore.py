"""Puts a submission's answers into the master's notebook, and reads from the outputs which checks have passed.

The result has the master's checks in the master's order, whatever was deleted, edited or moved. All else that a student
wrote stays, each cell in front of the one that it preceded.
"""

import copy
import dataclasses
import html
import re
import secrets
from collections import Counter

import nbformat

from grading.collect import same_text

UNFINISHED = "NotGraded"
PASSED = '\n__import__("sys").stdout.write({!r});'  # the student may call `print` something else
KEEP = '__import__("helpers.checks").checks.keep(globals(), {!r})'
SAFE_TAG = r"/?(?:b|i|em|strong|sub|sup|br|hr|p|u|code|kbd|details|summary|table|thead|tbody|tr|td|th|ul|ol|li)\s*/?>"
TARGET = re.compile(r"(\]\(\s*|\]:\s*)(<[^>\n]*>|[^\s)]*)")
SAFE_TARGET = re.compile(
    r"[^:]*(?:[/?#].*)?$|(?:https?|mailto|attachment):|data:image/(?:png|jpeg|gif|webp);", re.IGNORECASE
)
OTHER_TAG = re.compile(rf"<(?=[a-zA-Z/!?])(?!{SAFE_TAG}|https?:)", re.IGNORECASE)


def by_name(notebook):
    """{grade_id: cell} of a master or student notebook, in its order."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def is_answer(cell):
    """Whether the student writes this cell."""
    return "nbgrader" in cell.metadata and cell.metadata.nbgrader.solution


def is_check(cell):
    """Whether running this cell decides about points."""
    return (
        cell.cell_type == "code"
        and "nbgrader" in cell.metadata
        and cell.metadata.nbgrader.grade
        and not is_answer(cell)
    )


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
    masters, releases, given = by_name(master), by_name(release), handed_out(release)
    submitted = _recognised(submitted, releases)
    chosen = {name: _chosen(submitted, name, cell, releases[name]) for name, cell in masters.items()}
    place = {index: name for name, index in chosen.items() if index is not None}
    before, own = {name: [] for name in [*masters, None]}, []
    for index, cell in enumerate(submitted):
        name = place.get(index)
        counts = name in releases and is_answer(releases[name])
        if cell.source.strip() and not counts and not _as_given(cell, releases):
            own.append(cell)
        if name:
            before[name], own = before[name] + own, []
    before[None] = own
    cells, waiting, beside, elsewhere = [], [], [], []
    for (name, original), following in zip(masters.items(), [*list(masters)[1:], None], strict=True):
        cell = nbformat.from_dict(copy.deepcopy(releases[name]))  # its metadata hold the points
        if not is_answer(original):
            cell.source = original.source
        elif chosen[name] is not None:
            _fill(cell, submitted[chosen[name]])
        cells += [*map(_own, before[name]), cell]
        if is_marked(original):
            near = [*before[name], *before[following], *before[None]]
            if same_text(cell.source) != same_text(releases[name].source):
                waiting.append(name)
            elif any(same_text(other.source) not in given for other in near):
                beside.append(name)
        elif is_answer(original) and same_text(cell.source) == same_text(releases[name].source):
            far = [other.source for place, others in before.items() if place != following for other in others]
            elsewhere += [name for word in re.findall(r"(?m)^def \w+\(", cell.source) if word in "\n".join(far)]
    cells += map(_own, before[None])
    notes = list(_notes(masters, releases, submitted, chosen))
    if beside:
        notes.append(f"untouched answer cell, own text stands beside it, a person has to look: {', '.join(beside)}")
    if elsewhere:
        notes.append(f"answers outside their cells, no check finds them, move them there: {', '.join(elsewhere)}")
    return _notebook(master, cells), [*waiting, *beside], notes


def untouched(master, release, message):
    """The notebook that stands for a submission which could not be read: nothing solved."""
    return _notebook(master, [remark(message), *restore(master, release, [])[0].cells])


def remark(message):
    """A cell that tells the student what happened."""
    return nbformat.v4.new_markdown_cell(f"**About this submission:** {tame(message)}.")


def _recognised(submitted, releases):
    """The cells, with the names of those that an editor has stripped of it: a locked cell is known by its text."""
    names = {same_text(cell.source): name for name, cell in releases.items() if not is_answer(cell)}
    there = {cell.name for cell in submitted}
    found = [names.get(same_text(cell.source)) if cell.name not in releases else None for cell in submitted]
    return [
        dataclasses.replace(c, name=n) if n and n not in there else c for c, n in zip(submitted, found, strict=True)
    ]


def _as_given(cell, releases):
    return cell.name in releases and same_text(cell.source) == same_text(releases[cell.name].source)


def _chosen(submitted, name, original, released):
    """Which of the submitted cells of this name stands for it: of those of its kind the last one that was edited."""
    kind = original.cell_type
    those = [i for i, cell in enumerate(submitted) if cell.name == name and cell.kind == kind]
    edited = [i for i in those if same_text(submitted[i].source) not in ("", same_text(released.source))]
    if is_answer(original):
        return (edited or those or [None])[-1]
    return next((i for i in those if i not in edited), None if not edited else edited[-1])


def _fill(cell, submitted):
    cell.source = submitted.source
    if cell.cell_type == "markdown":
        cell.source, cell.attachments = tame(submitted.source), submitted.attachments


def _own(cell):
    made = (nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell)(cell.source)
    _fill(made, cell)
    return made


def tame(source):
    """Markdown whose HTML is only shown, but for plain marks, and whose links lead to pages and pictures: a script in
    it would run in the browser of who marks."""

    def checked(link):
        target = re.sub(r"[\s\\<>]", "", html.unescape(link[2]))
        return link[0] if SAFE_TARGET.match(target) else f"{link[1]}#"

    return OTHER_TAG.sub("< ", TARGET.sub(checked, source))


def _notebook(master, cells):
    kept = {key: master.metadata[key] for key in ("kernelspec", "language_info") if key in master.metadata}
    notebook = nbformat.v4.new_notebook(metadata=kept, cells=cells)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def _notes(masters, releases, submitted, chosen):
    missing = [name for name, index in chosen.items() if index is None]
    if missing:
        yield f"deleted cells were put back: {', '.join(missing)}"
    twice = [name for name, count in Counter(c.name for c in submitted if c.name in masters).items() if count > 1]
    if twice:
        yield f"cells stood there more than once, all run: {', '.join(twice)}"
    order = [index for index in chosen.values() if index is not None]
    if order != sorted(order):
        yield "cells had been moved, the order was restored"
    locked = {name: same_text(cell.source) for name, cell in releases.items() if not is_answer(cell)}
    known = [cell for cell in submitted if cell.name in masters]
    edited = [c.name for c in known if c.name in locked and same_text(c.source) != locked[c.name]]
    if edited:
        yield f"edited checks or set-up were put back, your version runs before it: {', '.join(dict.fromkeys(edited))}"
    other = [c.name for c in known if is_answer(masters[c.name]) and c.kind != masters[c.name].cell_type]
    if other:
        yield f"answers in a cell of another type: {', '.join(dict.fromkeys(other))}"


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
            cell.outputs = [nbformat.from_dict(output) for output in outputs.get(i, [])]
        if i in tokens:
            passed = _take_token(cell.outputs, tokens[i])
            errors = [output for output in cell.outputs if output.output_type == "error"]
            if not passed and not errors:
                errors = [nbformat.v4.new_output("error", ename=UNFINISHED, evalue=reason, traceback=[reason])]
                cell.outputs += errors
            said[cell.metadata.nbgrader.grade_id] = " ".join(f"{e.ename}: {e.evalue}" for e in errors)[:500]
    return said


def _take_token(outputs, token):
    hits = [output for output in outputs if output.output_type == "stream" and token in output.text]
    for output in hits:
        output.text = output.text.replace(token, "")
    outputs[:] = [output for output in outputs if output.output_type != "stream" or output.text]
    return bool(hits)
