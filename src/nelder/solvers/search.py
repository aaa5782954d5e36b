"""Line searches: how far to go along a direction so that the objective decreases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.kernels import ROUNDING
from nelder.linalg import Array
from nelder.objective import SUMMED, Objective

SUFFICIENT = 1e-4  # Armijo's fraction of the decrease that the slope promises (Nocedal & Wright 2006, section 3.1)
ROUND = 8  # trial points evaluated in one pass over the rows
# powers of a half: every one at first, then sparser, down to the smallest number there is
HALVINGS = (*range(1, 9), *range(10, 18, 2), *range(20, 36, 4), *range(40, 72, 8), *range(80, 1080, 32))


LEAPS = 2.0 ** np.arange(1, 11)
FAR = 100.0  # a mean deviance at which a fit has hardly begun


@dataclass(frozen=True)
class Found:
    """A step length, how many halvings led to it, whether none was found, and whether the next longer one left the
    means allowed.
    """

    size: float
    halvings: int
    stuck: bool = False
    outside: bool = False


def enough(value: float, trial: float, promised: float, blur: float) -> bool:
    """Armijo's condition, with room for rounding in the objective, below which the decrease itself falls in the end."""
    slack = SUMMED * ROUNDING * abs(value) + blur
    return bool(trial <= value - SUFFICIENT * promised + slack)


def halving(objective: Objective, origin: tuple[Array, float], delta: Array, promised: float, blur: float) -> Found:
    """The largest of ½, ¼, … that is enough, from origin = (β, value), after the full step was not; eight to a pass.

    Where many were not, though every η is allowed, the step says little about how far to go, and the lowest of those
    near by is taken.
    """
    beta, value = origin
    bounded = bool(np.isfinite(objective.loss.bounds).any())
    last, before = 0, np.nan
    for first in range(0, len(HALVINGS), ROUND):
        powers = HALVINGS[first : first + ROUND]
        sizes = 0.5 ** np.array(powers, dtype=float)
        trials = objective.values(beta + sizes[:, None] * delta)
        for power, size, trial in zip(powers, sizes, trials, strict=True):
            if enough(value, trial, size * promised, blur):
                if power <= ROUND or bounded:
                    return Found(float(size), power, outside=bounded and not np.isfinite(before))
                return _lowest(objective, beta, delta, (last, power))
            last, before = power, trial
    return Found(0.0, HALVINGS[-1], stuck=True)


def _lowest(objective: Objective, beta: Array, delta: Array, between: tuple[int, int]) -> Found:
    """The lowest value along δ at powers of ½ around one that is enough, the second; the first was not."""
    powers = np.arange(between[0] + 1, 2 * between[1] - between[0] + 1)
    sizes = 0.5 ** powers.astype(float)
    best = int(np.argmin(objective.values(beta + sizes[:, None] * delta)))
    return Found(float(sizes[best]), int(powers[best]))


def far_down(objective: Objective, value: float, ahead: float) -> bool:
    """Whether a full step more than halved an objective that is still far from its minimum.

    Where means are exponentials of η that are far too large, a Newton step divides them by e and no more.
    """
    return value > FAR * objective.design.n and ahead < 0.5 * value


def leap(objective: Objective, beta: Array, delta: Array, ahead: float) -> Found:
    """The multiple of a full step, which led to the value `ahead`, that leads lowest."""
    trials = objective.values(beta + LEAPS[:, None] * delta)
    best = int(np.argmin(trials))
    return Found(float(LEAPS[best]), 0) if trials[best] < ahead else Found(1.0, 0)
