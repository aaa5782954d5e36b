"""What Spark's Python workers do: they make records of blocks, and run kernels on these."""

from __future__ import annotations

import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nelder.engines import remote
from nelder.engines.remote import Failed, Program


@dataclass(frozen=True)
class Mark:
    """How many rows a block has, and a number that would be another if they were others."""

    rows: int
    digest: int


@dataclass(frozen=True)
class Kept:
    """A record: a block, or None where a part has no rows."""

    block: Any
    mark: Mark


def marked(block: Any) -> Kept:
    """A block with its mark."""
    return Kept(block, Mark(block.n, zlib.crc32(np.ascontiguousarray(block.y).tobytes())))


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
class Loading:
    """A record of each part."""

    shared: Any  # a broadcast of a Program

    def __call__(self, parts: Iterable[Any]) -> Iterator[Kept | Failed]:
        for part in parts:
            yield answered(lambda part=part: self.record(part))  # type: ignore[misc]

    def record(self, part: Any) -> Kept:
        """The block of a part: there is at most one."""
        block = next(iter(self.shared.value.each([part])[0]), None)
        return Kept(None, Mark(0, 0)) if block is None else marked(block)


@dataclass(frozen=True)
class Asking:
    """The answer of each part that is no block."""

    shared: Any

    def __call__(self, parts: Iterable[Any]) -> Iterator[bytes]:
        for part in parts:
            yield sent(answered(lambda part=part: remote.told(part, self.shared.value)))  # type: ignore[misc]


@dataclass(frozen=True)
class Mapping:
    """The answer of each block with its mark; the mark alone where there is nothing to ask."""

    shared: Any

    def __call__(self, records: Iterable[Kept | Failed]) -> Iterator[bytes]:
        for record in records:
            yield sent(record if isinstance(record, Failed) else answered(lambda kept=record: self.answer(kept)))  # type: ignore[misc]

    def answer(self, kept: Kept) -> tuple[Any, Mark]:
        """The result of the program."""
        if self.shared is None:
            return None, kept.mark
        program: Program = self.shared.value
        result = program.each([kept.block])[0]
        if program.engine is not None:
            remote.refuse_rows(result, kept.block, program.engine)
        return result, kept.mark


@dataclass(frozen=True)
class Deriving:
    """A record made of each record, with what is its own by its partition."""

    shared: Any  # a broadcast of a Program and what each partition has of its own

    def __call__(self, place: int, records: Iterable[Kept | Failed]) -> Iterator[Kept | Failed]:
        program, own = self.shared.value
        for record in records:
            if isinstance(record, Failed) or record.block is None:
                yield record
            else:
                given = [own[place]] if own else ()
                yield answered(lambda kept=record, given=given: marked(program.each([kept.block], given)[0]))  # type: ignore[misc]


def nothing(block: Any) -> None:
    """What a pass asks for that only counts rows."""


def whole(block: Any, rows: slice) -> Any:
    """Rows of a block, or all of it without a copy."""
    return block if rows == slice(None) else block.rows(rows)
