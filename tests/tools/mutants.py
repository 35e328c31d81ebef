"""Change the mathematical modules place by place, and list the changes that no test notices: `make mutants`.

`python tests/tools/mutants.py [MODULE ...] [--workers N] [--every] [--share PART]`: in copies of the project, for each
module (theory/gap, penalties, ...; without a name all of MODULES), each operator, number and condition is changed, one
place at a time, by the operators of Cosmic Ray, and the module's unit tests run and, if they notice nothing, the rows
of its chapter. At a place Cosmic Ray knows up to a dozen changes: one of them is drawn, the same every time, unless
`--every` asks for all; `--share 0.3` draws among the places too. Each change is tested in a fork of a process that has
loaded the libraries but nothing of the book, so most take a second. Not for Windows.
"""

import argparse
import difflib
import importlib
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("digits", "sensing", "frames", "guarantee", "quadratic", "tuning", "landscape", "gap", "untuned", "factors")
# the modules above theory, and the chapters whose rows rest on them
ABOVE = {
    "penalties": ("landscape",),
    "isometry": ("sensing", "gap"),
    "rotations": ("landscape", "frames"),
    "certificates": ("landscape",),
    "pruning": ("frames",),
}
MODULES = [f"theory/{word}" for word in WORDS] + list(ABOVE)
SECONDS = 60  # of CPU for the tests of one change: twice what the slowest take
LIBRARIES = (
    "torch", "scipy.integrate", "scipy.optimize", "scipy.stats", "sympy", "hypothesis", "matplotlib.pyplot",
    "sklearn.datasets", "nbval.plugin", "nbclient", "nbformat", "markdown_it", "mdit_py_plugins.dollarmath", "filelock",
    "tqdm",
)  # fmt: skip


def tests_of(module):
    """The test modules that answer for helpers/MODULE.py, quick ones first."""
    word = module.removeprefix("theory/")
    chapters = ABOVE.get(word, ({"guarantee": "gap"}.get(word, word),))
    unit = [f"tests/helpers/{module}.py".replace(word, f"test_{word}"), f"tests/helpers/theory/test_{chapters[0]}.py"]
    if module.startswith("theory/"):
        unit.append("tests/helpers/theory/test_argument_ranges.py")
    names = dict.fromkeys(unit + [f"tests/statements/test_{chapter}.py" for chapter in chapters])
    return [name for name in names if (ROOT / name).exists()]


def changes_of(module, every, share, seed):
    """The changes of helpers/MODULE.py that are tried: (operator's name, number of the occurrence) of each."""
    tree, places = get_ast_from_path(ROOT / "helpers" / f"{module}.py"), {}
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments():
            continue
        positions = (start for node in ast_nodes(tree) for start, _ in operator().mutation_positions(node))
        kind = name.split("/")[-1].split("_")[0]  # ReplaceBinaryOperator_Add_Sub and _Add_Mul change one place
        for occurrence, start in enumerate(positions):
            places.setdefault((*start, kind), []).append((name, occurrence))
    tried = []
    for place, changes in sorted(places.items()):
        draw = random.Random(f"{seed} {module} {place}")
        if every or draw.random() < share:
            tried += sorted(changes) if every else [draw.choice(sorted(changes))]
    return tried


def notices(copy, tests):
    """Do these tests fail, in a fork of this process, in `copy`? A run that never ends counts as failed."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(copy)
        sys.dont_write_bytecode = True  # two changes of one second would share their bytecode
        with open(copy / "pytest.log", "w", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        status = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # whatever happened: nobody else's work goes on here


def work(module, changes):
    """In a copy of its own, try `changes` of one module; the diffs of those that no test noticed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "book"
        aside = shutil.ignore_patterns(".git", ".venv", ".colab", "_build", "__pycache__", ".*_cache", ".hypothesis",
                                       "grades")  # fmt: skip
        shutil.copytree(ROOT, copy, ignore=aside)
        target, tests, unnoticed = copy / "helpers" / f"{module}.py", tests_of(module), []
        before = target.read_text(encoding="utf-8")
        if notices(copy, tests):
            said = (copy / "pytest.log").read_text(encoding="utf-8")
            raise RuntimeError(f"the tests of helpers/{module}.py fail without any change: {' '.join(tests)}\n{said}")
        for name, occurrence in changes:
            after = mutate_code(before, get_operator(name)(), occurrence)
            target.write_text(after, encoding="utf-8")
            if not notices(copy, tests):
                lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
                unnoticed.append("\n".join([name, *list(lines)[2:]]))
        return unnoticed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--every", action="store_true", help="all changes at a place, not one of them")
    parser.add_argument("--share", type=float, default=1.0, help="the part of the places that is tried")
    parser.add_argument("--seed", type=int, default=0, help="of both draws")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    for library in LIBRARIES:
        importlib.import_module(library)
    modules = options.modules or [m for m in MODULES if (ROOT / "helpers" / f"{m}.py").exists()]
    tried, unnoticed = Counter(), Counter()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("fork")) as pool:
        jobs = []
        for module in modules:
            changes = changes_of(module, options.every, options.share, options.seed)
            tried[module] = len(changes)
            parts = [changes[i :: options.workers] for i in range(options.workers)]
            jobs += [(module, pool.submit(work, module, part)) for part in parts if part]
        for module, job in jobs:
            found = job.result()
            unnoticed[module] += len(found)
            print("\n".join([f"== helpers/{module}.py, a part: {len(found)} not noticed", *found]), flush=True)
    for module in modules:
        print(f"helpers/{module}.py: {tried[module]} changes, {unnoticed[module]} not noticed")
    print(f"{tried.total()} changes, {1 - unnoticed.total() / max(tried.total(), 1):.1%} noticed")


if __name__ == "__main__":
    main()
