"""Run every measurement on every seed and write the ledger: `make ledger`. With --page only the table is made anew."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def main():
    import ledger
    import ledger_table

    rows = ledger.read() if "--page" in sys.argv else ledger.rows()
    ledger_table.write(rows)
    failed = [row for row in rows if not all(result["holds"] for result in row["results"])]
    for row in failed:
        print(f"outside its tolerance: {row['statement']} {row['quantity']}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
