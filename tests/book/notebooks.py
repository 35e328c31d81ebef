"""Reads the book for the checks: notebooks and Markdown pages as cells, and what the cells hold — links, folds,
statements, figures, exercises. Nothing here judges; the rules stand in rules_*.py."""

import re
import subprocess
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"
KINDS = ("Theorem", "Lemma", "Proposition", "Corollary")

# CommonMark, tables and `$` math without the freedoms that only some readers grant: a `$` that this parser leaves in
# the text some reader leaves there too. Escapes stay visible (no text_join).
PARSER = MarkdownIt("commonmark").enable("table").disable("text_join")
PARSER.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_blank_lines=False)

# In the flat text of a paragraph one of these stands for what is no plain text.
MATH, CODE, HTML, LINK, ESCAPE, MARKUP = "\ue000\ue001\ue002\ue003\ue004\ue005"


def chapter_paths():
    """The chapters: NN_name.ipynb."""
    return sorted(CHAPTERS.glob("[0-9][0-9]_*.ipynb"))


def notebook_paths():
    """Every notebook a reader opens: the chapters and, later, the problem sets."""
    hidden = ("_build", ".ipynb_checkpoints")
    return sorted(p for p in CHAPTERS.rglob("*.ipynb") if not any(part in hidden for part in p.parts))


def page_paths():
    """The Markdown pages: those of the book, and those that are read on the repository's page."""
    return sorted([*CHAPTERS.glob("*.md"), *CHAPTERS.glob("proofs/*.md")]) + front_pages()


def front_pages():
    return sorted(ROOT.glob("*.md"))


def project_files():
    """The files of the working tree, committed or not, without what git ignores."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@dataclass
class Link:
    words: str
    target: str


@dataclass
class Fold:
    """A <details> block: its summary, and the Markdown tokens inside."""

    summary: str
    tokens: list = field(default_factory=list)


@dataclass
class Cell:
    number: int  # counted from 1, Markdown and code alike
    kind: str  # "markdown" or "code"
    source: str
    metadata: dict = field(default_factory=dict)
    outputs: list = field(default_factory=list)
    execution_count: int | None = None

    @property
    def tags(self):
        return self.metadata.get("tags", [])

    @property
    def alt(self):
        return self.metadata.get("mystnb", {}).get("image", {}).get("alt")

    @cached_property
    def tokens(self):
        return _parse(self.source) if self.kind == "markdown" else ()

    @property
    def inlines(self):
        """The paragraphs, headings and table cells, each one token with children."""
        return [token for token in self.tokens if token.type == "inline"]

    @property
    def links(self):
        return [link for inline in self.inlines for link in _links(inline.children)]

    @property
    def anchors(self):
        return re.findall(r'<a id="([^"]*)"', self.source) if self.kind == "markdown" else []

    @property
    def folds(self):
        """Every <details> of the cell, outer before inner."""
        found, open_folds = [], []
        for token in self.tokens:
            if token.type == "html_block" and (summary := re.search(r"<summary>(.*?)</summary>", token.content, re.S)):
                open_folds.append(Fold(summary[1]))
                found.append(open_folds[-1])
            elif token.type == "html_block" and "</details>" in token.content and open_folds:
                open_folds.pop()
            for fold in open_folds:
                fold.tokens.append(token)
        return found

    @property
    def unfolded(self):
        """The tokens outside every <details>."""
        folded = {id(token) for fold in self.folds for token in fold.tokens}
        return [token for token in self.tokens if id(token) not in folded]


@dataclass
class Document:
    """A notebook, or a Markdown page as a notebook of one cell."""

    path: Path
    cells: list[Cell]
    metadata: dict = field(default_factory=dict)

    def __str__(self):
        return self.path.name

    @property
    def chapter(self):
        """2 for 02_benign_landscape.ipynb, None for what is no chapter."""
        prefix = re.match(r"(\d\d)_.*\.ipynb$", self.path.name)
        return int(prefix[1]) if prefix else None

    @property
    def markdown(self):
        return [cell for cell in self.cells if cell.kind == "markdown"]

    @property
    def code(self):
        return [cell for cell in self.cells if cell.kind == "code"]

    @cached_property
    def anchors(self):
        """What a fragment can name: <a id>, slugs of headings, and on a page MyST labels and names."""
        found = [anchor for cell in self.cells for anchor in cell.anchors]
        found += [slug(_plain(text.children)) for cell in self.cells for text in _headings(cell.tokens)]
        if self.path.suffix == ".md":
            labels = r"^\(([^)\s]+)\)=|^:(?:name|label): *(\S+)|\{#([\w:-]+)[^}]*\}"
            found += [label for match in re.findall(labels, self.cells[0].source, re.M) for label in match if label]
        return found


def read(path):
    path = Path(path)
    if path.suffix != ".ipynb":
        return Document(path, [Cell(1, "markdown", path.read_text(encoding="utf-8"))])
    notebook = nbformat.read(path, as_version=4)
    cells = [
        Cell(i, c.cell_type, c.source, c.metadata, c.get("outputs", []), c.get("execution_count"))
        for i, c in enumerate(notebook.cells, 1)
    ]
    return Document(path, cells, notebook.metadata)


def slug(title):
    """The anchor that MyST and GitHub give a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower().replace(" ", "-"))


def flat(inline, links=True):
    """The text of a paragraph with one private character for each formula, code span, tag, escape and mark.

    With links=False a link is one character too: what is left is the prose around the links.
    """
    return _flat(inline.children, links)


@cache  # every test reads the chapters anew
def _parse(source):
    """Tokens of a Markdown text; the body of a MyST directive (a fence like ```{note}) is parsed as well."""
    tokens = []
    for token in PARSER.parse(source):
        tokens.append(token)
        if token.type == "fence" and token.info.startswith("{") and not token.info.startswith("{code"):
            tokens += _parse(token.content)
    return tuple(tokens)


def _headings(tokens):
    return [after for token, after in pairwise(tokens) if token.type == "heading_open"]


def _plain(children):
    return "".join(child.content for child in children if child.type in ("text", "text_special", "code_inline"))


def _links(children):
    found, start = [], None
    for i, child in enumerate(children):
        if child.type == "link_open":
            start = i
        elif child.type == "link_close":
            words = " ".join(_flat(children[start + 1 : i], True).split())
            found.append(Link(words, children[start].attrs["href"]))
        elif child.type == "image":
            found.append(Link(child.content, child.attrs["src"]))
    return found


def _flat(children, links):
    characters = {"math_inline": MATH, "code_inline": CODE, "html_inline": HTML, "image": LINK}
    pieces, in_link = [], False
    for child in children:
        if child.type in ("link_open", "link_close"):
            in_link = child.type == "link_open"
            pieces.append(MARKUP if links or in_link else LINK)
        elif in_link and not links:
            continue
        elif child.type == "text":
            pieces.append(child.content)
        elif child.type == "text_special":  # an escape like \\_, a backslash that escapes nothing, or an entity
            escaped = child.info == "escape" and child.content != child.markup
            pieces.append(ESCAPE if escaped else child.content)
        elif child.type in ("softbreak", "hardbreak"):
            pieces.append("\n")
        else:
            pieces.append(characters.get(child.type, MARKUP))
    return "".join(pieces)
