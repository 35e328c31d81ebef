"""The proofs of chapter 9 on an instance: pairs Z = (U; V)/√2 with X = UVᵀ, and signed factors.

Z has shape (d₁ + d₂, k), one run; a problem is a `Pairs` or a `Signed`, a penalty a `GroupLasso`; p holds the squared
column norms of Z, σ_j(X) the singular values. Each function returns a list of `Step`.
"""

import torch

from helpers import theory
from helpers.arguments import generator
from helpers.factors import split
from helpers.objective import Objective
from helpers.proofs import derivatives, putting_back, ranked, second_derivative, step

NONZERO = 1e-9  # a squared column norm below it is zero but for rounding


def price(penalty, Z, rows):
    """Lemma 9.1: Σ h(p_i) ≥ Σ h(σ_j(X)) for any pair, since (0 X; Xᵀ 0) ⪯ ZZᵀ."""
    U, V = split(Z, rows)
    X, square = U @ V.mT, Z @ Z.mT
    dilated = torch.zeros_like(square)
    dilated[:rows, rows:], dilated[rows:, :rows] = X, X.mT
    sizes = torch.linalg.svdvals(X)
    y = torch.linalg.eigvalsh(square).flip(0).clamp(min=0)
    j = (y[: len(sizes)] - sizes).argmin()
    norms = penalty.h(Z.square().sum(0)).sum()
    flip = torch.cat([U.new_ones(rows), -U.new_ones(len(V))])
    mirrored = square * flip * flip[:, None]
    return [
        step(r"$\operatorname{tr} h(ZZ^\top) \le \sum_i h(p_i)$", penalty.h(y).sum(), "≤", norms),
        step(r"$ZZ^\top - N = JZZ^\top J$, entry by entry", ranked((square - dilated).flatten()), "=",
             ranked(mirrored.flatten())),
        step(r"$\sigma_j(X) \le \lambda_j(ZZ^\top)$, the $j$ of least slack", sizes[j], "≤", y[j]),
        step(r"$\sum_j h(\sigma_j(X)) \le \sum_i h(p_i)$", penalty.h(sizes).sum(), "≤", norms),
    ]  # fmt: skip


def balance(problem, penalty, Z):
    """Theorem 9.2 at a second-order stationary point: equal norms, orthogonal columns, singular values."""
    (U, V), p = split(Z, problem.rows), Z.square().sum(0)
    sizes = torch.linalg.svdvals(U @ V.mT)
    slope = problem.matrix_gradient(Z)
    weights = penalty.strength * penalty.dh(p)
    largest = p.sort(descending=True).values[: len(sizes)]
    return [
        step(r"$u_i^\top\nabla f(X)v_i = -\lambda h'(p_i)\lVert u_i\rVert^2$", ranked((U * (slope @ V)).sum(0)), "=",
             ranked(-weights * U.square().sum(0))),
        step(r"$\lVert u_i\rVert^2 = \lVert v_i\rVert^2$", ranked(U.square().sum(0)), "=", ranked(V.square().sum(0))),
        step(r"orthogonal: $\lVert U^\top U\rVert_F^2 = \sum_i\lVert u_i\rVert^4$", (U.mT @ U).square().sum(), "=",
             U.norm(dim=0).pow(4).sum()),
        step(r"orthogonal: $\lVert V^\top V\rVert_F^2 = \sum_i\lVert v_i\rVert^4$", (V.mT @ V).square().sum(), "=",
             V.norm(dim=0).pow(4).sum()),
        step(r"the $p_i$ are the $\sigma_j(X)$", ranked(largest), "=", ranked(sizes[: len(largest)])),
    ]  # fmt: skip


def bend(problem, Z, i):
    """Lemma 9.3: ∂²f(X)[E, E] for the unit rank-one E of column i of Z, E = u_iv_iᵀ/p_i: a float."""
    U, V = split(Z[:, [i]], problem.rows)
    E, X = U @ V.mT, problem.product(Z)
    E = E / torch.linalg.matrix_norm(E)
    return derivatives(lambda t: problem.of(X + t * E))[1].item()


def gap(problem, penalty, Z):
    """Lemma 9.3 for the smallest nonzero column of a second-order stationary point."""
    p = Z.square().sum(0)
    i = torch.where(p > NONZERO, p, torch.inf).argmin().item()
    kappa = bend(problem, Z, i) / 2
    way = torch.zeros_like(Z)
    way[:, i] = Z[:, i]
    second = second_derivative(problem, penalty, Z, way)
    size, dip = penalty.strength * -penalty.d2h(p[i]), 4 * p[i] ** 2
    edge = theory.gap_edge(penalty.strength, kappa, penalty.smoothing)
    return [
        step(r"stretching pair $i$: second derivative $4p_i^2(2\kappa_i - \lambda\lvert h''(p_i)\rvert)$", second, "=",
             dip * (2 * kappa - size)),
        step("… which is not negative", 0.0, "≤", second),
        step(r"$\lambda\lvert h''(p_i)\rvert \le 2\kappa_i$", size, "≤", 2 * kappa),
        step(r"$\ell \le \sqrt{p_i}$, with $\lvert h''(\ell^2)\rvert = 2\kappa_i/\lambda$", edge, "≤", p[i].sqrt()),
    ]  # fmt: skip


