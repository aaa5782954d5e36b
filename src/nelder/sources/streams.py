"""Arrow data sets, and readers of record batches that can be opened anew."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nelder.errors import DataError, InputTypeError
from nelder.lazy import lazy
from nelder.sources.arrow import Layout, chunk_of, first_line, kind_of, tables
from nelder.sources.base import PIECE, Chunk, InParts, Partition, refuse_twice, size_of


@dataclass(frozen=True)
class Fragment(Partition):
    """A stretch of an Arrow data set, or all of it, read with the schema of the whole."""

    stretch: Any
    schema: Any
    layout: Layout
    label: str
    rows: int | None = None

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        kinds = self.layout.chosen(names)
        options = {"columns": list(names), "batch_size": PIECE, "batch_readahead": 2, "fragment_readahead": 1}
        whole = hasattr(self.stretch, "get_fragments")
        make = self.stretch.scanner if whole else lambda **given: self.stretch.scanner(schema=self.schema, **given)
        yield from converted(self.label, lambda: make(**options).to_batches(), self.schema, kinds)


@dataclass
class Opening:
    """A function that opens a reader, the reader that it opened last, and how many rows one had."""

    function: Callable[[], Any]
    last: Any = None
    rows: int | None = None

    def reader(self) -> Any:
        """A new reader; raises InputTypeError for anything else, DataError for the one that was there before."""
        import pyarrow as pa

        found = self.function()
        name = getattr(self.function, "__name__", type(self.function).__name__)
        if found is self.last and isinstance(found, pa.RecordBatchReader):
            raise DataError(
                f"{name}() gives the same reader again, which can be read only once: open a new one each time"
            )
        if not hasattr(found, "__arrow_c_stream__"):
            raise InputTypeError(
                f"{name}() gives a {type(found).__name__}: give a function that opens a pyarrow.RecordBatchReader anew "
                "each time, as RecordBatchReader.from_batches(schema, batches)"
            )
        self.last = found
        return found if isinstance(found, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(found)

    def counted(self) -> Iterator[Any]:
        """The batches of a new reader; raises DataError where there are not as many rows as the time before."""
        rows = 0
        for batch in self.reader():
            rows += batch.num_rows
            yield batch
        if self.rows not in (None, rows):
            raise DataError(
                f"the reader had {self.rows} rows the first time, and {rows} now: it must give the same rows"
            )
        self.rows = rows


@dataclass(frozen=True)
class Reopened(Partition):
    """What a function opens, each time anew."""

    opening: Opening = field(compare=False)
    schema: Any
    layout: Layout
    label: str = "the reader"

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        kinds = self.layout.chosen(names)
        yield from converted(self.label, lambda: self._chosen(names), self.schema, kinds)

    def _chosen(self, names: Sequence[str]) -> Iterator[Any]:
        return (batch.select(list(names)) for batch in self.opening.counted())


class ArrowSource(InParts):
    """A pyarrow.dataset.Dataset, or a function that opens a pyarrow.RecordBatchReader each time it is called."""

    def __init__(self, data: object) -> None:
        self.data: Any = data

    @classmethod
    def reads(cls, data: object) -> bool:
        return is_dataset(data) or (callable(data) and not inspect.isclass(data))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.layout.kinds)

    @lazy
    def opening(self) -> Opening:
        """The function, where one was given."""
        return Opening(self.data)

    @lazy
    def schema(self) -> Any:
        """The names and Arrow types of the columns."""
        found = self.data.schema if is_dataset(self.data) else self.opening.reader().schema
        refuse_twice("the table", found.names)
        return found

    @lazy
    def layout(self) -> Layout:
        """The kinds of the columns."""
        return Layout.of([("the table", {each.name: kind_of(each.type) for each in self.schema})])

    @lazy
    def partitions(self) -> Sequence[Partition]:
        if not is_dataset(self.data):
            return (Reopened(self.opening, self.schema, self.layout),)
        try:
            found = [self._fragment(place, each) for place, each in enumerate(self.data.get_fragments())]
        except ValueError:  # a data set with a filter knows of no fragments
            found = []
        whole = Fragment(self.data, self.schema, self.layout, "the data set")
        return [part for part in found if part.rows != 0] or found[:1] or (whole,)

    def _fragment(self, place: int, each: Any) -> Fragment:
        path = getattr(each, "path", None)
        label = f"fragment {place} of the data set" if path is None else repr(path)
        # the end of a Parquet file says how many rows it has; others would have to be read
        rows = guarded(label, each.count_rows) if hasattr(each, "row_groups") else None
        return Fragment(each, self.schema, self.layout, label, rows)

    def size(self, names: Sequence[str]) -> int | None:
        known = [part.rows for part in self.partitions]
        rows = [each for each in known if each is not None]
        return size_of(self.layout.chosen(names).values(), sum(rows)) if len(rows) == len(known) else None


def converted(label: str, batches: Callable[[], Any], schema: Any, kinds: dict[str, str]) -> Iterator[Chunk]:
    """Batches as chunks; raises DataError with a label for what Arrow cannot read."""
    if not kinds:
        yield {}
        return
    import pyarrow as pa

    try:
        for table in tables(batches(), pa.schema([schema.field(name) for name in kinds])):
            yield chunk_of(table, kinds)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{label} cannot be read: {first_line(problem)}") from None


def guarded(label: str, count: Callable[[], int]) -> int:
    """A count; raises DataError with a label for what Arrow cannot read."""
    import pyarrow as pa

    try:
        return count()
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"{label} cannot be read: {first_line(problem)}") from None


def is_dataset(data: object) -> bool:
    """Whether this is a data set of pyarrow, told without importing it."""
    return any(kind.__name__ == "Dataset" and kind.__module__ == "pyarrow._dataset" for kind in type(data).__mro__)


def is_read_once(data: object) -> bool:
    """Whether this is an iterator, a reader or a connection with a result: gone once it has been read."""
    from nelder.sources.duckdb import is_of_duckdb

    reader = type(data).__name__ == "RecordBatchReader" or is_of_duckdb(data, "DuckDBPyConnection")
    return reader or isinstance(data, Iterator) or hasattr(type(data), "readline")
