"""One live line while a fit runs: where it stands, how fast it steps, and when it should be there."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

from nelder.solvers import Tolerance
from nelder.trace import Record

PATIENCE = 0.5  # seconds before a line is shown: a fit that is done by then leaves none
EVERY = 0.1  # seconds between two lines
WINDOW = 50  # lines, or five seconds, over which speed and fall are measured
LONGEST = 100 * 3600.0  # seconds: what lies beyond is not worth a promise


@dataclass(frozen=True)
class Moment:
    """What is remembered of a line that was shown."""

    step: int
    seconds: float
    distance: float


class Line(ABC):
    """Where words are shown, each in the place of those before."""

    @abstractmethod
    def show(self, words: str) -> None:
        """Show these words."""

    @abstractmethod
    def clear(self) -> None:
        """Take the line away."""


class PlainLine(Line):
    """A line rewritten by carriage returns."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.wide = stream, 0

    def show(self, words: str) -> None:
        self.wide = max(self.wide, len(words))
        print(f"\r{words:<{self.wide}}", end="", file=self.stream, flush=True)

    def clear(self) -> None:
        print(f"\r{'':<{self.wide}}\r", end="", file=self.stream, flush=True)
        self.wide = 0


class RichLine(Line):
    """A line by rich, which keeps it below whatever else is printed. Raises ImportError where rich is not installed."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self.text: Callable[[str], Any] = Text
        self.live: Any = Live(console=Console(file=stream), auto_refresh=False, transient=True)

    def show(self, words: str) -> None:
        self.live.start()  # does nothing where it has begun
        self.live.update(self.text(words), refresh=True)

    def clear(self) -> None:
        self.live.stop()


def line_on(stream: TextIO | None) -> Line | None:
    """The best line that a stream can show: none in a pipe or a file, rich's where it is installed."""
    if stream is None or not stream.isatty():
        return None
    try:
        return RichLine(stream)
    except ImportError:
        return PlainLine(stream)


@dataclass
class Progress:
    """A watcher for `watch=`: a line of words about each step, rewritten on a `line`; quiet where that is None.

    `glm` closes it at the end of the fit, after which it can watch another.
    """

    line: Line | None
    seen: deque[Moment] = field(default_factory=lambda: deque(maxlen=WINDOW))
    shown: bool = False
    last_read: float = 0.0

    def __call__(self, record: Record) -> None:
        """Show a step, at most ten a second."""
        if self.line is None:
            return
        if self.seen and record.step < self.seen[-1].step:
            self.seen.clear()  # the fit has begun anew, as where cells of rows did not do
        if not self.seen or record.seconds - self.seen[-1].seconds >= EVERY:
            self.seen.append(Moment(record.step, record.seconds, record.distance))
            if record.seconds >= PATIENCE:
                self.line.show(words(record, list(self.seen)))
                self.shown = True

    def reading(self, rows: int, total: int | None, seconds: float) -> None:
        """Show how far the reading of a table is, at most ten times a second."""
        if self.line is None or seconds < PATIENCE or seconds - self.last_read < EVERY:
            return
        self.last_read = seconds
        self.line.show(reading_words(rows, total, seconds))
        self.shown = True

    def close(self) -> None:
        """Take the line away."""
        self.last_read = 0.0
        if self.line is not None and self.shown:
            self.line.clear()
        self.seen.clear()
        self.shown = False


def progress() -> Progress:
    """A live line on the terminal for `watch=`: step, deviance, distance from the optimum, steps a second, and about
    how long it will take. Nothing is shown in pipes and files, or for fits that are done in half a second.
    """
    return Progress(line_on(sys.stderr))


def words(record: Record, seen: list[Moment]) -> str:
    """The line for a record, given the moments before it."""
    said = [f"step {record.step:,}", f"deviance {record.deviance:.8g}"]
    if math.isfinite(record.distance):
        said.append(f"{record.distance:.1e} standard errors to go")
    first, last = seen[0], seen[-1]
    if last.seconds > first.seconds:
        rate = (last.step - first.step) / (last.seconds - first.seconds)
        said.append(f"{rate:,.0f} steps/s" if rate >= 10 else f"{rate:.2g} steps/s")
    left = seconds_left(seen)
    if left is not None:
        said.append(f"about {duration(left)} left")
    return "  ".join(said)


def reading_words(rows: int, total: int | None, seconds: float) -> str:
    """The line for rows that have been read in so many seconds, of a total that may not be known."""
    rate = rows / seconds
    said = [f"read {rows:,}{f' of {total:,}' if total else ''} rows", f"{rate:,.0f} rows/s"]
    if total and rows:
        said.append(f"about {duration((total - rows) / rate)} left")
    return "  ".join(said)


def seconds_left(seen: list[Moment]) -> float | None:
    """How long until the distance has fallen to what a solver stops at, if it goes on to fall by the same factor in the
    same time; None where it does not fall, or where that is too far off to be promised.
    """
    known = [moment for moment in seen if 0 < moment.distance < math.inf]
    if len(known) < 3:
        return None
    # the second half of what was seen: the first may have been steeper
    first, last = known[len(known) // 2 - 1], known[-1]
    fallen = math.log(first.distance / last.distance)
    if fallen <= 0 or last.seconds <= first.seconds:
        return None
    left = math.log(last.distance / Tolerance().errors) * (last.seconds - first.seconds) / fallen
    return left if 0 < left < LONGEST else None


def duration(seconds: float) -> str:
    """A time in the units that it is told in."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{seconds / 3600:.1f} h"
