"""Shared by all tests: one thread, no window, and chapters that run once however many tests look at the result."""

import functools
import os

import matplotlib
import pytest
import torch
from chapter_runs import executed

matplotlib.use("Agg")  # here only, not in the environment: the kernels that run chapters draw inline
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder of this test session, the same one for all its worker processes, outside any checkout."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "book"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def executed_chapter(shared):
    """Maps a chapter's path to the notebook as it is after a run alone in an empty folder."""
    return functools.partial(executed, shared=shared)
