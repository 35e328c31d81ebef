"""The works that `bench` times, W1 to W5: each yields `Row`s, of what it was compared with and what was reached.

The baseline is what a reader would write first in PyTorch, in its fast form: autograd over 𝒜(UUᵀ), with UUᵀ formed
first, in double precision and in single. Its step is timed; how many steps it needs is counted with the helpers'
gradient descent, which takes the same steps (test_bench.py).
"""

import importlib.util
from dataclasses import dataclass
from unittest import mock

import scipy
import torch

from helpers.objective import Objective
from helpers.penalties import natural
from helpers.problems import Empirical, ground_truth, smat
from helpers.pruning import column_norms, prune
from helpers.training import fine_tune, gaussian_init, safe_step, train

NOISE, SEED = 0.1, 0
SHARE = 4  # the columns are counted on one measurement in so many
TRAINING, TUNING = 60, 10  # about how many gradients each of W1 asks for


@dataclass
class Row:
    """A line of the table; None, or nothing, where a number was not measured."""

    work: str
    against: str = ""
    seconds: float | None = None
    ratio: float | None = None
    target: str = ""
    columns: str = ""
    error: float | None = None
    gradient: float | None = None
    evaluations: int | None = None
    limit: str = ""


def truth(d, r, like):
    """U⋆ with μ = linspace(1, 1/2, r)."""
    mu = torch.linspace(1, 0.5, r, dtype=torch.float64)
    return (ground_truth(d, r, seed=SEED) * mu.sqrt()).to(like)


def start(problem, k, scale=0.3):
    """U₀ = scale · randn/√d."""
    return gaussian_init(problem.d, k, scale=scale / problem.d**0.5, seed=SEED + 2).to(problem.U_star)


def pipeline(problem, penalty, U0, *, counted_on=None, steps=2000):
    """Train with a group Lasso, prune, fine-tune: (last training run, pruned and fine-tuned run). No rank is told.
    counted_on: what to train on, if not on `problem`: the number of columns needs fewer measurements than the fit."""
    how = {"tolerance": 0.1 * penalty.strength, "drop_below": 0.1 * penalty.threshold}
    trained = train(counted_on or problem, U0, penalty=penalty, steps=steps, method="l-bfgs", record=1, **how)
    return trained, tune(problem, prune(trained.U, threshold=penalty.threshold))


def tune(problem, pruned):
    """Fine-tuning as in `pipeline`."""
    return fine_tune(problem, pruned, steps=200, method="l-bfgs", tolerance=1e-3, record=1)


def noise_of(problem):
    """w = y − 𝒜(M)."""
    return problem.y - problem.measure(problem.M)


def share_of(problem, w):
    """The problem of its first measurements, one in `SHARE`."""
    few = problem.n // SHARE
    return Empirical(problem.U_star, problem.design[:few], w[:few], problem.ensemble, steps=TRAINING)


def oracle_error(problem):
    """‖X̂ − M‖_F of the fit that was told r."""
    return fine_tune(problem, problem.U_star, steps=200, method="l-bfgs", tolerance=1e-4).error[-1]


def reached(problem, trained, tuned):
    """The columns of a `Row` that say what came out."""
    return {
        "columns": f"{tuned.U.shape[1]} of {trained.U.shape[1]}, r = {problem.r}",
        "error": (tuned.error[-1] / oracle_error(problem)).item(),
        "gradient": trained.gradient_norm.item(),
        "evaluations": trained.evaluations + tuned.evaluations,
    }


