"""The search for a root of the adjusted score: quasi-Fisher scoring, its last few steps mixed, and a step control.

A plain step is δ = V U at β, with U the adjusted score and V the inverse information. It ignores how the adjustment
changes with β, and so converges linearly, or where a row has all the leverage not at all. Mixing the last steps so that
their remainders cancel (Anderson 1965) learns that change, and converges as fast as a secant method. A step is taken
where it makes U shorter in the metric of where it began, which is natural in that no units and no basis of the columns
matter (Deuflhard 2004, section 3.3). Where neither does, the slope of U is measured by differences, and Newton's step
taken, along which U must become shorter.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.linalg import Array, Factored
from nelder.objective import Objective
from nelder.penalties import ScoreAdjustment
from nelder.reduction.adjusted_score import Adjusted, adjusted
from nelder.solvers import Reason, Step, Tolerance
from nelder.solvers.loop import Watcher, unwatched

STEPS = 300
HALVINGS, FURTHER_HALVINGS = 8, 40  # of a plain step, and of one by a measured slope
MEMORY = 6  # steps that are mixed
ARRIVED = 0.01  # standard errors from a root that is known
PATIENCE = 12  # steps in which the squared length of U must halve
STRIDE = 1e-4  # standard errors over which a slope is measured
NEAREST = 1e-12  # standard errors; where no step comes as near as this, `Tolerance` says what is near enough
SUFFICIENT = 1e-3  # of the length of U: what a full step must take off it
GOOD = 0.5  # of the length of U: what a mixed step must leave no more of, to be taken without a look at the plain one


@dataclass(frozen=True)
class Search:
    """What is searched: an objective under an adjustment, the coefficients that are free (k,), φ if it is held, and
    roots that are `known`: a search that comes close to one of them ends there.
    """

    objective: Objective
    adjustment: ScoreAdjustment
    free: NDArray[np.integer]
    phi: float | None = None
    known: tuple[Adjusted, ...] = ()

    def at(self, beta: Array) -> Adjusted | None:
        """The adjusted score at β, or None where that has none that could be used."""
        here = adjusted(self.objective, self.adjustment, beta, self.phi)
        usable = here is not None and (not len(self.free) or here.metric(self.free) is not None)
        return here if usable else None


@dataclass(frozen=True)
class Root:
    """Where a search began, where it ended and why; `decrement` is the squared length of the adjusted score there."""

    start: Adjusted
    here: Adjusted
    reason: Reason
    decrement: float
    steps: int

    @property
    def converged(self) -> bool:
        """Whether the adjusted score vanishes, to rounding."""
        return self.reason is Reason.CONVERGED

    @property
    def errors(self) -> float:
        """The length of a plain step from here, in standard errors."""
        return float(np.sqrt(self.decrement / self.here.phi)) if self.here.phi > 0 else float("inf")


@dataclass(frozen=True)
class Move:
    """A move that was found: where it led, its size and how many halvings that took."""

    ahead: Adjusted
    size: float = 1.0
    halvings: int = 0

    @property
    def step(self) -> Step:
        """The same as a step of a solver."""
        here = self.ahead
        return Step(here.beta, here.model.value, -here.score, here.model, self.size, self.halvings)


def root(search: Search, start: Adjusted, watch: Watcher = unwatched) -> Root:
    """The root of the adjusted score of the free coefficients, from a place where it can be computed.

    Ctrl-C ends the search and not the program.
    """
    memory: deque[tuple[Array, Array]] = deque(maxlen=MEMORY)
    move, here, decrement, number, free = Move(start), start, np.inf, 0, search.free
    lengths: list[float] = []
    try:
        for number in range(STEPS + 1):
            here = move.ahead
            metric = here.metric(free)
            assert metric is not None
            decrement = left(here, metric, free) ** 2
            watch(number, move.step, decrement)
            for other in search.known:
                if other.errors_from(here.beta) < ARRIVED:
                    return Root(start, other, Reason.CONVERGED, 0.0, number)
            if decrement <= max(NEAREST**2 * here.phi, here.floor):
                return Root(start, here, Reason.CONVERGED, decrement, number)
            memory.append((here.beta[free], metric.solve(here.score[free])))
            lengths.append(decrement / max(here.phi, np.finfo(float).tiny))
            stalled = len(lengths) > PATIENCE and lengths[-1] > 0.5 * lengths[-PATIENCE - 1]
            found = None if stalled else advance(search, here, metric, memory)
            if found is None:
                near = max(Tolerance().errors ** 2 * here.phi, Tolerance().noise ** 2 * here.floor)
                return Root(start, here, Reason.CONVERGED if decrement <= near else Reason.NO_ROOT, decrement, number)
            move = found
    except KeyboardInterrupt:
        return Root(start, here, Reason.INTERRUPTED, decrement, number)
    return Root(start, here, Reason.LIMIT, decrement, number)


def advance(search: Search, here: Adjusted, metric: Factored, memory: deque[tuple[Array, Array]]) -> Move | None:
    """The mixed step where it is good; else the better of it and the plain one, or that halved until it is enough; else
    the same by a measured slope.
    """
    mixed = tried(search, here, mixture(memory, metric)) if len(memory) > 1 else None
    after_mixed, length = left(mixed, metric, search.free), left(here, metric, search.free)
    if mixed is not None and after_mixed <= GOOD * length:
        return Move(mixed)
    plain = halved(search, here, metric, memory[-1][1], HALVINGS)
    if mixed is not None and after_mixed <= (1.0 - SUFFICIENT) * length:
        better = plain is None or after_mixed <= left(plain.ahead, metric, search.free)
        return Move(mixed) if better else plain
    return plain or halved(search, here, metric, measured(search, here, metric), FURTHER_HALVINGS)


def halved(search: Search, here: Adjusted, metric: Factored, step: Array, most: int) -> Move | None:
    """A step (k,), or the first of its halves, that makes the adjusted score shorter; None where none does."""
    length = left(here, metric, search.free)
    for halvings in range(most + 1):
        size = 0.5**halvings
        ahead = tried(search, here, size * step)
        if ahead is not None and left(ahead, metric, search.free) <= (1.0 - SUFFICIENT * size) * length:
            return Move(ahead, size, halvings)
    return None


def measured(search: Search, here: Adjusted, metric: Factored) -> Array:
    """Newton's step (k,) on the adjusted score, whose slope is measured in directions of which each is a standard error
    long.
    """
    reach = STRIDE * np.sqrt(max(here.phi, np.finfo(float).tiny))
    units, score = metric.spread(np.eye(len(search.free))), metric.half_solve(here.score[search.free])
    slope = np.zeros((len(score), len(score)))
    for column, unit in enumerate(units.T):
        ends = [(side, tried(search, here, side * reach * unit)) for side in (-1.0, 1.0)]
        known = [(side, metric.half_solve(end.score[search.free])) for side, end in ends if end is not None]
        if len(known) == 1:
            known.append((0.0, score))
        if len(known) == 2:
            (first, before), (second, after) = known
            slope[:, column] = (after - before) / ((second - first) * reach)
    return np.asarray(-units @ np.linalg.lstsq(slope, score, rcond=1e-12)[0])


def tried(search: Search, here: Adjusted, step: Array) -> Adjusted | None:
    """Where a step (k,) of the free coefficients leads."""
    beta = here.beta.copy()
    beta[search.free] += step
    return search.at(beta) if np.isfinite(step).all() else None


def left(ahead: Adjusted | None, metric: Factored, free: NDArray[np.integer]) -> float:
    """The length of the adjusted score in a given metric; infinite where there is none."""
    return np.inf if ahead is None else float(np.linalg.norm(metric.half_solve(ahead.score[free])))


def mixture(memory: deque[tuple[Array, Array]], metric: Factored) -> Array:
    """The last plain step (k,), corrected by the places and steps before it so that least would be left of it."""
    places, steps = (np.array(rows).T for rows in zip(*memory, strict=True))
    moved, turned = np.diff(places, axis=1), np.diff(steps, axis=1)
    # the factor of the metric takes a step to something of the same length
    unit = (metric.upper / metric.scale) @ np.column_stack([turned, steps[:, -1]])
    weights = np.linalg.lstsq(unit[:, :-1], unit[:, -1], rcond=1e-10)[0]
    return np.asarray(steps[:, -1] - (moved + turned) @ weights)
