"""Where a statistic along a path of fits reaches a limit: the ends of profile and score intervals.

Outward from the estimate in growing steps until the limit is passed; then between the last two points by false position
with the weights of Anderson & Björck (1973), which keeps its bracket and needs no slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nelder.errors import CapabilityError
from nelder.inference.likelihood.held import Held
from nelder.inference.likelihood.paths import Path

OUTWARD, INWARD, BETWEEN = 200, 100, 200  # steps
IDLE = 5  # steps, each at least a quarter longer, in which a statistic that will yet grow does grow
SAME = 1e-7  # of a limit, of half the deviance or of φ: more is another minimum


@dataclass(frozen=True)
class Limit:
    """A statistic that is zero at the estimate and grows outward, the value of it that ends an interval, how far off
    that may be, and the size of a first step.
    """

    statistic: Callable[[Held], float]
    reach: float
    tolerance: float
    step: float

    def above(self, held: Held) -> float:
        """How far above the limit; infinite where there is no fit."""
        return self.statistic(held) - self.reach if np.isfinite(held.half) else np.inf


@dataclass(frozen=True)
class End:
    """An end of an interval, infinite where the limit is never reached; `edge` says that the domain ends there first,
    `other` that a lower minimum of the other coefficients was found on the way.
    """

    value: float
    edge: bool = False
    other: bool = False


def end(path: Path, side: float, limit: Limit) -> End:
    """The end of the interval around the estimate on one side, −1 or +1."""
    if path.flat or path.estimate == side * np.inf:
        return End(side * np.inf)
    here, idle, other = inside(path, side, limit), 0, False
    origin = path.estimate if np.isfinite(path.estimate) else here.value
    distance = limit.step
    for _ in range(OUTWARD):
        there = path.at(origin + side * distance, here)
        above = limit.above(there)
        if above >= 0:
            found, edge = crossing(path, limit, here, there)
            if edge:
                return End(path.wall(found, side), np.isfinite(path.wall(found, side)), other)
            if abs(limit.above(found)) > SAME * limit.reach:
                raise CapabilityError(
                    f"at {found.value:.6g} what ends the interval leaps over its limit, as the other "
                    "coefficients jump from one minimum to another"
                )
            there = found if path.objective.is_convex else lowest(path, found, here)
            above = limit.above(there)
            if above > -SAME * limit.reach or there.half > found.half * (1 + SAME):
                return End(found.value, False, other)
            # the floor of another valley, where the limit is not reached yet: on from there
            other, distance = True, abs(found.value - origin)
        idle = idle + 1 if above - limit.above(here) < 1e-9 * limit.reach else 0
        if idle == IDLE:
            break
        reached = above + limit.reach
        distance *= min(max(1.2 * limit.reach / reached, 1.25), 3.0) if reached > 0 else 3.0
        here = there
    return End(side * np.inf, False, other)


def lowest(path: Path, found: Held, inner: Held) -> Held:
    """The lowest of the fits at a value: that found, that which follows from one further in, that of all the starts."""
    return min(found, path.at(found.value, inner), path.afresh(found.value), key=lambda held: held.half)


def inside(path: Path, side: float, limit: Limit) -> Held:
    """A point of the path where the limit is not reached: its start, or on from there towards an infinite estimate.

    Raises CapabilityError where there is none, as a score may be rejected however near to that.
    """
    here, distance = path.start, limit.step
    for _ in range(INWARD):
        if limit.above(here) < 0:
            return here
        here = path.at(here.value - side * distance, here)
        distance *= 2.0
    raise CapabilityError(f"no value of {path.name} was found that is not rejected: use kind='profile'")


def crossing(path: Path, limit: Limit, inner: Held, outer: Held) -> tuple[Held, bool]:
    """Where the limit is crossed between two points, and whether the domain ends there instead."""
    last, other = (outer, limit.above(outer)), (inner, limit.above(inner))
    for _ in range(BETWEEN):
        (b, above_b), (a, above_a) = last, other
        if abs(above_b) <= limit.tolerance:
            break
        known = np.isfinite(above_a) and np.isfinite(above_b)
        value = b.value + (above_b / (above_b - above_a) if known else 0.5) * (a.value - b.value)
        if value in (a.value, b.value):
            value = 0.5 * (a.value + b.value)
        if value in (a.value, b.value):
            break
        there = path.at(value, a if abs(above_a) < abs(above_b) else b)
        above = limit.above(there)
        if (above < 0) != (above_b < 0):
            other = last
        elif known:
            drop = 1.0 - above / above_b
            other = (a, above_a * (drop if drop > 0 else 0.5))
        last = (there, above)
    (b, above_b), (a, above_a) = last, other
    return (b if abs(above_b) < abs(above_a) else a), not np.isfinite([above_a, above_b]).all()
