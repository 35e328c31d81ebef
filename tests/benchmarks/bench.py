"""Five pieces of work, timed in one process in turn with what a reader would write first: `make bench`.

    python -m tests.benchmarks.bench [W1 W2 ...] [--device cuda] [--page]

Ratios are of CPU seconds (on a GPU of seconds), so that a busy machine disturbs them little; beside each stand what was
reached. With --page the table becomes the page chapters/benchmarks.md, for _toc.yml: on a quiet machine. Nothing here
asserts a time; test_bench.py asserts columns, errors and evaluations at small sizes.
"""

import argparse
import importlib.util
import math
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from helpers.penalties import GroupLasso, natural
from helpers.problems import Empirical, Population, ground_truth, smat
from helpers.pruning import column_norms, prune
from helpers.theory.sensing import natural_strengths
from helpers.training import fine_tune, gaussian_init, safe_step, train

PAGE = Path(__file__).parents[2] / "chapters" / "benchmarks.md"
COMMAND = "python -m tests.benchmarks.bench"
NOISE, SEED, TURNS = 0.1, 0, 3


@dataclass
class Row:
    """A line of the table: what was compared with what, and what was reached."""

    work: str
    against: str = ""
    seconds: float = math.nan
    ratio: float = math.nan
    target: str = ""
    columns: str = ""
    error: float = math.nan
    gradient: float = math.nan
    evaluations: int = 0
    limit: str = ""


@dataclass
class Machine:
    """Where the bench runs: its clock, and how fast it multiplies matrices and reads memory (in flops and bytes/s)."""

    device: str
    gemm: dict = field(default_factory=dict)
    memory: float = math.nan

    def clock(self):
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def seconds(self, work):
        """What one call of `work` takes."""
        start = self.clock()
        work()
        return self.clock() - start

    def in_turn(self, *works, turns=TURNS):
        """The median seconds of each work; each turn calls all of them once, and a first turn is not counted."""
        times = [[self.seconds(work) for work in works] for _ in range(turns + 1)][1:]
        return [statistics.median(column) for column in zip(*times, strict=True)]

    def measure_limits(self, size=1024):
        for dtype in (torch.float32, torch.float64):
            A = torch.ones(size, size, dtype=dtype, device=self.device)
            (seconds,) = self.in_turn(lambda A=A: A @ A)
            self.gemm[dtype] = 2 * size**3 / seconds
        x = torch.ones(1 << 24, device=self.device)  # 64 MB: more than a cache holds
        (seconds,) = self.in_turn(lambda: x.sum())
        self.memory = x.nbytes / seconds
        return self

    def __str__(self):
        name = torch.cuda.get_device_name() if self.device != "cpu" else processor()
        speeds = " / ".join(f"{self.gemm[t] / 1e9:.0f}" for t in (torch.float32, torch.float64))
        return (
            f"{name}, Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}, "
            f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}; matrix products {speeds} GFLOP/s "
            f"(float32 / float64), memory {self.memory / 1e9:.0f} GB/s"
        )


