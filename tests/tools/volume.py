"""Print the built pages as one volume, book.pdf beside them: title, contents with page numbers, then page after page.

`make pdf` runs it after the build. The articles are put one after the other into one page of HTML, their ids and links
made the volume's own, and the system's Chromium sets it. It prints twice: the first printing says on which sheet each
place is, the second has these numbers. The pages Proofs are left out, for in the volume every proof stands open in its
chapter; their list of statements stays, with page numbers. At the end the site offers the volume.
"""

import io
import logging
import posixpath
import re
import sys
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
NAME = "book.pdf"
COVER = "chapters/index.html"
LIST = "chapters/proofs.html"  # of the statements
REPEATED = "chapters/proofs/"  # pages whose text stands open in the chapters of the same names
TITLES = {COVER: "About this book", LIST: "Statements"}  # in the volume
LISTED = "Every numbered statement of the book and the page it stands on; its proof follows it there."
SCREEN_ONLY = "script, noscript, button, input, .anim-controls, .lab-live, a.headerlink, #on-paper"
logging.getLogger("pypdf").setLevel(logging.ERROR)  # Chromium's PDFs count their objects wrongly, which does not matter
PATIENCE = 20 * 60_000  # milliseconds: all formulas of the book are set at once
DOWNLOADS = r'(<div class="dropdown dropdown-download-buttons">.*?<ul class="dropdown-menu">)'
NUMBERS = """sheets => {
  for (const place of document.querySelectorAll("[data-leads]")) place.textContent = sheets[place.dataset.leads] ?? "";
}"""


