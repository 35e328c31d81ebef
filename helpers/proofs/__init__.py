"""Proofs that run: the key inequalities of a proof, evaluated step by step on one instance.

Each module here mirrors a chapter. A function takes the objects of a statement and returns its steps, a list of `Step`;
`show` prints them as a table, so that one sees where a bound is tight, and a test asserts that every step holds.
"""

from typing import NamedTuple

import pandas as pd


class Step(NamedTuple):
    """One line of a proof, left ≤ right or left = right, with both sides evaluated (floats)."""

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


def show(steps):
    """The steps as a pandas table: claim, left, relation, right (to five digits), slack (to two), holds."""
    rows = [(*step, step.slack, "✓" if step.holds() else "✗ fails") for step in steps]
    table = pd.DataFrame(rows, columns=["step", "left", "relation", "right", "slack", "holds"])
    return table.style.hide().format("{:.5g}", subset=["left", "right"]).format("{:.2g}", subset=["slack"])
