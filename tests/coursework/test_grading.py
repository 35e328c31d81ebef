"""Grading whole folders, as an instructor does: the batch of thirty, what is odd or hostile, a broken grader, marks by
hand, an interrupted command, a cluster. Slow; needs nbgrader, and bubblewrap for all that runs submissions."""

import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from coursework import answers, batch, hostile
from coursework.answers import CHAPTERS

sys.path.insert(0, str(CHAPTERS / "problem_sets"))

pytest.importorskip("nbgrader", reason="nbgrader is not installed; `make check` installs it")

from grading import jobs, record
from grading.collect import Submission
from grading.sandbox import TOOLS, Limits, Sandbox

GRADE = CHAPTERS / "problem_sets" / "grade.py"
needs_sandbox = pytest.mark.skipif(
    any(not shutil.which(tool) for tool in TOOLS), reason="bubblewrap is not installed: apt-get install bubblewrap"
)
pytestmark = [pytest.mark.slow, needs_sandbox]


def grade(*words, expect=0, around=(), **options):
    """Run grade.py with these arguments inside the command `around`, and see its exit status: what it printed."""
    command = [*around, sys.executable, str(GRADE), *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert run.returncode == expect, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert "Warning" not in run.stderr, "libraries' warnings do not reach the instructor"
    return run.stdout + run.stderr


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines(grades):
    return {line["student"]: line for line in table(grades / "gradebook.csv")}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The batch with what is odd, graded by the command that an instructor types: (grades, expected, printed)."""
    folder = tmp_path_factory.mktemp("batch")
    expected = batch.write(folder / "submissions")
    expected |= batch.write_odd(folder / "submissions")
    return folder / "grades", expected, grade(folder / "submissions", "--grades", folder / "grades")


def test_every_submission_gets_its_marks(graded):
    got = {name: (float(line["auto_points"]), line["status"]) for name, line in lines(graded[0]).items()}
    assert got == {name: (points, status) for name, (points, status, _) in graded[1].items()}


def test_messages_say_what_happened(graded):
    found = lines(graded[0])
    assert {n: found[n]["message"] for n, (_, _, word) in graded[1].items() if word not in found[n]["message"]} == {}
    assert {line["auto_max"] for line in found.values()} == {str(batch.ALL)}
    unread = sum(status in ("missing", "unreadable") for _, status, _ in graded[1].values())
    assert f", {unread} without a notebook that can be read" in graded[2]


def test_answers_beside_their_cell_wait_for_a_marker(graded):
    found = lines(graded[0])
    assert {found[name]["manual_pending"] for name in ("odd-beside", "broken-names-lost", "right-reference")} == {"7"}
    assert found["untouched"]["manual_pending"] == "0"
    points = {(row["student"], row["problem"]): row["points"] for row in table(graded[0] / "problems.csv")}
    assert points["right-reference", "figure"] == "", "copied into a table of marks it stays without one"
    assert points["untouched", "figure"] == "0"


def test_every_student_has_a_page_that_says_what_happened(graded):
    for folder in (graded[0] / "feedback").iterdir():
        assert "Score" in (folder / "ps1" / "ps1.html").read_text(encoding="utf-8")
    assert len(list((graded[0] / "feedback").iterdir())) == len(graded[1])
    page = (graded[0] / "feedback" / "wrong-gradient" / "ps1" / "ps1.html").read_text(encoding="utf-8")
    assert "did you differentiate both factors" in page
    for name, picture in batch.PICTURES.items():
        assert picture in (graded[0] / "feedback" / name / "ps1" / "ps1.html").read_text(encoding="utf-8"), name


def test_formgrader_can_read_every_notebook(graded):
    for path in (graded[0] / "autograded").glob("*/*/*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))


def test_columns_of_the_tables_are_those_documented(graded):
    first = (graded[0] / "gradebook.csv").read_text(encoding="utf-8").splitlines()[0]
    columns = "student,set,points,max,auto_points,auto_max,manual_points,manual_max,manual_pending,status,message"
    assert first == columns
    first = (graded[0] / "problems.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first == "student,set,problem,kind,points,max,pending,message"
    teaching = (CHAPTERS / "teaching.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in teaching for name in columns.split(","))


def test_nothing_of_a_submission_keeps_running(graded):
    running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [line for line in running if "import time; time.sleep(600)" in line]


def test_marks_by_hand_reach_the_gradebook_and_survive(graded, tmp_path):
    grades = graded[0]
    head, good = "student;set;problem;points;comment\n", "right-reference;ps1;derivation;3,5;Well argued.\n"
    marks = tmp_path / "marks.csv"
    wrong = {
        "right-reference;ps1;derivation;5;\n": "which has 4",
        "nobody;ps1;open;1;\n": "nobody",
        "right-reference;ps1;gradient-check;1;\n": "by its check",
        "right-reference;ps1;x;1;\n": "no problem x",
        "right-reference;ps9;open;1;\n": "no submission to ps9",
        good.replace("3,5", "3"): "second",
    }
    course = record.Course(grades, GRADE.with_name("nbgrader_config.py"))
    for bad, reason in wrong.items():
        marks.write_text(head + good + bad)
        with pytest.raises(ValueError, match=reason):
            course.mark_by_hand(marks)
    course.gradebook.close()
    said = grade("--marks-only", "--grades", grades, "--by-hand", marks, expect=1)
    assert said.splitlines()[0].startswith("Nothing was taken over. ")
    assert lines(grades)["right-reference"]["manual_points"] == "0"
    marks.write_text(head + good)
    assert "1 mark taken over" in grade("--marks-only", "--grades", grades, "--by-hand", marks)
    page = (grades / "feedback" / "right-reference" / "ps1" / "ps1.html").read_text(encoding="utf-8")
    assert "Well argued." in page
    line = lines(grades)["right-reference"]
    assert (line["points"], line["manual_points"], line["manual_pending"]) == (str(batch.ALL + 3.5), "3.5", "3")


UNPRINTABLE = """
import sys
sys.path.insert(0, {place!r})
import grade
from nbconvert.exporters import HTMLExporter
made = HTMLExporter.from_notebook_node
def fails(self, notebook, resources):
    if resources["nbgrader"]["student"] == "ada":
        raise RuntimeError("a picture of no kind")
    return made(self, notebook, resources)
HTMLExporter.from_notebook_node = fails
grade.main()
"""


def test_a_page_that_cannot_be_made_is_that_students_line(tmp_path):
    folder = write(tmp_path / "class", ada=batch.unsolved(), bob=batch.unsolved())
    command = [sys.executable, "-c", UNPRINTABLE.format(place=str(GRADE.parent)), str(folder)]
    command += ["--grades", str(tmp_path / "grades")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 3, run.stderr
    assert run.stdout.splitlines()[-1].endswith("1 NEED A LOOK: status failed")
    found = lines(tmp_path / "grades")
    assert [found[name]["status"] for name in ("ada", "bob")] == ["failed", "graded"]
    assert "a picture of no kind" in found["ada"]["message"]
    assert [path.parts[-3] for path in (tmp_path / "grades" / "feedback").glob("*/ps1/ps1.html")] == ["bob"]


INSTALLED = """
import sys
sys.path.insert(0, {place!r})
import grade
versions = iter("12")
grade.installed = lambda: {{"tqdm": next(versions)}}
grade.main()
"""


def test_an_environment_that_changed_meanwhile_is_told(tmp_path):
    command = [sys.executable, "-c", INSTALLED.format(place=str(GRADE.parent)), "--marks-only", "--unprotected"]
    command += ["--grades", str(tmp_path / "grades")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert "packages of your environment changed: tqdm. Trust no mark" in run.stderr


def test_nbgrader_makes_the_committed_student_notebooks(tmp_path):
    command = [sys.executable, str(GRADE.with_name("generate.py")), "--release", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for path in sorted(answers.RELEASE.glob("*/*.ipynb")):
        assert (tmp_path / path.relative_to(answers.RELEASE)).read_text("utf-8") == path.read_text("utf-8"), path.name


def write(folder, **notebooks):
    for student, notebook in notebooks.items():
        (folder / student).mkdir(parents=True)
        nbformat.write(notebook, folder / student / "ps1.ipynb")
    return folder


def test_an_interrupted_command_goes_on_where_it_stopped(tmp_path):
    folder = write(tmp_path / "class", **{name: batch.solved() for name in ("ada", "bob", "cy", "dan")})
    command = [sys.executable, str(GRADE), str(folder), "--grades", str(tmp_path / "grades"), "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert any(line.startswith("ada, ps1: graded") for line in run.stdout)
        run.send_signal(signal.SIGKILL)
    said = grade(folder, "--grades", tmp_path / "grades")
    assert "submissions have been graded as they are" in said
    assert "ada, ps1" not in said
    assert {line["auto_points"] for line in lines(tmp_path / "grades").values()} == {str(batch.ALL)}
    nbformat.write(batch.unsolved(), folder / "bob" / "ps1.ipynb")
    said = grade(folder, "--grades", tmp_path / "grades")
    assert "bob, ps1" in said, "what was handed in again is graded again"
    assert "ada, ps1" not in said
    assert lines(tmp_path / "grades")["bob"]["auto_points"] == "0"


def test_a_changed_master_is_told_and_old_marks_do_not_mix(tmp_path):
    folder = write(tmp_path / "class", ada=batch.unsolved(), bob=batch.unsolved())
    source = tmp_path / "source" / "ps1"
    shutil.copytree(answers.SOURCE / "ps1", source)
    words = "--source", source.parent, "--grades", tmp_path / "grades"
    grade(folder, *words)
    notebook = nbformat.read(source / "ps1.ipynb", 4)
    check = batch.named(notebook, "gradient-check")
    check.source = check.source.replace("### END HIDDEN", "# another version\n### END HIDDEN")
    nbformat.write(notebook, source / "ps1.ipynb")
    shutil.rmtree(folder / "bob")
    grade(folder, *words)
    assert lines(tmp_path / "grades")["bob"]["message"].startswith("graded with an earlier version of the set")
    assert lines(tmp_path / "grades")["ada"]["message"] == ""
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "pruning-check"]
    nbformat.write(notebook, source / "ps1.ipynb")
    said = grade(folder, *words, expect=1)
    assert "ps1 has other cells than when grades/ was begun (pruning-check)" in said
    assert "GRADES=" in said


def cell_of(notebook, name, **changes):
    """Change a named cell's nbgrader metadata."""
    batch.named(notebook, name).metadata.nbgrader.update(changes)


def remove(notebook, name):
    notebook.cells.remove(batch.named(notebook, name))


def copy_of(notebook, name, new):
    cell = nbformat.from_dict({**batch.named(notebook, name), "id": "new"})
    cell.metadata = nbformat.from_dict(json.loads(json.dumps(cell.metadata)))
    cell.metadata.nbgrader.grade_id = new
    notebook.cells.append(cell)


def reverse(notebook):
    notebook.cells = notebook.cells[::-1]


# {change of a master: (how, what the sentence says of it; "" where the marks that are there still fit)}
CHANGES = {
    "text": (lambda nb: batch.named(nb, "derivation").update(source="A better argument."), ""),
    "check": (lambda nb: batch.named(nb, "gradient-check").update(source="assert True"), ""),
    "points": (lambda nb: cell_of(nb, "gradient-check", points=5), ""),
    "points by hand": (lambda nb: cell_of(nb, "derivation", points=2), ""),
    "a cell more": (lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell("Thank you.")), ""),
    "order": (reverse, ""),
    "no set-up": (lambda nb: remove(nb, "imports"), "imports"),
    "check by hand": (lambda nb: cell_of(nb, "gradient-check", solution=True, locked=False), "gradient-check"),
    "check gone": (lambda nb: remove(nb, "pruning-check"), "pruning-check"),
    "derivation gone": (lambda nb: remove(nb, "derivation"), "derivation"),
    "check renamed": (lambda nb: cell_of(nb, "adjoint-check", grade_id="dual"), "adjoint-check, dual"),
    "new question": (lambda nb: copy_of(nb, "open", "open-2"), "open-2"),
    "new check": (lambda nb: copy_of(nb, "gradient-check", "slope-check"), "slope-check"),
}  # fmt: skip


