"""What others see of a page before they open it: description, card, a real front page, a page for lost readers, a map.

- each page says in a sentence what it is, its first one; with a public address (html.baseurl in _config.yml) it also
  offers the card that messengers and social networks show, and the site gets a map for search engines. Sphinx itself
  writes the canonical address then;
- index.html is the cover, not a jump to it; 404.html leads the lost back.
"""

import html
import posixpath
import re
from pathlib import Path

from docutils import nodes

COVER = "chapters/index"
CARD = "_static/card.png"
RELATIVE = re.compile(r'\b(href|src|action|data-content_root)="(?![a-z]+:|#|/)([^"]*)"')
LOST = """<h1>This page is not here</h1>
<p>It may have moved: the proofs now stand on a page a chapter. Search for a statement by its number, such as
“Theorem 2.5”, or go to the <a href="{cover}">cover</a>, whose sidebar leads everywhere.</p>"""


def setup(app):
    app.connect("html-page-context", describe)
    app.connect("html-collect-pages", lost)
    app.connect("build-finished", open_door, priority=960)  # after frame.py has mended the cover
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def describe(app, pagename, templatename, context, doctree):
    """Add the page's description, and its card where the book has an address."""
    title = re.sub(r"<[^>]*>", "", context.get("title") or app.config.html_title)
    facts = {"name": {"description": first_words(doctree)}, "property": {}}
    address = app.config.html_baseurl
    if address and doctree:
        page = posixpath.join(address, f"{pagename}.html")
        facts["name"] |= {"twitter:card": "summary_large_image"}
        facts["property"] = {
            "og:type": "article", "og:site_name": app.config.html_title,
            "og:title": html.unescape(title), "og:url": page,
            "og:description": facts["name"]["description"], "og:image": posixpath.join(address, CARD),
        }  # fmt: skip
    for kind, pairs in facts.items():
        for key, value in pairs.items():
            if value:
                context["metatags"] += f'\n<meta {kind}="{key}" content="{html.escape(value)}" />'


def first_words(doctree, longest=200):
    """The first sentences of a page that say what it is: no list or prerequisites, up to a formula; "" if none do."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        plain = isinstance(paragraph.parent, nodes.section | nodes.document) and len(paragraph.astext()) > 50
        if plain and not paragraph.astext().startswith("Prerequisites"):
            inside = list(paragraph.findall())
            formula = next((at for at, node in enumerate(inside) if isinstance(node, nodes.math)), None)
            said = " ".join("".join(node for node in inside[:formula] if isinstance(node, nodes.Text)).split())
            whole = re.match(rf".{{30,{longest}}}[.?!](?= |$)", said)
            if whole or formula is None:
                return whole[0] if whole else said[: longest - 1].rsplit(" ", 1)[0] + "…"
    return ""


def lost(app):
    """The page that a server shows for an address that leads nowhere, at whatever depth."""
    cover = posixpath.join(app.config.html_baseurl or "", f"{COVER}.html")
    yield "404", {"title": "Not found", "body": LOST.format(cover=cover)}, "page.html"


def open_door(app, exception):
    """Write the front page and, with an address, the map; give the page of the lost its address."""
    site, address = Path(app.outdir), app.config.html_baseurl
    cover = site / f"{COVER}.html"
    if exception or app.builder.format != "html" or not cover.is_file():
        return
    (site / "index.html").write_text(moved_up(cover.read_text(encoding="utf-8")), encoding="utf-8")
    if address:
        astray = site / "404.html"
        page = astray.read_text(encoding="utf-8")
        astray.write_text(re.sub(r"(<head>)(?!<base)", rf'\1<base href="{address}">', page), encoding="utf-8")
        places = (f"<url><loc>{posixpath.join(address, name)}.html</loc></url>" for name in sorted(app.env.all_docs))
        opening = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        (site / "sitemap.xml").write_text("\n".join([opening, *places, "</urlset>", ""]), encoding="utf-8")


def moved_up(page):
    """The cover as it must be written above its folder."""

    def lead(found):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(COVER), found[2]))
        return f'{found[1]}="{"./" if path == "." else path}"'

    return RELATIVE.sub(lead, page)
