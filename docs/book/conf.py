"""Sphinx's settings for the book; `build.py` writes the pages and calls Sphinx."""

import os

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "scratchlm"
author = "the scratchlm authors"
copyright = ""  # the licence stands in the repository
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "cache"
nb_execution_cache_path = os.environ["SCRATCHLM_BOOK_CACHE"]
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_merge_streams = True
templates_path = ["templates"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_sidebars = {
    "**": [
        *("sidebar/brand.html", "language.html", "sidebar/search.html"),
        *("sidebar/scroll-start.html", "sidebar/navigation.html", "sidebar/scroll-end.html"),
    ]
}
html_math_renderer = "mathml"


def mathml(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML, which browsers draw by themselves; its LaTeX is read aloud."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    formula = node.astext()
    made = convert(formula, display=display)
    made = made.replace("<math ", f'<math aria-label="{self.attval(formula)}" ', 1)
    self.body.append(f'<div class="math">{made}</div>' if display == "block" else made)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Formulas become MathML."""
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
