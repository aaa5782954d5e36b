"""Spark's executors as the engine: each loads its partitions once and keeps them; a pass sends a kernel to each.

Blocks are in files of the executors that made them. An RDD has a ticket of each, one a partition, which Spark keeps
where the file is and hands to the Python worker there. What is lost with an executor is read again by another, and so
is a block whose ticket comes to an executor that does not have the file.
"""

from __future__ import annotations

import shutil
import uuid
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from os import environ
from pathlib import Path
from typing import Any

from nelder.engines import remote
from nelder.engines.base import BOUND, Engine, Handles
from nelder.engines.remote import Program
from nelder.engines.spark_files import Mark, Seen, mark_of
from nelder.engines.spark_jobs import Jobs, released
from nelder.engines.spark_tables import Parts
from nelder.engines.spark_work import Asking, Deriving, Files, Loading, Mapping, itself, nothing, whole
from nelder.errors import CapabilityError, DataError, EngineError, InputTypeError, MissingExtraError, a_truth
from nelder.lazy import lazy

START = "start one, such as: from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()"
NO_JAVA = (
    "Spark needs Java 17 or newer, and there is none here: install it (Debian: apt install openjdk-17-jre-headless), "
    "or set JAVA_HOME to where it is, and "
)
CONNECT = (
    "nd.Spark needs a session in this process, not one of Spark Connect, which does not let a program send work to "
    "where the rows are: run it with spark-submit, or make the session without .remote(…)"
)
CHANGED = (
    "the rows of partition {place} are others than when they were first read: the data must not change during a fit; a "
    "Spark table that is made anew each time, as by rand(), is to be written to files, or to a checkpoint, first"
)
GONE = (
    "a worker of Spark wrote a block to a file and did not find it there: does something empty the folders of "
    "spark.local.dir while Spark runs?"
)


class Spark(Engine):
    """The executors of a Spark application. `session` is a `pyspark.sql.SparkSession`, or None for the active one.

    With `rows_stay=True` nothing but sums leaves a partition, and what needs single rows is refused. Raises EngineError
    where there is no session.
    """

    name = "spark"

    def __init__(self, session: object = None, rows_stay: bool = False) -> None:
        self.session = connected(session)
        self.jobs = Jobs(self.session.sparkContext)
        self.rows_stay = a_truth(rows_stay, "rows_stay")

    def __getstate__(self) -> object:
        raise CapabilityError(BOUND)

    def load(self, parts: Sequence[Any], loader: Callable[[Any], Iterable[Any]]) -> Sequence[Any]:
        return self.jobs.run(lambda: self._blocks(parts, loader).found()) if parts else []

    def hold(self, blocks: Sequence[Any]) -> Sequence[Any]:
        if not blocks:
            return []
        return self.jobs.run(lambda: self._blocks(blocks, itself, [mark_of(block) for block in blocks]))

    def _blocks(
        self, parts: Sequence[Any], loader: Callable[[Any], Iterable[Any]], known: Sequence[Mark] = ()
    ) -> Blocks:
        """The blocks of parts, of which these marks are known."""
        sent, shared = Parts.of(parts), self.jobs.shared(Program.of(loader, ()))
        return Blocks(self, lambda files: sent.records(self.jobs, (loader,), Loading(shared, files)), shared, known)

    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        if not handles:
            return []
        program = Program.of(kernel, small, "nd.Spark" if self.rows_stay else None)
        if isinstance(handles, Blocks):
            return self.jobs.run(lambda: handles.mapped(program))
        sent = Parts.of(handles)

        def work() -> list[Any]:
            with self.jobs.sharing(program) as shared:
                return self.jobs.results(sent.records(self.jobs, (kernel, *small), Asking(shared)))

        return self.jobs.run(work)

    def derive(
        self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any, each: Sequence[tuple[Any, ...]] = ()
    ) -> Sequence[Any]:
        if not handles:
            return []
        blocks = handles if isinstance(handles, Blocks) else self.hold(handles)
        assert isinstance(blocks, Blocks)
        return self.jobs.run(lambda: blocks.derived(Program.of(kernel, small), each))


