"""How Sphinx builds the documentation: `python3 dev.py docs`. No page needs a network, to be built or to be read."""

import logging
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nelder"
author = "The nelder developers"
copyright = "2026, The nelder developers"
release = version = version_of("nelder")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "command_line",
    "docstrings",
    "mathml",
    "pictures",
]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_type_aliases = {name: name for name in ("Array", "Codes", "Interval", "Level")}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
autosummary_generate = False
add_module_names = False

exclude_patterns = ["decisions/0000-template.md"]
html_theme = "pydata_sphinx_theme"
html_title = "nelder"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["nelder.css"]
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}

# A section may still be empty. suppress_warnings misses this warning, which has a subtype but no type.
toctree = logging.getLogger("sphinx.sphinx.directives.other")
toctree.addFilter(lambda record: getattr(record, "subtype", None) != "empty_glob")
