"""Statements, formulas and exercises: numbered without gaps, each with its proof or solution folded away.

Each rule takes a document and yields sentences: where, what is wrong, how to mend it.
"""

import re
from dataclasses import dataclass

from notebooks import KINDS, flat

HEADING = re.compile(r"\*\*([A-Z][a-z]+) (\d+\.\d+)\b")
STATEMENT = re.compile(r"\*\*\w+ \d+\.\d+\*\* \(.+?; (proved here|known)\)\.(?:\s|$)", re.S)
EXERCISE = re.compile(r"\*\*Exercise (\d+\.\d+)\*\* \([^)]+\)\.\s")


@dataclass
class Statement:
    kind: str
    number: str  # "2.3"
    cell: int
    provenance: str | None  # "proved here" or "known"; None where the heading is malformed
    anchor: str | None  # the <a id> right before
    cites: bool  # a web link stands in its cell

    @property
    def name(self):
        return f"{self.kind} {self.number}"


def statements_of(document):
    """The numbered statements in order: quotations that open with **Kind c.n."""
    return [statement for cell in document.markdown for statement in _statements_in(cell)]


def _statements_in(cell):
    cites = any(link.target.startswith("https:") for link in cell.links)
    for i, token in enumerate(cell.tokens):
        opens = token.type == "blockquote_open" and cell.tokens[i + 1].type == "paragraph_open"
        text = cell.tokens[i + 2].content if opens else ""
        if heading := HEADING.match(text):
            whole = STATEMENT.match(text)
            anchor = re.fullmatch(r'<a id="([^"]+)"></a>', cell.tokens[i - 2].content if i >= 2 else "")
            yield Statement(*heading.groups(), cell.number, whole and whole[1], anchor and anchor[1], cites)


def statements(document):
    """One counter a chapter for all kinds, from c.1; an anchor before; a heading that says the provenance."""
    found = statements_of(document)
    yield from numbering("statement", [(s.number, s.cell) for s in found], document.chapter)
    for s in found:
        where, anchor = f"cell {s.cell}: {s.name}", f"thm-{s.number.replace('.', '-')}"
        if s.kind not in KINDS:
            yield f"{where}: the kind must be one of {', '.join(KINDS)}"
        if s.provenance is None:
            yield f"{where}: must open with **{s.name}** (name; proved here). or (name; known). and go on in the line"
        if s.anchor != anchor:
            yield f'{where}: right before the quotation must stand <a id="{anchor}"></a>, then a blank line'
        if s.provenance == "known" and not s.cites:
            yield f"{where}: a known statement needs a link to its source in the same cell"
    for cell in document.markdown:
        for inline in cell.inlines:
            heading = HEADING.match(inline.content)
            if heading and heading[1] in KINDS and inline.level < 2:
                yield f"cell {cell.number}: {heading[1]} {heading[2]} must stand in a quotation (> **...)"


def proofs(document):
    """What is proved here is proved right there: the fold «Proof of Kind c.n» in the same or the next Markdown cell."""
    given = {}
    for position, cell in enumerate(document.markdown):
        for fold in cell.folds:
            if name := re.fullmatch(r"Proof of ([A-Z]\w+ \d+\.\d+)", fold.summary):
                given[name[1]] = position
                if not any(token.type == "inline" for token in fold.tokens):
                    yield f"cell {cell.number}: the proof of {name[1]} is empty"
    positions = {cell.number: position for position, cell in enumerate(document.markdown)}
    for s in statements_of(document):
        at = given.pop(s.name, None)
        if s.provenance == "proved here" and at is None:
            yield f"cell {s.cell}: {s.name} has no <details><summary>Proof of {s.name}</summary>"
        elif at is not None and at - positions[s.cell] not in (0, 1):
            yield f"cell {s.cell}: the proof of {s.name} must stand in the same or the next Markdown cell"
    for name in given:
        yield f"«Proof of {name}» proves no statement of this chapter; correct the number"


def equations(document):
    """Tagged formulas run c.1, c.2, ...; a formula (c.n) that the text names is there."""
    tags = [
        (tag, cell.number)
        for cell in document.markdown
        for token in cell.tokens
        if token.type == "math_block"
        for tag in re.findall(r"\\tag\{(\d+\.\d+)\}", token.content)
    ]
    yield from numbering("formula", tags, document.chapter)
    there = {tag for tag, _ in tags}
    for cell in document.markdown:
        for inline in cell.inlines:
            for number in re.findall(rf"\(({document.chapter}\.\d+)\)", flat(inline)):
                if number not in there:
                    yield f"cell {cell.number}: names formula ({number}), which has no \\tag{{{number}}}"


def exercises(document):
    """Three to five exercises, numbered from c.1, each followed by the fold «Solution of Exercise c.n»."""
    found, unsolved = [], None
    for cell in document.markdown:
        for token in cell.tokens:
            if token.type == "inline" and token.content.startswith("**Exercise"):
                if heading := EXERCISE.match(token.content):
                    if unsolved:
                        yield f"Exercise {unsolved} has no <details><summary>Solution of Exercise {unsolved}</summary>"
                    unsolved = heading[1]
                    found.append((unsolved, cell.number))
                else:
                    yield f"cell {cell.number}: open the exercise with **Exercise c.n** (name). and the task"
            elif token.type == "html_block" and (title := re.search(r"Solution of (.*)</summary>", token.content)):
                if title[1] != f"Exercise {unsolved}":
                    yield f"cell {cell.number}: «Solution of {title[1]}» does not follow its exercise"
                unsolved = None
    if unsolved:
        yield f"Exercise {unsolved} has no <details><summary>Solution of Exercise {unsolved}</summary>"
    if not 3 <= len(found) <= 5:
        yield f"{len(found)} exercises; a chapter has 3 to 5"
    yield from numbering("exercise", found, document.chapter)


def exercise_numbers(document):
    """The numbers of the exercises, as printed."""
    matches = [EXERCISE.match(inline.content) for cell in document.markdown for inline in cell.inlines]
    return [match[1] for match in matches if match]


def solutions_of(document):
    """{"2.1": [code, ...]}: the Python blocks of each folded solution."""
    found = {}
    for cell in document.markdown:
        for fold in cell.folds:
            if number := re.fullmatch(r"Solution of Exercise (\d+\.\d+)", fold.summary):
                found[number[1]] = [t.content for t in fold.tokens if t.type == "fence" and t.info.strip() == "python"]
    return found


def solutions_to_run(document):
    """{"2.1": code} that runs a solution on a copy of the chapter's names, so that none leans on another."""
    joined = {number: "\n".join(blocks) for number, blocks in solutions_of(document).items() if blocks}
    run = "exec(compile({!r}, 'the solution of Exercise {}', 'exec'), dict(globals()))"
    return {number: run.format(code, number) for number, code in joined.items()}


def numbering(what, numbers, chapter):
    """Complaints about a list of (number, cell) that should run c.1, c.2, ..."""
    for expected, (number, cell) in enumerate(numbers, 1):
        if number != f"{chapter}.{expected}":
            yield f"cell {cell}: {what} {number} should be number {chapter}.{expected}; numbers run on without a gap"
