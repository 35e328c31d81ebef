"""Every reference in the text is a link: the notebooks say "(4.6)", "Figure 4.2", "chapter 5", and that is enough.

Reading a page notes what can be meant and gives it an id: formulas with a tag (``eq-4-6``), figures (``fig-4-2``),
exercises (``ex-4-1``), chapters, statements (their ``thm-`` ids are made in dialect.py), symbols of the page Notation
(``sym-kappa``). Statements, figures and exercises also get a permalink. Once all pages are read, the words and the
symbols lead there. A symbol is linked outside proofs and solutions, which name things for themselves; a single Latin
letter also not in statements, and not where the notation page gives the letter a local meaning.

The same targets answer the search, and with them the terms of the glossary: the domain ``book`` names each with its
kind, "Theorem 2.5 (…)".
"""

import re
from dataclasses import dataclass

from docutils import nodes
from sphinx import addnodes
from sphinx.domains import Domain, ObjType

KINDS = ("Theorem", "Lemma", "Proposition", "Corollary")
# what the search finds
FOUND = ("theorem", "lemma", "proposition", "corollary", "formula", "figure", "exercise", "chapter", "term")
CHAPTER = re.compile(r"chapters/0*(\d+)_\w+")
NOTATION = "chapters/notation"
TAG = re.compile(r"\\tag\{(\d+\.\d+)\}")
NUMBERED = re.compile(rf"(?:{'|'.join(KINDS)}|Exercise|Figure|[Cc]hapter) \d+(?:\.\d+)?")
LABEL = re.compile(rf"({'|'.join(KINDS)}|Exercise|Figure) (\d+\.\d+)\b")
NUMBER, AND = r"\d+(?:\.\d+)?", r"(?:, and | and | or | to |, |–)"
NAMED = re.compile(
    rf"\((?P<formula>\d+\.\d+)\)|\b(?P<kind>{'|'.join(KINDS)}|Corollarie|Exercise|exercise|Figure|figure|Chapter|chapter)"
    rf"s?\s(?P<numbers>{NUMBER}(?:{AND}{NUMBER}(?![.\d]))*)"
)
SINGULAR = {"Corollarie": "Corollary"}
QUIET = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.raw, nodes.math, nodes.math_block)
# Letters that a chapter uses for something else in its text (notation.md, *Letters with a local meaning*).
LOCAL = {
    2: "s q", 3: r"\rho w_i m s", 4: r"\rho \eta q", 5: r"\rho q", 6: r"\rho \alpha w_i q s", 7: r"\alpha q m s T",
    8: "s q m T", 9: "s q m T U M W F",
}


@dataclass(frozen=True)
class Target:
    page: str
    id: str
    kind: str  # "theorem", "formula", "figure", "exercise", "chapter", "symbol", …
    title: str  # "Theorem 2.5 (Few columns)"


class Book(Domain):
    """What the search finds by kind and number."""

    name, label = "book", "the book"
    object_types = {kind: ObjType(kind) for kind in FOUND}  # noqa: RUF012 as Sphinx has it
    data_version = 1

    def get_type_name(self, type, primary=False):
        return type.lname

    def get_objects(self):
        for target in targets(self.env).values():
            if target.kind in self.object_types:
                yield target.title, target.title, target.kind, target.page, target.id or "main-content", 0

    def merge_domaindata(self, docnames, otherdata):
        """Nothing to merge: the targets are kept with the environment."""


def setup(app):
    app.add_domain(Book)
    app.connect("env-purge-doc", lambda app, env, page: forget(env, page))
    app.connect("doctree-read", read, priority=600)  # after dialect.py, which makes the statements
    app.connect("doctree-resolved", link)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def targets(env):
    """{(kind, number or symbol[, introduced in chapter]): Target} of all pages read so far."""
    if not hasattr(env, "book_targets"):
        env.book_targets = {}
    return env.book_targets


def forget(env, page):
    env.book_targets = {key: target for key, target in targets(env).items() if target.page != page}


