"""The partial derivatives of the functions and operators that expressions may hold: of columns in a formula, and of
coefficients in the delta method.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

Partials = tuple[Any, ...]


def _power(a: Any, b: Any) -> Partials:
    """Those of aᵇ."""
    return np.where(b == 0, 0.0, b * np.power(a, b - 1.0)), np.power(a, b) * np.log(a)


def flat(*arguments: Any) -> Partials:
    """Those of a step function."""
    return (0.0,) * len(arguments)


def _larger(a: Any, b: Any) -> Partials:
    """Those of the larger of two."""
    return (a >= b) * 1.0, (a < b) * 1.0


def _smaller(a: Any, b: Any) -> Partials:
    """Those of the smaller of two."""
    return (a <= b) * 1.0, (a > b) * 1.0


def _weight_of_first(a: Any, b: Any) -> Any:
    return 1.0 / (1.0 + np.exp(b - a))


# the partial derivatives of each function, from its arguments
FUNCTION_PARTIALS: dict[str, Callable[..., Partials]] = {
    "I": lambda x: (1.0,),
    "abs": lambda x: (np.sign(x),),
    "absolute": lambda x: (np.sign(x),),
    "arccos": lambda x: (-1.0 / np.sqrt(1.0 - x * x),),
    "arcsin": lambda x: (1.0 / np.sqrt(1.0 - x * x),),
    "arctan": lambda x: (1.0 / (1.0 + x * x),),
    "arctan2": lambda y, x: (x / (x * x + y * y), -y / (x * x + y * y)),
    "cbrt": lambda x: (1.0 / (3.0 * np.cbrt(x) ** 2),),
    "ceil": flat,
    "clip": lambda x, low, high: ((x >= low) & (x <= high), x < low, x > high),
    "cos": lambda x: (-np.sin(x),),
    "cosh": lambda x: (np.sinh(x),),
    "degrees": lambda x: (180.0 / np.pi,),
    "exp": lambda x: (np.exp(x),),
    "exp2": lambda x: (np.exp2(x) * np.log(2.0),),
    "expm1": lambda x: (np.exp(x),),
    "floor": flat,
    "fmax": _larger,
    "fmin": _smaller,
    "hypot": lambda a, b: (a / np.hypot(a, b), b / np.hypot(a, b)),
    "isfinite": flat,
    "log": lambda x: (1.0 / x,),
    "log10": lambda x: (1.0 / (x * np.log(10.0)),),
    "log1p": lambda x: (1.0 / (1.0 + x),),
    "log2": lambda x: (1.0 / (x * np.log(2.0)),),
    "logaddexp": lambda a, b: (_weight_of_first(a, b), _weight_of_first(b, a)),
    "maximum": _larger,
    "minimum": _smaller,
    "power": _power,
    "radians": lambda x: (np.pi / 180.0,),
    "rint": flat,
    "sign": flat,
    "sin": lambda x: (np.cos(x),),
    "sinh": lambda x: (np.cosh(x),),
    "sqrt": lambda x: (0.5 / np.sqrt(x),),
    "square": lambda x: (2.0 * x,),
    "tan": lambda x: (1.0 / np.cos(x) ** 2,),
    "tanh": lambda x: (1.0 / np.cosh(x) ** 2,),
    "trunc": flat,
    "where": lambda chosen, a, b: (0.0, chosen != 0, chosen == 0),
}

OPERATOR_PARTIALS: dict[type[ast.AST], Callable[..., Partials]] = {
    ast.Add: lambda a, b: (1.0, 1.0),
    ast.Sub: lambda a, b: (1.0, -1.0),
    ast.Mult: lambda a, b: (b, a),
    ast.Div: lambda a, b: (1.0 / b, -a / (b * b)),
    ast.FloorDiv: flat,
    ast.Mod: lambda a, b: (1.0, -np.floor_divide(a, b)),
    ast.Pow: _power,
    ast.BitAnd: flat,
    ast.BitOr: flat,
    ast.USub: lambda a: (-1.0,),
    ast.UAdd: lambda a: (1.0,),
    ast.Not: flat,
    ast.Invert: flat,
}
