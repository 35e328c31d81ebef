"""Change the mathematical modules place by place, and list the changes that no test notices: `make mutants`.

`python tests/tools/mutants.py [MODULE ...] [--workers N] [--every]`: in copies of the project, for each module
(theory/gap, penalties, ...; without a name all of MODULES), Cosmic Ray changes an operator, a number or a condition at
each place where one stands, one place at a time, and runs the module's unit tests and, if they notice nothing, the rows
of its chapter. At a place it knows up to a dozen changes: one of them is drawn, the same every time, unless `--every`
asks for all.
The core-minutes of one module: 3 for the short ones, 30 for theory/gap.
"""

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("digits", "sensing", "frames", "guarantee", "quadratic", "tuning", "landscape", "gap")
# the modules above theory, and the chapters whose rows rest on them
ABOVE = {
    "penalties": ("landscape",),
    "isometry": ("sensing", "gap"),
    "rotations": ("landscape", "frames"),
    "certificates": ("landscape",),
    "pruning": ("frames",),
}
MODULES = [f"theory/{word}" for word in WORDS] + list(ABOVE)
SECONDS = 300  # for the tests of one change
CONFIG = """[cosmic-ray]
module-path = "helpers/{module}.py"
timeout = {seconds}
excluded-modules = []
test-command = "{python} -m pytest -q -x -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""


def tests_of(module, copy):
    """The test modules that answer for helpers/MODULE.py, quick ones first."""
    word = module.removeprefix("theory/")
    chapters = ABOVE.get(word, ({"guarantee": "gap"}.get(word, word),))
    unit = [f"tests/helpers/{module}.py".replace(word, f"test_{word}"), f"tests/helpers/theory/test_{chapters[0]}.py"]
    names = dict.fromkeys(unit + [f"tests/statements/test_{chapter}.py" for chapter in chapters])
    return " ".join(name for name in names if (copy / name).exists())


def cosmic_ray(copy, *arguments):
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"cosmic-ray {' '.join(arguments)}: {done.stderr or done.stdout}")





def keep_share(session, worker, workers, every):
    """Of all changes in the file `session`, leave this worker's: those of every `workers`-th place."""
    with sqlite3.connect(session) as database:
        rows = database.execute(
            "select job_id, operator_name, operator_args, occurrence, start_pos_row, start_pos_col from mutation_specs"
        ).fetchall()
        places = {}
        for job, name, given, occurrence, row, column in rows:
            kind = name.split("/")[-1].split("_")[0]  # ReplaceBinaryOperator_Add_Sub and _Add_Mul change one place
            places.setdefault((row, column, kind), []).append((name, str(given), occurrence, job))
        kept = []
        for number, (place, changes) in enumerate(sorted(places.items())):
            if number % workers == worker:
                changes = sorted(changes)
                kept += changes if every else [random.Random(str(place)).choice(changes)]
        kept = {change[-1] for change in kept}
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", [(r[0],) for r in rows if r[0] not in kept])


def outcomes(module, copy, worker, workers, every):
    """Run one worker's changes of one module in its copy; (test outcome, diff) of each."""
    name = module.replace("/", "_")
    config, session = copy / f"{name}.toml", copy / f"{name}.sqlite"
    tests = tests_of(module, copy)
    text = CONFIG.format(module=module, seconds=SECONDS, python=sys.executable, tests=tests)
    config.write_text(text, encoding="utf-8")
    if worker == 0:
        cosmic_ray(copy, "baseline", config.name)  # without any change the tests must pass
    cosmic_ray(copy, "init", config.name, session.name)
    keep_share(session, worker, workers, every)
    cosmic_ray(copy, "exec", config.name, session.name)
    with sqlite3.connect(session) as database:
        return database.execute("select test_outcome, diff from work_results").fetchall()


def copy_of_project(folder):
    aside = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", ".hypothesis", "grades")
    shutil.copytree(ROOT, folder, ignore=aside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--every", action="store_true", help="all changes at a place, not one of them")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    changes, unnoticed = Counter(), Counter()

    def work(worker):
        """One copy, and in it module after module: its share of the changes of each."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "book"
            copy_of_project(copy)
            for module in options.modules:
                found = outcomes(module, copy, worker, options.workers, options.every)
                survived = [diff for test, diff in found if "SURVIVED" in str(test).upper()]
                changes[module] += len(found)
                unnoticed[module] += len(survived)
                head = f"== helpers/{module}.py: {len(survived)} of {len(found)} not noticed"
                print("\n".join([head, *survived]), flush=True)

    with ThreadPoolExecutor(options.workers) as pool:
        list(pool.map(work, range(options.workers)))
    print("module, changes, not noticed")
    for module in options.modules:
        print(f"helpers/{module}.py {changes[module]} {unnoticed[module]}")
    noticed = 1 - unnoticed.total() / max(changes.total(), 1)
    print(f"{changes.total()} changes, {noticed:.1%} noticed")


if __name__ == "__main__":
    main()
