"""Change the mathematical modules place by place, and list the changes that no test notices: `make mutants`.

`python tests/tools/mutants.py [WORD ...]`: in a copy of the project, for each module of helpers/theory (all of them, or
those named), Cosmic Ray makes every change it knows of an operator, a number or a condition, one at a time, and runs
the module's unit tests and, if they notice nothing, the rows of its chapter. Hours for all; minutes for a short one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SECONDS = 600  # for the tests of one change
CONFIG = """[cosmic-ray]
module-path = "helpers/theory/{word}.py"
timeout = {seconds}
excluded-modules = []
test-command = "{python} -m pytest -q -x -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""


def tests_of(word, copy):
    """The test modules that answer for helpers/theory/WORD.py, quick ones first."""
    chapter = {"guarantee": "gap"}.get(word, word)
    names = (f"tests/helpers/theory/test_{chapter}.py", f"tests/statements/test_{chapter}.py")
    return " ".join(name for name in names if (copy / name).exists())


def survivors(word, copy):
    """Run all changes of one module in the copy; the report of those that no test noticed."""
    config, session = copy / f"{word}.toml", copy / f"{word}.sqlite"
    tests = tests_of(word, copy)
    config.write_text(CONFIG.format(word=word, seconds=SECONDS, python=sys.executable, tests=tests), encoding="utf-8")
    for command in (["init", config.name, session.name], ["exec", config.name, session.name]):
        subprocess.run([BIN / "cosmic-ray", *command], cwd=copy, check=True)
    report = [BIN / "cr-report", "--surviving-only", "--show-diff", session.name]
    return subprocess.run(report, cwd=copy, check=True, capture_output=True, text=True).stdout


def main(words):
    sys.path.insert(0, str(ROOT / "tests" / "book"))
    from notebooks import project_files

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for path in project_files():
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        os.environ["OMP_NUM_THREADS"] = "1"
        for word in words or sorted(path.stem for path in (ROOT / "helpers" / "theory").glob("[a-z]*.py")):
            print(f"== helpers/theory/{word}.py", flush=True)
            print(survivors(word, copy), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
