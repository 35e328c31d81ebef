"""The proofs of chapter 7, step by step on one instance: signed units that turn, homogeneous units that merge."""

import torch

from helpers import theory
from helpers.arguments import generator
from helpers.proofs import derivatives, step


def turned(ui, uj, penalty, *, angle=0.3):
    """Proposition 7.1 (i) for two units (d,) of signs 1 and −1, which turn hyperbolically by `angle`.

    The derivative along the curve is automatic. Matrices are compared by inner products with a random symmetric Z.
    """

    def at(theta):
        return theta.cosh() * ui + theta.sinh() * uj, theta.sinh() * ui + theta.cosh() * uj

    def paid(theta):
        return sum(penalty.value(u[:, None]) for u in at(theta))

    Z = torch.randn(len(ui), len(ui), generator=generator(0), dtype=ui.dtype)
    before, after = (u @ Z @ u - v @ Z @ v for u, v in map(at, torch.tensor([0, angle], dtype=ui.dtype)))
    bracket = sum(penalty.strength * penalty.dh(u @ u) for u in (ui, uj))
    slope, _ = derivatives(paid)
    return [
        step(r"$\langle X(\theta), Z\rangle = \langle X(0), Z\rangle$", after, "=", before),
        step(r"slope of the penalty $= 2\lambda\langle u_i, u_j\rangle(h'(p_i) + h'(p_j))$", slope, "=",
             2 * (ui @ uj) * bracket),
        step(r"$0 \le \lambda(h'(p_i) + h'(p_j))$", 0.0, "≤", bracket),
    ]  # fmt: skip


def rescaled(u, a, penalty, degree, activation):
    """Proposition 7.2 (i) for one unit, u (d,) and a (c,), and a positively homogeneous activation: balancing keeps the
    output and does not raise the penalty, which is then λh(C_q ϱ^{2/(q+1)})."""
    x = _seen_by(u)
    size = (a.norm() * u.norm() ** degree).item()
    v, b = balanced(u / u.norm(), size * a / a.norm(), degree)
    return [
        step("output of the balanced unit = output", _output(v, b, activation, x), "=", _output(u, a, activation, x)),
        step(r"$\lVert u\rVert^2 = q\lVert a\rVert^2$", v @ v, "=", degree * (b @ b)),
        step(r"$\lVert u\rVert^2 + \lVert a\rVert^2 = C_q\varrho^{2/(q+1)}$", v @ v + b @ b, "=",
             theory.unit_norm(size, degree)),
        step(r"penalty of the balanced unit $\le$ penalty", _paid(penalty, v, b), "≤", _paid(penalty, u, a)),
    ]  # fmt: skip


def merged(e, size, a, penalty, degree, activation):
    """Proposition 7.2 (ii) for two balanced units of one size ϱ along the unit vector e (d,), with outgoing weights
    along a (c,): moving size t from one to the other keeps the output and bends the penalty by 2λg''(ϱ)."""
    x, way = _seen_by(e), a / a.norm()

    def pair(t):
        return [balanced(e, (size + sign * t) * way, degree) for sign in (1, -1)]

    def paid(t):
        return sum(_paid(penalty, *unit) for unit in pair(t))

    before, after = (sum(_output(*unit, activation, x) for unit in pair(t)) for t in (0, size / 3))
    _, bend = derivatives(paid)
    return [
        step("output after a trade = output", after, "=", before),
        step(r"bend of the penalty $= 2\lambda g''(\varrho)$", bend, "=", 2 * theory.size_bend(size, degree, penalty)),
    ]


def split(u, a, share, activation):
    """Proposition 7.2 (iii) for one unit, u (d,) and a (c,), an activation of degree 1 and a `share` τ in (0, 1): the
    two parts put out what the unit did, and their squared norms add up."""
    x = _seen_by(u)
    parts = [(root * u, root * a) for root in (share**0.5, (1 - share) ** 0.5)]
    together = sum(_output(*part, activation, x) for part in parts)
    return [
        step("output of the parts = output", together, "=", _output(u, a, activation, x)),
        step("squared norms of the parts = squared norm", sum(v @ v + b @ b for v, b in parts), "=", u @ u + a @ a),
    ]


def balanced(e, v, degree):
    """The balanced unit (u, a) of Proposition 7.2 (i), ‖u‖² = q‖a‖², with u along the unit vector e and ‖u‖^q a = v."""
    length = (degree**0.5 * v.norm()) ** (1 / (degree + 1))
    return length * e, v / length**degree


def _seen_by(u):
    """A random input to which a ReLU unit u responds."""
    x = torch.randn(len(u), generator=generator(0), dtype=u.dtype)
    return x if (x @ u) > 0 else -x


def _output(u, a, activation, x):
    return a.sum() * activation(u @ x)


def _paid(penalty, u, a):
    return penalty.value(torch.cat([u, a])[:, None])
