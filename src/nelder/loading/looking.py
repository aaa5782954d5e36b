"""The learning pass: one look at every part of a table, where the rows are, at the columns that a formula reads.

What comes back is small: counts, sums, and made-up rows that between them have every level. Only columns inside a
transform that cannot do without, such as a spline that places its knots at quantiles, come back whole.
"""

from __future__ import annotations

import itertools
from collections import ChainMap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.engines import Engine
from nelder.errors import DataError, some_rows
from nelder.formula import Expression, complete_rows
from nelder.formula.digests import Digest
from nelder.formula.expressions import Digests
from nelder.formula.transforms import Coded
from nelder.sources import Chunk, Column, Labels, Numbers, Partition, concatenated

Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Sought:
    """What a look is for: the columns that are `needed`, the `factors` whose levels are to be found, and the columns
    that are learned from as a `whole`, and what is learned from digests.
    """

    needed: tuple[str, ...]
    factors: tuple[Expression, ...]
    whole: tuple[str, ...]
    digested: tuple[Expression, ...] = ()


@dataclass(frozen=True)
class Seen:
    """A part of a table: how many rows, and complete ones; for each column with missing values their number and the
    first row; rows with every level, the whole of some columns, and digests of others.
    """

    label: str
    total: int
    complete: int
    missing: dict[str, tuple[int, int]]
    exemplars: Chunk
    whole: Chunk
    digests: Digests


@dataclass(frozen=True)
class Look:
    """The whole table: the first row of each part (k + 1,), the last being the number of rows, and what `Seen` has."""

    begins: tuple[int, ...]
    complete: int
    missing: dict[str, tuple[int, int]]
    exemplars: Chunk
    whole: tuple[Chunk, Rows] | None
    digests: Digests

    @property
    def total(self) -> int:
        """The number of rows."""
        return self.begins[-1]


def look(engine: Engine, partitions: Sequence[Partition], sought: Sought) -> Look:
    """Look at every part. Raises DataError where no row is complete, and where parts do not agree on a column."""
    seen: list[Seen] = engine.map(look_at, partitions, sought)
    begins = tuple(itertools.accumulate((part.total for part in seen), initial=0))
    complete = sum(part.complete for part in seen)
    if not complete:
        words = f"of {begins[-1]} rows none has a value in every column of {', '.join(sought.needed)}"
        raise DataError(f"there are no rows to fit: {words if begins[-1] else 'the table is empty'}")
    told = [part for part in seen if part.complete]  # a column without a value does not show what it is
    refuse_other_kinds(told)
    missing: dict[str, tuple[int, int]] = {}
    for begin, part in zip(begins, seen, strict=False):
        for name, (count, first) in part.missing.items():
            before, earliest = missing.get(name, (0, begin + first))
            missing[name] = (before + count, earliest)
    few = first_of_levels(concatenated([part.exemplars for part in told]), sought.factors)
    whole = concatenated([part.whole for part in told]) if sought.whole else None
    all_rows = None if whole is None else (whole, np.arange(complete))
    return Look(begins, complete, missing, few, all_rows, added(part.digests for part in told))


def look_at(partition: Partition, sought: Sought) -> Seen:
    """Look at one part."""
    pieces = [look_through(chunk, sought) for chunk in partition.read(sought.needed)]
    begins = list(itertools.accumulate((piece.total for piece in pieces), initial=0))
    missing: dict[str, tuple[int, int]] = {}
    for begin, piece in zip(begins, pieces, strict=False):
        for name, (count, first) in piece.missing.items():
            before, earliest = missing.get(name, (0, begin + first))
            missing[name] = (before + count, earliest)
    told = [piece for piece in pieces if piece.complete] or pieces[:1]
    few = first_of_levels(concatenated([piece.exemplars for piece in told]), sought.factors)
    whole = concatenated([piece.whole for piece in told])
    complete = sum(piece.complete for piece in pieces)
    return Seen(partition.label, begins[-1], complete, missing, few, whole, added(piece.digests for piece in pieces))


