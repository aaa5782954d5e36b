"""Parts that are read once and for all: pieces are decoded in advance, and it is told how far the reading is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nelder.engines import Engine, ahead
from nelder.sources import Chunk, Partition

DEPTH = 2  # pieces that are decoded before there is time for them
Told = Callable[[int, int | None], None]  # with the rows read so far, and all there are where that is known


@dataclass
class Progress:
    """How many rows have been read, of how many."""

    told: Told
    total: int | None
    read: int = 0

    def more(self, rows: int) -> None:
        """So many more."""
        self.read += rows
        self.told(self.read, self.total)


@dataclass(frozen=True)
class Followed(Partition):
    """A part whose pieces are decoded by a thread of their own."""

    label: str
    origin: Partition
    progress: Progress
    rows: int | None = None

    def where(self, row: int) -> str:
        return self.origin.where(row)

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        for chunk in ahead(self.origin.read(names), DEPTH):
            self.progress.more(len(next(iter(chunk.values()))))
            yield chunk


def total_of(partitions: Sequence[Partition]) -> int | None:
    """How many rows the parts have, where each knows that without reading."""
    known = [part.rows for part in partitions if part.rows is not None]
    return sum(known) if len(known) == len(partitions) else None


def followed(engine: Engine, partitions: Sequence[Partition], told: Told) -> Sequence[Partition]:
    """The same parts, followed, where the engine works in this process; else the parts themselves."""
    if engine.memory is None:
        return partitions
    progress = Progress(told, total_of(partitions))
    return [Followed(part.label, part, progress, part.rows) for part in partitions]
