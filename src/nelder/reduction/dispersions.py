"""The dispersion φ that goes with a β: the root of its own adjusted score, or Pearson's where it has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.design import Block
from nelder.dispersion import falling_root, pearson_dispersion
from nelder.errors import DataError
from nelder.families import Family
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.penalties import ScoreAdjustment

FIRST_MOVE = float(np.log(4.0))  # of log φ


@dataclass(frozen=True)
class NormaliserSums:
    """Σ w g′, Σ w² g″ and Σ w³ g‴ over observations, w one observation's own weight; see `Family.normaliser_slopes`."""

    first: float
    second: float
    third: float

    def __add__(self, other: NormaliserSums) -> NormaliserSums:
        return NormaliserSums(self.first + other.first, self.second + other.second, self.third + other.third)


def normaliser_kernel(block: Block, family: Family, phi: float) -> NormaliserSums | None:
    """The sums of one block at φ, or None where the family has none."""
    with np.errstate(all="ignore"):
        weight, times = block.own_precision, block.frequency
        if weight.min() == weight.max():
            weight, times = weight[:1], np.array([times.sum()])
        slopes = family.normaliser_slopes(weight / phi)
        if slopes is None:
            return None
        return NormaliserSums(*(float(times @ (weight**k * slope)) for k, slope in enumerate(slopes, start=1)))


def dispersion_at(objective: Objective, adjustment: ScoreAdjustment, beta: Array, fine: bool) -> float:
    """φ at β: 1 where it is known; else the root of the adjusted score for φ, or Pearson's X² over its df.

    Raises DataError where there are no residual degrees of freedom to estimate it from.
    """
    family, design = objective.loss.family, objective.design
    if family.dispersion_known:
        return 1.0
    df = design.n - design.p
    if df <= 0:
        raise DataError(
            f"penalty '{adjustment.name}' takes the dispersion of {family.label()} into the coefficients, and "
            f"{design.n:g} rows leave none to estimate beside {design.p} coefficients: use fewer columns"
        )
    totals = objective.totals(beta, fine)
    if family.normaliser_slopes(np.ones(1)) is None or not 0 < totals.deviance < np.inf:
        return pearson_dispersion(family, totals, df)
    linear, constant = adjustment.of_dispersion(design.p)

    def score(phi: float) -> float:
        sums = objective.over_rows(normaliser_kernel, family, phi)
        return (totals.deviance - sums.first - constant * sums.third / sums.second) / phi + linear

    near = totals.deviance / totals.weight
    return near * float(np.exp(falling_root(lambda move: score(near * np.exp(move)), FIRST_MOVE)))