def soup_of(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def contents(site):
    """What the sidebar lists and the volume has, in order: (title, page), with page None for the name of a part."""
    soup = soup_of(site / COVER)
    found = [(TITLES[COVER], COVER)]
    for item in soup.select("nav.bd-docs-nav p.caption, nav.bd-docs-nav a.reference"):
        page = item.get("href") and posixpath.normpath(posixpath.join(posixpath.dirname(COVER), item["href"]))
        if item.get("href") != "#" and not (page or "").startswith(REPEATED):
            found.append((TITLES.get(page, item.get_text().strip()), page))
    return found


def name_of(page):
    return page.removesuffix(".html").replace("/", "-")


def leads(address, page, pages):
    """Where a link of a page leads in the volume; None for a file that is not in it."""
    if ":" in address.split("/")[0]:
        return address
    file, _, fragment = address.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
    if target.startswith(REPEATED):
        target, fragment = target.replace(REPEATED, "chapters/"), fragment.replace("prf-", "thm-")
    if target not in pages:
        return None
    return f"#{name_of(target)}--{fragment}" if fragment else f"#{name_of(target)}"


def article(site, page, pages):
    """The article of a page as the volume has it: all open, ids its own, links within the volume or to the web."""
    body, own = soup_of(site / page).select_one("article.bd-article"), name_of(page)
    for node in body.select(SCREEN_ONLY):
        node.decompose()
    for node in body.select("details"):
        node["open"] = ""
    for node in body.select("[id]"):
        node["id"] = f"{own}--{node['id']}"
    for link in body.select("a[href]"):
        link["href"] = leads(link["href"], page, pages)
        if not link["href"]:
            del link["href"]
    for image in body.select("img[src]"):
        image["loading"] = "eager"
        if not image["src"].startswith("data:"):
            image["src"] = posixpath.normpath(posixpath.join(posixpath.dirname(page), image["src"]))
    if page in TITLES:
        body.h1.string = TITLES[page]
    if page == LIST:
        body.p.string = LISTED
        for words in body.find_all(string=re.compile("Proofs of chapter")):
            words.replace_with(words.replace("Proofs of chapter", "Chapter"))
        for line in body.select("li p:has(> a[href])"):
            line.insert(0, number(line.select_one("a[href]")["href"]))
    body["class"], body["id"] = ["bd-article", "volume-page"], own
    return str(body)


def number(address):
    """The place for the number of the sheet on which a place of the volume is."""
    return BeautifulSoup(f'<span class="sheet" data-leads="{address.lstrip("#")}"></span>', "html.parser").span


def volume(site, only=None):
    """The HTML of the volume, the numbers of its contents yet to be filled in; only: these pages."""
    soup = soup_of(site / COVER)
    title = soup.h1.get_text().rstrip("#")
    listed = [(words, page) for words, page in contents(site) if only is None or page is None or page in only]
    pages = [page for _, page in listed if page]
    heads = [
        f'@page {name_of(page)} {{ @top-left {{ content: "{words}" }} }} #{name_of(page)} {{ page: {name_of(page)} }}'
        for words, page in listed
        if page
    ]
    lines = [
        f'<li>{number(name_of(page))}<a href="#{name_of(page)}">{words}</a></li>' if page else f"<li>{words}</li>"
        for words, page in listed
    ]
    return "\n".join([
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>',
        *(str(style).replace("../", "") for style in soup.select("link[rel=stylesheet]")),
        f"<style>{' '.join(heads)}</style>",
        *_mathematics(site, pages),
        '</head><body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">',
        f'<section class="volume-cover"><h1>{title}</h1>',
        f"<p>{soup.select_one('.component-author').get_text().strip()}</p></section>",
        f'<nav class="volume-contents" aria-label="Contents"><h1>Contents</h1><ol>{"".join(lines)}</ol></nav>',
        *(article(site, page, pages) for page in pages),
        "</div></div></main></body></html>",
    ])  # fmt: skip


def _mathematics(site, pages):
    """MathJax and its settings, as the first page has them that uses it."""
    for page in pages:
        scripts = [script for script in soup_of(site / page).select("head script") if "mathjax" in str(script).lower()]
        if scripts:
            # what it writes for screen readers doubles the nodes, and is not in a PDF
            return [str(script).replace("../", "").replace(', "a11y/assistive-mml"', "") for script in scripts]
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
        options = {"prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True}
        page.evaluate(NUMBERS, sheets(page.pdf(**options)))
        return described(page.pdf(**options), page.title(), page.inner_text(".volume-cover p"))
    finally:
        page.close()
        place.unlink()


def sheets(pdf):
    """{id: number of the sheet} of every place that a link of the volume leads to."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(pdf))
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    places = reader.named_destinations
    return {name.lstrip("/"): numbers[place.page.idnum] for name, place in places.items()}


def described(pdf, title, author):
    """The PDF with its title and author; it opens with its bookmarks shown."""
    from pypdf import PdfWriter

    writer, out = PdfWriter(io.BytesIO(pdf), incremental=True), io.BytesIO()
    writer.add_metadata({"/Title": title, "/Author": author.removeprefix("By ")})
    writer.page_mode = "/UseOutlines"
    writer.write(out)
    return out.getvalue()


def offer(site, words):
    """Link the volume on the front page, and among the downloads of every page."""
    for path in site.rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        to = "../" * (len(path.relative_to(site).parts) - 1) + NAME
        sentence = f'<span id="on-paper"> The whole book to print: <a href="{to}">{words}</a>.</span>'
        entry = (
            f'<li class="volume"><a href="{to}" class="btn btn-sm dropdown-item">'
            '<span class="btn__icon-container"><i class="fas fa-download"></i></span>'
            '<span class="btn__text-container">the whole book, .pdf</span></a></li>'
        )
        offered = re.sub(r'<span id="on-paper">.*?</span>', sentence, html)
        if '<li class="volume">' not in html:
            offered = re.sub(DOWNLOADS, rf"\1{entry}", offered, count=1, flags=re.DOTALL)
        path.write_text(offered, encoding="utf-8")


def main(only=None):
    import pytest
    from browser import chromium

    try:
        with chromium() as browser:
            pdf = printed(browser, SITE, volume(SITE, only))
    except pytest.skip.Exception as missing:
        sys.exit(f"make pdf: {missing}")
    (SITE / NAME).write_bytes(pdf)
    from pypdf import PdfReader

    words = f"PDF, {len(PdfReader(io.BytesIO(pdf)).pages)} pages, {len(pdf) / 1e6:.0f} MB"
    offer(SITE, words)
    print(f"The book on paper: {(SITE / NAME).relative_to(ROOT)}, {words}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    main(sys.argv[1:] or None)
