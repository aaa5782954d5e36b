"""CSV and Parquet files, through pyarrow; plain CSV also without it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nelder.errors import DataError, MissingExtraError
from nelder.lazy import lazy
from nelder.sources.arrays import ArraysSource
from nelder.sources.base import Chunk, Source
from nelder.sources.frames import FrameSource

MISSING = ("", "NA", "NaN", "nan", "null", "NULL", "None")
SUFFIXES = (".csv", ".parquet")


class FileSource(Source):
    """A CSV file with a header line, or a Parquet file. Empty cells and NA, NaN and null are missing."""

    def __init__(self, data: str | Path) -> None:
        self.path = Path(data)
        if self.path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{str(data)!r}: nelder reads {' and '.join(SUFFIXES)} files, told by their ending")
        if not self.path.is_file():
            raise DataError(f"{str(data)!r}: there is no such file")

    @classmethod
    def reads(cls, data: object) -> bool:
        return isinstance(data, str | Path)

    @property
    def names(self) -> tuple[str, ...]:
        return self._table.names

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        return self._table.read(names)

    @lazy
    def _table(self) -> Source:
        try:
            import pyarrow as pa
            from pyarrow import csv as arrow_csv
            from pyarrow import parquet
        except ImportError:
            if self.path.suffix.lower() == ".csv":
                return ArraysSource(plain_csv(self.path))
            raise MissingExtraError("pyarrow", "files", "reading Parquet files") from None
        try:
            if self.path.suffix.lower() == ".parquet":
                return FrameSource(parquet.read_table(self.path))
            options = arrow_csv.ConvertOptions(null_values=list(MISSING), strings_can_be_null=True)
            return FrameSource(arrow_csv.read_csv(self.path, convert_options=options))
        except (pa.ArrowException, OSError) as problem:
            raise self._unreadable(str(problem).splitlines()[0]) from None

    def _unreadable(self, reason: str) -> DataError:
        kind = "CSV" if self.path.suffix.lower() == ".csv" else "Parquet"
        return DataError(f"{str(self.path)!r} cannot be read as {kind}: {reason}")


def plain_csv(path: Path) -> dict[str, list[Any]]:
    """The columns of a CSV file by the standard library, where pyarrow is not installed: slower, the same."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            header, *rows = list(csv.reader(lines)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{str(path)!r} cannot be read as CSV: {problem}") from None
    if len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        raise DataError(f"{str(path)!r} cannot be read as CSV: its rows or names do not fit its header")
    return {name: _typed([row[place] for row in rows]) for place, name in enumerate(header)}


def _typed(texts: list[str]) -> list[Any]:
    """Numbers where every cell that is not missing is one, whole where all are; else texts."""
    for kind in (int, float):
        try:
            return [None if text in MISSING else kind(text) for text in texts]
        except ValueError:
            continue
    return [None if text in MISSING else text for text in texts]
