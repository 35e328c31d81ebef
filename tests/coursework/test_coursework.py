"""The graders grade: reference answers get the points, plausible wrong ones lose them, other right ones keep them; the
committed student notebooks are those of the masters. test_grading.py has submissions, isolation and the gradebook."""

import builtins
import re
import subprocess
import sys
import warnings
from importlib import import_module

import nbformat
import numpy as np
import pytest
import torch
from coursework import answers
from coursework.answers import CHAPTERS
from setup_cell import environment, stand_in_repository, with_address

SETS = sorted(path.stem for path in answers.SOURCE.glob("ps*/ps*.ipynb"))
PROBLEMS = [(name, problem) for name in SETS for problem in answers.coding_problems(name)]
UNSOLVED = "Not solved yet: replace this line with your own code."


def others(kind):
    """(set, problem, name of the answer) for every answer in WRONG or RIGHT of all sets.

    Of a SLOW problem `make test` tries the reference and the first wrong answer, and `make check` the others.
    """
    modules = {name: getattr(import_module(f"coursework.{name}"), kind) for name in SETS}
    found = [(s, problem, name) for s, there in modules.items() for problem in there for name in there[problem]]
    first = {(s, problem): name for s, problem, name in reversed(found)}
    slow = [case[:2] in answers.SLOW and (kind == "RIGHT" or case[2] != first[case[:2]]) for case in found]
    return [pytest.param(*case, marks=[pytest.mark.slow] * late) for case, late in zip(found, slow, strict=True)]


def answer(set_name, problem, kind, name):
    return getattr(import_module(f"coursework.{set_name}"), kind)[problem][name]


def headings(set_name):
    """{problem number: (points, minutes)} as the headings of a set print them."""
    text = "\n".join(c.source for c in answers.master(set_name).cells if c.cell_type == "markdown")
    found = re.findall(r"(?m)^## Problem (\d+)\. .+\n\n\*(\d+) points?, (\d+) minutes[^*]*\* \*\*Goal:\*\* \w", text)
    assert len(found) == text.count("## Problem "), "a problem opens with *points, minutes.* **Goal:**"
    return {int(number): (int(points), int(minutes)) for number, points, minutes in found}


def test_every_chapter_has_a_set():
    chapters = sorted(int(path.name[:2]) for path in CHAPTERS.glob("[0-9][0-9]_*.ipynb"))
    assert [int(name[2:]) for name in SETS] == chapters


@pytest.mark.parametrize(("set_name", "problem"), PROBLEMS)
def test_reference_answer_gets_the_points_whatever_the_notebook_calls_its_own(set_name, problem):
    error = answers.grade(set_name, problem, spoilt=True)
    assert error is None, repr(error)


@pytest.mark.parametrize(
    "cell",
    [
        "from math import *\nfrom random import *\nfrom operator import *",
        "helpers = checks = result = same = symmetric = None",
        "del draw, symmetric, plt",
        "def draw(*shape, seed):\n    raise ValueError('mine')",
        "class Exception:\n    pass\nclass AssertionError:\n    pass",
        "assert_ = float = print = zip = enumerate = 1",
        "n = d = k = m = seed = U = V = A = B = y = G = O = 0",
        "check_gradient = check_adjoint = hidden_adjoint = hidden_gradient = slope = 0",
        "import torch\ntorch.manual_seed(1)\ntorch.set_default_dtype(torch.float16)",
        "import numpy as np\nnp.seterr(all='raise')\nnp.random.seed(1)",
        "import warnings\nwarnings.simplefilter('error')",
        "import os\nos.chdir('/')",
        "import importlib, helpers.checks\nimportlib.reload(helpers.checks)",
        "__name__ = '__main__'\nimport sys\nsys.argv = ['x']",
    ],
)
def test_no_cell_of_the_students_own_costs_a_right_answer_its_points(cell, monkeypatch):
    monkeypatch.chdir(CHAPTERS)
    monkeypatch.setattr(sys, "argv", sys.argv)
    before = torch.get_default_dtype()
    try:
        with warnings.catch_warnings(), np.errstate():
            errors = [answers.grade("ps1", name, between=cell) for name in answers.coding_problems("ps1")[:4]]
    finally:
        torch.set_default_dtype(before)
    assert errors == [None] * 4


