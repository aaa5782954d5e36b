"""The rows that effects are averaged over: their columns before any formula, and how often each counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import BLOCK_ROWS, SLICE_ROWS
from nelder.linalg import Array
from nelder.sources import Chunk, Column, Labels, Numbers, concatenated


@dataclass(frozen=True)
class Population:
    """The rows that effects are averaged over, where they are not those of the fit, each counting once.

    `data` are other rows, None for those of the fit; `weights` says how much each row counts (an array, or an
    expression on the data); `offset` is needed for other rows of a fit that had one as an array.
    """

    data: object = None
    weights: object = None
    offset: object = None


@dataclass(frozen=True)
class Cases:
    """Rows by columns: `chunk` as the formula reads them, `rows` (n,) their numbers in the table, `weight` (n,) how
    often each counts, `group` (n,) the code of what it is averaged with, `offset` (n,) that beside the formula's.

    `whole_offset` takes the place of both offsets.
    """

    chunk: Chunk
    rows: NDArray[np.integer]
    weight: Array
    group: NDArray[np.integer]
    offset: Array
    whole_offset: float | None = None

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def take(self, chosen: slice) -> Cases:
        """Some of the rows, as views."""
        chunk = {name: some(column, chosen) for name, column in self.chunk.items()}
        arrays = (self.rows[chosen], self.weight[chosen], self.group[chosen], self.offset[chosen])
        return Cases(chunk, *arrays, self.whole_offset)

    def slices(self, size: int = SLICE_ROWS) -> Iterator[Cases]:
        """The rows in slices that stay in cache."""
        for start in range(0, self.n, size):
            yield self.take(slice(start, start + size))

    def moved(self, columns: Mapping[str, Column], whole_offset: float | None) -> Cases:
        """The same rows with other columns in the place of some, and another offset unless None."""
        kept = self.whole_offset if whole_offset is None else whole_offset
        return replace(self, chunk={**self.chunk, **columns}, whole_offset=kept)


def some(column: Column, chosen: slice) -> Column:
    """Some of the rows of a column, as a view."""
    if isinstance(column, Numbers):
        return Numbers(column.values[chosen], column.kind)
    return Labels(column.codes[chosen], column.levels)


@dataclass(frozen=True)
class Sample:
    """Cases in parts, with the columns that name their groups, one entry a group; no columns where there is one."""

    parts: tuple[Cases, ...]
    labels: Mapping[str, Sequence[object]]

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(next(iter(self.labels.values()), [None]))

    @property
    def n(self) -> int:
        """The number of rows."""
        return sum(part.n for part in self.parts)

    def column(self, name: str) -> Column:
        """One column of all the rows."""
        return concatenated([{name: part.chunk[name]} for part in self.parts])[name]

    @property
    def weight(self) -> Array:
        """How often each row counts (n,)."""
        return np.concatenate([part.weight for part in self.parts])

    def split(self) -> list[Cases]:
        """The parts, none of them larger than a block."""
        return [each for part in self.parts for each in part.slices(BLOCK_ROWS)]


def in_rows(count: int) -> str:
    """`1 row`, or `8 rows`."""
    return f"{count} row{'' if count == 1 else 's'}"
