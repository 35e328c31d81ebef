"""Sets the parts of the volume in the system's Chromium, each within a time limit, each only once.

A figure that just misses the foot of a sheet would leave a hole there: it is made smaller, down to LEAST of its size.
"""

import asyncio
import hashlib
import re

from binding import Part

LIMIT = 300  # seconds for a part; a chapter takes 40 on a busy machine of two cores
LEAST = 0.66  # of a figure's size: the words at its axes come out at 6 points then
HOLE = 0.2  # of a sheet's height: less may stay empty above a figure
HEAD, FOOT = 842.0, 119.0  # points: where the text of an upright sheet begins and ends; Chromium leaves out the margin
SLACK = 34.0  # points: the last line of a caption, and what rounding takes
# (print.css has already made a figure smaller that is by itself higher than 600 pixels: its code has no mark.)
# Chromium tells the place of what a link leads to: the ends of the code, the figure and the caption of each figure
MARK = """() => document.querySelectorAll("div.cell:has(.cell_output img) + p.figure-caption").forEach((caption, k) => {
  const cell = caption.previousElementSibling, aside = document.getElementById("aside");
  const mark = name => {
    const end = Object.assign(document.createElement("span"), {id: `${name}-${k}`});
    aside.append(Object.assign(document.createElement("a"), {href: `#${end.id}`, textContent: "."}));
    return end;
  };
  const high = image => image.naturalHeight * (image.getAttribute("width") ?? image.naturalWidth) / image.naturalWidth;
  if (![...cell.querySelectorAll("img")].some(image => high(image) > 600))
    cell.querySelector(".cell_input")?.append(mark("code"));
  caption.prepend(mark("figure"));
  caption.append(mark("caption"));
  cell.querySelectorAll("img").forEach(image => image.dataset.figure = k);
})"""
SHRINK = """([k, share]) => document.querySelectorAll(`img[data-figure="${k}"]`)
  .forEach(image => image.style.setProperty("--share", share))"""
OPTIONS = {"prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True}


def misfit(part, seen=-1):
    """(k, share) of the first figure k > seen that leaves a hole, and would not with this share of its size; or None.

    A part has the places code-k, figure-k and caption-k, where these end.
    """
    for k in sorted(int(name[5:]) for name in part.sheets if name.startswith("code-")):
        code, figure, caption = (float(part.places[f"{name}-{k}"][3]) for name in ("code", "figure", "caption"))
        room, lacks = code - FOOT, HEAD - caption + SLACK - (code - FOOT)
        height = HEAD - figure
        hole = overleaf(part, k) and room > HOLE * (HEAD - FOOT)
        if k > seen and hole and LEAST <= 1 - lacks / height < 1:
            return k, 1 - lacks / height
    return None


def overleaf(part, k):
    return part.sheets[f"caption-{k}"] == part.sheets[f"code-{k}"] + 1


class Press:
    """Sets parts in a browser, or takes them from the folder `kept` where they have been set before."""

    def __init__(self, browser, site, kept, limit=LIMIT):
        self.browser, self.site, self.kept, self.limit, self.used = browser, site, kept, limit, set()
        self.styles = b"".join(path.read_bytes() for path in sorted((site / "_static").rglob("*.css")))
        kept.mkdir(parents=True, exist_ok=True)

    async def part(self, name, html, first, numbers):
        """The part as PDF: first: how many sheets come before it; numbers: {id: sheet} for what its text lists."""
        html = html.replace("</head>", f"<style>html {{ counter-reset: page {first} }}</style></head>", 1)
        html = re.sub(r'(data-leads="([^"]+)">)', lambda place: f"{place[1]}{numbers.get(place[2], '')}", html)
        digest = hashlib.sha256(html.encode() + self.styles + self.browser.version.encode()).hexdigest()[:16]
        kept = self.kept / f"{name}-{digest}.pdf"
        if not kept.exists():
            try:
                pdf = await asyncio.wait_for(self._set(html), self.limit)
            except TimeoutError as late:
                raise TimeoutError(f"{name} was not set within {self.limit} seconds; those before are kept") from late
            half = kept.with_suffix(".half")  # an interrupted start leaves nothing that passes for a part
            half.write_bytes(pdf)
            half.replace(kept)
        self.used.add(kept)
        return Part(kept.read_bytes())

    async def _set(self, html):
        place = self.site / "volume.html"
        place.write_text(html, encoding="utf-8")
        page = await self.browser.new_page()
        page.set_default_timeout(0)
        try:
            await page.goto(place.as_uri())
            await page.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
            await page.evaluate(MARK)
            pdf, seen = await page.pdf(**OPTIONS), -1
            while found := misfit(Part(pdf), seen):
                seen, share = found
                await page.evaluate(SHRINK, [seen, share])
                tried = await page.pdf(**OPTIONS)
                if overleaf(Part(tried), seen):  # something else holds it there
                    await page.evaluate(SHRINK, [seen, 1])
                else:
                    pdf = tried
        finally:
            place.unlink()
        await page.close()
        return pdf
