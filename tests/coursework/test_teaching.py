"""The commands of the page Teaching run as they stand there, one after another, in a copy of the book."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from coursework.answers import CHAPTERS

BOOK = CHAPTERS.parent
BLOCKS = re.findall(r"(?ms)^```sh\n(.*?)^```", (CHAPTERS / "teaching.md").read_text(encoding="utf-8"))
SERVERS = ("make formgrader", "make scheduler", "make worker")  # they run until they are stopped
ENVIRONMENT = (".venv/installed", ".venv/grading-installed")  # the copy uses this book's own, as it is


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the book with this one's environment, a marks file, and a `make` that leaves the environment alone."""
    folder = tmp_path_factory.mktemp("teaching") / "book"
    listed = subprocess.run(["git", "ls-files"], cwd=BOOK, capture_output=True, text=True, check=True)
    for name in filter(lambda name: (BOOK / name).is_file(), listed.stdout.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(BOOK / name, folder / name)
    (folder / ".venv").symlink_to(BOOK / ".venv")
    (folder / "marks.csv").write_text("student;set;problem;points\nright-reference;ps1;open;1,5\n", encoding="utf-8")
    (folder.parent / "bin").mkdir()
    old = " ".join(f"-o {name}" for name in ENVIRONMENT)
    script = f'#!/bin/sh\nexec {shutil.which("make")} {old} "$@"\n'
    (folder.parent / "bin" / "make").write_text(script, encoding="utf-8")
    (folder.parent / "bin" / "make").chmod(0o755)
    return folder


def run(command, folder):
    """Run a block as a shell does, line after line, servers beside the others: what was printed."""
    options = {"shell": True, "cwd": folder, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    options["env"] = {**os.environ, "PATH": f"{folder.parent / 'bin'}:{os.environ['PATH']}"}
    servers, said = [], ""
    try:
        for line in [command] if "<<" in command else command.splitlines():
            if line.startswith(SERVERS):
                servers.append(subprocess.Popen(line, start_new_session=True, **options))
                with pytest.raises(subprocess.TimeoutExpired):  # it does not end by itself
                    servers[-1].wait(timeout=15)
            else:
                done = subprocess.run(line, check=False, **options)
                said += done.stdout
                assert done.returncode == 0, f"{line}\n{said}"
    finally:
        for server in reversed(servers):  # a worker that loses its scheduler complains
            os.killpg(server.pid, signal.SIGTERM)
            said += server.communicate(timeout=60)[0]
    return said


def docker_works():
    """Whether there is a Docker whose daemon runs."""
    info = ["docker", "info"]
    return shutil.which("docker") and subprocess.run(info, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_commands_run_as_they_stand(number, copy):
    if not (BOOK / ".venv").is_dir() or not shutil.which("bwrap"):
        pytest.skip("needs the environment that `make` makes, and bubblewrap")
    if BLOCKS[number].startswith("docker") and not docker_works():
        pytest.skip("Docker is not installed or its daemon does not run: the commands of the container are NOT tested")
    if "make variant" in BLOCKS[number]:  # three of the thirty, since all run again
        for folder in sorted((copy / "submissions").iterdir())[:-3]:
            shutil.rmtree(folder)
    said = run(BLOCKS[number], copy)
    assert "Traceback" not in said
    if "grade SUBMISSIONS" in BLOCKS[number]:
        assert f"{3 if 'make variant' in BLOCKS[number] else 30} submissions in" in said
    if "make marks" in BLOCKS[number]:
        assert "1 mark taken over" in said


def test_every_command_names_a_target_of_the_makefile():
    targets = re.findall(r"(?m)^([a-z]+):", (BOOK / "Makefile").read_text(encoding="utf-8"))
    page = (CHAPTERS / "teaching.md").read_text(encoding="utf-8")
    commands = re.findall(r"(?m)(?:^|`|grading )make ([a-z]+)", page)
    assert len(commands) > 8
    assert set(commands) <= set(targets)
