"""Runs submitted code in a process, a folder and an environment of its own, watches it, and leaves nothing running.

Limits of time, memory, processes, disk and output. What cannot be had without a container is listed in teaching.md:
code of the same user can still read what that user can read, and use the network.
"""

import contextlib
import ctypes
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from grading import accounts

RUNNER = Path(__file__).with_name("run_cells.py")
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH")
LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds in all and per cell, bytes of memory, of files and of reported output."""

    seconds: int = 120
    cell_seconds: int = 30
    memory: int = 3_000_000_000
    disk: int = 100_000_000
    output: int = 20_000_000
    processes: int = 30


@dataclass
class Outcome:
    """outputs: {index of the cell: outputs}. ended: None if all cells ran, else why not. notes: what else there is."""

    outputs: dict = field(default_factory=dict)
    ended: str | None = None
    notes: list = field(default_factory=list)


class CourseCopy:
    """What a submission finds around it, packed once before any submission runs: helpers/, data, a font cache."""

    def __init__(self, book):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive, tempfile.TemporaryDirectory() as cache:
            skip = lambda entry: None if "__pycache__" in entry.name else entry  # noqa: E731
            archive.add(book / "helpers", "book/helpers", filter=skip)
            if (book / "chapters" / "data").is_dir():
                archive.add(book / "chapters" / "data", "book/chapters/data")
            fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
            subprocess.run(fonts, env={**os.environ, "MPLCONFIGDIR": cache}, check=True, capture_output=True)
            archive.add(cache, "fonts")
        self.packed = buffer.getvalue()

    def unpack(self, folder):
        """Lay out the copy in an empty folder; returns the folder in which the notebook is to run."""
        with tarfile.open(fileobj=io.BytesIO(self.packed)) as archive:
            archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        work = folder / "book" / "chapters" / "problem_sets" / "work"
        work.mkdir(parents=True)
        return work


def run(cells, course_copy, limits, account=None):
    """Run cells [(index, source, token)] in a new process in a new folder, which is gone afterwards: an `Outcome`.

    account: the user id of that process, None for this one's."""
    folder = Path(tempfile.mkdtemp(prefix="submission-"))
    try:
        work = course_copy.unpack(folder)
        environment = _environment(folder)
        accounts.hand_over(folder, account)
        request = {"cells": cells, "seconds": limits.seconds, "cell_seconds": limits.cell_seconds,
                   "memory": limits.memory, "file_size": limits.disk}  # fmt: skip
        with tempfile.TemporaryFile("w+") as stdin:
            json.dump(request, stdin)
            stdin.seek(0)
            with _STARTING:
                runner = subprocess.Popen(
                    [sys.executable, str(RUNNER)], cwd=work, env=environment, stdin=stdin, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, start_new_session=True, **accounts.options(account),
                )  # fmt: skip
                _RUNNERS.add(runner.pid)
        lines = []
        reader = threading.Thread(target=_read, args=(runner.stdout, lines, limits.output), daemon=True)
        reader.start()
        stopped = _watch(runner, folder, limits)
        reader.join(timeout=10)
        return _outcome(lines, stopped, limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder):
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    (folder / "home").mkdir()
    (folder / "tmp").mkdir()
    places = {name: str(folder / "home") for name in ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")}
    return kept | places | {
        "TMPDIR": str(folder / "tmp"), "JUPYTER_RUNTIME_DIR": str(folder / "tmp"),
        "MPLCONFIGDIR": str(folder / "fonts"), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def _watch(runner, folder, limits):
    """Wait for the runner; None if it ended by itself, else why it was stopped. Ends everything that it started."""
    start, stopped, family = time.monotonic(), None, {}
    while runner.poll() is None and stopped is None:
        time.sleep(LOOK_EVERY)
        memory, family = _family(runner.pid, family)
        if time.monotonic() - start > limits.seconds:
            stopped = f"it ran longer than {limits.seconds} seconds in all"
        elif len(family) > limits.processes:
            stopped = f"it had started more than {limits.processes} processes"
        elif memory > limits.memory:
            stopped = f"it used more than {limits.memory / 1e9:.0f} GB of memory"
        elif _size(folder) > limits.disk + 10_000_000:
            stopped = f"it wrote more than {limits.disk / 1e6:.0f} MB of files"
    for _ in range(50):
        _, family = _family(runner.pid, family)
        _end(family.values())
        if runner.poll() is None:
            runner.kill()
        if runner.poll() is not None and not any(_alive(p) for p in family.values()):
            break
        time.sleep(0.05)
    runner.wait()
    _RUNNERS.discard(runner.pid)
    end_orphans()
    return stopped


def _family(pid, known):
    """The memory used by, and {pid: process} of, all descendants, those seen before that still live included."""
    family = {p.pid: p for p in known.values() if _alive(p)}
    with contextlib.suppress(psutil.Error):
        family |= {p.pid: p for p in psutil.Process(pid).children(recursive=True)}
    memory = 0
    for process in family.values():
        with contextlib.suppress(psutil.Error):
            memory += process.memory_info().rss
    return memory, family


def _alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end(processes):
    """Kill whole process groups first: one signal reaches all that a fork bomb has started, however fast it forks."""
    own = os.getpgrp()
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            if process.is_running():
                group = os.getpgid(process.pid)
                if group != own:
                    os.killpg(group, signal.SIGKILL)
                process.kill()


def adopt_orphans():
    """Make this process the parent of every orphan among its descendants (Linux): none escapes `end_orphans`."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_orphans():
    """End every child of this process that is no runner: what a submission left behind."""
    for _ in range(100):
        with _STARTING:  # a runner that another thread has just started is no stray
            strays = [p for p in psutil.Process().children() if p.pid not in _RUNNERS]
            _end(strays)
        if not strays:
            return
        for stray in strays:
            with contextlib.suppress(OSError):
                os.waitpid(stray.pid, os.WNOHANG)
        time.sleep(0.02)


_RUNNERS, _STARTING = set(), threading.Lock()


def _size(folder):
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


def _read(stream, lines, limit):
    """Collect the runner's lines until the limit; beyond it read on, so that the runner does not wait, and drop."""
    used = 0
    for line in iter(lambda: stream.readline(limit), b""):
        used += len(line)
        if used <= limit:
            lines.append(line)


def _outcome(lines, stopped, limits):
    outcome, end, at = Outcome(), None, None
    late, cut = [], 0
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        end, at = message.get("end", end), message.get("starts", at)
        if "index" in message:
            outcome.outputs[message["index"]] = message["outputs"]
            late += [message["index"]] if message["late"] else []
            cut += message["cut"]
    if stopped or end != "finished":
        ends = {
            "died": "the Python process ended: an exit, a crash, or too much memory",
            "deaf": f"a cell ran longer than {limits.cell_seconds} seconds and could not be interrupted",
            None: "the run ended before its last cell",
            "finished": None,
        }
        outcome.ended = stopped or ends[end]
        if at is not None and at not in outcome.outputs:
            outcome.outputs[at] = [{"output_type": "stream", "name": "stdout", "text": f"[{outcome.ended}]\n"}]
    for index in late:
        outcome.outputs[index] = [
            *outcome.outputs[index],
            {"output_type": "error", "ename": "TimeoutError", "evalue": f"longer than {limits.cell_seconds} seconds",
             "traceback": [f"TimeoutError: the cell ran longer than {limits.cell_seconds} seconds"]},
        ]  # fmt: skip
    if late and not outcome.ended:
        outcome.notes.append(f"{len(late)} of its cells ran longer than {limits.cell_seconds} seconds, interrupted")
    if cut:
        outcome.notes.append(f"the output of {cut} of its cells was cut")
    return outcome
