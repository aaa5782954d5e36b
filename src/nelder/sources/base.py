"""Where rows come from: anything that yields chunks of named columns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, InputTypeError, unknown_name
from nelder.linalg import Array

Level: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class Numbers:
    """A numeric column (n,), float64, with nan where a value is missing; `kind` is NumPy's letter of what it was."""

    values: Array
    kind: str = "f"

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where a value is missing (n,)."""
        return np.isnan(self.values)

    def take(self, rows: NDArray[np.integer]) -> Numbers:
        """Some of the rows."""
        return Numbers(self.values[rows], self.kind)


@dataclass(frozen=True)
class Labels:
    """A categorical column: a code (n,) into `levels`, −1 where a value is missing."""

    codes: NDArray[np.integer]
    levels: tuple[Level, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where a value is missing (n,)."""
        return self.codes < 0

    def take(self, rows: NDArray[np.integer]) -> Labels:
        """Some of the rows."""
        return Labels(self.codes[rows], self.levels)


Column: TypeAlias = Numbers | Labels
Chunk: TypeAlias = dict[str, Column]


class Source(ABC):
    """A table that can be read more than once. Reading yields chunks, each with the same columns."""

    @abstractmethod
    def __init__(self, data: Any) -> None:
        """A source of what `reads` has said yes to."""

    @classmethod
    @abstractmethod
    def reads(cls, data: object) -> bool:
        """Whether this kind of source can read `data`."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""

    @abstractmethod
    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        """Chunks with the columns asked for, which exist."""

    def chunks(self, names: Sequence[str]) -> Iterator[Chunk]:
        """As `read`; raises UnknownNameError naming a column that the table does not have."""
        for name in names:
            if name not in self.names:
                raise unknown_name("column", name, self.names)
        return self.read(names)


def column_of(name: str, values: object) -> Column:
    """One column from an array or a list of numbers, booleans or strings (None and nan are missing).

    Raises InputTypeError naming the column for dates, complex numbers and mixtures, DataError for anything but one
    dimension.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(
            values.astype(np.float64) if values.dtype.kind in "biuf" else values.astype(object), np.nan
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"column {name!r} is ragged: it holds lists of different lengths") from None
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        array = np.array(values, dtype=object)  # NumPy would write numbers among texts as texts
    if array.ndim != 1:
        raise DataError(f"column {name!r} has {array.ndim} dimensions {array.shape}; a column has one")
    if array.dtype.kind in "biuf":
        return numbers_of(name, array)
    if array.dtype.kind in "OUS":
        return _objects(name, array)
    raise InputTypeError(f"column {name!r} holds {array.dtype}; a column holds numbers, booleans or strings")


def numbers_of(name: str, array: NDArray[np.generic]) -> Numbers:
    """A numeric column; raises DataError for whole numbers that float64 cannot tell from their neighbours."""
    values = array.astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and np.any(np.abs(values) >= 2.0**53):
        raise DataError(
            f"column {name!r} holds whole numbers beyond 2**53, which float64 cannot tell apart: give them as "
            "text if they are labels, or in other units"
        )
    return Numbers(values, array.dtype.kind)


def _objects(name: str, array: NDArray[np.generic]) -> Column:
    items = [
        None if value is None or (isinstance(value, float) and math.isnan(value)) else value for value in array.tolist()
    ]
    kinds = {type(value) for value in items if value is not None}
    if kinds <= {int, float, bool}:
        try:
            return Numbers(np.array([np.nan if value is None else float(value) for value in items]))
        except OverflowError:
            raise DataError(f"column {name!r} holds a whole number too large for a float") from None
    if kinds != {str}:
        listed = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputTypeError(f"column {name!r} mixes values of type {listed}; make it all numbers or all strings")
    return labels_of(items)


def labels_of(items: Sequence[str | None]) -> Labels:
    """A categorical column from strings, its levels sorted."""
    levels = tuple(sorted({item for item in items if item is not None}))
    place: dict[str | None, int] = {level: code for code, level in enumerate(levels)}
    place[None] = -1
    return Labels(np.array([place[item] for item in items], dtype=np.int32), levels)
