"""Five pieces of work, timed in one process in turn with what a reader would write first: `make bench`.

    python -m tests.benchmarks.bench [W1 W2 ...] [--device cuda] [--quick] [--numbers FILE] [--page]

--numbers keeps what was measured; on a quiet machine that is chapters/data/benchmarks_cpu.json (or _cuda), from which
--page makes the page chapters/benchmarks.md, measuring nothing. --quick takes small sizes. Nothing here asserts a time;
test_bench.py asserts columns, errors and evaluations at small sizes, and that the page is that of the stored numbers.
"""

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path

import torch

from .machine import Machine
from .results import DATA, by_column, made_with, store
from .scale import growth, w3, w4, w5
from .works import w1, w2

PAGE = Path(__file__).parents[2] / "chapters" / "benchmarks.md"
COMMAND = "python -m tests.benchmarks.bench"
WORKS = {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5}
QUICK = {
    "W1": {"d": 16, "k": 16, "n": 1500, "turns": 1},
    "W2": {"d": 16, "k": 16, "n": 1500, "turns": 1},
    "W3": {"d": 8, "n": 100, "seeds": 2, "steps": 50, "turns": 1},
    "W4": {"d": 20, "k": 30, "r": 2, "n": 4000},
    "W5": {"d": 20, "r": 2, "n": 2000},
}
HEAD = ("Work", "Against", "What bounds it", "Time", "Reached")
INTRODUCTION = r"""# Benchmarks

How fast are the helpers, and beside what? Each work is timed in one process, in turn with what a reader would write
first in PyTorch, in its fast form: automatic differentiation over $\mathcal{A}(UU^\top)$, with $UU^\top$ formed first.
The second peer is conjugate gradients on the manifold of matrices of rank $r$ (pymanopt, in float64), which is told
$r$; the helpers are not. The targets were set beforehand, for one core, and a miss stays in the table beside what
bounds it.

- *Time* is in CPU seconds of the helpers, on a GPU in seconds. The ratio is the other side's time divided by it; where
  the other side is counted in gradients, its number of them divided by the helpers'.
- *Autograd, a + b steps*: gradient descent takes $a$ steps to the right number of columns, and $b$ of fine-tuning until
  its error is within 1 % of the oracle's. Its step is timed, its steps are counted. The row says in which precision it
  computes; where that is float64 and the helpers' is float32, the CPU's table has the ratio for float32 beside it.
- *Columns counted on m of them*: training with the penalty reads only the first quarter of the measurements. Whether
  they are enough for the right number of columns is in the last column; fine-tuning reads all, and so does the oracle.
  A step of descent on a quarter would take a quarter of the time, too.
- *Columns 3 of 50*: so many stay above the pruning threshold. *Error / oracle* is $\lVert\hat X - M\rVert_F$ divided by
  that of the fit which was told $r$. $\lVert\nabla F\rVert$ is where training stopped, before pruning. *Gradients* are
  those that training and fine-tuning computed.
- *What bounds it*: parts of the work alone. The machine's own limits stand above each table; what fits a cache, as the
  Gram matrix in float32 may, is read faster than memory.
"""


def cells(row):
    """A row, a dict, as the texts of its cells; a cell may have lines, and what was not measured is left out."""
    times = [
        "" if row["seconds"] is None else f"{row['seconds']:.2g} s",
        "" if row["ratio"] is None else f"{row['ratio']:.3g}×",
        row["target"] and f"target {row['target']}",
    ]
    reached = [
        row["columns"] and f"columns {row['columns']}",
        "" if row["error"] is None else f"error / oracle {row['error']:.4f}",
        "" if row["gradient"] is None else f"‖∇F‖ {row['gradient']:.1e}",
        "" if row["evaluations"] is None else f"{row['evaluations']} gradients",
    ]
    lines = ["<br>".join(filter(None, cell)) for cell in (times, reached)]
    return [row["work"], row["against"], row["limit"], *lines]


def table(head, rows):
    """A table for a MyST page, which scrolls inside itself where it is wide."""
    lines = "".join("| " + " | ".join(row) + " |\n" for row in [head, ["---"] * len(head), *rows])
    whole = re.sub(r"(?<=\de)-(?=\d)", "-\u2060", lines)  # no line ends inside 1.9e-03
    return f"```{{table}}\n:class: ledger\n\n{whole}```\n"


def measure(names, device, *, quick=False):
    """Run the works, printing each row as it comes: (provenance, rows as dicts)."""
    torch.set_num_threads(1)  # the works are small, and a ratio of CPU seconds should not count waiting threads
    machine, rows = Machine(device).measure_limits(), []
    print(machine, flush=True)
    for name in names:
        for row in WORKS[name](machine, **(QUICK[name] if quick else {})):
            rows.append(asdict(row))
            print(" | ".join(cells(rows[-1])).replace("<br>", ", "), flush=True)
    grown = {}
    for name, found in growth(machine, **({"largest": 800, "repeat": 2} if quick else {})):
        grown[name] = {str(at): float(f"{milliseconds:.3g}") for at, milliseconds in found.items()}
        print(name, grown[name], flush=True)
    how = made_with(COMMAND, "torch", "numpy", "scipy") | {"machine": str(machine), "milliseconds": grown}
    return how, rows


def page():
    """The page, from the numbers that are stored: Markdown."""
    text = INTRODUCTION
    for path in sorted(DATA.glob("benchmarks_*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        how, columns = found["provenance"], found["rows"]
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        grown = [
            [name, *(f"{at}: {milliseconds:.2g}" for at, milliseconds in values.items())]
            for name, values in how["milliseconds"].items()
        ]
        text += f"\n## On {how['machine'].split(';')[0]}\n\n`{how['command']}` on: {how['machine']}.\n\n"
        text += table(HEAD, map(cells, rows))
        text += "\nOne gradient in float64 as one number grows and the others stay, value: milliseconds.\n\n"
        text += table(("What grows", "Small", "Larger", "Large"), grown)
    return text


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("works", nargs="*", choices=[[], *WORKS], help="default: all")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run?")
    parser.add_argument("--numbers", type=Path, metavar="FILE", help="keep the numbers in this file")
    parser.add_argument("--page", action="store_true", help="only make the page, of the numbers that are stored")
    given = parser.parse_args()
    if given.page:
        PAGE.write_text(page(), encoding="utf-8")
        return
    how, rows = measure(given.works or WORKS, given.device, quick=given.quick)
    if given.numbers:
        store(given.numbers, how, by_column(rows, digits=4))


if __name__ == "__main__":
    main()
