"""The learning pass: one look at every part of a table, where the rows are, at the columns that a formula reads.

What comes back is small: counts, sums, and made-up rows that between them have every level. Only columns inside a
transform that cannot do without, such as a spline with knots at quantiles of distinct values, come back whole.
"""

from __future__ import annotations

import itertools
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nelder.completeness import Completeness
from nelder.engines import Engine
from nelder.errors import DataError
from nelder.formula import Expression, complete_rows
from nelder.formula.digests import Digest
from nelder.formula.expressions import Digests
from nelder.formula.transforms import Coded
from nelder.loading.questioning import questioned
from nelder.sources import Chunk, Column, Labels, Numbers, Partition, concatenated

Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Sought:
    """What a look is for: the columns that are `needed`, the `factors` whose levels are to be found, and the columns
    that are learned from as a `whole`, and what is learned from digests; and whether rows with `missing` values are an
    error. Columns that are `known`, each with its kind, are numbers with one in every row, and need no look.
    """

    needed: tuple[str, ...]
    factors: tuple[Expression, ...]
    whole: tuple[str, ...]
    digested: tuple[Expression, ...] = ()
    missing: str = "drop"
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that are looked at, at least one."""
        return tuple(name for name in self.needed if name not in self.known) or self.needed[:1]

    def but(self, known: Mapping[str, str]) -> Sought:
        """The same without a look at these columns, which have no levels."""
        factors = tuple(each for each in self.factors if known.keys().isdisjoint(each.columns))
        return replace(self, factors=factors, known=known)


@dataclass(frozen=True)
class Seen:
    """A part of a table: its rows and missing values, rows with every level, the whole of some columns, and digests of
    others.
    """

    label: str
    completeness: Completeness
    exemplars: Chunk
    whole: Chunk
    digests: Digests

    @property
    def complete(self) -> int:
        """How many rows it tells of, which `remote.told` goes by."""
        return self.completeness.complete


@dataclass(frozen=True)
class Look:
    """The whole table: the first row of each part (k,), and what `Seen` has."""

    begins: tuple[int, ...]
    completeness: Completeness
    exemplars: Chunk
    whole: tuple[Chunk, Rows] | None
    digests: Digests


def look(engine: Engine, partitions: Sequence[Partition], sought: Sought) -> Look:
    """Look at every part. Raises DataError where parts do not agree on a column, and what `Completeness.check` does."""
    seen: list[Seen] = engine.map(look_at, partitions, sought)
    found = sum((part.completeness for part in seen), Completeness())
    found.check(sought.needed, sought.missing)
    told = [part for part in seen if part.completeness.complete]  # a column without a value does not show what it is
    refuse_other_kinds(told)
    few = first_of_levels(concatenated([part.exemplars for part in told]), sought.factors)
    many = len(next(iter(few.values())))
    few = {**{name: Numbers(np.ones(many), kind) for name, kind in sought.known.items()}, **few}
    whole = concatenated([part.whole for part in told]) if sought.whole else None
    all_rows = None if whole is None else (whole, np.arange(found.complete))
    begins = tuple(itertools.accumulate((part.completeness.total for part in seen[:-1]), initial=0))
    digests = added(part.digests for part in told)
    digests = questioned(engine, partitions, sought.digested, sought.read, digests)
    return Look(begins, found, few, all_rows, digests)


def look_at(partition: Partition, sought: Sought) -> Seen:
    """Look at one part."""
    pieces = [look_through(chunk, sought) for chunk in partition.read(sought.read)]
    found = sum((piece.completeness for piece in pieces), Completeness())
    told = [piece for piece in pieces if piece.completeness.complete] or pieces[:1]
    few = first_of_levels(concatenated([piece.exemplars for piece in told]), sought.factors)
    whole = concatenated([piece.whole for piece in told])
    return Seen(partition.label, found, few, whole, added(piece.digests for piece in pieces))


def look_through(chunk: Chunk, sought: Sought) -> Seen:
    """Look at some rows."""
    complete = complete_rows(chunk, sought.read)
    found = Completeness.of(chunk, sought.read, complete)
    rows = np.flatnonzero(complete)
    if found.gaps:
        chunk = {name: column.take(rows) for name, column in chunk.items()}
    whole = {name: chunk[name] for name in sought.whole}
    digests = [each.digests(chunk, rows) for each in sought.digested] if found.complete else []
    return Seen("", found, first_of_levels(chunk, sought.factors), whole, dict(ChainMap(*digests)))


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
    Columns that any factor takes together come from one row each time, so that no level is made up.
    """
    n = len(next(iter(chunk.values()))) if chunk else 0
    firsts = [(each.columns, rows) for each in factors if len(rows := first_rows(chunk, each, n)) and each.columns]
    group = taken_together([columns for columns, _ in firsts])
    before = np.cumsum([0, *(len(rows) for _, rows in firsts)])
    many = max(int(before[-1]), min(n, 1))
    found: dict[str, Column] = {}
    for name, column in chunk.items():
        among = zip(before, firsts, strict=False)
        own = [(place, rows) for place, (columns, rows) in among if group[columns[0]] == group.get(name)]
        chosen = np.full(many, own[0][1][0] if own else 0)
        for place, rows in own:
            chosen[place : place + len(rows)] = rows
        found[name] = column.take(chosen) if own else plain(column, many)
    return found


def taken_together(several: Sequence[Sequence[str]]) -> dict[str, int]:
    """The group of each name, such that names which stand together anywhere are in one."""
    group: dict[str, int] = {}
    for number, names in enumerate(several):
        met = {group[name] for name in names if name in group}
        group = {name: number if other in met else other for name, other in group.items()}
        group |= dict.fromkeys(names, number)
    return group


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
