"""What an engine does: it keeps blocks of rows where they are, and runs kernels on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, Self, TypeVar


class Mergeable(Protocol):
    """Anything that can be added to its like."""

    def __add__(self, other: Self, /) -> Self: ...


Sum = TypeVar("Sum", bound=Mergeable)


class Engine(ABC):
    """Two verbs: `load` brings partitions to where they will stay, `map` runs a kernel on each, in partition order."""

    name: str
    holds_rows: bool = False  # whether blocks are in this process, for what needs single rows

    @abstractmethod
    def load(self, parts: Iterable[Any], loader: Callable[[Any], Any]) -> Sequence[Any]:
        """Handles of loader(part), one a partition."""

    @abstractmethod
    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        """[kernel(block, *small) for each handle], in order."""


def merge(results: Sequence[Sum]) -> Sum:
    """The sum in a fixed pairwise order: it depends on the partitions, never on how many workers there were."""
    while len(results) > 1:
        pairs = [a + b for a, b in zip(results[::2], results[1::2], strict=False)]
        results = pairs if len(results) % 2 == 0 else [*pairs, results[-1]]
    return results[0]
