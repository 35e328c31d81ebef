"""How a benchmark computes its parts, and where it leaves its numbers: chapters/data/NAME.json, which a page reads."""

import argparse
import inspect
import json
import platform
from importlib.metadata import version
from pathlib import Path

from tests.tools.parts import ROOT, computed, fingerprint

DATA = ROOT / "chapters" / "data"
FINISHED = ROOT / "_build" / "sweeps"


def swept(function, parts, *, arguments=None):
    """[function(part) for part in parts], of a benchmark's command: on all processors here, or with --cluster ADDRESS
    on the workers of a Dask scheduler. A part that this code has finished is on disk, and is not computed again.

    function: of a module, its results as JSON takes them. arguments: of the command, None for those it was given.
    """
    parser = argparse.ArgumentParser(description=inspect.getmodule(function).__doc__.split("\n")[0])
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, as for grading")
    source, parts = Path(inspect.getsourcefile(function)), list(parts)
    folder = FINISHED / fingerprint(function.__name__, repr(parts), paths=[*ROOT.glob("helpers/**/*.py"), source])
    return computed(function, parts, folder, cluster=parser.parse_args(arguments).cluster, title=source.stem)


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
