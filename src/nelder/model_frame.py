"""The model frame, as R calls it: the complete rows of a table that a formula uses, with the columns it reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, FormulaError, some_rows, unknown_name
from nelder.formula import Expression, Formula, complete_rows, numeric_column, parse, parse_formula
from nelder.formula.transforms import State
from nelder.linalg import Array
from nelder.observations import Weights, vector_of
from nelder.sources import Chunk, concatenated, source_of

__all__ = ["MISSING", "ModelFrame", "concatenated", "model_frame"]

MISSING = ("drop", "error")


@dataclass(frozen=True)
class ModelFrame:
    """`chunk` has the rows that are complete; `rows` (n,) are their numbers in the table, which had `total`."""

    formula: Formula
    chunk: Chunk
    rows: NDArray[np.integer]
    total: int

    def column(self, expression: Expression, role: str) -> Array:
        """An expression on these rows (n,), which may learn from them, as it is never asked for again."""
        states: dict[str, State] = {}
        expression.evaluate(self.chunk, states, self.rows, learn=True)
        return numeric_column(expression, self.chunk, self.rows, states, role)

    def response(self) -> list[Array]:
        """y, or successes and failures."""
        return [self.column(expression, "response") for expression in self.formula.response]

    def offset(self, given: object) -> Array:
        """An offset given as an array with a value for every row of the table, at these rows (n,); 0 for None."""
        return np.zeros(len(self.rows)) if given is None else vector_of(given, "offset", self.total)[self.rows]

    def weights(self, given: object) -> object:
        """Weights of any kind for these rows; arrays have a value for every row of the table."""
        if isinstance(given, Weights):
            return replace(given, given=self.weights(given.given))
        if isinstance(given, str):
            return self.column(parse(given), "weights")
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
        dropped = self.total - len(self.rows)
        return (f"{dropped} of {self.total} rows left out for missing values",) if dropped else ()


def model_frame(formula: str, data: object, weights: object, missing: str) -> ModelFrame:
    """Read what a formula, and weights beside it, use of a table.

    Rows with a missing value in any of these columns are dropped, or with missing="error" refused. Raises FormulaError
    without a response, UnknownNameError for a column that is not there, DataError where no row is left.
    """
    if missing not in MISSING:
        raise unknown_name("missing=", missing, MISSING)
    source = source_of(data)
    parsed = parse_formula(formula, source.names)
    if not parsed.response:
        raise FormulaError(f"{formula!r} has no response: write it before ~, as in 'y ~ x'")
    beside = weights.given if isinstance(weights, Weights) else weights
    extra = parse(beside).columns if isinstance(beside, str) else ()
    needed = list(dict.fromkeys([*parsed.columns, *extra]))
    table = concatenated(list(source.chunks(needed)))
    complete = complete_rows(table, needed)
    rows = np.flatnonzero(complete)
    if missing == "error" and len(rows) < len(complete):
        first = next(name for name in needed if table[name].missing.any())
        bad = some_rows(np.flatnonzero(table[first].missing).tolist())
        raise DataError(f"column {first!r} has missing values at {bad}: fill or remove them, or use missing='drop'")
    if not len(rows):
        words = f"of {len(complete)} rows none has a value in every column of {', '.join(needed)}"
        raise DataError(f"there are no rows to fit: {words if len(complete) else 'the table is empty'}")
    chunk = table if len(rows) == len(complete) else {name: column.take(rows) for name, column in table.items()}
    return ModelFrame(parsed, chunk, rows, len(complete))
