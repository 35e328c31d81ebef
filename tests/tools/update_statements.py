"""Bring everything that is made from the statements up to date, and say what a statement still lacks.

`make statements`: the pages Proofs are made from the chapters; rows of the ledger that have no stored result, or of
which a fresh computation gives another, are measured; the Ledger page's table is made anew. Then every statement
without a proof, without a row or with a row that does not hold is named. With --all (`make ledger`) every row is
measured. --cluster ADDRESS (`make ledger CLUSTER=...`) measures on the workers of a Dask scheduler.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "book")]


def main(everything, cluster=None):
    import proofs_page
    from notebooks import chapter_paths, read
    from rules_statements import equations, proofs, statements
    from statements import ledger, ledger_table

    missing = []
    for path in chapter_paths():
        for rule in (statements, proofs, equations):
            missing += [f"{path.name}, {problem}" for problem in rule(read(path))]
    proofs_page.write()
    rows = ledger.updated([] if everything else ledger.read(), cluster=cluster)
    ledger_table.write(rows)
    measured, printed = {row["statement"] for row in rows}, ledger_table.titles()
    for number in printed:
        if number not in measured:
            missing.append(f"{printed[number][0]} has no row: write one with @measures in tests/statements/")
    missing += [f"{number} has a row and is no statement of the book" for number in sorted(measured - set(printed))]
    missing += [f"does not hold: {row['statement']} {row['quantity']}" for row in rows if not row["holds"]]
    print("\n".join(missing) or "Nothing is missing: every statement has its proof, a row that holds, and its page.")
    return bool(missing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="measure every row of the ledger again")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, as for grading")
    given = parser.parse_args()
    sys.exit(main(given.all, given.cluster))
