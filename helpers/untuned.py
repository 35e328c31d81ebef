"""The rank and a fit without being told anything (chapter 8).

Strengths λ on the path β = bλ^{2/3}, from weak to strong; the first that outweighs the noise its own fit leaves.
"""

from dataclasses import dataclass

import scipy  # loads its parts when they are first used
import torch
from tqdm import tqdm

from helpers import theory
from helpers.arguments import generator, integer, number, positive
from helpers.isometry import extreme_ratio
from helpers.objective import Objective
from helpers.observed import part
from helpers.penalties import GroupLasso
from helpers.problems import Empirical
from helpers.pruning import prune
from helpers.rotations import tangent_basis
from helpers.training import gaussian_init

MARGIN = 0.25  # by how much the penalty has to outweigh the noise
BELOW, VISIBLE = 2.5, 0.01  # a negative eigenvalue is spoken of from so many ν̂ and this part of the size of the data
LOWEST, STEP, MOST = 0.02, 4 / 3, 40  # the first level in units of `signal_size`, the ratio of two, how many at most


@dataclass(frozen=True, eq=False)
class Fit:
    """One point of the path, pruned at 2√β and fine-tuned.

    level: z = λ^{2/3}. floor: c g_b z, what noise has to stay below (Theorem 8.2). penalised (d, m): the columns before
    fine-tuning, U (d, m): after it. noise: ŝ with ŝ² = n f(UUᵀ)/(n − dof(m)), math.inf where n ≤ dof(m). nu: ν̂ =
    ŝ√(2cd/n), the usual size of such noise.
    """

    level: float
    floor: float
    penalised: torch.Tensor
    U: torch.Tensor
    noise: float
    nu: float

    @property
    def rank(self):
        """m, how many columns are left."""
        return self.U.shape[1]

    def outweighs(self, margin=MARGIN):
        """Whether c g_b z ≥ (1 + margin) ν̂."""
        return self.floor >= (1 + margin) * self.nu


@dataclass(frozen=True, eq=False)
class Found:
    """What `find_rank` returns.

    rank, U (d, rank): the answer, UUᵀ for M. noise: ŝ. error: an estimate of ‖UUᵀ − M‖_F; interval: where it lies with
    probability 0.95 if the rank is right. plateau: the weakest and the strongest level z with this rank. resolution:
    about the least eigenvalue of M that is seen, g_b z at the chosen level. warnings: sentences, none where the answer
    is clear. fits: the path, a list of `Fit`.
    """

    rank: int
    U: torch.Tensor
    noise: float
    error: float
    interval: tuple
    plateau: tuple
    resolution: float
    warnings: list
    fits: list

    def __str__(self):
        low, high = self.interval
        first = f"rank {self.rank}, noise {self.noise:.3g}, eigenvalues below about {self.resolution:.3g} are not seen"
        if not self.rank:
            return "\n".join([first, "nothing stands out of the noise: no fit", *self.warnings])
        lines = [
            first,
            f"error about {self.error:.3g}, between {low:.3g} and {high:.3g} with probability 0.95 for this rank",
            "plateau: levels {:.3g} to {:.3g}".format(*self.plateau),
        ]
        return "\n".join(lines + self.warnings)


def signal_size(problem):
    """λ_max(𝒜*y)/(cn): what the data show of the largest eigenvalue of M, a float."""
    mean = problem.adjoint(problem.y) / problem.n
    return torch.linalg.eigvalsh(mean)[-1].item() / theory.mean_factor(problem.ensemble)


def levels_of(problem):
    """The levels z of a path: 0.02 times `signal_size` and 39 more, each 4/3 times the one before; a list of floats."""
    return [max(signal_size(problem), 0.0) * LOWEST * STEP**i for i in range(MOST)]


