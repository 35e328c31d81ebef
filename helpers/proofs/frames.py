"""The proofs of chapter 3, step by step on one instance: what commutes with rotations, and what a random frame does."""

import numpy as np
import torch
from scipy import integrate, special, stats

from helpers.arguments import generator
from helpers.objective import Objective
from helpers.proofs import step
from helpers.pruning import column_norms, prune
from helpers.rotations import equal_columns, orthogonal_columns
from helpers.theory.frames import GOLDEN_RATIO, count_near_largest, frame_pruning_error, kept_mass
from helpers.training import train


def commutes(problem, U, turn, *, penalty=None, step_size, steps):
    """Theorem 3.1 for F = f + penalty at U (d, k) and O = `turn`, orthogonal (k, k).

    Two matrices are compared by their inner products with a random Z, turned like them.
    """
    F, how = Objective(problem, penalty), {"penalty": penalty, "step_size": step_size, "steps": steps, "record": 1}
    Z = torch.randn(U.shape, generator=generator(0), dtype=U.dtype)
    last, turned = (train(problem, start, **how).U for start in (U, U @ turn))
    bend, turned_bend = F.hessian_vector(U, Z), F.hessian_vector(U @ turn, Z @ turn)
    return [
        step(r"$F(UO) = F(U)$", F.value(U @ turn), "=", F.value(U)),
        step(r"$\langle\nabla F(UO), ZO\rangle = \langle\nabla F(U), Z\rangle$",
             _inner(F.gradient(U @ turn), Z @ turn), "=", _inner(F.gradient(U), Z)),
        step(r"$\nabla^2F(UO)[ZO, ZO] = \nabla^2F(U)[Z, Z]$", _inner(turned_bend, Z @ turn), "=", _inner(bend, Z)),
        step(r"$\langle U_t(U_0O), ZO\rangle = \langle U_t(U_0), Z\rangle$", _inner(turned, Z @ turn), "=",
             _inner(last, Z)),
    ]  # fmt: skip


def splits(U, turn):
    """Theorem 3.2 at U (d, k) of rank ρ, its first ρ rows independent, and O = `turn`, orthogonal (k, k): U = LW."""
    L, W = split(U)
    _, turned = split(U @ turn)
    Z, Y = (torch.randn(A.shape, generator=generator(0), dtype=U.dtype) for A in (U, W))
    return [
        step(r"$\langle LW, Z\rangle = \langle U, Z\rangle$", _inner(L @ W, Z), "=", _inner(U, Z)),
        step(r"$\mathrm{tr}\,WW^\top = \rho$", _inner(W, W), "=", len(W)),
        step(r"$\lVert WW^\top\rVert_F^2 = \rho$", (W @ W.T).square().sum(), "=", len(W)),
        step(r"$\langle W(UO), YO\rangle = \langle W(U), Y\rangle$", _inner(turned, Y @ turn), "=", _inner(W, Y)),
    ]


def split(U):
    """L (d, ρ), a function of X = UUᵀ alone with LLᵀ = X, and W = L⁺U (ρ, k): for the ρ first rows J of X, if they are
    independent, L = X[:, J] X[J, J]^{−1/2} (Theorem 3.2)."""
    X, rank = U @ U.T, int(torch.linalg.matrix_rank(U))
    L = X[:, :rank] @ _power(X[:rank, :rank], -0.5)
    return L, torch.linalg.lstsq(L, U).solution


def blind(problem, decay, lasso, U):
    """Theorem 3.3 on the fibre of U (d, k): orthogonal columns (V_1), equal norms (V_2), what penalties see."""
    F, few, level = Objective(problem, decay), orthogonal_columns(U), equal_columns(U)
    norms, R = column_norms(level), lasso.value
    return [
        step(r"nonzero columns of $V_1$ $= \mathrm{rank}\,X$", (column_norms(few) > 0).sum(), "=",
             torch.linalg.matrix_rank(U)),
        step(r"least column norm of $V_2$ = largest", norms.min(), "=", norms.max()),
        step(r"$F(V_1) = F(U)$", F.value(few), "=", F.value(U)),
        step(r"$F(V_2) = F(U)$", F.value(level), "=", F.value(U)),
        step(r"$\lVert\nabla F(V_1)\rVert = \lVert\nabla F(V_2)\rVert$", F.gradient(few).norm(), "=",
             F.gradient(level).norm()),
        step(r"$R(V_1) \le R(U)$", R(few), "≤", R(U)),
        step(r"$R(U) \le R(V_2)$", R(U), "≤", R(level)),
    ]  # fmt: skip


