"""What all proofs that run share: a step is judged up to rounding, and the table says in words what holds."""

import math

import pytest

from helpers.proofs import Step, show


@pytest.mark.parametrize(
    ("left", "relation", "right", "holds"),
    [
        (1, "≤", 2, True), (2, "≤", 1, False), (1, "≤", 1 - 1e-12, True), (1, "=", 1 + 1e-12, True),
        (1, "=", 1.1, False), (1, "=", 0.9, False), (math.nan, "≤", 1, False), (0, "=", 0, True),
        (0, "=", 1e-15, False),
    ],
)  # fmt: skip
def test_a_step_holds_when_its_relation_does_up_to_rounding(left, relation, right, holds):
    assert Step("x", left, relation, right).holds() is holds


def test_the_table_shows_sides_slack_and_verdict():
    lines = show([Step("$a \\le b$", 1.0, "≤", 3.0), Step("$c = d$", 1.0, "=", 2.0)]).data.splitlines()
    assert lines[2] == "| $a \\le b$ | 1 | ≤ | 3 | 2 | ✓\u00a0yes |"
    assert lines[3].endswith("✗\u00a0no |")
    assert len({line.count("|") for line in lines}) == 1


def test_a_slack_of_rounding_is_shown_as_0_and_no_other_is():
    ends = (1 + 4e-16, 1 - 1e-15, 1 + 1e-9, math.inf)
    lines = show([Step("x", 1.0, "≤", end) for end in ends]).data.splitlines()[2:]
    slacks = [line.split("|")[5].strip() for line in lines]
    assert slacks[:2] == ["0", "0"]
    assert "0" not in slacks[2:]
    assert "10^{-9}" in slacks[2]
