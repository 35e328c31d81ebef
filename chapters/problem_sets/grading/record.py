"""Keeps the marks with nbgrader: its gradebook, its feedback pages, and two CSV tables made from them.

The folder of the grades is an nbgrader course: `nbgrader formgrader` started there shows the answers that wait for a
human mark. Nothing here runs submitted code.
"""

import csv
import json
import logging
import os
import shutil
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.preprocessors import SaveAutoGrades
from traitlets.config import Config
from traitlets.log import get_logger

# The columns are stable: new ones are appended, none is renamed.
COLUMNS = (
    "student", "set", "points", "max", "auto_points", "auto_max", "manual_points", "manual_max", "manual_pending",
    "status", "message",
)  # fmt: skip
PROBLEM_COLUMNS = ("student", "set", "problem", "kind", "points", "max", "pending", "message")
STATES = "states.json"  # status and message of each submission, which nbgrader's gradebook has no place for


class Course:
    """An nbgrader course in `folder`, with the masters of the sets that are graded."""

    def __init__(self, folder, settings):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        scripts = str(Path(sys.executable).parent)  # nbgrader calls `alembic`, which lies beside Python
        if scripts not in os.environ["PATH"].split(os.pathsep):
            os.environ["PATH"] = scripts + os.pathsep + os.environ["PATH"]
        shutil.copyfile(settings, folder / "nbgrader_config.py")
        config = Config()
        config.CourseDirectory.root = str(folder)
        with _quiet():
            self.api = NbGraderAPI(config=config)
            self.api.config.merge(_settings(settings))
        self.url = self.api.coursedir.db_url

    def add_set(self, master):
        """Take over a master notebook and make its student version with nbgrader: (master, release) notebooks."""
        name = master.stem
        source = self.folder / "source" / name
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(master.parent, source, ignore=shutil.ignore_patterns(".*"))
        with _quiet():
            result = self.api.generate_assignment(name, force=True, create=True)
        _must(result, f"make the student version of {name}")
        release = self.folder / "release" / name / master.name
        return nbformat.read(master, as_version=4), nbformat.read(release, as_version=4)

    def save(self, student, set_name, notebook):
        """Store a graded notebook; the marks of its checks go into the gradebook, human marks stay as they are."""
        place = self.folder / "autograded" / student / set_name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with Gradebook(self.url) as gradebook:
            gradebook.update_or_create_student(student)
            gradebook.update_or_create_submission(set_name, student)
        names = {"notebook": set_name, "assignment": set_name, "student": student, "db_url": self.url}
        with _quiet():
            notebook, _ = SaveAutoGrades().preprocess(notebook, {"nbgrader": names})
        nbformat.write(notebook, place / f"{set_name}.ipynb")

    def mark_by_hand(self, path):
        """Take over marks from a CSV file with the columns student, set, problem, points and, if wanted, comment; lines
        without points are skipped. How many there were. Raises ValueError, before any mark is stored, on a bad line."""
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.DictReader(file) if (line.get("points") or "").strip()]
        with Gradebook(self.url) as gradebook:
            for number, line in enumerate(lines, 1):
                self._mark(gradebook, line, f"line {number} with points in {path.name}")
            gradebook.db.commit()
        return len(lines)

    def _mark(self, gradebook, line, where):
        try:
            names = line["problem"], line["set"], line["set"], line["student"]
            grade, points = gradebook.find_grade(*names), float(line["points"])
        except (KeyError, ValueError, MissingEntry) as error:
            raise ValueError(f"{where}: {error}") from None
        if not 0 <= points <= grade.max_score:
            raise ValueError(f"{where}: {points:g} points for {line['problem']}, which has {grade.max_score:g}")
        if self._is_check(line["set"], line["problem"]):
            raise ValueError(f"{where}: {line['problem']} is marked by its check, not by hand")
        grade.manual_score, grade.needs_manual_grade = points, False
        if line.get("comment"):
            gradebook.find_comment(*names).manual_comment = line["comment"]

    def _is_check(self, set_name, problem):
        release = nbformat.read(self.folder / "release" / set_name / f"{set_name}.ipynb", 4)
        graded = [c.metadata.nbgrader for c in release.cells if "nbgrader" in c.metadata]
        return not next(cell.solution for cell in graded if cell.grade_id == problem)

    def write_feedback(self, student, set_name):
        """The page that the student gets: feedback/STUDENT/SET/SET.html."""
        with _quiet():
            result = self.api.generate_feedback(set_name, student, force=True)
        _must(result, f"write feedback for {student}, {set_name}")

    def read_states(self):
        """{student: {set: [status, message]}}."""
        path = self.folder / STATES
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def write_states(self, states):
        """Store what `read_states` gives back."""
        (self.folder / STATES).write_text(json.dumps(states, indent=1, ensure_ascii=False), encoding="utf-8")

    def write_tables(self):
        """gradebook.csv, one line a submission, and problems.csv, one line a problem: the lines of the former."""
        lines, problems = [], []
        for student, sets in sorted(self.read_states().items()):
            for set_name, (status, message) in sorted(sets.items()):
                rows = self._problems(student, set_name)
                problems += rows
                lines.append(_line(student, set_name, rows, status, message))
        _write(self.folder / "gradebook.csv", COLUMNS, lines)
        _write(self.folder / "problems.csv", PROBLEM_COLUMNS, problems)
        return lines

    def _problems(self, student, set_name):
        path = self.folder / "autograded" / student / set_name / f"{set_name}.ipynb"
        cells = {c.metadata.nbgrader.grade_id: c for c in nbformat.read(path, 4).cells if "nbgrader" in c.metadata}
        with Gradebook(self.url) as gradebook:
            grades = {g.name: g for g in gradebook.find_submission_notebook(set_name, set_name, student).grades}
            rows = []
            for name, cell in cells.items():
                if name not in grades:
                    continue
                grade, manual = grades[name], cell.metadata.nbgrader.solution
                pending = manual and grade.manual_score is None and grade.auto_score is None
                points = 0.0 if pending else grade.score
                why = "" if manual else failure(cell)
                rows.append((student, set_name, name, "manual" if manual else "auto", points, grade.max_score,
                             grade.max_score if pending else 0.0, why))  # fmt: skip
        return rows


def failure(cell):
    """The sentence with which a check failed, "" if it passed."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    return " ".join(f"{e.ename}: {e.evalue}" for e in errors)[:500].replace("\n", " ")


def _must(result, what):
    if not result["success"]:
        raise RuntimeError(f"nbgrader could not {what}:\n{result.get('log', '')[-3000:]}\n{result.get('error', '')}")


def _line(student, set_name, rows, status, message):
    def total(kind, column):
        return sum(row[column] for row in rows if row[3] == kind)

    points = [total("auto", 4), total("auto", 5), total("manual", 4), total("manual", 5), total("manual", 6)]
    return (student, set_name, points[0] + points[2], points[1] + points[3], *points, status, message)


def _write(path, columns, lines):
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows([[_plain(value) for value in line] for line in lines])


def _plain(value):
    """Numbers without a useless .0; text that a spreadsheet would take for a formula as text."""
    if isinstance(value, float):
        return f"{value:g}"
    return "'" + value if value[:1] in ("=", "+", "-", "@") else value


def _settings(path):
    """What nbgrader_config.py sets."""
    config = Config()
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"get_config": lambda: config})
    return config


@contextmanager
def _quiet():
    """nbgrader logs every step, and its libraries warn about each other; what fails is in its result."""
    log = get_logger()
    before = log.propagate, log.handlers
    log.propagate, log.handlers = False, [logging.NullHandler()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.propagate, log.handlers = before
