"""Every chapter runs with all its parameters at the low end of their ranges, and again with all at the high end."""

import ast
import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from notebooks import CHAPTERS, read
from parametrised import every_chapter
from rules_cells import assigned, parameter_ranges
from rules_statements import solutions_to_run

SECONDS_PER_CELL = 240


def at_an_end(document, end):
    """Lines that put every scalar parameter of a chapter to the low (0) or high (1) end of its range, in order.

    An end may be an expression in the parameters before it. A parameter that is a tuple stays as it is.
    """
    cells = [cell for cell in document.code if "setup" not in cell.tags]
    place = next(i for i, cell in enumerate(cells) if "parameters" in cell.tags)
    values = {}
    exec(cells[place].source, values)  # the page's own code
    bounds = parameter_ranges(cells[place + 1].source)
    lines = []
    for name in assigned(cells[place].source):
        if name in bounds and isinstance(values[name], int | float):
            value = eval(bounds[name][end], dict(values))
            values[name] = type(values[name])(value)
            lines.append(f"{name} = {values[name]!r}")
    return lines


def at_both_ends(path):
    """The chapter's cells and solutions with all parameters at their low ends, then all once more at the high ends."""
    document, cells = read(path), []
    for end in (0, 1):
        lines = at_an_end(document, end)
        assert lines, "no parameter with a range"
        for cell in nbformat.read(path, as_version=4).cells:
            if "parameters" in cell.metadata.get("tags", []):
                seed = re.sub(r"(?m)^SEED = .*", f"SEED = {20 + 20 * end}", cell.source)
                cell.source = "\n".join([seed, *lines])
            cell.id = f"{cell.id}-{end}"
            cells.append(cell)
        cells += [nbformat.v4.new_code_cell(source) for source in solutions_to_run(document).values()]
    return [cell for cell in cells if cell.cell_type == "code"]


@pytest.mark.slow
@every_chapter
def test_chapter_runs_at_the_low_ends_of_all_ranges_and_again_at_the_high_ends(path):
    """As a reader does who changes the parameters, and the seed, and runs everything again in the same kernel."""
    notebook = nbformat.v4.new_notebook(cells=at_both_ends(path))
    where = {"metadata": {"path": str(CHAPTERS)}}
    client = NotebookClient(notebook, timeout=SECONDS_PER_CELL, kernel_name="python3", resources=where)
    try:
        client.execute()
    except CellExecutionError as error:
        end = "low" if client.code_cells_executed <= len(notebook.cells) // 2 else "high"
        pytest.fail(f"{path.name} at the {end} ends:\n{error}")


def test_ends_are_taken_in_order_and_may_depend_on_what_stands_before(tmp_path):
    cells = [
        nbformat.v4.new_code_cell("pass", metadata={"tags": ["setup"]}),
        nbformat.v4.new_code_cell("D, R = 6, 2\nMU = (1.0, 0.5)\nNOISE = 0.1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("ranges(D=(D, 4, 20), R=(R, 1, D // 2), MU=(MU, 0.1, 2), NOISE=(NOISE, 0, 1))"),
    ]
    path = tmp_path / "02_x.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert at_an_end(read(path), 0) == ["D = 4", "R = 1", "NOISE = 0.0"]
    assert at_an_end(read(path), 1) == ["D = 20", "R = 10", "NOISE = 1.0"]
    assert ast.parse("\n".join(at_an_end(read(path), 1)))
