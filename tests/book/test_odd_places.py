"""The book builds in odd places, goes on where it was interrupted, and says so where it cannot.

Builds of their own, by jupyter-book's command: one real chapter, else a book of two small notebooks.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event

import nbformat
import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbformat.v4 import writes as notebook_text
from notebooks import CHAPTERS, ROOT, project_files

pytestmark = pytest.mark.slow
needs_bubblewrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="NO BUBBLEWRAP: no full disk was tried")
COMMAND = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-n", "--keep-going"]
CHAPTER = "05_fine_tuning"
CONFIG = f"""title: Two notebooks
exclude_patterns: [_build]
execute: {{execute_notebooks: cache}}
sphinx:
  local_extensions: {{execution: {str(CHAPTERS / "_extensions")!r}}}
"""
TOC = "format: jb-book\nroot: index\nchapters:\n- file: 01_first\n- file: 02_second\n"
COUNTS = "print(6 * 7)\nwith open('{name}.runs', 'a') as runs:\n    _ = runs.write('x')"
WAITS = "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.1)"
HERE = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"]


@pytest.fixture
def book(tmp_path):
    """The folder of a small book, whose name is not ASCII."""
    folder = tmp_path / "Bücher im Schrank"
    folder.mkdir()
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    files = {"_config.yml": CONFIG, "_toc.yml": TOC, "index.md": "# Bücher\n"}
    for name, code in (("01_first", COUNTS), ("02_second", f"{WAITS}\n{COUNTS}")):
        cells = [new_markdown_cell("# Größe"), new_code_cell(code.format(name=name))]
        files[f"{name}.ipynb"] = notebook_text(new_notebook(cells=cells, metadata=metadata))
    for name, text in (files | {"go": ""}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def build(folder, *options, inside=(), **variables):
    """The exit status of a build, and what it said."""
    where = [*inside, *(["--chdir", folder] if inside else [])]
    environment = {key: value for key, value in (os.environ | variables).items() if value is not None}
    run = subprocess.run(
        [*where, *COMMAND, *options], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    return run.returncode, run.stdout


def runs(book):
    return {path.stem: path.read_text(encoding="utf-8") for path in book.glob("*.runs")}


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """A real chapter, built in a read-only folder whose name is not ASCII, without home and locale, to another one."""
    folder, out = tmp_path_factory.mktemp("odd") / "Bücher im Schrank", tmp_path_factory.mktemp("out") / "ins Freie"
    for path in project_files():
        name = path.relative_to(ROOT)
        if name.parts[0] in ("chapters", "helpers", "_config.yml", "requirements.txt"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: chapters/{CHAPTER}\n", encoding="utf-8")
    with open(folder / "_config.yml", "a", encoding="utf-8") as config:
        config.write("\nonly_build_toc_files: true\n")
    inside = [*HERE, "--ro-bind", folder, folder] if shutil.which("bwrap") else []
    odd = {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": None, "HOME": None}
    code, said = build(folder, "--path-output", out, inside=inside, **odd)  # references to other chapters are warnings
    assert code == 0, said
    assert "FAILED" not in said, said
    return out / "_build"


def shown(cache, path):
    """The outputs of a notebook in an execution cache, cell by cell, without dates and addresses."""
    key = get_cache(cache).create_hashed_notebook(nbformat.read(path, as_version=4))[1]
    executed = nbformat.read(cache / "executed" / key / "base.ipynb", as_version=4)
    outputs = [cell.outputs for cell in executed.cells if cell.cell_type == "code"]
    dates = re.compile(r"<dc:date>[^<]*|\bat 0x\w+")
    return [[printed(cell), *(dates.sub("", str(one.data)) for one in cell if "data" in one)] for cell in outputs]


def printed(outputs):
    """What a cell printed, however many messages that took: a slow machine sends each line on its own."""
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_a_chapter_builds_in_a_read_only_folder_with_any_name_without_home_and_locale(chapter):
    page = (chapter / "html" / "chapters" / f"{CHAPTER}.html").read_text(encoding="utf-8")
    assert page.count('class="figure-caption"') >= 4
    assert page.count("<img alt=") + page.count("<svg") >= 4


def test_two_builds_give_the_same_tables_and_figures(chapter):
    first, second = ROOT / "_build" / ".jupyter_cache", chapter / ".jupyter_cache"
    keys = [folder / "key.txt" for folder in (first, second)]
    if not keys[0].is_file() or len({key.read_text(encoding="utf-8") for key in keys}) > 1:
        pytest.skip("NO BOOK of this state in _build to compare with: `make book` first")
    here, there = (shown(folder, CHAPTERS / f"{CHAPTER}.ipynb") for folder in (first, second))
    different = [number for number, (a, b) in enumerate(zip(here, there, strict=True), 1) if a != b]
    assert not different, f"code cells {different}"
    assert sum(map(any, here)) > 20


def test_where_names_are_ascii_and_the_folders_is_not_a_sentence_says_so(book):
    code, said = build(book, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert code != 0
    assert "reads names of folders as ASCII, and the book's has other letters: set the environment variable" in said


def test_an_interrupted_build_goes_on_where_it_was(book):
    (book / "go").unlink()
    first = subprocess.Popen([*COMMAND, "-W"], cwd=book, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(3000):
        if list(book.glob("_build/.jupyter_cache/executed/*/base.ipynb")):
            break
        assert first.poll() is None, "the build ended, though the second notebook waits"
        Event().wait(0.1)
    first.kill()
    first.wait()
    (book / "go").touch()
    (book / "02_second.runs").unlink(missing_ok=True)  # its kernel may have seen the file before it followed the build
    code, said = build(book, "-W")
    assert code == 0, said
    assert runs(book)["01_first"] == "x", "what had run did not run again"
    assert "x" in runs(book)["02_second"]
    assert "01_first" in [line.split()[0] for line in said.splitlines() if line.endswith("cached, not run again")]


@needs_bubblewrap
def test_a_full_disk_and_a_folder_that_cannot_be_written_are_named_last(book):
    (book / "_build").mkdir()
    full = [*HERE, "--size", "400000", "--tmpfs", book / "_build"]
    code, said = build(book, inside=full)
    assert code != 0
    assert "FAILED the build: the disk is full. What has run is kept: make room and build again." in said[-600:], said
    assert build(book)[0] == 0
    code, said = build(book, inside=[*HERE, "--ro-bind", book / "_build", book / "_build"])
    assert code != 0
    assert "FAILED the build: a folder cannot be written; jupyter-book's option --path-output" in said[-900:], said
