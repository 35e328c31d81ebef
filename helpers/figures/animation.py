"""Animations that play in the book, in Colab and in Jupyter, and tell readers who cannot see them what they show."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.animation import FuncAnimation
from PIL import Image, ImageFilter

from helpers.arguments import integer

COLORS = 16  # in a frame: enough for lines and labels, and a quarter of the bytes
# under each frame lies the first, in print, too
BEHIND = (
    "max-width: 100%; background: url({}) 0 0 / 100% 100% content-box; -webkit-print-color-adjust: exact; "
    "print-color-adjust: exact"
)
GLYPHS = {
    "Decrease speed": "−", "First frame": "|◂", "Previous frame": "◂", "Play backwards": "◀", "Pause": "❙❙",
    "Play": "▶", "Next frame": "▸", "Last frame": "▸|", "Increase speed": "+",
}  # fmt: skip


def player(figure, update, frames, *, alt, name, dpi=200):
    """A figure as an animation with a player, an IPython HTML object; it waits for the reader to press play.

    update(i) draws frame i, for i below `frames` ≥ 1, as for matplotlib's FuncAnimation. alt: the sentence that says
    what is to be seen. name: a word of letters, unique on the page. dpi: pixels per inch, of which 100 fill an inch on
    the page; the rest is for fine screens. The figure is laid out once, then closed, so that it is not shown a second
    time. Raises TypeError or ValueError.
    """
    frames = integer("frames", frames, low=1)
    if not re.fullmatch("[a-z]+", name):
        raise ValueError(f"name must be a word of small letters, got {name!r}")
    if not alt or set(alt) & set('<>"&'):
        raise ValueError(f"alt must be a sentence without <, >, & and double quotes, got {alt!r}")
    figure.canvas.draw()
    figure.set_layout_engine("none")  # else the axes jump from frame to frame
    figure.canvas.draw_idle = lambda: None  # matplotlib would draw each frame once more, for a window that is not there
    with plt.rc_context({"savefig.dpi": integer("dpi", dpi, low=20), "savefig.bbox": None}):
        page = FuncAnimation(figure, update, frames, interval=160).to_jshtml(default_mode="once")
    plt.close(figure)
    return HTML(_accessible(page, alt, name, round(100 * figure.get_size_inches()[0])))


def _accessible(page, alt, name, width):
    """matplotlib's player with a description, names for its controls, a fixed id, and signs instead of an icon font
    that would come from the network; before its script has run it shows the last frame."""
    page = page.replace(re.search(r'id="_anim_img(\w+)"', page)[1], name)
    page, first = _lighter(page)
    last = re.findall(r'"(data:image/webp;base64,[^"]*)"', page)[-1]
    page = re.sub(r"<link[^>]*font-awesome[^>]*>", "", page)
    # HTML wants a style first
    page = re.sub(r"\A(.*?)(<style>.*?</style>)(.*)\Z", r"<div>\2\1\3</div>", page, flags=re.S)
    page = page.replace('<script language="javascript">', "<script>")
    page = page.replace("<img ", f'<img alt="{alt}" width="{width}" src="{last}" style="{BEHIND.format(first)}" ')
    page = page.replace('type="range"', 'type="range" aria-label="Frame" style="max-width: 100%"')
    for label, glyph in GLYPHS.items():
        page = re.sub(rf'(<button [^>]*aria-label="{label}"[^>]*>)\s*<i [^>]*></i>', rf"\1{glyph}", page)
    return page


def _lighter(page):
    """The player with frames of few colours, which are transparent wherever they are like the first, two pixels around
    each change excepted, or a browser that scales them lets the first shine through at edges; and the first."""
    found = re.findall(r'(?<=")data:image/png;base64,[^"]*', page)
    frames = [np.asarray(Image.open(io.BytesIO(_bytes(frame))).convert("RGB")) for frame in found]
    for text, frame in zip(found, frames, strict=True):
        changed = Image.fromarray(255 * (frame != frames[0]).any(-1).astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
        page = page.replace(text, _packed(frame, np.asarray(changed) > 0))
    return page, _packed(frames[0], np.ones(frames[0].shape[:2], bool))


def _bytes(frame):
    return base64.b64decode(frame.partition(",")[2].replace("\\\n", ""))


def _packed(frame, opaque):
    """A frame (height, width, 3) with few colours, without further loss, as text; opaque: its visible pixels."""
    stream, few = io.BytesIO(), np.asarray(Image.fromarray(frame).quantize(COLORS).convert("RGB"))
    seen = np.dstack([few * opaque[..., None], 255 * opaque]).astype(np.uint8)
    Image.fromarray(seen).save(stream, "WEBP", lossless=True, quality=60)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
