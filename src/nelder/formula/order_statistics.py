"""Order statistics of a column that nobody holds: values of given ranks, found by counting.

Doubles are in the order of whole numbers, their keys. The range of keys in which a value of some rank lies is cut into
bins, and the values in each are counted, wherever they are; the bin that has the rank is the next range. It ends at one
key, or sooner, where the smallest and the largest value of a range say all: the value is exact, however a column was
cut and in whatever order its parts came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError
from nelder.formula.questions import Question
from nelder.linalg import Array

BINS = 1 << 14
SIGN = 1 << 63
CHANGED = (
    "the values of a column were others at one look than at another: the data must not change during a fit; write what "
    "is made anew each time to files first, or use nd.spill"
)
Keys = NDArray[np.uint64]
Range = tuple[int, int]  # the first key and the last


def keys_of(values: Array) -> Keys:
    """Whole numbers (n,) in the order of values that are no nan; zero has one key, whatever its sign."""
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    return np.where(bits >> np.uint64(63) == 1, ~bits, bits | np.uint64(SIGN))


def value_of(key: int) -> float:
    """The value that has a key."""
    bits = key - SIGN if key >= SIGN else (1 << 64) - 1 - key
    return float(np.uint64(bits).view(np.float64))


@dataclass(frozen=True)
class Bracket:
    """Where the value of a rank is: in a range of keys that has `below` values before it."""

    rank: int
    range: Range
    below: int = 0


@dataclass(frozen=True)
class Counts:
    """Of a range: how many values each of its bins has (BINS,), and the smallest and the largest key of them all."""

    bins: NDArray[np.int64]
    least: int
    largest: int

    @classmethod
    def of(cls, keys: Keys, within: Range) -> Counts:
        """Those of some values."""
        low, high = map(np.uint64, within)
        inside = keys[(keys >= low) & (keys <= high)]
        bins = np.bincount(((inside - low) // np.uint64(step(within))).astype(np.int64), minlength=BINS)
        return cls(bins, int(inside.min(initial=high)), int(inside.max(initial=low)))

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.bins + other.bins, min(self.least, other.least), max(self.largest, other.largest))


def step(within: Range) -> int:
    """How many keys a bin of a range has."""
    return (within[1] - within[0]) // BINS + 1


@dataclass(frozen=True)
class Ranges:
    """The counts of several ranges."""

    counts: Mapping[Range, Counts]

    def __add__(self, other: Ranges) -> Ranges:
        return Ranges({within: counts + other.counts[within] for within, counts in self.counts.items()})


@dataclass(frozen=True)
class Search(Question):
    """The values that have been found, by their ranks, and brackets of the others."""

    found: Mapping[int, float]
    brackets: Sequence[Bracket]

    @classmethod
    def of(cls, ends: Array, ranks: Sequence[int]) -> Search:
        """The search among values between these ends (2,)."""
        low, high = map(int, keys_of(ends))
        return cls({}, [Bracket(rank, (low, high)) for rank in sorted(set(ranks))])

    @property
    def open(self) -> bool:
        return bool(self.brackets)

    def answer(self, values: Array) -> Ranges:
        keys = keys_of(values)
        return Ranges({each: Counts.of(keys, each) for each in {bracket.range for bracket in self.brackets}})

    def told(self, answer: Ranges) -> Search:
        found, left = dict(self.found), []
        for bracket in self.brackets:
            narrower = after(bracket, answer.counts[bracket.range])
            if isinstance(narrower, Bracket):
                left.append(narrower)
            else:
                found[bracket.rank] = value_of(narrower)
        return Search(found, left)


def after(bracket: Bracket, counts: Counts) -> Bracket | int:
    """The key of the rank, or the bin that it is in. Raises DataError for counts that are of other values."""
    place, total = bracket.rank - bracket.below, int(counts.bins.sum())
    if not 0 <= place < total:
        raise DataError(CHANGED)
    if place == 0 or counts.least == counts.largest:
        return counts.least
    if place == total - 1:
        return counts.largest
    upto = np.cumsum(counts.bins)
    chosen = int(np.searchsorted(upto, place, side="right"))
    low, wide = bracket.range[0] + chosen * step(bracket.range), step(bracket.range)
    high = min(low + wide - 1, bracket.range[1])
    before = int(upto[chosen] - counts.bins[chosen])
    return low if low == high else Bracket(bracket.rank, (low, high), bracket.below + before)


def ranks_at(levels: Array, n: int) -> list[int]:
    """The ranks, from 0 to n − 1, of the values that quantiles at these levels lie between."""
    lower = np.floor((n - 1) * levels).astype(np.int64)
    return sorted({*lower.tolist(), *np.minimum(lower + 1, n - 1).tolist()})


def quantiles(levels: Array, n: int, order: Mapping[int, float]) -> list[float]:
    """The quantiles that NumPy finds at these levels in n values (type 7 of Hyndman & Fan 1996), to the last digit."""
    found = []
    for place in ((n - 1) * levels).tolist():
        lower = int(np.floor(place))
        both = np.array([order[lower], order[min(lower + 1, n - 1)]])
        found.append(float(np.quantile(both, place - lower)))
    return found
