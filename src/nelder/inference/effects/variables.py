"""The variables of a fit: the columns behind its design, and the values each can take."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, InputError, LevelError, a_number, unknown_name
from nelder.fit import Fit
from nelder.formula import Expression, Schema
from nelder.formula.allowed import called
from nelder.formula.schema import CategoricalFactor
from nelder.inference.effects.cases import Sample
from nelder.linalg import Array
from nelder.parts import bincount
from nelder.sources import Column, Labels, Level, Numbers

SUMMARIES = ("mean", "min", "max")
MODE = "mode"
INTERCEPTS = ("intercept", "const", "(intercept)")
Value = Level  # of a variable: a number or a level


@dataclass(frozen=True)
class Variable:
    """A column: numeric, or with `levels` of which the one at `base` is the reference. `weight` (n,) says how often
    each of its rows counts.
    """

    name: str
    column: Column
    weight: Array
    levels: tuple[Level, ...] = ()
    base: int = 0

    @property
    def numeric(self) -> bool:
        """Whether it is moved by amounts, and not from level to level."""
        return not self.levels

    @property
    def numbers(self) -> Array:
        """Its values (n,) as numbers."""
        assert isinstance(self.column, Numbers)
        return self.column.values

    @property
    def spread(self) -> float:
        """How far its values lie apart: their standard deviation, or the size of the only one."""
        middle = float(np.average(self.numbers, weights=self.weight))
        wide = float(np.sqrt(np.average((self.numbers - middle) ** 2, weights=self.weight)))
        return wide or abs(middle) or 1.0

    @property
    def counts(self) -> Array:
        """How often each level occurs."""
        if isinstance(self.column, Numbers):
            return np.array([self.weight[self.column.values == float(level)].sum() for level in self.levels])
        place = {level: code for code, level in enumerate(self.column.levels)}
        seen = bincount(self.column.codes, self.weight, len(place))
        return np.array([seen[place[level]] if level in place else 0.0 for level in self.levels])

    def typical(self) -> Value:
        """The mean of a numeric variable, the level that occurs most often of another."""
        if self.numeric:
            return float(np.average(self.numbers, weights=self.weight))
        return self.levels[int(np.argmax(self.counts))]

    def value(self, given: object) -> Value:
        """A value that it can take: a level, a number, or "mean", "min", "max" or "mode" of its values.

        Raises LevelError for a level that does not exist, InputError for a number that is not finite.
        """
        plain = given.item() if isinstance(given, np.generic) else given
        if self.numeric:
            return self._number(plain)
        found = [level for level in self.levels if level == plain]
        if found:
            return found[0]
        if plain == MODE:
            return self.typical()
        known = ", ".join(repr(level) for level in self.levels[:20]) + (", …" if len(self.levels) > 20 else "")
        raise LevelError(f"variable {self.name!r} has no level {plain!r}: its levels are {known}")

    def _number(self, given: object) -> float:
        if given == "mean":
            return float(self.typical())
        if given in ("min", "max"):
            return float(self.numbers.min() if given == "min" else self.numbers.max())
        if isinstance(given, str):
            raise unknown_name(f"value of the numeric variable {self.name!r}", given, SUMMARIES)
        number = a_number(float(given) if isinstance(given, bool) else given, f"a value of {self.name!r}")
        if not np.isfinite(number):
            raise InputError(f"a value of {self.name!r} is {number}: give finite numbers")
        return number

    def fixed(self, value: Value, n: int) -> Column:
        """The column with one value in every row."""
        if isinstance(self.column, Labels):
            return Labels(np.full(n, self.levels.index(value), dtype=np.int32), self.levels)
        return Numbers(np.full(n, float(value)), self.column.kind)


def variables_of(fit: Fit, sample: Sample) -> dict[str, Variable]:
    """The variables of a fit by name, in the order of its formula, those only in an offset last.

    For a fit by arrays they are the columns that are not constant.
    """
    schema, weight = fit.terms.schema, sample.weight
    if schema is None:
        columns = {name: sample.column(name) for name in fit.names}
        varied = ~constant_columns(fit)
        return {name: Variable(name, columns[name], weight) for name in np.array(fit.names, dtype=object)[varied]}
    return {name: _variable(schema, name, sample.column(name), weight) for name in schema.predictors}


def constant_columns(fit: Fit) -> NDArray[np.bool_]:
    """Which columns (p,) are intercepts: the same in every row of the fit, or called so where it has no rows."""
    if fit.objective is None:
        return np.array([name.lower() in INTERCEPTS for name in fit.names])
    constant = np.zeros(len(fit.names), dtype=bool)
    constant[~fit.aliased] = fit.objective.design.constant != 0
    return constant


def _variable(schema: Schema, name: str, column: Column, weight: Array) -> Variable:
    for factor in schema.factors.values():
        if isinstance(factor, CategoricalFactor) and is_bare(factor.expression, name):
            coding = factor.reduced.coding
            missing = np.setdiff1d(np.arange(len(factor.levels)), [] if coding.kept is None else coding.kept)
            return Variable(name, column, weight, factor.levels, int(missing[0]))
    if isinstance(column, Labels):
        seen = bincount(column.codes, np.ones(len(column)), len(column.levels))
        return Variable(name, column, weight, tuple(level for level, n in zip(column.levels, seen, strict=True) if n))
    return Variable(name, column, weight, (False, True) if column.kind == "b" else ())


def is_bare(expression: Expression, name: str) -> bool:
    """Whether an expression is a column by itself, or in C(): then the levels of the one are those of the other."""
    node = expression.tree
    if isinstance(node, ast.Call) and called(node.func) == "C" and node.args:
        node = node.args[0]
    return isinstance(node, ast.Name) and expression.columns[:1] == (name,)


def named(variables: Mapping[str, Variable], name: object) -> Variable:
    """A variable by name; raises UnknownNameError, or CapabilityError where there are none."""
    if not variables:
        raise CapabilityError("this fit has no variables: its design is constant")
    if not isinstance(name, str) or name not in variables:
        raise unknown_name("variable", name, variables)
    return variables[name]
