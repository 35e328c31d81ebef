"""What the notebooks' portable Markdown needs from Sphinx.

The notebooks hold plain Markdown that looks right everywhere. On the book's pages it gets its meaning back:

- ``<a id="thm-2-3"></a>`` becomes the id of the block it stands before, and a target that links can be checked against;
- a blockquote that opens in bold gets the class ``statement``, a figure's caption ``figure-caption``,
  a folded proof or solution ``proof`` or ``solution`` (styled in _static/book.css).

It also leaves out the launch buttons while the book has no address on GitHub, the one host that Colab opens notebooks
from; the theme fails on others. And it drops the ids that sphinx-proof puts more than once on the page Proofs.
"""

import re

from docutils import nodes

ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
FOLDED = re.compile(r"<details>(?=\s*<summary>\s*(Proof|Solution)\b)")
REPEATED = re.compile(r' id="proof(?:-content)?"|(?<=<p class="admonition-title") id="prf-[\d-]+"')
CAPTION = re.compile(r"(Figure|Table) \d+\.\d+\. ")


def setup(app):
    app.connect("config-inited", launch_buttons)
    app.connect("doctree-read", read)
    app.connect("html-page-context", unrepeat)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def launch_buttons(app, config):
    options = config.html_theme_options
    address = (options.pop("repository_url", None) or "").removesuffix(".git")
    if address.startswith("https://github.com/"):
        options["repository_url"] = address
    else:
        options.pop("launch_buttons", None)


def unrepeat(app, pagename, templatename, context, doctree):
    context["body"] = REPEATED.sub("", context.get("body") or "")


def read(app, document):
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})  # where MyST looks up `page#fragment`
    for paragraph in list(document.findall(nodes.paragraph)):
        anchor = ANCHOR.fullmatch(paragraph.astext()) if is_html(paragraph) else None
        if anchor:
            slugs[anchor[1]] = (paragraph.line, anchor[1], "")
            following = paragraph.next_node(siblings=True, descend=False)
            if isinstance(following, nodes.block_quote):
                following["ids"].append(anchor[1])
                paragraph.parent.remove(paragraph)
        elif [type(part) for part in parts(paragraph)] == [nodes.emphasis] and CAPTION.match(paragraph.astext()):
            paragraph["classes"].append("figure-caption")
    for quote in document.findall(nodes.block_quote):
        if isinstance(parts(quote[0])[0], nodes.strong):
            quote["classes"].append("statement")
    for raw in document.findall(nodes.raw):
        text = FOLDED.sub(lambda found: f'<details class="{found[1].lower()}">', raw.astext())
        if text != raw.astext():
            raw[:] = [nodes.Text(text)]


def is_html(paragraph):
    return bool(paragraph.children) and all(isinstance(child, nodes.raw) for child in paragraph)


def parts(node):
    """The children that are not empty: markdown-it leaves empty texts around emphasis."""
    return [child for child in node if child.astext()] or [node]
