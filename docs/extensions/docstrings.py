"""The docstrings of nelder on the pages of the reference: plain text with `code`, which is not reStructuredText.

A door on Fit has one line that says where it leads, "see `inference.wald.confint`"; the page shows what is written
there, and the file where it stands.
"""

import re
from importlib import import_module
from inspect import getdoc, getsourcefile, isfunction
from pathlib import Path

from sphinx.util import logging

import nelder

logger = logging.getLogger(__name__)
SOURCE = Path(nelder.__file__).parent
SEE = re.compile(r"[;:,.]? see\s+`([\w.]+)`\.")
PACKAGES = ("nelder", "nelder.inference", "nelder.diagnostics")
CODE = re.compile(r"`([^`]+)`")
SPECIAL = re.compile(r"([\\*|_<>])")


def room(path):
    """The function, class or module that a door names."""
    for package in PACKAGES:
        try:
            return import_module(f"{package}.{path}")
        except ImportError:
            module, _, name = path.rpartition(".")
        try:
            return getattr(import_module(f"{package}.{module}"), name)
        except (ImportError, AttributeError):
            continue
    return None


def opened(text, what):
    """The text of a door with that of its room, and where the room is."""
    found = SEE.search(text)
    if not found:
        return text
    there = room(found[1])
    if there is None:
        logger.warning("the docstring of %s leads to %s, which does not exist", what, found[1])
        return text
    file = Path(getsourcefile(there)).relative_to(SOURCE.parent).as_posix()
    said = getdoc(there) if isfunction(there) else f"{text[: found.start()]}."
    return f"{said}\n\nSource: `{file}`."


def escaped(line):
    """A line of prose as reStructuredText."""
    parts = CODE.split(line)
    for place in range(0, len(parts), 2):
        text = SPECIAL.sub(r"\\\1", parts[place])
        # a word may touch code here, but not there
        parts[place] = f"\\ {text}" if place and text[:1].isalnum() else text
    parts[1::2] = [f"``{part}``" for part in parts[1::2]]
    return "".join(parts)


def plain(text):
    """Prose as reStructuredText; paragraphs with indented lines, or with the branches of a tree, as they are."""
    result = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        lines = paragraph.splitlines()
        if any(line.startswith((" ", "├", "│", "└")) for line in lines):
            result += ["::", "", *(f"    {line}" for line in lines), ""]
        else:
            result += [*map(escaped, lines), ""]
    return result


def process(app, kind, name, *rest):
    lines = rest[-1]
    text = "\n".join(lines)
    if kind in ("method", "property", "attribute") and re.search(r"\.(Fit|Plots)\.", name):
        text = opened(text, name)
    lines[:] = plain(text)


def setup(app):
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
