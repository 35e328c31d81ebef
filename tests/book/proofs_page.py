"""The pages Proofs, made from the chapters: a page a chapter with its statements and proofs in order, and their index.

The notebooks are the only source. A blockquote that states becomes a sphinx-proof directive that carries the chapter's
number; links to statements lead to these pages, web links whose address references.bib knows become citations.
Formulas that a statement or proof names, but that stand elsewhere in the chapters, are printed at the page's head.
"""

import re

from notebooks import CHAPTERS, chapter_paths, read

INDEX = CHAPTERS / "proofs.md"
FOLDER = CHAPTERS / "proofs"
STATEMENT = re.compile(r"\*\*(\w+) (\d+\.\d+)\*\* \((.*); (proved here|known)\)\.\s*", re.S)
FOLDED = re.compile(r"<details><summary>Proof of \w+ (\d+\.\d+)</summary>\n(.*?)\n</details>", re.S)
QUOTE = re.compile(r"^> \*\*\w+ \d+\.\d+\*\* .*(?:\n>.*)*", re.M)
TAG = re.compile(r"\\tag\{(\d+\.\d+)\}")

HEAD = """\
# Proofs

Every numbered statement of the book with its proof, a page a chapter, for a reader who checks each line. The numbers
are those of the chapters, where each statement is explained and measured; the [ledger](ledger.md) holds predicted
against measured. Statements marked *known* have their proof in the source cited; the book proves all others.
These pages are made from the chapters by `make statements`.
"""


def pages():
    """{path: text} of the index and of a page for each chapter that states something."""
    keys = citation_keys((CHAPTERS / "references.bib").read_text(encoding="utf-8"))
    known = formulas(read(path) for path in chapter_paths())
    found = {FOLDER / f"{path.stem}.md": chapter(read(path), keys, known) for path in chapter_paths()}
    listed = [index(read(path)) for path in chapter_paths()]
    return {INDEX: "\n".join([HEAD, *filter(None, listed)])} | {path: text for path, text in found.items() if text}


def write():
    """Write the pages, and remove those of chapters that are no more."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for stray in set(FOLDER.glob("*.md")) - set(made):
        stray.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


def title(document):
    return re.search(r"^# (.*)", document.markdown[0].source, re.M)[1]


def index(document):
    """The lines that lead to a chapter's proofs, "" if it states nothing. Their anchors are those of the proofs."""
    lines = []
    for cell in document.markdown:
        for quote in QUOTE.findall(cell.source):
            kind, number, name, provenance = _opening(quote).groups()
            anchor, known = f"thm-{number.replace('.', '-')}", ", *known*" if provenance == "known" else ""
            link = f"[{kind} {number}](proofs/{document.path.stem}.md#{anchor})"
            lines.append(f'- <a id="{anchor}"></a>{link}: {" ".join(name.split())}{known}\n')
    head = f"## [Proofs of chapter {document.chapter}](proofs/{document.path.stem}.md): {title(document)}\n"
    return f"{head}\n{''.join(lines)}" if lines else ""


def formulas(documents):
    """{number: formula} of the numbered formulas, in their order."""
    texts = (cell.source for document in documents for cell in document.markdown)
    found = (formula for text in texts for formula in re.findall(r"^\$\$.*?\$\$$", text, re.M | re.S))
    return {tag: formula for formula in found for tag in TAG.findall(formula)}


def chapter(document, keys, known):
    """The page of one chapter, "" if it states nothing; keys as from `citation_keys`, known as from `formulas`."""
    file = document.path.name
    entries = "\n".join(entry for cell in document.markdown for entry in _entries(cell.source, file, keys))
    if not entries:
        return ""
    missing = set(re.findall(r"\((\d+\.\d+)\)", entries)) - set(TAG.findall(entries))
    shown = dict.fromkeys(formula for tag, formula in known.items() if tag in missing)
    named = "".join(f"\n{formula}\n" for formula in shown)
    if named:
        named = f"\nFormulas that are named below, as they stand in the chapters:\n{named}"
    return (
        f"# Proofs of chapter {document.chapter}\n\nThe statements of [{title(document)}](../{file}) with their proofs."
        " *Proved here* means that the book proves it; *known* means\nthat the source cited has the proof. Symbols are"
        f" those of the [notation page](../notation.md).\n{named}\n{entries}"
    )


def _entries(source, file, keys):
    """The statements and proofs of one cell, in their order, as directives."""
    found = [(match.start(), _statement(match[0], file, keys)) for match in QUOTE.finditer(source)]
    found += [(match.start(), _proof(match[1], match[2], keys)) for match in FOLDED.finditer(source)]
    return [text for _, text in sorted(found)]


def _statement(quote, file, keys):
    opening = _opening(quote)
    kind, number, name, provenance = opening.groups()
    label = number.replace(".", "-")
    return (
        f'<a id="thm-{label}"></a>\n\n::::{{prf:{kind.lower()}}} {number} ({name})\n:label: prf-{label}\n:nonumber:\n\n'
        f"*In the chapter: [{kind} {number}](../{file}#thm-{label}); {provenance}.*\n\n"
        f"{linked(opening.string[opening.end() :], keys)}\n::::\n"
    )


def _opening(quote):
    """The match of a quotation's text, without its marks, with kind, number, name and provenance."""
    return STATEMENT.match(re.sub(r"^> ?", "", quote, flags=re.M))


def _proof(number, body, keys):
    """sphinx-proof puts the word Proof before the text; the class says of what."""
    return f"::::{{prf:proof}}\n:class: of-{number.replace('.', '-')}\n\n{linked(body.strip(), keys)}\n::::\n"


def linked(text, keys):
    """The text with links to statements leading to their proofs, and known web links as citations."""
    text = re.sub(r"(\[\w+ \d+\.\d+\]\(\d\d_\w+)\.ipynb(#thm-\d+-\d+\))", r"\1.md\2", text)
    text = re.sub(r"(\[[^\]]*\]\()(?=[\w./-]+\.(?:ipynb|html)|(?!\d\d_)\w+\.md)", r"\1../", text)
    return re.sub(r"\[([^\]]*)\]\((https://[^)\s]+)\)", lambda m: _citation(m, keys), text)


def _citation(link, keys):
    """Author and year become the citation; other words stay, and the citation follows."""
    words, key = link[1], keys.get(identifier(link[2]))
    if not key:
        return link[0]
    return f"{{cite:t}}`{key}`" if re.search(r"\d{4}", words) else f"{words} {{cite:p}}`{key}`"


def identifier(address):
    """The DOI or arXiv number of a web address, without its version."""
    return re.sub(r"v\d+$", "", re.sub(r"^https://(?:doi\.org|arxiv\.org/abs)/", "", address)).lower()


def citation_keys(bib):
    """{doi or arXiv number: key} of a .bib file."""
    entries = re.findall(r"^@\w+\{(\w+),(.*?)^\}", bib, re.M | re.S)
    pattern = r"^\s*(?:doi|eprint)\s*=\s*\{(.*?)\}"
    return {value.lower(): key for key, body in entries for value in re.findall(pattern, body, re.M)}
