"""Every link leads where its words say, from notebooks, pages of the book, README and CONTRIBUTING."""

import re

from notebooks import CHAPTERS, read
from parametrised import every_document, every_notebook, none_of
from proofs_page import citation_keys, identifier
from rules_links import links, mentions, references


@every_document
def test_links_lead_to_files_and_anchors_that_exist(path):
    none_of(links(read(path)), path)


@every_document
def test_references_print_kind_and_number_of_their_target(path):
    none_of(references(read(path)), path)


@every_notebook
def test_statements_are_named_in_links(path):
    none_of(mentions(read(path)), path)


@every_notebook
def test_works_that_are_linked_stand_in_the_bibliography(path):
    known = citation_keys((CHAPTERS / "references.bib").read_text(encoding="utf-8"))
    linked = {link.target for cell in read(path).markdown for link in cell.links}
    works = {address: identifier(address) for address in linked if "doi.org/" in address or "arxiv.org/" in address}
    missing = [address for address, work in sorted(works.items()) if work not in known]
    assert not missing, f"{path.name}: no entry in references.bib for {', '.join(missing)}"


def test_a_source_stands_in_the_bibliography_once_and_in_plain_letters():
    text = (CHAPTERS / "references.bib").read_text(encoding="utf-8")
    places = re.findall(r"(?m)^\s*(?:doi|eprint)\s*=\s*\{(.*)\}", text)
    assert len(places) > 50
    assert sorted(places) == sorted(set(places))
    assert not re.findall(r"(?m)^\s*title\s*=.*\$.*", text), "Sphinx prints TeX in a title as it stands"
