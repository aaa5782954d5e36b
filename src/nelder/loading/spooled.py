"""Parts that are read once: what they hold is kept as it was decoded, for the look and for the loading after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nelder.engines import Engine, Spilled, ahead
from nelder.loading.followed import DEPTH, Progress, Told, total_of
from nelder.sources import Chunk, Partition

SHARE = 4  # of the memory for rows: the blocks that are made of them take the rest


@dataclass(frozen=True)
class Piece:
    """Some rows of a part, by its place among the parts."""

    place: int
    chunk: Chunk

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(next(iter(self.chunk.values())))


@dataclass(frozen=True)
class Spooled(Partition):
    """A part whose pieces are in a store, from the one at `first` on, `many` of them."""

    label: str
    pieces: Sequence[Piece]
    first: int
    many: int
    origin: Partition
    rows: int | None = None

    def where(self, row: int) -> str:
        return self.origin.where(row)

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        for place in range(self.first, self.first + self.many):
            chunk = self.pieces[place].chunk
            yield {name: chunk[name] for name in names}


def spooled(engine: Engine, partitions: Sequence[Partition], names: Sequence[str], told: Told) -> Sequence[Partition]:
    """The same parts, decoded once, where the engine works in this process; else the parts themselves."""
    if engine.memory is None:
        return partitions
    store, counts = Spilled(engine.memory // SHARE, engine.folder), [0] * len(partitions)
    pieces = (Piece(place, chunk) for place, part in enumerate(partitions) for chunk in part.read(names))
    progress = Progress(told, total_of(partitions))
    for piece in ahead(pieces, DEPTH):
        store.add(piece)
        counts[piece.place] += 1
        progress.more(piece.n)
    held, found, first = store.settled(), [], 0
    for part, many in zip(partitions, counts, strict=True):
        found.append(Spooled(part.label, held, first, many, part, part.rows))
        first += many
    return found
