"""Grades one submission after another: on this machine, or on the workers of a Dask cluster, with the same outcome."""

import concurrent.futures
import hashlib
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from grading import restore
from grading.collect import Cell, Submission
from grading.sandbox import Limits, Sandbox

BOOK = Path(__file__).resolve().parents[3]
GRADED = "grading"  # the key of a run's own entry in its notebook's metadata


@dataclass
class Job:
    """One submission with all that its grading needs. code: `code_version()` where the command was given."""

    submission: Submission
    master: NotebookNode
    release: NotebookNode
    version: str
    limits: Limits
    protected: bool
    code: str

    def key(self):
        """A fingerprint of everything that the outcome depends on."""
        parts = [asdict(self.submission), self.version, asdict(self.limits), self.code]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def code_version():
    """A fingerprint of the grader and of helpers/, which must be the same wherever submissions are graded."""
    folders = BOOK / "helpers", Path(__file__).parent
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


@cache
def sandbox(limits, protected):
    """The sandbox of this process: everything that it grades runs in copies of the same."""
    return Sandbox(BOOK, limits, protected=protected)


def reference(name, master):
    """The master's own answers as a submission: if that loses points, the grader is broken."""
    named = [(cell, cell.metadata.get("nbgrader", {}).get("grade_id")) for cell in master.cells]
    return Submission("", name, cells=[Cell(cell.cell_type, cell.source, key) for cell, key in named])


def grade(job):
    """The submission's notebook with outputs; what came of it in metadata.grading: status (graded, stopped, missing or
    unreadable), message, points {problem: number, or None where a person decides}, said {check: why it failed}.

    Raises RuntimeError when the grader is at fault."""
    if job.code != code_version():
        raise RuntimeError("a worker has another version of the book than the command: update it and start it anew")
    submission = job.submission
    if submission.status != "found":
        return without_run(job, submission.status, "; ".join(submission.notes))
    notebook, waiting, notes = restore.restore(job.master, job.release, submission.cells)
    cells, tokens = restore.to_run(notebook)
    outcome = sandbox(job.limits, job.protected).run(cells)
    if outcome.broken:
        raise RuntimeError(outcome.broken)
    said = restore.take_outputs(notebook, outcome.outputs, tokens, outcome.ended or "the check did not run to its end")
    message = "; ".join([outcome.ended] * bool(outcome.ended) + outcome.notes + submission.notes + notes)
    return _with_entry(job, notebook, "stopped" if outcome.ended else "graded", message, waiting, said)


def without_run(job, status, message):
    """What stands for a submission that could not be read: nothing is solved."""
    notebook, _, _ = restore.restore(job.master, job.release, [])
    said = restore.take_outputs(notebook, {}, restore.to_run(notebook)[1], message)
    return _with_entry(job, notebook, status, message, [], said)


def failed(job, error):
    """What stands for a submission with which the grader itself failed."""
    message = f"the grader failed here, grade this one by hand: {type(error).__name__}: {error}"
    return without_run(job, "failed", message[:1000])


def _with_entry(job, notebook, status, message, waiting, said):
    points = {}
    for name, cell in restore.by_name(notebook).items():
        if cell.metadata.nbgrader.grade:
            points[name] = None if name in waiting else float(said.get(name) == "") * cell.metadata.nbgrader.points
    notebook.metadata[GRADED] = {
        "student": job.submission.student, "set": job.submission.set_name, "status": status, "message": message,
        "points": points, "said": said, "version": job.version, "key": job.key(),
    }  # fmt: skip
    if message:
        notebook.cells.insert(0, new_markdown_cell(f"**About this submission:** {restore.tame(message)}."))
    return notebook


def run(jobs, workers, address=None):
    """(job, notebook or exception) of each as it is done, `workers` at once on this machine or, with the address of a
    Dask scheduler, on its workers; what a lost worker had begun, another one does."""
    with ExitStack() as stack:
        if address is None:
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(workers))
        else:
            from distributed import Client

            client = stack.enter_context(Client(address, timeout="20s"))
            if not client.scheduler_info()["workers"]:
                raise OSError(f"no worker at {address}: start some with `make worker CLUSTER={address}`")
            pool = client.get_executor(pure=False, retries=3)
        futures = {pool.submit(grade, job): job for job in jobs}
        for future in futures:
            stack.callback(future.cancel)
        for future in concurrent.futures.as_completed(futures):
            try:
                outcome = future.result()
            except Exception as error:
                outcome = error
            yield futures[future], outcome
