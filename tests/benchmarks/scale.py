"""The works of `bench` that are about size: W3 a sweep, W4 and W5 large problems, and how a step grows."""

import math
import re
import subprocess
import sys
from pathlib import Path

import psutil
import torch

from helpers.penalties import GroupLasso, natural
from helpers.problems import Empirical, Population
from helpers.pruning import column_norms
from helpers.theory.sensing import natural_strengths
from helpers.training import gaussian_init, safe_step, train

from .works import NOISE, SEED, SHARE, Row, autograd, machine_share, noise_of, pipeline, reached, share_of, start, truth

ROOT = Path(__file__).resolve().parents[2]
LARGE = {"d": 200, "k": 400, "r": 5, "n": 100_000}  # W4


def w3(machine, *, d=20, n=800, seeds=32, steps=750, turns=3):
    """A sweep: seeds × 8 strengths, the same gradient steps as one batch of runs."""
    single, double = (
        Empirical.sample(truth(d, 3, machine.zeros(dtype)), n, noise=NOISE, seed=SEED + 1, form="gram")
        for dtype in (torch.float32, torch.float64)
    )
    levels = torch.logspace(math.log10(0.3), math.log10(1.5), 8, dtype=torch.float64)
    scales = [natural_strengths(single.mu_r, 3, c_lambda=c.item(), c_beta=0.05) for c in levels]
    strengths, smoothing = double.U_star.new_tensor([strength for strength, _ in scales]).repeat(seeds), scales[0][1]
    penalty, one = GroupLasso(strengths.float(), smoothing), GroupLasso(scales[0][0], smoothing)
    U0 = gaussian_init(d, d, scale=0.3 / d**0.5, seed=SEED + 2, batch=(seeds,)).repeat_interleave(8, 0).to(single.M)
    size = safe_step(single, U0, penalty).min().item()
    rows = Empirical(double.U_star, double.design, double.y - double.measure(double.M), form="rows")
    how = {"steps": steps, "step_size": size, "record": 1}

    def sweep():
        return train(single, U0, penalty=penalty, **how)

    first = [autograd(on, U0[0].to(on.M), size, one) for on in (rows, single)]
    *bases, seconds = machine.in_turn(
        *(lambda step=step: [step() for _ in range(50)] for step in first), sweep, turns=turns
    )
    ratio, faster = (base / 50 * steps * len(U0) / seconds for base in bases)
    run, few = sweep(), slice(0, 16)
    exact = train(double, U0[few].double(), penalty=GroupLasso(strengths[few], smoothing), **how)
    off = (run.error[-1, few] / exact.error[-1] - 1).abs().max().item()
    counts = (column_norms(run.U) > penalty.threshold).sum(-1)
    flops = len(U0) * 2 * ((d * (d + 1) // 2) ** 2 + 2 * d**3) * steps
    yield Row(
        f"W3: {len(U0)} runs of {steps} steps, d = k = {d}, n = {n}, float32",
        f"autograd in float64, run by run (in float32: {faster:.3g}×)", seconds, ratio, "60×",
        f"{counts.min()} to {counts.max()} of {d}, r = 3", None, run.gradient_norm.median().item(), steps,
        f"{machine_share(machine, flops / seconds)}; errors within {off:.1e} of float64's",
    )  # fmt: skip


def w4(machine, turns=3, **sizes):
    """Scale: the whole pipeline; its memory is that of a process of its own, data included."""
    sizes = LARGE | sizes
    d, k, n = sizes["d"], sizes["k"], sizes["n"]
    problem, U0 = large(machine.zeros(torch.float32), **sizes)
    # the baseline's step is the same in size whatever its length, so this one need not converge
    works = autograd(problem, U0, 1e-9, natural(problem)), lambda: problem.loss_and_gradient(U0)
    base, once = machine.in_turn(*works, turns=turns)
    w = noise_of(problem)
    begun = machine.clock()
    runs = counted_on_a_share(problem, U0, w)
    seconds = machine.clock() - begun
    yield Row(
        f"W4: rank-one, d = {d}, k = {k}, n = {n}, float32, columns counted on {n // SHARE} of them",
        f"autograd in float32, {runs[0].evaluations} steps, far from enough",
        seconds, runs[0].evaluations * base / seconds, "12 s, .25 GB", **reached(problem, *runs),
        limit=f"{memory_used(machine, sizes):.2f} GB; a step at {machine_share(machine, 4 * n * d**2 / once)}",
    )  # fmt: skip


def large(like, *, d, k, r, n):
    """The problem of W4 and its start."""
    problem = Empirical.sample(truth(d, r, like), n, noise=NOISE, ensemble="rank-one", seed=SEED + 1)
    return problem, start(problem, k)


def memory_used(machine, sizes):
    """Peak memory of W4 in GB, data included: on the CPU above the interpreter with its imports, in a process of its
    own; on a GPU what this process allocated there."""
    if machine.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
        from_nothing(machine.zeros(torch.float32), sizes)
        return (torch.cuda.max_memory_allocated() - held) / 1e9
    command = [sys.executable, "-m", "tests.benchmarks.scale", *map(str, sizes.values())]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)


def counted_on_a_share(problem, U0, w):
    """The whole pipeline of W4, for noise w."""
    penalty = natural(problem, c_lambda=0.3, c_beta=0.01)
    return pipeline(problem, penalty, U0, counted_on=share_of(problem, w))


def from_nothing(like, sizes):
    """The data of W4 and its whole pipeline, whose memory is looked at."""
    problem, U0 = large(like, **sizes)
    counted_on_a_share(problem, U0, noise_of(problem))


def w5(machine, *, d=500, r=4, n=20_000, turns=1):
    """The paper's size: the population with and without the group Lasso, and a quadratic network."""
    problem = Population(truth(d, r, machine.zeros()))
    penalty, U0 = natural(problem, c_lambda=0.4, c_beta=0.05), start(problem, d)
    begun = machine.clock()
    runs = pipeline(problem, penalty, U0)
    without = train(problem, U0, steps=200, method="l-bfgs", tolerance=1e-3, record=1)
    seconds = machine.clock() - begun
    once = machine.in_turn(lambda: problem.loss_and_gradient(U0), turns=turns)[0]
    columns = (column_norms(without.U) > penalty.threshold).sum().item()
    yield Row(
        f"W5: population, d = k = {d}, with and without the penalty", f"without it pruning keeps {columns}", seconds,
        target="8 s", columns=f"{runs[1].U.shape[1]} of {d}, r = {r}", gradient=runs[0].gradient_norm.item(),
        evaluations=runs[0].evaluations + runs[1].evaluations + without.evaluations,
        limit=f"a step at {machine_share(machine, 4 * d**3 / once, torch.float64)}; error {runs[1].error[-1]:.1e}",
    )  # fmt: skip
    problem = Empirical.sample(truth(d, r, machine.zeros(torch.float32)), n, noise=NOISE, ensemble="rank-one", seed=1)
    penalty, U0 = natural(problem, c_lambda=0.3, c_beta=0.01), start(problem, d)
    once = machine.in_turn(lambda: problem.loss_and_gradient(U0), turns=turns)[0]
    begun = machine.clock()
    runs = pipeline(problem, penalty, U0)
    seconds = machine.clock() - begun
    flops = 2 * d**3 * 2 + 4 * n * d**2
    yield Row(
        f"W5: rank-one, d = k = {d}, n = {n}, float32", "", seconds, target="30 s", **reached(problem, *runs),
        limit=f"a step at {machine_share(machine, flops / once)}",
    )  # fmt: skip


def growth(machine, largest=8000, repeat=20):
    """Milliseconds of a gradient (float64) against n, d, k and the batch: pairs of a name and {value: ms}."""

    def gradient(ensemble="gaussian", d=20, k=20, n=largest // 8, batch=1, form="gram"):
        data = {"noise": NOISE, "ensemble": ensemble, "seed": SEED, "form": form}
        problem = Empirical.sample(truth(d, 3, machine.zeros()), n, **data)
        U = gaussian_init(d, k, scale=0.1, seed=SEED, batch=(batch,)).squeeze(0).to(problem.M)
        return 1e3 * machine.in_turn(lambda: problem.loss_and_gradient(U), repeat=repeat)[0]

    numbers = (largest // 16, largest // 4, largest)
    yield "n, Gram matrix", {n: gradient(n=n) for n in numbers}
    yield "n, rows", {n: gradient(n=n, form="rows") for n in numbers}
    yield "n, rank-one rows", {n: gradient("rank-one", n=n, k=5, form="rows") for n in numbers}
    yield "d, Gram matrix", {d: gradient(d=d) for d in (10, 20, 40)}
    yield "k, Gram matrix", {k: gradient(k=k) for k in (5, 20, 80)}
    yield "runs in the batch, Gram matrix", {batch: gradient(batch=batch) for batch in (1, 16, 256)}


def peak():
    """The most memory that this process has held, in bytes. Linux's getrusage begins at what its parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", status.read_text(encoding="utf-8"))[1])
    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss)


if __name__ == "__main__":  # `memory_used` runs it: GB
    before = peak()
    from_nothing(torch.zeros(()), dict(zip(LARGE, map(int, sys.argv[1:]), strict=True)))
    print((peak() - before) / 1e9)
