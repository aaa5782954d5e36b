"""Formulas as MathML, written when the documentation is built: a page needs no script and no network to show them.

latex2mathml translates. This page says it in words that latex2mathml knows, spaces the result as TeX would, and warns,
which fails the build, where a command was not understood.
"""

import re
from html import escape
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

SPELLINGS = {
    r"\begin{aligned}": r"\begin{align*}",
    r"\end{aligned}": r"\end{align*}",
    r"\bigl": "",
    r"\bigr": "",
    r"\Bigl": r"\left",
    r"\Bigr": r"\right",
    r"\lvert": r"\left|",
    r"\rvert": r"\right|",
    r"\!": "",
}
THIN = "0.167em"
PUNCTUATION = {"/": ("0", "0"), ".": ("0", "0"), ",": ("0", THIN), ";": ("0", "0.278em")}
FUNCTIONS = {"log", "exp", "min", "max", "sin", "tan", "arctan"}
SIGNS, LETTERS = set("±×·∼≈≤≥:;"), {"∞", "∂", *FUNCTIONS}
PRIMES = {"′", "″", "‴"}
CLOSING = set(")]},;.") | PRIMES
BESIDE = set("([{|)],;.")


def mathml(latex, display):
    """A formula as a <math> element, with its LaTeX as annotation for those who copy it."""
    known = latex.strip()
    for spelling, other in SPELLINGS.items():
        known = re.sub(re.escape(spelling) + r"(?![a-zA-Z])", lambda _, other=other: other, known)
    written = convert(known, display=display)
    missed = re.search(r"\\[a-zA-Z]+|<m[io]>&</m[io]>", written)
    if missed:
        logger.warning("MathML has no words for %s in %r", missed[0], latex, type="mathml")
        return f"<code>{escape(latex)}</code>"
    formula = ElementTree.fromstring(written)
    for element in list(formula.iter()):
        mended(element)
    for element in list(formula.iter()):
        spaced(element)
    inside = "".join(ElementTree.tostring(child, encoding="unicode") for child in formula)
    inside = re.sub(r'(</?)(?:\w+:)|\sxmlns(?::\w+)?="[^"]*"', lambda found: found[1] or "", inside)
    note = f'<annotation encoding="application/x-tex">{escape(latex.strip())}</annotation>'
    return f'<math display="{display}"><semantics>{inside}{note}</semantics></math>'


def mended(element):
    """What browsers no longer read from attributes, as style; primes at their own height; Greek capitals upright; signs
    as signs.
    """
    if element.get("columnalign"):
        element.set("style", f"text-align: {element.attrib.pop('columnalign')}")
    if local(element) == "mi" and element.text and "Α" <= element.text <= "Ω":
        element.set("mathvariant", "normal")
    if local(element) == "mi" and (element.text or "") in SIGNS:
        element.tag = element.tag.replace("mi", "mo")
    if local(element) == "mo" and (element.text or "") in LETTERS:
        element.tag = element.tag.replace("mo", "mi")
    if local(element) == "msup" and len(element) == 2 and (element[1].text or "") in PRIMES:
        element.tag = element.tag.replace("msup", "mrow")
        element[1].tag = element[1].tag.replace("mi", "mo")
        element[1].attrib.update(lspace="0", rspace="0")


def spaced(row):
    """Signs, punctuation and names of functions among the children of an element, spaced as TeX does."""
    children, result = list(row), []
    if local(row) not in ("mrow", "math", "mtd", "msqrt"):
        return
    for place, child in enumerate(children):
        text, before = child.text or "", children[place - 1] if place else None
        after = children[place + 1] if place + 1 < len(children) else None
        if text in PUNCTUATION and local(child) in ("mo", "mi"):
            child.tag = child.tag.replace("mi", "mo")
            child.set("lspace", PUNCTUATION[text][0])
            child.set("rspace", PUNCTUATION[text][1])
        elif text in ("−", "+", "±") and is_open(before):
            child.set("form", "prefix")
        apart = is_function(child) or "mfrac" in (local(child), "" if before is None else local(before))
        if apart and not is_open(before) and local(child) not in ("mo", "mspace"):
            result.append(thin(child))
        result.append(child)
        if is_function(child) and after is not None and first_sign(after) not in BESIDE:
            result.append(thin(child))
    row[:] = result


def local(element):
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def is_open(element):
    """Whether what follows this stands at a beginning: of a row, after a bracket, or after a sign."""
    if element is None or local(element) == "mspace":
        return True
    return local(element) == "mo" and (element.text or "") not in CLOSING


def first_sign(element):
    """The first characters of an element."""
    return first_sign(element[0]) if local(element) == "mrow" and len(element) else (element.text or "")


def is_function(element):
    """Whether this is log and the like, or a power of it."""
    inner = element[0] if local(element) in ("msup", "msub") and len(element) else element
    return (inner.text or "") in FUNCTIONS


def thin(beside):
    """A thin space."""
    return ElementTree.Element(beside.tag.replace(local(beside), "mspace"), width=THIN)


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
