"""A notebook that stands alone in an empty folder: its set-up cell finds or fetches helpers/, or says why it cannot."""

import shutil
import subprocess
import sys

import pytest
from notebooks import CHAPTERS, ROOT, chapter_paths, read
from rules_cells import setup_source
from setup_cell import CLONE, run_setup, stand_in_repository, with_address
from tools import pack

MASTERS = sorted((CHAPTERS / "problem_sets" / "source").glob("ps*/ps*.ipynb"))
COLAB = ROOT / ".colab" / "bin" / "python"  # `make check` puts it there where it finds a Python 3.13

SENTENCE = (
    "RuntimeError: This notebook needs the book's helpers/ folder, the book has no public address yet: "
    "put prune-greedily.zip beside it, or in Colab into the session's files or your Drive."
)


@pytest.fixture(scope="module")
def setup():
    """The set-up cell; test_dialect sees to it that all notebooks have the same."""
    sources = [setup_source(read(path)) for path in chapter_paths()]
    if not sources:
        pytest.skip("no chapter yet")
    return sources[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", [*reversed(chapter_paths()), *MASTERS], ids=lambda path: path.stem)
def test_notebook_runs_alone_with_the_zip_beside_it(path):
    """Under Colab's versions where they are installed; else under those at hand."""
    python = COLAB if COLAB.is_file() else sys.executable
    command = [python, ROOT / "tests" / "tools" / "alone.py", path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_setup_fetches_the_book_once(setup, shared, tmp_path):
    first = run_setup(with_address(setup), tmp_path, stand_in_repository(shared))
    assert first.stdout.strip() == str(tmp_path / CLONE), first.stderr
    assert (tmp_path / CLONE / "helpers" / "problems.py").is_file()
    second = run_setup(with_address(setup), tmp_path)  # here git can reach nothing
    assert second.stdout.strip() == str(tmp_path / CLONE), second.stderr
    assert (first.stderr, second.stderr) == ("", ""), "the set-up cell is silent"


def test_setup_without_address_says_what_to_do_and_does_nothing(setup, tmp_path):
    run = run_setup(with_address(setup, ""), tmp_path)
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1] == SENTENCE
    assert not list(tmp_path.iterdir())


def test_setup_without_network_or_git_says_so_in_words(setup, tmp_path, monkeypatch):
    offline = run_setup(with_address(setup), tmp_path)  # git can reach nothing
    assert "RuntimeError: This notebook needs the book's helpers/ folder and could not fetch it from" in offline.stderr
    assert "is the Internet switched on for this notebook? Or put " in offline.stderr.splitlines()[-1]
    assert " git says: fatal: " in offline.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    without = run_setup(with_address(setup), tmp_path)
    assert "helpers/ folder: install git to fetch it, or put prune-greedily.zip beside it" in without.stderr


def test_setup_unpacks_the_zip_beside_the_notebook_and_needs_neither_address_nor_network(setup, tmp_path):
    packed = tmp_path / "with a space" / "prune-greedily.zip"
    packed.parent.mkdir()
    assert pack.pack(packed) > 40
    assert packed.stat().st_size < 1e6
    for source in (setup, setup.replace("shutil.unpack_archive", "unpacked_twice")):  # the second time it is there
        run = run_setup(with_address(source, ""), packed.parent)
        assert run.stdout.strip() == str(packed.parent / CLONE), run.stderr
    there = {path.name for path in (packed.parent / CLONE).rglob("*.json")}
    assert "reference_estimators.json" in there, "what chapters read comes along"


def test_setup_says_that_a_zip_is_damaged(setup, tmp_path):
    (tmp_path / "prune-greedily.zip").write_bytes(b"PK half of it")
    run = run_setup(with_address(setup, ""), tmp_path)
    assert run.stderr.splitlines()[-1].endswith("prune-greedily.zip is damaged: make or upload it again.")


def test_setup_is_not_disturbed_by_another_package_called_helpers(setup, tmp_path):
    (tmp_path / "helpers.py").write_text("mine = True\n", encoding="utf8")
    pack.pack(tmp_path / "prune-greedily.zip")
    source = f"import helpers\nassert helpers.mine\n{with_address(setup, '')}\nimport helpers.arguments"
    run = run_setup(source, tmp_path)
    assert run.stdout.strip() == str(tmp_path / CLONE), run.stderr


def test_setup_asks_for_one_thread_unless_told_otherwise(setup, tmp_path, monkeypatch):
    pack.pack(tmp_path / "prune-greedily.zip")
    source = with_address(setup, "") + "\nsys.path[0] = os.environ['OMP_NUM_THREADS']"
    assert run_setup("import os\nos.environ['OMP_NUM_THREADS'] = '3'\n" + source, tmp_path).stdout.strip() == "3"
    assert run_setup("import os\ndel os.environ['OMP_NUM_THREADS']\n" + source, tmp_path).stdout.strip() == "1"


@pytest.mark.parametrize("inside", [".", "chapters", "chapters/problem_sets/release"])
def test_setup_in_a_checkout_finds_helpers_from_any_folder(setup, inside, tmp_path):
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    run = run_setup(with_address(setup), tmp_path / inside)
    assert run.stdout.strip() == str(tmp_path), run.stderr
    assert not (tmp_path / inside / CLONE).exists()
