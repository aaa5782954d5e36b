"""CSV and Parquet files, through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from nelder.errors import DataError, MissingExtraError
from nelder.sources.base import Chunk, Source
from nelder.sources.frames import FrameSource

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
        return self._frame.names

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        return self._frame.read(names)

    @cached_property
    def _frame(self) -> FrameSource:
        try:
            import pyarrow as pa
            from pyarrow import csv, parquet
        except ImportError:
            raise MissingExtraError("pyarrow", "files", "reading CSV and Parquet files") from None
        try:
            if self.path.suffix.lower() == ".parquet":
                return FrameSource(parquet.read_table(self.path))
            return FrameSource(self._csv(csv))
        except (pa.ArrowException, OSError) as problem:
            kind = self.path.suffix[1:].upper() if self.path.suffix == ".csv" else "Parquet"
            first = str(problem).splitlines()[0]
            raise DataError(f"{str(self.path)!r} cannot be read as {kind}: {first}") from None

    def _csv(self, csv: Any) -> Any:
        missing = ["", "NA", "NaN", "nan", "null", "NULL", "None"]
        options = csv.ConvertOptions(null_values=missing, strings_can_be_null=True)
        return csv.read_csv(self.path, convert_options=options)
