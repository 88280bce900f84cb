"""Sphinx's settings for the book; `build.py` writes the pages and calls Sphinx."""

import os
import re
import unicodedata

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.writers.html5 import HTML5Translator

project = "scratchlm"
author = "the scratchlm authors"
copyright = ""  # the licence stands in the repository
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "cache"
nb_execution_cache_path = os.environ["SCRATCHLM_BOOK_CACHE"]
nb_execution_raise_on_error = False  # -W ends the build, and build.py says which cell it was
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
html_show_search_summary = False  # it is fetched, which a browser refuses for a page from a file
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


class SearchChinese(SearchEnglish):
    """Each sign and each pair of neighbouring signs is a term; what is asked is cut into pairs, too.

    Before each stands "zh", because Sphinx lets terms of two signs be missing where a longer one is found.

    So every phrase is found. Sphinx's own search for Chinese knows the words of a dictionary alone (of
    jieba's, 反向传播 is none), and takes what is asked as one word; in Sphinx 9.0 and 9.1 it does not work.
    """

    lang = "zh"
    js_splitter_code = """
function splitQuery(query) {
  const runs = query.normalize("NFKC").match(/[\\u4e00-\\u9fff]+|[a-zA-Z0-9]+/gu) || [];
  return runs.flatMap((run) => !/[\\u4e00-\\u9fff]/.test(run) ? [run]
    : run.length === 1 ? ["zh" + run] : [...run.slice(1)].map((sign, k) => "zh" + run[k] + sign));
}
"""

    def split(self, text: str) -> list[str]:
        """The terms of a page's text."""
        terms: list[str] = []
        for run in re.findall("[\u4e00-\u9fff]+|[a-zA-Z0-9]+", unicodedata.normalize("NFKC", text)):
            pairs = [*run, *(run[k : k + 2] for k in range(len(run) - 1))]
            terms += [f"zh{pair}" for pair in pairs] if ord(run[0]) > 0x4DFF else [run]
        return terms


def setup(app: Sphinx) -> None:
    """Formulas become MathML; Chinese is found."""
    app.add_search_language(SearchChinese)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
