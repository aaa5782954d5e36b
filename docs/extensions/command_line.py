"""The directive `command-line`: what `nelder --help` prints, and the help of each command that it lists."""

import contextlib
import io
import os
import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from nelder.cli import main

WIDTH = "84"
COMMAND = re.compile(r"^    (\w+)\s", re.MULTILINE)


def printed(*words):
    """What the command line prints for these words, at a width that suits a page."""
    output, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            main(words)
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
    return output.getvalue()


class CommandLine(SphinxDirective):
    """One section a command."""

    def run(self):
        whole = printed("--help")
        pages = {"nelder": whole, **{f"nelder {name}": printed(name, "--help") for name in COMMAND.findall(whole)}}
        return [self.section(title, text) for title, text in pages.items()]

    def section(self, title, text):
        section = nodes.section(ids=[nodes.make_id(title)], names=[title])
        section += nodes.title(title, title)
        section += nodes.literal_block(text=text, language="text")
        self.state.document.note_implicit_target(section)
        return section


def setup(app):
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
