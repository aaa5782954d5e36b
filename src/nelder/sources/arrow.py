"""Columns from Arrow arrays, and what Arrow types are to nelder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from nelder.errors import DataError, NelderError, refuse_unknown
from nelder.sources.base import (
    LARGEST_WHOLE,
    NUMERIC,
    PIECE,
    Chunk,
    Column,
    Labels,
    Level,
    Numbers,
    no_labels,
    too_large,
    unusable,
)

# "b", "i", "f" numbers; "text" and "coded b|i|f" labels; "null" without any value; else the name of an Arrow type that
# no column of a model has
Kind: TypeAlias = str

CODED = tuple(f"coded {kind}" for kind in NUMERIC)
WORDS = {**dict.fromkeys(NUMERIC, "numeric"), **dict.fromkeys(CODED, "categories that are numbers")}


def kind_of(given: Any) -> Kind:
    """What a column of this Arrow type is."""
    from pyarrow import types

    if hasattr(given, "storage_type"):
        given = given.storage_type
    if types.is_dictionary(given):
        kind = kind_of(given.value_type)
        return f"coded {kind}" if kind in NUMERIC else kind
    tests: dict[Kind, tuple[Any, ...]] = {
        "null": (types.is_null,),
        "b": (types.is_boolean,),
        "i": (types.is_integer, is_whole_decimal),
        "f": (types.is_floating, types.is_decimal),
        "text": (types.is_string, types.is_large_string, getattr(types, "is_string_view", types.is_string)),
    }
    return next((kind for kind, each in tests.items() if any(test(given) for test in each)), str(given))


def is_whole_decimal(given: Any) -> bool:
    """Whether this Arrow type is of decimals without a fraction, as DuckDB gives its largest whole numbers."""
    from pyarrow import types

    return bool(types.is_decimal(given)) and given.scale <= 0


def joined_kind(name: str, found: Mapping[str, Kind]) -> Kind:
    """The kind of a column from its kinds in several files; raises DataError naming two that do not go together."""
    kinds = {kind: label for label, kind in found.items() if kind != "null"}
    if len(kinds) < 2:
        return next(iter(kinds), "null")
    for order in (NUMERIC, CODED):
        if all(kind in order for kind in kinds):
            return max(kinds, key=order.index)
    words = {WORDS.get(kind, kind): label for kind, label in reversed(kinds.items())}
    (one, first), (other, second) = [(word, words[word]) for word in reversed(words)][:2]
    raise DataError(
        f"column {name!r} is {one} in {first} and {other} in {second}: it must be the same in all; write the files "
        "anew, or cast it in nd.sql(…)"
    )


@dataclass(frozen=True)
class Layout:
    """The kind of each column of a table in several files, and for those that cannot be used the reason."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    troubles: Mapping[str, NelderError] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Sequence[tuple[str, Mapping[str, Kind]]]) -> Layout:
        """The layout of files, each with its label and its kinds of columns."""
        kinds: dict[str, Kind] = {}
        troubles: dict[str, NelderError] = {}
        for name in dict.fromkeys(name for _, columns in files for name in columns):
            lacking = next((label for label, columns in files if name not in columns), None)
            try:
                if lacking is not None:
                    having = next(label for label, columns in files if name in columns)
                    raise DataError(f"{lacking} has no column {name!r}, which {having} has")
                kinds[name] = joined_kind(name, {label: columns[name] for label, columns in files})
                check(name, kinds[name])
            except NelderError as trouble:
                troubles[name] = trouble
                kinds.setdefault(name, "null")
        return cls(kinds, troubles)

    def chosen(self, names: Sequence[str]) -> dict[str, Kind]:
        """The kinds of some columns; raises what is wrong with one, UnknownNameError for one that is not there."""
        for name in names:
            refuse_unknown("column", name, self.kinds)
            if name in self.troubles:
                raise self.troubles[name]
        return {name: self.kinds[name] for name in names}


