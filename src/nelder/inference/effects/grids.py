"""The reference grid of estimated marginal means, and averages of its rows (Searle, Speed & Milliken 1980).

Variables with levels take all of them, and so do numeric ones with two values; other numeric ones take their mean. What
is averaged is the linear predictor, a function L β of the coefficients, row of the grid by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.design import SLICE_ROWS, Block
from nelder.errors import InputError, refuse_unknown
from nelder.formula import Schema
from nelder.inference.effects.cases import Sample
from nelder.inference.effects.encoding import gathered
from nelder.inference.effects.settings import ESTIMATES, OFFSET, tidy
from nelder.inference.effects.variables import Value, Variable
from nelder.linalg import Array
from nelder.sources import Chunk, Column, Labels, Numbers

WEIGHTS = ("equal", "proportional", "outer", "cells")
ROWS = 1_000_000  # of a grid
TWO = 2  # values of a numeric variable that is averaged over them, as R's emmeans does
LARGEST = 10_000_000  # numbers in a slice of the grid


@dataclass(frozen=True)
class ReferenceGrid:
    """Each variable's values on the grid, in the order of the formula, and whether they are levels that occur, or
    values somebody chose; `offset` is that of every row, or None where the formula gives it.
    """

    variables: tuple[Variable, ...]
    values: tuple[tuple[Value, ...], ...]
    occurring: tuple[bool, ...]
    offset: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(variable.name for variable in self.variables)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each has."""
        return tuple(len(values) for values in self.values)

    @property
    def rows(self) -> int:
        """How many combinations there are."""
        return int(np.prod(self.sizes, dtype=float))

    def chunk(self, codes: NDArray[np.integer]) -> Chunk:
        """The columns of some rows, given by the code of each variable (v, n)."""
        chunk: dict[str, Column] = {}
        for variable, values, code in zip(self.variables, self.values, codes, strict=True):
            if isinstance(variable.column, Labels):
                place = np.array([variable.levels.index(value) for value in values], dtype=np.int32)
                chunk[variable.name] = Labels(place[code], variable.levels)
            else:
                numbers = np.array([float(value) for value in values])
                chunk[variable.name] = Numbers(numbers[code], variable.column.kind)
        return chunk


def reference_grid(
    sample: Sample,
    schema: Schema,
    variables: Mapping[str, Variable],
    chosen: Mapping[str, Sequence[Value]],
    names: Sequence[str],
) -> ReferenceGrid:
    """The grid of means of `names`, with the values `chosen` for some variables, or for the offset.

    Raises InputError for one too large.
    """
    values, occurring = [], []
    terms = {name for factor in schema.factors.values() for name in factor.expression.columns}
    for name, variable in variables.items():
        usual = usual_values(variable) if name in terms else (variable.typical(),)
        values.append(tuple(chosen.get(name, usual)))
        occurring.append(bool(variable.levels) or (len(usual) > 1 and name not in chosen))
    offsets = {name for expression in schema.formula.offsets for name in expression.columns}
    offset = None if offsets & {*chosen, *names} else mean_offset(sample, schema)
    if OFFSET in chosen and OFFSET not in variables:
        offset = float(chosen[OFFSET][0])
    grid = ReferenceGrid(tuple(variables.values()), tuple(values), tuple(occurring), offset)
    if grid.rows > ROWS:
        raise InputError(
            f"the reference grid has {grid.rows} rows, allowed are {ROWS}: give some variables one value with at="
        )
    return grid


def usual_values(variable: Variable) -> tuple[Value, ...]:
    """The levels, both values of a numeric variable that has two, or the mean."""
    if not variable.numeric:
        return variable.levels
    distinct = np.unique(variable.numbers[variable.weight > 0])
    return tuple(map(float, distinct)) if len(distinct) <= TWO else (variable.typical(),)


def mean_offset(sample: Sample, schema: Schema) -> float:
    """The mean of the offset over the rows: that of log exposure, not the logarithm of the mean exposure."""
    parts = [schema.offset(part.chunk, part.rows) + part.offset for part in sample.parts]
    return float(np.average(np.concatenate(parts), weights=sample.weight))


@dataclass(frozen=True)
class Margins:
    """m linear functions of the p coefficients (m, p), the offsets added to them (m,), and columns that name them."""

    functions: Array
    offset: Array
    labels: Mapping[str, Sequence[object]]


