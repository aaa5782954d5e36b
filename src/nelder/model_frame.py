"""The model frame, as R calls it: the complete rows of a table that a formula uses, with the columns it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.completeness import Completeness
from nelder.errors import FormulaError, refuse_unknown
from nelder.formula import Expression, Formula, complete_rows, numeric_column, parse, parse_formula
from nelder.formula.transforms import State
from nelder.linalg import Array
from nelder.observations import Weights, vector_of
from nelder.sources import Chunk, Source, concatenated, source_of

MISSING = ("drop", "error")


@dataclass(frozen=True)
class Asked:
    """What is fitted to which table: a formula, weights beside it (None, an array, or an expression, of any kind), and
    what to do about missing values.
    """

    formula: Formula
    source: Source
    weights: object
    missing: str

    @property
    def factors(self) -> tuple[Expression, ...]:
        """The factors of the formula's terms, each once."""
        found = {factor.text: factor for term in self.formula.terms for factor in term.factors}
        return tuple(found.values())

    @property
    def others(self) -> tuple[Expression, ...]:
        """Response, offsets and weights, where these are an expression."""
        beside = self.weights.given if isinstance(self.weights, Weights) else self.weights
        weights = (beside,) if isinstance(beside, Expression) else ()
        return (*self.formula.response, *self.formula.offsets, *weights)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of which none may be missing."""
        beside = (name for each in self.others for name in each.columns)
        return tuple(dict.fromkeys([*self.formula.columns, *beside]))


def asked(formula: str, data: object, weights: object, missing: str) -> Asked:
    """What was asked for, checked. Raises FormulaError without a response, UnknownNameError for a column that is not
    there.
    """
    refuse_unknown("missing=", missing, MISSING)
    source = source_of(data)
    parsed = parse_formula(formula, source.names)
    if not parsed.response:
        raise FormulaError(f"{formula!r} has no response: write it before ~, as in 'y ~ x'")
    found = Asked(parsed, source, in_words(weights), missing)
    for name in found.needed:
        refuse_unknown("column", name, source.names)
    return found


def in_words(weights: object) -> object:
    """Weights of any kind, with those that are a text as the expression it holds."""
    if isinstance(weights, Weights):
        return replace(weights, given=in_words(weights.given))
    return parse(weights) if isinstance(weights, str) else weights


@dataclass(frozen=True)
class ModelFrame:
    """`chunk` has the rows that are complete; `rows` (n,) are their numbers in the table."""

    asked: Asked
    chunk: Chunk
    rows: NDArray[np.integer]
    completeness: Completeness

    @property
    def total(self) -> int:
        """How many rows the table had."""
        return self.completeness.total

    def column(self, expression: Expression, role: str) -> Array:
        """An expression on these rows (n,), which may learn from them, as it is never asked for again."""
        states: dict[str, State] = {}
        expression.check_levels(self.chunk)
        expression.evaluate(self.chunk, states, self.rows, learn=True)
        return numeric_column(expression, self.chunk, self.rows, states, role)

    def response(self) -> list[Array]:
        """y, or successes and failures."""
        return [self.column(expression, "response") for expression in self.asked.formula.response]

    def offset(self, given: object) -> Array:
        """An offset given as an array with a value for every row of the table, at these rows (n,); 0 for None."""
        return np.zeros(len(self.rows)) if given is None else vector_of(given, "offset", self.total)[self.rows]

    def weights(self) -> object:
        """Weights of any kind for these rows; arrays have a value for every row of the table."""
        return self._weights(self.asked.weights)

    def _weights(self, given: object) -> object:
        if isinstance(given, Weights):
            return replace(given, given=self._weights(given.given))
        if isinstance(given, Expression):
            return self.column(given, "weights")
        return None if given is None else vector_of(given, "weights", self.total)[self.rows]

    def at(self, rows: NDArray[np.integer]) -> Chunk:
        """The columns at some of these rows, given by their numbers in the table."""
        if len(rows) == len(self.rows):
            return self.chunk
        places = np.searchsorted(self.rows, rows)
        return {name: column.take(places) for name, column in self.chunk.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """How many rows were left out."""
        return self.completeness.notes


def model_frame(wanted: Asked) -> ModelFrame:
    """Read what a formula, and weights beside it, use of a table.

    Rows with a missing value in any of these columns are dropped, or with missing="error" refused. Raises DataError
    where no row is left.
    """
    needed = wanted.needed
    table = concatenated(list(wanted.source.chunks(needed)))
    complete = complete_rows(table, needed)
    found = Completeness.of(table, needed, complete)
    found.check(needed, wanted.missing)
    rows = np.flatnonzero(complete)
    chunk = table if len(rows) == len(complete) else {name: column.take(rows) for name, column in table.items()}
    return ModelFrame(wanted, chunk, rows, found)