class Blocks(Handles):
    """Blocks of the partitions of an RDD: those at `places`; `known` are their marks, once these have been seen.

    `make` gives the RDD of their tickets for files that it is told, for which Spark needs what is `shared`.
    """

    def __init__(
        self, engine: Spark, make: Callable[[Files], Any], shared: Any = None, known: Sequence[Mark] = ()
    ) -> None:
        self.engine, self.make = engine, make
        self.files = Files(uuid.uuid4().hex)
        self.records = engine.jobs.persisted(make(self.files))
        self.places: list[int] = list(range(len(known)))
        self.marks = list(known)
        self.seen = Seen()
        weakref.finalize(self, released, engine.jobs, self.records, shared, self.files.token, self.seen).atexit = False

    def found(self) -> Sequence[Any]:
        """These, once all are made; partitions without rows are left out."""
        marks = [mark for _, mark in self._answers(None, range(self.records.getNumPartitions()))]
        self.places = [place for place, mark in enumerate(marks) if mark.rows]
        self.marks = [marks[place] for place in self.places]
        return self if self.places else []

    @property
    def counts(self) -> Sequence[int]:
        if not self.marks:
            self.engine.jobs.run(lambda: self.mapped(Program.of(nothing, ())))
        return [mark.rows for mark in self.marks]

    def __len__(self) -> int:
        return len(self.places)

    @lazy
    def pattern(self) -> Any:
        return self._taken(self.places[0], slice(0, 0))

    def one(self, place: int) -> Any:
        if self.engine.rows_stay:
            raise CapabilityError(remote.ONE.format(engine="nd.Spark"))
        return self._taken(self.places[place], slice(None))

    def _taken(self, place: int, rows: slice) -> Any:
        program = Program.of(whole, (rows,))
        return self.engine.jobs.run(lambda: self.mapped(program, [place]))[0]

    def mapped(self, program: Program, places: Sequence[int] = ()) -> list[Any]:
        """The program's result for each block, or for those of some partitions. Raises DataError where rows that were
        read again are others.
        """
        with self.engine.jobs.sharing(program) as shared:
            answers = self._answers(shared, places or self.places)
        results, marks = [result for result, _ in answers], [mark for _, mark in answers]
        if places:
            return results
        for place, before, mark in zip(self.places, self.marks or marks, marks, strict=True):
            if mark != before:
                raise DataError(CHANGED.format(place=place))
        self.marks = marks
        return results

    def _answers(self, shared: Any, places: Sequence[int]) -> list[tuple[Any, Mark]]:
        """The result of what is shared for the block of each partition, and the block's mark. Where the executor that
        was asked does not have a block, it is made again.
        """
        jobs, work = self.engine.jobs, Mapping(shared)
        known, self.seen.whole = self.seen.whole, False
        answers = dict(zip(places, jobs.results(self.records.mapPartitions(work), places), strict=True))
        absent = [place for place, (_, ticket) in answers.items() if ticket is None]
        if absent:
            again = jobs.results(self.again().mapPartitions(work), absent)
            answers |= zip(absent, again, strict=True)
        if any(ticket is None for _, ticket in answers.values()):
            raise EngineError(GONE)
        self.seen.folders |= {ticket.path.parent for _, ticket in answers.values() if ticket.path is not None}
        self.seen.whole = known and not absent
        return [(result, ticket.mark) for result, ticket in answers.values()]

    def again(self) -> Any:
        """An RDD of tickets for files that the executor asked has, or makes."""
        self.seen.whole = False
        return self.make(replace(self.files, anyway=True))

    def derived(self, program: Program, each: Sequence[tuple[Any, ...]]) -> Blocks:
        """Blocks made of these, which are not made before they are used."""
        own = dict(zip(self.places, each, strict=True)) if each else {}
        shared = self.engine.jobs.shared((program, own))

        def make(files: Files) -> Any:
            tickets = self.again() if files.anyway else self.records
            return tickets.mapPartitionsWithIndex(Deriving(shared, files))

        blocks = Blocks(self.engine, make, shared)
        blocks.places = self.places
        return blocks


def connected(given: object) -> Any:
    """A session that runs. Raises MissingExtraError without the library, EngineError without Java or a session,
    CapabilityError for one of Spark Connect, InputTypeError for what is no session.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise MissingExtraError("PySpark", "spark", "engine='spark'") from None
    if given is None:
        session = SparkSession.getActiveSession()
        if session is None:
            raise EngineError(f"engine='spark': this process has no Spark session; {'' if java() else NO_JAVA}{START}")
    elif type(given).__module__.startswith("pyspark.sql.connect"):
        raise CapabilityError(CONNECT)
    elif isinstance(given, SparkSession):
        session = given
    else:
        raise InputTypeError(f"nd.Spark takes a pyspark.sql.SparkSession or None, not {type(given).__name__}; {START}")
    if session.sparkContext._jsc is None or session.sparkContext._jsc.sc().isStopped():
        raise EngineError(f"nd.Spark: this Spark session has been stopped; {START}")
    return session


def java() -> bool:
    """Whether there is a Java that Spark would find."""
    home = environ.get("JAVA_HOME")
    return shutil.which("java") is not None or (home is not None and (Path(home) / "bin" / "java").exists())