def processor():
    """The model of the CPU in words."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text(encoding="utf-8")) if info.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def truth(d, r, like):
    """U⋆ with μ = linspace(1, 1/2, r)."""
    mu = torch.linspace(1, 0.5, r, dtype=torch.float64)
    return (ground_truth(d, r, seed=SEED) * mu.sqrt()).to(like)


def start(problem, k, scale=0.3):
    """U₀ = scale · randn/√d."""
    return gaussian_init(problem.d, k, scale=scale / problem.d**0.5, seed=SEED + 2).to(problem.U_star)


def pipeline(problem, penalty, U0, *, steps=2000):
    """Train with a group Lasso, prune, fine-tune: (last training run, pruned and fine-tuned run). No rank is told."""
    how = {"tolerance": 0.1 * penalty.strength, "drop_below": 0.1 * penalty.threshold}
    trained = train(problem, U0, penalty=penalty, steps=steps, method="l-bfgs", record=1, **how)
    pruned = prune(trained.U, threshold=penalty.threshold)
    return trained, fine_tune(problem, pruned, steps=200, method="l-bfgs", tolerance=1e-3, record=1)


def reached(problem, trained, tuned):
    """The columns of a `Row` that say what came out."""
    oracle = fine_tune(problem, problem.U_star, steps=200, method="l-bfgs", tolerance=1e-4)
    return {
        "columns": f"{tuned.U.shape[1]} of {trained.U.shape[1]}, r = {problem.r}",
        "error": (tuned.error[-1] / oracle.error[-1]).item(),
        "gradient": trained.gradient_norm.item(),
        "evaluations": trained.evaluations + tuned.evaluations,
    }


def descent_steps(problem, penalty, U0, *, most=4000, every=50):
    """How many steps of gradient descent leave r columns above the threshold: what the baseline must do."""
    run = train(problem, U0, penalty=penalty, steps=most, record=most // every + 1)
    right = (run.column_norms > penalty.threshold).sum(-1) == problem.r
    return run.steps[right.cpu()][0].item() if right.any() else most


def autograd(problem, penalty, U0, step_size):
    """One step of what a reader would write first, in its fast form, as a function."""
    U, y = U0.clone().requires_grad_(), problem.y
    optimizer = torch.optim.SGD([U], lr=step_size)
    if problem.ensemble == "gaussian":
        A = smat(problem.design)

        def measured():
            return torch.einsum("nij,ij->n", A, U @ U.T)
    else:

        def measured():
            return (problem.design @ U).square().sum(1)

    def step():
        optimizer.zero_grad()
        norms = U.square().sum(0)
        sparse = penalty.strength * (norms / (norms + penalty.smoothing).sqrt()).sum()
        ((measured() - y).square().mean() + sparse).backward()
        optimizer.step()

    return step


def riemannian(problem):
    """pymanopt's conjugate gradient on the positive semidefinite matrices of rank r, which it is told."""
    import pymanopt
    from pymanopt.manifolds import PSDFixedRank
    from pymanopt.optimizers import ConjugateGradient

    manifold = PSDFixedRank(problem.d, problem.r)

    @pymanopt.function.pytorch(manifold)
    def cost(V):
        return (problem.measure(V @ V.T) - problem.y).square().mean()

    optimizer = ConjugateGradient(verbosity=0, max_iterations=200, min_gradient_norm=1e-3)
    return optimizer.run(pymanopt.Problem(manifold, cost), initial_point=start(problem, problem.r).cpu().numpy())


def compared(machine, name, ensemble, c_beta, c_lambda, targets, d=50, k=50, r=3, n=5000):
    """W1 and W2: one run, with the data in hand and with building included, against autograd and pymanopt."""
    double = truth(d, r, torch.zeros((), dtype=torch.float64, device=machine.device))
    single = double.float()
    data = {"n": n, "noise": NOISE, "ensemble": ensemble, "seed": SEED + 1}
    plain, problem = Empirical.sample(double, **data, form="rows"), Empirical.sample(single, **data, steps=10_000)
    penalty = natural(plain, c_lambda=c_lambda, c_beta=c_beta)
    U0 = start(plain, k)
    steps = descent_steps(Empirical.sample(double, **data, steps=10_000), penalty, U0)
    step = autograd(plain, penalty, U0, safe_step(plain, U0, penalty).item())

    def fresh():
        built = Empirical(single, problem.design, problem.y - problem.measure(problem.M), ensemble, steps=100)
        pipeline(built, penalty, U0.float())

    works = [step, lambda: pipeline(problem, penalty, U0.float()), fresh]
    if told := machine.device == "cpu" and importlib.util.find_spec("pymanopt"):
        works.append(lambda: riemannian(plain))
    seconds = machine.in_turn(*works)
    base, result = seconds[0] * steps, reached(problem, *pipeline(problem, penalty, U0.float()))
    label = f"{name}: {ensemble}, d = k = {d}, n = {n}"
    against = f"autograd, {steps} steps to the right count"
    width = d * (d + 1) // 2
    step_time = machine.in_turn(lambda: problem.loss_and_gradient(U0.float()))[0]
    used = f"a step reads at {4 * width**2 / step_time / machine.memory:.0%} of memory speed"
    yield Row(label + ", data reused", against, seconds[1], base / seconds[1], targets[0], **result, limit=used)
    yield Row(label + ", with building", against, seconds[2], base / seconds[2], targets[1], **result)
    if told:
        yield Row(label, "pymanopt, told r", seconds[2], seconds[3] / seconds[2], targets[2], **result)


def w1(machine):
    """Gaussian sensing."""
    yield from compared(machine, "W1", "gaussian", 0.05, 0.4, ("200×", "30×", "4×"))


def w2(machine):
    """A quadratic network."""
    yield from compared(machine, "W2", "rank-one", 0.01, 0.3, ("18×", "18×", "1.2×"))


