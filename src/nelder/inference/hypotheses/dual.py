"""Expressions of coefficients with their exact derivatives: dual numbers over a syntax tree, never Python's eval.

Each part of an expression is a value and its gradient, and every operation carries both (forward-mode differentiation;
Griewank & Walther 2008, chapter 3). What is not on the lists here is refused.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from nelder.errors import InputError, unknown_name
from nelder.inference.hypotheses.vocabulary import LONGEST, NUMBER, Vocabulary, piece_at
from nelder.linalg import Array

STAND_IN = "coefficient_"
DEEPEST = 200  # levels of nesting
WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Dual:
    """A value and its gradient (p,)."""

    value: float
    gradient: Array


def logistic(x: float) -> float:
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


# each function with its derivative
FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "abs": (abs, lambda x: math.copysign(1.0, x) if x else math.nan),
    "arctan": (math.atan, lambda x: 1 / (1 + x * x)),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "cosh": (math.cosh, math.sinh),
    "exp": (math.exp, math.exp),
    "expit": (logistic, lambda x: logistic(x) * logistic(-x)),
    "expm1": (math.expm1, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "log10": (math.log10, lambda x: 1 / (x * math.log(10))),
    "log1p": (math.log1p, lambda x: 1 / (1 + x)),
    "log2": (math.log2, lambda x: 1 / (x * math.log(2))),
    "logit": (lambda x: math.log(x) - math.log1p(-x), lambda x: 1 / (x * (1 - x))),
    "sin": (math.sin, math.cos),
    "sinh": (math.sinh, math.cosh),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "tan": (math.tan, lambda x: 1 + math.tan(x) ** 2),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
}
ALLOWED = f"names of coefficients, numbers, + - * / **, and the functions {', '.join(FUNCTIONS)}"


def differentiated(text: str, vocabulary: Vocabulary, values: Array) -> Dual:
    """An expression at the coefficients `values` (p,), with its gradient.

    Raises InputError for what is not allowed, UnknownNameError for a name that does not exist, and InputError where the
    expression has no value or no derivative at these coefficients.
    """
    plain, _ = with_stand_ins(text, vocabulary)
    try:
        tree = ast.parse(plain.replace("^", "**").strip(), mode="eval").body
        made = Differentiator(text, values).visit(tree)
    except InputError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"cannot read the expression {text!r:.200}; allowed are {ALLOWED}") from None
    if not math.isfinite(made.value):
        raise InputError(
            f"the expression {text!r} is {made.value:g} at the coefficients: it has no standard error there"
        )
    if not np.isfinite(made.gradient).all():
        raise InputError(f"the expression {text!r} has no derivative at the coefficients, which the delta method needs")
    return made


def with_stand_ins(text: str, vocabulary: Vocabulary) -> tuple[str, list[int]]:
    """The expression with a plain word for each coefficient's name, and the columns of these coefficients."""
    if len(text) > LONGEST:
        raise InputError(f"an expression of {len(text)} characters is too long: at most {LONGEST} are read")
    pieces: list[str] = []
    columns: list[int] = []
    at = 0
    while at < len(text):
        found = None if text[at].isspace() else vocabulary.find(text, at)
        number, word = NUMBER.match(text, at), WORD.match(text, at)
        if found is not None:
            column = vocabulary.column(found, text)
            columns.append(column)
            pieces.append(f" {STAND_IN}{column} ")
            at = found.end
        elif number is not None:
            pieces.append(number[0])
            at = number.end()
        elif word is not None:
            name = re.compile(r"(?:np\.)?(\w+)\s*(?=\()").match(text, at)
            if name is None or name[1] not in FUNCTIONS:
                known = {**vocabulary.places, **{f"{function}(...)": None for function in FUNCTIONS}}
                raise unknown_name("coefficient or function", piece_at(text, at), known)
            pieces.append(name[1])
            at = name.end()
        else:
            pieces.append(text[at])
            at += 1
    return "".join(pieces), columns


