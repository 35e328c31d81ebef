"""Live figures: a still picture that a script on the page replaces by one that answers the hand, without a kernel.

A live figure called NAME is `lab_NAME.js` beside this module: one call `lab.mount("NAME", (fig, p) => {...})` on top of
`lab.js` (the helpers' formulas) and `lab_kit.js` (plots and controls). `show` puts these into the cell's output, so the
same cell works in the book, in Colab and in JupyterLab; in print, on a code host and without script the picture stays.
"""

import base64
import io
import json
import re
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import HTML
from PIL import Image

HERE = Path(__file__).parent
COLORS = 32  # in a still picture: plenty for lines and labels, and a third of the bytes
PAGE = """<div data-lab="{name}" data-parameters="{parameters}">
<div class="lab-still">{still}</div>
<script>
(() => {{
{script}
}})();
</script>
</div>"""


def show(name, *, still, alt, **parameters):
    """The live figure `name` as an IPython HTML object.

    still: the matplotlib figure that stands in for it; it is closed. alt: what is to be seen, a sentence, the picture's
    alternative text and the live figure's name. parameters: numbers, texts, lists, arrays or tensors that the script
    finds in `p`; entries of arrays and tensors to six digits. Raises ValueError for a name without script, a short alt,
    or a parameter that is not finite.
    """
    if len(alt) < 40:
        raise ValueError(f"alt must be a sentence of at least 40 characters, got {alt!r}")
    return HTML(page(name, _picture(still, alt), parameters))


def page(name, still, parameters):
    """The HTML of a live figure, with `still`, the HTML of its still picture, in which one image has an alt text."""
    source = HERE / f"lab_{name}.js"
    if not re.fullmatch("[a-z_]+", name) or not source.is_file() or name == "kit":
        there = sorted(path.stem.removeprefix("lab_") for path in HERE.glob("lab_*.js") if path.stem != "lab_kit")
        raise ValueError(f"name must be one of {', '.join(there)}, got {name!r}")
    plain = json.dumps(parameters, default=_plain, allow_nan=False, ensure_ascii=False)
    return PAGE.format(name=name, parameters=escape(plain), still=still, script=script(source))


def _plain(values):
    """An array or tensor as nested lists, floats to six significant digits."""
    if isinstance(values, float):
        return float(f"{values:.6g}")
    nested = values if isinstance(values, list) else getattr(values, "tolist", lambda: values)()
    return [_plain(value) for value in nested] if isinstance(nested, list) else nested


def script(source):
    """The core, the kit, the style and the figure's own script, without comments and indentation."""
    style = re.sub(r"\s*\n\s*", " ", (HERE / "lab.css").read_text(encoding="utf-8"))
    parts = [path.read_text(encoding="utf-8") for path in (HERE / "lab.js", HERE / "lab_kit.js", source)]
    code = "\n".join([*parts[:2], f"lab.css = {json.dumps(style)};", parts[2]])
    return re.sub(r"(?m)^[ \t]*(//.*)?\n?", "", code).replace("</", "<\\/").strip()


def _picture(figure, alt):
    """A figure as an image that carries its own data: sharp on fine screens, few colours."""
    stream, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(stream, format="png")
    width = round(figure.get_size_inches()[0] * 96)
    plt.close(figure)
    Image.open(stream).convert("RGB").quantize(COLORS).convert("RGB").save(packed, "WEBP", lossless=True, method=6)
    data = base64.b64encode(packed.getvalue()).decode()
    return f'<img alt="{escape(alt)}" width="{width}" style="max-width: 100%" src="data:image/webp;base64,{data}">'
