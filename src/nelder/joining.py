"""Factors of few levels as one factor of their combinations: a row is looked up and counted once, not once for each.

A coding says which columns a level belongs to, so that a combination of levels is a level like any other: nothing that
works on coded parts need know that they were several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.linalg import Array
from nelder.parts import Coded, Codes, Coding, Dense, Part

COMBINED = 256  # levels of the factors that are made: so few that sums over them cost next to nothing


def joined(block: Block) -> Block:
    """The same columns in fewer parts, which depend on the codings alone; a factor that is to be eliminated stays
    alone.
    """
    parts = block.parts
    single = [part for part in parts if isinstance(part, Coded) and joins(part, block)]
    if len(single) < 2:
        return block
    groups: list[list[Coded]] = []
    for part in sorted(single, key=lambda part: -part.coding.levels):
        room = (group for group in groups if levels_of(group) * part.coding.levels <= COMBINED)
        group = next(room, None)
        if group is None:
            groups.append([part])
        else:
            group.append(part)
    made = {id(group[0]): combination(group) for group in groups if len(group) > 1}
    gone = {id(part) for group in groups if len(group) > 1 for part in group[1:]}
    return replace(block, parts=tuple(made.get(id(part), part) for part in parts if id(part) not in gone))


def joins(part: Coded, block: Block) -> bool:
    """Whether a part is a factor of few levels, which may be one with others."""
    return part.multiplier is None and part is not block.long and part.coding.levels <= COMBINED


def with_coded_ones(block: Block) -> Block:
    """The same columns where one of ones, beside factors that it can be joined with, is a factor of one level."""
    if not any(isinstance(part, Coded) and joins(part, block) for part in block.parts):
        return block
    pieces = [without_ones(part) if isinstance(part, Dense) else [part] for part in block.parts]
    return replace(block, parts=tuple(piece for several in pieces for piece in several))


def without_ones(part: Dense) -> list[Part]:
    """A dense part without its first column of ones, and that as a factor."""
    X = part.X
    ones = [column for column in range(X.shape[1]) if len(X) and X[0, column] == 1 and (X[:, column] == 1).all()][:1]
    if not ones:
        return [part]
    factor = Coded(part.columns[ones], np.zeros(len(X), dtype=np.intp), Coding(1, kept=np.zeros(1, dtype=np.intp)))
    rest = np.delete(np.arange(X.shape[1]), ones)
    return [part.select(rest, part.columns[rest]), factor] if len(rest) else [factor]


def levels_of(factors: Sequence[Coded]) -> int:
    """How many combinations of their levels there are."""
    return math.prod(factor.coding.levels for factor in factors)


def combination(factors: Sequence[Coded]) -> Coded:
    """Factors without multipliers as one."""
    codes: Codes = np.zeros(len(factors[0].codes), dtype=np.intp)
    for factor in factors:
        codes *= factor.coding.levels
        codes += factor.codes
    columns = np.concatenate([factor.columns for factor in factors])
    return Coded(columns, codes, Combination.of([factor.coding for factor in factors]))


@dataclass(frozen=True)
class Combination(Coding):
    """The codings of several factors side by side: its levels are those of their combinations, the last varying
    fastest.
    """

    single: tuple[Coding, ...] = ()

    @classmethod
    def of(cls, single: Sequence[Coding]) -> Combination:
        """Of these codings."""
        matrix = np.zeros((1, 0))
        for coding in single:
            own = coding.full()
            matrix = np.hstack([np.repeat(matrix, len(own), axis=0), np.tile(own, (len(matrix), 1))])
        return cls(len(matrix), matrix=matrix, single=tuple(single))

    def __reduce__(self) -> tuple[Callable[..., Combination], tuple[tuple[Coding, ...]]]:
        return Combination.of, (self.single,)  # its matrix is soon made, and would be written beside every block

    def gather(self, sums: Array) -> Array:
        shape = [coding.levels for coding in self.single]
        whole = sums.reshape(*shape, *sums.shape[1:])
        axes = range(len(shape))
        alone = [whole.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes]
        return np.concatenate([coding.gather(each) for coding, each in zip(self.single, alone, strict=True)])

    def select(self, chosen: NDArray[np.integer]) -> Coding:
        return Coding(self.levels, matrix=self.full()[:, chosen])

    def squared(self) -> Coding:
        return Combination.of([coding.squared() for coding in self.single])

    def magnitude(self) -> Coding:
        return Combination.of([coding.magnitude() for coding in self.single])
