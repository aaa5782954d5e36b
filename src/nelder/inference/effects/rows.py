"""Reading rows to average over: those of a fit, or of another table, with their weights and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.errors import CapabilityError, DataError, refuse_unknown, some_rows
from nelder.fit import Fit
from nelder.formula import Schema, complete_rows, numeric_column, parse
from nelder.inference.effects.cases import Cases, Population, Sample
from nelder.inference.predictions.prediction import column_order
from nelder.linalg import Array
from nelder.observations import matrix_of, same_rows, vector_of
from nelder.sources import Chunk, Column, Numbers, concatenated, source_of
from nelder.sources.frames import column_labels
from nelder.submodels import table_columns


def sample_of(fit: Fit, over: Population) -> Sample:
    """The rows of a fit, or other rows, as they are averaged over.

    A row of the fit counts as often as it was observed: its frequency, once for prior weights and binomial trials.
    Raises DataError for a fit without its data and for weights that mean nothing.
    """
    parts = own_rows(fit) if over.data is None else other_rows(fit, over)
    if over.data is None and over.offset is not None:
        raise DataError("offset= belongs to other rows: give data= as well, or neither for the rows of the fit")
    if over.weights is not None:
        weight = weights_of(fit, over, sum(part.n for part in parts))
        ends = np.cumsum([part.n for part in parts])[:-1]
        pairs = zip(parts, np.split(weight, ends), strict=True)
        parts = tuple(replace(part, weight=piece) for part, piece in pairs)
    return Sample(parts, {})


def own_rows(fit: Fit) -> tuple[Cases, ...]:
    """The rows of the fit, in one part or, for a fit by arrays, one a block."""
    blocks: Sequence[Block] = fit.rows_of_data("an average, unless over others=nd.Population(data),").design.handles
    ends = np.cumsum([0, *(block.n for block in blocks)])
    numbers = np.arange(ends[-1]) if fit.kept is None else fit.kept.rows
    weight = [block.frequency for block in blocks]
    offset = [block.offset for block in blocks]
    if fit.terms.schema is None:
        return tuple(
            _cases(columns_of(fit, block), numbers[start : start + block.n], part, given)
            for block, start, part, given in zip(blocks, ends, weight, offset, strict=False)
        )
    if fit.kept is None or fit.kept.chunk is None:
        raise CapabilityError("this fit does not hold its columns: fit by formula, nd.glm('y ~ x', data)")
    chunk, whole = fit.kept.known, np.concatenate(offset)
    inside = fit.terms.schema.offset(chunk, numbers) if fit.terms.offset_given else whole
    return (_cases(chunk, numbers, np.concatenate(weight), whole - inside),)


def _cases(chunk: Chunk, rows: NDArray[np.integer], weight: Array, offset: Array) -> Cases:
    return Cases(chunk, rows, weight, np.zeros(len(rows), dtype=np.intp), offset)


def columns_of(fit: Fit, block: Block) -> Chunk:
    """The p columns of a fit by arrays by name, of a block that has only the k that were estimated."""
    X, kept = block.dense(), np.flatnonzero(~fit.aliased)
    chunk: dict[str, Column] = {fit.names[column]: Numbers(values) for column, values in zip(kept, X.T, strict=True)}
    for column in np.flatnonzero(fit.aliased):
        assert fit.combination is not None
        chunk[fit.names[column]] = Numbers(X @ fit.combination[kept, column])
    return {name: chunk[name] for name in fit.names}


def other_rows(fit: Fit, over: Population) -> tuple[Cases, ...]:
    """Rows of another table, without those that have a missing value."""
    same_rows(over.data, {"offset": over.offset, "weights": over.weights})
    schema = fit.terms.schema
    if schema is None:
        X = matrix_of(over.data, "data")
        if X.shape[1] != len(fit.names):
            raise DataError(f"data has {X.shape[1]} columns; the fit has {len(fit.names)}: {', '.join(fit.names[:10])}")
        X = X[:, column_order(fit, column_labels(over.data))]
        chunk: Chunk = {name: Numbers(values) for name, values in zip(fit.names, X.T, strict=True)}
        rows: NDArray[np.integer] = np.arange(len(X))
        n = len(X)
    else:
        chunk, rows, n = complete(schema, over.data)
    if not len(rows):
        raise DataError("there are no rows to average over: data is empty, or every row has a missing value")
    return (_cases(chunk, rows, np.ones(len(rows)), _other_offset(fit, over.offset, n)[rows]),)


def complete(schema: Schema, data: object) -> tuple[Chunk, NDArray[np.integer], int]:
    """The columns a formula reads in the complete rows of a table, the numbers of those rows, and how many it has."""
    source = source_of(data)
    table = concatenated(list(source.chunks(schema.predictors or source.names[:1])))
    whole = complete_rows(table, schema.predictors)
    rows = np.flatnonzero(whole)
    return {name: column.take(rows) for name, column in table.items()}, rows, len(whole)


def _other_offset(fit: Fit, offset: object, n: int) -> Array:
    if offset is None and fit.terms.offset_given:
        raise DataError("the fit had an offset, given as an array: give offset= for these rows too (zeros for none)")
    if offset is not None and not fit.terms.offset_given:
        raise DataError("the fit had no offset given as an array: leave out offset=")
    return np.zeros(n) if offset is None else vector_of(offset, "offset", n)


def weights_of(fit: Fit, over: Population, n: int) -> Array:
    """The weights asked for (n,). Raises DataError where one is negative or not finite, or where all are zero."""
    if isinstance(over.weights, str):
        weight = _expression(fit, over, over.weights)
    elif over.data is None and fit.kept is not None:
        weight = vector_of(fit.kept.aligned(over.weights, "weights"), "weights")
    else:
        weight = vector_of(over.weights, "weights", n)
    bad = np.flatnonzero(weight < 0)
    if len(bad):
        raise DataError(f"weights are negative at {some_rows(bad.tolist())}; a weight is zero or positive")
    if not weight.any():
        raise DataError("all weights are zero: nothing is left to average over")
    return weight


def _expression(fit: Fit, over: Population, text: str) -> Array:
    expression = parse(text)
    chunk, rows = beside(fit, over, expression.columns)
    return numeric_column(expression, chunk, rows, {}, "weights")


def beside(fit: Fit, over: Population, names: Sequence[str]) -> tuple[Chunk, NDArray[np.integer]]:
    """Columns of the table behind the rows that are averaged over, whether or not the formula reads them, and the
    numbers of those rows. Raises UnknownNameError for a column that is not there, CapabilityError for one of a table
    that the fit does not hold.
    """
    kept = fit.kept
    if over.data is None and kept is not None and kept.chunk is not None:
        return table_columns(fit, names), kept.rows
    if fit.terms.schema is None or over.data is None:
        first = sample_of(fit, replace(over, weights=None))
        for name in names:
            refuse_unknown("column", name, fit.names)
        return {name: first.column(name) for name in names}, np.concatenate([part.rows for part in first.parts])
    table = concatenated(list(source_of(over.data).chunks(names)))
    rows = complete(fit.terms.schema, over.data)[1]
    return {name: column.take(rows) for name, column in table.items()}, rows
