"""Write chapters/proofs.md from the chapters: `make proofs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import proofs_page

if __name__ == "__main__":
    proofs_page.PAGE.write_text(proofs_page.page(), encoding="utf8")
