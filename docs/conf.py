"""How Sphinx builds the documentation: `python3 dev.py docs`."""

import logging
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nelder"
author = "The nelder developers"
copyright = "2026, The nelder developers"
release = version = version_of("nelder")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "pictures"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "description"
exclude_patterns = ["decisions/0000-template.md"]

html_theme = "pydata_sphinx_theme"
html_title = "nelder"
html_show_sourcelink = False

# A section may still be empty. suppress_warnings misses this warning, which has a subtype but no type.
toctree = logging.getLogger("sphinx.sphinx.directives.other")
toctree.addFilter(lambda record: getattr(record, "subtype", None) != "empty_glob")
