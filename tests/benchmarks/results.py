"""Where a benchmark leaves its numbers: chapters/data/NAME.json, which a page reads; a line for each column."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

DATA = Path(__file__).parents[2] / "chapters" / "data"


def made_with(command, *packages):
    """What every results file says of its making: the command, and the versions of Python and of these packages."""
    versions = {name: version(name).split("+")[0] for name in packages}
    return {"command": command, "python": platform.python_version(), "versions": versions}


def by_column(rows, *, digits=6):
    """Rows, dicts with the same keys, as a dict of lists; floats to so many significant digits."""
    return {key: [_short(row[key], digits) for row in rows] for key in rows[0]}


def store(path, provenance, columns):
    """Write the results file `path`: provenance, a dict, and columns, {name: list}, under "rows"."""
    lines = ",\n".join(f"    {json.dumps(key)}: {json.dumps(values)}" for key, values in columns.items())
    head = json.dumps({"provenance": provenance}, ensure_ascii=False, indent=2)[:-2]
    path.write_text(f'{head},\n  "rows": {{\n{lines}\n  }}\n}}\n', encoding="utf-8")


def _short(value, digits):
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
