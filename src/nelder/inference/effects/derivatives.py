"""The derivative of an expression of a formula with respect to one column, by the rules of calculus.

A transform with a memory is a polynomial, or one between each
two of its knots, so that the polynomial through as many points as it has degrees, and one more, has its derivative.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from nelder.formula import Expression
from nelder.formula.allowed import called
from nelder.formula.expressions import Reader
from nelder.formula.transforms import TRANSFORMS, Basis, State
from nelder.inference.partials import FUNCTION_PARTIALS, OPERATOR_PARTIALS, Partials
from nelder.linalg import Array
from nelder.sources import Chunk

CUBIC = 3
ROUNDING = 16 * np.finfo(float).eps  # of what cancels into a slope


def derivative(expression: Expression, column: str, chunk: Chunk, states: dict[str, State], spread: float) -> Any:
    """d expression / d column on these rows, (n,), (n, k) or a number.

    `spread` is how far the column's values lie apart, the size of the steps in which a polynomial is looked at. A
    function with a corner has one of its two slopes there, a step the slope zero.
    """
    n = len(next(iter(chunk.values())))
    with np.errstate(all="ignore"):
        reader = Reader(expression, chunk, states, states, np.arange(n))
        return Derivative(reader, column, spread).visit(expression.tree)


class Derivative(ast.NodeVisitor):
    """One walk through an expression, from the values of its parts to the slope of the whole."""

    def __init__(self, reader: Reader, column: str, spread: float) -> None:
        self.reader = reader
        self.column = column
        self.spread = spread

    def generic_visit(self, node: ast.AST) -> float:
        """Constants, comparisons and everything else that does not slope."""
        return 0.0

    def visit_Name(self, node: ast.Name) -> float:
        """A column: 1 if it is the one."""
        return float(self.reader.expression.quoted.get(node.id, node.id) == self.column)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """−x, +x, not x."""
        return self._chained(OPERATOR_PARTIALS[type(node.op)], [node.operand])

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """x + y and its kind."""
        return self._chained(OPERATOR_PARTIALS[type(node.op)], [node.left, node.right])

    def visit_Call(self, node: ast.Call) -> Any:
        """A function by the chain rule, a transform by its polynomials."""
        name = (called(node.func) or "").removeprefix("np.")
        if name in FUNCTION_PARTIALS:
            return self._chained(FUNCTION_PARTIALS[name], node.args)
        return self._transform(name, node) if name in TRANSFORMS and name != "C" else 0.0

    def _chained(self, partials: Callable[..., Partials], nodes: list[ast.expr]) -> Any:
        slopes = [self.visit(node) for node in nodes]
        if not any(np.any(slope) for slope in slopes):
            return 0.0
        outer = partials(*(np.asarray(self.reader.visit(node), dtype=float) for node in nodes))
        # what does not slope adds nothing, however steep the function is there
        return sum(np.where(np.equal(slope, 0), 0.0, part * slope) for part, slope in zip(outer, slopes, strict=True))

    def _transform(self, name: str, node: ast.Call) -> Any:
        slope = np.asarray(self.visit(node.args[0]), dtype=float)
        if not slope.any():
            return 0.0
        arguments = [self.reader.visit(argument) for argument in node.args[1:]]
        named = {keyword.arg or "": self.reader.visit(keyword.value) for keyword in node.keywords}
        assert self.reader.known is not None
        state = self.reader.known[self.reader.written(node)]

        def at(points: Array) -> Array:
            made = TRANSFORMS[name](points, arguments, named, dict(state))
            return made.values if isinstance(made, Basis) else np.asarray(made, dtype=float)[:, None]

        x = np.asarray(self.reader.visit(node.args[0]), dtype=float)
        steepness = slope_of_pieces(at, x, np.abs(slope) * self.spread, state)
        return steepness * (slope if slope.ndim == 0 else slope[:, None])


def slope_of_pieces(at: Callable[[Array], Array], x: Array, reach: Array, state: State) -> Array:
    """The derivative (n, k) at x (n,) of a basis that is a polynomial between its knots, or everywhere without knots.

    Points are taken inside the piece that holds x, or within `reach` (n,) of x.
    """
    knots = np.asarray(state.get("knots") or [], dtype=float)
    degree = max(CUBIC, at(x[:1]).shape[1] if not len(knots) else int((knots == knots.min()).sum()) - 1)
    left, width = x - np.where(reach > 0, reach, 1.0), 2.0 * np.where(reach > 0, reach, 1.0) * np.ones_like(x)
    if len(knots):
        breaks = np.unique(knots)
        whole = breaks[-1] - breaks[0]
        x = breaks[0] + (x - breaks[0]) % whole if state.get("cyclic") else x
        piece = np.clip(np.searchsorted(breaks, x, side="right") - 1, 0, len(breaks) - 2)
        left = np.where(x < breaks[0], x - whole, np.where(x > breaks[-1], x, breaks[piece]))
        width = np.where((x < breaks[0]) | (x > breaks[-1]), whole, np.diff(breaks)[piece])
    share = (1.0 - np.cos((2 * np.arange(degree + 1) + 1) * np.pi / (2 * degree + 2))) / 2.0  # inside (0, 1)
    weight = _lagrange_slopes(share, (x - left) / width) / width[:, None]
    terms = np.stack([weight[:, [j]] * at(left + share[j] * width) for j in range(degree + 1)])
    total = terms.sum(axis=0)
    # a slope of zero is one: the rounding left of it would break the pattern of aliased columns
    return np.where(np.abs(total) > ROUNDING * np.abs(terms).sum(axis=0), total, 0.0)


def _lagrange_slopes(nodes: Array, s: Array) -> Array:
    """The derivatives (n, m) at s (n,) of the polynomials that are 1 at one of m nodes and 0 at the others."""
    slopes = np.zeros((len(s), len(nodes)))
    for j, node in enumerate(nodes):
        others = np.delete(nodes, j)
        for k in range(len(others)):
            slopes[:, j] += np.prod(s[:, None] - np.delete(others, k), axis=1)
        slopes[:, j] /= np.prod(node - others)
    return slopes
