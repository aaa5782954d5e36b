"""The sources of rows. To add one: a file here and a line in SOURCES."""

from __future__ import annotations

from nelder.errors import InputTypeError
from nelder.sources.arrays import ArraysSource
from nelder.sources.base import (
    PIECE,
    Alone,
    Chunk,
    Column,
    Labels,
    Level,
    Numbers,
    Partition,
    Source,
    Tally,
    Whole,
    column_of,
    concatenated,
    joined_levels,
)
from nelder.sources.csv import CSVSource
from nelder.sources.dask_frames import DaskSource
from nelder.sources.duckdb import DuckDBSource, sql
from nelder.sources.frames import FrameSource
from nelder.sources.parquet import ParquetSource
from nelder.sources.spark_frames import SparkSource
from nelder.sources.spilling import spill
from nelder.sources.streams import ArrowSource, is_read_once

__all__ = [
    "PIECE",
    "SOURCES",
    "Alone",
    "Chunk",
    "Column",
    "Labels",
    "Level",
    "Numbers",
    "Partition",
    "Source",
    "Tally",
    "Whole",
    "column_of",
    "concatenated",
    "joined_levels",
    "source_of",
    "spill",
    "sql",
]

# asked in this order whether they can read what was given
SOURCES: dict[str, type[Source]] = {
    "arrays": ArraysSource,
    "parquet": ParquetSource,
    "csv": CSVSource,
    "duckdb": DuckDBSource,
    "dask_frames": DaskSource,  # these before "frames", which would compute all of them
    "spark_frames": SparkSource,
    "frames": FrameSource,
    "arrow": ArrowSource,
}


def source_of(data: object) -> Source:
    """The source for a dictionary of columns, a data frame, files, a query or a reader that can be opened again.

    Raises InputTypeError for anything else, and for what can be read only once.
    """
    if isinstance(data, Source):
        return data
    if is_read_once(data):
        raise InputTypeError(
            f"a {type(data).__name__} can be read only once, and a fit reads its rows several times: give "
            "nd.spill(…), which writes them to a temporary file first, or the path of the file they come from"
        )
    for source in SOURCES.values():
        if source.reads(data):
            return source(data)
    raise InputTypeError(
        f"data must be a pandas, Polars, Arrow or Spark table, a dictionary of columns, the path of .csv, .tsv or "
        f".parquet files or nd.sql(…), not {type(data).__name__}; for a matrix X and a response y use nd.glm_fit(X, y)"
    )
