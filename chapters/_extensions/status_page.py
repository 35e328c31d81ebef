"""The page Status: when, from what and with what the book was built, and how long each chapter took to run.

The directive ``{status}`` stands for it; it is filled in at the end, when every chapter has run.
"""

import datetime
import importlib.metadata
import platform
import re
import subprocess

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

PACKAGES = (
    "torch", "numpy", "scipy", "scikit-learn", "matplotlib", "seaborn", "pandas", "jupyter-book", "Sphinx", "myst-nb",
)  # fmt: skip


class status_tables(nodes.General, nodes.Element):
    """Where the tables come."""


class Status(SphinxDirective):
    """The tables of the page Status."""

    def run(self):
        self.env.status_page = self.env.docname
        return [status_tables()]


def setup(app):
    app.add_node(status_tables)
    app.add_directive("status", Status)
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-resolved", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def outdated(app, env, added, changed, removed):
    """The page is read again at every build."""
    return [name for name in [getattr(env, "status_page", None)] if name in env.found_docs]


def fill(app, document, page):
    for node in list(document.findall(status_tables)):
        node.replace_self([
            table(("built", ""), built(app)),
            table(("chapter", "seconds on the clock", "last run"), runs(app.env)),
            table(("package", "version"), versions()),
        ])  # fmt: skip


def built(app):
    """Rows that say when and from what."""
    now = datetime.datetime.now(datetime.UTC)
    return [("date", f"{now:%-d %B %Y, %H:%M} UTC"), ("commit", commit(app.srcdir)), ("system", platform.platform())]


def commit(folder):
    """The commit of the working tree, and whether files differ from it."""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=, with changes", "--abbrev=10"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown: no git, or no repository"
    return found.stdout.strip()


def runs(env):
    """Rows with title, seconds and date of each chapter that has run."""
    recorded = {name: data.get("exec_data") for name, data in getattr(env, "nb_metadata", {}).items()}
    for name, data in sorted(recorded.items()):
        if data and data.get("runtime") is not None:
            when = datetime.datetime.fromtimestamp(data["mtime"], datetime.UTC)
            yield env.titles[name].astext(), f"{data['runtime']:.1f}", f"{when:%-d %B %Y}"


def versions():
    yield "Python", platform.python_version()
    for name in PACKAGES:
        yield name, importlib.metadata.version(name)


def table(head, rows):
    """A docutils table of words."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    top, body = nodes.thead(), nodes.tbody()
    if any(head[1:]):
        top += row(head)
        group += top
    group += body
    body += [row(words) for words in rows]
    return nodes.table("", group, classes=["status"])


def row(words):
    made = nodes.row()
    numbers = [re.fullmatch(r"\d+\.\d", word) for word in words]  # seconds, whose points stand below each other
    made += [
        nodes.entry("", nodes.paragraph("", word), classes=["text-right"] if number else [])
        for word, number in zip(words, numbers, strict=True)
    ]
    return made
