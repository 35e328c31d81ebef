"""Runs a set-up cell as a reader on Colab does: alone in an empty folder, helpers/ fetched from the book's address.

The address is a stand-in that cannot exist; git itself sends it to a local repository made of the working tree.
"""

import os
import re
import shutil
import subprocess
import sys

from filelock import FileLock
from notebooks import ROOT, project_files

ADDRESS = "https://book.invalid/book.git"
CLONE = "prune-greedily"
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
