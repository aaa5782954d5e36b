"""Where rows come from: anything that yields chunks of named columns, and can do so again."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, InputTypeError, refuse_unknown
from nelder.linalg import Array

Level: TypeAlias = str | int | float | bool

PIECE = 65_536  # rows of a table that are held at once, at most: a block of them
NUMERIC = ("b", "i", "f")  # NumPy's letters for logical, whole and other numbers
LARGEST_WHOLE = 2**53  # from which on float64 cannot tell a whole number from its neighbours


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
Chunk: TypeAlias = Mapping[str, Column]


class Partition(ABC):
    """A stretch of a table that can be read by itself, on any machine: it is pickled with what it needs for that.

    `label` names it in errors; `rows` is how many it has, where that is known without reading.
    """

    label: str
    rows: int | None = None

    @abstractmethod
    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        """Its rows in order, in pieces of at most PIECE; at least one piece, which may be empty."""

    def where(self, row: int) -> str:
        """Where one of its rows is, for errors: as exactly as can be found out."""
        return self.label


@dataclass(frozen=True)
class Tally:
    """The distinct rows of some columns (k,), in a fixed order, how often each occurs (k,), and how many rows that is.

    Missing values are values here.
    """

    chunk: Chunk
    counts: Array
    rows: int


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
        self.refuse_absent(names)
        return self.read(names)

    def refuse_absent(self, names: Sequence[str]) -> None:
        """Raise UnknownNameError naming a column that the table does not have."""
        for name in names:
            refuse_unknown("column", name, self.names)

    @property
    def partitions(self) -> Sequence[Partition]:
        """The table in stretches, in order: those that can be read by themselves, or the whole."""
        return (Whole(self),)

    def size(self, names: Sequence[str]) -> int | None:
        """Bytes that these columns take once they are read: 0 where they are in memory, None where it is not known."""
        return None

    def gapless(self, names: Sequence[str]) -> Mapping[str, str]:
        """Those of these columns that are numbers, each with its kind, and have one in every row by what is written of
        them, without reading: no null, that is, while nan may be among them.
        """
        return {}

    def tally(self, names: Sequence[str], memory: int | None = None) -> Tally | None:
        """The distinct rows of these columns, counted where the rows are in `memory` bytes; None where that does not
        pay, or cannot be done.
        """
        return None


@dataclass(frozen=True)
class Whole(Partition):
    """A source as its only partition."""

    source: Source
    label: str = "the table"

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        for chunk in self.source.read(names):
            yield from sliced(chunk)


class InParts(Source):
    """A table that is read as its partitions are, one after the other."""

    @property
    @abstractmethod
    def partitions(self) -> Sequence[Partition]:
        """The stretches that can be read by themselves, in order."""

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        for part in self.partitions:
            yield from part.read(names)


class Alone(Source):
    """One partition as a source of its own, with the columns `names`."""

    def __init__(self, partition: Partition, names: tuple[str, ...]) -> None:
        self.partition, self.columns = partition, names

    @classmethod
    def reads(cls, data: object) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return self.columns

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        return self.partition.read(names)


def refuse_twice(what: str, names: Sequence[str], remedy: str = "rename one") -> None:
    """Raise DataError where a table, or what else gives columns, has two of one name."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{what} has two columns called {twice!r}: {remedy}")


