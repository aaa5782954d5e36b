"""Rows of a design, behind one face: blocks of rows whose columns are kept in parts, dense or coded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import LONG, Arrow, Layout, Matrix
from nelder.engines import counts_of, merge, pattern_of
from nelder.engines.merging import Sum
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.parts import Coded, Codes, Dense, Part, rows_of, stacked_parts
from nelder.sparse import Sparse, too_wide
from nelder.twofold import Twofold, twofold

BLOCK_ROWS = 65_536
SHARED_ROWS = 16_384  # of a block: fewer are not worth another thread
STILL = 1e-9  # a row whose x'd is this small beside |x|'|d| does not move along d
SLICE_ROWS = 4_096  # of what is made dense a slice at a time
BLOCK_NUMBERS = 2**20  # of columns of a block: so many that there is little to do but to work on them
SLICE_NUMBERS = 2**20  # of columns of a slice: fewer make threads wait for one another more than they spare the cache
SLICE_LONGEST = 32_768  # rows of a slice, and numbers of what is one a row
SLICE_SHORTEST = 1_024


@dataclass(frozen=True)
class Ray:
    """The far end of β + t d as t → ∞: an optimum that no finite β reaches, as under separation.

    `base` (p,) is a finite β on the ray, `direction` (p,) is d, and `covariance` (p, p) is the unscaled covariance of
    those linear combinations that stay finite.
    """

    base: Array
    direction: Array
    covariance: Array

    def eta(self, block: Block) -> Array:
        """η (n,) at the end of the ray: infinite in the rows that move along it."""
        bare = replace(block, offset=np.zeros(block.n))
        along = bare.eta(self.direction)
        moved = np.abs(along) > STILL * bare.magnitude(self.direction)
        return np.where(moved, np.copysign(np.inf, along), block.eta(self.base))

    def select(self, chosen: NDArray[np.integer]) -> Ray:
        """Only some of the coefficients."""
        return Ray(self.base[chosen], self.direction[chosen], self.covariance[np.ix_(chosen, chosen)])


@dataclass(frozen=True)
class Block:
    """Some rows of the data: p columns in parts, response y (n,), weight (n,) and offset (n,).

    `precision` (n,) is the part of the weight that is one observation's own, such as the trials behind a proportion;
    the rest, weight / precision, says how often the observation counts. None means that all of the weight is precision.
    `trials` (n,) are those of a response whose likelihood is that of its trials to the power of a prior weight.
    """

    parts: tuple[Part, ...]
    p: int
    y: Array
    weight: Array
    offset: Array
    precision: Array | None = None
    trials: Array | None = None

    @lazy
    def n(self) -> int:
        """The number of rows."""
        return len(self.y)

    @lazy
    def wide(self) -> bool:
        """Whether p is so large that no p × p matrix is made; see `sparse`."""
        return any(isinstance(part, Sparse) and part.wide for part in self.parts)

    @lazy
    def alone(self) -> Part | None:
        """The part that is all of the columns in their order, if there is one."""
        return self.parts[0] if len(self.parts) == 1 and everything(self.parts[0].place, self.p) else None

    @lazy
    def width(self) -> int:
        """How many columns at most are not zero in one row."""
        return sum(part.width for part in self.parts)

    @property
    def own_precision(self) -> Array:
        """The part of the weight that is one observation's own (n,)."""
        return self.weight if self.precision is None else self.precision

    @property
    def frequency(self) -> Array:
        """How often each row was observed (n,)."""
        return np.ones(self.n) if self.precision is None else self.weight / self.precision

    @property
    def density(self) -> tuple[Array, Array]:
        """How often the density of each row is a factor of the likelihood (n,), and at which precision (n,)."""
        if self.trials is None:
            return self.frequency, self.own_precision
        return self.weight / self.trials, self.trials

    def with_vectors(self, given: dict[str, Array]) -> Block:
        """The same rows with another weight, offset or precision (n,)."""
        weight, offset = given.get("weight", self.weight), given.get("offset", self.offset)
        return replace(self, weight=weight, offset=offset, precision=given.get("precision", self.precision))

    def eta(self, beta: Array | Ray) -> Array:
        """Xβ + offset (n,), or its limit at the end of a ray."""
        if isinstance(beta, Ray):
            return beta.eta(self)
        if not self.parts:
            return self.offset.copy()
        eta = self.parts[0].times(beta[self.parts[0].place])
        for part in self.parts[1:]:
            eta += part.times(beta[part.place])
        eta += self.offset
        return eta

    def along(self, direction: Array) -> Array:
        """X direction (n,), without the offset."""
        return replace(self, offset=np.zeros(self.n)).eta(direction)

    def fine_eta(self, beta: Array | Ray) -> Array:
        """`eta`, rounded only once."""
        if isinstance(beta, Ray):
            return beta.eta(self)
        return (self.fine_times(beta) + twofold(self.offset)).rounded

    def fine_times(self, beta: Array) -> Twofold:
        """Xβ for β (p,) or (p, k), with more digits where many terms cancel."""
        shape = (self.n, *beta.shape[1:])
        total = twofold(np.zeros(shape))
        for part in self.parts:
            total = total + part.fine_times(beta[part.place])
        return total

    def fine_transpose_times(self, values: Twofold) -> Twofold:
        """X'values (p,) or (p, k), likewise."""
        shape = (self.p, *values.lead.shape[1:])
        total = twofold(np.zeros(shape))
        for part in self.parts:
            piece = part.fine_transpose_times(values)
            total.lead[part.place], total.rest[part.place] = piece.lead, piece.rest
        return total

    def lines(self, betas: Array) -> Array:
        """Xβ (k, n) for each of betas (k, p), without the offset."""
        lines = [part.times(betas[:, part.place].T).T for part in self.parts]
        return np.ascontiguousarray(sum(lines[1:], lines[0]) if lines else np.zeros((len(betas), self.n)))

    def etas(self, betas: Array) -> Array:
        """η (k, n) at each of betas (k, p)."""
        return self.lines(betas) + self.offset

    def magnitude(self, beta: Array) -> Array:
        """|X||β| + |offset| (n,): the size of the numbers that cancel into η."""
        total = np.abs(self.offset)
        for part in self.parts:
            total = total + part.magnitude(beta[part.place])
        return total

    def transpose_times(self, values: Array) -> Array:
        """X'values (p,)."""
        if self.alone is not None:
            return self.alone.transpose_times(values)
        total = np.zeros(self.p)
        for part in self.parts:
            total[part.place] = part.transpose_times(values)
        return total

    def squares(self, weight: Array) -> Array:
        """The diagonal of X'WX (p,), or (p, k) for weights (n, k)."""
        total = np.zeros((self.p, *weight.shape[1:]))
        for part in self.parts:
            total[part.place] = part.squares(weight)
        return total

    @lazy
    def long(self) -> Coded | None:
        """The factor whose levels are so many, and more than half of all columns, that it is better eliminated."""
        for part in self.parts:
            long = len(part.columns) >= max(LONG, (self.p + 1) // 2)
            if long and isinstance(part, Coded) and part.indicates:
                return part
        return None

    def cross(self, weight: Array) -> Matrix:
        """X'WX (p, p): an arrow where a factor is long."""
        long = self.long
        if long is None and self.alone is not None:
            return self.alone.cross(self.alone, weight)
        if long is None:
            return crossed(self.parts, [part.place for part in self.parts], weight, self.p)
        others = [part for part in self.parts if part is not long]
        layout = Layout.of(long.columns, self.p)
        places = [np.searchsorted(layout.short, part.columns) for part in others]
        border = np.zeros((len(layout.long), len(layout.short)))
        for part, place in zip(others, places, strict=True):
            border[:, place] = long.cross(part, weight)
        corner = crossed(others, places, weight, len(layout.short))
        return Arrow(layout, long.squares(weight), border, corner)

    def dense(self) -> Array:
        """X (n, p) in full. Raises CapabilityError for much of a wide design."""
        for part in self.parts:
            if isinstance(part, Sparse):
                part.refuse_filling()
        X = np.empty((self.n, self.p))
        for part in self.parts:
            X[:, part.place] = part.dense()
        return X

    def column(self, j: int) -> Array:
        """One column of X (n,)."""
        for part in self.parts:
            place = np.flatnonzero(part.columns == j)
            if len(place):
                return part.column(int(place[0]))
        return np.zeros(self.n)

    def rows(self, chosen: slice | Codes) -> Block:
        """Some of the rows."""
        precision, trials = (None if each is None else each[chosen] for each in (self.precision, self.trials))
        parts, y, weight, offset = rows_of(self.parts, chosen), self.y[chosen], self.weight[chosen], self.offset[chosen]
        return Block(parts, self.p, y, weight, offset, precision, trials)

    def slices(self, size: int | None = None, filled: bool = False) -> Iterator[Block]:
        """The rows in slices that stay in cache. Coded and sparse parts gain nothing from slicing, and are left whole
        unless they are to be `filled`: made dense.
        """
        size = size or max(SLICE_SHORTEST, min(SLICE_LONGEST, SLICE_NUMBERS // max(self.p, 1)))
        if self.n <= size or not (filled or all(isinstance(part, Dense) for part in self.parts)):
            yield self
            return
        for start in range(0, self.n, size):
            yield self.rows(slice(start, start + size))

    def over_slices(self, work: Callable[[Block], Sum], filled: bool = False) -> Sum:
        """The sum of work(rows) over these slices."""
        return work(self) if self.n <= SLICE_SHORTEST else merge(map(work, self.slices(filled=filled)))

    def bare_slices(self, size: int = SLICE_LONGEST) -> Iterator[tuple[slice, Block]]:
        """The rows in slices that stay in cache, without their columns, which are not needed."""
        if self.n <= size:
            yield slice(None), self
            return
        bare = replace(self, parts=(), p=0)
        for start in range(0, self.n, size):
            few = slice(start, start + size)
            yield few, bare.rows(few)

    def select(self, chosen: NDArray[np.integer]) -> Block:
        """Some of the columns, renumbered."""
        place = np.full(self.p, -1)
        place[chosen] = np.arange(len(chosen))
        parts = []
        for part in self.parts:
            inside = np.flatnonzero(place[part.columns] >= 0)
            if len(inside):
                parts.append(part.select(inside, place[part.columns[inside]]))
        return replace(self, parts=tuple(parts), p=len(chosen))


@dataclass(frozen=True)
class Design:
    """What the solver sees of a table: blocks on their engine, and the names of the p columns.

    `constant` (p,) holds the value of columns that are the same in every row, else 0; n counts observations.
    """

    handles: Sequence[Block]
    names: tuple[str, ...]
    constant: Array
    n: float

    @property
    def p(self) -> int:
        """The number of columns."""
        return len(self.names)

    @lazy
    def wide(self) -> bool:
        """Whether p is so large that no p × p matrix is made; see `sparse`."""
        return bool(pattern_of(self.handles).wide)

    @lazy
    def width(self) -> int:
        """How many columns at most are not zero in one row."""
        return int(pattern_of(self.handles).width)

    @lazy
    def long(self) -> Coded | None:
        """The factor of the first rows that is better eliminated; see `Block.long`."""
        long: Coded | None = pattern_of(self.handles).long
        return long

    @lazy
    def vast(self) -> bool:
        """Whether no p × p matrix is made in full, as there is no need of one: p is large, and a factor long."""
        return too_wide(self.p) and self.long is not None

    @lazy
    def seen(self) -> dict[str, Any]:
        """What looks at these rows have found, so that they are not taken again."""
        return {}

    @property
    def counts(self) -> Sequence[int]:
        """The number of rows of each block."""
        return counts_of(self.handles)

    @lazy
    def rows(self) -> int:
        """The number of rows, which need not be that of observations."""
        return sum(self.counts)


def crossed(parts: Sequence[Part], places: Sequence[slice | Codes], weight: Array, p: int) -> Array:
    """X'WX (p, p) of parts whose columns have these places in it."""
    total = np.zeros((p, p))
    for i, part in enumerate(parts):
        for other, place in zip(parts[i:], places[i:], strict=True):
            product = part.cross(other, weight)
            put(total, places[i], place, product)
            if other is not part:
                put(total, place, places[i], product.T)
    return total


def everything(place: slice | Codes, p: int) -> bool:
    """Whether these are the places of all of p columns, in their order."""
    return isinstance(place, slice) and place == slice(0, p)


def put(matrix: Array, rows: slice | Codes, columns: slice | Codes, values: Array) -> None:
    """matrix[rows, columns] = values, as a rectangle whatever the two are."""
    if isinstance(rows, slice) or isinstance(columns, slice):
        matrix[rows, columns] = values
    else:
        matrix[np.ix_(rows, columns)] = values


def stacked(blocks: Sequence[Block]) -> Block:
    """Several blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    first = blocks[0]
    y, weight, offset = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("y", "weight", "offset"))
    precision = None if first.precision is None else np.concatenate([block.own_precision for block in blocks])
    trials = None if first.trials is None else np.concatenate([block.density[1] for block in blocks])
    return Block(stacked_parts([block.parts for block in blocks]), first.p, y, weight, offset, precision, trials)


def stretches(counts: Sequence[int], size: float) -> Iterator[slice]:
    """Places of neighbouring blocks which have `size` rows or a little more together; the last ones may have fewer."""
    first, rows = 0, 0
    for place, count in enumerate(counts):
        rows += count
        if rows >= size or place == len(counts) - 1:
            yield slice(first, place + 1)
            first, rows = place + 1, 0


def block_rows(block: Block, n: int) -> int:
    """How many of n rows like those of this block a block takes: so few that there is work for all threads to the end,
    and so many that a matrix of each is small beside them.
    """
    width = max(block.width, 1)
    most = BLOCK_NUMBERS // width
    even = max(min(SHARED_ROWS, most // 4), min(BLOCK_ROWS, -(-n // 2)))
    square = 16 * block.p // width if block.wide else 16 * block.p if block.long is None else 0
    return max(SLICE_ROWS, square, min(even, 2 * most))


def split(block: Block, size: int | None = None) -> list[Block]:
    """One block as several of at most `size` rows; the cut depends on the rows alone. What is one number, repeated,
    becomes one vector that all blocks share.
    """
    size = size or (SLICE_ROWS if block.n <= SLICE_ROWS else block_rows(block, block.n))
    whole = block.n <= size
    size = max(block.n, 1) if whole else size
    names = ("weight", "offset", "precision")
    level = {name: np.full(size, values[0]) for name in names if repeated(values := getattr(block, name))}
    if whole:
        return [block.with_vectors(level)]
    pieces = [block.rows(slice(start, start + size)) for start in range(0, block.n, size)]
    return [piece.with_vectors({name: values[: piece.n] for name, values in level.items()}) for piece in pieces]


def repeated(values: Array | None) -> bool:
    """Whether this is one number, repeated without memory of its own."""
    return values is not None and len(values) > 0 and values.strides == (0,)
