"""What a hidden unit with a homogeneous activation costs (chapter 7): its least norm, and how a penalty bends in it."""

import torch

from helpers.arguments import array, number


def unit_norm(size, degree):
    """C_q ϱ^{2/(q+1)}, C_q = (q + 1) q^{−q/(q+1)}, elementwise: the squared norm ‖u‖² + ‖a‖² of a balanced unit of size
    ϱ = ‖a‖‖u‖^q ≥ 0, the least for its size; q ≥ 1 is the degree of the activation (Proposition 7.2 (i))."""
    size, q = array("size", size, low=0), number("degree", degree, low=1)
    return ((q + 1) * q ** (-q / (q + 1)) * size ** (2 / (q + 1)))[()]


def size_bend(size, degree, penalty):
    """λg''(ϱ), elementwise, ϱ > 0, for the charge g(ϱ) = h(x) of a balanced unit, x = C_q ϱ^α with α = 2/(q + 1).

    As x' = αx/ϱ and x'' = α(α − 1)x/ϱ², it is λ(h''(x)x'² + h'(x)x''). Where it is negative, duplicates merge
    (Proposition 7.2 (ii)). penalty: one of `helpers.penalties`, of one strength λ and smoothing."""
    size, alpha = array("size", size, low=0, strict=True), 2 / (number("degree", degree, low=1) + 1)
    x = array("size", unit_norm(size, degree))
    slope, bend = alpha * x / size, alpha * (alpha - 1) * x / size**2
    dh, d2h = (derivative(torch.from_numpy(x)).numpy() for derivative in (penalty.dh, penalty.d2h))
    return (penalty.strength * (d2h * slope**2 + dh * bend))[()]
