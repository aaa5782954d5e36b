"""Distinct rows and how often each occurs, counted by DuckDB where the rows are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nelder.linalg import Array
from nelder.sources.arrow import Kind, chunk_of
from nelder.sources.base import NUMERIC, Chunk, Column, Numbers, Source, Tally, concatenated, part_of
from nelder.sources.relations import Found
from nelder.sources.temporary import TemporaryFolder

RATIO = 10  # rows a distinct row, at least: below, counting costs more than it saves
LOOKED_AT = 200_000  # rows of the sample that can say no
PLACES = 8  # of a table, from which they are taken
LEAST = 64  # megabytes of memory, without which DuckDB does not begin
DOUBT = 4  # times more distinct rows than allowed must be expected before a sample says no


Query: TypeAlias = Callable[[str], Any]  # SQL over the table `nelder_rows` -> its rows as an Arrow table


@dataclass(frozen=True)
class Rows:
    """Rows in DuckDB, with columns c0, c1, …: what lets them be asked in so many bytes of memory, how their Arrow table
    becomes columns, and how many rows there must be, where that is known.
    """

    asked: Callable[[int | None], AbstractContextManager[Query]]
    columns: Callable[[Any, Mapping[str, Kind]], Chunk] = chunk_of
    expected: int | None = None


def tally_of(source: Source, kinds: Mapping[str, Kind], rows: Rows, memory: int | None) -> Tally | None:
    """The distinct rows of some columns of a source; None where there are too many, or DuckDB cannot count them."""
    try:
        import duckdb
    except ImportError:
        return None
    names = list(kinds)
    folded = [name.casefold() for name in source.names]  # DuckDB does not tell the case of names
    if not names or len(set(folded)) < len(folded) or hopeless(source, kinds, rows.expected):
        return None
    try:
        with rows.asked(memory) as query:
            table = counted(query, len(names))
    except duckdb.Error:
        return None  # whoever reads the rows will meet what is wrong with them, and name it
    if table is None:
        return None
    counts = table.column("n").to_numpy().astype(np.float64)
    chunk, counts = merged(rows.columns(table.select(range(len(names))).rename_columns(names), kinds), counts)
    total = int(counts.sum())
    return Tally(chunk, counts, total) if rows.expected in (None, total) else None


@contextmanager
def asked_of_files(sql: str, memory: int | None) -> Iterator[Query]:
    """A connection of its own for rows that SQL reads from files."""
    import duckdb

    with TemporaryFolder("tally") as folder, closing(duckdb.connect()) as connection:
        prepare(connection, folder, memory)
        rows = Found(connection, connection)
        yield lambda query: rows.table(lambda each: each.sql(f"with nelder_rows as ({sql}) {query}"))


def prepare(connection: Any, folder: str, memory: int | None) -> None:
    """Let a connection have so many bytes of memory, write to this folder what does not fit, and print nothing.

    DuckDB 2 draws a bar after two seconds, also where the output is a file.
    """
    connection.execute("set enable_progress_bar = false")
    connection.execute(f"set temp_directory = {text(folder)}")
    if memory is not None:
        connection.execute(f"set memory_limit = '{max(memory // 10**6, LEAST)}MB'")


def counted(query: Query, width: int) -> Any:
    """The distinct rows and their counts as an Arrow table; None where too many are to be expected."""
    columns = ", ".join(f"c{place}" for place in range(width))
    asked = f"select count(*) as n, approx_count_distinct(hash({columns})) as k from nelder_rows"
    (found,) = query(asked).to_pylist()
    if found["k"] * RATIO > found["n"]:
        return None
    return query(f"select {columns}, count(*) as n from nelder_rows group by all")


def hopeless(source: Source, kinds: Mapping[str, Kind], rows: int | None) -> bool:
    """Whether rows from all over the table are so rarely alike that there must be far too many distinct ones: in all
    columns, or even in a single one of fractions, which is soon read.
    """
    if rows is None:
        return False
    fractions = [[name] for name, kind in kinds.items() if kind == "f"]
    return any(rarely_alike(source, names, rows) for names in [*fractions, list(kinds)])


def rarely_alike(source: Source, names: Sequence[str], rows: int) -> bool:
    """That of some columns.

    If k equally frequent rows are drawn m times, m (m − 1) / 2k pairs are alike; rows that are not equally frequent,
    or neighbours, make more pairs, so that this is a lower bound of k.
    """
    chosen = source.partitions
    places = sorted({round(place) for place in np.linspace(0, len(chosen) - 1, PLACES)})
    each = LOOKED_AT // len(places)
    chunks: list[Chunk] = []
    for place in places:
        piece = next(iter(chosen[place].read(names)))
        chunks.append({name: part_of(column, slice(0, each)) for name, column in piece.items()})
    _, counts = merged(concatenated(chunks), None)
    m = float(counts.sum())
    pairs = float((counts * (counts - 1)).sum()) / 2
    return m * (m - 1) / 2 * RATIO > DOUBT * rows * max(pairs, 0.5)


def merged(chunk: Chunk, counts: Array | None) -> tuple[Chunk, Array]:
    """The distinct rows of some columns, in ascending order with missing values last, and their counts."""
    keys = [key_of(column) for column in chunk.values()]
    order = np.lexsort(keys[::-1])
    new = np.zeros(len(order), dtype=bool)
    new[:1] = True
    for key in keys:
        ordered = key[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    firsts = np.flatnonzero(new)
    each = np.ones(len(order)) if counts is None else counts[order]
    sums = np.add.reduceat(each, firsts) if len(firsts) else np.zeros(0)
    return {name: column.take(order[firsts]) for name, column in chunk.items()}, sums


def key_of(column: Column) -> NDArray[Any]:
    """Numbers (n,) that are ordered as the values of a column, the largest for a missing one."""
    if isinstance(column, Numbers):
        return np.unique(column.values, return_inverse=True)[1]  # nan is one value, and the last
    return np.where(column.codes < 0, len(column.levels), column.codes)


def value(column: str, kind: Kind) -> str:
    """A column in SQL, such that what is one value here is one value there."""
    if kind == "f":
        number = f"cast({column} as double)"
        return f"case when isnan({number}) then null else {number} end"
    if kind == "i":
        return f"cast({column} as bigint)"
    if kind in ("text", "null"):
        return f"cast({column} as varchar)"
    return column if kind in NUMERIC or kind.startswith("coded") else "null"


def text(given: str) -> str:
    """A text in SQL."""
    return "'" + given.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """The name of a column in SQL."""
    return '"' + name.replace('"', '""') + '"'
