"""Figures in fewer bytes: matplotlib's SVG with coordinates to a hundredth of a point, and nothing said twice.

Only the copies on the site are rewritten, once the build is finished. Lines get relative coordinates, points that look
the same say so once, and the account of who drew the figure goes.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+\.\d{3,}(?!\d*e)")
PLACES = ("x", "y", "x1", "x2", "y1", "y2", "width", "height")
CORNER = re.compile(r"([MLz])(?: (\S+) (\S+))?")

ElementTree.register_namespace("", SVG[1:-1])
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def setup(app):
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def lighten(app, exception):
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_images").glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        if 'id="figure_1"' in svg:  # one of matplotlib's
            path.write_text(lighter(svg), encoding="utf-8")


def lighter(svg):
    """The same drawing in fewer bytes; one without metadata has been here before, in an earlier build, and stays."""
    root = ElementTree.fromstring(svg.encode())
    metadata = root.find(f"{SVG}metadata")
    if metadata is None:
        return svg
    root.remove(metadata)
    for element in root.iter():
        element.text, element.tail = (element.text or "").strip(), ""
        for name in PLACES:
            if name in element.attrib:
                element.set(name, rounded(element.get(name)))
        if "d" in element.attrib:
            element.set("d", outline(" ".join(element.get("d").split())))
        looks = {child.get("style") if child.tag == f"{SVG}use" else None for child in element}
        if len(looks) == 1 and None not in looks and "style" not in element.attrib:  # points of one look
            element.set("style", *looks)
            for point in element:
                del point.attrib["style"]
    return ElementTree.tostring(root, encoding="unicode")


def rounded(text):
    """The text with its numbers to two decimals."""
    return NUMBER.sub(lambda number: hundredths(round(100 * float(number[0]))), text)


def hundredths(count):
    return f"{count / 100:.2f}".rstrip("0").rstrip(".")


def outline(d):
    """A path's data; one of straight lines in relative coordinates, of rounded corners, that no error may add up."""
    if set(re.findall("[A-Za-z]", d)) - set("MLz") or "z L" in d:
        return rounded(d)
    steps, at, drawn = [], (0, 0), ""
    for letter, *corner in CORNER.findall(d):
        if letter == "z":
            steps.append("z")
        else:
            x, y = (round(100 * float(number)) for number in corner)
            move = (x, y) if letter == "M" else (x - at[0], y - at[1])
            steps.append(("M" if letter == "M" else " " if drawn == "L" else "l") + " ".join(map(hundredths, move)))
            at = x, y
        drawn = letter
    return "".join(steps)
