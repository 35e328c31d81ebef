"""Print the built pages as one volume, book.pdf beside them: title, contents with page numbers, then page after page.

`make pdf` runs it after the build. Each article becomes a part: its ids and links are made the volume's own, and the
system's Chromium sets it, within LIMIT seconds; then binding.py makes one PDF of the parts. What is set is kept in
`_build/paper`, so that a second start goes on where the first ended. Parts that list page numbers are set again when
these are known. The pages Proofs are left out, for in the volume every proof stands open in its chapter; their list of
statements stays, with page numbers. At the end the site offers the volume.
"""

import asyncio
import io
import logging
import posixpath
import re
import sys
from pathlib import Path

from binding import ASIDE, ELSEWHERE, bound
from bs4 import BeautifulSoup
from press import LIMIT, Press
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
KEPT = ROOT / "_build" / "paper"
NAME = "book.pdf"
COVER = "chapters/index.html"
LIST = "chapters/proofs.html"  # of the statements
REPEATED = "chapters/proofs/"  # pages whose text stands open in the chapters of the same names
STATUS = "chapters/status.html"  # says which edition this is
TITLES = {COVER: "About this book", LIST: "Statements"}  # in the volume
SUBTITLE = "An executable textbook, on paper: proofs and solutions stand open, live figures stand still"
LISTED = "Every numbered statement of the book and the page it stands on; its proof follows it there."
SCREEN_ONLY = "script, noscript, button, input, .anim-controls, .lab-live, a.headerlink, #on-paper"
logging.getLogger("pypdf").setLevel(logging.ERROR)  # Chromium's PDFs count their objects wrongly, which does not matter
SHORT = 16  # lines of code that stay on one sheet
FOUR_LINES = 440  # letters: of a paragraph of four lines Chromium would leave the last alone, orphans and widows or not
DOWNLOADS = r'(<div class="dropdown dropdown-download-buttons">.*?<ul class="dropdown-menu">)'


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
    for code in body.select("div.highlight"):
        if code.get_text().strip().count("\n") < SHORT:
            code["class"].append("short")
    for paragraph in body.select("p"):
        if len(re.sub(r"\\[a-z]+|[{}^_\\]", "", paragraph.get_text(), flags=re.I)) < FOUR_LINES:  # commands of TeX
            paragraph["class"] = [*paragraph.get("class", ()), "short"]
    for node in body.select("[id]"):
        node["id"] = f"{own}--{node['id']}"
    ids = {own, *(node["id"] for node in body.select("[id]"))}
    for link in body.select("a[href]"):
        link["href"] = leads(link["href"], page, pages)
        if not link["href"]:
            del link["href"]
        elif link["href"][0] == "#" and link["href"][1:] not in ids:
            link["href"] = ELSEWHERE + link["href"][1:]
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
    return BeautifulSoup(f'<span class="sheet" data-leads="{address.rpartition("#")[2]}"></span>', "html.parser").span


def parts(site, only=None):
    """The HTML of each part, {name: text}: the title and the contents, then the pages; only: these pages."""
    soup = soup_of(site / COVER)
    title = soup.h1.get_text().rstrip("#")
    listed = [(words, page) for words, page in contents(site) if only is None or page is None or page in only]
    pages = [page for _, page in listed if page]
    lines = [_line(words, name_of(page)) + _sections(site, words, page) if page else words for words, page in listed]
    front = (
        f'<section class="volume-cover"><h1>{title}</h1><p>{SUBTITLE}</p>'
        f"<p>{soup.select_one('.component-author').get_text().strip()}</p>{_imprint(site, soup)}</section>"
        '<nav class="volume-contents" aria-label="Contents"><h1>Contents</h1>'
        f"<ol><li>{'</li><li>'.join(lines)}</li></ol></nav>"
    )
    bodies = {"front": ("", front)} | {
        name_of(page): (words, article(site, page, pages)) for words, page in listed if page
    }
    named = {name for _, body in bodies.values() for name in re.findall(f'{re.escape(ELSEWHERE)}([^"]+)"', body)}
    head = "\n".join([
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>',
        *(str(style).replace("../", "") for style in soup.select("link[rel=stylesheet]")),
        *_mathematics(site, pages),
    ])  # fmt: skip
    return {name: _part(head, words, body, named) for name, (words, body) in bodies.items()}


