"""Grades one submission after another: on this machine, or on the workers of a Dask cluster, with the same outcome."""

import concurrent.futures
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import nbformat

from grading import restore
from grading.collect import Cell, Submission
from grading.sandbox import Limits, Sandbox

BOOK = Path(__file__).resolve().parents[3]
GRADED = "grading"  # the key of a run's own entry in its notebook's metadata


@dataclass
class Job:
    """One submission with all that its grading needs. code: `code_version()` where the command was given."""

    submission: Submission
    master: nbformat.NotebookNode
    release: nbformat.NotebookNode
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
    submission, status = job.submission, job.submission.status
    if status != "found":
        return _without_run(job, status)
    notebook, waiting, notes = restore.restore(job.master, job.release, submission.cells)
    cells, tokens = restore.to_run(notebook)
    outcome = sandbox(job.limits, job.protected).run(cells)
    if outcome.broken:
        raise RuntimeError(outcome.broken)
    said = restore.take_outputs(notebook, outcome.outputs, tokens, outcome.ended or "the check did not run to its end")
    notes = [*([outcome.ended] if outcome.ended else []), *outcome.notes, *submission.notes, *notes]
    if notes:
        notebook.cells.insert(0, restore.remark("; ".join(notes)))
    return _with_entry(job, notebook, "stopped" if outcome.ended else "graded", "; ".join(notes), waiting, said)


def failed(job, error):
    """What stands for a submission with which the grader itself failed."""
    message = f"the grader failed here, grade this one by hand: {type(error).__name__}: {error}"[:1000]
    return _without_run(replace(job, submission=replace(job.submission, notes=[message])), "failed")


def _without_run(job, status):
    message = "; ".join(job.submission.notes)
    notebook = restore.untouched(job.master, job.release, message)
    said = restore.take_outputs(notebook, {}, restore.to_run(notebook)[1], message)
    return _with_entry(job, notebook, status, message, [], said)


def _with_entry(job, notebook, status, message, waiting, said):
    points = {}
    for name, cell in restore.by_name(notebook).items():
        if cell.metadata.nbgrader.grade:
            points[name] = None if name in waiting else float(said.get(name) == "") * cell.metadata.nbgrader.points
    notebook.metadata[GRADED] = {
        "student": job.submission.student, "set": job.submission.set_name, "status": status, "message": message,
        "points": points, "said": said, "version": job.version, "key": job.key(),
    }  # fmt: skip
    return notebook


def run_here(jobs, workers):
    """(job, notebook or exception) of each as it is done, `workers` at once."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(grade, job): job for job in jobs}
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], future.exception() or future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def run_on_cluster(jobs, address):
    """The same on the workers of a Dask scheduler; what a lost worker had begun, another one does."""
    from distributed import Client, as_completed

    with Client(address, timeout="20s") as client:
        if not client.scheduler_info()["workers"]:
            raise OSError(f"no worker at {address}: start some with `make worker CLUSTER={address}`")
        futures = {client.submit(grade, job, pure=False, retries=3): job for job in jobs}
        for future in as_completed(futures):
            error = future.exception()
            yield futures[future], error if error is not None else future.result()
