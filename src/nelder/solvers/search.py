"""Line searches: how far to go along a direction so that the objective decreases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.linalg import Array
from nelder.objective import ROUNDING, Objective

SUFFICIENT = 1e-4  # Armijo's fraction of the decrease that the slope promises (Nocedal & Wright 2006, section 3.1)
ROUND = 8  # trial points evaluated in one pass over the rows


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
    for first in range(1, 64, ROUND):
        sizes = 0.5 ** np.arange(first, first + ROUND)
        trials = objective.values(beta + sizes[:, None] * delta)
        for k, (size, trial) in enumerate(zip(sizes, trials, strict=True)):
            if enough(value, trial, size * promised, blur):
                return Found(float(size), first + k)
    return Found(0.0, 64, stuck=True)
