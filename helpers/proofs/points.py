"""Moved: `Point` stands in `helpers.proofs.hypotheses`."""

from helpers.proofs.hypotheses import ZERO, Point  # noqa: F401
