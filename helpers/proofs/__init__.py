"""Proofs that run: the key inequalities of a proof, evaluated step by step on one instance.

A module for each chapter; chapter 4 has three, `gap`, `approximate` and `guarantee`, and `points` and `hypotheses` hold
what they look at. A function takes the objects of a statement and returns its steps, a list of `Step`;
`show` prints them as a table, so that one sees where a bound is tight, and a test asserts that every step holds.
"""

import math
from typing import NamedTuple

import torch

from helpers.objective import Objective
from helpers.tables import number, table


class Step(NamedTuple):
    """One line of a proof, left ≤ right or left = right, with both sides evaluated (floats).

    claim: what the line says, in Markdown with `$` formulas and without the sign |, which would end a table's cell.
    """

    claim: str
    left: float
    relation: str
    right: float

    @property
    def slack(self):
        """right − left: at least 0 for ≤, and 0 for =, up to rounding."""
        return self.right - self.left

    def holds(self, tolerance=1e-9):
        """Whether the line is true here, up to `tolerance` relative to the larger side."""
        allowed = tolerance * max(abs(self.left), abs(self.right), 1e-12)
        return abs(self.slack) <= allowed if self.relation == "=" else self.slack >= -allowed


def step(claim, left, relation, right):
    """A `Step` of numbers or tensors with one entry."""
    return Step(claim, float(left), relation, float(right))


def ranked(x):
    """Σ_i i x_i for x (n,): one number that tells vectors apart, for a step that says two of them are equal."""
    return (torch.arange(1, len(x) + 1) * x).sum()


def derivatives(path):
    """The first and the second derivative at 0 of a function of one number, a float64 tensor, by autograd."""
    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(path(zero), zero, create_graph=True)
    return first.detach(), torch.autograd.grad(first, zero)[0]


def second_derivative(problem, penalty, U, V):
    """∇²F(U)[V, V] for F = f + penalty, U and V of shape (d, k): a number."""
    return (V * Objective(problem, penalty).hessian_vector(U, V)).sum()


def putting_back(problem, penalty, U, i):
    """The second derivative of F at U (d, k) with column i set to zero, along the direction that the column had."""
    fewer, push = U.clone(), torch.zeros_like(U)
    push[:, i], fewer[:, i] = U[:, i] / U[:, i].norm(), 0
    return second_derivative(problem, penalty, fewer, push)


def projectors(S):
    """The projector P on the range of S (d, m), and I − P: two (d, d) matrices."""
    P = S @ torch.linalg.pinv(S)
    return P, torch.eye(len(P)).to(P) - P


def show(steps):
    """The steps as a Markdown table: claim, left, relation, right (to five digits), slack (to two, or 0), holds."""
    # of sides that only rounding tells apart the slack changes from run to run, its sign too
    slacks = ["0" if math.isclose(step.left, step.right, rel_tol=1e-12) else number(step.slack, 2) for step in steps]
    words = ["✓\u00a0yes" if step.holds() else "✗\u00a0no" for step in steps]
    rows = [(*step, slack, word) for step, slack, word in zip(steps, slacks, words, strict=True)]
    return table(rows, ["step", "left", "", "right", "slack", "holds"], precision=5)
