"""The sources of rows. To add one: a file here and a line in `source_of`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nelder.errors import InputTypeError
from nelder.sources.arrays import ArraysSource
from nelder.sources.base import Chunk, Column, Labels, Level, Numbers, Source, column_of
from nelder.sources.files import FileSource
from nelder.sources.frames import FrameSource, is_frame

__all__ = ["Chunk", "Column", "Labels", "Level", "Numbers", "Source", "column_of", "source_of"]


def source_of(data: object) -> Source:
    """The source for a dictionary of columns, a data frame, or the path of a CSV or Parquet file."""
    if isinstance(data, Source):
        return data
    if isinstance(data, Mapping):
        return ArraysSource(data)
    if isinstance(data, str | Path):
        return FileSource(data)
    if is_frame(data):
        return FrameSource(data)
    raise InputTypeError(
        f"data must be a pandas, Polars or Arrow table, a dictionary of columns, or the path of a .csv or .parquet "
        f"file, not {type(data).__name__}; for a matrix X and a response y use nd.glm_fit(X, y)"
    )
