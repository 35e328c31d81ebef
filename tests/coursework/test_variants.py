"""Private variants: the public answers lose where the convention has changed and only there, the variant's own keep."""

import re
import sys
from importlib import import_module

import nbformat
import pytest
from coursework import answers

sys.path.insert(0, str(answers.CHAPTERS / "problem_sets"))

from variants import CONVENTIONS, drawn

SETS = sorted(path.stem for path in answers.SOURCE.glob("ps*/ps*.ipynb"))
ORDERED = ("sides in different orders", True)  # where the largest units come first, that edit changes nothing
PROBLEMS = [
    pytest.param(name, problem, marks=pytest.mark.slow if (name, problem) in answers.SLOW else ())
    for name in SETS
    for problem in answers.coding_problems(name)
]


def named(notebook):
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}


def variants(set_name, seeds=range(20)):
    """[(variant, names of the problems whose convention has changed)]."""
    return [drawn(set_name, answers.master(set_name), seed) for seed in seeds]


def both(set_name, problem):
    """[(variant, whether the problem's answer differs there)]: one where it does and one where it does not."""
    convention = {"rate": "step"}.get(problem, problem)  # the rate is that of the step
    found = {convention in changed: (notebook, convention in changed) for notebook, changed in variants(set_name)}
    return [found[True], found[False]]


def grade(set_name, notebook, problem, answer=None):
    return answers.grade(set_name, problem, answer, there=named(notebook))


@pytest.mark.parametrize("set_name", SETS)
def test_a_seed_draws_the_same_masters_again_and_another_seed_others(set_name):
    texts = [nbformat.writes(notebook) for notebook, _ in variants(set_name)]
    assert texts == [nbformat.writes(notebook) for notebook, _ in variants(set_name)]
    assert len(set(texts)) == len(texts)
    assert answers.master(set_name).metadata.get("variant") is None, "the master itself is left alone"


@pytest.mark.parametrize("set_name", SETS)
def test_every_problem_with_a_check_has_another_convention(set_name):
    assert {*CONVENTIONS[set_name], *({"rate"} if set_name == "ps5" else ())} == {*answers.coding_problems(set_name)}


@pytest.mark.parametrize("set_name", SETS)
def test_every_variant_can_be_drawn_and_every_convention_is(set_name):
    drawn_ones = variants(set_name, range(40))
    assert {name for _, changed in drawn_ones for name in changed} == set(CONVENTIONS[set_name])
    for notebook, _ in drawn_ones:
        assert "§" not in str([cell.source for cell in notebook.cells])
        compile("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"), set_name, "exec")


@pytest.mark.parametrize("set_name", SETS)
def test_what_students_see_of_the_instances_stays_and_hidden_ones_are_others(set_name):
    notebook, _ = variants(set_name)[1]
    for name, cell in answers.cells(set_name).items():
        if name.endswith("-check"):
            both = cell, named(notebook)[name]
            calls = [re.findall(r"^check_\w+\(.*\)", answers.student_cell(c), re.M) for c in both]
            assert calls[0] == calls[1]
            hidden = [c.source.split("### BEGIN HIDDEN TESTS")[1] for c in both]
            assert hidden[0] != hidden[1] or not re.search(r"seed|\d{4}|[nd]=", hidden[0]), name


@pytest.mark.parametrize(("set_name", "problem"), PROBLEMS)
def test_a_variants_own_answer_keeps_and_the_public_one_loses_where_the_convention_changed(set_name, problem):
    public = answers.REGION.search(answers.cells(set_name)[problem].source)[2]
    public = re.sub(r"(?m)^    ", "", public)
    for notebook, other in both(set_name, problem):
        error = grade(set_name, notebook, problem)
        assert error is None, repr(error)
        error = grade(set_name, notebook, problem, public)
        assert (error is not None) == other, repr(error)


@pytest.mark.parametrize(("set_name", "problem"), PROBLEMS)
def test_wrong_answers_lose_and_right_ones_keep_in_a_variant(set_name, problem):
    module = import_module(f"coursework.{set_name}")
    for notebook, other in both(set_name, problem):
        source = named(notebook)[problem].source
        for name, answer in module.WRONG[problem].items():
            edits = isinstance(answer, tuple) and answer[0] in source and (name, other) != ORDERED
            if edits or (isinstance(answer, str) and not other):  # what is wrong here may be right there
                assert grade(set_name, notebook, problem, answer) is not None, name
        for name, answer in module.RIGHT[problem].items():
            error = grade(set_name, notebook, problem, answer)
            assert (error is not None) == other, f"{name}: {error!r}"
