"""The allow-list: what an expression inside a formula may hold.

Allowed are column names, numbers, strings to compare with, arithmetic, comparisons, NumPy's elementary functions and
the registered transforms. Anything else (attributes, imports, lambdas, subscripts, names with two underscores) is
refused before any data are seen, so that a formula from a web form or a saved file cannot run code.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from nelder.errors import FormulaError, unknown_name
from nelder.formula.elsewhere import written_here
from nelder.formula.transforms import CONTRASTS, TRANSFORMS

# NumPy's elementary functions by their number of arguments; a further one would be where NumPy writes its result
ONE_ARGUMENT = (
    *(
        "abs",
        "absolute",
        "arccos",
        "arcsin",
        "arctan",
        "cbrt",
        "ceil",
        "cos",
        "cosh",
        "degrees",
        "exp",
        "exp2",
        "expm1",
    ),
    *("floor", "isfinite", "log", "log10", "log1p", "log2", "radians", "rint", "sign", "sin", "sinh", "sqrt", "square"),
    *("tan", "tanh", "trunc"),
)
TWO_ARGUMENTS = ("arctan2", "fmax", "fmin", "hypot", "logaddexp", "maximum", "minimum", "power")
THREE_ARGUMENTS = ("clip", "where")
ARITY = {
    "I": 1,
    **dict.fromkeys(ONE_ARGUMENT, 1),
    **dict.fromkeys(TWO_ARGUMENTS, 2),
    **dict.fromkeys(THREE_ARGUMENTS, 3),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in ARITY if name != "I"}
FUNCTIONS["I"] = lambda x: x

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
    ast.Invert: np.logical_not,
}
IN_WORDS = "column names, numbers, arithmetic, comparisons, functions such as log, and transforms such as bs and C"


def called(node: ast.expr) -> str | None:
    """What a call names: `log`, `np.log` or `contr.sum`; None for anything that is not a plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("np", "contr"):
        return f"{node.value.id}.{node.attr}"
    return None


def is_contrast(name: str | None) -> bool:
    """Whether a name is contr.sum or one of its kind."""
    return name is not None and name.startswith("contr.") and name.removeprefix("contr.") in CONTRASTS


class Gate(ast.NodeVisitor):
    """Walks an expression, raises FormulaError at anything that is not allowed, and collects the names of columns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: dict[str, None] = {}

    def refuse(self, what: str) -> NoReturn:
        """Raise the error."""
        raise FormulaError(f"{what} in {self.text!r} is not allowed in a formula; allowed are {IN_WORDS}")

    def generic_visit(self, node: ast.AST) -> None:
        """Whatever has no method of its own here is not on the list."""
        self.refuse(type(node).__name__.lower())

    def visit_Name(self, node: ast.Name) -> None:
        """A column."""
        if "__" in node.id:
            self.refuse(f"the name {node.id!r}")
        self.columns[node.id] = None

    def visit_Constant(self, node: ast.Constant) -> None:
        """A number, a text, True, False or None."""
        if not isinstance(node.value, bool | int | float | str | None):
            self.refuse(f"the constant {node.value!r}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Only the contrasts, such as contr.sum."""
        if not is_contrast(called(node)):
            self.refuse(f"the attribute .{node.attr}")

    def visit_Call(self, node: ast.Call) -> None:
        """A registered function, transform or contrast, with plain arguments."""
        name = called(node.func)
        if name is None or not (name.removeprefix("np.") in FUNCTIONS or name in TRANSFORMS or is_contrast(name)):
            self._refuse_function(name or ast.unparse(node.func))
        if any(keyword.arg is None for keyword in node.keywords):
            self.refuse("**")
        plain = name.removeprefix("np.")
        if plain in ARITY and (len(node.args) != ARITY[plain] or node.keywords):
            count = ("one argument", "two arguments", "three arguments")[ARITY[plain] - 1]
            raise FormulaError(f"{plain}() in {self.text!r} takes {count}, without names")
        if name == "C":
            self._refuse_columns([*node.args[1:], *(keyword.value for keyword in node.keywords)])
        for child in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self.visit(child)

    def _refuse_function(self, name: str) -> NoReturn:
        here = written_here(name) or str(unknown_name("function", name, {**FUNCTIONS, **TRANSFORMS}))
        raise FormulaError(f"{self.text!r}: {here}")

    def _refuse_columns(self, beside: list[ast.expr]) -> None:
        """Beside its column, C() takes a contrast and levels: a name there is a contrast of elsewhere, or a mistake."""
        for name in (part.id for each in beside for part in ast.walk(each) if isinstance(part, ast.Name)):
            if name != "contr":
                known = ", ".join(f"contr.{each}" for each in CONTRASTS)
                here = written_here(name) or f"{name!r} is no contrast: known: {known}"
                raise FormulaError(f"{self.text!r}: {here}")

    def _parts(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.operator | ast.cmpop | ast.unaryop):
                if isinstance(child, ast.BitXor):
                    raise FormulaError(f"{self.text!r}: {written_here('^')}")
                if type(child) not in OPERATORS:
                    self.refuse(f"the operator {type(child).__name__.lower()}")
            elif not isinstance(child, ast.expr_context):
                self.visit(child)

    visit_BinOp = visit_UnaryOp = visit_Compare = visit_List = visit_Tuple = _parts