NOTHING = Submission("ada", "ps1", "missing", ["no file"])


def course_in(folder):
    return record.Course(folder, GRADE.with_name("nbgrader_config.py"))


def save(course, master):
    """Grade the submission of nothing with this master, and keep it."""
    course.save(jobs.grade(jobs.Job(NOTHING, *course.add_set(master), Limits(), True, jobs.code_version())))


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder of a course in which ada's submission to set 1 has been graded."""
    folder = tmp_path_factory.mktemp("begun") / "grades"
    course = course_in(folder)
    save(course, answers.SOURCE / "ps1" / "ps1.ipynb")
    course.gradebook.close()
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_a_master_changes_between_two_commands_or_says_why_it_cannot(change, begun, tmp_path):
    shutil.copytree(begun, tmp_path / "grades")
    shutil.copytree(answers.SOURCE / "ps1", tmp_path / "ps1")
    path, (edit, sentence) = tmp_path / "ps1" / "ps1.ipynb", CHANGES[change]
    course = course_in(tmp_path / "grades")
    before = course.write_tables()
    notebook = nbformat.read(path, 4)
    edit(notebook)
    nbformat.write(notebook, path)
    if sentence:
        sentence = f"ps1 has other cells than when grades/ was begun ({sentence})"
        with pytest.raises(ValueError, match=re.escape(sentence)):
            course.add_set(path)
        assert course.write_tables() == before
    else:
        save(course, path)
        points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)
        assert [line[3] for line in course.write_tables()] == [points]