def descent(problem, penalty, U0, *, most=6000):
    """What gradient descent needs: (steps to r columns above the threshold, looked at every 50; the pruned U; steps of
    fine-tuning until its error is within 1 % of the oracle's, looked at every 5)."""
    run = train(problem, U0, penalty=penalty, steps=most, record=most // 50 + 1)
    right = ((run.column_norms > penalty.threshold).sum(-1) == problem.r).cpu()
    steps = run.steps[right][0].item() if right.any() else most
    U = prune(train(problem, U0, penalty=penalty, steps=steps, record=1).U, threshold=penalty.threshold)
    tuned = fine_tune(problem, U, steps=most // 4, record=most // 20 + 1)
    near = (tuned.error <= 1.01 * oracle_error(problem)).cpu()
    return steps, U, tuned.steps[near][0].item() if near.any() else most // 4


def autograd(problem, U0, step_size, penalty=None):
    """One step of what a reader would write first, in its fast form, as a function."""
    U, y = U0.clone().requires_grad_(), problem.y
    optimizer = torch.optim.SGD([U], lr=step_size)
    A = smat(problem.design) if problem.ensemble == "gaussian" else problem.design

    def loss():
        measured = torch.einsum("nij,ij->n", A, U @ U.T) if A.ndim == 3 else (A @ U).square().sum(1)
        return (measured - y).square().mean()

    def step():
        optimizer.zero_grad()
        norms = U.square().sum(0)
        sparse = penalty.strength * (norms / (norms + penalty.smoothing).sqrt()).sum() if penalty else 0
        (loss() + sparse).backward()
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


def optimiser_alone(work):
    """A function that repeats the steps that scipy takes in `work`, on values that are there: what it takes itself."""
    minimise, calls = scipy.optimize.minimize, []

    def watched(function, start, *, callback, options, **how):
        values = []
        result = minimise(
            lambda x: values.append(function(x)) or values[-1], start, callback=callback, options=options, **how
        )
        calls.append((values, start, how | {"options": options | {"maxiter": result.nit}}))
        return result

    with mock.patch("scipy.optimize.minimize", watched):
        work()

    def repeat():
        for values, start, how in calls:
            known = iter(values)
            minimise(lambda x, known=known: next(known), start, **how)

    return repeat


def compared(machine, name, ensemble, c_beta, c_lambda, targets, *, d=50, k=50, r=3, n=5000, turns=3):
    """W1 and W2: one run, on a Gram matrix in hand, and on new data in the forms that the helpers choose for them,
    building included, with the columns counted on a part, against autograd and pymanopt."""
    double, single = (truth(d, r, machine.zeros(dtype)) for dtype in (torch.float64, torch.float32))
    data = {"n": n, "noise": NOISE, "ensemble": ensemble, "seed": SEED + 1}
    plain, problem = Empirical.sample(double, **data, form="rows"), Empirical.sample(single, **data, form="gram")
    penalty, U0 = natural(plain, c_lambda=c_lambda, c_beta=c_beta), start(plain, k)
    steps, pruned, tunings = descent(Empirical.sample(double, **data, form="gram"), penalty, U0)
    w = noise_of(problem)

    def new():
        whole = Empirical(single, problem.design, w, ensemble, steps=TUNING)
        return whole, share_of(whole, w)

    def run(on=problem, part=None):
        return pipeline(on, penalty, U0.float(), counted_on=part)

    whole, part = new()
    results = [reached(problem, *run()), reached(whole, *run(whole, part))]
    left = prune(run(whole, part)[0].U, threshold=penalty.threshold)
    works = [
        lambda: [problem.curvature(problem.M) for _ in range(100)],
        optimiser_alone(run),
        lambda: tune(whole, left),
        run,
        lambda: run(*new()),
    ]
    for on in (plain, problem):  # autograd in double and in single precision: its training and its fine-tuning
        for U, sparse in ((U0, penalty), (pruned, None)):
            works.append(autograd(on, U.to(on.M), safe_step(plain, U, sparse).item(), sparse))
    if told := machine.device == "cpu" and importlib.util.find_spec("pymanopt"):
        works.append(lambda: riemannian(plain))
    products, idle, last, reused, built, *others = machine.in_turn(*works, turns=turns)
    base, faster = (steps * others[i] + tunings * others[i + 1] for i in (0, 2))
    width = d * (d + 1) // 2
    label = f"{name}: {ensemble}, d = k = {d}, n = {n}, float32"
    least = results[0]["evaluations"] * products / 100
    halves = 2 if machine.device == "cpu" else 1  # BLAS's symmetric product reads half of the matrix
    reading = 4 * width**2 / halves / (products / 100) / machine.memory
    used = f"products with the {width}² Gram matrix take {least:.2g} s, at {reading:.0%} of memory speed, scipy's own "
    both = least + idle
    used += f"steps {idle:.2g} s: both alone allow {base / both:.0f}×; small matrices and calls {reused - both:.2g} s"

    def against(seconds):
        return f"autograd in float64, {steps} + {tunings} steps (in float32: {faster / seconds:.3g}×)"

    yield Row(f"{label}, data reused", against(reused), reused, base / reused, targets[0], **results[0], limit=used)
    label += f", new data, building included, columns counted on {part.n} of them"
    bound = f"fine-tuning on all rows takes {last:.2g} s, training on a part {built - last:.2g} s"
    yield Row(label, against(built), built, base / built, targets[1], **results[1], limit=bound)
    if told:
        most = f"fine-tuning alone allows {others[-1] / last:.2g}×"
        yield Row(label, "pymanopt, told r", built, others[-1] / built, targets[2], **results[1], limit=most)


def machine_share(machine, speed, dtype=torch.float32):
    """A speed in flops a second, in words."""
    return f"{speed / machine.gemm[dtype]:.0%} of the matrix products' speed"


def w1(machine, **sizes):
    """Gaussian sensing."""
    yield from compared(machine, "W1", "gaussian", 0.05, 0.4, ("200×", "30×", "4×"), **sizes)
    if machine.device == "cpu":  # counts are the same everywhere
        yield evaluations(**sizes)


def w2(machine, **sizes):
    """A quadratic network."""
    yield from compared(machine, "W2", "rank-one", 0.01, 0.3, ("18×", "18×", "1.2×"), **sizes)


def evaluations(*, d=50, k=50, r=3, n=5000, turns=0, most=40_000, tolerance=1e-5):
    """How many gradients L-BFGS and gradient descent compute until ‖∇F‖_F ≤ tolerance, on W1; nothing is timed."""
    double = truth(d, r, torch.zeros((), dtype=torch.float64))
    problem = Empirical.sample(double, n, noise=NOISE, seed=SEED + 1, form="gram")
    penalty, U0 = natural(problem, c_lambda=0.4, c_beta=0.05), start(problem, k)
    fast = _Watched(problem, penalty)
    U, *_ = fast.minimise(U0, steps=3000, tolerance=tolerance)
    found = next(i for i, size in enumerate(fast.sizes, 1) if size <= tolerance)
    slow = train(problem, U0, penalty=penalty, steps=most, tolerance=tolerance, record=1)
    left = "" if slow.gradient_norm <= tolerance else f", which leave {slow.gradient_norm:.1e}"
    few = slow.evaluations // 150
    return Row(
        f"W1: gradients until ‖∇F‖ ≤ {tolerance:g}, no column dropped", f"descent, {slow.evaluations} gradients{left}",
        ratio=slow.evaluations / found, target="150×", gradient=fast.sizes[found - 1], evaluations=found,
        columns=f"{(column_norms(U) > penalty.threshold).sum()} of {k}, r = {r}",
        limit=f"after {few} gradients, which would be 150×, ‖∇F‖ is {min(fast.sizes[:few]):.1e}",
    )  # fmt: skip


class _Watched(Objective):
    """An objective that keeps ‖∇F‖ of every gradient it was asked for."""

    def __init__(self, problem, penalty):
        super().__init__(problem, penalty)
        self.sizes = []

    def loss_and_gradient(self, U):
        loss, slope = super().loss_and_gradient(U)
        self.sizes.append(slope.norm().item())
        return loss, slope
