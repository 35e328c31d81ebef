"""Links that work from every reader: the target exists, the fragment exists in it, the words say what is there.

Each rule takes a document and yields sentences: where, what is wrong, how to mend it.
"""

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from notebooks import KINDS, LINK, ROOT, flat, read

# Hosts where the book itself might live: a link there is an address that somebody else may own.
REPOSITORY_HOSTS = (
    "github.com", "githubusercontent.com", "github.io", "gitlab.com", "gitlab.io", "bitbucket.org", "codeberg.org",
    "colab.research.google.com", "mybinder.org", "nbviewer.org",
)  # fmt: skip
# Exceptions, each a prefix of an address that is surely not the book's.
ALLOWED_REPOSITORY_LINKS = ()

NUMBERED = "|".join(KINDS)


def links(document):
    """Every link of a notebook or page leads somewhere, and stays inside the book or is a plain https address."""
    names = [anchor for cell in document.markdown for anchor in cell.anchors]
    for name in {name for name in names if names.count(name) > 1}:
        yield f'<a id="{name}"> stands more than once; give each place its own name'
    for cell in document.markdown:
        where = _where(document, cell)
        for link in cell.links:
            if reason := _broken(document, link):
                yield f"{where}[{link.words}]({link.target}) {reason}"
        for inline in cell.inlines:
            if found := re.search(r"\S*\]\([^)]*\)?", flat(inline)):
                yield f"{where}{found[0]} is no link: no spaces in addresses and file names"
        for host in REPOSITORY_HOSTS:
            for found in re.finditer(rf"[\w.:/-]*\b{re.escape(host)}[\w./-]*", cell.source):
                if not found[0].startswith((*ALLOWED_REPOSITORY_LINKS, *_own_address())):
                    remedy = "cite the paper or documentation, or add the prefix to ALLOWED_REPOSITORY_LINKS"
                    yield f"{where}{found[0]}: a repository host, and the book has no address yet; {remedy}"


def _broken(document, link):
    """What is wrong with a link, or None."""
    parts = urlsplit(link.target)
    if parts.scheme == "https":
        return _bad_citation(parts)
    if parts.scheme or parts.netloc:
        return "must be a relative file name or an https address"
    name, fragment = unquote(parts.path), unquote(parts.fragment)
    if name.startswith(("/", "~")) or "\\" in name:
        return "is an absolute path; write it relative to this file"
    if " " in name:
        return "has a space in the file name; rename the file"
    if not name and document.path.suffix == ".ipynb":
        return f"is an in-page link, which Colab does not follow; write {document.path.name}#{fragment}"
    target = (document.path.parent / name).resolve() if name else document.path
    if not target.is_relative_to(_root(document)):
        return "leads out of the repository"
    if not target.exists():
        return f"leads to {target.name}, which does not exist"
    if fragment and fragment not in anchors(target):
        return f"names #{fragment}, which {target.name} does not have (<a id>, heading or label)"
    return None


def _bad_citation(parts):
    if parts.hostname == "arxiv.org" and not re.fullmatch(r"/abs/(\d{4}\.\d{4,5}(v\d+)?|[a-z-]+/\d{7})", parts.path):
        return "is no address of a paper; write https://arxiv.org/abs/0000.00000"
    if parts.hostname == "doi.org" and not re.match(r"/10\.\d{4,}/\S", parts.path):
        return "is no DOI; write https://doi.org/10.xxxx/..."
    return None


def references(document):
    """A link to a numbered statement leads to its anchor, and its words are kind and number as printed there."""
    for cell in document.markdown:
        where = _where(document, cell)
        for link in cell.links:
            path, _, fragment = link.target.partition("#")
            anchor = re.fullmatch(r"thm-(\d+)-(\d+)", fragment)
            words = re.fullmatch(rf"({NUMBERED}) (\d+)\.(\d+)", link.words)
            shown = f"{where}[{link.words}]({link.target})"
            if anchor and not words:
                yield f"{shown} must have the words Kind {anchor[1]}.{anchor[2]}"
            if not words:
                continue
            if not anchor or anchor.groups() != words.group(2, 3):
                yield f"{shown} must lead to the chapter's file and #thm-{words[2]}-{words[3]}"
                continue
            target = (document.path.parent / unquote(path)).resolve()
            printed = printed_kinds(target).get(f"{words[2]}.{words[3]}", words[1])
            if printed != words[1]:
                yield f"{shown} is printed as {printed} {words[2]}.{words[3]}"


def mentions(document):
    """Outside links a statement is named only by itself and in its own proof."""
    for cell in document.markdown:
        own = {id(token): name for name, token in _own_text(cell)}
        for token in cell.inlines:
            for found in re.findall(rf"\b(?:{NUMBERED})s?\s+\d+\.\d+", flat(token, links=False).replace(LINK, " ")):
                name = " ".join(found.split())
                if name != own.get(id(token)):
                    yield f"cell {cell.number}: «{name}» is not a link; write [{name}](file.ipynb#thm-c-n)"


def _own_text(cell):
    """(statement, token) for the tokens of a statement's quotation and of its own proof."""
    name, depth = None, 0
    for token in cell.tokens:
        depth += token.nesting if token.type.startswith("blockquote") else 0
        if depth and token.type == "inline":
            heading = re.match(rf"\*\*((?:{NUMBERED}) \d+\.\d+)\*\*", token.content)
            name = heading[1] if heading else name
            yield name, token
        elif not depth:
            name = None
    for fold in cell.folds:
        if fold.summary.startswith("Proof of "):
            yield from ((fold.summary.removeprefix("Proof of "), token) for token in fold.tokens)


@lru_cache
def anchors(path):
    """The fragments that a file offers; a file that is no text page offers none."""
    return frozenset(read(path).anchors) if Path(path).suffix in (".ipynb", ".md") else frozenset()


@lru_cache
def printed_kinds(path):
    """{"2.3": "Theorem", ...}: how a notebook prints its statements."""
    if path.suffix != ".ipynb" or not path.exists():
        return {}
    found = (re.findall(rf"^> \*\*({NUMBERED}) (\d+\.\d+)\*\*", c.source, re.M) for c in read(path).markdown)
    return {number: kind for cell in found for kind, number in cell}


def _where(document, cell):
    return f"cell {cell.number}: " if document.path.suffix == ".ipynb" else ""


def _root(document):
    """The repository for the book's own files; for a file elsewhere (in tests) its folder."""
    return ROOT if document.path.is_relative_to(ROOT) else document.path.parent.resolve()


@lru_cache
def _own_address():
    """The public address of the book and its notebooks' in Colab, once there is one."""
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8")).get("repository", {}).get("url") or ""
    colab = url.removesuffix(".git").replace("https://github.com/", "https://colab.research.google.com/github/")
    return (url, colab) if url else ()
