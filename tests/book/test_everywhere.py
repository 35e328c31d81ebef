"""What must hold away from this machine: other systems, other copies of the packages, a code host's own machines."""

import ast
import re

import pytest
import yaml
from notebooks import CHAPTERS, ROOT, chapter_paths, read

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Modules and names that Windows does not have.
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
POSIX_NAMES = re.compile(
    r"\bos\.(fork|forkpty|getuid|geteuid|setsid|killpg|getpgid|mkfifo|nice|uname)\b|\bsignal\.(SIGKILL|SIGALRM|alarm)\b"
    r"|preexec_fn|start_new_session|[\"']/(dev|tmp|proc|bin|usr)/"
)


def posix_only(source):
    """What in a source needs POSIX."""
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    return sorted(imported & POSIX_MODULES) + [found[0] for found in POSIX_NAMES.finditer(source)]


def make_targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "helpers").rglob("*.py")), *sorted((CHAPTERS / "_extensions").rglob("*.py"))], ids=str
)
def test_helpers_and_build_run_on_windows(path):
    assert not posix_only(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", chapter_paths(), ids=lambda path: path.stem)
def test_chapters_run_on_windows(path):
    for cell in read(path).code:
        assert not posix_only(cell.source), f"cell {cell.number}" if hasattr(cell, "number") else cell.source


def test_posix_only_code_is_seen():
    assert posix_only("import fcntl\nfrom resource import getrusage\nos.fork()\nopen('/dev/null')") == [
        "fcntl", "resource", "os.fork", "'/dev/",
    ]  # fmt: skip


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_pin_their_actions_and_their_steps_are_make_targets(path):
    workflow, targets = yaml.safe_load(path.read_text(encoding="utf-8")), make_targets()
    assert workflow["permissions"] == {"contents": "read"}, "what a job needs beyond reading, it says itself"
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"]), f"{name}: pin {step['uses']}"
            elif step["run"].startswith("make "):
                assert step["run"].split()[1] in targets, f"{name}: {step['run']}"
            else:  # what a fresh machine needs first, and what publishes
                assert step["run"].startswith(("sudo ", "gh ", "python -m pip install -r ", "python -m pytest ")), name


def test_workflows_are_there():
    assert {path.stem for path in WORKFLOWS} == {"tests", "site", "colab", "release"}


def test_lock_file_has_what_requirements_ask_for_with_hashes():
    """`make lock` after a change of requirements.txt."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = dict(re.findall(r"^([\w.-]+)==([^\s;]+)(?=[^\n]*\\$)", lock, re.MULTILINE))
    asked = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    asked = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in asked if name != "torch"}
    assert {name: entries.get(name) for name in asked} == asked
    assert "torch" not in entries, "torch apart: which build fits depends on the machine"
    assert lock.count("--hash=sha256:") >= len(entries) > 100


def test_version_and_changelog_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [title for title in changes if title != "Unreleased"]
    assert released[0] == citation["version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(citation["date-released"]))
