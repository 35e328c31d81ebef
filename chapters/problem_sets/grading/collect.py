"""Finds submissions in a folder and reads them as data. Nothing of a submission is executed or trusted here: of each
cell only its kind, its text and its nbgrader name are taken over."""

import json
import stat
from dataclasses import dataclass, field

LARGEST = 20_000_000  # bytes of a notebook file; a student's notebook with figures has about one million
LONGEST_CELL = 200_000  # characters
MOST_CELLS = 1000


@dataclass
class Cell:
    """What is taken over from a submitted cell. name: nbgrader's grade_id, or None for a cell of the student's own."""

    kind: str
    source: str
    name: str | None = None


@dataclass
class Submission:
    """One student, one set. status: "found", "missing" or "unreadable", and for the last two the message why."""

    student: str
    set_name: str
    status: str = "found"
    message: str = ""
    cells: list[Cell] = field(default_factory=list)


def students(folder):
    """The names of the students: those of the folders in `folder`, hidden ones left out, sorted."""
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and p.name[0] != ".")


def submitted_sets(folder, set_names):
    """Those of `set_names` that at least one student has submitted."""
    return [name for name in set_names if any(places(folder / s, name) for s in students(folder))]


def places(folder, set_name):
    """Where the notebook may lie in a student's folder, as far as there is something: psN/psN.ipynb or psN.ipynb."""
    options = (folder / set_name / f"{set_name}.ipynb", folder / f"{set_name}.ipynb")
    return [path for path in options if path.exists() or path.is_symlink()]


def collect(folder, student, set_name):
    """The submission of one student for one set, whatever state it is in. Raises nothing on bad submissions."""
    found = places(folder / student, set_name)
    if not found:
        names = sorted(p.name for p in (folder / student).rglob("*") if not p.is_dir())[:5]
        there = f"the folder holds {', '.join(names)}" if names else "the folder is empty"
        return Submission(student, set_name, "missing", f"no file {set_name}.ipynb: {there}")
    try:
        return Submission(student, set_name, cells=read_cells(found[0]))
    except RecursionError:
        return Submission(student, set_name, "unreadable", f"{found[0].name} is not a notebook: too deeply nested")
    except (OSError, ValueError) as error:
        return Submission(student, set_name, "unreadable", f"{found[0].name} {error}")


def read_cells(path):
    """The cells of a notebook file. Raises ValueError with the reason if it is none."""
    info = path.lstat()
    if not stat.S_ISREG(info.st_mode):
        raise ValueError("is a link or device, not a file")
    if info.st_size > LARGEST:
        raise ValueError(f"has {info.st_size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}")
    try:
        notebook = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("is not a notebook: it is not JSON") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("is not a notebook of format 4: it has no list of cells")
    if len(cells) > MOST_CELLS:
        raise ValueError(f"has {len(cells)} cells, more than {MOST_CELLS}")
    return [cell for raw in cells if (cell := _cell(raw))]


def _cell(raw):
    if not isinstance(raw, dict) or raw.get("cell_type") not in ("code", "markdown"):
        return None
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str) or len(source) > LONGEST_CELL:
        raise ValueError(f"has a cell that is no text of at most {LONGEST_CELL} characters")
    metadata = raw.get("metadata")
    graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = graded.get("grade_id") if isinstance(graded, dict) else None
    return Cell(raw["cell_type"], source, name if isinstance(name, str) else None)
