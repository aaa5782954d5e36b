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
from typing import Any, NoReturn

import numpy as np

from nelder.errors import InputError, unknown_name
from nelder.formula import allowed
from nelder.inference.hypotheses.vocabulary import LONGEST, NUMBER, Vocabulary, piece_at
from nelder.inference.partials import FUNCTION_PARTIALS, OPERATOR_PARTIALS, Partials, flat
from nelder.linalg import Array
from nelder.mean import special

STAND_IN = "coefficient_"
DEEPEST = 200  # levels of nesting
WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Dual:
    """A value and its gradient (p,)."""

    value: float
    gradient: Array


def expit(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return special().expit(x)


def logit(x: Any) -> Any:
    """log(x / (1 − x))."""
    return special().logit(x)


def corner(x: Any) -> Partials:
    """The derivative of the absolute value, which has none at zero."""
    return (np.where(x == 0, np.nan, np.sign(x)),)


# those of formulas that take one argument and slope, and two of our own
OWN: dict[str, Callable[..., Any]] = {"expit": expit, "logit": logit}
OWN_PARTIALS: dict[str, Callable[..., Partials]] = {
    "abs": corner,
    "absolute": corner,
    "expit": lambda x: (expit(x) * expit(-x),),
    "logit": lambda x: (1.0 / (x * (1.0 - x)),),
}
PARTIALS = {
    name: partials for name, partials in FUNCTION_PARTIALS.items() if allowed.ARITY[name] == 1 and partials is not flat
} | OWN_PARTIALS
FUNCTIONS = {name: OWN.get(name) or allowed.FUNCTIONS[name] for name in sorted(PARTIALS)}
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd)
ALLOWED = f"names of coefficients, numbers, + - * / **, and the functions {', '.join(FUNCTIONS)}"


def differentiated(text: str, vocabulary: Vocabulary, values: Array) -> Dual:
    """An expression at the coefficients `values` (p,), with its gradient.

    Raises InputError for what is not allowed, UnknownNameError for a name that does not exist, and InputError where the
    expression has no value or no derivative at these coefficients.
    """
    plain, _ = with_stand_ins(text, vocabulary)
    try:
        tree = ast.parse(plain.replace("^", "**").strip(), mode="eval").body
        with np.errstate(all="ignore"):
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
        made: Dual = super().visit(node)
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
        return self.operated(node.op, self.visit(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> Dual:
        """Sums, products, ratios and powers."""
        return self.operated(node.op, self.visit(node.left), self.visit(node.right))

    def operated(self, operator: ast.AST, *parts: Dual) -> Dual:
        """The result of an operator on the list."""
        if not isinstance(operator, OPERATORS):
            self.generic_visit(operator)
        return self.chained(allowed.OPERATORS[type(operator)], OPERATOR_PARTIALS[type(operator)], *parts)

    def visit_Call(self, node: ast.Call) -> Dual:
        """A function of one argument."""
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords or len(node.args) != 1:
            raise InputError(f"each function in the expression {self.text!r} takes one argument; allowed are {ALLOWED}")
        return self.chained(FUNCTIONS[node.func.id], PARTIALS[node.func.id], self.visit(node.args[0]))

    def chained(self, function: Callable[..., Any], partials: Callable[..., Partials], *parts: Dual) -> Dual:
        """A function of dual numbers, by the chain rule; a constant adds nothing, however steep it is there."""
        values = [np.float64(part.value) for part in parts]
        value, gradient = float(function(*values)), np.zeros_like(self.values)
        if not math.isfinite(value):
            raise InputError(f"the expression {self.text!r} has no value at the coefficients")
        for part, slope in zip(parts, partials(*values), strict=True):
            if part.gradient.any():
                gradient = gradient + slope * part.gradient
        return Dual(value, gradient)


def texts_of(given: object) -> Sequence[str] | None:
    """One text or a list of them; None for anything else."""
    if isinstance(given, str):
        return [given]
    listed = isinstance(given, list | tuple) and given and all(isinstance(text, str) for text in given)
    return list(given) if listed else None  # type: ignore[call-overload]
