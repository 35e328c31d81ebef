"""helpers/ is small, documented, layered one way, and leaves the reader's global state alone; tests measure no time."""

import ast
import importlib
import inspect
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from notebooks import ROOT, project_files

HELPERS = ROOT / "helpers"
MODULES = sorted(HELPERS.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Every module and room of helpers/, by layers: each imports from layers before its own only. A new one takes its place.
LAYERS = (
    {"arguments", "tables"},
    {"theory", "forms"},
    {"problems", "penalties"},
    {"pruning", "rotations", "isometry", "stack", "objective", "observed", "factors"},
    {"training", "certificates", "adapters"},
    {"networks", "digits", "untuned"},
    {"proofs", "figures", "checks"},
)
LONGEST_MODULE = 250  # what can be read in one sitting
DRAWS = ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "rand_like", "randn_like")
GLOBAL_STATE = re.compile(
    r"torch\.(manual_seed|seed|set_rng_state|set_default_dtype|set_default_device|set_num_threads|use_deterministic_algorithms)"
    r"|(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence)\w+|random\.seed"
)
CLOCKS = ("time", "timeit", "perf_counter", "process_time", "monotonic")
VAGUE = re.compile(r"utils?|misc|common|stuff|tmp|temp|new|old|data\d|helpers?\d")
# Absolute paths of somebody's machine, and paths into a hidden folder above.
MACHINE = re.compile(r"(?<![\w.~])/(?:home|root|Users|work|opt|mnt)/[\w.]|[A-Z]:\\{1,2}Users|[.][.]/[.]\w")

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))


def dotted(path):
    """The name under which a module of helpers/ is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(source):
    """The names of the book's modules that a source imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = "helpers" + (f".{node.module}" if node.module else "") if node.level else node.module or ""
            if module == "helpers":
                names += [alias.name for alias in node.names]
            elif module.startswith("helpers."):
                names.append(module.split(".")[1])
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("helpers.")]
    return names


def global_draws(source):
    """Calls that read or set a global random state, default dtype or thread count, as source text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = [keyword.arg for keyword in node.keywords]
            unseeded = name in [f"torch.{draw}" for draw in DRAWS] and "generator" not in keywords
            if unseeded or GLOBAL_STATE.fullmatch(name):
                found.append(ast.unparse(node))
    return found


def clocks(source):
    """Names of clocks that a source imports or calls."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.name for alias in node.names] + [getattr(node, "module", None)]
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
    return [name for name in names if name in CLOCKS]


def global_state():
    """What a reader's session has and helpers/ must leave as it is."""
    numpy_state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    torch_state = torch.get_rng_state().numpy().tobytes()
    return (random.getstate(), numpy_state, torch_state, torch.get_default_dtype(), torch.get_num_threads())


def upward_imports(imports):
    """From {module: names it imports}: what is on no layer, or does not come from one before, as sentences."""
    layer = {name: i for i, names in enumerate(LAYERS) for name in names}
    for module, names in imports.items():
        for name in sorted({module, *names} - set(layer)):
            yield f"{name} stands on no layer: give it its place in LAYERS"
        for name in sorted(names & set(layer)):
            if module in layer and layer[name] >= layer[module]:
                yield f"{module} imports {name}, which does not stand on a layer before its own"


def test_imports_run_one_way():
    imports = {}
    for path in MODULES:
        name = path.relative_to(HELPERS).parts[0].removesuffix(".py")
        imports.setdefault(name, set()).update(imported_modules(path.read_text(encoding="utf-8")))
    assert not imports.pop("__init__"), "helpers/__init__.py imports nothing: no re-export maze"
    wrong = list(upward_imports({name: names - {name} for name, names in imports.items()}))
    assert not wrong, "\n".join(wrong)


def test_the_map_has_a_line_for_every_module_and_no_other():
    listed = re.findall(r"^    ([\w.]+)  +\S", importlib.import_module("helpers").__doc__, re.M)
    there = [dotted(path).removeprefix("helpers.") for path in MODULES if dotted(path) != "helpers"]
    assert sorted(listed) == sorted(there)


@every_module
def test_modules_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE, f"{dotted(path)} has {lines} lines; split it by subject"


@every_module
def test_public_names_have_docstrings(path):
    module = importlib.import_module(dotted(path))
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    members = {
        f"{name}.{member}": getattr(cls, member)
        for name, cls in own.items()
        if inspect.isclass(cls) and name[0] != "_"
        for member, value in vars(cls).items()
        if inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)
    }
    bare = [name for name, value in (own | members).items() if "_" not in (name[0], *re.findall(r"\.(.)", name))]
    bare = [name for name in bare if not inspect.getdoc((own | members)[name])]
    assert inspect.getdoc(module), f"{dotted(path)} has no docstring"
    assert not bare, f"{dotted(path)}: {', '.join(bare)} without docstring"


@every_module
def test_no_call_touches_global_state(path):
    found = global_draws(path.read_text(encoding="utf-8"))
    assert not found, f"{dotted(path)}: {'; '.join(found)}; draw from a generator seeded by the argument seed"


def use_helpers():
    """The book's pipeline on a tiny problem, both ensembles."""
    from helpers.penalties import GroupLasso
    from helpers.problems import Empirical, ground_truth
    from helpers.pruning import prune
    from helpers.training import fine_tune, gaussian_init, train

    for path in MODULES:
        importlib.import_module(dotted(path))
    for ensemble in ("gaussian", "rank-one"):
        problem = Empirical.sample(ground_truth(4, 1, seed=1), 40, noise=0.1, ensemble=ensemble, seed=2)
        run = train(problem, gaussian_init(4, 3, scale=0.3, seed=3), penalty=GroupLasso(0.01, 0.01), steps=5)
        fine_tune(problem, prune(run.U, keep=1), steps=5)


def test_import_and_use_leave_global_state_alone():
    others = "import sklearn.datasets, torch, pandas, tqdm.auto"  # may draw while they load (rich does): not ours
    script = f"{others}\nfrom test_hygiene import *; old = global_state(); use_helpers(); assert global_state() == old"
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "book")))}
    run = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "path", [path for path in TESTS if path.parent.name not in ("benchmarks", "tools")], ids=lambda path: path.name
)
def test_tests_measure_no_time(path):
    found = clocks(path.read_text(encoding="utf-8"))
    assert not found, f"{path.name} uses {found}; timing belongs to tests/benchmarks/"


def test_names_say_what_is_inside():
    vague = [path for path in project_files() if VAGUE.fullmatch(path.stem) or VAGUE.fullmatch(path.parent.name)]
    assert not vague, f"{[str(path.relative_to(ROOT)) for path in vague]}: name files after what they hold"


def test_no_file_mentions_somebodys_machine():
    texts = {path.relative_to(ROOT): path.read_text(encoding="utf-8", errors="replace") for path in project_files()}
    found = [f"{name}: {match[0]}" for name, text in texts.items() for match in MACHINE.finditer(text)]
    assert not found, found