def path(problem, *, ratio, k=None, levels=None, seed=0):
    """The fits on the path β = bλ^{2/3}, weakest first, until no column is left: a generator of `Fit`.

    ratio: b > 0. k: columns to start with, None for d. levels: the z > 0, None for `levels_of`. The first
    fit starts from small random columns drawn with `seed`, each other one from the one before, whose dead columns it
    leaves out. Raises TypeError or ValueError.
    """
    if not isinstance(problem, Empirical):
        raise TypeError(f"problem must hold measurements (Empirical or Observed), got {type(problem).__name__}")
    number("ratio", ratio, low=0, strict=True)
    size, c = signal_size(problem), theory.mean_factor(problem.ensemble)
    k = problem.d if k is None else integer("k", k, low=1)
    least = c * theory.path_floor(ratio, ensemble=problem.ensemble)
    unit = theory.noise_level(1.0, problem.d, problem.n, ensemble=problem.ensemble)
    U = 0.3 * max(size, 0) ** 0.5 * gaussian_init(problem.d, k, scale=problem.d**-0.5, seed=seed).to(problem.y)
    for level in levels_of(problem) if levels is None else sorted(positive(levels=z)[0] for z in levels):
        penalty = GroupLasso(level**1.5, ratio * level) if level > 0 else None
        if penalty and size > 0:
            U, _, _ = Objective(problem, penalty).minimise(U, steps=600, tolerance=1e-4 * size**1.5)
        U = prune(U, threshold=penalty.threshold if penalty else 0)
        tuned, _, _ = Objective(problem).minimise(U, steps=300, tolerance=1e-6 * abs(size) ** 1.5)
        noise = residual_noise(problem, tuned)
        yield Fit(level, least * level, U, tuned, noise, noise * unit)
        if not U.shape[1]:
            return


def residual_noise(problem, U):
    """ŝ with ŝ² = n f(UUᵀ)/(n − dof(m)) for U (d, m): a float, math.inf where n ≤ dof(m)."""
    m = U.shape[1]
    rest = problem.n - (theory.degrees_of_freedom(problem.d, m) if m else 0)
    left = max(problem.loss(U).item(), 0.0)  # of data without noise rounding may leave less than nothing
    return (problem.n * left / rest) ** 0.5 if rest > 0 else float("inf")


def choose(fits, margin=MARGIN):
    """The first of the fits that outweighs its noise; the last if none does."""
    return next((fit for fit in fits if fit.outweighs(margin)), fits[-1])


