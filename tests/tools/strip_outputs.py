"""Remove outputs, execution counts and what an editor leaves behind from the chapters, or from the files named.

`python tests/tools/strip_outputs.py [FILES]`. The result is the form in which notebooks are committed: indented by one
blank, Unicode as it is, a newline at the end.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT_OF_CELL = {"tags", "mystnb"}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stripped(text):
    """The notebook `text` (JSON) without outputs, counts and editor metadata."""
    notebook = json.loads(text)
    notebook["metadata"] = METADATA
    for cell in notebook["cells"]:
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key in KEPT_OF_CELL}
        if isinstance(cell["source"], str):
            cell["source"] = cell["source"].splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(paths):
    for path in paths:
        text = path.read_text(encoding="utf8")
        if stripped(text) != text:
            path.write_text(stripped(text), encoding="utf8", newline="\n")
            print(f"stripped {path}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted((ROOT / "chapters").glob("*.ipynb")))
