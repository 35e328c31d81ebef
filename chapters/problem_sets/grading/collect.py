"""Finds submissions in a folder and reads them as data. Nothing of a submission is executed or trusted here: of each
cell only its kind, its text, its nbgrader name and its pictures are taken over."""

import base64
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

LARGEST = 200_000_000  # bytes of a notebook file, its outputs included; they are not taken over
MOST_CELLS = 2000
LARGEST_PICTURE = 10_000_000  # bytes
SHORTEST_PICTURE = 40  # bytes: below that there is a signature and nothing to see
PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF",
}  # fmt: skip
LINK = re.compile(r"(!\[[^\]\n]*\]\()(?:<([^>\n]+)>|([^)\s<>]+))((?:\s+[\"'][^\"'\n]*[\"'])?\))")
TAG = re.compile(r"<img\s[^>]*?src\s*=\s*[\"']([^\"'>]+)[\"'][^>]*>", re.IGNORECASE)
TITLE = re.compile(r"# Problem set (\d+)")
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


def same_text(source):
    """The text by which two cells are compared: white space at the ends of lines is no edit."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


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
    return sorted(p.name for p in found if p.name[0] != "." or any(file.suffix == ".ipynb" for file in _files(p)))


def ignored(folder):
    """What lies beside the students' folders and is nobody's submission: names, sorted."""
    known = {*students(folder), "__MACOSX"}
    return sorted(label(p.name) for p in folder.iterdir() if p.name not in known and p.name[0] != ".")


def submitted_sets(folder, set_names):
    """Those of `set_names` that at least one student has submitted."""
    files = [file for student in students(folder) for file in _files(folder / student)]
    return [name for name in set_names if any(map(_notebook_of(name), files))]


def collect(folder, student, set_name, handed_out=()):
    """The submission of one student for one set, whatever state it is in. Raises nothing on bad submissions.

    handed_out: the texts of the cells as students got them. Of several files the newest with work of its own counts."""
    home, read, names = folder / student, [], {}
    try:
        files = _files(home)
        for path in filter(_notebook_of(set_name), files):
            names[path] = label(str(path.relative_to(home)))
            try:
                cells, notes = _read(path, handed_out)
                found, own = ("found", notes, cells), any(same_text(cell.source) not in handed_out for cell in cells)
            except (OSError, ValueError, MemoryError) as error:
                found, own = ("unreadable", [f"{names[path]} {error}"], []), -1
            read.append((own, path.lstat().st_mtime, path, found))
    except OSError as error:
        return Submission(student, set_name, "unreadable", [f"the folder cannot be read: {error.strerror}"])
    if not read:
        there = ", ".join(label(path.name) for path in files[:5])
        reason = f"the folder holds {there}" if there else "the folder is empty"
        return Submission(student, set_name, "missing", [f"no file {set_name}.ipynb: {reason}"])
    *_, (_, _, path, found) = sorted(read)
    submission = Submission(student, set_name, *found)
    if any(cells != submission.cells for *_, (_, _, cells) in read):
        several = f"{len(read)} files lie there, {' and '.join(sorted(names.values()))}"
        submission.notes.insert(0, f"{several}: the newest with an answer, {names[path]}, counts")
    return submission


def _files(home):
    """The files below a folder, sorted; what editors and archives hide is left out."""
    paths = [(path, path.relative_to(home).parts) for path in home.rglob("*")]
    return sorted(p for p, parts in paths if not p.is_dir() and not any(n[0] == "." or n == "__MACOSX" for n in parts))


def _notebook_of(set_name):
    """Whether a file may be this set's: psN.ipynb in any folder, and what browsers make of it, as "PS1 (2).ipynb"."""
    wanted = re.compile(rf"(?<![a-z0-9]){re.escape(set_name.lower())}(?![a-z0-9]).*\.ipynb")
    return lambda path: wanted.search(path.name.lower())


def _read(path, handed_out):
    """(cells, notes) of a notebook file; notes: sentences on what could not be taken over as it was. Raises ValueError
    with the reason if it is no notebook, or that of another set."""
    if path.is_symlink() or not path.is_file():
        raise ValueError("is a link or device, not a file")
    if (size := path.stat().st_size) > LARGEST:
        raise ValueError(f"has {size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}: clear its outputs")
    text, encoding = decoded(path.read_bytes())
    try:
        notebook = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"is not a notebook: it is not JSON ({error}), it begins {text.strip()[:20]!r}") from None
    raw = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(raw, list):
        raise ValueError("is not a notebook of format 4: it has no list of cells")
    lost = []
    cells = [cell for one in raw if (cell := _cell(one, path.parent, lost))]
    if len(cells) > MOST_CELLS:
        raise ValueError(f"has {len(cells)} cells with text, more than {MOST_CELLS}")
    right, title = _title(handed_out), _title(cell.source for cell in cells)
    if right and title and title != right:
        raise ValueError(f"is {title}, not {right}: hand in the notebook of {right}")
    notes = ["the file is not UTF-8, it was read as Windows-1252: letters may be wrong"] * (encoding == "cp1252")
    if lost:
        notes.append(f"pictures that are missing or broken: {', '.join(map(label, dict.fromkeys(lost)))}")
    return cells, notes


def _title(texts):
    return next((f"problem set {found[1]}" for text in texts if (found := TITLE.match(text))), None)


def _cell(raw, folder, lost):
    """A `Cell`, or None for what holds no text. `lost` gets the names of pictures that are not there."""
    if not isinstance(raw, dict) or raw.get("cell_type") not in CELL_KINDS:
        return None
    source, name = raw.get("source"), None
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    source = source if isinstance(source, str) and source.strip() else ""
    source = re.sub("\r\n?", "\n", source).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    with suppress(KeyError, TypeError):
        name = raw["metadata"]["nbgrader"]["grade_id"]
    cell = Cell(CELL_KINDS[raw["cell_type"]], source, name if isinstance(name, str) else None)
    if cell.kind == "markdown":
        _take_pictures(cell, raw.get("attachments"), folder, lost)
    return cell if source or cell.name else None


def _take_pictures(cell, attached, folder, lost):
    """Keep the pictures that a text shows, attached or files beside the notebook; name in it those that are lost."""

    def shown(link):
        address = unquote(link[2] or link[3])
        if re.match(r"(https?|data):", address):
            return link[0]
        name = address.removeprefix("attachment:")
        found = None
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            found = picture(attached[name] if name != address else _beside(folder, name))
        if found is None:
            lost.append(name)
            return f"**[the picture {name} is missing or broken]**"
        place = f"picture-{len(cell.attachments)}"
        cell.attachments[place] = found
        return f"{link[1]}attachment:{place}{link[4]}"

    cell.source = LINK.sub(shown, TAG.sub(r"![picture](<\1>)", cell.source))


def _beside(folder, name):
    path = (folder / name).resolve()
    if path.is_relative_to(folder.resolve()) and path.is_file() and path.stat().st_size <= LARGEST_PICTURE:
        return dict.fromkeys(PICTURES, base64.b64encode(path.read_bytes()).decode())
    return {}


def picture(bundle):
    """Of {kind: data as base64 text} the first that is a picture and not too large, as {kind: data}; else None."""
    for kind, data in bundle.items():
        with suppress(ValueError, TypeError):
            text = "".join(data).replace("\n", "")
            found = base64.b64decode(text, validate=True)
            whole = SHORTEST_PICTURE <= len(found) <= LARGEST_PICTURE
            if whole and kind in PICTURES and found.startswith(PICTURES[kind]):
                return {kind: text}
    return None
