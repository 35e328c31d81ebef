"""Every link leads where its words say, from notebooks, pages of the book, README and CONTRIBUTING."""

from notebooks import read
from parametrised import every_document, every_notebook, none_of
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
