"""Rows that DuckDB works out: a query, or a relation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nelder.errors import CapabilityError, DataError, InputTypeError, MissingExtraError
from nelder.lazy import lazy
from nelder.sources.arrow import Layout, chunk_of, first_line, kind_of, tables
from nelder.sources.base import PIECE, Chunk, InParts, Partition, Tally, refuse_twice, size_of
from nelder.sources.relations import Found, listening
from nelder.sources.tallies import Query, Rows, prepare, quoted, tally_of, value
from nelder.sources.temporary import TemporaryFolder


@dataclass(frozen=True)
class Asked:
    """A query, and the database file that it is put to; None for a database in memory, which sees files only."""

    query: str
    database: str | None = None

    @contextmanager
    def relation(self, memory: int | None = None) -> Iterator[Found]:
        """A relation of the rows, on a connection of its own that has so many bytes of memory."""
        import duckdb

        database = self.database or ":memory:"
        with (
            TemporaryFolder("sql") as folder,
            closing(duckdb.connect(database, read_only=self.database is not None)) as connection,
        ):
            prepare(connection, folder, memory)
            # tables are those of the database and of files: variables of whoever calls are none
            connection.execute("set python_enable_replacements = false")
            statements = connection.extract_statements(self.query)
            if not statements or "SELECT" not in str(statements[-1].type).upper():
                raise DataError(f"nd.sql reads the rows of a SELECT, not of {self.query!r:.80}")
            yield Found(listening(lambda: connection.sql(self.query), connection), connection)


@dataclass(frozen=True)
class Related:
    """A relation of someone else's connection."""

    found: Any

    @contextmanager
    def relation(self, memory: int | None = None) -> Iterator[Found]:
        """The relation itself: how much memory it has is for whoever made the connection to say."""
        yield Found(self.found)

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise CapabilityError(
            "a relation of DuckDB belongs to this process: for other workers give nd.sql('select …', database=…)"
        )


@dataclass(frozen=True)
class QueryRows(Partition):
    """The rows of a query, which is run at each reading."""

    asked: Asked | Related
    layout: Layout
    label: str = "the query"

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        import pyarrow as pa

        if not names:
            yield {}
            return
        kinds = self.layout.chosen(names)
        schema = pa.schema([(name, pa.null()) for name in names])  # of a table without rows
        columns = ", ".join(quoted(name) for name in names)
        with answered(self.asked) as found, closing(found.batches(columns, PIECE)) as batches:
            for table in tables(batches, schema):
                yield chunk_of(table, kinds)


class DuckDBSource(InParts):
    """A query of DuckDB, or a relation: `duckdb.sql(…)`."""

    def __init__(self, data: object) -> None:
        self.asked = data if isinstance(data, Asked) else Related(data)

    @classmethod
    def reads(cls, data: object) -> bool:
        return isinstance(data, Asked) or is_of_duckdb(data, "DuckDBPyRelation")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.layout.kinds)

    @lazy
    def layout(self) -> Layout:
        """The kinds of the columns, which DuckDB knows without running the query."""
        with answered(self.asked) as found:
            schema = found.table(lambda rows: rows.limit(0)).schema
        refuse_twice("the query", schema.names, "name one anew, with AS")
        return Layout.of([("the query", {each.name: kind_of(each.type) for each in schema})])

    @property
    def partitions(self) -> Sequence[Partition]:
        return (QueryRows(self.asked, self.layout),)

    @lazy
    def rows(self) -> int:
        """How many rows the query gives, counted by DuckDB."""
        with answered(self.asked) as found:
            return int(found.table(lambda rows: rows.aggregate("count(*) as n")).column("n")[0].as_py())

    def size(self, names: Sequence[str]) -> int:
        return size_of(self.layout.chosen(names).values(), self.rows)

    def tally(self, names: Sequence[str], memory: int | None = None) -> Tally | None:
        kinds = self.layout.chosen(names)
        columns = ", ".join(
            f"{value(quoted(name), kind)} as c{place}" for place, (name, kind) in enumerate(kinds.items())
        )

        @contextmanager
        def asked(memory: int | None) -> Iterator[Query]:
            with self.asked.relation(memory) as found:
                yield lambda sql: found.table(lambda rows: rows.project(columns).query("nelder_rows", sql))

        return tally_of(self, kinds, Rows(asked), memory)


def sql(query: str, database: str | Path | None = None) -> DuckDBSource:
    """The rows of a query, worked out by DuckDB each time they are read; `database` is a file that DuckDB wrote.

    The query is run as it is given, with all that SQL can do: take it from no one you would not let run programs.
    A query whose rows differ from run to run, as one with random(), belongs in `nd.spill`. Raises DataError with
    DuckDB's words for a query that it does not run, MissingExtraError where DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: F401
    except ImportError:
        raise MissingExtraError("duckdb", "duckdb", "nd.sql") from None
    if not isinstance(query, str):
        raise InputTypeError(f"nd.sql takes a query as text, not {type(query).__name__}")
    if database is not None and not isinstance(database, str | Path):
        raise InputTypeError(f"database= takes the path of a database file, not {type(database).__name__}")
    source = DuckDBSource(Asked(query, None if database is None else str(database)))
    _ = source.layout
    return source


@contextmanager
def answered(asked: Asked | Related) -> Iterator[Found]:
    """The relation; raises DataError with the first line of what DuckDB says against it."""
    import duckdb
    import pyarrow as pa

    try:
        with asked.relation() as found:
            yield found
    except (duckdb.Error, pa.ArrowException, OSError) as problem:
        raise DataError(f"DuckDB: {first_line(problem)}") from None


def is_of_duckdb(data: object, name: str) -> bool:
    """Whether this is an object of DuckDB, told without importing it."""
    kind = type(data)
    return kind.__name__ == name and kind.__module__.split(".")[0].lstrip("_") == "duckdb"
