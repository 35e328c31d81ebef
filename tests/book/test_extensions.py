"""The book's own Sphinx extensions, on a book of two pages: statements get their looks and targets, helpers their page,
and executed notebooks are kept exactly as long as what they depend on stays the same."""

import os
import re
import sys

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbformat.v4 import writes as notebook_text
from notebooks import CHAPTERS
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

sys.path.insert(0, str(CHAPTERS / "_extensions"))

import dialect
import execution
import helpers_page

TEXT = """# Chapter

<a id="thm-1-1"></a>

> **Lemma 1.1** (Name; proved here). Let `prune(U)` and `theory.least` and `k` be.

<details><summary>Proof of Lemma 1.1</summary>

Short.

</details>

> A quotation that states nothing.

*Figure 1.1. What it shows.*

*Emphasis that is no caption.*

<details><summary>Solution of Exercise 1.1</summary>

Short.

</details>

<details><summary>Refresher</summary>

Short.

</details>
"""
HELPERS = {
    "__init__": '"""A map.\n\nModules:\n\n    pruning      keeps\n    theory.gap   bounds\n"""\n',
    "pruning": '"""Pruning."""\n\ndef prune(U, *, keep=None):\n    """Keep columns of `U` (Lemma 1.1)."""\n\n'
    'def _own(x):\n    """Private."""\n\nclass Run:\n    """A run."""\n\n'
    '    @property\n    def loss(self):\n        """Its loss."""\n',
    "theory/gap": '"""Bounds:\n\n    low = least(1)   # *of* all\n\nNo more.\n"""\n\n'
    'def least(x):\n    """The *least*."""\n',
    "proofs/gap": '"""Proofs."""\n\ndef prune(x):\n    """Another one."""\n',
}
COUNTING = """from pathlib import Path
runs = Path("runs.txt")
before = runs.read_text() if runs.exists() else ""
_ = runs.write_text(before + "x")
print("six times", 7)"""
CONF = """
extensions = ["myst_nb", "dialect", "execution", "helpers_page"]
html_theme = "basic"
nb_execution_mode = {mode!r}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
execution_depends = ["helpers/*.py"]
suppress_warnings = ["myst.header"]
"""


