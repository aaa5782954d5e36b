"""The default engine: blocks in this process, one thread each, with BLAS held to one thread inside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from nelder.engines.base import Engine
from nelder.errors import InputError


@cache
def blas() -> Any:
    """The controller of the loaded BLAS libraries; finding them takes milliseconds, so it is done once."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """BLAS held to one thread for a while: for vectors, others only cost the time to wake them."""
    held: AbstractContextManager[Any] = blas().limit(limits=1, user_api="blas")
    return held


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads(Engine):
    """`workers` threads; by default as many as this process may use cores."""

    name = "threads"
    holds_rows = True

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"threads(workers={workers}): give 1 or more workers, or None for one a core")
        self.workers = workers or cores()

    def load(self, parts: Iterable[Any], loader: Callable[[Any], Any]) -> Sequence[Any]:
        return [loader(part) for part in parts]

    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        if len(handles) == 1:
            return [kernel(block, *small) for block in handles]
        with one_thread(), ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(lambda block: kernel(block, *small), handles))
