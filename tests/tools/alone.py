"""Every chapter and problem set alone, as a reader without the repository runs it: `make alone`.

`python tests/tools/alone.py [--jobs N] [NOTEBOOK ...]`: each notebook runs from top to bottom in an empty folder, with
nothing beside it but prune-greedily.zip (see pack.py), with the packages of the Python that runs this script; it draws
a figure and may leave no file there. Problem sets run with their solutions. The last line counts; the exit status is 1
if one failed.
"""

import argparse
import shutil
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from pack import NAME, pack

ROOT = Path(__file__).resolve().parents[2]
SECONDS_PER_CELL = 300


def run_alone(path, packed):
    """Run one notebook in a folder of its own; (path, seconds, "" or what went wrong)."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(packed, Path(folder) / packed.name)
        notebook = nbformat.read(path, as_version=4)
        resources = {"metadata": {"path": folder}}
        try:
            NotebookClient(notebook, timeout=SECONDS_PER_CELL, kernel_name="python3", resources=resources).execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            return path, time.monotonic() - started, str(error)
        left = {entry.name for entry in Path(folder).iterdir()} - {packed.name, NAME}
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    drawn = any(kind.startswith("image/") for output in outputs for kind in output.get("data", {}))
    fault = f"it leaves {', '.join(sorted(left))} behind" if left else "" if drawn else "it draws no figure"
    return path, time.monotonic() - started, fault


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("notebooks", nargs="*", type=Path)
    words.add_argument("--jobs", type=int, default=1)
    given = words.parse_args()
    chapters = ROOT / "chapters"
    masters = (chapters / "problem_sets" / "source").glob("ps*/ps*.ipynb")
    paths = given.notebooks or [*sorted(chapters.glob("[0-9][0-9]_*.ipynb")), *sorted(masters)]
    warnings.simplefilter("ignore")  # of the packages at hand: what counts is whether the cells run
    failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        packed = Path(folder) / f"{NAME}.zip"
        pack(packed)
        for path, seconds, error in pool.map(lambda path: run_alone(path, packed), paths):
            print(f"{path.stem:40} {seconds:5.0f} s  {'failed' if error else 'ran'}", flush=True)
            print(error, end="\n" if error else "", flush=True)
            failed += bool(error)
    python = sys.version.split()[0]
    print(f"{len(paths)} notebooks alone under Python {python}: {len(paths) - failed} ran, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
