"""Figures with panels side by side stack them on a phone, where half a column is too narrow to read.

matplotlib's SVG says where its axes stand. Beside such a figure the page gets one cut of it for each panel, row by row
(for each column, where it cannot be cut between the rows), and one for a legend above, all of the same file;
figures.css shows either the whole or the cuts.
"""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

IMAGE = re.compile(r'<img alt="([^"]*)" src="([^"]*/_images/([^"/]*\.svg))" />')
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
NARROW = 40  # points: axes that narrow or low are a colour bar, part of the panel beside them
HANDLE = 30  # points that a line or marker takes before its words in a legend
SPACE = 10  # points that a letter may take beyond the place where its text begins
NAMES = {"svg": "http://www.w3.org/2000/svg", "x": "http://www.w3.org/1999/xlink"}
CUT = '<span class="panel" style="--w:{:g};--x:{:g};--y:{:g};--pw:{:g};--ph:{:g}"><img alt="{}" src="{}" /></span>'


def setup(app):
    app.connect("html-page-context", stack)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def stack(app, pagename, templatename, context, doctree):
    files = {name: Path(app.srcdir, source) for source, name in getattr(app.builder, "images", {}).items()}

    def whole_and_cuts(found):
        alt, src, name = found.groups()
        width, parts = cuts(files[name].read_text(encoding="utf-8")) if name in files else (0, [])
        if not parts:
            return found[0]
        shown = [CUT.format(width, *part, "" if i else alt, src) for i, part in enumerate(parts)]
        return f'<div class="panels"><img class="whole" alt="{alt}" src="{src}" />{"".join(shown)}</div>'

    context["body"] = IMAGE.sub(whole_and_cuts, context.get("body") or "")


def cuts(text):
    """The width of a figure, and (x, y, width, height) of what to show below each other; none for a single column."""
    root = ElementTree.fromstring(text.encode())
    _, _, width, height = map(float, root.get("viewBox").split())
    figure = root.find("svg:g", NAMES)
    columns = []  # (left, right, groups), the boxes of axes that stand above each other as one
    for group in sorted(children(figure, "axes"), key=lambda group: box(group)[0]):
        left, right = box(group)
        if columns and (left < columns[-1][1] or right - left < NARROW):
            columns[-1] = (columns[-1][0], max(right, columns[-1][1]), [*columns[-1][2], group])
        else:
            columns.append((left, right, [group]))
    if not 2 <= len(columns) <= 3:  # one, or small pictures in a row
        return width, []
    legends = [extent(group) for group in children(figure, "legend")]
    top = max((bottom for *_, bottom in legends), default=0)
    if top > height / 2:  # a legend below or beside the panels: leave the figure whole
        return width, []
    starts = [min(extent(group)[0] for group in groups) for _, _, groups in columns]
    ends = [max(right, *(extent(group)[2] - SPACE / 2 for group in groups)) for _, right, groups in columns]
    # where the last words of a panel are near the first of the next one, the cut is as close to these as it can be
    between = [min(max(start, end), start + SPACE - 1) for start, end in zip(starts[1:], ends[:-1], strict=True)]
    edges = [0, *between, width]
    above = [(left - HANDLE, 0, right - left + HANDLE, top) for left, _, right, _ in legends]
    levels = [top, *between_rows([groups for _, _, groups in columns]), height]
    across = list(pairwise(edges))
    return width, above + [(x, y, end - x, low - y) for y, low in pairwise(levels) for x, end in across]


def between_rows(columns):
    """Heights at which every column can be cut between its panels; none where one of them is a colour bar."""
    stacks = [sorted(extent(group)[1::2] for group in groups) for groups in columns]
    bars = any(low - high < NARROW for groups in columns for _, high, _, low in map(sides, groups))
    if bars or len({len(stack) for stack in stacks}) > 1:
        return []
    rows = [list(zip(*row, strict=True)) for row in zip(*stacks, strict=True)]  # (tops, bottoms) of the panels in a row
    gaps = [(max(bottoms), min(tops)) for (_, bottoms), (tops, _) in pairwise(rows)]
    return [(bottom + top) / 2 for bottom, top in gaps] if all(top > bottom - SPACE for bottom, top in gaps) else []


def children(figure, kind):
    return [group for group in figure.findall("svg:g", NAMES) if group.get("id", "").startswith(f"{kind}_")]


def box(axes):
    """Left and right border of the axes."""
    left, _, right, _ = sides(axes)
    return left, right


def sides(axes):
    """Left, top, right and bottom of the axes, from their background, or from their picture where they have none."""
    path, image = axes.find("svg:g/svg:path", NAMES), axes.find(".//svg:image", NAMES)
    if path is None and image is not None:
        x, y, width, height = (float(image.get(name)) for name in ("x", "y", "width", "height"))
        return x, y, x + width, y + height
    numbers = [float(n) for n in NUMBERS.findall("0 0" if path is None else path.get("d"))]
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def extent(group):
    """Left, top, right and bottom of the texts of a group, a letter's width wider."""
    places = []
    for text in group.iter(f"{{{NAMES['svg']}}}g"):
        start = re.match(r"translate\((\S+) (\S+)\)(?: rotate\(\S+\))? scale\((\S+)", text.get("transform", ""))
        if start:
            x, y, scale = map(float, start.groups())
            shifts = [use.get("transform", "").partition(" scale")[0] for use in text.findall("svg:use", NAMES)]
            moves = list(map(NUMBERS.findall, shifts))
            far, high = (scale * max((float(move[i]) for move in moves if move[i:]), default=0) for i in (0, 1))
            turned = "rotate" in text.get("transform")  # then its letters rise to the left
            places.append((x - high, y, x) if turned else (x, y, x + far))
    if not places:
        left, right = box(group)
        return left, 0, right, 0
    lefts, ys, rights = zip(*places, strict=True)
    return min(lefts) - SPACE, min(ys) - SPACE, max(rights) + SPACE, max(ys) + SPACE / 2
