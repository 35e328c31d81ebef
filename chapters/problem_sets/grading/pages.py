"""Writes the page that a student gets, with nbgrader's template: one exporter for all pages of a command."""

import hashlib
import json

from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.converters import GenerateFeedback

from grading.record import GRADED
from grading.restore import by_name


class Pages:
    """The pages of a `record.Course`, in feedback/STUDENT/SET/SET.html."""

    def __init__(self, course):
        self.course = course
        config = GenerateFeedback(coursedir=course.api.coursedir, parent=course.api).config
        self.exporter = HTMLExporter(config=config)
        self.exporter.register_preprocessor(CSSHTMLHeaderPreprocessor, enabled=True)

    def write(self, notebook):
        """Write a run's page, if it is not there as it should be."""
        run = notebook.metadata[GRADED]
        place = self.course.folder / "feedback" / run["student"] / run["set"] / f"{run['set']}.html"
        rows, comments = self.course.problems(notebook)
        made_of = hashlib.sha256(json.dumps([notebook, rows, comments]).encode()).hexdigest()
        stamp = f"<!-- {made_of} -->"
        if place.exists() and stamp in place.read_text(encoding="utf-8")[-100:]:
            return
        place.unlink(missing_ok=True)
        for row in rows:
            marks = by_name(notebook)[row[2]].metadata.nbgrader
            marks.update(score=row[4], points=row[5])
        for name, cell in by_name(notebook).items():
            cell.metadata.nbgrader.comment = comments.get(name)
        points = {"score": sum(row[4] for row in rows), "max_score": sum(row[5] for row in rows), "late_penalty": 0}
        names = {"notebook": run["set"], "assignment": run["set"], "student": run["student"]}
        page, _ = self.exporter.from_notebook_node(notebook, {"nbgrader": {**names, **points}})
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{page}\n{stamp}\n", encoding="utf-8", errors="replace")
