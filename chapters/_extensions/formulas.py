"""Long formulas in a line of text break where TeX would break them, and no line begins with the comma after one.

MathJax 3 does not break formulas. A long one becomes several, split after a relation or comma, a longer part also after
a plus or minus, and at last inside parentheses; a browser may start a new line between them. A formula and the
punctuation that touches it are kept together. In every other reader the same source is one formula.
"""

import re

from docutils import nodes

TOKEN = re.compile(r"\\(?:begin|end)\{[^}]*\}|\\[A-Za-z]+|\\.|[^\\]", re.S)
RELATIONS = [
    r"=", r"<", r">", r"\le", r"\ge", r"\ne", r"\in", r"\to", r"\approx", r"\succeq", r"\preceq", r"\mapsto",
    r"\sim", r"\gg", r"\ll", r"\iff", r"\subset", r"\propto",
]
BINARIES = [r"+", r"-", r"\pm", r"\cdot", r"\times", r"\circ", r"\otimes"]
OPENING = [r"(", r"[", r"\{", r"\langle", r"\lVert", r"\lvert", r"\lfloor", r"\lceil"]
CLOSING = [r")", r"]", r"\}", r"\rangle", r"\rVert", r"\rvert", r"\rfloor", r"\rceil"]
UNSEEN = [
    r"{", r"}", r"_", r"^", r"\mathrm", r"\mathbb", r"\mathcal", r"\left", r"\right", r"\bigl", r"\bigr",
    r"\Bigl", r"\Bigr", r"\,", r"\;", r"\!", r"\text", r"\frac", r"\sqrt",
]
SHORT, MEDIUM, LONG = 14, 20, 26  # letters; a phone has room for about thirty
BEFORE, AFTER = re.compile(r"[(\[“‘±–]+$"), re.compile(r"^[.,;:!?)\]’”'\"–-]+(?:th\b|s\b)?")


def setup(app):
    app.connect("doctree-resolved", break_formulas, priority=800)  # after references.py has looked at them
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def break_formulas(app, document, page):
    for formula in list(document.findall(nodes.math)):
        around = formula.parent if isinstance(formula.parent, nodes.reference) else formula
        if isinstance(around.parent, nodes.title):
            continue
        parts = [formula]
        if around is formula and not stays_whole(formula):
            parts = [nodes.math("", piece) for piece in pieces(formula.astext())]
        together(around, [around] if len(parts) == 1 else parts)


def stays_whole(formula):
    """Whether it stands in a table of the text, where its column is as wide as it is; what a cell prints may break."""
    around, node = [], formula
    while node.parent is not None:
        node = node.parent
        around.append(node)
    printed = any("cell_output" in node.get("classes", ()) for node in around if isinstance(node, nodes.Element))
    return not printed and any(isinstance(node, nodes.entry) for node in around)


def together(node, parts):
    """Put `parts` in the place of `node`, the first with what it touches before it, the last with what comes after."""
    parent, place = node.parent, node.parent.index(node)
    before, after = neighbour(parent, place - 1), neighbour(parent, place + 1)
    opening, closing = BEFORE.search(before or ""), AFTER.search(after or "")
    if opening:
        parts[0] = nodes.inline("", "", nodes.Text(opening[0]), parts[0], classes=["together"])
        parent[place - 1] = nodes.Text(before[: opening.start()])
    if closing:
        parts[-1] = nodes.inline("", "", parts[-1], nodes.Text(closing[0]), classes=["together"])
        parent[place + 1] = nodes.Text(after[closing.end() :])
    parent[place : place + 1] = parts


def neighbour(parent, place):
    found = parent[place] if 0 <= place < len(parent) else None
    return str(found) if isinstance(found, nodes.Text) else None


def pieces(tex):
    """The formula in parts that fit a line, as TeX; one part if it is short or cannot be broken."""
    if r"\begin" in tex or length(tex) <= SHORT:
        return [tex]
    found = split(tex, RELATIONS + [",", r"\quad", r"\qquad"], 0)
    found = [part for piece in found for part in (split(piece, BINARIES, 0) if length(piece) > MEDIUM else [piece])]
    inner = RELATIONS + BINARIES + [","]
    return [part for piece in found for part in (split(piece, inner, 1) if length(piece) > LONG else [piece])]


def length(tex):
    return sum(token not in UNSEEN and not token.isspace() for token in TOKEN.findall(tex))


def split(tex, signs, depth):
    """The parts of a formula, broken after `signs` that stand inside at most `depth` parentheses and no braces."""
    parts, part, braces, brackets, last = [], "", 0, 0, "("
    for token in TOKEN.findall(tex):
        braces += (token in ("{", r"\left")) - (token in ("}", r"\right"))
        brackets += (token in OPENING) - (token in CLOSING)
        unary = token in BINARIES and (last in RELATIONS + BINARIES + OPENING or last in ",^_{")
        part += token
        if token in signs and not braces and brackets <= depth and not unary and last not in ("_", "^"):
            parts.append(part + (r"\," if token == "," else "{}"))
            part = ""
        last = last if token.isspace() else token
    return [*parts, part] if part.strip() or not parts else parts
