"""Spark data frames: each partition is read where Spark has it, as Arrow batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from nelder.engines.spark_tables import InSpark, Reading, batches_of
from nelder.errors import CapabilityError
from nelder.lazy import lazy
from nelder.sources.arrow import Kind, Layout, chunk_of, missing_column, tables
from nelder.sources.base import Chunk, InParts, Partition, refuse_twice

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), "i"),
    **dict.fromkeys(("float", "double", "decimal"), "f"),
    **dict.fromkeys(("string", "char", "varchar"), "text"),
    "boolean": "b",
    "void": "null",
}
CONNECT = (
    "a table of Spark Connect cannot be read: nelder needs a Spark session in this process; run it with spark-submit, "
    "or make the session without .remote(…)"
)
ELSEWHERE = "the rows of a Spark table are read by Spark: use engine=nd.Spark(), or write the table to Parquet files"


@dataclass(frozen=True)
class Batches(Partition):
    """A partition whose Arrow batches a function gives."""

    reading: Reading
    layout: Layout
    label: str

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        kinds = self.layout.chosen(names)
        filled = (batch for batch in self.reading(names) if batch.num_rows)
        first = next(filled, None)
        if first is None:
            yield {name: missing_column(kind, 0) for name, kind in kinds.items()}
            return
        for table in tables(itertools.chain([first], filled), first.schema):
            yield chunk_of(table, kinds)


@dataclass(frozen=True)
class There:
    """What makes a partition where its rows are."""

    layout: Layout
    label: str

    def __call__(self, reading: Reading) -> Batches:
        return Batches(reading, self.layout, self.label)


@dataclass(frozen=True)
class FramePartition(InSpark, Partition):
    """A partition of a Spark data frame. Engine Spark takes the work to it; others have its rows brought here."""

    frame: Any
    place: int
    layout: Layout
    label: str

    def there(self) -> There:
        return There(self.layout, self.label)

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        return self.there()(lambda asked: batches_of(self.frame, asked, self.place)).read(names)

    def __reduce__(self) -> NoReturn:
        raise CapabilityError(ELSEWHERE)


class SparkSource(InParts):
    """A `pyspark.sql.DataFrame`."""

    def __init__(self, data: Any) -> None:
        if type(data).__module__.startswith("pyspark.sql.connect"):
            raise CapabilityError(CONNECT)
        self.frame = data
        refuse_twice("the table", data.columns)

    @classmethod
    def reads(cls, data: object) -> bool:
        kinds = type(data).__mro__
        return any(kind.__module__.startswith("pyspark.sql") and kind.__name__ == "DataFrame" for kind in kinds)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @lazy
    def layout(self) -> Layout:
        """The kinds of its columns."""
        types = {field.name: field.dataType for field in self.frame.schema.fields}
        return Layout.of(
            [("the table", {name: KINDS.get(of.typeName(), of.simpleString()) for name, of in types.items()})]
        )

    @lazy
    def partitions(self) -> Sequence[Partition]:
        frame, layout = self.frame, self.layout
        many = range(frame.rdd.getNumPartitions())
        return tuple(FramePartition(frame, place, layout, f"partition {place}") for place in many)