def check(name: str, kind: Kind) -> None:
    """Raise InputTypeError for a column that no model can have."""
    if kind not in (*NUMERIC, *CODED, "text", "null"):
        raise unusable(name, kind)


def chunk_of(table: Any, kinds: Mapping[str, Kind]) -> Chunk:
    """The columns of these names in an Arrow table, or a record batch."""
    names = table.schema.names
    return {name: column_of_arrow(name, table.column(names.index(name)), kind) for name, kind in kinds.items()}


def column_of_arrow(name: str, array: Any, kind: Kind) -> Column:
    """One column (n,) of this kind from an Arrow array, chunked or not, of this kind or one that joins to it.

    Raises InputTypeError for a kind that is no column, DataError for whole numbers that float64 cannot hold.
    """
    import pyarrow as pa

    check(name, kind)
    if not isinstance(array, pa.ChunkedArray):
        array = pa.chunked_array([array])
    if hasattr(array.type, "storage_type"):
        array = array.cast(array.type.storage_type)
    if kind == "null" or pa.types.is_null(array.type):
        return missing_column(kind, len(array))
    return numbers_of_arrow(name, array, kind) if kind in NUMERIC else labels_of_arrow(array)


def missing_column(kind: Kind, n: int) -> Column:
    """A column (n,) without any value."""
    return Numbers(np.full(n, np.nan), kind) if kind in NUMERIC else no_labels(n)


def numbers_of_arrow(name: str, array: Any, kind: Kind) -> Numbers:
    """A numeric column: nulls become nan."""
    import pyarrow as pa

    given = array.type
    if pa.types.is_boolean(given):
        array = array.cast(pa.uint8())
    elif pa.types.is_float16(given):
        array = array.cast(pa.float32())
    elif pa.types.is_decimal(given):
        array = array.cast(pa.string())  # a text is read as the nearest double; Arrow multiplies by 0.01 and the like
    values = array.cast(pa.float64(), safe=False).to_numpy()  # nearest doubles
    if "i" in (kind, kind_of(given)) and np.any(np.abs(values) >= LARGEST_WHOLE):
        raise too_large(name)
    return Numbers(np.ascontiguousarray(values, dtype=np.float64), kind)


def labels_of_arrow(array: Any) -> Labels:
    """A categorical column: the levels that occur, sorted."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.unify_dictionaries()
    else:
        if str(array.type) == "string_view":
            array = array.cast(pa.large_string())
        array = array.dictionary_encode()
    if not array.num_chunks or not len(array):
        return Labels(np.zeros(0, dtype=np.int32), ())
    values = array.chunk(0).dictionary.to_pylist()
    codes = np.concatenate(
        [chunk.indices.cast(pa.int64()).fill_null(len(values)).to_numpy(zero_copy_only=False) for chunk in array.chunks]
    )
    occurs = np.bincount(codes, minlength=len(values) + 1) > 0
    present = {each for each, seen in zip(values, occurs, strict=False) if seen and not is_missing(each)}
    levels: tuple[Level, ...] = tuple(sorted(present))
    place = {level: code for code, level in enumerate(levels)}
    replaced = np.array([*(place.get(value, -1) for value in values), -1], dtype=np.int32)
    return Labels(replaced[codes], levels)


def is_missing(value: object) -> bool:
    """Whether a level is none: null, or nan."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def tables(batches: Iterable[Any], schema: Any) -> Iterator[Any]:
    """Record batches as tables of at most PIECE rows, small ones joined; at least one table, which may be empty."""
    import pyarrow as pa

    held: list[Any] = []
    rows, yielded = 0, False
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, PIECE - rows)
            held.append(part)
            start, rows = start + part.num_rows, rows + part.num_rows
            if rows == PIECE:
                yield pa.Table.from_batches(held)
                held, rows, yielded = [], 0, True
    if held or not yielded:
        yield pa.Table.from_batches(held, None if held else schema)


def first_line(problem: BaseException) -> str:
    """What an error says in its first line."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
