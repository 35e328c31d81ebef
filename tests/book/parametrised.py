"""What the checks share: one test a notebook, chapter or page, and a failure that lists every problem."""

import pytest
from notebooks import chapter_paths, front_pages, notebook_paths, page_paths


def _every(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


every_chapter = _every(chapter_paths())
every_notebook = _every(notebook_paths())
every_document = _every(notebook_paths() + page_paths())
every_front_page = _every(front_pages())


def none_of(problems, path):
    """Fails with one line a problem: file, cell, what is wrong, how to mend it."""
    problems = list(problems)
    assert not problems, "\n" + "\n".join(f"{path.name}, {problem}" for problem in problems)
