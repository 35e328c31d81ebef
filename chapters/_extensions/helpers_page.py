"""The page Helpers, made from the docstrings of helpers/ at build time, and links to it from the chapters.

- the directive ``{helpers}`` lists every public function, class and method with its docstring, in a fold for each
  module; the code is read, not run; a numbered statement that a docstring names becomes a link to its proof;
- on a chapter's page, a helper named in backticks (`` `train` ``, `` `theory.g_min` ``, `` `prune(U)` ``) becomes a
  link to its entry. In every other reader the same source shows plain code.
"""

import ast
import re
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

PAGE = "chapters/helpers"
LINKED = re.compile(r"`([^`]+)`|\b(?:Theorem|Lemma|Proposition|Corollary) (\d+)\.(\d+)\b|(?<!\S)\*(\w+)\*(?!\w)")
NAMED = re.compile(r"(?:\w+\.)*(\w+)(?:\(.*\))?")
PROOFS = re.compile(r"chapters/(proofs/(\d\d)_\w+)")  # the page of a chapter's proofs
MAPPED = re.compile(r"^    ([\w.]+)  +(\S.*)$", re.M)  # a line of the map: a module, and what it is for
UNLISTED = ("proofs", "figures")  # rooms whose names are never meant by a name in backticks


def setup(app):
    app.add_directive("helpers", Helpers)
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-read", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def modules(root):
    """The modules of helpers/ as (name, parsed source), in the order of the map in helpers/__init__.py."""
    trees = {}
    for path in sorted(Path(root, "helpers").rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    order = ["helpers", *(f"helpers.{name}" for name, _ in MAPPED.findall(ast.get_docstring(trees["helpers"])))]
    return sorted(trees.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def public(tree):
    """The public functions and classes of a parsed module or class, and its documented properties and methods."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node for node in tree.body if isinstance(node, kinds) and node.name[0] != "_" and ast.get_docstring(node)]


def entries(root):
    """{name of a helper: the id of its entry}; a name that two modules share means the first, in no unlisted room."""
    found = {}
    for module, tree in modules(root):
        if module.split(".")[1:2] and module.split(".")[1] in UNLISTED:
            continue
        for node in public(tree):
            found.setdefault(node.name, f"{module}.{node.name}")
    return found


class Helpers(SphinxDirective):
    """The list of everything public in helpers/."""

    def run(self):
        sections = []
        for module, tree in modules(self.env.srcdir):
            root = module == "helpers"
            section = nodes.section(ids=["map" if root else module])
            section += nodes.title("", "The map" if root else module.removeprefix("helpers."))
            section += fold(tree, module) if public(tree) else prose(ast.get_docstring(tree) or "")
            sections.append(section)
        self.lead_to_proofs(sections)
        return sections

    def lead_to_proofs(self, sections):
        """Statements have their proofs on the page of their chapter, which is named like the chapter's notebook."""
        pages = {int(found[2]): found[1] for name in self.env.found_docs if (found := PROOFS.fullmatch(name))}
        for reference in (node for section in sections for node in section.findall(nodes.reference)):
            number = re.fullmatch(r"#thm-(\d+)-\d+", reference["refuri"])
            if number and int(number[1]) in pages:
                reference["refuri"] = f"{pages[int(number[1])]}.html{reference['refuri']}"


def fold(tree, module):
    """What a module holds, closed until it is asked for below a line with the names, which folds.js opens for links."""
    names = " ".join(f"<code>{node.name}</code>" for node in public(tree))
    shown = [*prose(ast.get_docstring(tree) or ""), *(entry(node, module) for node in public(tree))]
    return [raw(f'<details class="fold"><summary>{names}</summary>'), *shown, raw("</details>")]


def raw(text):
    return nodes.raw("", text, format="html")


def entry(node, owner):
    """A definition list with the signature and the docstring of a function or class, and in it those of its methods."""
    name = f"{owner}.{node.name}"
    item = nodes.definition_list_item("", nodes.term("", "", nodes.literal("", signature(node)), ids=[name]))
    body = nodes.definition("", *prose(ast.get_docstring(node)))
    if isinstance(node, ast.ClassDef):
        body += [entry(method, name) for method in public(node)]
    item += body
    return nodes.definition_list("", item, classes=["helper"])


def signature(node):
    """`name(arguments)` as it is called; the constructor's arguments for a class, none for a property."""
    if isinstance(node, ast.ClassDef):
        made = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        return node.name + (f"({arguments(made)})" if made else "")
    if any(ast.unparse(d).endswith("property") for d in node.decorator_list):
        return node.name
    return f"{node.name}({arguments(node)})"


def arguments(function):
    shown = ast.unparse(function.args)
    return re.sub(r"^(self|cls)(, )?", "", shown)


def prose(text):
    """The paragraphs of a docstring, code in backticks or set in as code, statements as links to their proofs."""
    return [block(part) for part in cleandoc(text).split("\n\n") if part.strip()]


def block(text):
    if MAPPED.match(text):
        return listed(MAPPED.findall(text))
    return nodes.literal_block("", dedent(text), language="python") if text.startswith("    ") else paragraph(text)


def paragraph(text):
    return nodes.paragraph("", "", *inline(" ".join(text.split())))


def listed(lines):
    """Lines of the map: each module leads to its section."""
    items = nodes.definition_list(classes=["map"])
    for name, purpose in lines:
        leads = nodes.reference("", name, refuri=f"#helpers.{name}", internal=True)
        items += nodes.definition_list_item("", nodes.term("", "", leads), nodes.definition("", paragraph(purpose)))
    return items


def inline(text):
    end = 0
    for found in LINKED.finditer(text):
        yield nodes.Text(text[end : found.start()])
        if found[1]:
            yield nodes.literal("", found[1])
        elif found[4]:
            yield nodes.emphasis("", found[4])
        else:
            yield nodes.reference("", found[0], refuri=f"#thm-{found[2]}-{found[3]}", internal=True)
        end = found.end()
    yield nodes.Text(text[end:])


def outdated(app, env, added, changed, removed):
    """The page is read again at every build: what it is made from is no file that Sphinx watches."""
    return [PAGE] if PAGE in env.found_docs else []


def link(app, document):
    """Turn helpers named in backticks on a chapter's page into links to their entries."""
    if not re.fullmatch(r"chapters/\d\d_\w+", app.env.docname) or PAGE not in app.env.found_docs:
        return
    known = entries(app.srcdir)
    for literal in list(document.findall(nodes.literal)):
        named = NAMED.fullmatch(literal.astext())
        inside = isinstance(literal.parent, nodes.reference | nodes.title)
        if named and named[1] in known and not inside:
            place = f"helpers.html#{known[named[1]]}"
            target = nodes.reference("", "", refuri=place, internal=True, classes=["helper"])
            literal.replace_self(target)
            target += literal
