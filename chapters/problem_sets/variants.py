"""Draw private masters from the public ones, for marks that count (`make variant SEED=number`).

`python chapters/problem_sets/variants.py SEED FOLDER [--source FOLDER]`. The same seed draws the same masters. Hidden
instances get other seeds and sizes; in most problems the convention changes too (conventions.yml: a factor in the
loss, an exponent, a transpose, the order of an answer), in text, solution and check alike, so that the public answer
is wrong.
"""

import argparse
import random
import re
from pathlib import Path

import nbformat
import yaml

HERE = Path(__file__).resolve().parent
HIDDEN = re.compile(r"(?s)(### BEGIN HIDDEN TESTS\n)(.*?)(### END HIDDEN TESTS)")
SEED = re.compile(r"\b[1-9]\d?_?\d{3}\b(?= \+|\))")  # hidden instances have seeds from 1000 on, visible ones below
SIZE = re.compile(r"\b([nd])=(\d+)\b")
FACTORS = (2, 3, 5)
CONVENTIONS = yaml.safe_load((HERE / "conventions.yml").read_text(encoding="utf-8"))


def drawn(set_name, notebook, seed):
    """(a variant of a master, the names of the problems whose convention has changed). Raises ValueError when the
    master no longer has a text that a convention replaces."""
    rng = random.Random(f"{set_name} {seed}")
    notebook = nbformat.from_dict(notebook)
    cells = _cells(notebook)
    for name, cell in cells.items():
        if str(name).endswith("-check"):
            cell.source = HIDDEN.sub(lambda found: found[1] + _other_instances(found[2], rng) + found[3], cell.source)
    changed = [name for name in CONVENTIONS.get(set_name, {}) if rng.random() < 0.75]
    for problem in changed:
        factor = str(rng.choice(FACTORS))
        for name, old, new in CONVENTIONS[set_name][problem]:
            if cells[name].source.count(old) != 1:
                raise ValueError(f"{set_name}, {problem}: {name} has not once the text {old!r}")
            cells[name].source = cells[name].source.replace(old, new.replace("§", factor))
    notebook.metadata["variant"] = seed
    return notebook, changed


def _cells(notebook):
    """{nbgrader's name, or the number of the problem that a text states: cell}."""
    found = {}
    for cell in notebook.cells:
        if name := cell.metadata.get("nbgrader", {}).get("grade_id"):
            found[name] = cell
        elif heading := re.match(r"## Problem (\d+)\.", cell.source):
            found[int(heading[1])] = cell
    return found


def _other_instances(source, rng):
    source = SEED.sub(lambda found: str(int(found[0].replace("_", "")) + 10 * rng.randrange(10, 90)), source)
    return SIZE.sub(lambda found: f"{found[1]}={int(found[2]) + rng.randrange(3)}", source)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("seed", type=int)
    words.add_argument("folder", type=Path, help="where the variants go; the book's own masters are never overwritten")
    words.add_argument("--source", type=Path, default=HERE / "source")
    given = words.parse_args()
    if given.folder.resolve() in (given.source.resolve(), HERE / "source", HERE / "release"):
        words.error(f"{given.folder} holds the masters themselves: name another folder")
    for path in sorted(given.source.glob("*/*.ipynb")):
        if path.stem == path.parent.name:
            notebook, changed = drawn(path.stem, nbformat.read(path, as_version=4), given.seed)
            place = given.folder / path.stem / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(
                nbformat.writes(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
            )
            print(f"{place}: other hidden instances; another convention in {', '.join(changed) or 'no problem'}")


if __name__ == "__main__":
    main()
