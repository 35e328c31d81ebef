"""Finds submissions in a folder and reads them as data. Nothing of a submission is executed or trusted here: of each
cell only its kind, its text, its nbgrader name and its pictures are taken over."""

import base64
import binascii
import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

LARGEST = 200_000_000  # bytes of a notebook file, its outputs included; they are not taken over
MOST_CELLS = 2000
LARGEST_PICTURE = 10_000_000  # bytes
PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF",
}  # fmt: skip
SHORTEST_PICTURE = 40  # bytes: below that there is a signature and nothing to see
LINK = re.compile(r"(!\[[^\]\n]*\]\()(?:<([^>\n]+)>|([^)\s<>]+))((?:\s+[\"'][^\"'\n]*[\"'])?\))")
TAG = re.compile(r"<img\s[^>]*?src\s*=\s*[\"']([^\"'>]+)[\"'][^>]*>", re.IGNORECASE)
CELL_KINDS = {"code": "code", "markdown": "markdown", "raw": "markdown"}


@dataclass
class Cell:
    """What is taken over from a submitted cell. name: nbgrader's grade_id, or None for a cell of the student's own."""

    kind: str
    source: str
    name: str | None = None
    attachments: dict = field(default_factory=dict)


@dataclass
class Submission:
    """One student, one set. status: "found", "missing" or "unreadable", and for the last two notes with the reason."""

    student: str
    set_name: str
    status: str = "found"
    notes: list[str] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)


def label(text):
    """Any text, a file's name too, as every table and screen takes it: what is not printable becomes an escape."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def decoded(data):
    """(text, encoding) of what an editor or a spreadsheet wrote: UTF-8, UTF-16 when it says so, else Windows-1252."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def students(folder):
    """The students' names, sorted: those of the folders in `folder`, hidden ones only when a notebook lies in them."""
    found = [p for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and p.name != "__MACOSX"]
    return sorted(p.name for p in found if p.name[0] != "." or any(name.endswith(".ipynb") for name in _files(p)))


def ignored(folder):
    """What lies beside the students' folders and is nobody's submission: names, sorted."""
    known = {*students(folder), "__MACOSX"}
    return sorted(label(p.name) for p in folder.iterdir() if p.name not in known and p.name[0] != ".")


def submitted_sets(folder, set_names):
    """Those of `set_names` that at least one student has submitted."""
    return [name for name in set_names if any(_notebooks(folder / s, name) for s in students(folder))]


def collect(folder, student, set_name, handed_out=()):
    """The submission of one student for one set, whatever state it is in. Raises nothing on bad submissions.

    handed_out: the texts of the cells as students got them. Of several files the newest with work of its own counts."""
    home = folder / student
    try:
        found, there = _notebooks(home, set_name), _files(home)
        if not found:
            names = ", ".join(label(Path(name).name) for name in sorted(there)[:5])
            reason = f"the folder holds {names}" if names else "the folder is empty"
            return Submission(student, set_name, "missing", [f"no file {set_name}.ipynb: {reason}"])
        read = [_read(home, name, handed_out) for name in found]
        *_, (_, name, submission) = sorted(read, key=lambda one: one[0])
    except OSError as error:
        return Submission(student, set_name, "unreadable", [f"the folder cannot be read: {error.strerror}"])
    submission.student, submission.set_name = student, set_name
    if any(other.cells != submission.cells for _, _, other in read):
        names = " and ".join(map(label, sorted(found)))
        submission.notes.insert(
            0, f"{len(found)} files lie there, {names}: the newest with an answer, {label(name)}, counts"
        )
    return submission


def _files(home):
    """Paths of the files below `home`, relative to it; hidden folders and links to folders are left out."""
    names = []
    for place, folders, files in os.walk(home):
        folders[:] = [name for name in folders if name[0] != "." and name != "__MACOSX"]
        names += [os.path.relpath(os.path.join(place, name), home) for name in files if name[0] != "."]
    return names


def _notebooks(home, set_name):
    """The files that may be this set's: psN.ipynb in any folder, and what browsers make of it, as "PS1 (2).ipynb"."""
    wanted = re.compile(rf"(?<![a-z0-9]){re.escape(set_name.lower())}(?![a-z0-9]).*\.ipynb")
    return [name for name in _files(home) if wanted.search(os.path.basename(name).lower())]


