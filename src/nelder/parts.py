"""Some columns of a design: a dense matrix, or category codes, which never become columns of zeros and ones.

A coded part is a category code a row, a coding that says what each level puts into which column, and a number that
multiplies it: a factor by a covariate is a coded part too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nelder.lazy import lazy
from nelder.linalg import Array, powers_of_two, scratch
from nelder.twofold import Twofold, exact_bits, leading, twofold

Codes = NDArray[np.integer]
PIECE = 2**17  # numbers of W^½X at a time, half of a core's own cache
LONGER = 4_096, 8 * PIECE  # rows, and numbers at most, of a piece that lies by columns: short columns cost NumPy more
HALF = 26  # bits of two numbers whose product is exact


def bincount(codes: Codes, weight: Array, levels: int) -> Array:
    """Σ of weight over the rows of each level (levels,)."""
    return np.asarray(np.bincount(codes, weight, levels), dtype=np.float64)


def products_by_level(codes: Codes, weight: Array, X: Array, levels: int) -> Array:
    """Σ of weight times each column of X (n, k) over the rows of each level (levels, k), as a product with a sparse
    matrix: unlike a count it leaves Python's lock to other threads.
    """
    from scipy.sparse import csc_array

    weighted = csc_array((weight, codes, np.arange(len(codes) + 1)), shape=(levels, len(codes)))
    return np.stack([weighted @ column for column in X.T], axis=1)


def fine_product(X: Array, beta: Array) -> Twofold:
    """X (n, k) times beta (k,) or (k, d), with more digits where many terms cancel."""
    bits = exact_bits(max(X.shape))
    lead = leading(X, bits)
    scale = powers_of_two(np.abs(X).max(axis=0, initial=0.0))
    scale = scale if beta.ndim == 1 else scale[:, None]
    first = scale * leading(beta / scale, bits)
    return Twofold(lead @ first, lead @ (beta - first) + (X - lead) @ beta)


@dataclass(frozen=True)
class Coding:
    """What a level puts into each column: indicators of the levels `kept` (k,), or a `matrix` (levels, k)."""

    levels: int
    kept: NDArray[np.integer] | None = None
    matrix: Array | None = None

    @property
    def width(self) -> int:
        """k."""
        return len(self.kept) if self.kept is not None else self.full().shape[1]

    @lazy
    def filled(self) -> int:
        """How many columns at most a level puts something into."""
        return 1 if self.matrix is None else int(np.count_nonzero(self.matrix, axis=1).max(initial=0))

    def full(self) -> Array:
        """The coding as a matrix (levels, k)."""
        if self.matrix is not None:
            return self.matrix
        full = np.zeros((self.levels, self.width))
        full[self.kept, np.arange(self.width)] = 1.0
        return full

    def rows(self, codes: Codes) -> Array:
        """The rows of the coding (n, k) at codes (n,)."""
        if self.kept is None:
            return self.full()[codes]
        column = np.full(self.levels, -1)
        column[self.kept] = np.arange(self.width)
        places = column[codes]
        rows = np.zeros((len(codes), self.width))
        inside = np.flatnonzero(places >= 0)
        rows[inside, places[inside]] = 1.0
        return rows

    def spread(self, beta: Array) -> Array:
        """Each level's effect (levels, …), from coefficients (k, …)."""
        if self.kept is None:
            return self.full() @ beta
        effects = np.zeros((self.levels, *beta.shape[1:]))
        effects[self.kept] = beta
        return effects

    def fine_spread(self, beta: Array) -> Twofold:
        """`spread`, with more digits where many terms cancel."""
        return twofold(self.spread(beta)) if self.matrix is None else fine_product(self.matrix, beta)

    def gather(self, sums: Array) -> Array:
        """Column sums (k, …) from level sums (levels, …)."""
        return sums[self.kept] if self.kept is not None else self.full().T @ sums

    def select(self, chosen: NDArray[np.integer]) -> Coding:
        """Only some of the columns."""
        if self.kept is not None:
            return replace(self, kept=self.kept[chosen])
        return replace(self, matrix=self.full()[:, chosen])

    def squared(self) -> Coding:
        """The coding with squares."""
        return self if self.matrix is None else replace(self, matrix=self.matrix**2)

    def magnitude(self) -> Coding:
        """The coding with absolute values."""
        return self if self.matrix is None else replace(self, matrix=np.abs(self.matrix))


