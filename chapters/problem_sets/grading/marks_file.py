"""Reads a table of marks given by hand, as spreadsheets of different countries and programs write it."""

import csv
import io
import itertools

from grading.collect import decoded

COLUMNS = ("student", "set", "problem", "points")
SEPARATORS = ",;\t"


def read_marks(path):
    """[(where, student, set, problem, points, comment)], a line each; where: the line's name in an error.

    The table is text with the columns student, set, problem, points and, if wanted, comment, in any order and case;
    separated by commas, semicolons or tabs; numbers with a decimal point or comma. Lines without points are skipped.
    Raises ValueError with the reason if it is not that."""
    data = path.read_bytes()
    if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise ValueError(f"{path.name} is a spreadsheet's own file: save it as CSV")
    lines = io.StringIO(decoded(data)[0], newline="")
    lines = list(itertools.dropwhile(lambda line: not line.strip() or line.lower().startswith("sep="), lines))
    separator = max(SEPARATORS, key=lines[0].count) if lines else ","
    rows = [[cell.replace("\xa0", " ").strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    names = [name.strip("'").lower() for name in rows[0]] if rows else []
    if missing := [name for name in COLUMNS if name not in names]:
        there = ", ".join(name for name in names if name) or "none"
        raise ValueError(f"{path.name} lacks the column {', '.join(missing)}; its first line names {there}")
    if twice := {name for name in (*COLUMNS, "comment") if names.count(name) > 1}:
        raise ValueError(f"{path.name} has two columns {', '.join(twice)}")
    given = [cells for row in rows[1:] if (cells := dict(zip(names, row, strict=False))).get("points")]
    marks = []
    for number, cells in enumerate(given, start=1):
        where, points = f"line {number} with points in {path.name}", cells["points"].replace(",", ".", 1)
        # float() takes more: "nan", "1_0", digits of other scripts
        if not points.isascii() or not points.replace(".", "", 1).isdigit():
            raise ValueError(f"{where}: points {cells['points']!r} are no number between 0 and what the problem has")
        names_of = [cells[key].removeprefix("'") for key in COLUMNS[:3]]
        marks.append((where, *names_of, float(points), cells.get("comment", "")))
    return marks
