"""Predictions that are written where they do not fit into memory: part by part, to one Parquet file or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from nelder.engines import ENGINES
from nelder.errors import DataError, InputError, MissingExtraError, a_path
from nelder.fit import Fit
from nelder.inference.predictions.prediction import Request, predict
from nelder.linalg import Array
from nelder.names import listed
from nelder.sources import Alone, Column, Numbers, Partition, concatenated, source_of
from nelder.sources.paths import files_of, is_paths, refuse_over
from nelder.submodels import schema_of
from nelder.table import Table

SUFFIX = ".parquet"
UNFINISHED = ".unfinished"  # the ending of a file that is being written
WRITTEN = ".written"  # and of one that waits for the others of its folder


def predict_to(fit: Fit, path: str | Path, new: object, request: Request, keep: str | Sequence[str] = ()) -> int:
    """Write predictions at `new` rows, and the columns to `keep` of these, to a Parquet file; how many rows it has.

    The columns are those of `predict`: fit, and with an interval se, lower and upper. A `path` without the ending
    .parquet is a folder that gets a file a part of the table, written by the fit's engine where the part is. Nothing is
    left half written: the files of a folder take their names when all are there. Raises what `predict` raises, naming
    the part, and DataError where `path` cannot be written, has other Parquet files already, or a column has not the
    same type in all parts of one file.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtraError("pyarrow", "files", "writing Parquet files") from None
    source, path = source_of(new), a_path(path, "a path to write to")
    names = tuple(map(str, listed(keep)))
    clash = next((name for name in names if name in ("fit", "se", "lower", "upper")), None)
    if clash is not None:
        raise InputError(f"keep={clash!r}: a column of the predictions has that name")
    read = files_of(new).paths if is_paths(new) else ()
    alone, many = path.suffix.lower() == SUFFIX, len(source.partitions)
    files = [path] if alone else [path / f"part-{place:05}{SUFFIX}" for place in range(many)]
    refuse_over(files, read)
    source.refuse_absent((*schema_of(fit).predictors, *names))
    if alone:
        return write_file(fit, path, source.partitions, request, names)
    engine = ENGINES["threads"]() if fit.objective is None else fit.objective.engine
    with writing(path):
        refuse_others(path, set(files))
        with all_or_none(path, files) as waiting:
            parts = list(zip(waiting, source.partitions, strict=True))
            return sum(engine.map(write_part, parts, replace(fit, objective=None, kept=None), request, names))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise DataError where a file or a folder cannot be written."""
    try:
        yield
    except OSError as problem:
        raise DataError(f"{str(path)!r} cannot be written: {problem.strerror or problem}") from None


def refuse_others(folder: Path, files: set[Path]) -> None:
    """Raise DataError for a folder with other Parquet files than these, which would be read as rows of the same
    table.
    """
    other = next((file for file in sorted(folder.glob(f"*{SUFFIX}")) if file not in files), None)
    if other is not None:
        raise DataError(f"{str(folder)!r} has other files already, as {other.name!r}: remove them or give a new folder")


def write_part(part: tuple[Path, Partition], fit: Fit, request: Request, names: tuple[str, ...]) -> int:
    """Write the predictions of one part of a table to its own file."""
    return write_file(fit, part[0], [part[1]], request, names)


def write_file(fit: Fit, path: Path, partitions: Sequence[Partition], request: Request, names: tuple[str, ...]) -> int:
    """Write the predictions of some parts of a table to one file."""
    import pyarrow as pa
    from pyarrow import parquet

    rows, writer = 0, None
    with finished(path) as unfinished:
        for part in partitions:
            table = pa.table({**kept_columns(part, names), **predicted(fit, part, request)})
            writer = writer or parquet.ParquetWriter(unfinished, table.schema)
            writer.write_table(as_before(table, writer.schema, part.label))
            rows += table.num_rows
        if writer is not None:
            writer.close()
    return rows


def predicted(fit: Fit, part: Partition, request: Request) -> dict[str, Array]:
    """The columns of the predictions at the rows of a part; errors name it."""
    try:
        found = predict(fit, Alone(part, schema_of(fit).predictors), request)
    except InputError as problem:
        raise type(problem)(f"{part.label}: {problem}") from None
    return {name: found[name] for name in found} if isinstance(found, Table) else {"fit": found}


def kept_columns(part: Partition, names: tuple[str, ...]) -> dict[str, Any]:
    """Columns of a part as they were."""
    if not names:
        return {}
    chunk = concatenated(list(part.read(names)))
    return {name: as_arrow(chunk[name]) for name in names}


def as_arrow(column: Column) -> Any:
    """A column as Arrow has it, missing values as nulls."""
    import pyarrow as pa

    absent = column.missing
    if isinstance(column, Numbers):
        kinds = {"b": pa.bool_(), "i": pa.int64(), "u": pa.int64()}
        return pa.array(column.values, mask=absent).cast(kinds.get(column.kind, pa.float64()))
    levels = pa.array(list(column.levels), None if column.levels else pa.string())
    return levels.take(pa.array(column.codes, mask=absent))


def as_before(table: Any, schema: Any, label: str) -> Any:
    """A table with the types of the parts before it. Raises DataError naming the column that has another one."""
    import pyarrow as pa

    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        wanted, given = schema.field(name).type, column.type
        numeric = not {wanted, given} - {pa.int64(), pa.float64()}
        try:
            if column.null_count == len(column):
                columns.append(pa.nulls(len(column), wanted))
            else:
                columns.append(column.cast(wanted) if numeric else column)
            same = columns[-1].type == wanted
        except pa.ArrowInvalid:  # parts of whole numbers
            same = False
        if not same:
            raise DataError(
                f"{label}: column {name!r} holds {given} and held {wanted} in the parts before it: make it the same in "
                f"all, or write a folder, with a path that does not end in {SUFFIX}"
            )
    return pa.Table.from_arrays(columns, schema=schema)


@contextmanager
def all_or_none(folder: Path, files: Sequence[Path]) -> Iterator[list[Path]]:
    """A folder for files, each to be written under the name that is given for it: they take their own when all are
    there. None is there before, after an error, or where the process is killed; some would be read as the table.
    """
    waiting = [file.with_name(f"{file.name}{WRITTEN}").absolute() for file in files]  # a worker may stand elsewhere
    is_new, complete = not folder.exists(), False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        removed([*files, *waiting])
        yield waiting
        refuse_absent(folder, waiting)
        for written, file in zip(waiting, files, strict=True):
            os.replace(written, file)
        complete = True
    finally:
        if not complete:
            with suppress(OSError):
                removed([*files, *waiting])
                if is_new:
                    folder.rmdir()


def refuse_absent(folder: Path, files: Sequence[Path]) -> None:
    """Raise DataError where one of the files was written on another machine, or is gone."""
    absent = next((file for file in files if not file.exists()), None)
    if absent is not None:
        raise DataError(
            f"{str(folder)!r}: {absent.name!r} is not there once it was written: give a folder that this process and "
            "all workers share"
        )


def removed(files: Sequence[Path]) -> None:
    """Remove the files that are there."""
    for file in files:
        file.unlink(missing_ok=True)


@contextmanager
def finished(path: Path) -> Iterator[Path]:
    """A file to write to that takes the name `path` when all is done, and is removed where it is not."""
    unfinished = path.with_name(f"{path.name}{UNFINISHED}")
    try:
        with writing(path):
            yield unfinished
            if unfinished.exists():
                os.replace(unfinished, path)
    finally:
        with suppress(OSError):
            unfinished.unlink()
