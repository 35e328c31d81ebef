"""The one Markdown dialect that looks right in the book, Colab, GitHub, JupyterLab and VS Code.

Each rule takes a document and yields sentences: where, what is wrong, how to mend it.
"""

import re

from notebooks import CODE, MATH, flat

FOLD_OPENS = re.compile(r"<details><summary>[^<>$*`\[\]]+</summary>\n?")
FOLD_CLOSES = re.compile(r"</details>\n?")
FOLD_REMEDY = (
    "a fold is the line <details><summary>plain words</summary>, a blank line, the text, a blank line, "
    "the line </details>, a blank line; no other block of HTML is portable"
)
INLINE_HTML = re.compile(r'<a id="[a-z0-9-]+">|</a>|<br ?/?>')
MYST = (
    (rf"\{{[\w:-]+\}}{CODE}", "is a MyST role", "write an ordinary link or plain words"),
    (r"(?m)^:::", "is a MyST directive", "write plain Markdown"),
    (r"(?m)^\([^)\s]+\)=", "is a MyST label", 'write <a id="..."></a>'),
    (r"\{\{|\}\}", "is a MyST substitution", "write the words"),
    (r"\{#[\w-]+[^}]*\}", "is a MyST attribute", 'write <a id="..."></a>'),
    (r"(?m)^%", "is a MyST comment", "remove the line"),
    (r"(?m)^\+\+\+", "is a MyST cell break", "remove the line"),
    (r"\[\^[^\]]+\]", "is a footnote, which CommonMark does not have", "write it in the text"),
)
TEX = (
    (
        r"\\(newcommand|renewcommand|def|gdef|let|DeclareMathOperator|require|label|ref|eqref|cite)(?![a-zA-Z])",
        "is not for formulas on a page; write the formula out, number it with \\tag{}",
    ),
    (
        r"\\begin\{(align|equation|gather|multline|eqnarray|flalign)\*?\}",
        "inside $$...$$ is not LaTeX; use aligned, gathered or cases",
    ),
    (r"<[a-zA-Z/!?]", "looks like an HTML tag; put a space after <"),
    (r"\\\\(?=.*\\tag\{)", "in a numbered formula puts it into an environment without numbers; write \\cr"),
)


def myst(document):
    """Directives, roles, labels, substitutions and comments show as raw text in Colab, JupyterLab and on GitHub."""
    for cell in document.markdown:
        for token in cell.tokens:
            if token.type == "fence" and token.info.startswith("{"):
                yield f"cell {cell.number}: ```{token.info} is a MyST directive; write plain Markdown"
        for inline in cell.inlines:
            for pattern, what, remedy in MYST:
                if found := re.search(pattern, flat(inline)):
                    yield f"cell {cell.number}: {quoted(found[0])} {what}; {remedy}"


def html(document):
    """Only <details>/<summary>, <a id> and <br>: everything else is dropped or escaped by some reader."""
    for cell in document.markdown:
        for token in cell.tokens:
            if token.type == "html_block" and not _is_fold(token):
                yield f"cell {cell.number}: HTML {quoted(token.content)}; {FOLD_REMEDY}"
            for child in token.children or []:
                if child.type == "html_inline" and not INLINE_HTML.fullmatch(child.content):
                    tag = quoted(child.content)
                    yield f'cell {cell.number}: HTML {tag}; only <a id="..."></a> and <br> are portable'


def folds(document):
    """Folds are not indented, close in the cell where they open, and have a blank line before they close."""
    for cell in document.markdown:
        depth, lines = 0, cell.source.split("\n")
        for token in cell.tokens:
            if token.type != "html_block" or not _is_fold(token):
                continue
            line = token.map[0]
            closes = token.content.startswith("</details>")
            depth += -1 if closes else 1
            if closes and lines[line - 1].strip():
                yield f"cell {cell.number}: no blank line before </details>; some readers then show raw text"
            if token.level or lines[line].startswith(" "):
                yield f"cell {cell.number}: a fold inside a list or quotation; move it to the left margin"
            if depth < 0:
                yield f"cell {cell.number}: </details> without <details>; a fold opens and closes in one cell"
                depth = 0
        if depth:
            yield f"cell {cell.number}: <details> without </details>; a fold opens and closes in one cell"


