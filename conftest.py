"""Shared by all tests: one thread, no window; and chapters that run once, with all that is looked at after their run.

nbval makes each cell of a chapter a test. Here follow, in the kernel of the chapter and after its last cell, the code
of every folded solution, and a look at the figures that appeared.
"""

import os

import matplotlib
import nbformat
import pytest
import torch
from hypothesis import HealthCheck, settings
from nbval.plugin import IPyNbCell, IPyNbFile
from notebooks import read
from parametrised import none_of
from rules_figures import outputs
from rules_statements import solutions_to_run
from xdist.scheduler import LoadScopeScheduling

matplotlib.use("Agg")  # here only, not in the environment: the kernels that run chapters draw inline
torch.set_num_threads(1)
# no example fails because the machine is busy
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


# Modules whose tests take minutes, the longest first, before all the others: two processes end together.
LONG = ("test_grading", "test_pages", "test_teaching", "test_extremes", "test_alone", "test_coursework")
APART = ("test_extremes.py", "test_alone.py")  # their long tests share nothing, so they may run in two processes


def pytest_collection_modifyitems(items):
    """What takes longest begins first: chapters, the last of them foremost, then LONG."""
    chapters = [item for item in items if isinstance(item.parent, Chapter)]
    chapters.sort(key=lambda item: item.path, reverse=True)
    others = [item for item in items if not isinstance(item.parent, Chapter)]
    others.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    items[:] = chapters + others


class Modules(LoadScopeScheduling):
    """Deals the tests to processes module by module, which share fixtures, and those of APART one by one."""

    def _split_scope(self, nodeid):
        module = super()._split_scope(nodeid)
        return nodeid if module.endswith(APART) else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Modules(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    collectors = yield
    return [Chapter.from_parent(c.parent, path=c.path) if isinstance(c, IPyNbFile) else c for c in collectors]


class Chapter(IPyNbFile):
    """A notebook's cells, the solutions of its exercises, its figures: a test each, in this order."""

    def collect(self):
        self.cells = list(super().collect())
        yield from self.cells
        plain = {"cell_num": len(self.cells), "options": dict.fromkeys(("skip", "check", "check_exception"), False)}
        for number, source in solutions_to_run(read(self.path)).items():
            cell = nbformat.v4.new_code_cell(source)
            yield IPyNbCell.from_parent(self, name=f"Solution {number}", cell=cell, **plain)
        yield Figures.from_parent(self, name="Figures")


class Figures(pytest.Item):
    """A test that each figure that appeared is described."""

    def runtest(self):
        document = read(self.path)
        for cell, ran in zip(document.code, self.parent.cells, strict=True):
            if ran.test_outputs is None:
                pytest.skip("some cells did not run")
            # a value is shown unless a semicolon follows: IPython looks into its history, and nbval keeps none
            quiet = cell.source.rstrip().endswith(";")
            cell.outputs = [o for o in ran.test_outputs if not (quiet and o.output_type == "execute_result")]
        none_of(outputs(document), self.path)

    def repr_failure(self, excinfo):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}::Figures"


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder of this test session, the same one for all its worker processes, outside any checkout."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "book"
    folder.mkdir(exist_ok=True)
    return folder
