"""What the top-level conftest.py adds to a chapter's cells, on a notebook in which something is wrong each time."""

import os
import subprocess
import sys

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbformat.v4 import writes as notebook_text
from notebooks import ROOT

SOLUTIONS = "\n\n".join(
    f"<details><summary>Solution of Exercise 2.{n}</summary>\n\n```python\n{code}\n```\n\n</details>"
    for n, code in enumerate(("y = x", "assert y == x"), 1)
)
DRAW = "import matplotlib.pyplot as plt\nplt.plot([0, 1]);"


def test_solutions_run_after_the_last_cell_each_on_a_copy_of_the_names_and_figures_are_looked_at(tmp_path):
    cells = [new_markdown_cell(SOLUTIONS), new_code_cell(DRAW), new_code_cell("x = 1")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = tmp_path / "02_toy.ipynb"
    notebook.write_text(notebook_text(new_notebook(cells=cells, metadata=metadata)), encoding="utf-8")
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "book")))
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-p", "conftest", "-rA", notebook]
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    outcomes = [line.split(" ", 1) for line in run.stdout.splitlines() if line.startswith(("PASSED", "FAILED"))]
    ends = {name.partition("::")[2].partition(" - ")[0]: outcome for outcome, name in outcomes}
    passed, failed = ("Cell 0", "Cell 1", "Solution 2.1"), ("Solution 2.2", "Figures")
    assert ends == dict.fromkeys(passed, "PASSED") | dict.fromkeys(failed, "FAILED"), run.stdout
    assert "name 'y' is not defined" in run.stdout
    assert "02_toy.ipynb, cell 2: shows a figure; give it the metadata mystnb.image.alt" in run.stdout
