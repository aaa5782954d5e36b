"""Formulas as MathML, written when the documentation is built: a page needs no script and no network to show them.

latex2mathml translates; this page hands it what Sphinx found, mends what it does not know, and warns, which fails the
build, where a command was not understood.
"""

import re
from html import escape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

# what latex2mathml does not know, in words that it knows
SPELLINGS = {
    r"\begin{aligned}": r"\begin{align*}",
    r"\end{aligned}": r"\end{align*}",
    r"\!": "",
    r"\top": r"\mathsf{T}",
    r"\arg\max": r"\operatorname{arg\,max}",
}
THIN = '<mspace width="0.167em" />'
# TeX sets a thin space between log and what follows, but none before a bracket
OPERATOR = re.compile(r"(<mi>(?:log|exp|min|max|sin|tan|arctan)</mi>)(?!<mo stretchy=\"false\">&#x00028;|</m(?!row))")
# a fraction on one line and a full stop are no relations
CLOSE = re.compile(r"<mo>(&#x0002[EF];)</mo>")
UNKNOWN = re.compile(r"\\[a-zA-Z]+|<m[io]>&</m[io]>")


def mathml(latex, display):
    """A formula as a <math> element, with its LaTeX as annotation for those who copy it."""
    known = latex.strip()
    for spelling, other in SPELLINGS.items():
        known = re.sub(re.escape(spelling) + r"(?![a-zA-Z])", lambda _, other=other: other, known)
    element = OPERATOR.sub(rf"\1{THIN}", convert(known, display=display))
    element = CLOSE.sub(r'<mo lspace="0" rspace="0">\1</mo>', element)
    missed = UNKNOWN.search(element)
    if missed:
        logger.warning("MathML has no words for %s in %r", missed[0], latex, type="mathml")
    head, inside = re.fullmatch(r"(<math[^>]*>)(.*)</math>", element, re.DOTALL).groups()
    note = f'<annotation encoding="application/x-tex">{escape(latex.strip())}</annotation>'
    return f"{head}<semantics>{inside}{note}</semantics></math>"


def visit_inline(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({node["number"]})')
        translator.add_permalink_ref(node, "Link to this formula")
        translator.body.append("</span>")
    translator.body.append(mathml(node.astext(), "block"))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
