"""Draws the pictures of the documentation by running the code of its pages; no picture is kept in the repository.

A page shows a picture by a link that stands after the block that draws it:

    ```python
    fit.plot.loss()
    ```

    ![What is seen](../pictures/loss.png)

Before Sphinx reads the pages, each page with such a link is run from its first block to its last, and the figure that
is current at a link is written to that file.
"""

import contextlib
import io
import re
import warnings
from pathlib import Path

BLOCK = re.compile(r"(?P<before>[^\n]*)\n```python\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!\[(?P<words>[^\]]+)\]\(\.\./(?P<file>pictures/[\w-]+\.png)\)")
DPI = 120


def pages(docs):
    """The pages that show a picture."""
    return [path for path in sorted(docs.glob("*/*.md")) if LINK.search(path.read_text(encoding="utf-8"))]


def pieces(text):
    """The blocks and the links of a page in their order: ("code", source) or ("picture", file)."""
    text = f"\n{text}"
    found = [
        (match.start("code"), "code", match["code"])
        for match in BLOCK.finditer(text)
        if match["before"].strip() != "<!-- not run -->"
    ]
    found += [(match.start(), "picture", match["file"]) for match in LINK.finditer(text)]
    return [(kind, what) for _, kind, what in sorted(found)]


def draw(page, folder):
    """Run a page and write its pictures below a folder; the files. Raises ValueError for a link without a figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names, made = {"__name__": "__main__"}, []
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        for kind, what in pieces(page.read_text(encoding="utf-8")):
            if kind == "code":
                plt.close("all")
                exec(compile(what, str(page), "exec"), names)
                continue
            if not plt.get_fignums():
                raise ValueError(f"{page.name}: no figure is drawn in the block before {what}")
            file = folder / what
            file.parent.mkdir(parents=True, exist_ok=True)
            plt.gcf().savefig(file, dpi=DPI)
            made.append(file)
    plt.close("all")
    return made


def draw_all(app):
    """Every picture of every page."""
    docs = Path(app.srcdir)
    for page in pages(docs):
        draw(page, docs)


def setup(app):
    """Tell Sphinx."""
    app.connect("builder-inited", draw_all)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
