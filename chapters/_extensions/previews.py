"""What a link shows before one follows it: each page's previews, in a script that the browser loads on demand.

A page gets ``_static/previews/PAGE.js``, which calls ``bookPreviews(page, {id: HTML})`` with what links lead to:
statements, formulas, figures, exercises, rows of the page Notation, entries of Helpers and of the bibliography, and ""
for the page as a whole. A script and no data file, because a book opened from a folder may not fetch.
``_static/previews.js`` shows them; works that a chapter links to by their address are found by that address.
"""

import json
import re
from pathlib import Path

WANTED = re.compile(r'<(\w+)\b[^>]*\bid="((?:thm|eq|fig|ex|sym)-[\w-]+|helpers\.[\w.]+|[\w-]+)"[^>]*>')
WORK = re.compile(r'href="https?://(?:dx\.)?((?:doi|arxiv)\.org/[^"]+)"', re.I)
TITLE = re.compile(r"<h1>(.*?)</h1>", re.S)
PARAGRAPH = re.compile(r"<p>.*?</p>", re.S)
LINK = re.compile(r'<a class="[^"]*headerlink[^>]*>.*?</a>|</?a\b[^>]*>', re.S)
OWN = re.compile(r'\s(?:id|tabindex|loading)="[^"]*"')


def setup(app):
    app.connect("html-page-context", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write(app, pagename, templatename, context, doctree):
    if doctree is None or app.builder.format != "html":
        return
    path = Path(app.outdir, "_static", "previews", f"{pagename}.js")
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(previews(context["body"]), ensure_ascii=False)
    path.write_text(f"bookPreviews({json.dumps(pagename)}, {data});\n", encoding="utf-8")


def previews(body):
    """{id: HTML to show} of a page, without links and ids of its own."""
    found = {"": opening(body)}
    for match in WANTED.finditer(body):
        text = shown(body, match)
        if text:
            found[match[2]] = plain(text)
            for work in WORK.findall(text) if "doc-biblioentry" in match[0] else []:
                found[work.lower()] = found[match[2]]
    return found


def shown(body, match):
    """The HTML that tells what an anchor is, "" for anchors that nothing needs a preview of."""
    kind, tag = match[2].split("-")[0], match[1]
    if kind == "fig":
        image = re.compile(r"<img\b[^>]*>").search(element(body, match))
        caption = re.compile(r'<p class="figure-caption.*?</p>', re.S).search(body, match.start())
        return (image[0] if image else "") + (caption[0] if caption else "")
    if kind == "sym":
        symbol, meaning, introduced = re.findall(r"<td[^>]*>(.*?)</td>", element(body, match), re.S)
        return f"{symbol}{meaning}<p>Introduced in {re.sub('</?p>', '', introduced)}.</p>"
    if kind == "thm" and tag == "a":  # the page Proofs: an anchor before its statement
        statement = re.compile(r'<(div) class="proof').search(body, match.end())
        return element(body, statement) if statement else ""
    if tag == "dt":
        return element(body, match) + body[match.end() :].partition("<dd>")[2].partition("</dd>")[0]
    if kind in ("thm", "eq", "ex") or "doc-biblioentry" in match[0]:
        return element(body, match)
    return ""


def element(body, match):
    """From the opening tag that `match` found to the closing tag that belongs to it."""
    depth = 0
    for tag in re.compile(rf"<(/?){match[1]}\b[^>]*>").finditer(body, match.start()):
        depth += -1 if tag[1] else 1
        if not depth:
            return body[match.start() : tag.end()]
    return body[match.start() : match.end()]


def opening(body):
    """A page's title and the first sentence in bold with its paragraph, or else its first paragraph."""
    title, paragraphs = TITLE.search(body), PARAGRAPH.findall(body) or [""]
    question = next((text for text in paragraphs if "<strong>" in text and "?" in text), paragraphs[0])
    return plain((f"<p><strong>{title[1]}</strong></p>" if title else "") + question)


def plain(text):
    return OWN.sub("", LINK.sub("", text))
