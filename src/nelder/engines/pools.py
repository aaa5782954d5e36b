"""Threads that are kept: to start one takes longer than the work that a pass over some 10,000 rows has for it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")
KEPT = 4_000_000  # numbers: the largest piece of memory whose freeing tells the C library to keep what is freed


class _Here(threading.local):
    at_work: bool = False  # whether this thread is one of a pool


_here = _Here()


def in_threads(workers: int, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """[work(item) for each item], in order, by so many threads, of which this is one; by this one alone where it is
    itself at work for another.

    Whatever ends it, a failure or Ctrl-C, what is under way is waited for, and what has not begun never does.
    """
    if _here.at_work or workers == 1 or len(items) == 1:
        return [work(item) for item in items]
    found: list[Any] = [None] * len(items)
    failures: dict[int, BaseException] = {}
    left = deque(enumerate(items))

    def share() -> None:
        while left:
            with suppress(IndexError):  # another has taken the last one
                place, item = left.popleft()
                try:
                    found[place] = work(item)
                except BaseException as problem:  # whatever it is, it belongs to the caller
                    failures[place] = problem
                    left.clear()

    others = [_pool(workers, os.getpid()).submit(share) for _ in range(min(workers, len(items)) - 1)]
    _here.at_work = True
    try:
        share()
    finally:
        _here.at_work = False
        left.clear()
        finished(others)
    if failures:
        raise failures[min(failures)]
    return found


def finished(tasks: Sequence[Future[None]]) -> None:
    """Wait for tasks that have begun, also where Ctrl-C comes meanwhile; the others never begin."""
    for task in tasks:
        task.cancel()
    try:
        wait(tasks)
    except BaseException:
        wait(tasks)
        raise


@cache
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    """The threads beside the one that asks, which a process has to its end; a forked one has none of its parent's."""
    return ThreadPoolExecutor(workers - 1, "nelder", _begin)


def _begin() -> None:
    _here.at_work = True


@cache
def keep_freed_memory() -> None:
    """Have the C library keep memory that is freed, up to some 64 MB.

    Else each temporary array of a slice of rows is new pages of memory, which cost more than the arithmetic on them:
    glibc hands back pieces of 128 kB and more until a larger one, of up to 32 MB, has been freed (mallopt(3)).
    """
    np.empty(KEPT)
