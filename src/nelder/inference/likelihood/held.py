"""The best fits with one coefficient held: what profiles and inverted tests walk along.

The others follow by Newton's method from the last fit on the path, moved along its tangent. Where that does not come to
rest inside the domain, the whole machinery of a fit decides. Under separation the rows that run to their limits
whatever the held value are left out: the rest has a finite optimum (Geyer 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.endings.judging import edge_rows
from nelder.lazy import lazy
from nelder.linalg import Array, triangle
from nelder.objective import Objective
from nelder.quadratic import Direction, Gram, Triangle
from nelder.solvers.search import enough, halving

STEPS = 50
NEAR = 1e-20  # of φ: a squared Newton decrement as good as none
ENOUGH = 1e-14  # of φ: one that is not worth another fit
BLURRED = 256.0  # times what rounding in η makes of it


@dataclass(frozen=True)
class Held:
    """The best fit with a coefficient held at `value`: β (k,) and `half` the deviance, which is infinite where no such
    fit exists.

    `slope` and `curvature` are the derivatives of that half along the path and `tangent` (k,) that of β, nan where the
    fit lies at the edge of the domain.
    """

    value: float
    beta: Array
    half: float
    slope: float
    curvature: float
    tangent: Array


@dataclass(frozen=True)
class Around:
    """A local model at some β (k,), and Newton's method in all coefficients but the one in `column`."""

    model: Gram | Triangle
    column: int

    @lazy
    def free(self) -> NDArray[np.integer]:
        """The other coefficients."""
        return np.flatnonzero(np.arange(len(self.model.gradient)) != self.column)

    @lazy
    def part(self) -> Gram | Triangle:
        """The model of the other coefficients."""
        model, free = self.model, self.free
        gradient = model.gradient[free]
        if isinstance(model, Triangle):
            return Triangle(model.value, gradient, triangle(model.upper[:, free]), model.noise, model.blur)
        return Gram(model.value, gradient, model.information[np.ix_(free, free)], model.noise, model.blur)

    @property
    def usable(self) -> bool:
        """Whether a step from this model is worth taking."""
        if not len(self.free):
            return True
        return self.part.safe if isinstance(self.part, Gram) else self.part.factored is not None

    def newton(self) -> Direction | None:
        """The step δ (k,), zero for the held coefficient."""
        delta = np.zeros(len(self.model.gradient))
        if not len(self.free):
            return Direction(delta, 0.0)
        found = self.part.newton()
        if found is None:
            return None
        delta[self.free] = found.delta
        return Direction(delta, found.decrement)

    def held(self, beta: Array) -> Held:
        """The fit at the β (k,) of this model."""
        information = self.model.information[self.column]
        tangent = unit(self.column, len(beta))
        if len(self.free):
            assert self.part.factored is not None
            tangent[self.free] = -self.part.factored.solve(information[self.free])
        slope, curvature = self.model.gradient[self.column], information @ tangent
        return Held(float(beta[self.column]), beta, self.model.value, float(slope), float(curvature), tangent)


def around(objective: Objective, beta: Array, column: int) -> Around:
    """The cheapest model at β that keeps its digits: see `solvers.newton.best_model`."""
    for observed in (True, False):
        made: Any = objective.quadratic(beta, Gram, observed)
        here = Around(made, column)
        if here.usable or not np.isfinite(made.value):
            return here
    made = objective.quadratic(beta, Triangle, True)
    return Around(made, column)


def settle(objective: Objective, beta: Array, column: int, near_edge: bool = False) -> Held | None:
    """The best fit with the coefficient in `column` as it is in β (k,), by Newton's method from there.

    None where it does not come to rest; or where it does so next to an edge of the domain, unless that is known to be
    right, as weights without limit make every step short there.
    """
    here, before = around(objective, beta, column), np.inf
    for _ in range(STEPS):
        direction = here.newton()
        if direction is None or not np.isfinite(here.model.value):
            return None
        decrement, noise = direction.decrement, here.model.noise
        phi = objective.dispersion_at(here.model.value)
        stalled = decrement > before / 4 and decrement <= max(ENOUGH * phi, BLURRED * noise)
        if decrement <= max(NEAR * phi, noise) or stalled:
            wrong = not near_edge and bool(len(edge_rows(objective, beta)))
            return None if wrong else here.held(beta)
        ahead = advance(objective, beta, here, direction)
        if ahead is None:
            return None
        beta, here, before = *ahead, decrement
    return None


def advance(objective: Objective, beta: Array, here: Around, step: Direction) -> tuple[Array, Around] | None:
    """As far along a step as the deviance falls, and the model there; None where it does not."""
    value, blur = here.model.value, here.model.blur
    ahead = around(objective, beta + step.delta, here.column)
    if enough(value, ahead.model.value, step.decrement, blur):
        return beta + step.delta, ahead
    found = halving(objective, (beta, value), step.delta, step.decrement, blur)
    if found.stuck:
        return None
    there = beta + found.size * step.delta
    return there, around(objective, there, here.column)


def unit(column: int, k: int) -> Array:
    """The vector (k,) with a 1 in this place."""
    return np.asarray(np.arange(k) == column, dtype=float)