@dataclass(frozen=True)
class Part(ABC):
    """Some columns of a block; `columns` (k,) are their places among the block's p."""

    columns: NDArray[np.integer]
    by_column: ClassVar[bool] = True  # whether single columns are quickly had

    @lazy
    def place(self) -> slice | Codes:
        """The same as a slice, which NumPy takes faster, where they follow one another."""
        first, k = (int(self.columns[0]) if len(self.columns) else 0), len(self.columns)
        return slice(first, first + k) if (self.columns == np.arange(first, first + k)).all() else self.columns

    @property
    def width(self) -> int:
        """How many columns at most are not zero in one row."""
        return len(self.columns)

    @abstractmethod
    def times(self, beta: Array) -> Array:
        """These columns times beta (k,) or (k, d)."""

    @abstractmethod
    def magnitude(self, beta: Array) -> Array:
        """Their absolute values times |beta|."""

    @abstractmethod
    def transpose_times(self, values: Array) -> Array:
        """Their transpose times values (n,) or (n, d)."""

    def squares(self, weight: Array) -> Array:
        """Their transpose, each number squared, times weight (n,) or (n, k)."""
        return self.dense().T ** 2 @ weight

    def fine_times(self, beta: Array) -> Twofold:
        """`times`, with more digits where many terms cancel."""
        return twofold(self.times(beta))

    def fine_transpose_times(self, values: Twofold) -> Twofold:
        """`transpose_times`, likewise."""
        return Twofold(self.transpose_times(values.lead), self.transpose_times(values.rest))

    @abstractmethod
    def cross(self, other: Part, weight: Array) -> Array:
        """Their transpose times W times the other's columns (k, k of other)."""

    @abstractmethod
    def dense(self) -> Array:
        """The columns in full (n, k)."""

    def column(self, place: int) -> Array:
        """One of the columns (n,)."""
        return self.select(np.array([place]), np.zeros(1, dtype=np.intp)).dense()[:, 0]

    @abstractmethod
    def rows(self, chosen: slice | Codes) -> Part:
        """Some of the rows."""

    @abstractmethod
    def select(self, chosen: NDArray[np.integer], columns: NDArray[np.integer]) -> Part:
        """Some of the columns, at other places."""

    @abstractmethod
    def stacked(self, others: Sequence[Any]) -> Part:
        """These rows and those of the same columns in other blocks."""


def rows_of(parts: Sequence[Part], chosen: slice | Codes) -> tuple[Part, ...]:
    """Some of the rows of several parts; codes that they share are still shared."""
    made = [part.rows(chosen) for part in parts]
    for part, new in zip(parts, made, strict=True):
        new.__dict__["place"] = part.place  # which each slice would work out again
    return sharing(parts, made)


def stacked_parts(blocks: Sequence[Sequence[Part]]) -> tuple[Part, ...]:
    """The parts of several blocks as those of one; codes that they share are still shared."""
    return sharing(blocks[0], [pieces[0].stacked(pieces[1:]) for pieces in zip(*blocks, strict=True)])


def sharing(parts: Sequence[Part], made: Sequence[Part]) -> tuple[Part, ...]:
    """Parts made of others, with one array of codes where these have one."""
    known: dict[int, Codes] = {}
    return tuple(
        replace(new, codes=known.setdefault(id(part.codes), new.codes))
        if isinstance(part, Coded) and isinstance(new, Coded)
        else new
        for part, new in zip(parts, made, strict=True)
    )


