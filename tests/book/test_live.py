"""The directive that puts a live figure on a page: its picture stays for print, its script brings it to life."""

import json
import re

import pytest
from browser import chromium
from small_book import CONF, build

from helpers.figures import lab

DOT = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4" cx="4" cy="4"/></svg>'
ALT = "A dot that stands in for the live figure where no script runs."
DIAL = json.dumps({"squares": [1, 0.5], "smoothing": 0.01})
PAGE = f"""# Page

Before.

````{{live}} landscape_dial
:parameters: {DIAL}

```{{figure}} dot.svg
:alt: {ALT}
```
````

After.
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    pages = {"page.md": PAGE, "dot.svg": DOT, "conf.py": CONF + 'extensions.append("live")\n'}
    return build(folder, pages) / "page.html"


def test_the_picture_stands_inside_and_the_script_is_that_of_the_figure(page):
    html = page.read_text(encoding="utf-8")
    inside = re.search(r'<div data-lab="landscape_dial"(.*?)<script>(.*?)</script>', html, re.S)
    assert ALT in inside[1]
    assert '<div class="lab-still">' in inside[1]
    assert inside[2].strip("\n(){}=>; ") == lab.script(lab.HERE / "lab_landscape_dial.js").strip("\n(){}=>; ")
    assert html.index("Before.") < inside.start() < inside.end() < html.index("After.")


@pytest.mark.slow
def test_it_comes_to_life(page):
    with chromium() as browser:
        shown = browser.new_page()
        shown.goto(page.as_uri())
        assert "cosine" in shown.locator(".lab-words").text_content()
        assert not shown.get_by_alt_text(ALT).is_visible()
        shown.emulate_media(media="print")
        assert shown.get_by_alt_text(ALT).is_visible()
