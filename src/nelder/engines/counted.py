"""An engine that counts: how often the rows were read, which nobody who reads them has to keep in mind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nelder.engines.base import Engine, counts_of


class Counted(Engine):
    """Another `engine`, and how many `passes` over `rows` rows it has made since."""

    def __init__(self, engine: Engine, rows: int) -> None:
        self.engine, self.rows, self.read = engine, rows, 0
        self.name, self.holds_rows = engine.name, engine.holds_rows
        self.together, self.folder, self.rows_stay = engine.together, engine.folder, engine.rows_stay

    @property
    def memory(self) -> int | None:
        return self.engine.memory

    def reads_in_parts(self, size: int | None) -> bool:
        return self.engine.reads_in_parts(size)

    @property
    def passes(self) -> float:
        """Rows read, over the rows there are: a look at a sample is a fraction."""
        return self.read / self.rows

    def load(self, parts: Sequence[Any], loader: Callable[[Any], Iterable[Any]]) -> Sequence[Any]:
        return self.engine.load(parts, loader)

    def hold(self, blocks: Sequence[Any]) -> Sequence[Any]:
        return self.engine.hold(blocks)

    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        results = self.engine.map(kernel, handles, *small)
        for count, result in zip(counts_of(handles), results, strict=True):
            self.read += getattr(result, "n", count)  # a kernel that hands out rows has read no others
        return results

    def total(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Any:
        total = self.engine.total(kernel, handles, *small)
        self.read += sum(counts_of(handles))
        return total

    def derive(
        self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any, each: Sequence[tuple[Any, ...]] = ()
    ) -> Sequence[Any]:
        return self.engine.derive(kernel, handles, *small, each=each)

    def draw(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Sequence[Any]:
        drawn = self.engine.draw(kernel, handles, *small)
        self.read += sum(counts_of(drawn))
        return drawn
