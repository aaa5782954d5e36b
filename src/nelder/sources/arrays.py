"""Columns in a dictionary of arrays or lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nelder.errors import DataError
from nelder.sources.base import Chunk, Column, Source, column_of, refuse_twice
from nelder.sources.frames import column_of_series, series_of


class ArraysSource(Source):
    """{name: values (n,)}."""

    def __init__(self, data: Mapping[str, object]) -> None:
        names = [str(name) for name in data]
        refuse_twice("the table", names)
        self._columns = dict(zip(names, data.values(), strict=True))

    @classmethod
    def reads(cls, data: object) -> bool:
        return isinstance(data, Mapping)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        chunk = {name: _column(name, self._columns[name]) for name in names}
        lengths = {name: len(column) for name, column in chunk.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise DataError(f"columns must have the same length: {listed}")
        yield chunk

    def size(self, names: Sequence[str]) -> int:
        return 0


def _column(name: str, values: object) -> Column:
    """One column; a series is read as in a data frame, so that a Categorical keeps its levels."""
    series = series_of(values)
    return column_of(name, values) if series is None else column_of_series(name, series)
