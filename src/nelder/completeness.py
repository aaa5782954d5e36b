"""Missing values in the columns that are needed: how many rows have some, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, some_rows
from nelder.linalg import Array
from nelder.sources import Chunk

SHOWN = 5  # rows that are named


@dataclass(frozen=True)
class Gap:
    """In how many rows a column has no value, and the numbers of the first of them, where rows have numbers."""

    many: int = 0
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Completeness:
    """Of `total` rows, how many are complete, and the `gaps` of each column that has any.

    A sum is that of both tables, the second below the first.
    """

    total: int = 0
    complete: int = 0
    gaps: Mapping[str, Gap] = field(default_factory=dict)

    @classmethod
    def of(cls, chunk: Chunk, needed: Sequence[str], complete: NDArray[np.bool_]) -> Completeness:
        """That of rows of which some are complete (n,)."""
        if complete.all():
            return cls(len(complete), len(complete))
        absent = {name: np.flatnonzero(chunk[name].missing) for name in needed}
        gaps = {name: Gap(len(at), tuple(at[:SHOWN].tolist())) for name, at in absent.items() if len(at)}
        return cls(len(complete), int(complete.sum()), gaps)

    @classmethod
    def counted(cls, chunk: Chunk, needed: Sequence[str], complete: NDArray[np.bool_], counts: Array) -> Completeness:
        """That of rows of which each occurs so often (n,)."""
        absent = {name: int(counts[chunk[name].missing].sum()) for name in needed}
        gaps = {name: Gap(many) for name, many in absent.items() if many}
        return cls(int(counts.sum()), int(counts[complete].sum()), gaps)

    def __add__(self, below: Completeness) -> Completeness:
        gaps = dict(self.gaps)
        for name, gap in below.gaps.items():
            above = gaps.get(name, Gap())
            rows = (*above.rows, *(self.total + row for row in gap.rows))
            gaps[name] = Gap(above.many + gap.many, rows[:SHOWN])
        return Completeness(self.total + below.total, self.complete + below.complete, gaps)

    def check(self, needed: Sequence[str], missing: str) -> None:
        """Raise DataError where no row is complete, or with missing="error" where one is not."""
        name = next((name for name in needed if name in self.gaps), None)
        if missing == "error" and name is not None:
            gap = self.gaps[name]
            where = f"at {some_rows(gap.rows, SHOWN, gap.many)}" if gap.rows else f"in {gap.many:,} rows"
            raise DataError(f"column {name!r} has missing values {where}: fill or remove them, or use missing='drop'")
        if not self.complete:
            words = f"of {self.total} rows none has a value in every column of {', '.join(needed)}"
            raise DataError(f"there are no rows to fit: {words if self.total else 'the table is empty'}")

    @property
    def notes(self) -> tuple[str, ...]:
        """How many rows are left out."""
        dropped = self.total - self.complete
        return (f"{dropped} of {self.total} rows left out for missing values",) if dropped else ()
