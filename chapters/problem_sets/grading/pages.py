"""Writes the page that a student gets, with nbgrader's template: one exporter for all pages of a command."""

import hashlib
import html
import json

import nbformat
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.converters import GenerateFeedback

from grading.record import GRADED, quiet
from grading.restore import by_name


class Pages:
    """The pages of a `record.Course`, in feedback/STUDENT/SET/SET.html."""

    def __init__(self, course):
        self.course = course
        with quiet():
            config = GenerateFeedback(coursedir=course.api.coursedir, parent=course.api).config
        self.exporter = HTMLExporter(config=config)
        self.exporter.register_preprocessor(CSSHTMLHeaderPreprocessor, enabled=True)

    def write(self, notebook):
        """Write a run's page, if it is not there as it should be; "" or the reason why only its text could be shown."""
        run = notebook.metadata[GRADED]
        place = self.course.folder / "feedback" / run["student"] / run["set"] / f"{run['set']}.html"
        rows, comments = self.course.problems(notebook)
        made_of = hashlib.sha256(json.dumps([notebook, rows, comments]).encode()).hexdigest()
        stamp = f"<!-- {made_of} -->"
        if place.exists() and stamp in place.read_text(encoding="utf-8")[-100:]:
            return ""
        for row in rows:
            marks = by_name(notebook)[row[2]].metadata.nbgrader
            marks.update(score=row[4], points=row[5])
        for name, cell in by_name(notebook).items():
            cell.metadata.nbgrader.comment = comments.get(name)
        points = {"score": sum(row[4] for row in rows), "max_score": sum(row[5] for row in rows), "late_penalty": 0}
        names = {"notebook": run["set"], "assignment": run["set"], "student": run["student"]}
        reason = ""
        try:
            with quiet():
                page, _ = self.exporter.from_notebook_node(notebook, {"nbgrader": {**names, **points}})
        except Exception as error:
            reason = f"its page shows the text only: {type(error).__name__}: {error}"[:300]
            page = self._bare(notebook, rows, reason)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{page}\n{stamp}\n", encoding="utf-8", errors="replace")
        return reason

    @staticmethod
    def _bare(notebook, rows, reason):
        marks = "\n".join(f"{row[2]}: {row[4]:g} of {row[5]:g}  {row[7]}" for row in rows)
        texts = [reason, marks, *(cell.source for cell in notebook.cells)]
        return '<!DOCTYPE html><meta charset="utf-8">' + "".join(
            f"<pre>{html.escape(text)}</pre><hr>" for text in texts
        )


def plain(notebook):
    """A notebook that cannot be rendered, with its texts in frames: for formgrader, which would stop at it."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = "```text\n" + cell.source.replace("```", "'''") + "\n```"
            cell.attachments = {}
        else:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="[not shown]\n")]
    return notebook
