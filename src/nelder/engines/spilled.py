"""Blocks in a file without a name: decoded once, mapped back at the speed of memory, and gone with the process.

A block is pickled with its arrays apart (protocol 5), so that what is mapped is the arrays as they are worked on. A
vector that is one number repeated, as weights often are, is written as that number. The file is unlinked as soon as it
is open: whatever ends the process, nothing is left behind.
"""

from __future__ import annotations

import contextlib
import errno
import io
import mmap
import pickle
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import numpy as np

from nelder.engines.base import Handles
from nelder.errors import DataError
from nelder.lazy import lazy
from nelder.linalg import Array

ALIGNED = 64  # bytes: where an array begins
SMALL = 4_096  # bytes: shorter arrays stay in the pickle, as one that outlives its block would hold all of it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a disk says that has no room


@dataclass(frozen=True)
class Entry:
    """Where a block is: its pickle without arrays, where each of these begins and how long it is, and its rows."""

    frame: bytes
    spans: tuple[tuple[int, int], ...]
    rows: int

    def block(self, file: int) -> Any:
        """The block, mapped from an open file, which may be closed then."""
        if not self.spans:
            return pickle.loads(self.frame)
        first = self.spans[0][0] // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        last = sum(self.spans[-1])
        mapped = memoryview(mmap.mmap(file, last - first, offset=first, access=mmap.ACCESS_READ))
        return pickle.loads(self.frame, buffers=[mapped[at - first : at - first + size] for at, size in self.spans])


class Spilled(Handles):
    """Blocks in order, the first `memory` bytes of them held, all of them in a file once there are more."""

    def __init__(self, memory: int, folder: str | None) -> None:
        self.memory, self.folder = memory, folder
        self.held: list[Any] = []
        self.size = 0
        self.file: IO[bytes] | None = None
        self.entries: list[Entry] = []

    def add(self, block: Any) -> None:
        """One more block. Raises DataError where the disk is full."""
        frame, buffers = packed(block)
        self.size += sum(buffer.nbytes for buffer in buffers)
        if self.file is None and self.size <= self.memory:
            self.held.append(pickle.loads(frame, buffers=buffers))  # with what it shares shared
            return
        if self.file is None:
            self._open()
        self._write(frame, buffers, block.n)

    def settled(self) -> Sequence[Any]:
        """What was added: a list of blocks if they are held, else these handles."""
        if self.file is None:
            return self.held
        try:
            self.file.flush()
        except OSError as problem:
            raise self._full(problem) from None
        return self

    @property
    def counts(self) -> Sequence[int]:
        return [entry.rows for entry in self.entries]

    def one(self, place: int) -> Any:
        assert self.file is not None
        return self.entries[place].block(self.file.fileno())

    def _open(self) -> None:
        try:
            self.file = tempfile.TemporaryFile(prefix="nelder-", dir=self.folder)  # noqa: SIM115  (closed below)
        except OSError as problem:
            raise DataError(
                "rows that do not fit into memory go to a temporary file, and none can be made in "
                f"{self.folder or 'the folder for these'!r} ({problem.strerror or problem}): give "
                "engine=nd.Threads(folder=…) where files can be made, or more memory"
            ) from None
        weakref.finalize(self, self.file.close)
        for block in self.held:
            self._write(*packed(block), block.n)
        self.held = []

    def _write(self, frame: bytes, buffers: Sequence[memoryview], rows: int) -> None:
        assert self.file is not None
        try:
            self.entries.append(written(self.file, frame, buffers, rows))
        except OSError as problem:
            raise self._full(problem) from None

    def _full(self, problem: OSError) -> Exception:
        """What to raise where a write failed: what was written is gone with the file."""
        assert self.file is not None
        with contextlib.suppress(OSError):
            self.file.close()
        if problem.errno not in FULL:
            return problem
        return DataError(
            "the disk is full: rows that do not fit into memory go to a temporary file in "
            f"{self.folder or tempfile.gettempdir()!r}, which has no room after {self.size / 1e9:.2g} GB: give "
            "engine=nd.Threads(folder=…) on a larger disk, or more memory"
        )


def packed(block: Any) -> tuple[bytes, list[memoryview]]:
    """A block as its pickle without arrays, and these."""
    buffers: list[memoryview] = []

    def apart(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= SMALL:
            buffers.append(raw)
        return raw.nbytes < SMALL

    frame = io.BytesIO()
    Packer(frame, protocol=5, buffer_callback=apart).dump(block)
    return frame.getvalue(), buffers


class Packer(pickle.Pickler):
    """A pickler that writes a vector of one number repeated as that number."""

    def reducer_override(self, given: Any) -> Any:
        """How to make it again, where that is shorter."""
        if type(given) is not np.ndarray or given.dtype != np.float64 or given.ndim != 1 or given.nbytes < SMALL:
            return NotImplemented
        bits = given.view(np.int64)  # of which −0 and 0 differ
        if bits[0] != bits[-1] or (bits != bits[0]).any():
            return NotImplemented
        return repeated, (float(given[0]), len(given))


@lru_cache(maxsize=4)
def repeated(value: float, n: int) -> Array:
    """The number in a vector (n,), which all blocks share that need it."""
    vector = np.full(n, value)
    vector.setflags(write=False)
    return vector


def written(file: IO[bytes], frame: bytes, buffers: Sequence[memoryview], rows: int) -> Entry:
    """Where in a file the block is now, which has been written to the end of it."""
    spans = []
    for buffer in buffers:
        file.write(b"\0" * (-file.tell() % ALIGNED))
        spans.append((file.tell(), buffer.nbytes))
        file.write(buffer)
    return Entry(frame, tuple(spans), rows)


class Derived(Handles):
    """Blocks made of others whenever they are asked for."""

    def __init__(
        self, handles: Handles, kernel: Callable[..., Any], small: tuple[Any, ...], each: Sequence[tuple[Any, ...]]
    ) -> None:
        self.handles, self.kernel, self.small, self.each = handles, kernel, small, each

    @lazy
    def counts(self) -> Sequence[int]:
        """How many rows each has, which takes making them once."""
        return [self.one(place).n for place in range(len(self.handles))]

    @property
    def pattern(self) -> Any:
        return super().pattern if self.each else self.kernel(self.handles.pattern, *self.small)

    def one(self, place: int) -> Any:
        own = self.each[place] if self.each else ()
        return self.kernel(self.handles.one(place), *self.small, *own)
