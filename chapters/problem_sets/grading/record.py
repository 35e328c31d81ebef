"""Keeps the marks with nbgrader: its gradebook, and two CSV tables made from it.

The folder of the grades is an nbgrader course: `nbgrader formgrader` started there shows the answers that wait for a
human mark. Nothing here runs submitted code. What a run gave stands in the metadata of its notebook in autograded/.
"""

import csv
import hashlib
import json
import os
import re
import shutil
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import PyFileConfigLoader

from grading.collect import label
from grading.jobs import GRADED
from grading.marks_file import read_marks
from grading.restore import by_name, is_answer

# The columns are stable: new ones are appended, none is renamed.
COLUMNS = (
    "student", "set", "points", "max", "auto_points", "auto_max", "manual_points", "manual_max", "manual_pending",
    "status", "message",
)  # fmt: skip
PROBLEM_COLUMNS = ("student", "set", "problem", "kind", "points", "max", "pending", "message")
LONGEST_ID = 150


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
        config = PyFileConfigLoader(settings.name, str(settings.parent)).load_config()
        config.CourseDirectory.root = str(folder)
        self.api = NbGraderAPI(config=config)
        try:
            self.gradebook = Gradebook(self.api.coursedir.db_url)
        except SQLAlchemyError as error:
            raise OSError(f"{folder}/gradebook.db cannot be opened, move it away: {error.args[0]}") from None

    def add_set(self, master):
        """Take over a master notebook and make its student version with nbgrader: (master, release, version).

        Raises ValueError when submissions were graded with other cells: their marks would not fit the new ones."""
        name = master.stem
        text = nbformat.read(master, as_version=4)
        self._refuse_other_cells(name, text)
        source = self.folder / "source" / name
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(master.parent, source, ignore=shutil.ignore_patterns(".*"))
        result = self.api.generate_assignment(name, force=True, create=True)
        self.gradebook.db.expire_all()
        if not result["success"]:
            said = f"{result.get('log', '')}\n{result.get('error', '')}"
            errors = re.findall(r"(?m)^.*?(\w+(?:Error|Exception): .*)", said)
            raise ValueError(f"nbgrader could not make the student version of {name}. {(errors or ['?'])[0]}")
        release = nbformat.read(self.folder / "release" / name / f"{name}.ipynb", as_version=4)
        return text, release, self.version(name)

    def _refuse_other_cells(self, name, master):
        before = self.folder / "source" / name / f"{name}.ipynb"
        if before.exists() and any(self.folder.glob(f"autograded/*/{name}")):
            changed = _roles(nbformat.read(before, as_version=4)) ^ _roles(master)
            if changed:
                raise ValueError(
                    f"{name} has other cells than when {self.folder.name}/ was begun ("
                    f"{', '.join(sorted({key for key, *_ in changed}))}), and marks of two versions are not mixed. "
                    "Grade into a new folder, GRADES=..., or move this one away."
                )

    def version(self, name):
        """A fingerprint of the set's master as it was graded with."""
        return hashlib.sha256((self.folder / "source" / name / f"{name}.ipynb").read_bytes()).hexdigest()

    def place(self, student, set_name):
        """Where the notebook of a run is kept."""
        return self.folder / "autograded" / identifier(student) / set_name / f"{set_name}.ipynb"

    def save(self, notebook):
        """Store a notebook that has run; its checks' points go into the gradebook, human marks stay as they are."""
        run = notebook.metadata[GRADED]
        student, name = identifier(run["student"]), run["set"]
        self.gradebook.update_or_create_student(student)
        self.gradebook.update_or_create_submission(name, student)
        for problem, points in run["points"].items():
            grade = self.gradebook.find_grade(problem, name, name, student)
            grade.auto_score = points
            grade.needs_manual_grade = points is None
        self.gradebook.db.commit()
        self.write(notebook)

    def write(self, notebook):
        """Write a run's notebook, whole or not at all, so that an interrupted command can go on."""
        run = notebook.metadata[GRADED]
        place = self.place(run["student"], run["set"])
        place.parent.mkdir(parents=True, exist_ok=True)
        (new := place.with_suffix(".new")).write_text(json.dumps(notebook, indent=1), encoding="utf-8")
        new.replace(place)

    def read(self, path):
        """The notebook of a run, None if there is none that can be read."""
        try:
            notebook = nbformat.from_dict(json.loads(path.read_text(encoding="utf-8")))
            return notebook if GRADED in notebook.metadata else None
        except (OSError, ValueError, AttributeError):
            return None

    def runs(self):
        """The notebooks of all runs that are kept, one after another, by student and set."""
        for path in sorted((self.folder / "autograded").glob("*/*/*.ipynb")):
            if notebook := self.read(path):
                yield notebook

    def problems(self, notebook):
        """Of one run, the lines of problems.csv and {problem: comment}."""
        run = notebook.metadata[GRADED]
        where = run["set"], run["set"], identifier(run["student"])
        submission = self.gradebook.find_submission_notebook(*where)
        grades = {grade.name: grade for grade in submission.grades}
        comments = {comment.name: comment.comment for comment in submission.comments}
        rows = []
        for name, cell in by_name(notebook).items():
            if name in grades:
                grade, manual = grades[name], is_answer(cell)
                pending = manual and grade.manual_score is None and grade.auto_score is None
                points = 0.0 if pending else grade.score
                numbers = points, grade.max_score, grade.max_score if pending else 0.0
                whose, kind = (label(run["student"]), run["set"], name), "manual" if manual else "auto"
                rows.append((*whose, kind, *numbers, run["said"].get(name, "")))
        return rows, comments

    def mark_by_hand(self, path):
        """Take over marks from a table (`marks_file` says which); how many there were. Raises ValueError, before any
        mark is stored, on a bad line."""
        runs, given = {}, {}
        for notebook in self.runs():
            run = notebook.metadata[GRADED]
            rows = {row[2]: row for row in self.problems(notebook)[0]}
            runs[_same(run["student"]), run["set"]] = identifier(run["student"]), rows
        for where, student, name, problem, points, comment in read_marks(path):
            known, rows = runs.get((_same(student), name), (None, None))
            if known is None:
                raise ValueError(f"{where}: {label(student)} has no submission to {name} here")
            if problem not in rows:
                raise ValueError(f"{where}: there is no problem {problem}")
            _, _, _, kind, _, most, *_ = rows[problem]
            if kind == "auto":
                raise ValueError(f"{where}: {problem} is marked by its check, not by hand")
            if not 0 <= points <= most:
                raise ValueError(f"{where}: {points:g} points for {problem}, which has {most:g}")
            if given.setdefault((problem, name, name, known), (points, comment)) != (points, comment):
                raise ValueError(f"{where}: a second, other mark for {problem} of {label(student)}")
        for place, (points, comment) in given.items():
            grade = self.gradebook.find_grade(*place)
            grade.manual_score, grade.needs_manual_grade = points, False
            if comment:
                self.gradebook.find_comment(*place).manual_comment = comment
        self.gradebook.db.commit()
        return len(given)

    def write_tables(self, failed=()):
        """gradebook.csv, one line a submission, and problems.csv, one line a problem: the lines of the former.

        failed: (student, set, message) of submissions whose run could not be kept."""
        lines = [_line(label(student), name, [], "failed", message) for student, name, message in failed]
        problems, versions = [], {}
        for notebook in self.runs():
            run = notebook.metadata[GRADED]
            rows, _ = self.problems(notebook)
            problems += [(*row[:4], "" if row[6] else row[4], *row[5:]) for row in rows]  # no mark is not the mark 0
            versions.setdefault(run["set"], self.version(run["set"]))
            old = "graded with an earlier version of the set; " if run["version"] != versions[run["set"]] else ""
            lines.append(_line(label(run["student"]), run["set"], rows, run["status"], old + run["message"]))
        lines.sort(key=lambda line: line[:2])
        _write(self.folder / "gradebook.csv", COLUMNS, lines)
        _write(self.folder / "problems.csv", PROBLEM_COLUMNS, problems)
        return lines


