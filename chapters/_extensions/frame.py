"""The frame that the theme puts around every page, mended: what it loads in vain, leaves unnamed or names otherwise.

Scripts that nothing in the book uses are not loaded. What is left of the theme's markup is mended in the finished
pages, by the table `REPAIRS`: what stands there, what shall stand there, and why. A build of all pages that finds one
of them unneeded says so, that the table may not rot. tests/book/test_pages.py looks at the result in a browser.
"""

import re
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)
UNUSED = ("sphinx_thebe", "sphinx_togglebutton", "sphinx_comments")  # extensions that theme and Jupyter Book bring
UNUSED_FILES = ("thebe", "toggle")
MATHJAX = {
    # the parts by name: tex-chtml.js also holds a menu, 0.4 MB that make every formula a tab stop
    "loader": {
        "load": [
            "input/tex-base", "[tex]/ams", "[tex]/autoload", "[tex]/noundefined", "output/chtml", "a11y/assistive-mml",
        ]
    },
    "tex": {"packages": ["base", "ams", "autoload", "noundefined"]},
}  # fmt: skip


def setup(app):
    app.connect("config-inited", leave_out, priority=900)
    app.connect("html-page-context", note)
    app.connect("build-finished", mend, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def leave_out(app, config):
    """Unload what no page uses, and MathJax's menu."""
    for listeners in app.events.listeners.values():
        listeners[:] = [listener for listener in listeners if listener.handler.__module__ not in UNUSED]
    for files in (app.registry.js_files, app.registry.css_files):
        files[:] = [entry for entry in files if not any(word in f"{entry}" for word in UNUSED_FILES)]
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = MATHJAX | (config.mathjax3_config or {})


def note(app, pagename, templatename, context, doctree):
    app.frame_written = {*getattr(app, "frame_written", ()), pagename}


def mend(app, exception):
    """Apply the repairs to the finished pages; when all were written anew, one that none of them needs is a warning."""
    if exception or app.builder.format != "html":
        return
    unneeded = set(REPAIRS)
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        unneeded = {pattern for pattern in unneeded if not re.search(pattern, text)}
        path.write_text(mended(text), encoding="utf-8")
    if set(app.env.all_docs) <= getattr(app, "frame_written", set()):
        for pattern in unneeded:
            logger.warning("frame.py: no page has what this repair mends: %s", pattern)


REPAIRS = {
    # the signs are in icons.css: the theme's script, stylesheet and font weigh 1.9 MB
    r'\s*<(?:script src|link href|link rel="preload" [^>]* href)="[^"]*fontawesome[^"]*"[^>]*>(?:</script>)?': "",
    # no page has cards, tabs or grids
    r'\s*<link rel="stylesheet"[^>]*sphinx-design[^>]*>': "",
    r'\s*<script[^>]* src="[^"]*design-tabs[^"]*"[^>]*></script>': "",
    # the theme in use is known before the first paint, and "auto" is a mode (the theme: an error on the console)
    r'dataset\.mode = localStorage\.getItem\("mode"\) \|\| "";\s*'
    r'document\.documentElement\.dataset\.theme = localStorage\.getItem\("theme"\) \|\| "";': (
        'dataset.mode = localStorage.getItem("mode") || "auto";\n    document.documentElement.dataset.theme = '
        'localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");'
    ),
    r'(<html lang="en" data-content_root="[^"]*") >': r'\1 data-theme="light">',
    r'data-default-mode=""': 'data-default-mode="auto"',
    # two more of the same from two templates
    r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>': "",
    # places and controls get a name, the one that is shown where one is
    r'(<div class="bd-sidebar-primary bd-sidebar")>': r'\1 role="region" aria-label="Book">',
    r'<nav class="bd-toc-nav page-toc">': '<nav class="bd-toc-nav page-toc" aria-label="Contents">',
    r'<summary><span class="toctree-toggle" role="presentation">': (
        '<summary aria-label="Pages of this part"><span class="toctree-toggle">'
    ),
    r'<summary aria-label="Toggle hidden content">': "<summary>",
    r'(class="btn search-button-field[^>]*) aria-label="Search"': r"\1",
    r'<span class="search-button__kbd-shortcut">': '<span class="search-button__kbd-shortcut" aria-hidden="true">',
    r"<title>([^<]*) &#8212; \1</title>": r"<title>\1</title>",  # the cover has the book's name
    # what HTML allows: no paragraphs in a summary, and each id once (the page Search has two fields)
    r'<p class="(collapsed|expanded) admonition-title">(.*?)</p>\s*': r'<span class="\1">\2</span>',
    r'\s+id="search-input"': "",
    # a proof begins with its name
    r'(<div class="proof of-[\d-]+ admonition">\s*<p>)Proof\.': r"\1<strong>Proof.</strong>",
    # an empty head of a column is no head
    r"<th([^>]*)>(?:<p></p>|&nbsp;|\s)*</th>": r"<td\1></td>",
    # a head says that it is one of a column, a button that it sends nothing, and `main` is main by itself
    r'<th class="head': '<th scope="col" class="head',
    r"<button(?![^>]* type=)": '<button type="button"',
    r"<h1></h1>\s*": "",  # the title on paper of the page for lost readers
    r' role="main">': ">",
    # roles that ARIA has dropped, on the bibliography
    r' role="doc-biblioentry"': ' role="listitem"',
}


def mended(html):
    for pattern, replacement in REPAIRS.items():
        html = re.sub(pattern, replacement, html)
    return html
