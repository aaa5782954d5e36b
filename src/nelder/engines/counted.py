"""An engine that counts: how often the rows were read, which nobody who reads them has to keep in mind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nelder.engines.base import Engine


class Counted(Engine):
    """Another `engine`, and how many `passes` over `rows` rows it has made since."""

    def __init__(self, engine: Engine, rows: int) -> None:
        self.engine, self.rows, self.read = engine, rows, 0
        self.name, self.holds_rows = engine.name, engine.holds_rows

    @property
    def passes(self) -> float:
        """Rows read, over the rows there are: a look at a sample is a fraction."""
        return self.read / self.rows

    def load(self, parts: Iterable[Any], loader: Callable[[Any], Any]) -> Sequence[Any]:
        return self.engine.load(parts, loader)

    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        results = self.engine.map(kernel, handles, *small)
        for block, result in zip(handles, results, strict=True):
            self.read += getattr(result, "n", block.n)  # a kernel that hands out rows has read no others
        return results
