"""The cover's exercise: what its solution says of the live figure there is what the figure does."""

import json
import re
from pathlib import Path

import pytest
from browser import chromium

from helpers.figures import lab

COVER = (Path(__file__).parents[3] / "chapters/index.md").read_text(encoding="utf-8")
PARAMETERS = json.loads(re.search(r"\{live\} sensing\n:parameters: (.*)", COVER)[1])
PICTURE = '<img alt="A picture that stands in for the live figure." src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
END = r"^Prune: (\d+) of (\d+) columns are left; M has rank (\d+)\. Fine-tune: error ([\d.]+), .*, ([\d.]+)\.$"
pytestmark = pytest.mark.slow


def ends(page, draws=3):
    """What the figure's words say at the end of some draws, one after another: lists of numbers."""
    words, found = page.locator(".lab-words"), []
    for _ in range(draws):
        before = words.text_content()
        page.get_by_role("button", name="New draw").click()
        page.wait_for_function(
            "([e, end, before]) => e.textContent !== before && RegExp(end).test(e.textContent)",
            arg=[words.element_handle(), END, before], timeout=60_000,
        )  # fmt: skip
        found.append([float(number) for number in re.match(END, words.text_content()).groups()])
    return found


def test_the_group_lasso_tells_the_rank_and_weight_decay_does_not():
    with chromium() as browser:
        page = browser.new_page(reduced_motion="reduce")  # shows only the end of each draw
        page.set_content(f"<main>{lab.page('sensing', PICTURE, PARAMETERS)}</main>")
        page.wait_for_function("end => RegExp(end).test(document.querySelector('.lab-words').textContent)", arg=END)
        for left, _, rank, error, oracle in ends(page):
            assert left == rank
            assert error == pytest.approx(oracle, rel=0.02)
        page.get_by_label("penalty").select_option("weight decay")
        page.wait_for_function("end => document.querySelector('.lab-words').textContent.match(end)?.[1] > 3", arg=END)
        for left, k, _, error, oracle in ends(page):
            assert left > 3 / 4 * k
            assert error > 1.3 * oracle