BELOW = [
    "from numpy import *",
    "from numpy import gradient, round, sum, abs",
    "gradient = gradient(symmetric(6, 4, 4, seed=1), draw(6, seed=2), draw(4, 3, seed=3))",
    "gradient = adjoint = rotation_between = keep_largest = 7",
    "len = sum = max = min = abs = float = int = range = sorted = 7",
    "torch = residual = U = draw = 7",
    "from math import *\nfrom operator import *\nfrom random import *",
    "import torch.nn.functional as torch",
    "del torch",
    "import builtins\nbuiltins.len = builtins.sorted = builtins.float = None",
    "import builtins\nbuiltins.AssertionError = builtins.ValueError = KeyError",
    "from helpers.certificates import *\nfrom helpers.networks import *\nfrom helpers.isometry import *",
]


def with_code_below(answer, place, cell):
    """What comes of an answer to the gradient with a cell of the student's below it, or at the end of its own cell."""
    code = {"below": cell} if place == "in the answer's cell" else {"below": "", "between": cell}
    before = dict(vars(builtins))
    try:
        return answers.grade("ps1", "gradient", answer, **code)
    finally:
        vars(builtins).update(before)


DROPS_TORCH = [cell for cell in BELOW if re.search(r"\btorch\b(?!\.)", cell)]  # in the answer's own cell that is wrong
PLACES = [(cell, "below") for cell in BELOW]
PLACES += [(cell, "in the answer's cell") for cell in BELOW if cell not in DROPS_TORCH]


@pytest.mark.parametrize(("cell", "place"), PLACES)
def test_what_stands_below_an_answer_costs_it_nothing(cell, place):
    assert with_code_below(None, place, cell) is None


@pytest.mark.parametrize("cell", BELOW)
def test_what_stands_below_a_wrong_answer_does_not_make_it_right(cell):
    assert isinstance(with_code_below(("4 / len", "2 / len"), "below", cell), Exception)


def test_a_correction_in_a_cell_below_counts():
    right = answers.with_answer(answers.cells("ps1")["gradient"].source, "return gradient_of_mine(A, y, U)")
    mine = re.sub("def gradient", "def gradient_of_mine", answers.cells("ps1")["gradient"].source)
    assert with_code_below("return 0 * U", "below", f"{mine}\n\n{right}") is None


@pytest.mark.parametrize(("set_name", "problem"), PROBLEMS)
def test_unsolved_problem_fails_with_one_sentence(set_name, problem):
    error = answers.grade(set_name, problem, answers.STUB)
    assert type(error) is NotImplementedError
    assert str(error) == UNSOLVED


@pytest.mark.parametrize(("set_name", "problem", "name"), others("WRONG"))
def test_wrong_answer_loses_the_points_by_what_students_see(set_name, problem, name):
    """Only answers that were made from the visible instances need the hidden ones."""
    fitted = name in getattr(import_module(f"coursework.{set_name}"), "FITTED", {}).get(problem, ())
    wrong = answer(set_name, problem, "WRONG", name)
    error = answers.grade(set_name, problem, wrong, visible=not fitted)
    assert error is not None, "the check did not notice"
    assert not isinstance(error, SyntaxError | NameError), f"a slip in the test's answer, not a wrong one: {error!r}"
    assert str(error), "a lost point comes with a reason"


