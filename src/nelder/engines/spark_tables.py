"""Parts of a table that are partitions of a Spark DataFrame: the work goes to them, as Arrow batches, in Spark."""

from __future__ import annotations

import io
import pickle
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nelder.engines.spark_jobs import Jobs
from nelder.errors import EngineError

UNSTEADY = (
    "the Spark table had {before} partitions when it was first read and has {after} now: Spark plans it anew each "
    "time; keep it, with df = df.persist(), before the fit"
)
Reading = Callable[[Sequence[str]], Iterable[Any]]


class InSpark(ABC):
    """A partition of a table that is a partition of a Spark DataFrame `frame`, its number being `place`."""

    frame: Any
    place: int

    @abstractmethod
    def there(self) -> Callable[[Reading], Any]:
        """What makes the same partition of a function that reads its columns, as Arrow batches; it is pickled."""


class Asked(BaseException):
    """Which columns a kernel reads."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)


class Unwrapping(pickle.Unpickler):
    """Reads parts where their rows are, which `reading` gives."""

    def __init__(self, pickled: bytes, reading: Reading) -> None:
        super().__init__(io.BytesIO(pickled))
        self.reading = reading

    def persistent_load(self, pid: Any) -> Any:
        return pid(self.reading)


def wrapped(part: Any) -> tuple[bytes, InSpark | None]:
    """A part pickled without the DataFrame that it is of, and the partition of it that it holds, if any."""
    import cloudpickle

    found: list[InSpark] = []

    class Wrapping(cloudpickle.Pickler):  # type: ignore[misc]  # a library without types
        def persistent_id(self, obj: Any) -> Any:
            if not isinstance(obj, InSpark):
                return None
            found.append(obj)
            return obj.there()

    file = io.BytesIO()
    Wrapping(file).dump(part)
    return file.getvalue(), next(iter(found), None)


@dataclass(frozen=True)
class Parts:
    """Pickled parts, by the number of the partition in which they are worked on: one of `frame`, if they are of one."""

    pickled: dict[int, bytes]
    frame: Any = None

    @classmethod
    def of(cls, parts: Sequence[Any]) -> Parts:
        """Parts as they are sent."""
        pairs = [wrapped(part) for part in parts]
        places = [k if held is None else held.place for k, (_, held) in enumerate(pairs)]
        frame = next((held.frame for _, held in pairs if held is not None), None)
        return cls({place: pickled for place, (pickled, _) in zip(places, pairs, strict=True)}, frame)

    def records(self, jobs: Jobs, asked: tuple[Any, ...], work: Callable[..., Iterator[Any]]) -> Any:
        """An RDD of what the work makes of each part, one in each partition. What is `asked` of them, a kernel and what
        it takes beside a part, says which columns are read.

        Raises EngineError where a DataFrame has not the partitions that it had.
        """
        if self.frame is None:
            return jobs.parallel(list(self.pickled.values())).mapPartitions(Unpacking(work))
        made = visited(self.frame, self.columns(*asked), Visiting(self.pickled, work))
        many = made.getNumPartitions()
        if not many:  # what Spark makes of a table that it knows to be empty
            made = made.context.parallelize([], len(self.pickled))
        refuse_others(len(self.pickled), many)
        return made.mapPartitionsWithIndex(Opening(self.pickled, work))

    def columns(self, kernel: Callable[..., Any], *small: Any) -> tuple[str, ...]:
        """The columns that a kernel reads of a part: it is run here up to where it asks."""

        def ask(names: Sequence[str]) -> Iterable[Any]:
            raise Asked(names)

        try:
            made = kernel(Unwrapping(next(iter(self.pickled.values())), ask).load(), *small)
            if isinstance(made, Iterator):
                next(made, None)
        except Asked as asked:
            return asked.names
        return ()


@dataclass(frozen=True)
class Unpacking:
    """Work on pickled parts."""

    work: Callable[..., Iterator[Any]]

    def __call__(self, pickled: Iterator[bytes]) -> Iterator[Any]:
        return self.work(pickle.loads(part) for part in pickled)


@dataclass(frozen=True)
class Visiting:
    """Work on the Arrow batches of a partition, whose answer is one row of bytes."""

    parts: dict[int, bytes]
    work: Callable[..., Iterator[Any]]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        for made in done(self.parts, self.work, context.partitionId(), batches):
            yield pa.RecordBatch.from_arrays([pa.array([made], pa.binary())], ["made"])


@dataclass(frozen=True)
class Opening:
    """The answers in their rows; Spark leaves out partitions without rows, which are visited here."""

    parts: dict[int, bytes]
    work: Callable[..., Iterator[Any]]

    def __call__(self, place: int, rows: Iterator[Any]) -> Iterator[Any]:
        made = [bytes(row.made) for row in rows]
        for each in made or done(self.parts, self.work, place, iter(())):
            yield pickle.loads(each)


def done(
    parts: dict[int, bytes], work: Callable[..., Iterator[Any]], place: int, batches: Iterator[Any]
) -> Iterator[bytes]:
    """The work on one part, whose rows are in these batches, pickled."""
    part = Unwrapping(parts[place], lambda names: batches).load()
    for made in work([part]):
        yield pickle.dumps(made, pickle.HIGHEST_PROTOCOL)


def columns_of(frame: Any, names: Sequence[str]) -> Any:
    """Some columns of a DataFrame, called by their numbers, as `mapInArrow` does not find names with a dot."""
    from pyspark.sql.functions import col

    return frame.select(*(col("`" + name.replace("`", "``") + "`").alias(f"c{k}") for k, name in enumerate(names)))


@dataclass(frozen=True)
class Named:
    """A visit to Arrow batches under the names of their columns."""

    names: tuple[str, ...]
    visit: Callable[[Iterator[Any]], Iterator[Any]]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        return self.visit(pa.RecordBatch.from_arrays(batch.columns, list(self.names)) for batch in batches)


def visited(frame: Any, names: Sequence[str], visit: Callable[[Iterator[Any]], Iterator[Any]]) -> Any:
    """An RDD of rows of bytes `made`, from the Arrow batches of some columns of each partition."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about pandas, which has no part in this
        read = tuple(names) or tuple(frame.columns[:1])  # at least one, so that there are rows to count
        return columns_of(frame, read).mapInArrow(Named(read, visit), "made binary").rdd


def batches_of(frame: Any, names: Sequence[str], place: int) -> Iterator[Any]:
    """The Arrow batches of one partition of a DataFrame, brought here."""
    import pyarrow as pa

    jobs = Jobs(frame.sparkSession.sparkContext)

    def work() -> list[Any]:
        made = visited(frame, names, as_streams)
        many = made.getNumPartitions()
        refuse_others(frame.rdd.getNumPartitions(), many)
        return jobs.ran(made, [place]) if many else []

    for found in jobs.run(work):
        yield from pa.ipc.open_stream(bytes(found.made))


def refuse_others(before: int, after: int) -> None:
    """Raise EngineError where a DataFrame that has rows has not the partitions that it had."""
    if after not in (0, before):
        raise EngineError(UNSTEADY.format(before=before, after=after))


def as_streams(batches: Iterator[Any]) -> Iterator[Any]:
    """Each batch as bytes that say what they are."""
    import pyarrow as pa

    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["made"])