def _read(home, name, handed_out):
    """(rank among several files, name, submission without the student's name)."""
    time = (home / name).lstat().st_mtime
    try:
        cells, notes = read_cells(home / name)
    except (OSError, ValueError, MemoryError) as error:
        reason = f"{label(name)} {error}"
    else:
        own = any(same_text(cell.source) not in handed_out for cell in cells)
        return (1 + own, time, name), name, Submission("", "", "found", notes, cells)
    return (0, time, name), name, Submission("", "", "unreadable", [reason])


def same_text(source):
    """The text by which two cells are compared: white space at the ends of lines is no edit."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def read_cells(path):
    """(cells, notes) of a notebook file; notes: sentences on what could not be taken over as it was. Raises ValueError
    with the reason if it is no notebook."""
    info = path.lstat()
    if not stat.S_ISREG(info.st_mode):
        raise ValueError("is a link or device, not a file")
    if info.st_size > LARGEST:
        raise ValueError(f"has {info.st_size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}: clear its outputs")
    text, encoding = decoded(path.read_bytes())
    notes = ["the file is not UTF-8, it was read as Windows-1252: letters may be wrong"] * (encoding == "cp1252")
    try:
        notebook = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"is not a notebook: it is not JSON ({error}), it begins {text.strip()[:20]!r}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("is not a notebook of format 4: it has no list of cells")
    lost = []
    cells = [cell for raw in cells if (cell := _cell(raw, path.parent, lost))]
    if len(cells) > MOST_CELLS:
        raise ValueError(f"has {len(cells)} cells with text, more than {MOST_CELLS}")
    if lost:
        notes.append(f"pictures that are missing or broken: {', '.join(map(label, dict.fromkeys(lost)))}")
    return cells, notes


def _cell(raw, folder, lost):
    """A `Cell`, or None for what holds no text. `lost` gets the names of pictures that are not there."""
    if not isinstance(raw, dict) or raw.get("cell_type") not in CELL_KINDS:
        return None
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    source = source if isinstance(source, str) and source.strip() else ""
    source = re.sub("\r\n?", "\n", source).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    metadata = raw.get("metadata")
    graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = graded.get("grade_id") if isinstance(graded, dict) else None
    cell = Cell(CELL_KINDS[raw["cell_type"]], source, name if isinstance(name, str) else None)
    if cell.kind == "markdown":
        _take_pictures(cell, raw.get("attachments"), folder, lost)
    return cell if source or cell.name else None


def _take_pictures(cell, attached, folder, lost):
    """Keep the pictures that a text shows, attached or files beside the notebook; name in it those that are lost."""
    attached = attached if isinstance(attached, dict) else {}

    def shown(link):
        address = unquote(link[2] or link[3])
        if re.match(r"(https?|data):", address):
            return link[0]
        name = address.removeprefix("attachment:")
        picture = _attachment(attached.get(name)) if name != address else _file(folder, name)
        if picture is None:
            lost.append(name)
            return f"**[the picture {name} is missing or broken]**"
        place = f"picture-{len(cell.attachments)}"
        cell.attachments[place] = picture
        return f"{link[1]}attachment:{place}{link[4]}"

    cell.source = LINK.sub(shown, TAG.sub(r"![picture](<\1>)", cell.source))


def _attachment(bundle):
    for kind, data in bundle.items() if isinstance(bundle, dict) else ():
        data = "".join(data) if isinstance(data, list) and all(isinstance(x, str) for x in data) else data
        if picture_data(kind, data):
            return {kind: data.replace("\n", "")}
    return None


def _file(folder, name):
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or not stat.S_ISREG(path.lstat().st_mode) or path.lstat().st_size > LARGEST_PICTURE:
            return None
        data = base64.b64encode(path.read_bytes()).decode()
    except (OSError, ValueError):
        return None
    return next(({kind: data} for kind in PICTURES if picture_data(kind, data)), None)


def picture_data(kind, data):
    """The bytes of a picture given as base64 text, None if it is none of this kind or too large."""
    if not isinstance(data, str) or kind not in PICTURES or len(data) > LARGEST_PICTURE * 4 / 3:
        return None
    try:
        found = base64.b64decode(data.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) >= SHORTEST_PICTURE and found.startswith(PICTURES[kind]) else None