def sliced(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk in pieces of at most PIECE rows."""
    n = len(next(iter(chunk.values()))) if chunk else 0
    if n <= PIECE:
        yield chunk
        return
    for start in range(0, n, PIECE):
        rows = slice(start, start + PIECE)
        yield {name: part_of(column, rows) for name, column in chunk.items()}


def part_of(column: Column, rows: slice) -> Column:
    """A stretch of a column, without a copy."""
    if isinstance(column, Numbers):
        return Numbers(column.values[rows], column.kind)
    return Labels(column.codes[rows], column.levels)


def size_of(columns: Iterable[Column | str], rows: int) -> int:
    """Bytes of columns, or of kinds of columns: 8 a number and 4 a code."""
    return rows * sum(
        8 if (each in NUMERIC if isinstance(each, str) else isinstance(each, Numbers)) else 4 for each in columns
    )


def joined_levels(each: Sequence[tuple[Level, ...]]) -> tuple[Level, ...]:
    """The levels of one column from several pieces.

    They are sorted where those of every piece are, as a text column's are, so that the pieces give the levels of the
    whole; a declared order is kept, and added to in order of appearance.
    """
    found = dict.fromkeys(level for levels in each for level in levels)
    try:
        ordered = all(list(levels) == sorted(levels) for levels in dict.fromkeys(each))
        return tuple(sorted(found)) if ordered else tuple(found)
    except TypeError:  # levels of several types have no order
        return tuple(found)


def concatenated(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks of one table as one, with the levels of all."""
    if len(chunks) == 1:
        return chunks[0]
    return {name: joined(name, [chunk[name] for chunk in chunks]) for name in chunks[0]}


def joined(name: str, columns: Sequence[Column]) -> Column:
    """The pieces of a column as one; a piece without any value is of either kind.

    Raises DataError naming the column where some pieces are numbers and others labels.
    """
    numbers = [column for column in columns if isinstance(column, Numbers)]
    labels = [column for column in columns if isinstance(column, Labels)]
    told = [column for column in columns if not column.missing.all()] if numbers and labels else columns
    if len({type(column) for column in told}) > 1:
        raise DataError(f"column {name!r} is numeric in some parts and categorical in others: make it the same in all")
    if isinstance((told or columns)[0], Numbers):
        values = [each.values if isinstance(each, Numbers) else np.full(len(each), np.nan) for each in columns]
        return Numbers(np.concatenate(values), max((each.kind for each in numbers), key=NUMERIC.index))
    levels = joined_levels([column.levels for column in labels])
    place = {level: code for code, level in enumerate(levels)}
    pieces = [column if isinstance(column, Labels) else no_labels(len(column)) for column in columns]
    codes = [np.array([*(place[level] for level in column.levels), -1], np.int32)[column.codes] for column in pieces]
    return Labels(np.concatenate(codes), levels)


def no_labels(n: int) -> Labels:
    """A categorical column (n,) without any value."""
    return Labels(np.full(n, -1, dtype=np.int32), ())


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
    rounded = array.dtype.kind == "f" and np.any(np.abs(array) >= np.float64(LARGEST_WHOLE))
    if (array.dtype.kind in "US" or rounded) and not isinstance(values, np.ndarray):
        array = np.array(values, dtype=object)  # NumPy would write numbers among texts as texts, and round whole ones
    if array.ndim != 1:
        raise DataError(f"column {name!r} has {array.ndim} dimensions {array.shape}; a column has one")
    if array.dtype.kind in "biuf":
        return numbers_of(name, array)
    if array.dtype.kind in "OUS":
        return _objects(name, array)
    raise unusable(name, array.dtype)


def numbers_of(name: str, array: NDArray[np.generic]) -> Numbers:
    """A numeric column; raises DataError for whole numbers that float64 cannot tell from their neighbours."""
    values = array.astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and np.any(np.abs(values) >= LARGEST_WHOLE):
        raise too_large(name)
    return Numbers(values, array.dtype.kind.replace("u", "i"))


def too_large(name: str) -> DataError:
    """The error for whole numbers that float64 cannot hold."""
    return DataError(
        f"column {name!r} holds whole numbers beyond 2**53, which float64 cannot tell apart: give them as text if they "
        "are labels, or in other units"
    )


def unusable(name: str, what: object) -> InputTypeError:
    """The error for a column of dates, lists and the like."""
    return InputTypeError(f"column {name!r} holds {what}; a column holds numbers, booleans or strings")


def _objects(name: str, array: NDArray[np.generic]) -> Column:
    items = [None if is_nan(value) else value for value in array.tolist()]
    kinds = {type(value) for value in items if value is not None}
    if all(issubclass(kind, int | float | Decimal) for kind in kinds):
        return numbers_of_items(name, items)
    if kinds != {str}:
        listed = ", ".join(sorted(kind.__name__ for kind in kinds))
        if len(kinds) == 1:
            raise unusable(name, listed)
        raise InputTypeError(f"column {name!r} mixes values of type {listed}; make it all numbers or all strings")
    return labels_of(items)


def numbers_of_items(name: str, items: Sequence[float | Decimal | None]) -> Numbers:
    """A numeric column from Python's numbers, None where one is missing; raises DataError as `numbers_of`."""
    present = [item for item in items if item is not None and not is_nan(item)]
    whole = [item for item in present if is_whole(item)]
    if not all(-LARGEST_WHOLE < item < LARGEST_WHOLE for item in whole):
        raise too_large(name)
    values = np.array([np.nan if item is None or is_nan(item) else float(item) for item in items], np.float64)
    return Numbers(values, "i" if whole and len(whole) == len(present) else "f")


def is_whole(item: float | Decimal) -> bool:
    """Whether a number is of a type, or written in a way, that has no fraction."""
    if isinstance(item, Decimal):
        exponent = item.as_tuple().exponent
        return isinstance(exponent, int) and exponent >= 0  # of an infinity it is a letter
    return isinstance(item, int) and not isinstance(item, bool)


def is_nan(item: object) -> bool:
    """Whether this is a number that is none."""
    return item.is_nan() if isinstance(item, Decimal) else isinstance(item, float) and math.isnan(item)


def labels_of(items: Sequence[str | None]) -> Labels:
    """A categorical column from strings, its levels sorted."""
    levels = tuple(sorted({item for item in items if item is not None}))
    place: dict[str | None, int] = {level: code for code, level in enumerate(levels)}
    place[None] = -1
    return Labels(np.array([place[item] for item in items], dtype=np.int32), levels)
