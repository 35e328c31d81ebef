"""The code of every folded solution runs in the namespace of its chapter, after the whole chapter ran."""

import pytest
from chapter_runs import solution_errors
from notebooks import chapter_paths, read
from rules_statements import solutions_of

# the last chapter first: test_alone begins with the first, and each runs a chapter that the other has not begun
solutions = [
    (path, number)
    for path in reversed(chapter_paths())
    for number, code in solutions_of(read(path)).items()
    if code
]


@pytest.mark.parametrize(("path", "number"), solutions, ids=[f"{path.name}-{number}" for path, number in solutions])
def test_solution_runs(path, number, executed_chapter):
    errors = solution_errors(executed_chapter(path), number)
    assert not errors, f"{path.name}, solution of Exercise {number}: {errors[0]}"
