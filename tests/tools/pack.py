"""`make zip`: what a notebook needs that stands alone, helpers/ and its data, in one small file.

`python tests/tools/pack.py [FILE]`: the set-up cell of a chapter or problem set finds prune-greedily.zip beside the
notebook, in the files of a Colab session, or in a mounted Drive. The same files give the same bytes.
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "prune-greedily"
WHAT = ("helpers/**/*", "chapters/data/*.json", "LICENSE")


def pack(target, root=ROOT):
    """Write the zip file `target`; how many files it holds."""
    paths = sorted({path for pattern in WHAT for path in root.glob(pattern) if path.is_file()})
    paths = [path for path in paths if "__pycache__" not in path.parts]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in paths:
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(root).as_posix()}", (2026, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(entry, path.read_bytes())
    return len(paths)


if __name__ == "__main__":
    file = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / f"{NAME}.zip")
    count = pack(file)
    size = file.stat().st_size / 1000
    print(f"{file.name}: {count} files, {size:.0f} kB. Put it beside a notebook that stands alone.")
