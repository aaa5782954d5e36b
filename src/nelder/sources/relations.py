"""What DuckDB works out, in a thread of its own while this one listens for Ctrl-C.

DuckDB looks for Ctrl-C at some moments only, and Python does not while a library works. So it is Python that waits for
a query, and tells the connection to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nelder.engines.ahead import nobody_waits

PATIENCE = 0.1  # seconds between looks at whether anyone still waits


@dataclass(frozen=True)
class Found:
    """A relation of DuckDB, and the connection to stop; None for that of someone else, which nobody knows."""

    relation: Any
    connection: Any = None

    def table(self, change: Callable[[Any], Any]) -> Any:
        """The rows of what `change` makes of the relation, as an Arrow table."""
        return listening(lambda: arrow_reader(change(self.relation), 65_536).read_all(), self.connection)

    def batches(self, columns: str, rows: int) -> Generator[Any, None, None]:
        """The rows of some columns as Arrow batches of so many."""
        reader = listening(lambda: arrow_reader(self.relation.project(columns), rows), self.connection)
        try:
            yield from iter(lambda: listening(lambda: next(reader, None), self.connection), None)
        finally:
            reader.close()  # so that the connection can be asked again


class Work:
    """A piece of work for a thread, and what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.ended = threading.Event()
        self.result: Any = None
        self.problem: BaseException | None = None

    def run(self) -> None:
        """Do it."""
        try:
            self.result = self.work()
        except BaseException as problem:  # whatever it is, it belongs to whoever waits
            self.problem = problem
        self.ended.set()


def listening(work: Callable[[], Any], connection: Any) -> Any:
    """What the work gives, which a connection of DuckDB does. Ctrl-C stops it, and nothing of it goes on.

    Without a connection to stop, DuckDB does the work in this thread, and hears Ctrl-C when it looks for it.
    """
    if connection is None:
        with interruptible():
            return work()
    under_way = Work(work)
    thread = threading.Thread(target=under_way.run, daemon=True, name="nelder-query")
    try:
        thread.start()
        while not under_way.ended.wait(PATIENCE):
            if nobody_waits():
                raise KeyboardInterrupt
    except BaseException:
        stop(thread, connection)
        raise
    if under_way.problem is not None:
        raise under_way.problem
    return under_way.result


def stop(thread: threading.Thread, connection: Any) -> None:
    """Interrupt a connection until the thread that waits for it has ended: DuckDB forgets an interruption that comes
    between two queries.
    """
    while thread.is_alive():
        with suppress(KeyboardInterrupt):  # pressed again; the first one is on its way
            connection.interrupt()
            thread.join(PATIENCE)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be Ctrl-C, of which DuckDB makes an error of its own."""
    try:
        yield
    except Exception as problem:
        if str(problem).strip().lower().endswith(("query interrupted", "interrupted!")):
            raise KeyboardInterrupt from None
        raise


def arrow_reader(relation: Any, rows: int) -> Any:
    """A reader of a relation of DuckDB, by so many rows: the call has another name in its first major version."""
    call = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return call(rows)
