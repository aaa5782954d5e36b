"""CSV files, through pyarrow in blocks; a plain one also without it.

A file says nothing of types. All cells of a column are looked at before one is read, so that a column which begins with
whole numbers and has 2.5 or n/a further on is what reading the file at once would have made of it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nelder.errors import DataError, MissingExtraError
from nelder.lazy import lazy
from nelder.sources.arrays import ArraysSource
from nelder.sources.arrow import Kind, Layout, chunk_of, tables
from nelder.sources.base import Chunk, Partition, Source, Tally, refuse_twice, size_of
from nelder.sources.cells import MISSING, PLAIN, Guess, typed
from nelder.sources.lines import BEGINNING, line_of, refuse_foreign, refuse_open_quote, separator_of, unreadable
from nelder.sources.paths import files_of, is_paths
from nelder.sources.tallies import Rows, asked_of_files, quoted, tally_of, text

BLOCK = 1 << 23  # bytes of a file that are decoded at once


@dataclass
class Look:
    """What has been found out about files of one table: kinds of columns and numbers of rows.

    It is completed before it travels, so that nobody else has to look.
    """

    paths: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    layout: Layout = field(default_factory=Layout)
    rows: dict[str, int] = field(default_factory=dict)

    def at(self, names: Sequence[str]) -> Layout:
        """The layout with these columns in it: a pass over the files for those that are new."""
        new = [name for name in names if name not in self.layout.kinds]
        if new or (not self.rows and not names):
            each = [
                (repr(path), self._kinds(path, held, new)) for path, held in zip(self.paths, self.names, strict=True)
            ]
            found = Layout.of(each)
            self.layout = Layout({**self.layout.kinds, **found.kinds}, {**self.layout.troubles, **found.troubles})
        return self.layout

    def _kinds(self, path: str, held: Sequence[str], new: Sequence[str]) -> dict[str, Kind]:
        guesses = {name: Guess() for name in held if name in new}
        self.rows[path] = 0
        for batch in batches(path, list(guesses) or held[:1]):
            self.rows[path] += batch.num_rows
            for name, guess in guesses.items():
                guess.see(batch.column(name))
        return {name: guess.kind for name, guess in guesses.items()}

    def __getstate__(self) -> dict[str, object]:
        self.at(list(dict.fromkeys(name for names in self.names for name in names)))
        rows = {os.path.abspath(path): count for path, count in self.rows.items()}
        return {**self.__dict__, "paths": tuple(map(os.path.abspath, self.paths)), "rows": rows}


@dataclass(frozen=True)
class CSVFile(Partition):
    """One CSV file of a table."""

    path: str
    look: Look

    @property
    def rows(self) -> int | None:  # type: ignore[override]
        """How many rows it has, once it has been looked at."""
        return self.look.rows.get(self.path)

    @property
    def label(self) -> str:  # type: ignore[override]
        """The file."""
        return repr(self.path)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "path": os.path.abspath(self.path)}  # a worker may stand elsewhere

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        import pyarrow as pa

        if not names:
            yield {}
            return
        kinds = self.look.at(names).chosen(names)
        schema = pa.schema([(name, pa.string()) for name in names])
        rows = 0
        for table in tables(batches(self.path, names), schema):
            rows += table.num_rows
            try:
                chunk = chunk_of(typed(table, kinds), kinds)
            except pa.ArrowInvalid:
                raise changed(self.path) from None
            except DataError as problem:
                raise DataError(f"{self.path!r}: {problem}") from None
            yield chunk
        if rows != self.rows:
            raise changed(self.path)

    def where(self, row: int) -> str:
        line = line_of(self.path, row)
        return self.label if line is None else f"{self.label}, line {line}"


class CSVSource(Source):
    """A CSV file with a header line, a pattern, a folder or a list. The header shows whether cells are separated by
    commas, semicolons or tabs. Empty cells and NA, NaN and null are missing.
    """

    def __init__(self, data: object) -> None:
        self.files = files_of(data)
        if self.files.folders:
            raise DataError(
                f"folders that give columns, as {next(iter(self.files.folders[0]))}=…, are for Parquet files"
            )

    @classmethod
    def reads(cls, data: object) -> bool:
        return is_paths(data)

    @property
    def names(self) -> tuple[str, ...]:
        if isinstance(self.look, ArraysSource):
            return self.look.names
        return tuple(dict.fromkeys(name for names in self.look.names for name in names))

    @lazy
    def look(self) -> Look | ArraysSource:
        """What is known of the files; without pyarrow the columns of the only one."""
        try:
            import pyarrow.csv  # noqa: F401
        except ImportError:
            if len(self.files.paths) == 1:
                return ArraysSource(plain_csv(Path(self.files.paths[0])))
            raise MissingExtraError("pyarrow", "files", "reading several files") from None
        return Look(self.files.paths, tuple(header(path) for path in self.files.paths))

    @property
    def partitions(self) -> Sequence[Partition]:
        look = self.look
        return look.partitions if isinstance(look, ArraysSource) else [CSVFile(path, look) for path in look.paths]

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        if isinstance(self.look, ArraysSource):
            yield from self.look.read(names)
            return
        for part in self.partitions:
            yield from part.read(names)

    def size(self, names: Sequence[str]) -> int:
        if isinstance(self.look, ArraysSource):
            return 0
        kinds = self.look.at(names).chosen(names)
        return size_of(kinds.values(), sum(self.look.rows.values()))

    def tally(self, names: Sequence[str], memory: int | None = None) -> Tally | None:
        if isinstance(self.look, ArraysSource) or self.files.magic:
            return None
        kinds = self.look.at(names).chosen(names)
        stretches = [
            rows_sql(path, held, list(kinds)) for path, held in zip(self.look.paths, self.look.names, strict=True)
        ]
        asked = partial(asked_of_files, " union all ".join(stretches))
        expected = sum(self.look.rows.values())
        return tally_of(
            self, kinds, Rows(asked, lambda table, kinds: chunk_of(typed(table, kinds), kinds), expected), memory
        )


def batches(path: str, names: Sequence[str]) -> Iterator[Any]:
    """Some columns of a file as text, null where a cell is missing; raises DataError naming the line that is wrong."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=list(names),
        null_values=list(MISSING),
        strings_can_be_null=True,
    )
    parse = arrow_csv.ParseOptions(delimiter=separator_of(path), newlines_in_values=True)
    try:
        with arrow_csv.open_csv(path, arrow_csv.ReadOptions(block_size=BLOCK), parse, convert) as reader:
            yield from reader
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise unreadable(path, problem) from None