def w3(machine, d=20, n=800, seeds=32, steps=750):
    """A sweep: seeds × 8 strengths, the same gradient steps as one batch of runs."""
    like = torch.zeros((), dtype=torch.float32, device=machine.device)
    double = Empirical.sample(truth(d, 3, like.double()), n, noise=NOISE, seed=SEED + 1, steps=10**6)
    problem = Empirical.sample(truth(d, 3, like), n, noise=NOISE, seed=SEED + 1, steps=10**6)
    levels = torch.logspace(math.log10(0.3), math.log10(1.5), 8, dtype=torch.float64)
    scales = [natural_strengths(problem.mu_r, problem.r, c_lambda=c.item(), c_beta=0.05) for c in levels]
    strengths = torch.tensor([strength for strength, _ in scales]).repeat(seeds).to(like)
    penalty = GroupLasso(strengths, scales[0][1])
    U0 = gaussian_init(d, d, scale=0.3 / d**0.5, seed=SEED + 2, batch=(seeds,)).repeat_interleave(8, 0).to(like)
    one = GroupLasso(scales[0][0], scales[0][1])
    size = safe_step(problem, U0, penalty).min().item()
    step = autograd(double, one, U0[0].double(), size)

    def sweep():
        return train(problem, U0, penalty=penalty, steps=steps, step_size=size, record=1)

    base, seconds = machine.in_turn(lambda: [step() for _ in range(50)], sweep, turns=3)
    run, few = sweep(), slice(0, 16)
    exact = train(
        double, U0[few].double(), penalty=GroupLasso(strengths[few].double(), scales[0][1]), steps=steps,
        step_size=size, record=1,
    )  # fmt: skip
    off = (run.error[-1, few] / exact.error[-1] - 1).abs().max().item()
    counts = (column_norms(run.U) > penalty.threshold).sum(-1)
    width = d * (d + 1) // 2
    flops = len(U0) * 2 * (width**2 + 2 * d**3) * steps
    yield Row(
        f"W3: {len(U0)} runs of {steps} steps, d = k = {d}, n = {n}, float32",
        "autograd, run by run", seconds, base / 50 * steps * len(U0) / seconds, "60×",
        f"{counts.min()} to {counts.max()} of {d}, r = 3", 1 + off, run.gradient_norm.median().item(), steps,
        f"{flops / seconds / machine.gemm[torch.float32]:.0%} of the matrix products' speed",
    )  # fmt: skip


def w4(machine, d=200, k=400, r=5, n=100_000):
    """Scale: the whole pipeline, data included; its memory is that of a process of its own."""
    like = torch.zeros((), dtype=torch.float32, device=machine.device)
    memory = memory_used(machine)
    problem = Empirical.sample(truth(d, r, like), n, noise=NOISE, ensemble="rank-one", seed=SEED + 1)
    penalty, U0 = natural(problem, c_lambda=0.3, c_beta=0.01), start(problem, k)
    base = machine.seconds(autograd(problem, penalty, U0, 1e-4))
    begun = machine.clock()
    runs = pipeline(problem, penalty, U0)
    seconds = machine.clock() - begun
    once = machine.in_turn(lambda: problem.loss_and_gradient(U0), turns=1)[0]
    yield Row(
        f"W4: rank-one, d = {d}, k = {k}, n = {n}, float32; {memory}", "400 steps of autograd, which do not finish",
        seconds, 400 * base / seconds, "12 s, .25 GB", **reached(problem, *runs),
        limit=f"a step at {4 * n * d**2 / once / machine.gemm[torch.float32]:.0%} of the matrix products' speed",
    )  # fmt: skip


def memory_used(machine):
    """Peak memory of W4 above the interpreter with its imports, in words."""
    if machine.device != "cpu":
        return f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB"
    run = subprocess.run([sys.executable, "-m", "tests.benchmarks.bench", "--memory"], capture_output=True, check=True)
    return f"{float(run.stdout.decode()):.2f} GB"