def find_rank(problem):
    """The rank of M and a fit, from measurements alone: a `Found`. Nothing else to set; on pure noise the rank is 0.

    problem: `Empirical` or `Observed`; of an `Empirical` one only the data are looked at. b is the largest ratio for
    which the gap holds the threshold (Lemma 8.1), with the κ that a search on the data finds; the strength is the
    weakest that outweighs its own noise by a quarter (Theorem 8.6). Shows a bar where it takes more than half a minute.
    Raises TypeError.
    """
    if not isinstance(problem, Empirical):
        raise TypeError(f"problem must hold measurements (Empirical or Observed), got {type(problem).__name__}")
    ratio = theory.largest_ratio(extreme_ratio(problem, 1))
    fits = list(tqdm(path(problem, ratio=ratio), desc="strengths", total=MOST // 2, delay=30, leave=False))
    best = choose(fits)
    same = [fit.level for fit in fits if fit.rank == best.rank]
    error, interval = error_law(problem, best.U, best.noise)
    return Found(
        best.rank, best.U, best.noise, error, interval, (min(same), max(same) if best.rank else float("inf")),
        max(best.floor, (1 + MARGIN) * best.nu) / theory.mean_factor(problem.ensemble),  # the second if none outweighs
        doubts(problem, fits, best, error), fits,
    )  # fmt: skip


def doubts(problem, fits, best, error):
    """What speaks against the rank of the fit `best` of a path, as a list of sentences, empty where nothing does."""
    found = []
    for much, part_of in (("a quarter more", 1.25), ("a quarter less", 0.75)):
        other = choose(fits, (1 + MARGIN) / part_of - 1).rank
        if other != best.rank:
            found.append(f"The data nearly admit rank {other}: it would be the answer if the penalty counted {much}.")
    spent = theory.degrees_of_freedom(problem.d, best.rank) if best.rank else 0
    if problem.n < 2 * spent:
        found.append(f"{problem.n} measurements for {spent} parameters: too few to trust the interval, or the rank.")
    elif error == float("inf"):
        found.append("The measurements repeat each other: matrices of this rank near UUᵀ give the same data.")
    pull = torch.linalg.eigvalsh(problem.matrix_gradient(best.U))[-1].item()
    if pull > max(BELOW * best.nu, VISIBLE * problem.y.square().mean().sqrt().item()):
        found.append(f"The residuals pull {pull / best.nu:.1f} times as hard as noise towards a negative eigenvalue, "
                     "which UUᵀ cannot have: is M positive semidefinite?")  # fmt: skip
    if best.rank == problem.d:
        found.append("All d columns are used: this matrix is not of low rank at this noise.")
    return found


def cross_validated(problem, fits, *, ratio=None, k=None, folds=5, seed=0):
    """The fit of least cross-validated error, and the strongest within a standard error of it: two `Fit`s of `fits`.

    The rank of the second is the one to take where data are few; no theorem says when it is right. fits: a path of this
    problem, of which every other fit is looked at, to halve the work. ratio, k: as it was made, None as in `find_rank`.
    folds: parts, 2 to n, drawn with `seed`, each predicted by a path on the others. Shows a bar where it takes more
    than half a minute. Raises TypeError or ValueError.
    """
    ratio = theory.largest_ratio(extreme_ratio(problem, 1)) if ratio is None else ratio
    folds = integer("folds", folds, low=2, high=problem.n)
    fold = (torch.randperm(problem.n, generator=generator(seed)) % folds).to(problem.y.device)
    looked_at = fits[::2]
    squares = problem.y.new_zeros(len(looked_at), problem.n)
    for f in tqdm(range(folds), desc="folds", delay=30, leave=False):
        held = fold == f
        inside = list(path(part(problem, ~held), ratio=ratio, k=k, levels=[fit.level for fit in looked_at]))
        inside += [inside[-1]] * (len(looked_at) - len(inside))  # no column left
        for j, fit in enumerate(inside):
            squares[j, held] = (problem.measure(fit.U @ fit.U.T) - problem.y)[held].square()
    errors = squares.mean(1)
    best = int(errors.argmin())
    allowed = errors[best] + squares[best].std() / problem.n**0.5
    strongest = max(j for j, error in enumerate(errors) if error <= allowed)
    return looked_at[best], looked_at[strongest]


def error_law(problem, U, noise):
    """An estimate of ‖UUᵀ − M‖_F and the interval in which it lies with probability 0.95, for a least-squares U (d, m).

    To first order in s = `noise` the error is Gaussian on the tangent space, with covariance s²(𝒜*𝒜)⁻¹ there: its
    squared norm has the mean that is Theorem 5.5's bound for these measurements, and nearly the law of a multiple of χ²
    with the same two moments. (0, (0, 0)) for m = 0, infinite where n < dof(m).
    """
    if U.shape[1] == 0:
        return 0.0, (0.0, 0.0)
    basis = tangent_basis(U)
    information = (basis.flatten(1) @ problem.curvature(basis).flatten(1).T) * problem.n / 2
    curvatures = torch.linalg.eigvalsh(information)
    if problem.n < len(basis) or curvatures[0] <= 1e-9 * curvatures[-1]:
        return float("inf"), (0.0, float("inf"))
    variances = noise**2 / curvatures
    mean, freedom = variances.sum(), variances.sum() ** 2 / variances.square().sum()
    ends = scipy.stats.chi2.ppf([0.025, 0.975], freedom.item()) / freedom.item()
    return mean.sqrt().item(), tuple(((mean.item() * ends) ** 0.5).tolist())


def resampled_ranks(problem, *, draws=20, share=0.8, seed=0, progress=False):
    """What `find_rank` says on `draws` random parts of the measurements, a share of them each: a list of ranks.

    draws ≥ 1, 0 < share ≤ 1. progress: show a bar. Raises TypeError or ValueError.
    """
    size = round(problem.n * number("share", share, low=0, high=1, strict=share != 1))
    random, ranks = generator(seed), []
    for _ in tqdm(range(integer("draws", draws, low=1)), disable=not progress):
        rows = torch.randperm(problem.n, generator=random)[: max(size, 1)]
        ranks.append(find_rank(part(problem, rows)).rank)
    return ranks
