"""Notebooks hold only Markdown that every reader shows alike, no stored state, and the shape of the page plan."""

import nbformat
from notebooks import chapter_paths, notebook_paths, read
from parametrised import every_chapter, every_front_page, every_notebook, none_of
from rules_cells import (
    cell_sizes,
    folded_figures,
    introduced,
    parameters,
    plain_python,
    readable_code,
    sections,
    setup_cell,
    setup_source,
    stored_state,
)
from rules_dialect import folds, github_math, html, layout, math_content, math_delimiters, myst


def test_chapters_are_found():
    assert chapter_paths(), "no chapters/NN_name.ipynb: every check below would pass on nothing"


@every_notebook
def test_markdown_is_commonmark_without_myst(path):
    none_of(myst(read(path)), path)


@every_notebook
def test_html_is_folds_anchors_and_line_breaks_only(path):
    none_of(html(read(path)), path)


@every_notebook
def test_folds_open_and_close_where_every_reader_sees_it(path):
    none_of(folds(read(path)), path)


@every_notebook
def test_every_reader_finds_the_formulas(path):
    none_of(math_delimiters(read(path)), path)


@every_notebook
def test_every_reader_can_set_the_formulas(path):
    none_of(math_content(read(path)), path)


@every_front_page
def test_formulas_of_front_pages_survive_github(path):
    none_of(github_math(read(path)), path)


@every_notebook
def test_one_title_and_no_accidental_code(path):
    none_of(layout(read(path)), path)


@every_notebook
def test_notebook_is_valid_and_stored_without_outputs(path):
    nbformat.validate(nbformat.read(path, as_version=4))
    none_of(stored_state(read(path)), path)


@every_notebook
def test_code_cells_are_plain_python(path):
    none_of(plain_python(read(path)), path)


@every_chapter
def test_chapter_opens_with_setup_and_has_one_parameters_cell(path):
    none_of(setup_cell(read(path)), path)


def test_setup_cell_is_the_same_everywhere():
    sources = {path.name: setup_source(read(path)) for path in notebook_paths()}
    first = next(iter(sources.values()), None)
    assert all(source == first for source in sources.values()), f"set-up cells differ: compare those of {list(sources)}"


@every_chapter
def test_code_cells_are_small_enough_to_read(path):
    none_of(cell_sizes(read(path)), path)


@every_chapter
def test_code_is_narrow_and_names_its_intermediate_results(path):
    none_of(readable_code(read(path)), path)


@every_chapter
def test_parameters_may_be_changed_and_say_how_far(path):
    none_of(parameters(read(path)), path)


@every_chapter
def test_cells_that_draw_are_folded(path):
    none_of(folded_figures(read(path)), path)


@every_chapter
def test_helpers_are_named_before_they_are_used(path):
    none_of(introduced(read(path)), path)


@every_chapter
def test_chapter_follows_the_page_plan_and_states_its_reading_time(path):
    none_of(sections(read(path)), path)
