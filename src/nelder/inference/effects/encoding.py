"""From raw columns to rows of the design with only the columns that were estimated, and to their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import STILL, Block, Ray
from nelder.fit import Fit
from nelder.formula import Schema
from nelder.formula.schema import NumericFactor
from nelder.inference.effects.cases import Cases
from nelder.inference.effects.derivatives import derivative
from nelder.inference.estimable import Aliases, aliases_of, settled_by
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.parts import Dense, Part
from nelder.sources import Numbers


@dataclass(frozen=True)
class Encoder:
    """What a fit says of new rows: their design of p columns, of which `kept` (k,) were estimated, and η at `point`.

    `aliases` are of its p columns, or None; `settled` those of the k columns in the rows whose mean is not at a limit.
    `schema` is None for a fit by arrays.
    """

    names: tuple[str, ...]
    schema: Schema | None
    kept: NDArray[np.integer]
    aliases: Aliases | None
    settled: Aliases | None
    point: Array | Ray
    loss: Loss

    def block(self, cases: Cases) -> Block:
        """The rows of these cases (n, k), with offset nan where nothing can be said, off the pattern of the aliased
        columns.
        """
        inside = np.zeros(cases.n) if self.schema is None else self.schema.offset(cases.chunk, cases.rows)
        offset = inside + cases.offset if cases.whole_offset is None else np.full(cases.n, cases.whole_offset)
        return self._kept(self._parts(cases), offset)

    def slope(self, cases: Cases, column: str, spread: float) -> Block:
        """The derivatives of these rows with respect to a column (n, k), and of their offset."""
        if self.schema is None:
            whole = np.zeros((cases.n, 1)) + 1.0
            parts: tuple[Part, ...] = (Dense(np.array([self.names.index(column)]), whole),)
            return self._kept(parts, np.zeros(cases.n))
        schema, offset = self.schema, np.zeros(cases.n)
        for expression in schema.formula.offsets:
            if column in expression.columns and cases.whole_offset is None:
                offset = offset + derivative(expression, column, cases.chunk, schema.states, spread)
        return self._kept(slope_parts(schema, cases, column, spread), offset)

    def eta(self, block: Block) -> Array:
        """η (n,) at the estimate: infinite at a limit, nan where nothing can be said."""
        eta = np.where(np.isnan(block.offset), np.nan, block.eta(self.point))
        return self._told(block, eta)

    def slope_of_eta(self, block: Block) -> Array:
        """dη (n,) from a block of derivatives: infinite where it grows without end."""
        if not isinstance(self.point, Ray):
            return block.eta(self.point)
        along, size = block.along(self.point.direction), np.zeros(block.n)
        for part in block.parts:
            size = size + part.magnitude(self.point.direction[part.columns])
        endless = (np.abs(along) > STILL * size) & ~np.isnan(block.offset)
        return self._told(block, np.where(endless, np.copysign(np.inf, along), block.eta(self.point.base)))

    def _told(self, block: Block, values: Array) -> Array:
        """nan where a finite value is not settled by the rows that have finite means."""
        if self.settled is None:
            return values
        return np.where(np.isfinite(values) & self.settled.broken_by(filled(block)), np.nan, values)

    def _parts(self, cases: Cases) -> tuple[Part, ...]:
        if self.schema is not None:
            return self.schema.parts(cases.chunk, cases.rows)
        columns = [cases.chunk[name] for name in self.names]
        X = np.column_stack([column.values for column in columns if isinstance(column, Numbers)])
        return (Dense(np.arange(len(columns)), X),)

    def _kept(self, parts: tuple[Part, ...], offset: Array) -> Block:
        none, p = np.zeros(len(offset)), len(self.names)
        block = Block(parts, p, none, none, offset)
        if self.aliases is not None:
            offset = np.where(self.aliases.broken_by(filled(block)), np.nan, offset)
            block = Block(parts, p, none, none, offset)
        return block.select(self.kept)


def encoder_of(fit: Fit) -> Encoder:
    """The encoder of a fit."""
    loss, kept = Loss(fit.family, fit.link), np.flatnonzero(~fit.aliased)
    return Encoder(fit.names, fit.terms.schema, kept, aliases_of(fit), settled_by(fit), fit.point, loss)


def slope_parts(schema: Schema, cases: Cases, column: str, spread: float) -> tuple[Part, ...]:
    """The derivative of the design, by the product rule: one factor at a time in place of its own derivative."""
    values = schema.values(cases.chunk, cases.rows)
    parts: list[Part] = []
    for name, factor in schema.factors.items():
        if column not in factor.expression.columns or not isinstance(factor, NumericFactor):
            continue
        slope: Any = derivative(factor.expression, column, cases.chunk, schema.states, spread)
        matrix = np.asarray(slope, dtype=float)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        replaced = {**values, name: np.broadcast_to(matrix, (cases.n, len(factor.names)))}
        pieces = tuple(piece for piece in schema.pieces if any(name == each for each, _ in piece.factors))
        parts += Schema(schema.formula, schema.factors, pieces, (), schema.states).design(replaced, cases.n)
    return tuple(parts)


def filled(block: Block) -> Array:
    """X (n, p) of a block whose parts need not hold every column, and may hold one twice, as a sum."""
    X = np.zeros((block.n, block.p))
    for part in block.parts:
        X[:, part.columns] += part.dense()
    return X


def gathered(block: Block, values: Array) -> Array:
    """X'values (p, d) for values (n, d), of such a block."""
    total = np.zeros((block.p, values.shape[1]))
    for part in block.parts:
        total[part.columns] += part.transpose_times(values)
    return total
