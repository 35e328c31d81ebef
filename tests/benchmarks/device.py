"""The unit tests and the bench on a GPU, for a machine that has one and need not have the book's environment:

    python -m tests.benchmarks.device        # torch with CUDA, scipy, pytest, hypothesis and psutil are enough

It writes benchmarks_cuda.txt beside what it prints into the folder named by OUT, or here.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("problems", "forms", "penalties", "pruning", "training", "stack", "certificates", "rotations", "isometry")
FILES = [f"tests/helpers/test_{name}.py" for name in (*NAMES, "devices")] + ["tests/helpers/theory"]
# without the book's settings and conftest: they ask for plugins that only the book's environment has
OPTIONS = ["-c", os.devnull, "--rootdir", str(ROOT), "--noconftest", "--import-mode=importlib", "-p", "on_device"]


def main(device="cuda"):
    """Run both, and return 1 if a test failed."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "tests", "tests/book"))
    variables = os.environ | {"BOOK_DEVICE": device, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    parallel = ["-n", "8", "--dist", "loadscope"] if device != "cpu" else []
    tests = [sys.executable, "-m", "pytest", *OPTIONS, *parallel, "-q", "--tb=short", "-m", "not slow", *FILES]
    failed = subprocess.run(tests, cwd=ROOT, env=variables, check=False).returncode
    bench = [sys.executable, "-m", "tests.benchmarks.bench", "--device", device]
    run = subprocess.run(bench, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    print(run.stdout, run.stderr[-3000:])
    Path(os.environ.get("OUT", "."), f"benchmarks_{device}.txt").write_text(run.stdout, encoding="utf-8")
    return int(bool(failed or run.returncode))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