def math_delimiters(document):
    """Formulas that every reader finds: VS Code and GitHub want no space inside $...$ and no letter or digit beside it,
    a table cell ends at any |, and the book wants $$ alone on its line with a blank line before."""
    for cell in document.markdown:
        for inline in cell.inlines:
            for problem in _delimiters(inline):
                yield f"cell {cell.number}: {problem}"


def _delimiters(inline):
    text = flat(inline)
    if "$" in text:
        yield (
            f"a lone $ in {_around(text, text.index('$'))}; no space inside $...$, $$ on a line of its own after a "
            "blank line and no blank line inside, no | in a formula in a table (\\lvert), no dollar sign as such"
        )
    if beside := re.search(rf"\w{MATH}|{MATH}[\w{MATH}]", text):
        yield (
            f"{_around(text, beside.start())} has a letter, digit or formula right beside $...$, which VS Code leaves "
            "raw; put a space or hyphen between (the $k$-th) or take it into the formula"
        )
    for child in inline.children:
        if child.type == "text_special" and child.markup in ("\\$", "\\(", "\\[", "\\)", "\\]"):
            yield f"{child.markup} in the text; formulas stand in $...$, and no dollar sign is portable"
        if child.type == "math_inline" and "\n" in child.content:
            yield f"${quoted(child.content)}$ runs over a line end; keep it on one line, so that a missing $ shows"
    if found := re.search(r"\\begin\{\w+\*?\}", text):
        yield f"{found[0]} outside a formula; write it inside $$...$$"


def math_content(document):
    """Formulas that every reader sets: no macros or labels, no numbering environments, no < that looks like a tag."""
    for cell, formula in _formulas(document):
        for pattern, remedy in TEX:
            for found in re.finditer(pattern, formula, re.DOTALL):
                yield f"cell {cell.number}: {found[0]} in a formula {remedy}"


def github_math(page):
    """On pages that GitHub itself renders (README, CONTRIBUTING) a backslash before punctuation is lost inside $...$,
    a formula right after a hyphen stays raw, and \\operatorname is refused. Notebooks take another way and are safe."""
    for _, formula in _formulas(page):
        for found in re.finditer(r"\\[^a-zA-Z\s]", formula):
            remedy = "write \\lbrace, \\rbrace, \\Vert, \\thinspace, \\cr and the like"
            yield f"{found[0]} in ${quoted(formula)}$ loses its backslash on GitHub; {remedy}"
        if "\\operatorname" in formula:
            yield f"\\operatorname in ${quoted(formula)}$ is refused by GitHub; write \\mathrm{{...}}"
    for inline in page.cells[0].inlines:
        if f"-{MATH}" in flat(inline):
            yield f"-$ in {quoted(inline.content)} stays raw on GitHub; put a word or space between"


def layout(document):
    """One title, in the first cell; no accidental code block by indentation."""
    opening = [(cell.number, token) for cell in document.markdown for token in cell.tokens if token.tag == "h1"]
    titles = [number for number, token in opening if token.type == "heading_open"]
    if titles != [1]:
        yield f"titles (# ...) stand in cells {titles}; exactly one title, in the first cell"
    for cell in document.markdown:
        for token in cell.tokens:
            if token.type == "code_block":
                yield f"cell {cell.number}: {quoted(token.content)} is indented by four spaces, which makes it code"


def quoted(text):
    """A short one-line quotation."""
    text = " ".join(re.sub(r"[\ue000-\ue005]", "…", text).split())
    return f"«{text[:60]}…»" if len(text) > 60 else f"«{text}»"


def _is_fold(token):
    return FOLD_OPENS.fullmatch(token.content) or FOLD_CLOSES.fullmatch(token.content)


def _formulas(document):
    for cell in document.markdown:
        for token in cell.tokens:
            if token.type == "math_block":
                yield cell, token.content
            for child in token.children or []:
                if child.type == "math_inline":
                    yield cell, child.content


def _around(text, at):
    return quoted(text[max(0, at - 20) : at + 20])