def identifier(student):
    """A student's name as nbgrader, its addresses and every file system take it: other characters become %XX."""
    plain = "".join(c if c.isalnum() or c in "_-@ ." else quote(c, safe="", errors="surrogateescape") for c in student)
    plain = re.sub(r"^[. ]|[. ]$", lambda found: f"%{ord(found[0]):02X}", plain)
    if len(plain.encode()) > LONGEST_ID:
        plain = plain[: LONGEST_ID // 4] + hashlib.sha256(os.fsencode(student)).hexdigest()[:16]
    return plain


def _roles(master):
    marks = {key: cell.metadata.nbgrader for key, cell in by_name(master).items()}
    return {(key, mark.grade, mark.solution, mark.locked) for key, mark in marks.items()}


def _same(student):
    """A name as a spreadsheet may give it back: composed letters, no mark against formulas, no space around it."""
    return unicodedata.normalize("NFC", label(student)).strip().lstrip("'")


def _line(student, set_name, rows, status, message):
    def total(kind, column):
        return sum(row[column] for row in rows if row[3] == kind)

    points = [total("auto", 4), total("auto", 5), total("manual", 4), total("manual", 5), total("manual", 6)]
    return (student, set_name, points[0] + points[2], points[1] + points[3], *points, status, message)


def _write(path, columns, lines):
    with (new := path.with_suffix(".new")).open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows([[_plain(value) for value in line] for line in lines])
    new.replace(path)


def _plain(value):
    """Numbers without a useless .0; text that a spreadsheet would take for a formula as text."""
    if isinstance(value, float):
        return f"{value:g}"
    return "'" + value if value[:1] in ("=", "+", "-", "@") else value
