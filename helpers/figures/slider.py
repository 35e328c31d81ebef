"""A figure with a slider that works on a page without a kernel: one SVG, whose states a short script shows and hides.

It runs in the book, in Colab and in Jupyter alike, by mouse, finger or arrow keys, and says in words what it shows.
"""

import io
import re
from html import escape

import matplotlib.pyplot as plt
from IPython.display import HTML

from helpers.arguments import integer

PAGE = """<div id="{name}" style="background: white; color: #222222; padding: 0.5em; max-width: 46em">
{svg}
<div style="display: flex; gap: 0.8em; align-items: center; flex-wrap: wrap">
<label for="{name}-range">{label}</label>
<input type="range" id="{name}-range" min="0" max="{last}" step="1" value="{start}" aria-label="{label}"
 aria-valuetext="{value}" style="flex: 1; min-width: 9em; accent-color: #0072B2">
<output for="{name}-range" id="{name}-value" aria-live="off" style="min-width: 5em; font-weight: bold">{value}</output>
</div>
<p id="{name}-words" aria-live="polite" style="margin: 0.4em 0 0; min-height: 3em">{words}</p>
<script>
(function () {{
  var values = {values}, words = {descriptions};
  var box = document.getElementById("{name}"), range = document.getElementById("{name}-range");
  function show() {{
    var state = Number(range.value);
    box.querySelectorAll("[data-state]").forEach(function (part) {{
      part.style.display = Number(part.getAttribute("data-state")) === state ? "" : "none";
    }});
    range.setAttribute("aria-valuetext", values[state]);
    document.getElementById("{name}-value").textContent = values[state];
    document.getElementById("{name}-words").textContent = words[state];
  }}
  range.addEventListener("input", show);
  range.value = "{start}";
  show();
}})();
</script>
</div>"""


def slider(figure, states, *, label, alt, name, start=0):
    """A figure as HTML with a labelled slider under it: position i shows the artists of `states[i]` and hides the other
    states'; what belongs to no state always shows. Without script it stays at `start`.

    states: at least two triples (value, artists, words): what the slider says there, a list of matplotlib artists, and
    a sentence that says what is to be seen, for readers who cannot see it. alt: what the figure is about, at least 40
    characters. name: a word of small letters, unique on the page. The figure is closed. Raises TypeError or ValueError.
    """
    if not re.fullmatch("[a-z]+", name):
        raise ValueError(f"name must be a word of small letters, got {name!r}")
    if len(alt) < 40:
        raise ValueError(f"alt must have at least 40 characters, got {alt!r}")
    if len(states) < 2:
        raise ValueError(f"states must be at least two, got {len(states)}")
    start = integer("start", start, low=0, high=len(states) - 1)
    for i, (_, artists, _) in enumerate(states):
        for j, artist in enumerate(artists):
            artist.set_gid(f"{name}-state-{i}-{j}")
    values, _, words = zip(*states, strict=True)
    return HTML(PAGE.format(
        name=name, svg=_inline(figure, name, escape(alt), start), label=escape(label),
        start=start, last=len(states) - 1, value=escape(values[start]), words=escape(words[start]),
        values=_script(values), descriptions=_script(words),
    ))  # fmt: skip


def _inline(figure, name, alt, start):
    """The figure as an SVG that lives inside a page: it scales, its ids and styles keep to themselves, nothing in it
    changes from build to build, and the parts of state i carry data-state="i"."""
    stream = io.StringIO()
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": name, "savefig.bbox": None}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(figure)
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<style type="text/css">\*\{(.*?)\}</style>', rf"<style>#{name} svg *{{\1}}</style>", svg)

    def marked(found):
        hidden = "" if int(found[1]) == start else ' style="display: none"'
        return f'data-state="{found[1]}"{hidden}'

    svg = re.sub(rf'id="{name}-state-(\d+)-\d+"', marked, svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{name}-", svg)
    size = re.search(r'<svg [^>]*?viewBox="([^"]*)"', svg, re.S)[1]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{size}"'
    head += f' role="img" aria-label="{alt}" style="width: 100%; height: auto">'
    svg = head + svg[svg.index(">") + 1 :]
    return re.sub(r"\n\s*", "\n", svg).strip()


def _script(texts):
    """A list of texts as a script literal that cannot end the script."""
    return "[" + ", ".join('"' + re.sub(r'[\\"<>&\n\u2028\u2029]', _escaped, text) + '"' for text in texts) + "]"


def _escaped(found):
    return f"\\u{ord(found[0]):04x}"
