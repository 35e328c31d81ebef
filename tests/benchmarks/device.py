"""The bench and the unit tests on a GPU, for a machine that has one and need not have the book's environment:

    python -m tests.benchmarks.device        # torch with CUDA, scipy, pytest, hypothesis and psutil are enough

What each of them prints goes to a file of its own as it comes, bench_DEVICE.txt and tests_DEVICE.txt, in the folder
named by OUT, or here, beside the numbers of the bench. Neither runs longer than it may: it is then interrupted, and
what was found until then stays.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "problems", "forms", "penalties", "pruning", "training", "stack", "certificates", "rotations", "isometry",
    "factors", "observed", "untuned", "adapters", "networks", "devices",
)  # fmt: skip
FILES = [f"tests/helpers/test_{name}.py" for name in NAMES] + ["tests/helpers/theory"]
# without the book's settings and conftest: they ask for plugins that only the book's environment has
OPTIONS = ["-c", os.devnull, "--rootdir", str(ROOT), "--noconftest", "--import-mode=importlib", "-p", "on_device"]
MINUTES = {"bench": 4, "tests": 3.5}


def main(device="cuda", *options):
    """Run both, the bench with these options, and return 1 if one of them failed or was interrupted."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "tests", "tests/book"))
    variables = os.environ | {
        "BOOK_DEVICE": device, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    parallel = importlib.util.find_spec("xdist") and device != "cpu"
    tests = ["pytest", *OPTIONS, *(["-n", "8"] if parallel else []), "-q", "--tb=short", "-m", "not slow", *FILES]
    out = Path(os.environ.get("OUT", "."))
    numbers = out / f"benchmarks_{device}.json"
    bench = ["tests.benchmarks.bench", "--device", device, "--numbers", str(numbers), *options]
    codes = [
        run("bench", [sys.executable, "-m", *bench], out / f"bench_{device}.txt", variables),
        run("tests", [sys.executable, "-m", *tests], out / f"tests_{device}.txt", variables),
    ]
    return int(any(codes))


def run(name, command, path, variables):
    """Run a command for as long as it may, what it prints to `path` and then here; its exit status."""
    with path.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=file, stderr=subprocess.STDOUT)
        try:
            process.wait(60 * MINUTES[name])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # pytest then still prints what failed
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
    print(f"== {name}: exit status {process.wait()}", path.read_text(encoding="utf-8")[-5000:], sep="\n", flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