def read(app, document):
    page, known = app.env.docname, targets(app.env)
    number_formulas(document)
    if page == NOTATION:
        known |= {key: Target(page, row, "symbol", key[1]) for key, row in symbols(document)}
    for glossary in document.findall(addnodes.glossary):
        for term in glossary.findall(nodes.term):
            known["term", term.astext()] = Target(page, term["ids"][0], "term", term.astext())
    chapter = CHAPTER.fullmatch(page)
    if not chapter:
        return
    title = document.next_node(nodes.title)
    known["chapter", chapter[1]] = Target(page, "", "chapter", f"Chapter {chapter[1]}: {title.astext()}")
    for block in document.findall(nodes.math_block):
        for number in TAG.findall(block.astext()):
            known["formula", number] = Target(page, f"eq-{dashed(number)}", "formula", f"Formula ({number})")
    for paragraph in list(document.findall(nodes.paragraph)):
        named = opening(paragraph)
        if named:
            kind, number, name, place = named
            mark(paragraph, kind, number, place)
            known[kind, number] = Target(page, place["ids"][0], kind.lower(), f"{kind} {number}{name}")


def number_formulas(document):
    """The first formula of a page with a number gets its id, so that #eq-4-6 leads to it."""
    seen = set()
    for block in document.findall(nodes.math_block):
        numbers = [number for number in TAG.findall(block.astext()) if number not in seen]
        block["ids"] += [f"eq-{dashed(number)}" for number in numbers]
        seen.update(numbers)


def opening(paragraph):
    """(kind, number, " (name)", the node to lead to) of what a statement, caption or exercise opens with, or None."""
    first = next((child for child in paragraph if child.astext()), None)
    label = LABEL.match(first.astext()) if isinstance(first, nodes.strong | nodes.emphasis) else None
    if not label:
        return None
    kind, number = label.groups()
    if kind == "Figure" and "figure-caption" in paragraph["classes"]:
        cell = paragraph.parent[paragraph.parent.index(paragraph) - 1]
        place, name = cell if isinstance(cell, nodes.container) else paragraph, ""
        place["ids"].append(f"fig-{dashed(number)}")
    elif kind == "Exercise" and first.astext() == label[0]:
        place, name = paragraph, bracketed(paragraph)
        place["ids"].append(f"ex-{dashed(number)}")
    elif kind in KINDS and "statement" in paragraph.parent["classes"] and paragraph.parent["ids"]:
        place, name = paragraph.parent, bracketed(paragraph)
    else:
        return None
    return kind, number, name, place


def bracketed(paragraph):
    """ "(Gap lemma)" of a paragraph that opens with **Lemma 4.1** (Gap lemma; proved here)."""
    name = re.match(r"[^(]*\(([^;)]*)", paragraph.astext())
    return f" ({name[1]})" if name and "\\" not in name[1] else ""


def mark(paragraph, kind, number, place):
    """Append a permalink."""
    to = {"refuri": f"#{place['ids'][0]}", "reftitle": f"Link to {kind} {number}"}
    paragraph += nodes.reference("", "#", internal=True, classes=["headerlink"], **to)


def symbols(document):
    """((“symbol”, TeX, chapter), id of the row) for every symbol in the first column of the page Notation."""
    for row in document.findall(nodes.row):
        formulas = list(row[0].findall(nodes.math))
        if formulas and len(row) == 3:
            row["ids"] = [f"sym-{dashed(formulas[0].astext())}"]
            chapter = int(re.search(r"\d+", row[2].astext())[0])
            for key in {key for formula in formulas for key in keys(formula.astext())}:
                yield ("symbol", key, chapter), row["ids"][0]


