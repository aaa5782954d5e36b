"""The formulas of the documentation as MathML; where Sphinx and latex2mathml are installed, as they are to build it."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("latex2mathml")
pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def mathml():
    folder = str(Path(__file__).parents[2] / "docs" / "extensions")
    sys.path.insert(0, folder)
    try:
        from mathml import mathml as function

        return function
    finally:
        sys.path.remove(folder)


def shown(element):
    """The characters of a formula and its thin spaces, without the LaTeX beside it."""
    root = ElementTree.fromstring(element)
    root[0].remove(root[0].find("annotation"))
    return "".join("~" if node.tag == "mspace" else (node.text or "") for node in root.iter())


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"a \log y", "a~log~y"),
        (r"\log(y)", "log(y)"),
        (r"a(y) \exp\Bigl( \frac{1}{2} \Bigr)", "a(y)~exp(12)"),
        (r"X^\top (y - \mu)", "X⊤(y−μ)"),
        (r"b''(\theta)", "b″(θ)"),
        (r"\Gamma(k) \pm \log\lvert I \rvert", "Γ(k)±log|I|"),
    ],
)
def test_a_formula_is_spaced_as_in_a_book(mathml, latex, expected):
    assert shown(mathml(latex, "inline")) == expected


def test_a_sign_and_a_difference_are_told_apart(mathml):
    root = ElementTree.fromstring(mathml("-a - b = (-c)", "inline"))
    assert [node.get("form") for node in root.iter("mo") if node.text == "−"] == ["prefix", None, "prefix"]


def test_infinity_is_a_number_and_a_derivative_no_sign(mathml):
    element = mathml(r"\eta = -\infty, \quad \partial d, \quad \min(a)", "inline")
    assert "<mi>∞</mi>" in element and "<mi>∂</mi>" in element and "<mi>min</mi>" in element


def test_columns_are_aligned_by_style(mathml):
    element = mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert element.count("text-align: right") == element.count("text-align: left") == 2
    assert "columnalign" not in element and 'display="block"' in element


def test_the_formula_can_be_copied_as_it_was_written(mathml):
    root = ElementTree.fromstring(mathml(r"a < b \& c", "inline"))
    assert root.find("semantics/annotation").text == r"a < b \& c"


def test_a_command_that_is_not_known_is_shown_as_it_was_written(mathml):
    assert mathml(r"\nosuchthing{x} < y", "inline") == r"<code>\nosuchthing{x} &lt; y</code>"
