"""What Spark's Python workers do: they make records of blocks, and run kernels on these."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nelder.engines import remote
from nelder.engines.remote import Failed, Program
from nelder.engines.spark_files import Absent, Mark, Ticket, folders, found, opened, removed, stored


def answered(work: Callable[[], Any]) -> Any:
    """What the work gives, or the error that it raised: Spark would do it again, and write pages about it."""
    try:
        return remote.answered(work)
    except Exception as problem:
        problem.add_note("in a worker of Spark:\n" + "".join(traceback.format_exception(problem)))
        return Failed(problem)  # type: ignore[arg-type]  # any other error is carried likewise


def sent(answer: Any) -> bytes:
    """An answer as it leaves a worker; some hold functions, and some errors cannot be pickled."""
    try:
        return remote.sealed(answer)
    except Exception as problem:
        lost = answer.error if isinstance(answer, Failed) else problem
        return remote.sealed(Failed(RuntimeError(f"{type(lost).__name__}: {lost}")))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Files:
    """The files that a record is made with: their names begin with `token`. If `anyway`, one that this executor has is
    taken as it is.
    """

    token: str
    anyway: bool = False

    def ticket(self, place: int, make: Callable[[], Any]) -> Ticket:
        """The ticket of the block of a partition, which is made if need be."""
        name = f"{self.token}-{place}"
        there = found(name, place) if self.anyway else None
        if there is not None:
            return there
        block = make()
        return Ticket(Mark(0, 0)) if block is None else stored(block, name, place)


@dataclass(frozen=True)
class Loading:
    """A record of each part, which is one of a partition."""

    shared: Any  # a broadcast of a Program
    files: Files

    def __call__(self, parts: Iterable[Any]) -> Iterator[Ticket | Failed]:
        place = partition()
        for part in parts:
            yield answered(lambda part=part: self.files.ticket(place, lambda: self.block(part)))  # type: ignore[misc]

    def block(self, part: Any) -> Any:
        """The block of a part: there is at most one."""
        return next(iter(self.shared.value.each([part])[0]), None)


@dataclass(frozen=True)
class Asking:
    """The answer of each part that is no block."""

    shared: Any

    def __call__(self, parts: Iterable[Any]) -> Iterator[bytes]:
        for part in parts:
            yield sent(answered(lambda part=part: remote.told(part, self.shared.value)))  # type: ignore[misc]


@dataclass(frozen=True)
class Mapping:
    """The answer of each block with its ticket; the ticket alone where there is nothing to ask."""

    shared: Any

    def __call__(self, records: Iterable[Ticket | Failed]) -> Iterator[bytes]:
        for record in records:
            yield sent(record if isinstance(record, Failed) else answered(lambda ticket=record: self.answer(ticket)))  # type: ignore[misc]

    def answer(self, ticket: Ticket | None) -> tuple[Any, Ticket | None]:
        """The result of the program; no ticket where this executor does not have the block."""
        if self.shared is None or ticket is None:
            return None, ticket
        try:
            block = opened(ticket)
        except Absent:
            return None, None
        program: Program = self.shared.value
        [result] = program.checked([block])
        return result, ticket


@dataclass(frozen=True)
class Deriving:
    """A record made of each record, with what is its own by its partition; None where this executor does not have the
    block.
    """

    shared: Any  # a broadcast of a Program and what each partition has of its own
    files: Files

    def __call__(self, place: int, records: Iterable[Ticket | Failed | None]) -> Iterator[Ticket | Failed | None]:
        for record in records:
            if isinstance(record, Ticket) and record.path is not None:
                yield answered(lambda ticket=record: self.record(place, ticket))  # type: ignore[misc]
            else:
                yield record

    def record(self, place: int, ticket: Ticket) -> Ticket | None:
        """The ticket of what the program makes of a block."""
        program, own = self.shared.value
        try:
            return self.files.ticket(place, lambda: program.each([opened(ticket)], [own[place]] if own else ())[0])
        except Absent:
            return None


@dataclass(frozen=True)
class Removing:
    """Removes files, where a task happens to be."""

    token: str

    def __call__(self, places: Iterable[int]) -> Iterator[bytes]:
        for _ in places:
            removed(folders(), self.token)
            yield sent(None)


def partition() -> int:
    """The number of the partition that this task is for."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    return context.partitionId()


def itself(block: Any) -> list[Any]:
    """The block of a part that is one."""
    return [block]


def nothing(block: Any) -> None:
    """What a pass asks for that only counts rows."""


def whole(block: Any, rows: slice) -> Any:
    """Rows of a block, or all of it without a copy."""
    return block if rows == slice(None) else block.rows(rows)
