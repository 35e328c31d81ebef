"""User ids under which submissions run. Started as root, as in a container, the grader gives each submission that runs
an id that owns nothing else: it can then neither read marks, masters and other submissions nor end their processes."""

import os
import queue
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

FIRST = 61_000
NEEDED = "import ipykernel, matplotlib, nbclient, torch"


class Accounts:
    """One user id for each submission that runs at the same time; None, the grader's own, where there are no others."""

    def __init__(self, jobs):
        self.separate = hasattr(os, "geteuid") and os.geteuid() == 0 and _usable(FIRST)
        self.free = queue.Queue()
        for number in range(jobs):
            self.free.put(FIRST + number if self.separate else None)

    @contextmanager
    def one(self):
        """A user id that nobody else uses until the block ends."""
        account = self.free.get()
        try:
            yield account
        finally:
            self.free.put(account)

    def __str__(self):
        if self.separate:
            return "each submission runs under a user id of its own"
        return "submissions run under your user id, and could read what you can read: see «Running graded code safely»"


def hand_over(folder, account):
    """Make the folder and all in it the account's own."""
    if account is not None:
        for place, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                os.chown(Path(place) / name, account, account)


def options(account):
    """What `subprocess.Popen` needs to start a process under this account."""
    return {} if account is None else {"user": account, "group": account, "extra_groups": []}


def _usable(account):
    """Whether Python and its packages can be read under another id; a home folder closed to others forbids it."""
    with tempfile.TemporaryDirectory() as folder:
        hand_over(Path(folder), account)
        place = {"HOME": folder, "MPLCONFIGDIR": folder, "PATH": os.environ.get("PATH", "")}
        command = [sys.executable, "-c", f"open({str(Path(__file__).with_name('run_cells.py'))!r}); {NEEDED}"]
        try:
            run = subprocess.run(command, cwd=folder, env=place, capture_output=True, check=False, **options(account))
        except OSError:
            return False
        return run.returncode == 0
