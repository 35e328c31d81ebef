"""Every built page is valid HTML, as html-validate sees it; what stays of the theme is allowed, each with its reason.

It is a package for node, which npx fetches once. Where there is none, the strict parser of test_pages.py remains.
"""

import json
import shutil
import subprocess

import pytest
from test_pages import PAGES, SITE

pytestmark = pytest.mark.slow
VALIDATOR = "html-validate@10.17.0"
PRESETS = ["html-validate:standard", "html-validate:a11y", "html-validate:document"]
ALLOWED = {
    "element-permitted-content": "matplotlib's animation brings its style inside a div, as every notebook shows it",
    "heading-level": "the theme repeats a page's title for paper; on a screen it is not displayed",
    "input-missing-label": "two boxes by which the theme's sidebars open; their labels have a name, the boxes no place",
    "prefer-native-element": "headings of the theme's sidebars and the bibliography's list: roles in place of elements",
    "require-sri": "a page and its scripts come from one host, and change together",
    "text-content": "the theme's buttons show a sign; their title names them, which axe-core accepts",
    "wcag/h32": "the theme's field of search is sent by Enter",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{rule: [(page, line, message), ...]} of all pages."""
    folder = tmp_path_factory.mktemp("validator")
    settings, report = folder / "settings.json", folder / "report.json"
    settings.write_text(json.dumps({"root": True, "extends": PRESETS}), encoding="utf-8")
    if not shutil.which("npx"):
        pytest.skip("NO VALIDATOR: node and npx are missing, so html-validate saw no page")
    command = ["npx", "--yes", VALIDATOR, "--config", str(settings), "--formatter", f"json={report}", *PAGES]
    answer = subprocess.run(command, cwd=SITE, capture_output=True, encoding="utf-8", timeout=600)
    if not report.exists():
        pytest.skip(f"NO VALIDATOR: npx cannot fetch or start {VALIDATOR}, which saw no page: {answer.stderr[-300:]}")
    rules = {}
    for page in json.loads(report.read_text(encoding="utf-8")):
        for entry in page["messages"]:
            rules.setdefault(entry["ruleId"], []).append((page["filePath"], entry["line"], entry["message"]))
    return rules


def test_pages_are_valid_but_for_what_is_allowed(found):
    assert {rule: places[:5] for rule, places in found.items() if rule not in ALLOWED} == {}


def test_nothing_is_allowed_that_no_page_needs(found):
    assert set(ALLOWED) <= set(found)
