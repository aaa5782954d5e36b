"""Blocks in files of an executor's own folder, which its Python workers map: what Spark moves is a ticket.

The folder lies in one that Spark made for the executor's shuffles and removes with it. A file appears under its name
when all of it is written, so that what has the name is whole; its last bytes say so again.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pickle
import struct
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from nelder.engines.spilled import FULL, Entry, packed, written
from nelder.errors import EngineError

DIRECTORIES = "SPARK_LOCAL_DIRS"  # where Spark tells its Python workers which folders are theirs
FOLDER = "nelder"
VECTORS = ("y", "weight", "offset")  # of one number a row: what tells rows apart
END = struct.Struct("<QQ8s")  # of a file: where its tail begins, how long the file is, and that it is one of these
SIGN = b"nelder 1"
NO_ROOM = (
    "the disk of a worker of Spark is full: blocks are kept in files under {folder!r}, which has no room for one of "
    "{size:.2g} GB: set spark.local.dir to folders on larger disks"
)


@dataclass(frozen=True)
class Mark:
    """How many rows a block has, and a number that would be another if they were others."""

    rows: int
    digest: int


@dataclass(frozen=True)
class Ticket:
    """What stands for a block: the file that it is in, None for that of a part without rows."""

    mark: Mark
    path: Path | None = None


@dataclass
class Seen:
    """In which folders there are files of some blocks, and whether these are all."""

    folders: set[Path] = field(default_factory=set)
    whole: bool = True


class Absent(Exception):
    """A block that is in no file that can be read here."""


def mark_of(block: Any) -> Mark:
    """The mark of a block, or of other rows by columns."""
    digest = 0
    for vector in (getattr(block, name) for name in VECTORS if hasattr(block, name)):
        digest = zlib.crc32(np.ascontiguousarray(vector).tobytes(), digest)
    return Mark(block.n, digest)


def folders() -> list[Path]:
    """Where this worker's executor has blocks: one folder on each of its disks."""
    given = os.environ.get(DIRECTORIES) or tempfile.gettempdir()
    return [Path(disk) / FOLDER for disk in given.split(",")]


def file_of(name: str, place: int) -> Path:
    """Where the block of a partition is to be, on one of the disks."""
    disks = folders()
    return disks[place % len(disks)] / name


def stored(block: Any, name: str, place: int) -> Ticket:
    """The ticket of a block that is written to a file of this name, in place of any that is there.

    Raises EngineError where there is no room.
    """
    path, mark = file_of(name, place), mark_of(block)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{name}-{os.getpid()}")
    frame, buffers = packed(block)
    try:
        with unfinished.open("wb") as file:
            entry = written(file, frame, buffers, block.n)
            begin = file.tell()
            tail = pickle.dumps((entry, mark), pickle.HIGHEST_PROTOCOL)
            file.write(tail + END.pack(begin, begin + len(tail) + END.size, SIGN))
        unfinished.replace(path)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        if isinstance(problem, OSError) and problem.errno in FULL:
            size = sum(buffer.nbytes for buffer in buffers) / 1e9
            raise EngineError(NO_ROOM.format(folder=str(path.parent), size=size)) from None
        raise
    return Ticket(mark, path)


def found(name: str, place: int) -> Ticket | None:
    """The ticket of a block that this executor has in a file of this name, None if it has none."""
    path = file_of(name, place)
    try:
        with path.open("rb") as file:
            return Ticket(tail_of(file)[1], path)
    except (OSError, Absent):
        return None


def opened(ticket: Ticket) -> Any:
    """The block of a ticket, mapped. Raises Absent where there is no such file, or not all of it."""
    assert ticket.path is not None
    try:
        with ticket.path.open("rb") as file:
            entry, mark = tail_of(file)
            if mark != ticket.mark:
                raise Absent
            return entry.block(file.fileno())
    except OSError as problem:
        if problem.errno == errno.ENOMEM:
            raise MemoryError(str(problem)) from None
        raise Absent from None


def tail_of(file: IO[bytes]) -> tuple[Entry, Mark]:
    """Where the block in a file is, and its mark. Raises Absent where the file has not the length that it should."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(length - END.size, 0))
    end = file.read()
    if len(end) < END.size:
        raise Absent
    begin, whole, sign = END.unpack(end)
    if (whole, sign) != (length, SIGN):
        raise Absent
    file.seek(begin)
    found: tuple[Entry, Mark] = pickle.load(file)
    return found


def removed(among: Iterable[Path], token: str) -> None:
    """Remove the files whose names begin so, finished or not."""
    for folder in among:
        for path in folder.glob(f"{token}-*"):
            with contextlib.suppress(OSError):
                path.unlink()
