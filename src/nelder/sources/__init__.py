"""The sources of rows. To add one: a file here and a line in SOURCES."""

from __future__ import annotations

from nelder.errors import InputTypeError
from nelder.sources.arrays import ArraysSource
from nelder.sources.base import (
    Chunk,
    Column,
    Labels,
    Level,
    Numbers,
    Partition,
    Source,
    Tally,
    column_of,
    concatenated,
    joined_levels,
)
from nelder.sources.files import FileSource
from nelder.sources.frames import FrameSource

__all__ = [
    "SOURCES",
    "Chunk",
    "Column",
    "Labels",
    "Level",
    "Numbers",
    "Partition",
    "Source",
    "Tally",
    "column_of",
    "concatenated",
    "joined_levels",
    "source_of",
]

# asked in this order whether they can read what was given
SOURCES: dict[str, type[Source]] = {"arrays": ArraysSource, "files": FileSource, "frames": FrameSource}


def source_of(data: object) -> Source:
    """The source for a dictionary of columns, the path of a CSV or Parquet file, or a data frame."""
    if isinstance(data, Source):
        return data
    for source in SOURCES.values():
        if source.reads(data):
            return source(data)
    raise InputTypeError(
        f"data must be a pandas, Polars or Arrow table, a dictionary of columns, or the path of a .csv or .parquet "
        f"file, not {type(data).__name__}; for a matrix X and a response y use nd.glm_fit(X, y)"
    )