def near_largest(k, c, r=1):
    """Theorem 3.5 for k ≥ 2 independent N(0, I_r) columns and 0 < c ≤ 1: φ(u) = Ψ(cΨ⁻¹(u)), Ψ(y) = P(χ_r ≥ y)."""

    def phi(u):
        return float(special.gammaincc(r / 2, c * c * special.gammainccinv(r / 2, u)))

    exact = count_near_largest(k, c, r)
    by_minimum = k * integrate.quad(lambda v: phi(-np.expm1(np.log(v) / (k - 1))), 0, 1, epsabs=1e-11, limit=400)[0]
    return [
        step(r"$k\,\mathbb{E}\varphi(V) = \mathbb{E}N_c$", by_minimum, "=", exact),
        step(r"$\varphi(\frac1{2k}) + \varphi(\frac3{2k}) \le 2\varphi(\frac1k)$", phi(0.5 / k) + phi(1.5 / k), "≤",
             2 * phi(1 / k)),
        step(r"$\varphi(\frac3k) \le 3\varphi(\frac1k)$", phi(min(3 / k, 1.0)), "≤", 3 * phi(1 / k)),
        step(r"$\mathbb{E}N_c \le k\varphi(\frac1k)$", exact, "≤", k * phi(1 / k)),
        step(r"$(1 - (1 - \frac1k)^k)\,k\varphi(\frac1k) \le \mathbb{E}N_c$", (1 - (1 - 1 / k) ** k) * k * phi(1 / k),
             "≤", exact),
    ]  # fmt: skip


def squeeze(G, mu, c):
    """The squeeze in the proof of Theorem 3.5, which Theorem 3.6 uses too, for W = (GGᵀ)^{−1/2}G, G (r, k) Gaussian and
    the eigenvalues mu (r,) of M."""
    a, b, rho, _ = _columns(G, mu)
    inside, count, outside = (_near(norms, level) for norms, level in ((a, c * rho**2), (b, c), (a, c / rho**2)))
    return [
        step(r"$b_i \le \rho\,a_i$", (b / a).max(), "≤", rho),
        step(r"$a_i \le \rho\,b_i$", (a / b).max(), "≤", rho),
        step(r"$N^a_{c\rho^2} \le N_c$", inside, "≤", count),
        step(r"$N_c \le N^a_{c/\rho^2}$", count, "≤", outside),
    ]


def kept_sum(G, mu, keep):
    """Theorem 3.6 for W = (GGᵀ)^{−1/2}G, G (r, k) Gaussian, eigenvalues mu (r,) of M, `keep` ≥ r columns kept."""
    r, k = G.shape
    a, b, rho, S = _columns(G, mu)
    kept, threshold = b >= b.sort(descending=True).values[keep - 1], a.sort(descending=True).values[keep - 1]
    sets = a > rho**2 * threshold, kept, a >= threshold / rho**2
    inner, middle, outer = (G[:, which] @ G[:, which].T for which in sets)
    root, turn = mu.sqrt()[:, None], _power(S, -0.5)
    pruned = root * (turn @ G / k**0.5)[:, kept]
    formula = root * (turn @ middle @ turn / k) * root.T
    half = stats.chi2.isf(keep / k, r)
    moment = integrate.quad(lambda x: x * stats.chi2.pdf(x, r), half, np.inf, epsabs=1e-12, epsrel=1e-11)[0]
    return [
        step(r"$\sum_{\text{inside}} \preceq \sum_{\text{kept}}$", _ratio(inner, middle), "≤", 1.0),
        step(r"$\sum_{\text{kept}} \preceq \sum_{\text{outside}}$", _ratio(middle, outer), "≤", 1.0),
        step(r"$\lVert X_q\rVert$ from the kept $g_i$", formula.norm(), "=", (pruned @ pruned.T).norm()),
        step(r"$\mathbb{E}\,\chi^2_r\mathbf{1}(\chi^2_r \ge x) = r\,P(\chi^2_{r+2} \ge x)$", moment, "=",
             r * stats.chi2.sf(half, r + 2)),
    ]  # fmt: skip


