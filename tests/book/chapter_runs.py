"""Runs a chapter as a reader on Colab does: alone in an empty folder, helpers/ fetched from the book's address.

The address is a stand-in that cannot exist; git itself sends it to a local repository made of the working tree.
"""

import os
import re
import shutil
import subprocess
import sys

import nbformat
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebooks import ROOT, project_files, read
from rules_statements import solutions_of

ADDRESS = "https://book.invalid/book.git"
CLONE = "prune-greedily"
SECONDS_PER_CELL = 120
NOT_THE_READERS = ("PYTHONPATH", "MPLBACKEND", "GIT_DIR", "GIT_WORK_TREE")  # variables that would help or disturb a run


def with_address(source, address=ADDRESS):
    """A set-up cell with the address filled in (or, with "", taken out)."""
    source, count = re.subn(r'(?m)^BOOK = "[^"]*"', f'BOOK = "{address}"', source)
    assert count == 1, 'the set-up cell must have exactly one line BOOK = "..."'
    return source


def stand_in_repository(shared):
    """A git repository with what the working tree holds, committed or not. Made once per folder `shared`."""
    repository = shared / "book"
    with FileLock(shared / "book.lock"):
        if not repository.exists():
            for path in project_files():
                copy = repository / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            me = ["-c", "user.name=test", "-c", "user.email=test@book.invalid", "-c", "commit.gpgsign=false"]
            for command in (["init", "-q"], ["add", "-A"], [*me, "commit", "-q", "-m", "book"]):
                subprocess.run(["git", "-C", str(repository), *command], check=True, capture_output=True)
    return repository


def environment(repository=None):
    """The variables for a run. With a repository, git reaches it at ADDRESS; without, git reaches nothing at all."""
    variables = {k: v for k, v in os.environ.items() if k not in NOT_THE_READERS}
    variables |= {"GIT_TERMINAL_PROMPT": "0", "OMP_NUM_THREADS": "1"}
    if repository is None:
        return variables | {"GIT_ALLOW_PROTOCOL": "none"}
    count = int(variables.get("GIT_CONFIG_COUNT", 0))
    key = f"url.{repository.as_uri()}.insteadOf"
    return variables | {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": key,
        f"GIT_CONFIG_VALUE_{count}": ADDRESS,
    }


def run_setup(source, folder, repository=None):
    """Run a set-up cell in a fresh interpreter; the last line of stdout is the folder put on sys.path."""
    command = [sys.executable, "-c", source + "\nprint(sys.path[0])"]
    return subprocess.run(command, cwd=folder, env=environment(repository), capture_output=True, text=True, check=False)


def executed(path, shared):
    """The chapter at `path` after a run alone, its folded solutions at the end. A second call reads the first's result.

    Each solution sees a copy of the chapter's namespace, so it cannot lean on another solution. Its cell is tagged
    solution-c.n, and an error in it is kept as output. An error in the chapter itself raises AssertionError.
    """
    result, failure = shared / f"{path.stem}.executed.ipynb", shared / f"{path.stem}.error.txt"
    with FileLock(shared / f"{path.stem}.lock"):
        if not result.exists() and not failure.exists():
            notebook, started = nbformat.read(path, as_version=4), []
            try:
                _run(notebook, path, shared, lambda cell, cell_index: started.append(cell_index + 1))
                nbformat.write(notebook, result)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                message = f"{path.name}, cell {started[-1]}: does not run alone in an empty folder\n{error}"
                failure.write_text(re.sub(r"\x1b\[[\d;]*m", "", message), encoding="utf-8")
    assert not failure.exists(), failure.read_text(encoding="utf-8")
    return read(result)


def solution_errors(document, number):
    """The errors of the folded solution of Exercise `number` in an executed chapter, as text."""
    cells = [cell for cell in document.code if f"solution-{number}" in cell.tags]
    return [f"{o.ename}: {o.evalue}" for cell in cells for o in cell.outputs if o.output_type == "error"]


def folder_of(path, shared):
    """The folder in which `executed` runs the chapter."""
    return shared / f"{path.stem}.alone"


def _run(notebook, path, shared, on_cell_start):
    repository, folder = stand_in_repository(shared), folder_of(path, shared)
    folder.mkdir()
    shutil.copyfile(path, folder / path.name)
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = with_address(cell.source)
    for number, blocks in solutions_of(read(path)).items():
        code = "\n".join(blocks)
        source = f"exec(compile({code!r}, 'the solution of Exercise {number}', 'exec'), dict(globals()))"
        tags = [f"solution-{number}", "raises-exception"]
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=on_cell_start,
    )
    client.execute(env=environment(repository))
