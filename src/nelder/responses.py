"""What the responses of the rows show without their columns, in one look: sums, and where they are few, a tally."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.design import Block, stacked
from nelder.parts import bincount

COUNTED = 256  # responses that are whole numbers below this are counted
FEW = 1_000  # rows that mostly tell whether they are


@dataclass(frozen=True)
class Responses:
    """Σ w y and Σ w of some rows, whether any has an offset, and their `tally` where they have one."""

    total: float
    weight: float
    has_offset: bool
    tally: Block | None

    def __add__(self, other: Responses) -> Responses:
        both = None if self.tally is None or other.tally is None else tallied(stacked([self.tally, other.tally]))
        has_offset = self.has_offset or other.has_offset
        return Responses(self.total + other.total, self.weight + other.weight, has_offset, both)


def responses_kernel(block: Block, tallying: bool) -> Responses:
    """Those of a block, with their tally where that is asked for."""
    total, weight = float(block.weight @ block.y), float(block.weight.sum())
    return Responses(total, weight, bool(block.offset.any()), tallied(block) if tallying else None)


def tallied(block: Block) -> Block | None:
    """A row for each response, with the weight of all rows that have it: as good as they are for sums without X and
    offset. None where responses are not few whole numbers, or weights say more than how often a row was observed.
    """
    few = block.y[:FEW]
    if (few != np.floor(few)).any():
        return None
    with np.errstate(invalid="ignore"):
        codes = block.y.astype(np.uint8)  # others than whole numbers below COUNTED become such as they are not
    if (codes != block.y).any() or (block.own_precision != 1.0).any():
        return None
    weight = bincount(codes, block.weight, COUNTED)
    y = np.flatnonzero(weight)
    return Block((), 0, y.astype(float), weight[y], np.zeros(len(y)), np.ones(len(y)))
