"""Figures: each described in words and captioned, in the source and in what the chapter shows once it has run.

Each rule takes a document and yields sentences: where, what is wrong, how to mend it.
"""

import re
import sys
from itertools import pairwise

from notebooks import CHAPTERS, MARKUP, flat
from rules_statements import exercise_numbers, numbering

sys.path.insert(0, str(CHAPTERS / "_extensions"))

from panels import cuts

CAPTION = re.compile(r"Figure (\d+\.\d+)\. \S")
LIVE_BYTES = 60_000  # of a live figure, its still picture included
# On a phone panels stand below each other, and in the dark mode black is white.
PLACES = re.compile(r"(?i)\b(left|right|above|below)[:,]|\b(on the (left|right)|beside|black)\b|\b(left|right) panel")
SIZE = re.compile(r'transform="translate\([^)]*\)(?: rotate\([^)]*\))? scale\((0\.\d+)')  # of a text
PHONE, LETTER = 390, 10  # pixels
IMAGES = ("image/png", "image/svg+xml", "image/jpeg")


def captions_of(document):
    """{cell number: "2.1"} for the Markdown cells that open with *Figure 2.1. ...*."""
    openings = {cell.number: flat(cell.inlines[0]).lstrip(MARKUP) for cell in document.markdown if cell.inlines}
    return {number: caption[1] for number, text in openings.items() if (caption := CAPTION.match(text))}


def figures(document):
    """A figure cell has an alt text, a sentence; the next cell opens with its caption; numbers run from c.1."""
    captions = captions_of(document)
    yield from numbering("figure", [(number, cell) for cell, number in captions.items()], document.chapter)
    following = {cell.number: after for cell, after in pairwise(document.cells)}
    for cell in document.code:
        where, after = f"cell {cell.number}", following.get(cell.number)
        if cell.alt is None:
            if re.search(r"\b(subplots|figure)\(", cell.source):
                yield f"{where}: draws a figure; give it the metadata mystnb.image.alt, a sentence that describes it"
            continue
        yield from (f"{where}: alt text {fault}" for fault in alt_faults(cell.alt))
        if after is None or captions.pop(after.number, None) is None:
            yield f"{where}: the next cell must be Markdown and open with *Figure c.n. What it shows.*"
            continue
        caption = after.inlines[0]
        marks = [child.type for child in caption.children if child.content or child.nesting]
        if (marks[0], marks[-1]) != ("em_open", "em_close"):
            yield f"cell {after.number}: the caption must be one paragraph in *...*"
        if place := PLACES.search(caption.content):
            yield f"cell {after.number}: the caption says «{place[0]}», untrue on a phone or in the dark mode"
        if _words(cell.alt) == _words(caption.content.split(". ", 1)[1]):
            yield f"{where}: alt text repeats the caption; say what is to be seen"
    for cell, number in captions.items():
        yield f"cell {cell}: caption of Figure {number} without a figure cell right before it"


def alt_faults(alt):
    """What keeps an alt text from being a sentence of at least 40 characters and 6 words."""
    if len(alt) < 40 or len(alt.split()) < 6:
        yield f"«{alt}» is too short: at least 40 characters and 6 words"
    if not alt[:1].isupper() or not alt.endswith("."):
        yield "must be a sentence: a capital at the start, a full stop at the end"
    if re.search(r"[$`\\<>]|\b\w+\.png\b", alt):
        yield "must be plain words: no TeX, code, HTML or file name"


def dangling(document):
    """Figures and exercises of this chapter that the text names are there."""
    there = {"Figure": captions_of(document).values(), "Exercise": exercise_numbers(document)}
    for cell in document.markdown:
        for inline in cell.inlines:
            for kind, number in re.findall(r"\b(Figure|Exercise)\s+(\d+\.\d+)", flat(inline)):
                if number.startswith(f"{document.chapter}.") and number not in there[kind]:
                    yield f"cell {cell.number}: names {kind} {number}, which the chapter does not have"


def outputs(document):
    """After a run: a cell shows one figure if it has an alt text, else none, with letters that a phone shows at a
    legible size; what HTML draws is described inside the HTML too; nothing warns."""
    for cell in document.code:
        for problem in _shown(cell):
            yield f"cell {cell.number}: {problem}"


def _shown(cell):
    count = sum(_draws(output.get("data", {})) for output in cell.outputs)
    if count > 1:
        yield f"shows {count} figures; one a cell, each with its own alt text and caption"
    elif count and cell.alt is None:
        yield "shows a figure; give it the metadata mystnb.image.alt, a sentence that describes it"
    elif not count and cell.alt is not None:
        yield "has an alt text but shows no figure; end the cell with the figure, or drop the text"
    for output in cell.outputs:
        if sizes := SIZE.findall(svg := output.get("data", {}).get("image/svg+xml", "")):
            width, parts = cuts(svg)
            widest = max((part[2] for part in parts), default=width)
            pixels = 100 * min(map(float, sizes)) * min(PHONE / widest, 4 / 3)
            if pixels < LETTER:
                yield f"a figure whose letters have {pixels:.1f} pixels on a phone; make it narrower, or them larger"
        html = output.get("data", {}).get("text/html", "")
        for tag in re.findall(r"<img\b[^>]*>", html):
            if not re.search(r'\balt="[^"]{40,}"', tag):
                yield f'{tag[:60]} has no alt="..." of at least 40 characters'
        for tag in re.findall(r"<svg\b[^>]*>", html):
            if not re.search(r'\brole="img"', tag) or not re.search(r'\baria-label="[^"]{40,}"', tag):
                yield f'{tag[:60]} has no role="img" with an aria-label="..." of at least 40 characters'
        for tag in re.findall(r'<input\b[^>]*type="range"[^>]*>', html):
            if not re.search(r'\baria-label(ledby)?="[^"]+"', tag):
                yield f"{tag[:60]} is a slider without aria-label"
        if "data-lab=" in html and len(html.encode()) > LIVE_BYTES:
            yield f"a live figure of {len(html.encode())} bytes; at most {LIVE_BYTES}: a simpler still picture"
        if output.get("name") == "stderr" and "Warning" in output.text:
            yield f"warns: {' '.join(output.text.split())[:200]}"


def _draws(data):
    """Whether an output is a figure: an image, or HTML that draws (an animation)."""
    drawn = re.search(r"<(img|svg|canvas|video)\b", data.get("text/html", ""))
    return any(kind in data for kind in IMAGES) or drawn is not None


def _words(text):
    return re.findall(r"\w+", text.lower())
