"""Which rows have equal covariates: columns become codes, codes one number a row, and that the number of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.linalg import Array
from nelder.parts import Coded, Codes

Numbers = NDArray[np.intp]
SAMPLE = 4_096  # rows that tell whether rows repeat
GLANCE = 512  # rows that tell so where hardly any do
TABLE = 2**23  # entries of a table of keys; beyond, they are sorted
FEW = 1_024  # distinct numbers that are looked up rather than sorted
RANGE = 2**16  # of whole numbers, which need not be looked up


@dataclass(frozen=True)
class Column:
    """What rows may differ in: codes (n,) of so many `levels`, or numbers (n,) where that is 0."""

    values: Any
    levels: int = 0

    def coded(self) -> tuple[Codes, int]:
        """Codes (n,), equal where the values are, and how many there may be."""
        return (self.values, self.levels) if self.levels else coded(self.values)


def columns_of(block: Block, constant: Array, offset: bool) -> list[Column]:
    """All that tells rows apart; columns that are `constant` (p,) do not, nor what occurs twice."""
    found: dict[int, Column] = {}
    for part in block.parts:
        if isinstance(part, Coded):
            found.setdefault(id(part.codes), Column(part.codes, part.coding.levels))
            if part.multiplier is not None:
                found.setdefault(id(part.multiplier), Column(part.multiplier))
            continue
        for place in np.flatnonzero(constant[part.columns] == 0):
            found[-1 - int(part.columns[place])] = Column(part.column(int(place)))
    if offset:
        found[id(block.offset)] = Column(block.offset)
    return list(found.values())


def promises(columns: list[Column], n: int, most: float) -> bool:
    """Whether a sample of the n rows lets expect at most so many cells; a few rows may show that there are twice as
    many.
    """
    if fewest(columns, n, GLANCE, 2 * most) > 2 * most:
        return False
    return fewest(columns, n, SAMPLE, most) <= most


def fewest(columns: list[Column], n: int, size: int, most: float) -> float:
    """How many cells a sample of so many of the n rows lets expect at least; the first column that tells of more than
    `most` is the last.

    With f₁ cells seen once and f₂ seen twice among d, there are at least some d + f₁²/2f₂ (Chao 1984).
    """
    rows = np.unique(np.random.default_rng(0).integers(n, size=size))
    key, found = np.zeros(len(rows), dtype=np.intp), 1.0
    for column in columns:
        seen, codes = np.unique(column.values[rows], return_inverse=True)
        _, key, counts = np.unique(key * len(seen) + codes, return_inverse=True, return_counts=True)
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        found = len(counts) + once * (once - 1) / (2 * (twice + 1))
        if found > most:
            break
    return found


def numbered(columns: list[Column], n: int, most: float) -> tuple[Numbers, int] | None:
    """The number of each row's cell (n,) and how many there are, or None where these are more than `most`."""
    key, size, close = np.zeros(n, dtype=np.intp), 1, True
    for column in columns:
        codes, levels = column.coded()
        if size * levels > TABLE and not close:
            key, size, close = closed_up(key, size)
            if size > most:
                return None
        if size * levels > TABLE and follows(codes, key, size):
            continue
        key *= levels
        key += codes
        size, close = size * levels, False
        if size > TABLE:
            seen, key = np.unique(key, return_inverse=True)
            size, close = len(seen), True
    key, size, _ = (key, size, True) if close else closed_up(key, size)
    return None if size > most else (key, size)


def follows(codes: Codes, key: Numbers, size: int) -> bool:
    """Whether rows of the same key (n,) below `size` have the same code, as in interactions of what has been seen."""
    first = np.zeros(size, dtype=np.intp)
    first[key] = np.arange(len(key))
    return np.array_equal(codes[first][key], codes)


def closed_up(key: Numbers, size: int) -> tuple[Numbers, int, bool]:
    """The keys (n,) below `size` that occur, numbered without gaps; how many they are, and that they are so."""
    seen = np.zeros(size, dtype=bool)
    seen[key] = True
    place = np.cumsum(seen, dtype=np.int32)
    many = int(place[-1])
    place -= 1
    return place[key].astype(np.intp), many, True


def coded(values: Array) -> tuple[Numbers, int]:
    """Codes (n,) of numbers, equal where these are, and how many codes there may be."""
    low, high = float(values.min()), float(values.max())
    if high - low < RANGE:
        codes = (values - low).astype(np.intp)
        if np.array_equal(codes + low, values):
            return codes, int(high - low) + 1
    some = values[np.random.default_rng(0).integers(len(values), size=SAMPLE)]
    known = np.unique(some)
    for _ in range(2):
        if len(known) > FEW:
            break
        codes = np.minimum(np.searchsorted(known, values), len(known) - 1)
        missed = known[codes] != values
        if not missed.any():
            return codes, len(known)
        known = np.union1d(known, values[missed])
    known, codes = np.unique(values, return_inverse=True)
    return codes, len(known)