@dataclass(frozen=True)
class Dense(Part):
    """X (n, k) as it is, row by row or column by column.

    Products that make few numbers of many are NumPy's `dot`: `@` keeps Python's lock meanwhile, and other threads wait.
    One that makes many is `@`: `dot` copies rows of a matrix that lies column by column.
    """

    X: Array

    @property
    def by_columns(self) -> bool:
        """Whether it lies column by column in memory."""
        return self.X.strides[0] < self.X.strides[1]

    def times(self, beta: Array) -> Array:
        return self.X @ beta

    def magnitude(self, beta: Array) -> Array:
        return np.abs(self.X) @ np.abs(beta)

    def transpose_times(self, values: Array) -> Array:
        if self.by_columns and values.ndim == 1 and not self.X.flags.forc:  # a product with all of them would copy them
            return np.array([np.dot(column, values) for column in self.X.T])
        return np.dot(self.X.T, values)

    def fine_times(self, beta: Array) -> Twofold:
        return fine_product(self.X, beta)

    def fine_transpose_times(self, values: Twofold) -> Twofold:
        bits = exact_bits(max(self.X.shape))
        lead, first = leading(self.X, bits), leading(values.lead, bits)
        rest = values.lead - first + values.rest
        return Twofold(lead.T @ first, lead.T @ rest + (self.X - lead).T @ values.lead)

    def cross(self, other: Part, weight: Array) -> Array:
        low = np.minimum.reduce(weight, initial=np.inf) if other is self else -np.inf
        if low >= 0:
            alike = low == np.maximum.reduce(weight, initial=0.0)  # there is nothing to weight single rows with
            return np.asarray(low * np.dot(self.X.T, self.X)) if alike else self._weighted(np.sqrt(weight))
        if isinstance(other, Dense):
            return np.dot(self.X.T, weight[:, None] * other.X)
        return other.cross(self, weight).T

    def _weighted(self, root: Array) -> Array:
        """X'W X from W^½ (n,): pieces of W^½X that stay in the cache of one core, times themselves. NumPy sees that
        this is symmetric, and does half the work.
        """
        n, k = self.X.shape
        total, size = np.zeros((k, k)), max(256, PIECE // max(k, 1))
        if self.by_columns:
            size = max(size, min(LONGER[0], LONGER[1] // max(k, 1)))
        for start in range(0, n, size):
            rows, weight = self.X[start : start + size], root[start : start + size]
            room = scratch(k, len(rows)).T if self.by_columns else scratch(len(rows), k)  # laid out as X is
            rooted = np.multiply(rows, weight[:, None], out=room)
            total += np.dot(rooted.T, rooted)
        return total

    def dense(self) -> Array:
        return self.X

    def column(self, place: int) -> Array:
        return self.X[:, place]

    def rows(self, chosen: slice | Codes) -> Dense:
        return Dense(self.columns, self.X[chosen] if isinstance(chosen, slice) else self.X.take(chosen, axis=0))

    def select(self, chosen: NDArray[np.integer], columns: NDArray[np.integer]) -> Dense:
        if self.by_columns and len(chosen) and (np.diff(chosen) == 1).all():  # as they lie in memory
            return Dense(columns, self.X[:, chosen[0] : chosen[-1] + 1])
        return Dense(columns, self.X[:, chosen].copy(order="F" if self.by_columns else "C"))

    def stacked(self, others: Sequence[Dense]) -> Dense:
        return Dense(self.columns, np.concatenate([self.X, *(other.X for other in others)]))


@dataclass(frozen=True)
class Coded(Part):
    """Row i holds multiplier[i] · coding[codes[i], :]; a multiplier of None is 1."""

    codes: Codes
    coding: Coding
    multiplier: Array | None = None

    @property
    def width(self) -> int:
        return self.coding.filled

    @property
    def indicates(self) -> bool:
        """Whether each column is 1 in the rows of one level and 0 in all others."""
        return self.multiplier is None and self.coding.kept is not None

    def scaled(self, values: Array) -> Array:
        """values times the multiplier, row by row, for values (n,) or (n, d)."""
        if self.multiplier is None:
            return values
        return values * (self.multiplier if values.ndim == 1 else self.multiplier[:, None])

    def times(self, beta: Array) -> Array:
        return self.scaled(self.coding.spread(beta)[self.codes])

    def magnitude(self, beta: Array) -> Array:
        return np.abs(self.scaled(self.coding.magnitude().spread(np.abs(beta))[self.codes]))

    def transpose_times(self, values: Array) -> Array:
        return self.coding.gather(self.level_sums(self.scaled(values)))

    def squares(self, weight: Array) -> Array:
        return self.coding.squared().gather(self.level_sums(self.scaled(self.scaled(weight))))

    def level_sums(self, values: Array) -> Array:
        """Σ of values (n,) or (n, d) over the rows of each level."""
        if values.ndim == 1:
            return bincount(self.codes, values, self.coding.levels)
        return np.stack([bincount(self.codes, v, self.coding.levels) for v in values.T], axis=1)

    def fine_times(self, beta: Array) -> Twofold:
        fine = self.coding.fine_spread(beta)
        effects, rest = fine.lead[self.codes], fine.rest[self.codes]
        if self.multiplier is None:
            return Twofold(effects, rest)
        half, first = leading(self.multiplier, HALF), leading(effects, HALF)
        whole, by = self.multiplier, half
        if effects.ndim > 1:
            whole, by = whole[:, None], by[:, None]
        return Twofold(by * first, by * (effects - first) + (whole - by) * effects + whole * rest)

    def fine_transpose_times(self, values: Twofold) -> Twofold:
        bits = exact_bits(len(self.codes))
        first = leading(values.lead, bits)
        rest = values.lead - first + values.rest
        if self.multiplier is None:
            return Twofold(self.coding.gather(self.level_sums(first)), self.coding.gather(self.level_sums(rest)))
        by = replace(self, multiplier=leading(self.multiplier, bits))
        left = replace(self, multiplier=self.multiplier - leading(self.multiplier, bits))
        return Twofold(by.transpose_times(first), by.transpose_times(rest) + left.transpose_times(values.lead))

    def cross(self, other: Part, weight: Array) -> Array:
        """This' W other: weighted counts, two-way where the other is coded too (a two-dimensional histogram)."""
        if isinstance(other, Dense):
            return self.coding.gather(products_by_level(self.codes, self.scaled(weight), other.X, self.coding.levels))
        if not isinstance(other, Coded):
            return other.cross(self, weight).T
        weight = self.scaled(other.scaled(weight))
        if other.codes is self.codes:
            sums = bincount(self.codes, weight, self.coding.levels)
            return self._same_codes(other, sums)
        width = other.coding.levels
        pairs = self.codes.astype(np.int64) * width + other.codes
        counts = bincount(pairs, weight, self.coding.levels * width).reshape(self.coding.levels, width)
        return other.coding.gather(self.coding.gather(counts).T).T

    def _same_codes(self, other: Coded, sums: Array) -> Array:
        if self.coding.kept is not None and other.coding.kept is not None:
            return np.where(self.coding.kept[:, None] == other.coding.kept, sums[self.coding.kept][:, None], 0.0)
        return self.coding.full().T @ (sums[:, None] * other.coding.full())

    def dense(self) -> Array:
        return self.scaled(self.coding.rows(self.codes))

    def rows(self, chosen: slice | Codes) -> Coded:
        multiplier = None if self.multiplier is None else self.multiplier[chosen]
        return replace(self, codes=self.codes[chosen], multiplier=multiplier)

    def select(self, chosen: NDArray[np.integer], columns: NDArray[np.integer]) -> Coded:
        return replace(self, coding=self.coding.select(chosen), columns=columns)

    def stacked(self, others: Sequence[Coded]) -> Coded:
        pieces = (self, *others)
        multipliers = [piece.multiplier for piece in pieces if piece.multiplier is not None]
        multiplier = np.concatenate(multipliers) if multipliers else None
        return replace(self, codes=np.concatenate([piece.codes for piece in pieces]), multiplier=multiplier)
