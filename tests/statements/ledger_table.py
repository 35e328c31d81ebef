"""The table of the Ledger page, made from the notebooks, the tests and the stored measurements."""

import re
from itertools import groupby

from notebooks import CHAPTERS, chapter_paths, read
from rules_statements import statements_of
from statements import ledger

TABLE = CHAPTERS / "data" / "ledger_table.md"
HEAD = ("Statement", "Holds", "What is measured", "Predicted", "Measured", "Range over the seeds", "Shape")
CLAIMS = {
    "P1": "the penalty makes pruning leave $r$ columns that fit",
    "P2": "fine-tuning is linear and statistically optimal",
    "P3": "without the penalty many columns stay",
    "P4": "quadratic networks behave the same",
}
WHERE_CLAIMED = "01_matrix_sensing.ipynb#what-the-paper-claims"
LOOSE = "yes; cannot refute the constant"


def titles():
    """{number: (label, name, link)} of the paper's claims P1 to P4 and of every numbered statement."""
    found = {claim: (f"Claim {claim}", name, WHERE_CLAIMED) for claim, name in CLAIMS.items()}
    for path in chapter_paths():
        text = "\n".join(cell.source for cell in read(path).markdown)
        for s in statements_of(read(path)):
            name = re.search(rf"\*\*{s.kind} {re.escape(s.number)}\*\* \((.*?); (?:proved here|known)\)", text, re.S)
            found[s.number] = (s.name, " ".join(name[1].split()), f"{path.name}#{s.anchor}")
    return found


def page(rows):
    """The ledger in Markdown: its numbers, then a table a chapter with a row for each measurement."""
    statements, failed = {row["statement"] for row in rows}, sum(not row["holds"] for row in rows)
    seeds = min(result["seeds"] for row in rows for result in row["results"])
    loose = sum(row["loose"] for row in rows)
    held = f"{failed} of them {'do' if failed > 1 else 'does'} not hold" if failed else "All of them hold"
    parts = [
        f"The ledger holds {len(rows)} measurements of {len(statements)} statements and claims, each at three or more "
        f"shapes with at least {seeds} seeds a shape. {held}; {loose} stay too far from their bound to refute its "
        "constant, and say so.\n"
    ]
    names = titles()
    heads = {str(read(path).chapter): read(path).markdown[0].source.split("\n")[0][2:] for path in chapter_paths()}
    for chapter, some in groupby(rows, _chapter):
        parts.append(f"## Chapter {chapter}: {heads[chapter]}\n" if chapter in heads else "## Claims of the paper\n")
        parts.append(fold(list(some), names))
    return "\n".join(parts)


def _chapter(row):
    return "" if row["statement"] in CLAIMS else row["statement"].split(".")[0]


def fold(rows, names):
    """The table of a chapter, closed until it is asked for below a line that says how its rows came out."""
    failed, loose = sum(not row["holds"] for row in rows), sum(row["loose"] for row in rows)
    said = f"{len(rows)} measurements: {f'{failed} fail' if failed else 'all hold'}"
    said += f", {loose} cannot refute the constant" if loose else ""
    return f'<details class="fold"><summary>{said}</summary>\n\n{table(rows, names)}\n</details>\n'


def table(rows, names):
    """The rows of one chapter as a Markdown table; a cell holds a line for each shape."""
    lines, before = [HEAD, ["---"] * len(HEAD)], None
    for row in rows:
        label = statement(row["statement"], names) if row["statement"] != before else ""
        columns = zip(*(_cells(row, result) for result in row["results"]), strict=True)
        predicted, found, spread, shape = ("<br>".join(column) for column in columns)
        lines.append([label, verdict(row), row["quantity"], predicted, found, spread, shape])
        before = row["statement"]
    text = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return f"```{{table}}\n:class: ledger\n\n{text}```\n"


def verdict(row):
    """Whether the row holds, and whether it could have failed by a wrong constant."""
    return "**no**" if not row["holds"] else LOOSE if row["loose"] else "yes"


def _cells(row, result):
    shape = ", ".join(f"{key} = {value}" for key, value in result["shape"].items())
    predicted = number(result["mean predicted" if row["relation"] in ("≈", "→") else "predicted"])
    return predicted, f"{row['relation']} {measured(row, result)}", spread(result), shape


def statement(number, names):
    """The cell that names a statement and leads to its proof."""
    label, name, target = names[number]
    proof = "" if number in CLAIMS else f" ([proof](proofs/{target.replace('.ipynb', '.md')}))"
    return f"[{label}]({target}): {name}{proof}"


def number(value):
    return f"{value:.0e}".replace("e-0", "e-") if 0 < abs(value) < 1e-6 else f"{value:.4g}"


def measured(row, result):
    """The median over the seeds, or the mean and its standard error where the statement is about a mean or a limit."""
    if row["relation"] in ("≈", "→"):
        return f"{number(result['mean'])} ± {result['standard error']:.1g}"
    return number(result["measured"])


def spread(result):
    """The range over the seeds: of the ratio measured / predicted where the prediction is another for each seed."""
    name, ends = ("ratio ", result["ratios"]) if "ratios" in result else ("", (result["low"], result["high"]))
    return name + " to ".join(dict.fromkeys(number(end) for end in ends))


def write(rows):
    ledger.write(rows)
    TABLE.write_text(page(rows), encoding="utf-8")
