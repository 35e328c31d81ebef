"""Sets the parts of the volume in the system's Chromium, each within a time limit, each only once."""

import asyncio
import hashlib
import re

from binding import Part

LIMIT = 300  # seconds for a part; a chapter takes 40 on a busy machine of two cores
OPTIONS = {"prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True}


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
            pdf = await page.pdf(**OPTIONS)
        finally:
            place.unlink()
        await page.close()
        return pdf
