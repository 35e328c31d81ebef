"""Code takes the device of its inputs: what is seen of that without a GPU (tests/benchmarks/device.py needs one)."""

import ast
from pathlib import Path

import on_device
import pytest
import torch

from helpers import problems
from helpers.problems import Empirical, ground_truth
from helpers.rotations import rotate
from helpers.training import gaussian_init

HELPERS = Path(problems.__file__).parent
MODULES = (
    "problems", "penalties", "pruning", "training", "objective", "stack", "certificates", "rotations", "isometry",
)  # fmt: skip
NAMES = {function.__name__ for function in on_device.FACTORIES} | {"triu_indices"}


def without_a_device(source):
    """Calls of torch that make a tensor nowhere in particular: no device=, and no .to(...) around or after them."""
    tree, placed = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("to", "copy_"):
            inside = [node.func.value] + (node.args if node.func.attr == "copy_" else [])
            placed |= {id(call) for part in inside for call in ast.walk(part)}
        if isinstance(node, ast.FunctionDef) and node.name in on_device.MAKERS:
            placed |= {id(call) for call in ast.walk(node)}
    for node in ast.walk(tree):
        makes = isinstance(node, ast.Call) and ast.unparse(node.func) in {f"torch.{name}" for name in NAMES}
        if makes and id(node) not in placed and "device" not in [keyword.arg for keyword in node.keywords]:
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("name", MODULES)
def test_every_new_tensor_is_put_where_the_inputs_are(name):
    found = list(without_a_device((HELPERS / f"{name}.py").read_text(encoding="utf-8")))
    assert not found, f"{name}: give it device=, or .to(an input): {found}"


def test_a_tensor_without_a_place_is_found():
    assert list(without_a_device("def f(U):\n    return U @ torch.eye(3)")) == ["line 2: torch.eye(3)"]
    assert not list(without_a_device("def f(U):\n    return U @ torch.eye(3).to(U) + torch.ones(3, device=U.device)"))


def test_the_plugin_moves_what_tests_and_makers_create_and_nothing_else():
    with on_device.OnDevice("meta"):
        assert torch.ones(2).device.type == ground_truth(3, 1).device.type == gaussian_init(3, 2, scale=1).device.type
        assert torch.ones(2).device.type == "meta"
        assert torch.ones(2, device="cpu").device.type == "cpu"
        assert [torch.zeros(1) for _ in range(2)][1].device.type == "meta"
        assert problems.generator(0).device.type == "cpu"
        own = rotate.__globals__["generator"](0).get_state()  # made inside helpers/, for no input: it stays
    assert own.device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: run tests/benchmarks/device.py where one is")
def test_the_loss_on_a_gpu_is_the_loss_on_the_cpu():
    here = Empirical.sample(ground_truth(6, 2).cpu(), 60, noise=0.1)
    there = Empirical.sample(ground_truth(6, 2).cuda(), 60, noise=0.1)
    U = gaussian_init(6, 3, scale=1.0).cpu()
    assert there.loss(U.cuda()).device.type == "cuda"
    torch.testing.assert_close(there.loss(U.cuda()).cpu(), here.loss(U), rtol=1e-12, atol=0)
