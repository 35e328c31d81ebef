"""A real browser for tests: the system's Chromium, driven by Playwright. Where one of them is missing, tests that need
it are skipped, and say so."""

import contextlib
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "NO BROWSER: {}, so nothing that runs in a browser was tested"


@contextlib.contextmanager
def chromium():
    """A Playwright browser; skips the test that asks for it if there is none."""
    place = next(filter(None, map(shutil.which, NAMES)), None)
    if place is None:
        pytest.skip(MISSING.format("no Chromium on the path (Debian/Ubuntu: apt-get install chromium)"))
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip(MISSING.format("playwright of tests/requirements.txt is not installed"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield browser
        browser.close()
