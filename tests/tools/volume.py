"""Print the built pages as one volume, book.pdf beside them: title, contents with page numbers, then page after page.

`make pdf` runs it after the build. The articles are put one after the other into one page of HTML, their ids and links
made the volume's own, and printed by the system's Chromium; the first printing says where each begins, the second has
the contents. At the end every page of the site offers the volume among its downloads.
"""

import contextlib
import posixpath
import sys
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
START = "chapters/index.html"
NAME = "book.pdf"
PATIENCE = 20 * 60_000  # milliseconds: all formulas of the book are set at once
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "chapters" / "_extensions")]


def contents(site):
    """What the sidebar lists, in order: (depth, title, page), with page None for the name of a part."""
    soup = BeautifulSoup((site / START).read_text(encoding="utf-8"), "html.parser")
    found = [(0, soup.h1.get_text().rstrip("#"), START)]
    for item in soup.select("nav.bd-docs-nav p.caption, nav.bd-docs-nav a.reference"):
        address = item.get("href")
        page = posixpath.normpath(posixpath.join(posixpath.dirname(START), address)) if address else None
        if not address or (address != "#" and page != START):
            found.append((len(item.find_parents("ul")) - 1 if address else 0, item.get_text().strip(), page))
    return found


def name_of(page):
    return page.removesuffix(".html").replace("/", "-")


def article(site, page, pages):
    """The article of a page as the volume has it: ids are its own, links lead within the volume or to the web."""
    soup = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")
    body, own = soup.select_one("article.bd-article"), name_of(page)
    for script in body.select("script, noscript"):
        script.decompose()
    for node in body.select("[id]"):
        node["id"] = f"{own}--{node['id']}"
    for link in body.select("a[href]"):
        link["href"] = _leads(link["href"], page, pages)
        if not link["href"]:
            del link["href"]
    for image in body.select("img[src]"):
        if not image["src"].startswith("data:"):
            image["src"] = posixpath.normpath(posixpath.join(posixpath.dirname(page), image["src"]))
            image["loading"] = "eager"
    body.name, body["class"], body["id"] = "article", ["bd-article", "volume-page"], own
    return str(body)


def _leads(address, page, pages):
    """Where a link of a page leads in the volume; None for a file that is not in it."""
    if ":" in address.split("/")[0]:
        return address
    file, _, fragment = address.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
    if target not in pages:
        return None
    return f"#{name_of(target)}--{fragment}" if fragment else f"#{name_of(target)}"


def volume(site, starts=None, only=None):
    """The HTML of the volume; starts: {page: number of its first sheet}, from a first printing."""
    soup = BeautifulSoup((site / START).read_text(encoding="utf-8"), "html.parser")
    listed = [entry for entry in contents(site) if only is None or entry[2] is None or entry[2] in only]
    pages = [page for _, _, page in listed if page]
    styles = [link["href"].replace("../", "") for link in soup.select("link[rel=stylesheet]")]
    lines = []
    for depth, title, page in listed:
        kind = "part" if page is None else "below" if depth else ""
        number = (starts or {}).get(page, "")
        words = f'<a href="#{name_of(page)}">{title}</a><span>{number}</span>' if page else title
        lines.append(f'<li class="{kind}">{words}</li>')
    mathematics = [str(s).replace("../", "") for s in _mathematics(site, pages)]
    return "\n".join([
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">',
        f"<title>{soup.h1.get_text().rstrip('#')}</title>",
        *(f'<link rel="stylesheet" href="{style}">' for style in styles), *mathematics,
        '</head><body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">',
        f'<section class="volume-cover"><h1>{soup.h1.get_text().rstrip("#")}</h1>',
        f"<p>{soup.select_one('.component-author').get_text().strip()}</p></section>",
        f'<nav class="volume-contents" aria-label="Contents"><h2>Contents</h2><ol>{"".join(lines)}</ol></nav>',
        *(article(site, page, pages) for page in pages),
        "</div></div></main></body></html>",
    ])  # fmt: skip


def _mathematics(site, pages):
    """MathJax and its settings, as the first page has them that uses it; without "defer", which needs no waiting."""
    for page in pages:
        scripts = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser").select("head script")
        found = [s for s in scripts if "MathJax" in s.get_text() or "mathjax" in s.get("src", "")]
        if found:
            depth = page.count("/")
            for script in found:
                if script.get("src"):
                    script["src"] = script["src"].removeprefix("../" * depth)
            return found
    return []


def printed(browser, site, html):
    """The volume as PDF, set by Chromium in the folder of the site."""
    place = site / "volume.html"
    place.write_text(html, encoding="utf-8")
    page = browser.new_page()
    try:
        page.set_default_timeout(PATIENCE)
        page.goto(place.as_uri(), timeout=PATIENCE)
        page.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
        return page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    finally:
        page.close()
        place.unlink()


def first_sheets(pdf, pages):
    """{page: number of the sheet on which it begins}."""
    import io

    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(pdf))
    places = reader.named_destinations
    return {
        page: reader.get_destination_page_number(places[name]) + 1
        for page in pages
        if (name := next((n for n in (name_of(page), f"/{name_of(page)}") if n in places), None))
    }


def main(only=None):
    from browser import chromium
    from frame import offer_volume

    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(chromium())
        pages = [page for _, _, page in contents(SITE) if page]
        draft = printed(browser, SITE, volume(SITE, dict.fromkeys(pages, "000"), only))
        final = printed(browser, SITE, volume(SITE, first_sheets(draft, pages), only))
    (SITE / NAME).write_bytes(final)
    offer_volume(SITE)
    print(f"The book on paper: {(SITE / NAME).relative_to(ROOT)}, {len(final) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:] or None)
