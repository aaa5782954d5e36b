"""Work ahead: what an iterator yields is made in a thread of its own while the caller works on what came before."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from queue import Empty, Full, Queue
from typing import Any, TypeVar

Item = TypeVar("Item")
PATIENCE = 0.1  # seconds between looks at whether the caller has gone away
LINE: ContextVar[Line | None] = ContextVar("nelder-line", default=None)  # for which this thread works


class Line:
    """Items that wait for a caller, who may have gone away."""

    def __init__(self, depth: int) -> None:
        self.queue: Queue[Any] = Queue(depth)
        self.gone = threading.Event()

    def put(self, item: Any) -> bool:
        """Add an item as soon as there is room; False if nobody waits any more."""
        while not self.gone.is_set():
            try:
                self.queue.put(item, timeout=PATIENCE)
            except Full:
                continue
            return True
        return False

    def fill(self, items: Iterable[Any]) -> None:
        """Add every item, and then what ended them: None, or an exception."""
        LINE.set(self)
        ended: BaseException | None = None
        try:
            for item in items:
                if not self.put((item, False)):
                    return
        except BaseException as problem:  # whatever it is, it belongs to the caller
            ended = problem
        self.put((ended, True))

    def get(self) -> Any:
        """The next item; a wait without end would not hear Ctrl-C everywhere."""
        while True:
            with contextlib.suppress(Empty):
                return self.queue.get(timeout=PATIENCE)


def nobody_waits() -> bool:
    """Whether this thread works ahead for a caller who has gone away."""
    line = LINE.get()
    return line is not None and line.gone.is_set()


def ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """The items in order, with up to `depth` of them made in advance; an exception arrives where its item would."""
    line = Line(depth)
    worker = threading.Thread(target=line.fill, args=(items,), daemon=True, name="nelder-ahead")
    worker.start()
    try:
        item, over = line.get()
        while not over:
            yield item
            item, over = line.get()
        if item is not None:
            raise item
    finally:
        line.gone.set()
        worker.join()  # a piece under way cannot be broken off, and its file must be closed before the caller goes on
