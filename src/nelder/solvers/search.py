"""Line searches: how far to go along a direction so that the objective decreases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.linalg import Array
from nelder.objective import ROUNDING, Objective

SUFFICIENT = 1e-4  # Armijo's fraction of the decrease that the slope promises (Nocedal & Wright 2006, section 3.1)
ROUND = 8  # trial points evaluated in one pass over the rows
# powers of a half: every one at first, then sparser, down to the smallest number there is
HALVINGS = (*range(1, 9), *range(10, 18, 2), *range(20, 36, 4), *range(40, 72, 8), *range(80, 1080, 32))


@dataclass(frozen=True)
class Found:
    """A step length, how many halvings led to it, and whether none was found."""

    size: float
    halvings: int
    stuck: bool = False


def enough(value: float, trial: float, promised: float, blur: float) -> bool:
    """Armijo's condition, with room for rounding in the objective, below which the decrease itself falls in the end."""
    slack = 16 * ROUNDING * abs(value) + blur
    return bool(trial <= value - SUFFICIENT * promised + slack)


def halving(objective: Objective, origin: tuple[Array, float], delta: Array, promised: float, blur: float) -> Found:
    """The largest of ½, ¼, … that is enough, from origin = (β, value), after the full step was not; eight to a pass."""
    beta, value = origin
    for first in range(0, len(HALVINGS), ROUND):
        powers = HALVINGS[first : first + ROUND]
        sizes = 0.5 ** np.array(powers, dtype=float)
        trials = objective.values(beta + sizes[:, None] * delta)
        for power, size, trial in zip(powers, sizes, trials, strict=True):
            if enough(value, trial, size * promised, blur):
                return Found(float(size), power)
    return Found(0.0, HALVINGS[-1], stuck=True)