SAYS = {  # wrong answer: what its sentence says, and for ! what it must not say, since that is not the reason
    ("ps1", "adjoint", "not symmetrised"): "which matrix of the space",
    ("ps1", "adjoint", "transposed instead of symmetrised"): "which matrix of the space",
    ("ps1", "adjoint", "averaged"): "a sum over the measurements, not a mean",
    ("ps1", "adjoint", "factor 2"): "up to the factor 2",
    ("ps1", "adjoint", "weights squared"): "!mean",
    ("ps1", "rotation", "turns the other way"): "yours turns V into U",
    ("ps1", "rotation", "pseudo-inverse"): "not orthogonal",
    ("ps1", "pruning", "largest entry"): "You keep a column of norm",
    ("ps1", "pruning", "copies of the largest"): "a column twice",
    ("ps1", "pruning", "sorted by norm"): "right columns, but in the order",
    ("ps1", "pipeline", "told the rank"): "the threshold that decides",
    ("ps1", "pipeline", "fine-tunes the unpruned"): "starts from what is left",
    ("ps3", "counting", "squared norms"): "the count with squared norms",
    ("ps3", "counting", "largest of the whole batch"): "largest column of the whole batch",
    ("ps3", "counting", "largest not counted"): "without the largest itself",
    ("ps3", "counting", "largest entry"): "!That is the count",
    ("ps3", "loss", "squared"): "the error squared",
    ("ps3", "loss", "not relative"): "the error not relative",
    ("ps3", "loss", "keeps the smallest"): "the error of the smallest columns",
    ("ps3", "loss", "against UUᵀ"): "the error against UUᵀ",
    ("ps3", "loss", "first columns"): "!that is the error",
    ("ps3", "sorted_columns", "fewer columns"): "expected (3, 6)",
    ("ps4", "kappa", "mean of the values"): "not the square of their mean",
    ("ps4", "kappa", "norms of A u"): "entry i of 𝒜(uuᵀ) is uᵀAᵢu",
    ("ps4", "kappa", "divided by n twice"): "Divide by n once",
    ("ps4", "kappa", "one sided"): "!enter",
    ("ps4", "edge", "factor 2 forgotten"): "The 2 of 2κ/λ is missing",
    ("ps4", "edge", "upside down"): "to λ/(2κ)",
    ("ps4", "edge", "without the quarter"): "The 4 below the line",
    ("ps4", "edge", "threshold"): "!missing",
    ("ps4", "edge", "zero unless it holds the threshold"): "something is excluded",
    ("ps4", "count", "answers exchanged"): "in the other order?",
    ("ps4", "count", "minus forgotten"): "!in the other order?",
    ("ps4", "band", "square root of β"): "split below the threshold",
    ("ps4", "band", "squares against the threshold"): "the squares",
    ("ps4", "band", "two in the other order"): "the two in the other order",
    ("ps4", "band", "rows"): "the rows of U",
    ("ps4", "band", "no penalty"): "a run without the penalty",
    ("ps4", "band", "untrained"): "U0, which are not trained",
    ("ps4", "band", "largest kept"): "the largest of the kept",
    ("ps4", "band", "the edge instead of a measurement"): "!Yours:",
    ("ps5", "efficiency", "rd in place of dof"): "rd in place of dof",
    ("ps5", "efficiency", "standard deviation"): "a factor s.",
    ("ps8", "floor", "the limit for small b"): "the limit for small b",
    ("ps8", "floor", "not near zero"): "the minimum is at x = 0",
    ("ps8", "floor", "the value at zero"): "!at x = 0",
    ("ps8", "noise", "no inner freedom counted twice"): "dof with m(m+1)/2",
    ("ps8", "noise", "root of something negative"): "complex number",
    ("ps8", "noise", "finite for as many data as parameters"): "return infinity",
    ("ps8", "shares", "too few and too many exchanged"): "in the other order",
    ("ps8", "shares", "another truth for each sample"): "One truth",
    ("ps9", "pair", "all of them on one side"): "differ by",
    ("ps9", "completion", "number of entries"): "not their number",
    ("ps9", "escape", "the other sign"): "the c of (−a, b)",
    ("ps9", "escape", "no penalty"): "The penalty on the new pair is missing",
    ("ps9", "adapter", "half the squared error"): "Is there a ½ in your error?",
    ("ps9", "adapter", "sum of the two squares"): "p_i has a ½",
    ("ps9", "adapter", "told"): "fine-tuned, or told",
    ("ps9", "adapter", "weight decay"): "are dropped",
}


@pytest.mark.parametrize(("set_name", "problem", "name"), SAYS)
def test_the_sentence_with_which_points_are_lost_names_the_slip_and_no_other(set_name, problem, name):
    said = str(answers.grade(set_name, problem, answer(set_name, problem, "WRONG", name), visible=True))
    word = SAYS[set_name, problem, name]
    assert (word.removeprefix("!") in said) != word.startswith("!"), said


@pytest.mark.parametrize(("set_name", "problem", "name"), others("RIGHT"))
def test_right_answer_written_differently_keeps_the_points(set_name, problem, name):
    error = answers.grade(set_name, problem, answer(set_name, problem, "RIGHT", name))
    assert error is None, repr(error)


@pytest.mark.parametrize(("set_name", "problem"), PROBLEMS)
def test_each_problem_is_tried_with_wrong_and_right_answers(set_name, problem):
    module = import_module(f"coursework.{set_name}")
    assert len(module.WRONG[problem]) >= 5
    assert len(module.RIGHT[problem]) >= 2


