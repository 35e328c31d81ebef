"""A pytest plugin that runs the unit tests on another device than the CPU: what a reader with a GPU would see.

    BOOK_DEVICE=cuda python -m pytest -p on_device tests/helpers      (tests/benchmarks/device.py runs it)

Tensors that a test makes, at its file's top too, and those of helpers that take no tensor (`MAKERS`, networks), come
to that device. Whatever else in helpers/ makes a tensor must put it where its inputs are: nothing is moved for it.
Without BOOK_DEVICE nothing changes; where the device is not there, every test is skipped, and the summary says why.
"""

import os
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

hypothesis.settings.register_profile("device", deadline=None)  # a kernel's first call takes its time
DEVICE = os.environ.get("BOOK_DEVICE", "cpu")
HELPERS = str(Path(__file__).resolve().parents[1] / "helpers") + os.sep
MAKERS = ("ground_truth", "gaussian_init", "random_frame", "random_low_rank")
FACTORIES = (
    torch.randn, torch.rand, torch.randint, torch.randperm, torch.tensor, torch.as_tensor, torch.zeros, torch.ones,
    torch.full, torch.eye, torch.arange, torch.linspace, torch.logspace, torch.empty,
)  # fmt: skip


class OnDevice(TorchFunctionMode):
    """Puts what tests and makers create on `device`, and gives tests numbers when they ask for numpy arrays."""

    def __init__(self, device):
        super().__init__()
        self.device = torch.device(device)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        makes = func in FACTORIES and kwargs.get("device") is None
        if makes and (self._of_a_test() or self._of_a_maker()):
            return func(*args, **kwargs).to(self.device)
        if func in (torch.Tensor.numpy, torch.Tensor.__array__) and self._of_a_test():
            return func(args[0].cpu(), *args[1:], **kwargs)
        return func(*args, **kwargs)

    def _of_a_test(self):
        return not _caller().f_code.co_filename.startswith(HELPERS)

    def _of_a_maker(self):
        return _caller().f_code.co_name in MAKERS


def _caller():
    """The frame that called torch: the first outside torch, numpy and this file."""
    inside = (__file__, *(str(Path(module.__file__).parent) for module in (torch, np)))
    nameless, frame = ("<genexpr>", "<lambda>", "<listcomp>"), sys._getframe(1)
    while frame.f_code.co_filename.startswith(inside) or frame.f_code.co_name in nameless:
        frame = frame.f_back
    return frame


def there(device):
    """Whether torch can compute on this device."""
    return device == "cpu" or (device.split(":")[0] == "cuda" and torch.cuda.is_available())


def pytest_report_header():
    name = torch.cuda.get_device_name() if DEVICE != "cpu" and there(DEVICE) else ""
    return f"the book's tensors live on: {DEVICE} {name}"


def pytest_configure(config):
    if DEVICE == "cpu" or not there(DEVICE):
        return
    hypothesis.settings.load_profile("device")
    mode = OnDevice(DEVICE)
    mode.__enter__()  # from here on: test files make tensors when they are read, too
    config.add_cleanup(lambda: mode.__exit__(None, None, None))
    from helpers.networks import QuadraticNetwork

    made = QuadraticNetwork.__init__

    def on_device(network, *sizes, **options):
        made(network, *sizes, **options)
        network.to(DEVICE)

    QuadraticNetwork.__init__ = on_device


@pytest.fixture(autouse=True)
def _the_device_is_there():
    if not there(DEVICE):
        pytest.skip(f"BOOK_DEVICE={DEVICE}: torch {torch.__version__} finds no such device here")