def header(path: str) -> tuple[str, ...]:
    """The names of the columns; raises DataError for a file that cannot be read, or has two columns of one name."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    refuse_foreign(path)
    refuse_open_quote(path)
    parse = arrow_csv.ParseOptions(delimiter=separator_of(path), newlines_in_values=True)
    try:
        with arrow_csv.open_csv(path, arrow_csv.ReadOptions(block_size=BEGINNING), parse) as reader:
            names = tuple(reader.schema.names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise unreadable(path, problem) from None
    refuse_twice(repr(path), names)
    return names


def changed(path: str) -> DataError:
    """The error for a file that is not what it was when it was looked at."""
    return DataError(f"{path!r} has changed since it was first looked at: begin again")


def rows_sql(path: str, held: Sequence[str], names: Sequence[str]) -> str:
    """The cells of a file as text, for DuckDB, in columns c0, c1, …."""
    columns = ", ".join(f"{quoted(name)} as c{place}" for place, name in enumerate(names))
    typed_as = ", ".join(f"{text(name)}: 'VARCHAR'" for name in held)
    null = ", ".join(text(each) for each in MISSING)
    cells = f"delim = {text(separator_of(path))}, quote = '\"', escape = '\"', nullstr = [{null}]"
    options = f"header = true, auto_detect = false, columns = {{{typed_as}}}, {cells}"
    return f"select {columns} from read_csv({text(path)}, {options})"


def plain_csv(path: Path) -> dict[str, list[Any]]:
    """The columns of a CSV file by the standard library, where pyarrow is not installed: slower, the same."""
    refuse_foreign(str(path))
    refuse_open_quote(str(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            read = csv.reader(lines, delimiter=separator_of(str(path)))
            first, *rows = [row for row in read if row] or [[]]  # empty lines are no rows
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise unreadable(str(path), problem) from None
    refuse_twice(repr(str(path)), first)
    if any(len(row) != len(first) for row in rows):
        raise unreadable(str(path), ValueError("its rows do not fit its header"))
    return {name: _of_one_type([row[place] for row in rows]) for place, name in enumerate(first)}


def _of_one_type(texts: list[str]) -> list[Any]:
    """Whole numbers, truth values, numbers or times where every cell that is not missing is one; else texts."""
    for kind in PLAIN:
        try:
            return [None if cell in MISSING else kind(cell) for cell in texts]
        except ValueError:
            continue
    return [None if cell in MISSING else cell for cell in texts]