@pytest.fixture
def book(tmp_path):
    """The folder of a small book, without its configuration."""
    files = {f"helpers/{name}.py": text for name, text in HELPERS.items()}
    files |= {
        "index.md": "# Book\n\n```{toctree}\nchapters/01_one\nchapters/helpers\nchapters/proofs/01_one\n```\n\n"
        "[L](chapters/01_one.ipynb#thm-1-1)\n",
        "chapters/proofs/01_one.md": "# Proofs of chapter 1\n",
        "chapters/helpers.md": "# Helpers\n\n```{helpers}\n```\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    save(tmp_path, "x = 1")
    return tmp_path


def save(book, code):
    cells = [new_markdown_cell(TEXT), new_code_cell(code)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=cells, metadata=metadata)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
    (book / "chapters" / "01_one.ipynb").write_text(notebook_text(notebook), encoding="utf-8")


def build(book, mode="off"):
    """The text of the chapter's page after a build in which warnings are errors, and what the build said."""
    (book / "conf.py").write_text(CONF.format(mode=mode), encoding="utf-8")
    out = book / "_build" / "html"
    with open(book / "said.txt", "w+", encoding="utf-8") as said, patch_docutils(), docutils_namespace():
        app = Sphinx(book, book, out, out, "html", status=said, warning=said, warningiserror=True)
        app.build()
        said.seek(0)
        words = said.read()
    assert app.statuscode == 0, words
    return (book / "_build" / "html" / "chapters" / "01_one.html").read_text(encoding="utf-8"), words


def test_statements_captions_and_folds_get_their_classes_and_links_their_targets(book):
    html, _ = build(book)  # index.md links to #thm-1-1: a broken target would be a warning, an error here
    assert re.findall(r'<blockquote class="statement" id="thm-1-1">', html)
    assert html.count('class="statement"') == 1
    assert html.count('class="figure-caption"') == 1
    assert html.count('<details class="proof">') == html.count('<details class="solution">') == 1
    assert html.count("<details>") == 1
    assert '<a id="thm-1-1">' not in html


def test_a_link_to_a_statement_that_is_not_there_is_a_warning(book):
    page = book / "index.md"
    page.write_text(page.read_text(encoding="utf-8").replace("#thm-1-1", "#thm-1-2"), encoding="utf-8")
    with pytest.raises(Exception, match="thm-1-2"):
        build(book)


def test_the_page_helpers_lists_what_is_public_in_the_order_of_the_map(book):
    html, _ = build(book)
    page = (book / "_build" / "html" / "chapters" / "helpers.html").read_text(encoding="utf-8")
    ids = re.findall(r'id="(helpers[\w.]*)"', page)
    assert ids == [
        "helpers", "helpers.pruning", "helpers.pruning.prune", "helpers.pruning.Run", "helpers.pruning.Run.loss",
        "helpers.theory.gap", "helpers.theory.gap.least", "helpers.proofs.gap", "helpers.proofs.gap.prune",
    ]  # fmt: skip
    words = re.sub("<[^>]*>", "", page)
    assert "prune(U, *, keep=None)" in words
    assert "Private" not in words
    assert "low = least(1)   # *of* all\n" in words  # code that is set in, as it stands
    assert "The <em>least</em>." in page
    assert 'href="proofs/01_one.html#thm-1-1">Lemma 1.1</a>' in page
    assert 'href="#helpers.theory.gap"' in page
    assert re.search(r'href="helpers.html#helpers.pruning.prune"><code[^>]*><span[^>]*>prune\(U\)', html)
    assert 'href="helpers.html#helpers.theory.gap.least"' in html
    assert html.count('class="helper reference internal"') == 2  # `k` is no helper


def test_names_of_helpers_lead_to_the_first_that_a_chapter_can_mean(book):
    assert helpers_page.entries(book)["prune"] == "helpers.pruning.prune"
    assert helpers_page.modules(book)[0][0] == "helpers"


def test_the_key_of_the_cache_changes_with_what_the_notebooks_depend_on(book):
    def key():
        return execution.dependency_key(book, ["helpers/*.py", "data/*"])

    first = key()
    (book / "index.md").write_text("# Other", encoding="utf-8")
    assert key() == first
    module = book / "helpers" / "pruning.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text + "\n", encoding="utf-8")
    changed = key()
    module.write_text(text, encoding="utf-8")
    assert key() == first
    module.rename(module.with_name("cutting.py"))
    renamed = key()
    (book / "data").mkdir()
    (book / "data" / "numbers.json").write_text("[]", encoding="utf-8")
    assert len({first, changed, renamed, key()}) == 4


def test_a_chapter_runs_again_when_a_helper_changes_and_not_before(book):
    save(book, COUNTING)
    runs = book / "chapters" / "runs.txt"
    html, words = build(book, "cache")
    assert "six times 7" in html
    assert re.search(r"chapters/01_one +\d", words)
    page = book / "index.md"
    page.write_text(page.read_text(encoding="utf-8") + "\nMore.\n", encoding="utf-8")
    assert "six times 7" in build(book, "cache")[0]
    assert runs.read_text() == "x"
    module = book / "helpers" / "pruning.py"
    module.write_text(module.read_text(encoding="utf-8") + "\nx = 1\n", encoding="utf-8")
    assert "has changed" in build(book, "cache")[1]
    assert runs.read_text() == "xx"
    for entry in (book / "_build" / ".jupyter_cache").rglob("base.ipynb"):
        entry.write_text("{", encoding="utf-8")
    assert "1 damaged entries removed" in build(book, "cache")[1]
    assert runs.read_text() == "xxx"


MEETING = """from pathlib import Path
from time import sleep
with Path("{me}").open("a") as log:
    _ = log.write("once")
for _ in range(600):
    if Path("{other}").exists():
        break
    sleep(0.1)
print("met", Path("{other}").exists())"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor runs one chapter after the other")
def test_chapters_run_side_by_side(book):
    for me, other in (("01_one", "02_two"), ("02_two", "01_one")):
        save(book, MEETING.format(me=me, other=other))
        (book / "chapters" / "01_one.ipynb").rename(book / "chapters" / f"{me}.ipynb.new")
    for path in (book / "chapters").glob("*.new"):
        path.rename(path.with_suffix(""))
    index = book / "index.md"
    text = index.read_text(encoding="utf-8")
    index.write_text(text.replace("chapters/01_one\n", "chapters/01_one\nchapters/02_two\n", 1), encoding="utf-8")
    html, words = build(book, "cache")
    assert "met True" in html
    assert "met True" in (book / "_build" / "html" / "chapters" / "02_two.html").read_text(encoding="utf-8")
    assert "not run again" not in words
    assert {name: (book / "chapters" / name).read_text() for name in ("01_one", "02_two")} == dict.fromkeys(
        ("01_one", "02_two"), "once"
    )


def test_a_failing_cell_is_named_with_its_chapter_and_error(book):
    save(book, "1 / 0")
    with pytest.raises(Exception, match=r"01_one"):
        build(book, "cache")


class Config:
    """What `launch_buttons` looks at."""

    def __init__(self, url):
        self.html_theme_options = {"repository_url": url, "launch_buttons": {"colab_url": "x"}}


@pytest.mark.parametrize(
    ("url", "kept"),
    [("", False), (None, False), ("https://git.invalid/book", False), ("https://github.com/a/b.git", True)],
)
def test_launch_buttons_stay_only_where_colab_finds_the_book(url, kept):
    config = Config(url)
    dialect.launch_buttons(None, config)
    assert ("launch_buttons" in config.html_theme_options) is kept
    assert config.html_theme_options.get("repository_url") == ("https://github.com/a/b" if kept else None)


def test_ids_that_sphinx_proof_repeats_are_dropped():
    context = {"body": '<div id="proof"><p class="admonition-title" id="prf-2-1">x</p></div><div id="prf-2-1"></div>'}
    dialect.unrepeat(None, "proofs", None, context, None)
    assert context["body"] == '<div><p class="admonition-title">x</p></div><div id="prf-2-1"></div>'
