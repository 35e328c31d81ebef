"""A book of a few pages, built with the book's own extensions and style, for tests of what the site does."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbformat.v4 import writes as notebook_text
from notebooks import CHAPTERS
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

CONF = f"""
import sys
sys.path.insert(0, {str(CHAPTERS / "_extensions")!r})
extensions = ["myst_nb", "sphinx-mathjax-offline", "sphinxcontrib.bibtex"]
extensions += ["dialect", "references", "formulas", "panels", "previews"]
html_theme = "sphinx_book_theme"
html_static_path = [{str(CHAPTERS / "_static")!r}]
html_css_files = ["book.css", "references.css", "figures.css", "formulas.css", "print.css"]
html_js_files = ["previews.js", "search.js", "formulas.js", "folds.js"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
bibtex_bibfiles = ["works.bib"]
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {{"chtml": {{"scale": 0.92}}}}
suppress_warnings = ["myst.header"]
"""


def notebook(*cells, alt=None):
    """A notebook of Markdown cells, given as texts, and of code cells, given as dictionaries {MIME type: output}.

    alt: what is to be seen in every picture.
    """
    made = []
    for number, cell in enumerate(cells):
        if isinstance(cell, str):
            made.append(new_markdown_cell(cell, id=f"cell-{number}"))
        else:
            described = {"mystnb": {"image": {"alt": alt}}} if alt else {}
            output = new_output("display_data", cell)
            made.append(new_code_cell("draw()", id=f"cell-{number}", outputs=[output], metadata=described))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return notebook_text(new_notebook(cells=made, metadata=metadata))


def build(folder, pages):
    """Builds `pages`, {name of a file: text}, and a table of contents; returns the folder of the HTML."""
    toc = "\n".join(sorted(name.rpartition(".")[0] for name in pages if name.endswith((".md", ".ipynb"))))
    index = {"index.md": f"# Book\n\n```{{toctree}}\n{toc}\n```\n", "conf.py": CONF, "works.bib": ""}
    for name, text in (index | pages).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    out = folder / "_build" / "html"
    with open(folder / "said.txt", "w+", encoding="utf-8") as said, patch_docutils(), docutils_namespace():
        app = Sphinx(folder, folder, out, folder / "_build" / "doctrees", "html", status=said, warning=said)
        app.build()
        said.seek(0)
        words = said.read()
    assert app.statuscode == 0, words
    assert "WARNING" not in words, words
    return out