def without(tool):
    """Breaks a run: the command `tool` is not there."""

    def breaks(class_, place):
        (place / "bin").mkdir()
        for other in {*TOOLS} - {tool}:
            (place / "bin" / other).symlink_to(shutil.which(other))
        return {"env": os.environ | {"PATH": f"{place / 'bin'}:{Path(sys.executable).parent}"}}

    return breaks


def master(edit, *words):
    """Breaks a run: `edit` has changed the text of the master's notebook file."""

    def breaks(class_, place):
        (place / "source" / "ps1").mkdir(parents=True)
        text = (answers.SOURCE / "ps1" / "ps1.ipynb").read_text(encoding="utf-8")
        assert edit(text) != text
        (place / "source" / "ps1" / "ps1.ipynb").write_text(edit(text), encoding="utf-8")
        return {"words": ["--source", place / "source", *words]}

    return breaks


def renamed(package):
    """Breaks a run: the package's folder has another name, as after an update that was cut off."""

    def breaks(class_, place):
        there = Path(importlib.util.find_spec(package).origin).resolve().parent
        around = ["bwrap", "--cap-add", "ALL", "--dev-bind", "/", "/", "--tmpfs", str(there.parent)]
        for path in sorted(there.parent.iterdir()):
            around += ["--bind", str(path), f"{path}{'_off' if path == there else ''}"]
        return {"around": around}

    return breaks


