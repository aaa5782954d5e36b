"""Threads that are kept: to start one takes longer than the work that a pass over some 10,000 rows has for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")
KEPT = 4_000_000  # numbers: the largest piece of memory whose freeing tells the C library to keep what is freed


class _Here(threading.local):
    at_work: bool = False  # whether this thread is one of a pool


_here = _Here()


def in_threads(workers: int, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """[work(item) for each item], in order, by so many threads; by this one where it is itself one of them.

    Whatever ends the waiting, a failure or Ctrl-C, what is under way is waited for, and what has not begun never does.
    """
    if _here.at_work or workers == 1 or len(items) == 1:
        return [work(item) for item in items]
    tasks = [_pool(workers, os.getpid()).submit(work, item) for item in items]
    try:
        return [task.result() for task in tasks]
    except BaseException:
        for task in tasks:
            task.cancel()
        wait(tasks)
        raise


@cache
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    """So many threads of a process, which has them to its end; one that was forked has none of its parent's."""
    return ThreadPoolExecutor(workers, "nelder", _begin)


def _begin() -> None:
    _here.at_work = True


@cache
def keep_freed_memory() -> None:
    """Have the C library keep memory that is freed, up to some 64 MB.

    Else each temporary array of a slice of rows is new pages of memory, which cost more than the arithmetic on them:
    glibc hands back pieces of 128 kB and more until a larger one, of up to 32 MB, has been freed (mallopt(3)).
    """
    np.empty(KEPT)
