"""The default engine: blocks in this process, one thread each, with BLAS held to one thread inside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

from nelder.engines.ahead import ahead
from nelder.engines.base import Engine, Handles
from nelder.engines.memory import bytes_of
from nelder.engines.pools import in_threads, keep_freed_memory
from nelder.engines.spilled import Derived, Spilled
from nelder.errors import InputError, a_count, a_path
from nelder.linalg import lapack

DEPTH = 4  # blocks that are read before there is time for them
NEAR = 256 * 10**6  # bytes of columns that are read at once, where memory allows


@cache
def blas() -> Any:
    """The controller of the loaded BLAS libraries, NumPy's and SciPy's own; finding them takes milliseconds, so it is
    done once.

    Their threads go on asking for work for some 30 ms after each call, and take as much of a core as those of a pass.
    """
    from threadpoolctl import ThreadpoolController

    lapack()  # loads SciPy's
    return ThreadpoolController()


@dataclass
class Hold:
    """BLAS held to one thread until the last of those who hold it lets go: the limit is one for the whole process."""

    lock: Lock = field(default_factory=Lock)
    holders: int = 0
    limiter: Any = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for a while."""
        with self.lock:
            if not self.holders:
                self.limiter = blas().limit(limits=1, user_api="blas")
            self.holders += 1
        try:
            yield
        finally:
            with self.lock:
                self.holders -= 1
                if not self.holders:
                    self.limiter.restore_original_limits()


HOLD = Hold()


def one_thread() -> AbstractContextManager[None]:
    """BLAS held to one thread for a while: for vectors, others only cost the time to wake them."""
    return HOLD.held()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads(Engine):
    """`workers` threads; by default as many as this process may use cores.

    Rows that are read from files and take more than `memory` (bytes, or a text such as "1GB"; by default half of what
    is free) go to a temporary file in `folder`, by default the system's own, and are mapped from there.
    """

    name = "threads"
    holds_rows = True
    together = False

    def __init__(self, workers: int | None = None, memory: str | int | None = None, folder: str | None = None) -> None:
        if folder is not None and not a_path(folder, "folder=").is_dir():
            raise InputError(f"threads(folder={folder!r}): there is no such folder")
        self.workers, self.folder = cores() if workers is None else a_count(workers, "workers"), folder
        self._memory = None if memory is None else bytes_of(memory)

    @property
    def memory(self) -> int:
        """Bytes that rows may take."""
        return bytes_of(None) if self._memory is None else self._memory

    def reads_in_parts(self, size: int | None) -> bool:
        return size is None or size > NEAR or (size > 0 and size > self.memory)

    def load(self, parts: Sequence[Any], loader: Callable[[Any], Iterable[Any]]) -> Sequence[Any]:
        keep_freed_memory()
        held = Spilled(self.memory, self.folder)
        for block in ahead((block for part in parts for block in loader(part)), DEPTH):
            held.add(block)
        return held.settled()

    def hold(self, blocks: Sequence[Any]) -> Sequence[Any]:
        keep_freed_memory()
        return blocks

    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        if len(handles) == 1:
            return [kernel(block, *small) for block in handles]
        with one_thread():
            return in_threads(self.workers, lambda place: kernel(handles[place], *small), range(len(handles)))

    def total(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Any:
        return kernel(handles[0], *small) if len(handles) == 1 else super().total(kernel, handles, *small)

    def derive(
        self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any, each: Sequence[tuple[Any, ...]] = ()
    ) -> Sequence[Any]:
        if isinstance(handles, Handles):
            return Derived(handles, kernel, small, each)
        if each:
            return [kernel(block, *small, *own) for block, own in zip(handles, each, strict=True)]
        return self.map(kernel, handles, *small)

    def draw(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Sequence[Any]:
        return self.map(kernel, handles, *small)
