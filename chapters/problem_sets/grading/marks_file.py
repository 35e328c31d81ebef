"""Reads a table of marks given by hand, as spreadsheets of different countries and programs write it."""

import csv
import io

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
    text, _ = decoded(data)
    lines = text.splitlines()
    if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:  # what Excel puts there
        text = text.split("\n", 1)[-1]
    heading = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=heading.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(map(str.strip, row))]
    names = [name.strip().strip("'").lower() for name in rows[0]] if rows else []
    if missing := [name for name in COLUMNS if name not in names]:
        there = ", ".join(name for name in names if name) or "none"
        raise ValueError(f"{path.name} lacks the column {', '.join(missing)}; its first line names {there}")
    if twice := {name for name in (*COLUMNS, "comment") if names.count(name) > 1}:
        raise ValueError(f"{path.name} has two columns {', '.join(twice)}")
    marks = []
    for row in rows[1:]:
        cells = dict(zip(names, [cell.replace("\xa0", " ").strip() for cell in row], strict=False))
        if cells.get("points"):
            student, name, problem = (cells[key].removeprefix("'") for key in COLUMNS[:3])
            where = f"line {len(marks) + 1} with points in {path.name}"
            marks.append((where, student, name, problem, _number(cells["points"], where), cells.get("comment", "")))
    return marks


def _number(text, where):
    """Digits with at most one point or comma. (float() takes more: "nan", "1_0", digits of other scripts.)"""
    digits = text.replace(",", ".", 1)
    if not digits.isascii() or not digits.replace(".", "", 1).isdigit():
        raise ValueError(f"{where}: points {text!r} are no number between 0 and what the problem has")
    return float(digits)