def margins(sample: Sample, schema: Schema, grid: ReferenceGrid, names: Sequence[str], weights: str) -> Margins:
    """The averages of the grid for each combination of the variables `names`, the first varying fastest.

    `weights` says how often each combination of the others counts: "equal", or by how often it occurs: "proportional",
    "outer" as if the others were independent, "cells" with each combination of `names` by itself.
    """
    refuse_unknown("weights", weights, WEIGHTS)
    first = [grid.names.index(name) for name in names]
    order = [*first, *(k for k in range(len(grid.names)) if k not in first)]
    m = int(np.prod([grid.sizes[k] for k in first], dtype=float))
    if m > ESTIMATES:
        raise InputError(
            f"{', '.join(names)} have {m} combinations, allowed are {ESTIMATES} means: choose some with at="
        )
    share = shares(sample, grid, order, len(first), weights)
    functions, offset, total = np.zeros((m, len(schema.names))), np.zeros(m), np.zeros(m)
    for rows, codes in combinations(grid, order, max(1, min(SLICE_ROWS, LARGEST // m))):
        spread = np.zeros((len(rows), m))
        spread[np.arange(len(rows)), rows % m] = share[rows % m, rows // m]
        block = grid_block(grid, schema, codes)
        functions += gathered(block, spread).T
        offset += spread.T @ block.offset
        total += spread.sum(axis=0)
    with np.errstate(all="ignore"):
        return Margins(functions / total[:, None], offset / total, labels_of(grid, first, m))


def combinations(
    grid: ReferenceGrid, order: Sequence[int], size: int
) -> Iterator[tuple[NDArray[np.integer], NDArray[np.integer]]]:
    """The rows of the grid in slices: their numbers (n,), and the code of each variable (v, n), the first in `order`
    varying fastest.
    """
    sizes = [grid.sizes[k] for k in order]
    for start in range(0, grid.rows, size):
        rows = np.arange(start, min(start + size, grid.rows))
        codes = np.zeros((len(sizes), len(rows)), dtype=np.intp)
        if sizes:
            codes[order] = np.unravel_index(rows, sizes, order="F")
        yield rows, codes


def grid_block(grid: ReferenceGrid, schema: Schema, codes: NDArray[np.integer]) -> Block:
    """The design of some rows of the grid, of all p columns, and their offset."""
    chunk, n = grid.chunk(codes), codes.shape[1]
    none, rows = np.zeros(n), np.arange(n)
    offset = schema.offset(chunk, rows) if grid.offset is None else np.full(n, grid.offset)
    return Block(schema.parts(chunk, rows), len(schema.names), none, none, offset)


def shares(sample: Sample, grid: ReferenceGrid, order: Sequence[int], fixed: int, weights: str) -> Array:
    """The weights (m, r) of the r combinations that are averaged over, for each of the m of the `fixed` first."""
    sizes = tuple(grid.sizes[k] for k in order)
    whole = np.ones(sizes)
    if weights != "equal":
        counts = tally(sample, grid, order)
        if weights != "cells":
            counts = counts.sum(axis=tuple(range(fixed)), keepdims=True)
        if weights == "outer":
            axes = range(fixed, len(sizes))
            margins_of = [counts.sum(axis=tuple(a for a in axes if a != axis), keepdims=True) for axis in axes]
            counts = np.prod(np.broadcast_arrays(*margins_of), axis=0) if margins_of else counts
        whole = whole * counts
    m = int(np.prod(sizes[:fixed], dtype=float))
    return whole.reshape(m, -1, order="F")


def tally(sample: Sample, grid: ReferenceGrid, order: Sequence[int]) -> Array:
    """How often each combination occurs in the rows; a variable whose values were chosen has an axis of length 1."""
    sizes, codes = [], []
    for k in order:
        values, column = grid.values[k], grid.variables[k].column
        place = np.zeros(sample.n, dtype=np.intp)
        if grid.occurring[k] and isinstance(column, Labels):
            at = {value: code for code, value in enumerate(values)}
            place = np.array([at.get(level, -1) for level in column.levels])[column.codes]
        elif grid.occurring[k] and isinstance(column, Numbers):
            hits = column.values[:, None] == np.array([float(value) for value in values])
            place = np.where(hits.any(axis=1), hits.argmax(axis=1), -1)
        codes.append(place)
        sizes.append(len(values) if grid.occurring[k] else 1)
    inside = np.all([place >= 0 for place in codes], axis=0) if codes else np.ones(sample.n, dtype=bool)
    counts = np.zeros(tuple(sizes))
    np.add.at(counts, tuple(place[inside] for place in codes), sample.weight[inside])
    return counts


def labels_of(grid: ReferenceGrid, first: Sequence[int], m: int) -> dict[str, list[object]]:
    """Columns that name the means."""
    if not first:
        return {"mean": ["overall"]}
    codes = np.unravel_index(np.arange(m), [grid.sizes[k] for k in first], order="F")
    return {
        grid.names[k]: tidy([grid.values[k][place] for place in code.tolist()])
        for k, code in zip(first, codes, strict=True)
    }
