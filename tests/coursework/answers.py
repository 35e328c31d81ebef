"""Puts other answers into a master notebook and runs it as the grader would, without a kernel: for test_coursework."""

import builtins
import re
import textwrap
from functools import lru_cache
from pathlib import Path

import nbformat

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
SOURCE = CHAPTERS / "problem_sets" / "source"
RELEASE = CHAPTERS / "problem_sets" / "release"
REGION = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION\n?", re.MULTILINE | re.DOTALL)
# problems whose answers compute for seconds: `make check` tries all but one of the other answers to them
SLOW = {("ps1", "pipeline"), ("ps4", "band"), ("ps2", "boundary"), ("ps3", "experiment"), ("ps5", "efficiency"),
        ("ps6", "students"), ("ps6", "spectrum"), ("ps7", "training"), ("ps8", "shares"),
        ("ps9", "adapter")}  # fmt: skip
STUB = 'raise NotImplementedError("Not solved yet: replace this line with your own code.")'


@lru_cache
def master(set_name):
    """The instructor's notebook of a set."""
    return nbformat.read(SOURCE / set_name / f"{set_name}.ipynb", as_version=4)


def cells(set_name):
    """{grade_id: cell} of the master, in its order."""
    return {c.metadata.nbgrader.grade_id: c for c in master(set_name).cells if "nbgrader" in c.metadata}


def coding_problems(set_name):
    """The names of the problems whose code is checked."""
    return [name.removesuffix("-check") for name in cells(set_name) if name.endswith("-check")]


def with_answer(source, answer):
    """A solution cell with another answer: a string replaces the reference, a pair (old, new) edits it."""
    indent, reference = REGION.search(source).groups()
    if isinstance(answer, tuple):
        old, new = answer
        assert old in reference, f"the reference has no {old!r} to edit"
        body = reference.replace(old, new)
    else:
        body = textwrap.indent(answer.strip("\n") + "\n", indent)
    return REGION.sub(lambda _: body, source)


@lru_cache
def prepared(set_name):
    """A namespace in which set-up and imports have run."""
    namespace = {"__name__": f"{set_name}_answers"}
    for name in ("setup", "imports"):
        _run(cells(set_name)[name].source, f"{set_name}, {name}", namespace)
    return namespace


def grade(set_name, problem, answer=None, *, visible=False, spoilt=False, between="", below=None, there=None):
    """Run the answer to one problem (None: the reference) and its check; the exception that it ends with, or None.

    visible: only what students see of the check. spoilt: in between, the notebook calls something else by each name
    that the answer does not use, imported and built-in ones too. between: code of the student's that runs there.
    below: the same at the end of the answer's own cell, of which the grader keeps the names as they are then.
    there: the cells of a variant, not the master's."""
    namespace, there = dict(prepared(set_name)), there or cells(set_name)
    source = there[problem].source if answer is None else with_answer(there[problem].source, answer)
    check = there[f"{problem}-check"]
    try:
        _run(f"{source}\n{below or ''}", f"{set_name}, {problem}", namespace)
        if below is not None:
            from helpers.checks import keep  # here, since batch.py runs where helpers/ cannot be imported

            keep(namespace, f"{source}\n{below}")
        if spoilt:
            used = set(re.findall(r"\w+", source))
            taken = [n for n in [*namespace, *dir(builtins)] if n not in used and not n.startswith("_")]
            namespace |= dict.fromkeys([n for n in taken if n.islower()], "the student's own")
        _run(between, f"{set_name}, a cell of the student's own", namespace)
        _run(student_cell(check) if visible else check.source, f"{set_name}, {problem}-check", namespace)
    except (Exception, SystemExit) as error:
        return error
    return None


def student_cell(cell):
    """What a student sees of a master's cell, worked out here once more as a check on nbgrader and on the committed."""
    source = re.sub(r"(?ms)^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS\n?", "", cell.source)
    if not cell.metadata.get("nbgrader", {}).get("solution"):
        return source.rstrip("\n")
    if cell.cell_type == "markdown":
        return "Write your answer here."
    return (REGION.sub(lambda found: f"{found[1]}{STUB}\n", source) if REGION.search(source) else STUB).rstrip("\n")


def _run(source, where, namespace):
    exec(compile(source, where, "exec"), namespace)