def look_through(chunk: Chunk, sought: Sought) -> Seen:
    """Look at some rows."""
    complete = complete_rows(chunk, sought.needed)
    rows, n = np.flatnonzero(complete), len(complete)
    missing = {}
    if len(rows) < n:
        absent = {name: np.flatnonzero(chunk[name].missing) for name in sought.needed}
        missing = {name: (len(at), int(at[0])) for name, at in absent.items() if len(at)}
        chunk = {name: column.take(rows) for name, column in chunk.items()}
    whole = {name: chunk[name] for name in sought.whole}
    digests = [each.digests(chunk, rows) for each in sought.digested] if len(rows) else []
    return Seen("", n, len(rows), missing, first_of_levels(chunk, sought.factors), whole, dict(ChainMap(*digests)))


def added(several: Iterable[Digests]) -> Digests:
    """The digests of all rows from those of parts."""
    total: dict[str, Digest] = {}
    for digests in several:
        for text, digest in digests.items():
            total[text] = total.get(text, Digest()) + digest
    return total


def first_of_levels(chunk: Chunk, factors: Sequence[Expression]) -> Chunk:
    """Rows with every level of every factor, at least one where there are any.

    They are nobody's: beside the factor that a row is for, it has the first level of the others, and 1 for numbers.
    """
    n = len(next(iter(chunk.values()))) if chunk else 0
    firsts = [(expression.columns, rows) for expression in factors if len(rows := first_rows(chunk, expression, n))]
    before = np.cumsum([0, *(len(rows) for _, rows in firsts)])
    many = max(int(before[-1]), min(n, 1))
    found: dict[str, Column] = {}
    for name, column in chunk.items():
        own = [(place, rows) for place, (columns, rows) in zip(before, firsts, strict=False) if name in columns]
        chosen = np.full(many, own[0][1][0] if own else 0)
        for place, rows in own:
            chosen[place : place + len(rows)] = rows
        found[name] = column.take(chosen) if own else plain(column, many)
    return found


def plain(column: Column, many: int) -> Column:
    """So many made-up values of a column, which only show what kind it is."""
    if isinstance(column, Numbers):
        return Numbers(np.ones(many), column.kind)
    return Labels(np.full(many, min(len(column.levels), 1) - 1), column.levels)


def first_rows(chunk: Chunk, expression: Expression, n: int) -> Rows:
    """The rows of n in which a factor has a level for the first time; none for one that gives numbers."""
    value = expression.evaluate(chunk, {}, np.arange(n), learn=True)
    labels = value.labels if isinstance(value, Coded) else value
    if not isinstance(labels, Labels):
        return np.zeros(0, dtype=np.intp)
    first = np.full(len(labels.levels) + 1, -1)
    first[labels.codes[::-1]] = np.arange(n)[::-1]  # the last one written is the first row
    return first[:-1][first[:-1] >= 0]


def refuse_other_kinds(seen: Sequence[Seen]) -> None:
    """Raise DataError for a column that is numeric in one part and categorical in another."""
    known: dict[tuple[str, bool], str] = {}
    for part in seen:
        for name, column in part.exemplars.items():
            numeric = isinstance(column, Numbers)
            other = known.get((name, not numeric))
            if other is not None:
                kinds = ("categorical", "numeric") if numeric else ("numeric", "categorical")
                raise DataError(
                    f"column {name!r} is {kinds[0]} in {other} and {kinds[1]} in {part.label}: make it the same in all"
                )
            known.setdefault((name, numeric), part.label)


def refuse_missing(looked: Look, sought: Sought) -> None:
    """Raise DataError that names the first column with missing values."""
    name = next((name for name in sought.needed if name in looked.missing), None)
    if name is not None:
        count, first = looked.missing[name]
        bad = some_rows([first]) + (f" and {count - 1:,} more" if count > 1 else "")
        raise DataError(f"column {name!r} has missing values at {bad}: fill or remove them, or use missing='drop'")


def without_chunk(looked: Look) -> Look:
    """The look without what it was for, once that has been learned."""
    return replace(looked, exemplars={}, whole=None)
