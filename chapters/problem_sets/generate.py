"""Make the student versions of the problem sets, and their table on the Coursework page (`make coursework`).

`python chapters/problem_sets/generate.py [--source FOLDER] [--release FOLDER]`; without options the book's own.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
PAGE = HERE.parent / "coursework.md"
TABLE = re.compile(r"(?s)(<!-- written by make coursework -->\n).*?(<!-- end -->)")
PROBLEM = re.compile(r"^## Problem (\d+)\. (.+)\n\n\*(\d+) points?, (\d+) minutes?[^*]*\*", re.MULTILINE)


def released(notebook):
    """A student version as it is committed: no traces of the editor, cells named by their place."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return nbformat.writes(notebook, indent=1, ensure_ascii=False) + "\n"


def problems(notebook):
    """[(number, name, points, minutes)] of a set, as its headings say them."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [(int(n), name, int(points), int(minutes)) for n, name, points, minutes in PROBLEM.findall(text)]


def table(sets, config):
    """The Markdown table of the Coursework page: each set's notebook, Colab link, problems, points, minutes."""
    repository = yaml.safe_load(config).get("repository", {})
    address = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(\.git)?/?", repository.get("url") or "")
    colab = "https://colab.research.google.com/github/{}/blob/{}/chapters/problem_sets/release/{}/{}.ipynb"
    head = ["problem set", *["open in"] * bool(address), "problems", "points", "minutes"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, notebook in sets.items():
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# Problem set ")
        found = problems(notebook)
        cells = [f"{{download}}`{title} <problem_sets/release/{name}/{name}.ipynb>`"]  # a plain link is no page here
        if address:
            cells.append(f"[Colab]({colab.format(address[1], repository.get('branch') or 'main', name, name)})")
        cells += [" · ".join(problem[1] for problem in found)]
        cells += [str(sum(problem[i] for problem in found)) for i in (2, 3)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def with_table(page, text):
    """The page with a new table between its two marks."""
    return TABLE.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--source", type=Path, default=HERE / "source")
    words.add_argument("--release", type=Path, default=HERE / "release")
    given = words.parse_args()
    from grading.record import Course

    sets = {}
    with tempfile.TemporaryDirectory() as folder:
        course = Course(Path(folder), HERE / "nbgrader_config.py")
        for path in sorted(given.source.glob("*/*.ipynb")):
            if path.stem == path.parent.name:
                sets[path.stem], release, _ = course.add_set(path)
                place = given.release / path.stem / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(released(release), encoding="utf-8", newline="\n")
                print(f"{place}: {len(problems(sets[path.stem]))} problems")
    if given.source.resolve() == HERE / "source" and PAGE.exists():
        page = with_table(PAGE.read_text(encoding="utf-8"), table(sets, (HERE.parents[1] / "_config.yml").read_text()))
        PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
