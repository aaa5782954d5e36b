"""Sums in a fixed order: neighbours in pairs, then the pairs, as a binary tree over the places of what is added.

The order depends on the places alone, never on how many workers there are or which of them is first. Whoever holds
neighbours may add them up before the others are known: to the nodes of that tree which they complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self, TypeVar


class Mergeable(Protocol):
    """Anything that can be added to its like."""

    def __add__(self, other: Self, /) -> Self: ...


Sum = TypeVar("Sum", bound=Mergeable)
# the sum of 2^k results that follow one another, from a place that is a multiple of 2^k: place, 2^k, sum
Node = tuple[int, int, Sum]


def merge(results: Iterable[Sum]) -> Sum:
    """The sum of results at places 0, 1, 2, …; of those that come one by one, few are held at a time."""
    return crown(nodes((place, 1, result) for place, result in enumerate(results)))


def nodes(known: Iterable[Node[Sum]]) -> list[Node[Sum]]:
    """The same nodes, in the order of their places, with those in place of neighbours that these complete."""
    found: list[Node[Sum]] = []
    for node in known:
        found.append(node)
        while len(found) > 1 and _complete(found[-2], found[-1]):
            (_, _, after), (place, many, before) = found.pop(), found.pop()
            found.append((place, 2 * many, before + after))
    return found


def _complete(left: Node[Sum], right: Node[Sum]) -> bool:
    """Whether two nodes are all of the one above them."""
    place, many, _ = left
    return right[1] == many and right[0] == place + many and place % (2 * many) == 0


def crown(known: Iterable[Node[Sum]]) -> Sum:
    """The sum of all, whose nodes these are, in the order of their places; those that none completes, last first."""
    left = nodes(known)
    total = left.pop()[2]
    while left:
        total = left.pop()[2] + total
    return total