def fit(problem, penalty, Z, Y):
    """Lemma 9.4 at a second-order stationary point with a zero column, against any matrix Y, for a convex f."""
    p, slope = Z.square().sum(0), problem.matrix_gradient(Z)
    level, nuclear = theory.certificate_level(penalty.strength, penalty.smoothing), torch.linalg.svdvals(Y).sum()
    weights, X = penalty.strength * (p * penalty.dh(p)).sum(), problem.product(Z)
    bound = theory.fit_bound(problem.of(Y).item(), nuclear.item(), penalty.strength, penalty.smoothing)
    return [
        step(r"$\lVert\nabla f(X)\rVert_{op} \le \lambda/\sqrt\beta$", torch.linalg.matrix_norm(slope, 2), "≤", level),
        step(r"$\langle\nabla f(X), X\rangle = -\lambda\sum_ip_ih'(p_i)$", (slope * X).sum(), "=", -weights),
        step(r"$-\langle\nabla f(X), Y\rangle \le (\lambda/\sqrt\beta)\lVert Y\rVert_*$", -(slope * Y).sum(), "≤",
             level * nuclear),
        step(r"$f(X) + \langle\nabla f(X), Y - X\rangle \le f(Y)$", problem.loss(Z) + (slope * (Y - X)).sum(), "≤",
             problem.of(Y)),
        step(r"$f(X) + \lambda\sum_ip_ih'(p_i) \le f(Y) + (\lambda/\sqrt\beta)\lVert Y\rVert_*$",
             problem.loss(Z) + weights, "≤", bound),
    ]  # fmt: skip


def benign(problem, penalty, Z):
    """Theorem 9.5 at a second-order stationary point Z of ‖X − M‖_F² with a penalty, and at Z without column r."""
    p, order = Z.square().sum(0).sort(descending=True)
    r, sizes = problem.r, torch.linalg.svdvals(problem.M)
    found = _spectrum(problem, penalty, Z, p[:r], sizes, order)
    return [*found, *_escape(problem, penalty, Z, order[r - 1], sizes[r - 1], r)]


def signed(problem, penalty, U):
    """Theorem 9.6 at a second-order stationary point U of ‖X − M‖_F², X = U diag(s) Uᵀ, and without column r."""
    p, order = U.square().sum(0).sort(descending=True)
    r, mu = problem.r, torch.linalg.eigvalsh(problem.M)
    sizes = mu.abs().sort(descending=True).values
    columns, signs = U[:, order[:r]], problem.signs[order[:r]]
    image = problem.M @ columns
    g = p[:r] + penalty.strength / 2 * penalty.dh(p[:r])
    first = step(r"$u_i^\top Mu_i = s_ig(p_i)p_i$", ranked((columns * image).sum(0)), "=", ranked(signs * g * p[:r]))
    found = _spectrum(problem, penalty, U, p[:r], sizes, order)
    return [first, *found, *_escape(problem, penalty, U, order[r - 1], sizes[r - 1], r)]


def _spectrum(problem, penalty, Z, p, sizes, order):
    """The equations of Theorem 2.5 with the singular values `sizes` of M for its eigenvalues."""
    r, scale = len(p), (penalty.strength, penalty.smoothing)
    x = theory.shrunk_eigenvalue(sizes[:r].numpy(), *scale)
    least = theory.psi(x, sizes[:r].numpy(), *scale).sum() + sizes[r:].square().sum().item()
    rest = Z[:, order[r:]].square().sum()
    return [
        step(r"$g(p_i) = \sigma_i$", ranked(p + penalty.strength / 2 * penalty.dh(p)), "=", ranked(sizes[:r])),
        step("the other columns are zero", rest, "≤", NONZERO),
        step(r"$F = \sum_i\psi_{\sigma_i}(p_i)$", Objective(problem, penalty).value(Z), "=", least),
    ]


def _escape(problem, penalty, Z, i, size, r):
    """Without column i, putting it back along its direction has the second derivative 2(λ/√β − 2σ_r)."""
    second = putting_back(problem, penalty, Z, i)
    flat = 2 * theory.certificate_level(penalty.strength, penalty.smoothing) - 4 * size
    return [
        step(rf"without column {r}: second derivative $2(\lambda/\sqrt\beta - 2\sigma_r)$", second, "=", flat),
        step("… which is negative", second, "≤", 0.0),
    ]


def unseen(problem, seen):
    """Proposition 9.7: the quadratic form of the seen entries on single entries and on one column, unit matrices."""
    share = seen.double().mean().item()
    here, away = seen.nonzero()[0], (~seen).nonzero()[0]
    zero = torch.zeros_like(problem.M)

    def form(E):
        return (problem.of(zero + E) + problem.of(zero - E) - 2 * problem.of(zero)) / 2

    def single(place):
        E = zero.clone()
        E[tuple(place)] = 1
        return form(E)

    a, b = _unit(len(zero), 0), _unit(zero.shape[1], 1)
    bound = (a.square() @ seen.double() @ b.square()) / share
    return [
        step(r"an unseen entry: $\lVert\mathcal A(E)\rVert^2/n = 0$", single(away), "=", 0.0),
        step(r"a seen entry: $1/q$", single(here), "=", theory.entry_curvature(share)),
        step(r"a spread-out $ab^\top$: $\frac1q\sum_{\mathrm{seen}}a_i^2b_j^2$", form(a[:, None] * b),
             "=", bound),
        step(r"… which is at most $1/q$", bound, "≤", theory.entry_curvature(share)),
    ]  # fmt: skip


def _unit(n, seed):
    x = torch.randn(n, generator=generator(seed), dtype=torch.float64)
    return x / x.norm()
