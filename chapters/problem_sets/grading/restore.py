"""Puts a submission's answers into the master's notebook, and reads from the outputs which checks have passed.

The result has the master's checks in the master's order, whatever was deleted, edited or moved. Cells that the student
added stay, each in front of the cell that it preceded.
"""

import secrets
from collections import Counter

import nbformat

UNFINISHED = "NotGraded"


def by_name(notebook):
    """{grade_id: cell} of a master or student notebook, in its order."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def is_answer(cell):
    """Whether the student writes this cell."""
    return cell.metadata.nbgrader.solution


def is_check(cell):
    """Whether running this cell decides about points."""
    return cell.cell_type == "code" and cell.metadata.nbgrader.grade and not cell.metadata.nbgrader.solution


def restore(master, release, submitted):
    """(notebook, notes): the submission (a list of `collect.Cell`) with every locked cell as in `master`.

    master and release: the instructor's and the student's version. notes: sentences on what had to be put back.
    """
    masters, releases = by_name(master), by_name(release)
    known = [cell for cell in submitted if cell.name in masters]
    last = {cell.name: cell for cell in known}
    before, waiting = {name: [] for name in [*masters, None]}, []
    for cell in submitted:
        if cell.name in masters:
            before[cell.name] += waiting
            waiting = []
        elif cell.source.strip():
            waiting.append(cell)
    before[None] = waiting
    cells = []
    for name, original in masters.items():
        cells += [_own(cell) for cell in before[name]]
        cells.append(_put_back(name, original, releases[name], last.get(name)))
    cells += [_own(cell) for cell in before[None]]
    return _notebook(master, cells), list(_notes(masters, releases, known, last))


def untouched(master, release, message):
    """The notebook that stands for a submission which could not be read: nothing solved."""
    cells = [_put_back(name, cell, by_name(release)[name], None) for name, cell in by_name(master).items()]
    return _notebook(master, [remark(f"**About this submission:** {message}."), *cells])


def remark(text):
    """A cell that tells the student something."""
    return nbformat.v4.new_markdown_cell(text)


def _put_back(name, original, released, submitted):
    cell = nbformat.from_dict(released)  # its metadata hold the points and the checksum of an untouched answer
    if not is_answer(original):
        cell.source = original.source
    elif submitted is not None and submitted.kind == original.cell_type:
        cell.source = submitted.source
    return cell


def _own(cell):
    make = nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell
    return make(cell.source)


def _notebook(master, cells):
    notebook = nbformat.v4.new_notebook(metadata=master.metadata, cells=cells)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def _notes(masters, releases, known, last):
    missing = [name for name in masters if name not in last]
    if missing:
        yield f"deleted cells were put back: {', '.join(missing)}"
    twice = [name for name, count in Counter(cell.name for cell in known).items() if count > 1]
    if twice:
        yield f"cells stood there more than once, the last one counts: {', '.join(twice)}"
    places = {name: i for i, name in enumerate(masters)}
    order = [places[name] for name in dict.fromkeys(cell.name for cell in known)]
    if order != sorted(order):
        yield "cells had been moved, the order was restored"
    locked = {name: cell.source.strip() for name, cell in releases.items() if not is_answer(masters[name])}
    edited = [name for name, cell in last.items() if name in locked and cell.source.strip() != locked[name]]
    if edited:
        yield f"edited checks or set-up were put back: {', '.join(edited)}"
    other = [n for n, c in last.items() if is_answer(masters[n]) and c.kind != masters[n].cell_type]
    if other:
        yield f"answers in a cell of another type do not count: {', '.join(other)}"


def to_run(notebook):
    """The code to run, [(index of the cell, source, token or None)], and {index: token}. Each check ends by printing a
    token of its own, drawn anew for each run: a check has passed when its token comes out, not when no error does."""
    tokens = {i: secrets.token_hex(16) for i, cell in enumerate(notebook.cells) if _named(cell) and is_check(cell)}
    sources = [(i, cell.source) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    shown = {i: f"\nprint({token!r})" for i, token in tokens.items()}
    return [(i, source + shown.get(i, ""), tokens.get(i)) for i, source in sources], tokens


def write_outputs(notebook, outputs, tokens, reason):
    """Store outputs {index: list} in the notebook so that nbgrader gives a check its points when its token came out.

    Where it did not, and the output shows no error either, an error with the `reason` says why.
    """
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        found = [nbformat.from_dict(output) for output in outputs.get(i, [])]
        if i in tokens:
            passed = _take_token(found, tokens[i])
            failed = [output for output in found if output.output_type == "error"]
            if passed and not failed:
                found = [_harmless(output) for output in found]
            elif not failed:
                found.append(nbformat.v4.new_output("error", ename=UNFINISHED, evalue=reason, traceback=[reason]))
        cell.outputs = found


def _take_token(outputs, token):
    hits = [output for output in outputs if output.output_type == "stream" and token in output.text]
    for output in hits:
        output.text = output.text.replace(token + "\n", "").replace(token, "")
    outputs[:] = [output for output in outputs if output.output_type != "stream" or output.text]
    return bool(hits)


def _harmless(output):
    """nbgrader takes text on stderr, even a warning, for a failure, and a shown value for partial credit."""
    if output.output_type == "stream":
        return nbformat.v4.new_output("stream", name="stdout", text=output.text)
    if output.output_type == "execute_result":
        return nbformat.v4.new_output("display_data", data=output.data)
    return output


def _named(cell):
    return "nbgrader" in cell.metadata
