"""nd.spill: what can be read only once is written to a temporary file, which can be read as often as needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nelder.errors import DataError, InputTypeError, MissingExtraError, a_path
from nelder.sources.arrow import first_line, tables
from nelder.sources.base import PIECE, Source
from nelder.sources.parquet import SMALL, ParquetSource
from nelder.sources.temporary import TemporaryFolder


def spill(reader: object, folder: str | Path | None = None) -> ParquetSource:
    """The rows of something that can be read only once, as a source that can be read again.

    `reader` is a pyarrow.RecordBatchReader, anything else with an Arrow stream, or an iterator over tables, such as
    pandas' `read_csv(…, chunksize=…)`; also a source of nelder, as `nd.sql("select … using sample …")`, whose rows are
    to stay as they are. They are written to a Parquet file in `folder`, by default where temporary files are kept; it
    is removed when the source is not used any more, and at the latest when Python ends, or, where that was killed, when
    the next one is made. Raises DataError where the disk is full or the rows cannot be read; nothing is left behind.
    """
    parent = None if folder is None else a_path(folder, "folder=")
    try:
        import pyarrow as pa
        from pyarrow import parquet  # noqa: F401
    except ImportError:
        raise MissingExtraError("pyarrow", "files", "nd.spill") from None
    held = TemporaryFolder("spill", parent)
    try:
        paths = written(stream_of(reader), held.path)
        return ParquetSource(paths, held)
    except (pa.ArrowException, OSError) as problem:
        held.remove()
        raise DataError(f"the rows cannot be written to {str(held.path)!r}: {first_line(problem)}") from None
    except BaseException:
        held.remove()
        raise


def written(found: Iterable[Any], folder: Path) -> list[str]:
    """Write tables to Parquet files, one for each schema in a row; their paths."""
    from pyarrow import parquet

    paths: list[str] = []
    writer: Any = None
    try:
        for table in found:
            if writer is None or not writer.schema.equals(table.schema):
                if writer is not None:
                    writer.close()
                paths.append(str(folder / f"part-{len(paths):04}.parquet"))
                writer = parquet.ParquetWriter(paths[-1], table.schema)
            writer.write_table(table, row_group_size=SMALL)
    finally:
        if writer is not None:
            writer.close()
    if not paths:
        raise DataError("there is nothing to read: the iterator had nothing more to give")
    return paths


def stream_of(reader: Any) -> Iterator[Any]:
    """What can be read, as Arrow tables of at most PIECE rows; raises InputTypeError for what yields no tables."""
    import pyarrow as pa

    if isinstance(reader, Source):
        for chunk in reader.read(reader.names):
            yield table_of(chunk)
        return
    if type(reader).__name__ == "DuckDBPyConnection":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its result is copied once more, and there is no other way to it
            reader = (getattr(reader, "to_arrow_reader", None) or reader.fetch_record_batch)(PIECE)
    if hasattr(reader, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(reader)
        yield from tables(reader, reader.schema)
        return
    if not isinstance(reader, Iterable) or isinstance(reader, str | bytes | Mapping):
        raise refused(type(reader).__name__)
    for each in reader:
        if isinstance(each, pa.RecordBatch):
            yield pa.Table.from_batches([each])
        elif hasattr(each, "__arrow_c_stream__"):
            part = pa.RecordBatchReader.from_stream(each)
            yield from tables(part, part.schema)
        elif isinstance(each, Mapping):
            yield pa.table(dict(each))
        else:
            raise refused(f"{type(reader).__name__} of {type(each).__name__}")


def refused(what: str) -> InputTypeError:
    """The error for what yields no tables."""
    return InputTypeError(
        f"nd.spill takes a pyarrow.RecordBatchReader, or an iterator over data frames, Arrow tables or dictionaries of "
        f"columns, not a {what}; for a file give its path to nd.glm"
    )


def table_of(chunk: Mapping[str, Any]) -> Any:
    """A chunk as an Arrow table with columns of the same kinds."""
    import pyarrow as pa

    from nelder.sources.base import Numbers

    columns = {}
    for name, column in chunk.items():
        if isinstance(column, Numbers):
            typed = {"i": pa.int64(), "b": pa.bool_()}.get(column.kind, pa.float64())
            columns[name] = pa.array(column.values, pa.float64(), mask=column.missing).cast(typed)
        elif not column.levels:
            columns[name] = pa.nulls(len(column))
        else:
            codes = pa.array(column.codes, pa.int32(), mask=column.missing)
            columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(list(column.levels)))
    return pa.table(columns)