def keys(tex):
    """The symbols that a row of the page Notation explains: X and UU^⊤ for $X = UU^⊤$, f(X) and f for $f(X)$."""
    parts = [part for part in re.split(r"\\ge|\\dots|,(?![^(]*\))|[=>0]", tex) if part.strip(" ;")]
    if tex.startswith("("):  # a pair like $(\varepsilon, \gamma)$
        parts = [tex]
    for part in map(bare, parts):
        yield part
        if re.fullmatch(r".*\w\(\w+\)", part):
            yield part[: part.rindex("(")]


def bare(tex):
    return re.sub(r"(\\[A-Za-z]+) (?=[A-Za-z])|\s", lambda found: found[0] if found[1] else "", tex)


def dashed(name):
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def link(app, document, page):
    def place(target):
        uri = "" if target.page == page else app.builder.get_relative_uri(page, target.page)
        return uri + (f"#{target.id}" if target.id else "")

    known, own = targets(app.env), {i for node in document.findall(nodes.math_block) for i in node["ids"]}
    chapter = CHAPTER.fullmatch(page)
    for text in list(document.findall(nodes.Text)):
        if not (any(isinstance(node, QUIET) for node in above(text)) or is_label(text)):
            found = list(pieces(str(text), known, page, own, place))
            if len(found) > 1:
                text.parent.replace(text, found)
    for reference in document.findall(nodes.reference):
        if not reference["classes"] and NUMBERED.fullmatch(reference.astext()):
            reference["classes"].append("numbered")  # written as a link already, as to theorems
    if chapter:
        link_symbols(document, int(chapter[1]), known, place)


def pieces(text, known, page, own, place):
    """The text, with a reference in the place of every word that names something known on another page or this one."""
    end = 0
    for found in NAMED.finditer(text):
        for start, stop, kind, number in mentions(found):
            target = known.get((kind, number))
            if kind == "formula" and f"eq-{dashed(number)}" in own:  # the page Proofs repeats what it needs
                target = Target(page, f"eq-{dashed(number)}", kind, "")
            if target and not (target.page == page and not target.id):
                yield nodes.Text(text[end:start])
                yield nodes.reference("", text[start:stop], refuri=place(target), internal=True, classes=["named"])
                end = stop
    yield nodes.Text(text[end:])


def mentions(found):
    """(start, stop, kind, number) of each thing that a match names: two for "Figures 4.1 and 4.2"."""
    if found["formula"]:
        yield found.start(), found.end(), "formula", found["formula"]
        return
    kind = SINGULAR.get(found["kind"], found["kind"].capitalize())
    start = found.start()
    for number in re.finditer(NUMBER, found["numbers"]):
        stop = found.start("numbers") + number.end()
        if start != found.start():
            start = found.start("numbers") + number.start()
        yield start, stop, "chapter" if kind == "Chapter" else kind, number[0]
        start = None


def is_label(text):
    """Whether the text is the bold or slanted label of a statement, exercise or caption, which names itself."""
    labelled = isinstance(text.parent, nodes.strong | nodes.emphasis) and LABEL.match(str(text))
    return bool(labelled) and text.parent.parent.index(text.parent) <= 1


def above(node):
    while node.parent is not None:
        node = node.parent
        yield node


def link_symbols(document, chapter, known, place):
    local, folds = LOCAL.get(chapter, "").split(), 0
    for node in list(document.findall(lambda node: isinstance(node, nodes.raw | nodes.math))):
        if isinstance(node, nodes.raw):
            folds += node.astext().count("<details") - node.astext().count("</details")
            continue
        tex = bare(node.astext())
        rows = [key for key in known if key[:2] == ("symbol", tex) and key[2] <= chapter]
        around = list(above(node))
        stated = any(isinstance(outer, nodes.block_quote) for outer in around)
        quiet = any(isinstance(outer, QUIET) for outer in around)
        closed = folds or quiet or tex in local or (stated and tex.isalpha())
        if rows and not closed:
            target = known[max(rows, key=lambda key: key[2])]
            leads = nodes.reference("", "", refuri=place(target), internal=True, classes=["symbol"])
            node.replace_self(leads)
            leads += node