class Differentiator(ast.NodeVisitor):
    """One evaluation of an expression whose names are stand-ins."""

    def __init__(self, text: str, values: Array) -> None:
        self.text = text
        self.values = values
        self.depth = 0

    def visit(self, node: ast.AST) -> Dual:
        """The dual number of a part."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError(f"the expression {self.text!r:.60}… is nested too deeply to be read")
        try:
            made: Dual = super().visit(node)
        except InputError:  # which is a ValueError too
            raise
        except (OverflowError, ZeroDivisionError, ValueError):
            raise InputError(f"the expression {self.text!r} has no value at the coefficients") from None
        self.depth -= 1
        return made

    def generic_visit(self, node: ast.AST) -> NoReturn:
        """Whatever has no method of its own is not allowed."""
        if isinstance(node, ast.Tuple):
            raise InputError(f"{self.text!r} holds several expressions: give them as a list of texts")
        what = type(node).__name__.lower()
        raise InputError(f"{what} in the expression {self.text!r} is not allowed; allowed are {ALLOWED}")

    def visit_Constant(self, node: ast.Constant) -> Dual:
        """A number."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.generic_visit(node)
        return Dual(float(node.value), np.zeros_like(self.values))

    def visit_Name(self, node: ast.Name) -> Dual:
        """A coefficient."""
        column = int(node.id.removeprefix(STAND_IN))
        gradient = np.zeros_like(self.values)
        gradient[column] = 1.0
        return Dual(float(self.values[column]), gradient)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Dual:
        """−x, +x."""
        inner = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return Dual(-inner.value, -inner.gradient)
        return inner if isinstance(node.op, ast.UAdd) else self.generic_visit(node.op)

    def visit_BinOp(self, node: ast.BinOp) -> Dual:
        """Sums, products, ratios and powers."""
        a, b = self.visit(node.left), self.visit(node.right)
        match node.op:
            case ast.Add():
                return Dual(a.value + b.value, a.gradient + b.gradient)
            case ast.Sub():
                return Dual(a.value - b.value, a.gradient - b.gradient)
            case ast.Mult():
                return Dual(a.value * b.value, b.value * a.gradient + a.value * b.gradient)
            case ast.Div():
                value = a.value / b.value
                return Dual(value, (a.gradient - value * b.gradient) / b.value)
            case ast.Pow():
                return power(a, b)
        return self.generic_visit(node.op)

    def visit_Call(self, node: ast.Call) -> Dual:
        """A function of one argument."""
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords or len(node.args) != 1:
            raise InputError(f"each function in the expression {self.text!r} takes one argument; allowed are {ALLOWED}")
        inner = self.visit(node.args[0])
        function, slope = FUNCTIONS[node.func.id]
        value = function(inner.value)
        if not inner.gradient.any():
            return Dual(value, inner.gradient)
        try:
            return Dual(value, slope(inner.value) * inner.gradient)
        except ZeroDivisionError:
            return Dual(value, np.full_like(inner.gradient, np.nan))


def power(a: Dual, b: Dual) -> Dual:
    """aᵇ; a negative a has a derivative only for a constant whole b."""
    value = a.value**b.value
    if isinstance(value, complex):
        raise ValueError
    gradient = np.zeros_like(a.gradient)
    if a.gradient.any() and b.value != 0:
        gradient = gradient + (b.value * a.value ** (b.value - 1) if a.value or b.value >= 1 else np.nan) * a.gradient
    if b.gradient.any():
        gradient = gradient + value * math.log(a.value) * b.gradient
    return Dual(value, gradient)


def texts_of(given: object) -> Sequence[str] | None:
    """One text or a list of them; None for anything else."""
    if isinstance(given, str):
        return [given]
    listed = isinstance(given, list | tuple) and given and all(isinstance(text, str) for text in given)
    return list(given) if listed else None  # type: ignore[call-overload]
