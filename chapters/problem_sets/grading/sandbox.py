"""Runs submitted code where it can do no harm: bubblewrap gives each submission namespaces of its own: no network, no
file but Python, helpers/ and an empty folder, nothing that outlives it. The limits are set with util-linux.

Where there is no bubblewrap, run the whole command in a Linux container that has it; teaching.md says how.
"""

import atexit
import base64
import compileall
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from nbformat.v4 import new_output

from grading.collect import label, picture
from grading.restore import tame

TOOLS = ("bwrap", "prlimit", "setpriv")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu", "/etc/alternatives", "/etc/ld.so.cache")
ALONE = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--new-session")
NO_MORE = ("--unshare-user", "--disable-userns")  # in a namespace of its own code could mount a disk without a limit
FIRST_ID = 61_000  # user ids that own nothing, for when the grader is root, whom no limit of processes binds
INSIDE = Path("chapters/problem_sets/work")
LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds in all and per cell, in which it computes or sleeps, however busy the
    machine is; bytes of memory, of files and of reported output."""

    seconds: int = 120
    cell_seconds: int = 30
    memory: int = 3_000_000_000
    disk: int = 100_000_000
    output: int = 30_000_000
    processes: int = 30
    threads: int = 200


@dataclass
class Outcome:
    """outputs: {index of the cell: outputs}. ended: None if all cells ran, else why not. notes: what else there is.
    broken: why not even the first cell ran, which is the grader's fault and no submission's; else ""."""

    outputs: dict = field(default_factory=dict)
    ended: str | None = None
    notes: list = field(default_factory=list)
    broken: str = ""


class Sandbox:
    """A copy of what submissions find around them (helpers/, data, a list of fonts), and a way to run them there.

    protected: False runs them as ordinary processes that can do whatever the grader can do.
    Raises OSError with advice when a tool is missing."""

    def __init__(self, book, limits, *, protected=True):
        self.limits, self.protected = limits, protected
        if protected and (missing := [tool for tool in TOOLS if not shutil.which(tool)]):
            raise OSError(f"{', '.join(missing)} is not installed. On Debian or Ubuntu: apt-get install bubblewrap "
                          "util-linux (bubblewrap 0.8 or newer). Elsewhere grade in a container: see the section "
                          "«Running graded code safely» of the page Teaching.")  # fmt: skip
        self.folder = Path(tempfile.mkdtemp(prefix="grading-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / INSIDE).mkdir(parents=True)
        for name in ("helpers", "chapters/data"):
            if (book / name).is_dir():
                shutil.copytree(book / name, self.folder / name, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
        shutil.copyfile(Path(__file__).with_name("run_cells.py"), self.folder / "run_cells.py")
        (self.folder / "rfc3987_syntax.py").touch()  # jsonschema would read its grammar for two seconds
        listing = [sys.executable, "-c", "import matplotlib.font_manager"]
        fonts = {**os.environ, "MPLCONFIGDIR": str(self.folder / "fonts")}
        subprocess.run(listing, env=fonts, check=False, capture_output=True)
        compileall.compile_dir(self.folder / "helpers", quiet=2)  # once, not in every sandbox
        for place in [self.folder, *self.folder.rglob("*")]:
            place.chmod(0o755 if place.is_dir() else 0o644)  # the id that submissions get has to read it
        self.ids = itertools.cycle(range(FIRST_ID, FIRST_ID + 2000))

    def run(self, cells):
        """Run cells [(index, source, token)] in a new sandbox, which is gone afterwards: an `Outcome`."""
        request = {"cells": cells, "cell_seconds": self.limits.cell_seconds, "room": self.limits.output}
        file = tempfile.TemporaryFile
        with tempfile.TemporaryDirectory() as folder, file("w+") as stdin, file() as lines, file() as said:
            json.dump(request, stdin)
            stdin.seek(0)
            command, options = self._inside() if self.protected else self._outside(Path(folder))
            options |= {"stdin": stdin, "stdout": lines, "stderr": said, "start_new_session": True}
            with subprocess.Popen(command, **options) as runner:
                stopped = self._watch(runner)
            lines.seek(0)
            said.seek(0)
            complaint = said.read(10_000)[-500:].decode(errors="replace").strip()
            return self._outcome(lines.read(2 * self.limits.output).splitlines(), stopped, complaint)

    def _inside(self):
        """(command, options) that run the cells in a sandbox."""
        command = ["bwrap", *ALONE, "--die-with-parent", "--clearenv", "--proc", "/proc", "--dev", "/dev"]
        for name, value in _variables("/tmp", "/tmp/fonts").items():
            command += ["--setenv", name, value]
        for place in SYSTEM:
            there = ("--symlink", os.readlink(place)) if os.path.islink(place) else ("--ro-bind-try", place)
            command += [*there, place]
        command += ["--ro-bind", str(self.folder), "/book"]
        for place in ("/tmp", f"/book/{INSIDE}", "/dev/shm"):
            command += ["--perms", "1777", "--size", str(self.limits.disk), "--tmpfs", place]
        for place in [Path(p) for p in dict.fromkeys([sys.prefix, sys.base_prefix]) if not p.startswith("/usr")]:
            for parent in [*place.parents][-2::-1]:
                command += ["--perms", "0755", "--dir", str(parent)]
            command += ["--ro-bind", str(place), str(place)]
        command += ["--perms", "1777", "--dir", "/tmp/fonts"]
        for path in (self.folder / "fonts").glob("*.json"):
            command += ["--ro-bind", str(path), f"/tmp/fonts/{path.name}"]
        command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", f"/book/{INSIDE}"]
        limits = {"nproc": self.limits.threads, "data": self.limits.memory, "fsize": self.limits.disk, "core": 0}
        inner = ["prlimit", *(f"--{name}={value}" for name, value in limits.items()), "--nofile=1024", "--"]
        if os.geteuid() == 0:
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
            account = next(self.ids)
            inner += ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "--inh-caps=-all"]
            inner += ["--", "bwrap", *NO_MORE, "--dev-bind", "/", "/", "--"]
        else:
            command += NO_MORE
        path = {"PATH": os.environ.get("PATH", os.defpath)}
        return [*command, *inner, sys.executable, "/book/run_cells.py"], {"cwd": "/", "env": path}

    def _outside(self, folder):
        shutil.copytree(self.folder, folder / "book")
        variables = _variables(str(folder), str(folder / "book" / "fonts"))
        place = folder / "book" / INSIDE
        return [sys.executable, str(folder / "book" / "run_cells.py")], {"cwd": place, "env": variables}

    def _watch(self, runner):
        """Wait for the runner; None if it ended by itself, else why it was stopped. Ends everything that it started."""
        asleep, stopped, limits = 0.0, None, self.limits
        while stopped is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                runner.wait(LOOK_EVERY)
                break
            memory, count, computed, sleeps = _use(runner.pid)
            asleep += LOOK_EVERY * sleeps
            if asleep + computed > limits.seconds:
                stopped = f"it ran longer than {limits.seconds} seconds in all"
            elif count > limits.processes:
                stopped = f"it had started more than {limits.processes} processes"
            elif memory > limits.memory:
                stopped = f"it used more than {limits.memory / 1e9:.0f} GB of memory"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(runner.pid, signal.SIGKILL)  # with bubblewrap's first process all others of the namespace end
        return stopped

    def _outcome(self, lines, stopped, complaint):
        """What the runner's lines say; a submission that forges some fools nobody but itself."""
        outcome, end, at, lost = Outcome(), None, None, set()
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                message = json.loads(line)
                end = message.get("end", end)
                if "index" in message:
                    at = int(message["index"])
                    outcome.outputs[at] = [_output(output, lost) for output in message["outputs"]]
                    outcome.notes = [label(note)[:300] for note in message["notes"][:9]]
        if at is None:
            outcome.broken = end or stopped or f"nothing runs in the sandbox: {complaint or 'it says nothing'}"
        elif stopped or end != "":
            outcome.ended = stopped or label(str(end or "the run ended before its last cell"))[:300]
            outcome.outputs[at] += [new_output("stream", text=f"[{outcome.ended}]\n")]
        if lost:
            kinds = ", ".join(sorted(lost))
            outcome.notes.append(f"outputs of a kind or size that is not shown, run it to see them: {kinds}")
        return outcome