@pytest.mark.parametrize("set_name", SETS)
def test_hidden_instances_are_not_the_visible_ones(set_name):
    for name, cell in answers.cells(set_name).items():
        if name.endswith("-check"):
            visible, hidden = cell.source.split("### BEGIN HIDDEN TESTS")
            calls = [set(re.findall(r"^ *(check_\w+\(.*?\))(?:  #.*)?$", part, re.M)) for part in (visible, hidden)]
            assert calls[0], f"{name} shows no check"
            assert not calls[0] & calls[1], f"{name} hides what it shows"
            assert "### END HIDDEN TESTS" in hidden


@pytest.mark.parametrize("set_name", SETS)
def test_problems_state_goal_points_and_time(set_name):
    problems, graded = headings(set_name), answers.cells(set_name).values()
    assert list(problems) == list(range(1, len(problems) + 1))
    assert len(problems) in range(4, 7)
    assert sum(points for points, _ in problems.values()) == sum(c.metadata.nbgrader.get("points", 0) for c in graded)
    minutes = sum(minutes for _, minutes in problems.values())
    assert 60 <= minutes <= 120
    points = sum(points for points, _ in problems.values())
    assert f"{points} points, about {minutes} minutes" in answers.master(set_name).cells[0].source


@pytest.mark.parametrize("set_name", SETS)
def test_answers_for_a_human_come_with_a_rubric(set_name):
    graded = [c for c in answers.cells(set_name).values() if c.metadata.nbgrader.grade]
    by_hand = [c for c in graded if c.metadata.nbgrader.solution]
    assert len(by_hand) >= 3, "a derivation, a figure, an open question"
    assert [c for c in by_hand if "Rubric" not in c.source] == []


def marks_of(cell):
    """What nbgrader knows of a cell."""
    return [cell.metadata.get("nbgrader", {}).get(key) for key in ("grade_id", "grade", "points", "solution")]


@pytest.mark.parametrize("set_name", SETS)
def test_committed_student_notebook_is_that_of_the_master(set_name):
    master = answers.master(set_name)
    release = nbformat.read(answers.RELEASE / set_name / f"{set_name}.ipynb", as_version=4)
    advice = "run `make coursework`"
    assert [c.source.rstrip("\n") for c in release.cells] == [answers.student_cell(c) for c in master.cells], advice
    assert [marks_of(c) for c in release.cells] == [marks_of(c) for c in master.cells], advice
    shown = "\n".join(c.source for c in release.cells)
    assert not re.search("SOLUTION|HIDDEN|Rubric", shown)


def test_student_notebook_runs_alone_until_the_first_problem(shared, tmp_path):
    """One for all: each is its master without the answers, and test_alone.py runs every master."""
    set_name = SETS[-1]
    release = nbformat.read(answers.RELEASE / set_name / f"{set_name}.ipynb", as_version=4)
    code = [with_address(c.source) if "setup" in c.metadata.get("tags", []) else c.source
            for c in release.cells if c.cell_type == "code"]  # fmt: skip
    script = "import matplotlib\nmatplotlib.use('Agg')\n" + "\n".join(code)
    variables = environment(stand_in_repository(shared))
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1] == f"NotImplementedError: {UNSOLVED}"


def test_the_sets_import_no_library_that_they_do_not_use():
    """Each submission would pay for it again: scipy's solvers cost .7 s, scikit-learn and pandas 1.5 s."""
    code = ["import matplotlib", "matplotlib.use('Agg')", *(answers.cells(name)["imports"].source for name in SETS)]
    command = [sys.executable, "-c", "\n".join([*code, "import sys", "print(*sys.modules)"])]
    loaded = subprocess.run(command, cwd=CHAPTERS.parent, capture_output=True, text=True, check=True).stdout.split()
    assert "helpers.training" in loaded
    assert not {"scipy.integrate", "scipy.optimize", "pandas", "seaborn", "sklearn"} & set(loaded)


def test_coursework_page_lists_the_sets():
    sys.path.insert(0, str(CHAPTERS / "problem_sets"))
    from generate import table, with_table

    page = (CHAPTERS / "coursework.md").read_text(encoding="utf-8")
    config = (CHAPTERS.parent / "_config.yml").read_text(encoding="utf-8")
    sets = {name: answers.master(name) for name in SETS}
    assert with_table(page, table(sets, config)) == page, "run `make coursework`"
    addressed = table(sets, "repository: {url: 'https://github.com/example/book', branch: main}")
    assert addressed.count("https://colab.research.google.com/github/example/book/blob/main/chapters/") == len(SETS)