def _line(words, place):
    """A line of the contents: the number of the sheet on which a place is, and a link."""
    return f'{number(place)}<a href="{ELSEWHERE}{place}">{words}</a>'


def _sections(site, words, page):
    """The sections of a page that is a numbered chapter, as a list below its line of the contents."""
    heads = soup_of(site / page).select("article section[id] > h2") if words[0].isdigit() else []
    lines = [_line(head.get_text().rstrip("#"), f"{name_of(page)}--{head.parent['id']}") for head in heads]
    return f"<ol><li>{'</li><li>'.join(lines)}</li></ol>" if lines else ""


def _imprint(site, soup):
    """Which edition this is, from the page Status, and the terms, from the cover, as far as the site has them."""
    rows = soup_of(site / STATUS).select("table.status tr")[:2] if (site / STATUS).exists() else []
    edition = [row.get_text(" ", strip=True) for row in rows]
    terms = [text.get_text().partition(";")[0] + "." for text in soup.select("#licence-and-citation > p:first-of-type")]
    return "".join(f'<p class="imprint">{words}</p>' for words in [" · ".join(edition), *terms] if words)


def _part(head, words, body, named):
    """The page of HTML that is printed; at its end the sheets aside (see binding.py)."""
    ids = [ASIDE, *(id_ for id_ in re.findall(r'\bid="([^"]+)"', body) if id_ in named)]
    return "\n".join([
        head,
        f'<style>@page {{ @top-left {{ content: "{words}" }} }}</style>',
        '</head><body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">',
        body,
        "</div></div></main>",
        f'<nav class="volume-aside" id="{ASIDE}">',
        *(f'<a href="#{id_}">.</a>' for id_ in ids),
        "</nav></body></html>",
    ])  # fmt: skip


def _mathematics(site, pages):
    """MathJax and its settings, as the first page has them that uses it."""
    for page in pages:
        scripts = [script for script in soup_of(site / page).select("head script") if "mathjax" in str(script).lower()]
        if scripts:
            # what it writes for screen readers doubles the nodes, and is not in a PDF
            return [str(script).replace("../", "").replace(', "a11y/assistive-mml"', "") for script in scripts]
    return []


async def printed(site, kept, only=None, limit=LIMIT):
    """The volume as PDF. Raises TimeoutError, with the name of the part, where setting one takes too long."""
    import browser

    place = browser.executable()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=place, args=browser.ARGUMENTS)
        press, texts, first, numbers, done = Press(chromium, site, kept, limit), parts(site, only), {}, {}, {}
        sheets = 0
        for name, html in texts.items():
            first[name], done[name] = sheets, await press.part(name, html, sheets, {})
            numbers |= {place: sheets + sheet + 1 for place, sheet in done[name].sheets.items()}
            sheets += len(done[name].pages)
        for name, html in texts.items():
            if "data-leads" in html:
                done[name] = await press.part(name, html, first[name], numbers)
        await chromium.close()
    for path in set(kept.glob("*.pdf")) - press.used:
        path.unlink()
    soup = soup_of(site / COVER)
    author = soup.select_one(".component-author").get_text().strip().removeprefix("By ")
    return bound(done.values(), soup.h1.get_text().rstrip("#"), author)


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

    try:
        pdf = asyncio.run(printed(SITE, KEPT, only))
    except (pytest.skip.Exception, TimeoutError) as reason:
        sys.exit(f"make pdf: {reason}")
    (SITE / NAME).write_bytes(pdf)
    words = f"PDF, {len(PdfReader(io.BytesIO(pdf)).pages)} pages, {len(pdf) / 1e6:.0f} MB"
    offer(SITE, words)
    print(f"The book on paper: {(SITE / NAME).relative_to(ROOT)}, {words}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    main(sys.argv[1:] or None)