def print_memory(d=200, k=400, r=5, n=100_000):
    """What `memory_used` runs: three evaluations at full width hold as much as the whole pipeline."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problem = Empirical.sample(truth(d, r, torch.zeros(())), n, noise=NOISE, ensemble="rank-one", seed=SEED + 1)
    train(problem, start(problem, k), penalty=natural(problem), steps=2, method="l-bfgs")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e9)


def w5(machine, d=500, r=4, n=20_000):
    """The paper's size: the population with and without the group Lasso, and a quadratic network."""
    like = torch.zeros((), dtype=torch.float64, device=machine.device)
    problem = Population(truth(d, r, like))
    penalty, U0 = natural(problem, c_lambda=0.4, c_beta=0.05), start(problem, d)
    begun = machine.clock()
    runs = pipeline(problem, penalty, U0)
    without = train(problem, U0, steps=200, method="l-bfgs", tolerance=1e-3)
    seconds = machine.clock() - begun
    large = (column_norms(without.U) > penalty.threshold).sum().item()
    yield Row(
        f"W5: population, d = k = {d}, with and without the penalty", f"without it {large} columns stay", seconds,
        target="8 s", columns=f"{runs[1].U.shape[1]} of {d}, r = {r}", gradient=runs[0].gradient_norm.item(),
        evaluations=runs[0].evaluations + runs[1].evaluations + without.evaluations,
    )  # fmt: skip
    problem = Empirical.sample(truth(d, r, like.float()), n, noise=NOISE, ensemble="rank-one", seed=SEED + 1)
    penalty = natural(problem, c_lambda=0.3, c_beta=0.01)
    begun = machine.clock()
    runs = pipeline(problem, penalty, start(problem, d))
    seconds = machine.clock() - begun
    yield Row(f"W5: rank-one, d = k = {d}, n = {n}, float32", "", seconds, target="30 s", **reached(problem, *runs))


def growth(machine):
    """Milliseconds of a gradient against n, d, k and the batch, one line each."""
    like = torch.zeros((), dtype=torch.float64, device=machine.device)

    def gradient(ensemble="gaussian", d=20, k=20, n=1000, batch=1, form=None):
        problem = Empirical.sample(truth(d, 3, like), n, noise=NOISE, ensemble=ensemble, seed=SEED, form=form)
        U = gaussian_init(d, k, scale=0.1, seed=SEED, batch=(batch,)).to(like)
        return 1e3 * machine.in_turn(lambda: [problem.loss_and_gradient(U) for _ in range(20)])[0] / 20

    yield "n, Gram matrix", {n: gradient(n=n, form="gram") for n in (500, 2000, 8000)}
    yield "n, rows", {n: gradient(n=n, form="rows") for n in (500, 2000, 8000)}
    yield "n, rank-one rows", {n: gradient("rank-one", n=n, k=5, form="rows") for n in (500, 2000, 8000)}
    yield "d, Gram matrix", {d: gradient(d=d, n=2000, form="gram") for d in (10, 20, 40)}
    yield "k, Gram matrix", {k: gradient(k=k, form="gram") for k in (5, 20, 80)}
    yield "runs in the batch, Gram matrix", {b: gradient(batch=b, form="gram") for b in (1, 16, 256)}


WORKS = {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5}
HEAD = ("work", "against", "seconds", "ratio", "target", "columns kept", "error / oracle", "‖∇F‖", "gradients", "limit")


def cells(row):
    """A row as text; what was not measured stays empty."""
    times = [f"{row.seconds:.3g}", f"{row.ratio:.3g}×", row.target]
    found = [row.columns, f"{row.error:.4f}", f"{row.gradient:.1e}", str(row.evaluations or "")]
    texts = [row.work, row.against, *times, *found, row.limit]
    return ["" if text.startswith("nan") else text for text in texts]


def table(head, rows):
    return "".join("| " + " | ".join(row) + " |\n" for row in [head, ["---"] * len(head), *rows])


def main(names, device, page):
    """Run the works, print their rows as they come, and write the page."""
    torch.set_num_threads(1)  # the works are small, and a ratio of CPU seconds should not count waiting threads
    machine, rows = Machine(device).measure_limits(), []
    print(machine)
    for name in names:
        for row in WORKS[name](machine):
            rows.append(cells(row))
            print(" | ".join(rows[-1]), flush=True)
    grown = [[name, ", ".join(f"{at}: {ms:.3g}" for at, ms in found.items())] for name, found in growth(machine)]
    print("\n".join(" | ".join(line) for line in grown))
    if page:
        write(machine, rows, grown)


def write(machine, rows, grown):
    """The page, whole."""
    text = "# Benchmarks\n\nEvery ratio is of CPU seconds in one process, the two sides in turn: what a reader would "
    text += "write first in PyTorch, in its fast form, against the helpers. The targets were set beforehand.\n\n"
    text += f"Measured by `python -m tests.benchmarks.bench --page` on: {machine}.\n\n{table(HEAD, rows)}\n"
    text += "How the milliseconds of one gradient grow (float64):\n\n" + table(("with", "value: milliseconds"), grown)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("works", nargs="*", default=list(WORKS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory:
        print_memory()
    else:
        main(given.works, given.device, given.page)
