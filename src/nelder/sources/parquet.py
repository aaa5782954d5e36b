"""Parquet files, through pyarrow: row groups are read one by one, and of their columns those that are needed."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nelder.errors import DataError, InputTypeError, MissingExtraError
from nelder.lazy import lazy
from nelder.sources.arrow import Kind, Layout, chunk_of, first_line, kind_of, missing_column, tables
from nelder.sources.base import (
    NUMERIC,
    PIECE,
    Chunk,
    Column,
    InParts,
    Labels,
    Numbers,
    Partition,
    Tally,
    refuse_twice,
    size_of,
    too_large,
)
from nelder.sources.paths import files_of, folder_kind, is_paths, suffix_of
from nelder.sources.tallies import Rows, asked_of_files, quoted, tally_of, text, value

BUFFER = 2**18  # bytes of a column read at once: all of a row group would take memory, and its decoding begin late
SMALL = 4 * PIECE  # consecutive row groups are one partition while they have no more rows than this


@dataclass(frozen=True)
class Footer:
    """What the end of a Parquet file says: its columns and the rows of each row group; `digest` is of all that."""

    path: str
    kinds: Mapping[str, Kind]
    groups: tuple[int, ...]
    digest: int


@dataclass(frozen=True)
class RowGroups(Partition):
    """Consecutive row groups of a file; `sizes` are their rows, `digest` is of its footer, and `given` what its folders
    say.

    `held` keeps a temporary file there as long as anyone can read it; it does not travel.
    """

    path: str
    groups: tuple[int, ...]
    sizes: tuple[int, ...]
    layout: Layout
    digest: int
    given: Mapping[str, str | None] = field(default_factory=dict)
    held: object = field(default=None, repr=False, compare=False)

    @property
    def rows(self) -> int:  # type: ignore[override]
        """How many rows they have."""
        return sum(self.sizes)

    @property
    def label(self) -> str:  # type: ignore[override]
        """The file and its row groups."""
        if len(self.groups) < 2:
            return f"{self.path!r}, row group {self.groups[0]}" if self.groups else repr(self.path)
        return f"{self.path!r}, row groups {self.groups[0]} to {self.groups[-1]}"

    def where(self, row: int) -> str:
        ends = np.cumsum(self.sizes)
        group = self.groups[int(np.searchsorted(ends, row, side="right"))] if 0 <= row < self.rows else None
        return self.label if group is None else f"{self.path!r}, row group {group}"

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "held": None, "path": os.path.abspath(self.path)}  # a worker may stand elsewhere

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        kinds = self.layout.chosen(names)
        inside = {name: kind for name, kind in kinds.items() if name not in self.given}
        if not inside:
            starts = range(0, max(self.rows, 1), PIECE)
            yield from (self._folders(kinds, min(PIECE, self.rows - start)) for start in starts)
            return
        for table in tables(self._batches(inside), self._schema(inside)):
            chunk = self._converted(table, inside)
            beside = self._folders(kinds, table.num_rows)
            yield {name: beside[name] if name in beside else chunk[name] for name in names}

    def _folders(self, kinds: Mapping[str, Kind], n: int) -> Chunk:
        return {name: constant(name, self.given[name], kind, n) for name, kind in kinds.items() if name in self.given}

    def _schema(self, kinds: Mapping[str, Kind]) -> Any:
        import pyarrow as pa

        return pa.schema([(name, pa.null()) for name in kinds])

    def _converted(self, table: Any, kinds: Mapping[str, Kind]) -> Chunk:
        try:
            return chunk_of(table, kinds)
        except (DataError, InputTypeError) as problem:
            raise type(problem)(f"{self.label}: {problem}") from None
        except (ValueError, OSError) as problem:  # text that is no text, where bytes are wrong
            raise unreadable(self.label, problem) from None

    def _batches(self, kinds: Mapping[str, Kind]) -> Iterator[Any]:
        """The record batches of the row groups; raises DataError naming the one that cannot be read."""
        import pyarrow as pa

        label = repr(self.path)
        try:
            with opened(self.path, [name for name, kind in kinds.items() if kind == "text"]) as file:
                self._same()
                for group, rows in zip(self.groups, self.sizes, strict=True):
                    label, found = f"{self.path!r}, row group {group}", 0
                    for batch in file.iter_batches(PIECE, row_groups=[group], columns=list(kinds)):
                        found += batch.num_rows
                        yield batch
                    if found != rows:
                        raise DataError(f"{label} has {found} rows, and {rows} in the footer of the file")
        except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
            raise unreadable(label, problem) from None

    def _same(self) -> None:
        if digest_of(self.path) != self.digest:
            raise DataError(f"{self.path!r} has changed since it was first looked at: begin again")


class ParquetSource(InParts):
    """A Parquet file, a pattern, a folder or a list of them."""

    def __init__(self, data: object, held: object = None) -> None:
        self.files = files_of(data)
        self.held = held

    @classmethod
    def reads(cls, data: object) -> bool:
        return is_paths(data) and suffix_of(data) == ".parquet"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.layout.kinds)

    @lazy
    def footers(self) -> tuple[Footer, ...]:
        """The footer of each file."""
        return tuple(footer(path) for path in self.files.paths)

    @lazy
    def layout(self) -> Layout:
        """The kinds of all columns, from the schemas of the files and the names of their folders."""
        folders = self.files.folders
        names = list(folders[0]) if folders else []
        kinds = {name: folder_kind([folder[name] for folder in folders]) for name in names}
        for each in self.footers:
            both = next((name for name in names if name in each.kinds), None)
            if both is not None:
                raise DataError(f"{each.path!r} has a column {both!r} and lies in a folder '{both}=…': rename one")
        return Layout.of([(repr(each.path), {**each.kinds, **kinds}) for each in self.footers])

    @lazy
    def partitions(self) -> Sequence[Partition]:
        found: list[RowGroups] = []
        for place, each in enumerate(self.footers):
            given = self.files.folders[place] if self.files.folders else {}
            for groups in grouped(each.groups):
                sizes = tuple(each.groups[group] for group in groups)
                found.append(RowGroups(each.path, groups, sizes, self.layout, each.digest, given, self.held))
        return [part for part in found if part.rows] or found[:1]

    @property
    def rows(self) -> int:
        """How many rows the files have."""
        return sum(sum(each.groups) for each in self.footers)

    def size(self, names: Sequence[str]) -> int:
        return size_of(self.layout.chosen(names).values(), self.rows)

    def gapless(self, names: Sequence[str]) -> Mapping[str, str]:
        found = {name: kind for name, kind in self.layout.chosen(names).items() if kind in NUMERIC}
        for path in self.files.paths:
            filled = without_nulls(path, found)
            found = {name: kind for name, kind in found.items() if name in filled}
        return found

    def tally(self, names: Sequence[str], memory: int | None = None) -> Tally | None:
        kinds = self.layout.chosen(names)
        if self.files.magic:
            return None
        asked = partial(asked_of_files, self._sql(kinds))
        return tally_of(self, kinds, Rows(asked, expected=self.rows), memory)

    def _sql(self, kinds: Mapping[str, Kind]) -> str:
        """All rows for DuckDB, with the columns c0, c1, …; a stretch for each folder, whose values are written out."""
        together: dict[tuple[str | None, ...], list[str]] = {}
        folders = self.files.folders or ({},) * len(self.files.paths)
        for path, folder in zip(self.files.paths, folders, strict=True):
            together.setdefault(tuple(folder.values()), []).append(path)
        stretches = []
        for values, paths in together.items():
            given = dict(zip(folders[0], values, strict=True))
            columns = [
                f"{literal(given[name], kind) if name in given else value(quoted(name), kind)} as c{place}"
                for place, (name, kind) in enumerate(kinds.items())
            ]
            listed = ", ".join(text(path) for path in paths)
            options = "union_by_name = true, hive_partitioning = false"
            stretches.append(f"select {', '.join(columns)} from read_parquet([{listed}], {options})")
        return " union all ".join(stretches)


def literal(given: str | None, kind: Kind) -> str:
    """What a folder says, in SQL."""
    typed = "bigint" if kind == "i" else "varchar"
    return f"cast({'null' if given is None else text(given)} as {typed})"


def constant(name: str, given: str | None, kind: Kind, n: int) -> Column:
    """The column (n,) that a folder gives."""
    if given is None:
        return missing_column(kind, n)
    if kind in NUMERIC:
        if abs(int(given)) >= 2**53:
            raise too_large(name)
        return Numbers(np.full(n, float(given)), kind)
    return Labels(np.zeros(n, dtype=np.int32), (given,))


def grouped(rows: Sequence[int]) -> list[tuple[int, ...]]:
    """Consecutive row groups, joined while together they are small; a file without any has one empty stretch."""
    found: list[list[int]] = [[]]
    together = 0
    for group, count in enumerate(rows):
        if found[-1] and together + count > SMALL:
            found.append([])
            together = 0
        found[-1].append(group)
        together += count
    return [tuple(groups) for groups in found]


def opened(path: str, texts: Sequence[str] = ()) -> Any:
    """A Parquet file, whose texts are read as codes; where its pages have checksums, these are verified."""
    from pyarrow import parquet

    return parquet.ParquetFile(
        path, read_dictionary=list(texts), page_checksum_verification=True, pre_buffer=False, buffer_size=BUFFER
    )


def footer(path: str) -> Footer:
    """The footer of a file; raises DataError for one that cannot be read, or has two columns of one name."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "files", "reading Parquet files") from None
    try:
        with opened(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            groups = tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        digest = digest_of(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise unreadable(repr(path), problem) from None
    if sum(groups) != metadata.num_rows:
        raise DataError(f"{path!r} has {metadata.num_rows} rows, and its row groups {sum(groups)}: it is damaged")
    refuse_twice(repr(path), schema.names)
    return Footer(path, {each.name: kind_of(each.type) for each in schema}, groups, digest)


def digest_of(path: str) -> int:
    """A checksum of the footer, which says where each piece of the file lies, how long it is, and mostly its extremes:
    one of other rows, or in another order, is another.
    """
    with open(path, "rb") as file:
        file.seek(-8, os.SEEK_END)
        size = int.from_bytes(file.read(4), "little")
        file.seek(-8 - size, os.SEEK_END)
        return zlib.crc32(file.read(size))


def without_nulls(path: str, names: Collection[str]) -> set[str]:
    """Those of the columns of a file of which its footer says that no row group has a null in them."""
    with opened(path) as file:
        metadata = file.metadata
    paths = [metadata.schema.column(place).path for place in range(metadata.num_columns)]
    often = Counter(paths)  # a field in a column may be called as another column
    places = {name: place for place, name in enumerate(paths) if name in names and often[name] == 1}
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    return {name for name, at in places.items() if all(has_no_null(group.column(at).statistics) for group in groups)}


def has_no_null(statistics: Any) -> bool:
    """Whether the statistics of a column, which may be missing or say nothing of it, count its nulls and find none."""
    return statistics is not None and statistics.has_null_count and statistics.null_count == 0


def unreadable(label: str, problem: BaseException) -> DataError:
    """The error for a file, or a part of it, that is not what it should be."""
    return DataError(f"{label} cannot be read as Parquet: {first_line(problem)}")
