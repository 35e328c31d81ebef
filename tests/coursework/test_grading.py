"""Grading a folder: submissions are read as data, checks are put back, marks need a token, and a whole batch with
hostile submissions comes out as it must (slow, needs nbgrader)."""

import csv
import json
import subprocess
import sys

import nbformat
import pytest
from coursework import answers, batch
from notebooks import CHAPTERS

sys.path.insert(0, str(CHAPTERS / "problem_sets"))

from grading import collect, restore

GRADE = CHAPTERS / "problem_sets" / "grade.py"


def cells_of(notebook, tmp_path):
    """What `collect` reads of a notebook."""
    nbformat.write(notebook, tmp_path / "ps1.ipynb")
    return collect.read_cells(tmp_path / "ps1.ipynb")


def restored(notebook, tmp_path):
    return restore.restore(answers.master("ps1"), batch.unsolved(), cells_of(notebook, tmp_path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"%PDF-1.7", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[1, 2]", "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
        (json.dumps({"cells": [{}] * 2000}).encode(), "2000 cells"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "x" * 300_000}]}).encode(), "no text of at most"),
        (b" " * 21_000_000, "21 MB"),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_reason(content, reason, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ps1.ipynb").write_bytes(content)
    found = collect.collect(tmp_path, "a", "ps1")
    assert found.status == "unreadable"
    assert reason in found.message


def test_missing_and_linked_files_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    assert collect.collect(tmp_path, "a", "ps1").status == "missing"
    (tmp_path / "secret").write_text('{"cells": []}')
    (tmp_path / "a" / "ps1.ipynb").symlink_to(tmp_path / "secret")
    assert collect.collect(tmp_path, "a", "ps1").status == "unreadable"


def test_odd_cells_are_taken_as_far_as_they_are_text(tmp_path):
    odd = [1, None, {"cell_type": "raw"}, {"cell_type": "code"}, {"cell_type": "code", "source": ["a", 1, "b"]},
           {"cell_type": "markdown", "source": "c", "metadata": {"nbgrader": 7}}]  # fmt: skip
    (tmp_path / "ps1.ipynb").write_text(json.dumps({"cells": odd}))
    assert [cell.source for cell in collect.read_cells(tmp_path / "ps1.ipynb")] == ["", "ab", "c"]


def test_an_untouched_or_solved_notebook_is_restored_without_remarks(tmp_path):
    for notebook in (batch.unsolved(), batch.solved()):
        assert restored(notebook, tmp_path)[1] == []


def test_checks_set_up_and_order_are_put_back_and_own_cells_stay(tmp_path):
    order = [c.metadata.nbgrader.grade_id for c in answers.master("ps1").cells if "nbgrader" in c.metadata]
    for student in ("hostile-edits-tests", "right-reordered", "broken-deleted-cells", "right-own-cells"):
        notebook, notes = restored(batch.submissions()[student][0], tmp_path)
        there = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
        assert list(there) == order
        masters = answers.cells("ps1")
        assert [n for n, c in there.items() if c.metadata.nbgrader.locked and c.source != masters[n].source] == []
        assert sum(c.metadata.nbgrader.get("points", 0) for c in there.values()) == 20
        assert bool(notes) == (student != "right-own-cells")
        assert any("def halves" in c.source for c in notebook.cells) == (student == "right-own-cells")


def test_a_check_counts_when_its_token_comes_out_and_no_error():
    notebook, _ = restore.restore(answers.master("ps1"), batch.unsolved(), [])
    cells, tokens = restore.to_run(notebook)
    assert len(set(tokens.values())) == len(answers.coding_problems("ps1"))
    assert all(source.endswith(f"print({token!r})") for _, source, token in cells if token)
    first, second, third, *_ = tokens

    def stream(text, name="stdout"):
        return {"output_type": "stream", "name": name, "text": text}

    error = {"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}
    outputs = {first: [stream("a warning", "stderr"), stream(f"seen\n{tokens[first]}\n")], second: [stream("passed")],
               third: [stream(tokens[third]), error]}  # fmt: skip
    restore.write_outputs(notebook, outputs, tokens, "why not")
    failed = {i: [o.evalue for o in notebook.cells[i].outputs if o.output_type == "error"] for i in tokens}
    assert failed.pop(first) == []
    assert failed.pop(third) == ["e"]
    assert set(map(tuple, failed.values())) == {("why not",)}
    assert [o.name for o in notebook.cells[first].outputs] == ["stdout", "stdout"], "nbgrader fails cells with stderr"
    assert tokens[first] not in str(notebook), "the token is not kept"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The batch, graded by the command that an instructor types: (folder of the grades, expected, what it printed)."""
    pytest.importorskip("nbgrader", reason="nbgrader is not installed; `make check` installs it")
    folder = tmp_path_factory.mktemp("batch")
    expected = batch.write(folder / "submissions")
    command = [sys.executable, str(GRADE), str(folder / "submissions"), "--grades", str(folder / "grades")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "grades", expected, run.stdout


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_every_submission_of_the_batch_gets_its_marks(graded):
    grades, expected, _ = graded
    lines = {line["student"]: line for line in table(grades / "gradebook.csv")}
    got = {name: (float(line["auto_points"]), line["status"]) for name, line in lines.items()}
    assert got == {name: (points, status) for name, (points, status, _) in expected.items()}
    assert {name for name, (_, _, word) in expected.items() if word not in lines[name]["message"]} == set()
    assert {line["auto_max"] for line in lines.values()} == {str(batch.ALL)}


@pytest.mark.slow
def test_feedback_says_what_happened(graded):
    grades, expected, _ = graded
    for name, (_, _, word) in expected.items():
        page = (grades / "feedback" / name / "ps1" / "ps1.html").read_text(encoding="utf-8")
        assert word in page
    right = (grades / "feedback" / "wrong-gradient" / "ps1" / "ps1.html").read_text(encoding="utf-8")
    assert "did you differentiate both factors" in right


@pytest.mark.slow
def test_columns_of_the_tables_are_those_documented(graded):
    first = (graded[0] / "gradebook.csv").read_text(encoding="utf-8").splitlines()[0]
    columns = "student,set,points,max,auto_points,auto_max,manual_points,manual_max,manual_pending,status,message"
    assert first == columns
    first = (graded[0] / "problems.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first == "student,set,problem,kind,points,max,pending,message"
    teaching = (CHAPTERS / "teaching.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in teaching for name in table(graded[0] / "gradebook.csv")[0])


@pytest.mark.slow
def test_nothing_of_a_submission_keeps_running(graded):
    psutil = pytest.importorskip("psutil")
    running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [line for line in running if "import time; time.sleep(600)" in line]


@pytest.mark.slow
def test_marks_by_hand_reach_the_gradebook_and_survive(graded):
    grades = graded[0]
    command = [sys.executable, str(GRADE), "--marks-only", "--grades", str(grades), "--by-hand"]
    head, good = "student,set,problem,points,comment\n", "right-reference,ps1,derivation,3.5,Well argued.\n"
    for bad, reason in [("right-reference,ps1,derivation,5,\n", "which has 4"), ("nobody,ps1,open,1,\n", "nobody"),
                        ("right-reference,ps1,gradient-check,1,\n", "by its check")]:  # fmt: skip
        (grades / "marks.csv").write_text(head + good + bad)
        run = subprocess.run([*command, str(grades / "marks.csv")], capture_output=True, text=True, check=False)
        assert run.returncode != 0
        assert reason in run.stderr
    (grades / "marks.csv").write_text(head + good)
    subprocess.run([*command, str(grades / "marks.csv")], check=True, capture_output=True)
    page = (grades / "feedback" / "right-reference" / "ps1" / "ps1.html").read_text(encoding="utf-8")
    assert "Well argued." in page
    line = next(line for line in table(grades / "gradebook.csv") if line["student"] == "right-reference")
    assert (line["points"], line["manual_points"], line["manual_pending"]) == (str(batch.ALL + 3.5), "3.5", "3")


@pytest.mark.slow
def test_nbgrader_makes_the_committed_student_notebooks(tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed; `make check` installs it")
    command = [sys.executable, str(GRADE.with_name("generate.py")), "--release", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for path in sorted(answers.RELEASE.glob("*/*.ipynb")):
        assert (tmp_path / path.relative_to(answers.RELEASE)).read_text("utf-8") == path.read_text("utf-8"), path.name