def _variables(home, fonts):
    """The environment of the runner and its kernel."""
    return dict.fromkeys(("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"), home) | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "student",
        "MPLCONFIGDIR": fonts, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1",
        "PIP_RETRIES": "0", "PIP_NO_INPUT": "1",
    }  # fmt: skip


def _use(pid):
    """(bytes of memory, number, seconds computed, whether none computes now) of all processes that one has started."""
    memory, count, computed, sleeps = 0, 0, 0.0, True
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            count += 1
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
                computed += sum(process.cpu_times()[:4])  # and that of children that have ended
                sleeps = sleeps and process.status() != psutil.STATUS_RUNNING
    return memory, count, computed, sleeps


def _output(raw, lost):
    """An output as it may be shown, made anew from what came out: text and pictures. `lost` gets the other kinds."""
    if raw["output_type"] == "stream":
        return new_output("stream", text=_text(raw["text"]))
    if raw["output_type"] == "error":
        name, sentence, lines = _text(raw["ename"]), _text(raw["evalue"]), [_text(line) for line in raw["traceback"]]
        return new_output("error", ename=name, evalue=sentence, traceback=lines)
    plain = _text(raw["data"].get("text/plain", ""))
    shown = {"text/plain": plain}
    for name, value in raw["data"].items():
        if name == "image/svg+xml" and isinstance(value, str):
            found = base64.b64encode(_text(value).encode()).decode()
        else:
            found = (picture({name: value}) or {}).get(name)
        if name in ("image/png", "image/jpeg") and found:
            shown[name] = found
        elif found:  # as the source of an image no script in it runs
            shown["text/html"] = f'<img alt="" src="data:{name};base64,{found}">'
        elif name in ("text/markdown", "text/latex") and isinstance(value, str):
            shown["text/markdown"] = tame(_text(value))
        elif name != "text/plain" and (name != "text/html" or not value or _says_more(value, plain)):
            lost.add(label(name[:60]))
    return new_output("display_data", data=shown)


def _says_more(page, plain):
    """Whether an HTML output, which may hold a script, shows what its plain text does not say."""
    return plain.startswith("<IPython") or re.search("<(img|svg|script|iframe|video|audio|canvas)", page)


def _text(value):
    """A string that can be stored, or a TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value.encode("utf-8", "replace").decode()
