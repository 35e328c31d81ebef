"""The table of the Ledger page, made from the notebooks, the tests and the stored measurements."""

import re
from itertools import groupby
from pathlib import Path

import ledger
from notebooks import CHAPTERS, chapter_paths, read
from rules_statements import statements_of
from test_statements import marked_statements

TABLE = CHAPTERS / "data" / "ledger_table.md"
HEAD = (
    "Statement", "What is measured", "Predicted", "Relation", "Measured", "Range", "Tolerance", "Holds", "Size",
    "Proof, tests",
)  # fmt: skip
CLAIMS = {
    "P1": "the penalty makes pruning leave $r$ columns that fit",
    "P2": "fine-tuning is linear and statistically optimal",
    "P3": "without the penalty many columns stay",
    "P4": "quadratic networks behave the same",
}
WHERE_CLAIMED = "01_matrix_sensing.ipynb#what-the-paper-claims"


def titles():
    """{number: (label, name, link)} of the paper's claims P1 to P4 and of every numbered statement."""
    found = {claim: (f"Claim {claim}", name, WHERE_CLAIMED) for claim, name in CLAIMS.items()}
    for path in chapter_paths():
        text = "\n".join(cell.source for cell in read(path).markdown)
        for s in statements_of(read(path)):
            name = re.search(rf"\*\*{s.kind} {re.escape(s.number)}\*\* \((.*?); (?:proved here|known)\)", text)
            found[s.number] = (s.name, name[1], f"{path.name}#{s.anchor}")
    return found


def tests():
    """{number: names of the files that test it}."""
    files = {path.name: path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py")}
    return {
        number: ", ".join(f"`{name}`" for name in sorted(names)) for number, names in marked_statements(files).items()
    }


def page(rows):
    """The ledger in Markdown: its numbers, then a table a chapter with a row for each measurement."""
    results = [result for row in rows for result in row["results"]]
    failed = sum(not result["holds"] for result in results)
    statements = {row["statement"] for row in rows}
    parts = [
        f"The ledger holds {len(rows)} measurements of {len(statements)} statements and claims, "
        f"each at two sizes with at least {min(result['seeds'] for result in results)} seeds a size. "
        f"Of these {len(results)} results {failed or 'none'} {'is' if failed < 2 else 'are'} outside the tolerance.\n"
    ]
    names, files = titles(), tests()
    heads = {str(read(path).chapter): read(path).markdown[0].source.split("\n")[0][2:] for path in chapter_paths()}
    for chapter, some in groupby(rows, _chapter):
        parts.append(f"## Chapter {chapter}: {heads[chapter]}\n" if chapter in heads else "## Claims of the paper\n")
        parts.append(table(list(some), names, files))
    return "\n".join(parts)


def _chapter(row):
    return "" if row["statement"] in CLAIMS else row["statement"].split(".")[0]


def table(rows, names, files):
    """The rows of one chapter as a Markdown table; a cell holds a line for each size."""
    lines, before = [HEAD, ["---"] * len(HEAD)], None
    for row in rows:
        label, proof = statement(row["statement"], names, files) if row["statement"] != before else ("", "")
        columns = zip(*(_cells(row, result) for result in row["results"]), strict=True)
        predicted, found, spread, holds, size = ("<br>".join(column) for column in columns)
        relation, allowed = row["relation"], tolerance(row)
        lines.append([label, row["quantity"], predicted, relation, found, spread, allowed, holds, size, proof])
        before = row["statement"]
    text = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return f"```{{table}}\n:class: ledger\n\n{text}```\n"


def _cells(row, result):
    size = ", ".join(f"{key} = {value}" for key, value in result["size"].items())
    predicted = number(result["mean predicted" if row["of"] == "mean" else "predicted"])
    return predicted, measured(row, result), spread(result), "yes" if result["holds"] else "**no**", size


def statement(number, names, files):
    """The cells that name a statement, and that say where it is proved and tested."""
    label, name, target = names[number]
    proof = "" if number in CLAIMS else f"[proof](proofs.md#thm-{number.replace('.', '-')}), {files[number]}"
    return f"[{label}]({target}): {name}", proof


def number(value):
    return f"{value:.0e}".replace("e-0", "e-") if 0 < abs(value) < 1e-6 else f"{value:.4g}"


def measured(row, result):
    """The median over the seeds, or the mean and its standard error where the statement is about a mean."""
    if row["of"] == "mean":
        return f"{number(result['mean'])} ± {result['standard error']:.1g}"
    return number(result["measured"])


def spread(result):
    """The range over the seeds: of the ratio measured / predicted where the prediction is another for each seed."""
    name, ends = ("ratio ", result["ratios"]) if "ratios" in result else ("", (result["low"], result["high"]))
    return name + " to ".join(dict.fromkeys(number(end) for end in ends))


def tolerance(row):
    """The stated tolerance: relative ones in percent where that reads better."""
    value, percent = row["tolerance"], row["relative"] and row["tolerance"] >= 1e-3
    shown = f"{100 * value:.3g} %" if percent else f"{value:.0e}".replace("e-0", "e-") if value else "0"
    return shown + (", of the mean" if row["of"] == "mean" else "")


def write(rows):
    ledger.write(rows)
    TABLE.write_text(page(rows), encoding="utf-8")
