"""The proofs of chapter 7, step by step on one instance: signed units that turn, homogeneous units that merge."""

import torch

from helpers.arguments import generator
from helpers.proofs import Step


def turned(ui, uj, penalty, *, signs=(1, -1), angle=0.3, seed=0):
    """Proposition 7.1 for two units (d,) with signs ±1: they turn by `angle`, hyperbolically if the signs differ.

    The derivative along the curve is automatic. Matrices are compared by inner products with a random symmetric Z.
    """
    opposite = signs[0] != signs[1]

    def at(theta):
        c, s = (theta.cosh(), theta.sinh()) if opposite else (theta.cos(), theta.sin())
        return c * ui + s * uj, (s if opposite else -s) * ui + c * uj

    def paid(theta):
        return sum(penalty.value(u[:, None]) for u in at(theta))

    Z = torch.randn(len(ui), len(ui), generator=generator(seed), dtype=ui.dtype)
    Z = Z + Z.T
    angles = torch.tensor([0, angle], dtype=ui.dtype)
    seen = [sum(sign * (u @ Z @ u).item() for sign, u in zip(signs, at(theta), strict=True)) for theta in angles]
    inner, (p, s) = (ui @ uj).item(), (ui @ ui, uj @ uj)
    slopes = [(penalty.strength * penalty.dh(x)).item() for x in (p, s)]
    sign = 1 if opposite else -1
    steps = [
        Step("⟨X(θ), Z⟩ = ⟨X(0), Z⟩", seen[1], "=", seen[0]),
        Step(
            f"d/dθ of the penalty = 2λ⟨u_i, u_j⟩(h'(p_i) {'+' if opposite else '−'} h'(p_j))",
            _derivative(paid)(torch.zeros_like(ui[0])).item(), "=", 2 * inner * (slopes[0] + sign * slopes[1]),
        ),
    ]  # fmt: skip
    if opposite:
        steps.append(Step("0 ≤ λ(h'(p_i) + h'(p_j))", 0.0, "≤", sum(slopes)))
    return steps


def rescaled(u, a, penalty, degree, activation, *, seed=0):
    """Proposition 7.2 (i) for one unit, u (d,) and a (c,), and a positively homogeneous activation: balancing keeps the
    output and does not raise the penalty, which is then h(C_q ϱ^{2/(q+1)})."""
    x = torch.randn(len(u), generator=generator(seed), dtype=u.dtype)
    x = x if (x @ u) > 0 else -x
    size, q = a.norm() * u.norm() ** degree, degree
    v, b = balanced(u / u.norm(), size * a / a.norm(), degree)
    constant = (q + 1) * q ** (-q / (q + 1))
    return [
        Step("output of the balanced unit = output", _output(v, b, activation, x), "=", _output(u, a, activation, x)),
        Step("‖u‖² = q‖a‖²", (v @ v).item(), "=", q * (b @ b).item()),
        Step("‖u‖² + ‖a‖² = C_q ϱ^{2/(q+1)}", (v @ v + b @ b).item(), "=", constant * size.item() ** (2 / (q + 1))),
        Step("penalty, balanced ≤ before", _paid(penalty, v, b).item(), "≤", _paid(penalty, u, a).item()),
    ]


def merged(e, size, a, penalty, degree, activation, *, seed=0):
    """Proposition 7.2 (ii) for two balanced units of one size ϱ along the unit vector e (d,), with outgoing weights
    along a (c,): moving size t from one to the other keeps the output and bends the penalty by 2g''(ϱ)."""
    x = torch.randn(len(e), generator=generator(seed), dtype=e.dtype)
    x = x if (x @ e) > 0 else -x
    way = a / a.norm()

    def pair(t):
        return [balanced(e, (size + sign * t) * way, degree) for sign in (1, -1)]

    def paid(t):
        return sum(_paid(penalty, *unit) for unit in pair(t))

    put_out = [sum(_output(*unit, activation, x) for unit in pair(t)) for t in (0, size / 3)]
    bend = _derivative(_derivative(paid))(torch.zeros_like(e[0])).item()
    return [
        Step("output after a trade = output", put_out[1], "=", put_out[0]),
        Step("G''(0) = 2g''(ϱ)", bend, "=", 2 * size_bend(size, penalty, degree)),
    ]


def balanced(e, v, degree):
    """The balanced unit (u, a) with u along the unit vector e and ‖u‖^q a = v: ‖u‖² = q‖a‖²."""
    length = (degree**0.5 * v.norm()) ** (1 / (degree + 1))
    return length * e, v / length**degree


def size_bend(size, penalty, degree):
    """λg''(ϱ) for g(ϱ) = h(C_q ϱ^α), α = 2/(q+1): with x = C_q ϱ^α it is λ times
    h''(x) (C_q α ϱ^{α−1})² + h'(x) C_q α (α−1) ϱ^{α−2}."""
    alpha, constant = 2 / (degree + 1), (degree + 1) * degree ** (-degree / (degree + 1))
    x = torch.tensor(constant * size**alpha, dtype=torch.float64)
    inner = constant * alpha * size ** (alpha - 1)
    bend = penalty.d2h(x) * inner**2 + penalty.dh(x) * inner * (alpha - 1) / size
    return (penalty.strength * bend).item()


def _output(u, a, activation, x):
    return (a.sum() * activation(u @ x)).item()


def _paid(penalty, u, a):
    return penalty.value(torch.cat([u, a])[:, None])


def _derivative(function):
    return lambda t: torch.autograd.functional.jacobian(function, t, create_graph=True)
