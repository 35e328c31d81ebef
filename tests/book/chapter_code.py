"""What a chapter defines, for tests and benchmarks that must use the very code of the page."""

import ast
import json
from pathlib import Path
from types import ModuleType

CHAPTERS = Path(__file__).parents[2] / "chapters"
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)


def chapter_code(name):
    """The imports, parameters, functions and classes of chapters/`name`.ipynb, none of its experiments, as a module.

    A function on the page that reads a variable of the page finds it once it is set: `code.seeds = range(3)`.
    """
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ModuleType(name)
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] != "code" or "setup" in tags:
            continue
        tree = ast.parse("".join(cell["source"]))
        tree.body = [node for node in tree.body if "parameters" in tags or isinstance(node, DEFINITIONS)]
        exec(compile(tree, f"{name}.ipynb", "exec"), code.__dict__)
    return code
