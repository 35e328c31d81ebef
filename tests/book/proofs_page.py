"""The page Proofs, made from the chapters: every statement and every proof, in order, in one place.

The notebooks are the only source. A blockquote that states becomes a sphinx-proof directive that carries the chapter's
number; links to statements become links within the page, web links whose address references.bib knows become citations.
Formulas that a statement or proof names, but that stand elsewhere in the chapter, are printed at the chapter's head.
"""

import re

from notebooks import CHAPTERS, chapter_paths, read

PAGE = CHAPTERS / "proofs.md"
STATEMENT = re.compile(r"\*\*(\w+) (\d+\.\d+)\*\* \((.*); (proved here|known)\)\.\s*", re.S)
FOLDED = re.compile(r"<details><summary>Proof of \w+ (\d+\.\d+)</summary>\n(.*?)\n</details>", re.S)
QUOTE = re.compile(r"^> \*\*\w+ \d+\.\d+\*\* .*(?:\n>.*)*", re.M)
TAG = re.compile(r"\\tag\{(\d+\.\d+)\}")

HEAD = """\
# Proofs

Every numbered statement of the book with its proof, in one place, for a reader who checks each line. The numbers are
those of the chapters, where each statement is explained and measured. *Proved here* means that the book proves it
below; *known* means that the source cited has the proof. Symbols are those of the [notation page](notation.md); the
[ledger](ledger.md) holds predicted against measured. This page is made from the chapters by `make statements`.
"""


def page():
    """The text of proofs.md."""
    keys = citation_keys((CHAPTERS / "references.bib").read_text(encoding="utf-8"))
    return "\n".join([HEAD, *(text for path in chapter_paths() if (text := chapter(read(path), keys)))])


def chapter(document, keys):
    """The section of one chapter, "" if it states nothing; keys as from `citation_keys`."""
    cells = [cell.source for cell in document.markdown]
    entries = "\n".join(entry for source in cells for entry in _entries(source, document.path.name, keys))
    if not entries:
        return ""
    title = re.search(r"^# (.*)", cells[0], re.M)[1]
    missing = dict.fromkeys(set(re.findall(rf"\(({document.chapter}\.\d+)\)", entries)) - set(TAG.findall(entries)))
    for formula in re.findall(r"^\$\$.*?\$\$$", "\n".join(cells), re.M | re.S):
        missing |= {tag: formula for tag in TAG.findall(formula) if tag in missing}
    named = "".join(f"\n{missing[tag]}\n" for tag in sorted(missing))
    if named:
        named = f"\nFormulas of [the chapter]({document.path.name}) that are named below:\n{named}"
    return f"## Chapter {document.chapter}: {title}\n{named}\n{entries}"


def _entries(source, file, keys):
    """The statements and proofs of one cell, in their order, as directives."""
    found = [(match.start(), _statement(match[0], file, keys)) for match in QUOTE.finditer(source)]
    found += [(match.start(), _proof(match[1], match[2], keys)) for match in FOLDED.finditer(source)]
    return [text for _, text in sorted(found)]


def _statement(quote, file, keys):
    text = re.sub(r"^> ?", "", quote, flags=re.M)
    opening = STATEMENT.match(text)
    kind, number, name, provenance = opening.groups()
    label = number.replace(".", "-")
    return (
        f'<a id="thm-{label}"></a>\n\n::::{{prf:{kind.lower()}}} {number} ({name})\n:label: prf-{label}\n:nonumber:\n\n'
        f"*In the chapter: [{kind} {number}]({file}#thm-{label}); {provenance}.*\n\n"
        f"{within_page(text[opening.end() :], keys)}\n::::\n"
    )


def _proof(number, body, keys):
    """sphinx-proof puts the word Proof before the text; the class says of what."""
    return f"::::{{prf:proof}}\n:class: of-{number.replace('.', '-')}\n\n{within_page(body.strip(), keys)}\n::::\n"


def within_page(text, keys):
    """The text with links to statements as links within the page, and known web links as citations."""
    text = re.sub(r"(\[\w+ \d+\.\d+\])\(\d\d_\w+\.ipynb(#thm-\d+-\d+)\)", r"\1(proofs.md\2)", text)
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