def sphere(z, keep):
    """Theorem 3.7 at a Gaussian z (k,) and 1 ≤ m = `keep` < k: T of w = z/‖z‖, and E T from order statistics."""
    k = len(z)
    w, squares = z / z.norm(), z.square().sort(descending=True).values
    mass = w.square().sort(descending=True).values[:keep].sum()
    kept = prune(w[None], keep=keep)
    ranks = np.arange(k - keep + 1, k + 1)
    density = stats.beta.pdf(0.9, ranks, k + 1 - ranks).sum()
    ordered = sum(stats.beta(j, k + 1 - j).expect(lambda u: 2 * special.gammaincinv(0.5, u)) for j in ranks)
    return [
        step(r"kept squares of $z$ $= \lVert z\rVert^2T$", squares[:keep].sum(), "=", z.square().sum() * mass),
        step(r"$\lVert X_m - M\rVert/\lVert M\rVert = 1 - T$", (kept @ kept.T - 1).abs(), "=", 1 - mass),
        step(r"$\sum_jb_j(0.9) = k\,I_{0.9}(k-m, m)$", density, "=", k * special.betainc(k - keep, keep, 0.9)),
        step(r"$\frac1k\sum_j\mathbb{E}z_{(j)}^2 = \mathbb{E}T$", ordered / k, "=", kept_mass(keep, k)),
        step(r"limit for $q = \frac mk$ $\le 1 - \mathbb{E}T$", frame_pruning_error(keep / k, 1) ** 0.5, "≤",
             1 - kept_mass(keep, k)),
    ]  # fmt: skip


def truncates(problem, U, keep):
    """Proposition 3.8 at U (d, k), keeping `keep` columns, and its consequence for keep = r."""
    X, rotated = U @ U.T, orthogonal_columns(U)
    values = torch.linalg.eigvalsh(X).flip(0)
    best, greedy = (prune(V, keep=keep) for V in (rotated, U))
    distance, floor = ((V @ V.T - X).norm() for V in (best, greedy))
    kept = prune(rotated, keep=problem.r)
    return [
        step(r"$f$ at $UB$ = $f$ at $U$", problem.loss(rotated), "=", problem.loss(U)),
        step(r"$\lVert X_m - X\rVert_F = (\sum_{i>m}\lambda_i^2)^{1/2}$", distance, "=", values[keep:].norm()),
        step(r"$\lVert X_m - X\rVert_F \le$ the same without rotating", distance, "≤", floor),
        step(r"$\lVert X_r - M\rVert_F \le \frac{1+\sqrt5}2\lVert X - M\rVert_F$", problem.error(kept), "≤",
             GOLDEN_RATIO * problem.error(U)),
    ]  # fmt: skip


def rotatable(activation, s, t):
    """Proposition 3.9 at two numbers s, t: what a rotation of (s, t) asks of an activation (a function of tensors)."""
    s, t, zero = torch.tensor([s, t, 0.0], dtype=torch.float64)
    return [
        step(r"$\sigma(-s) = \sigma(s)$", activation(-s), "=", activation(s)),
        step(r"$\sigma(s) + \sigma(t) = \sigma(\sqrt{s^2+t^2}) + \sigma(0)$", activation(s) + activation(t), "=",
             activation(torch.hypot(s, t)) + activation(zero)),
    ]  # fmt: skip


def _columns(G, mu):
    """For W = (GGᵀ)^{−1/2}G and D = diag(mu): a_i = ‖D^{1/2}g_i‖, b_i = √k ‖D^{1/2}w_i‖ (k,), the ρ between them, and
    S = GGᵀ/k."""
    k, root = G.shape[1], mu.sqrt()[:, None]
    S = G @ G.T / k
    turn = _power(S, -0.5)
    a, b = (root * G).norm(dim=0), (root * (turn @ G)).norm(dim=0)
    A = root * turn / root.T
    rho = max(torch.linalg.matrix_norm(B, 2).item() for B in (A, torch.linalg.inv(A)))
    return a, b, rho, S


def _near(norms, c):
    return (norms >= c * norms.max()).sum()


def _inner(A, B):
    return (A * B).sum()


def _ratio(A, B):
    """The largest eigenvalue of B^{−1/2} A B^{−1/2}: at most 1 exactly when A ⪯ B."""
    root = _power(B, -0.5)
    return torch.linalg.eigvalsh(root @ A @ root)[-1]


def _power(S, exponent):
    values, vectors = torch.linalg.eigh(S)
    return (vectors * values**exponent) @ vectors.mT
