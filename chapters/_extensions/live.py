"""A live figure on a page that is no notebook: the directive ``{live} name``.

Its content is the still picture (a figure with an alt text), which stands in print, without script and in other
formats; ``:parameters:`` is what the figure's script is given, as JSON. The HTML is that of ``figures.lab``.
"""

import json
import os
import sys

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

STILL = "<!-- still -->"  # where the picture goes


def setup(app):
    app.add_directive("live", Live)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class Live(SphinxDirective):
    """The live figure named by the argument."""

    required_arguments = 1
    has_content = True
    option_spec = {"parameters": json.loads}  # noqa: RUF012  # docutils wants a plain dict

    def run(self):
        root = os.fspath(self.env.srcdir)
        if root not in sys.path:
            sys.path.insert(0, root)  # where helpers/ is
        from helpers.figures import lab

        for path in sorted(lab.HERE.glob("lab*")):
            self.env.note_dependency(os.fspath(path))
        before, after = lab.page(self.arguments[0], STILL, self.options.get("parameters", {})).split(STILL)
        inside = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, inside)
        return [nodes.raw("", before, format="html"), *inside.children, nodes.raw("", after, format="html")]
