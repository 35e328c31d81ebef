"""A real browser for tests: the system's Chromium, driven by Playwright. Where one of them is missing, tests that need
it are skipped, and say so."""

import contextlib
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ["--no-sandbox"]
PATIENCE = 120_000  # milliseconds for whatever a test waits for: it costs nothing where the machine is quick
MISSING = "NO BROWSER: {}, so nothing that runs in a browser was tested"


def executable():
    """Where the browser is; skips the test that asks for it if it or Playwright is missing."""
    place = next(filter(None, map(shutil.which, NAMES)), None)
    if place is None:
        pytest.skip(MISSING.format("no Chromium on the path (Debian/Ubuntu: apt-get install chromium)"))
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        pytest.skip(MISSING.format("playwright of tests/requirements.txt is not installed"))
    return place


@contextlib.contextmanager
def chromium():
    """A Playwright browser."""
    place = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=ARGUMENTS)
        browser.on("context", lambda context: context.set_default_timeout(PATIENCE))
        yield browser
        browser.close()