def no_kernel(class_, place):
    """Breaks a run: ipykernel is an empty folder."""
    kernel = Path(importlib.util.find_spec("ipykernel").origin).resolve().parent
    return {"around": ["bwrap", "--cap-add", "ALL", "--dev-bind", "/", "/", "--tmpfs", str(kernel)]}


def damaged_gradebook(class_, place):
    (place / "grades").mkdir()
    (place / "grades" / "gradebook.db").write_text("no database " * 100)


def words(*given):
    return lambda class_, place: {"words": given}


# {what is broken: (what breaks it and returns options of `grade`, a word of the sentence)}
BROKEN = {
    "no kernel": (no_kernel, "no kernel starts here"),
    "ipykernel renamed": (renamed("ipykernel"), "no kernel starts here"),
    "jupyter_client renamed": (renamed("jupyter_client"), "No module named 'jupyter_client'"),
    "nbgrader renamed": (renamed("nbgrader"), "No module named 'nbgrader'"),
    "torch renamed": (renamed("torch"), "the master's own answers to ps1 lose points here"),
    "no bubblewrap": (without("bwrap"), "bwrap is not installed"),
    "no prlimit": (without("prlimit"), "prlimit is not installed"),
    "wrong master": (master(lambda s: s.replace("return 4 / len", "return 2 / len")),
                     "the master's own answers to ps1 lose points here. gradient-check"),
    "master's syntax": (master(lambda s: s.replace("return 4 / len", "return 4 /// len")), "lose points here"),
    "master's loop": (master(lambda s: s.replace("return 4 / len(y)", "while True: pass #"), "--cell-seconds", "9"),
                      "lose points here"),
    "master's exit": (master(lambda s: s.replace("return 4 / len(y)", "import os; os._exit(0) #")), "process ended"),
    "master's names": (master(lambda s: s.replace('"grade_id": "gradient"', '"grade_id": "adjoint"')), "adjoint"),
    "master's file": (master(lambda s: s[:1000]), "JSON"),
    "no set": (words("--sets", "ps99"), "no problem set ps99"),
    "no source": (words("--source", "/nowhere"), "no problem set"),
    "no submission": (lambda class_, place: (class_ / "ada" / "ps1.ipynb").rename(class_ / "ada" / "x.txt") and None,
                      "no submission in"),
    "no student": (lambda class_, place: shutil.rmtree(class_ / "ada"), "no submission in"),
    "no worker": (words("--cluster", "tcp://127.0.0.1:9"), "127.0.0.1:9"),
    "no address": (words("--cluster", "somewhere"), "somewhere"),
    "grades": (lambda class_, place: (place / "grades").write_text("a file") and None, "grades"),
    "gradebook": (damaged_gradebook, "gradebook.db"),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_grader_stops_with_a_sentence_and_no_marks(broken, tmp_path):
    breaks, sentence = BROKEN[broken]
    folder = write(tmp_path / "class", ada=batch.solved())
    options = breaks(folder, tmp_path) or {}
    said = grade(folder, "--grades", tmp_path / "grades", *options.pop("words", ()), expect=1, **options)
    assert said.strip().splitlines()[-1].startswith("Nothing was graded. ")
    assert sentence in said
    assert not (tmp_path / "grades" / "gradebook.csv").exists()


@pytest.fixture(scope="module")
def box():
    """A sandbox for what has to be stopped."""
    return Sandbox(CHAPTERS.parent, Limits(seconds=40, cell_seconds=20))


@pytest.fixture(scope="module")
def patient():
    """A sandbox for what ends by itself, however busy the machine is."""
    return Sandbox(CHAPTERS.parent, Limits(seconds=400, cell_seconds=200))


@pytest.mark.parametrize("name", hostile.PROBES)
def test_hostile_code_reaches_nothing(name, patient, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    secrets = [
        tmp_path / "grades" / "gradebook.db",
        Path.home() / ".ssh" / "id_rsa",
        answers.SOURCE / "ps1" / "ps1.ipynb",
        __file__,
    ]
    (tmp_path / "grades").mkdir()
    secrets[0].write_text("marks")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0grading-test")
        abstract.listen()
        names = {"SECRETS": [str(path) for path in secrets], "PORT": server.getsockname()[1], "TESTER": os.getpid()}
        names["ABSTRACT"] = "\0grading-test"
        given = "".join(f"{key} = {value!r}\n" for key, value in names.items())
        outcome = patient.run([(0, given + hostile.START + hostile.PROBES[name] + hostile.END, None)])
    texts = [output["text"] for output in outcome.outputs[0] if output["output_type"] == "stream"]
    assert texts, outcome
    assert json.loads(texts[-1].splitlines()[-1]) == []


@pytest.fixture(scope="module")
def looks(patient):
    """What one sandbox sees before, and another one after, a third has tried to change what is around it."""

    def look():
        outcome = patient.run([(i, look, None) for i, (_, look) in enumerate(hostile.CHANGES.values())])
        return [outcome.outputs[i][0].get("text") for i in range(len(hostile.CHANGES))]

    before = look()
    tried = patient.run([(i, hostile.WRITE + code, None) for i, (code, _) in enumerate(hostile.CHANGES.values())])
    return before, tried, look()


@pytest.mark.parametrize("name", hostile.CHANGES)
def test_what_a_submission_changes_around_it_the_next_one_does_not_find(name, looks):
    (before, tried, after), i = looks, list(hostile.CHANGES).index(name)
    assert i in tried.outputs, "it was tried"
    assert before[i] is not None, "there was something to see"
    assert after[i] == before[i]


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_what_eats_the_machine_is_stopped_and_the_next_one_runs(name, box, patient):
    code, word = hostile.BOMBS[name]
    outcome = box.run([(0, code, None)])
    assert word in f"{outcome.ended} {outcome.notes} {outcome.outputs}"
    assert patient.run([(0, "print(6 * 7)", None)]).outputs[0][0]["text"] == "42\n"


def test_what_a_submission_starts_ends_with_it(patient):
    patient.run([(0, hostile.SURVIVOR, None)])
    running = [p for p in psutil.process_iter(["cmdline"]) if hostile.SLEEPER in (p.info["cmdline"] or [])]
    assert psutil.wait_procs(running, timeout=20)[1] == []


def test_without_a_sandbox_only_when_asked_and_it_says_so(tmp_path):
    said = grade(write(tmp_path / "class", ada=batch.solved()), "--grades", tmp_path / "grades", "--unprotected")
    assert "WITHOUT a sandbox" in said
    assert lines(tmp_path / "grades")["ada"]["auto_points"] == str(batch.ALL)


def test_a_cluster_gives_the_same_marks_though_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed; `make check` installs it")
    expected = {"ada": batch.ALL, "bob": 0, "cy": batch.without("gradient"), "dan": batch.ALL, "eve": batch.ALL}
    made = [batch.solved(), batch.unsolved(), batch.solved({"gradient": "return 0"}), batch.solved(), batch.solved()]
    folder = write(tmp_path / "class", **dict(zip(expected, made, strict=True)))
    variables = {**os.environ, "PYTHONPATH": str(GRADE.parent)}
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        start = [
            sys.executable,
            "-m",
            "distributed.cli.dask_worker",
            cluster.scheduler_address,
            "--nthreads",
            "1",
            "--no-dashboard",
        ]
        workers = [
            subprocess.Popen(start, env=variables, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True)
            for _ in range(2)
        ]
        try:
            with distributed.Client(cluster) as client:
                client.wait_for_workers(2, timeout=60)
            command = [
                sys.executable,
                str(GRADE),
                str(folder),
                "--grades",
                str(tmp_path / "grades"),
                "--cluster",
                cluster.scheduler_address,
            ]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
                said = ""
                while ", ps1: graded" not in said and (line := run.stdout.readline()):
                    said += line
                os.killpg(workers[0].pid, signal.SIGKILL)
                said += run.stdout.read()
            assert run.returncode == 0, said
        finally:
            for worker in workers:
                if worker.poll() is None:
                    os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
    assert {name: float(line["auto_points"]) for name, line in lines(tmp_path / "grades").items()} == expected
