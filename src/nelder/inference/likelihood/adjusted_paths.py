"""Roots of adjusted scores with one coefficient held: what intervals under a score adjustment walk along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.endings.edges import along
from nelder.errors import CapabilityError, DataError
from nelder.linalg import Array
from nelder.penalties import Unpenalised
from nelder.reduction import Adjusted, Search, beginning, root, starts

OUTWARD = 100  # steps
FURTHER = 1.6  # of the last distance
LOOK = 0.25  # of the distance to a crossing: how far beyond it to look for another maximum
BRANCHES = 10
HIGHER = 1e-6  # of the penalised log-likelihood: more than rounding
NEARLY = 0.05  # of the distance to a wall: so near it, growth is what leads up to the wall


@dataclass(frozen=True)
class Limit:
    """The value of a statistic that ends an interval, on which side, and what is as good as there."""

    side: float
    reach: float
    precision: float


@dataclass(frozen=True)
class AdjustedPath:
    """The roots of the adjusted scores of all coefficients but the one in `column`, which is held.

    `best` is the estimate, and `power` the a of the penalised likelihood where there is one.
    """

    search: Search
    best: Adjusted
    column: int
    power: float | None

    @property
    def free(self) -> NDArray[np.integer]:
        """The other coefficients."""
        return self.search.free

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.search.objective.design.names[self.column]

    def value(self, here: Adjusted) -> float:
        """The value at which the coefficient is held."""
        return float(here.beta[self.column])

    def at(self, value: float, near: Adjusted) -> Adjusted | None:
        """A root with the coefficient held at a value, close to one near it, or found afresh; None where none is."""
        local = self.first(self.guesses(value, near))
        return local if local is not None else self.first(self.fresh(value))

    def first(self, guesses: Iterable[Array]) -> Adjusted | None:
        """The first root that a search from one of some β (k,) ends at."""
        for guess in guesses:
            here = self.search.at(guess)
            if here is not None and not len(self.free):
                return here
            found = root(self.search, here) if here is not None else None
            if found is not None and found.converged:
                return found.here
        return None

    def guesses(self, value: float, near: Adjusted) -> Iterator[Array]:
        """Where to look for it (k,): along the tangent of the others, and with the others as they are."""
        column, plain = self.column, near.beta.copy()
        plain[column] = value
        metric = near.metric(self.free) if len(self.free) else None
        if metric is not None:
            along = plain.copy()
            along[self.free] -= (value - self.value(near)) * metric.solve(near.model.information[self.free, column])
            yield along
        yield plain

    def fresh(self, value: float) -> Iterator[Array]:
        """Where a fit of the others alone would begin (k,)."""
        k, column = len(self.best.beta), self.column
        basis, origin = np.delete(np.eye(k), column, axis=1), np.where(np.arange(k) == column, value, 0.0)
        if not len(self.free):
            return
        small = replace(along(self.search.objective, basis, origin), penalty=Unpenalised())
        try:
            yield from (origin + basis @ start for start in starts(small, beginning(small)))
        except DataError:  # no mean is allowed there
            return

    def statistic(self, here: Adjusted, side: float) -> float:
        """How far from the estimate, in standard errors: zero there, and growing on the given side."""
        phi = self.best.phi
        if self.power is None:
            unit = np.zeros(len(here.beta))
            unit[self.column] = 1.0
            variance = float(here.factored.solve(unit)[self.column])
            return float(-side * here.score[self.column] * np.sqrt(variance / phi))
        lost = (here.model.value - self.best.model.value) / phi
        lost -= self.power * (here.log_determinant - self.best.log_determinant)
        if lost < -HIGHER:
            raise CapabilityError(
                f"with {self.name} held at {self.value(here):g} the penalised likelihood is higher than at the "
                "estimate, which is another of its maxima: take Wald's intervals, or fewer columns"
            )
        return float(np.sqrt(max(2.0 * lost, 0.0)))

    def bracket(self, inner: Adjusted, distance: float, limit: Limit) -> tuple[Adjusted, Adjusted] | None:
        """Two roots on one side between which the statistic reaches a limit; None where it does so nowhere."""
        middle, wall, before = self.value(self.best), np.inf, inner
        for _ in range(OUTWARD):
            outer = self.at(middle + limit.side * distance, inner)
            if outer is None:
                wall = distance
            elif self.statistic(outer, limit.side) >= limit.reach:
                return inner, outer
            else:
                before, inner = inner, outer
            inside = abs(self.value(inner) - middle)
            if wall - inside <= limit.precision or self.out_of_reach((before, inner), wall, limit):
                break
            distance = 0.5 * (inside + wall) if np.isfinite(wall) else FURTHER * distance
        return None

    def out_of_reach(self, roots: tuple[Adjusted, Adjusted], wall: float, limit: Limit) -> bool:
        """Whether the statistic at the last two roots is so flat before a wall, beyond which no root is known, that it
        falls short of a limit there even if it grows by as much each time that what is left of the way is halved.
        """
        middle = self.value(self.best)
        gap, last = (wall - abs(self.value(each) - middle) for each in roots)
        if not last < gap <= NEARLY * wall:
            return False
        before, now = (self.statistic(each, limit.side) for each in roots)
        growth = max(now - before, 0.0) / np.log(gap / last)
        return bool(now + growth * np.log(last / limit.precision) < limit.reach)

    def crossing(self, between: tuple[Adjusted, Adjusted], limit: Limit) -> Adjusted:
        """Where the statistic is at a limit, between two roots; each look begins at the nearest root that is known."""
        from scipy.optimize import brentq

        known = list(between)

        def nearest(value: float) -> Adjusted:
            return min(known, key=lambda each: abs(self.value(each) - value))

        def above(value: float) -> float:
            here = self.at(value, nearest(value))
            if here is None:
                raise CapabilityError(
                    f"with {self.name} held at {value:g} the adjusted scores of the others have no root: take Wald's "
                    "intervals, or penalty='jeffreys'"
                )
            known.append(here)
            return self.statistic(here, limit.side) - limit.reach

        inner, outer = (self.value(each) for each in between)
        return nearest(float(brentq(above, inner, outer, xtol=limit.precision, rtol=4 * np.finfo(float).eps)))

    def end(self, step: float, limit: Limit) -> float:
        """Where the statistic reaches a limit on one side; nan where it does so nowhere.

        A penalised likelihood may have several maxima with a coefficient held, and then the highest counts: at each
        crossing the roots beyond it are followed back, as long as they lead to a higher one.
        """
        found = self.bracket(self.best, step, limit)
        for _ in range(BRANCHES):
            if found is None:
                return float("nan")
            end = self.crossing(found, limit)
            other = self.higher(end, limit) if self.power is not None else None
            if other is None:
                return self.value(end)
            found = other
        raise CapabilityError(
            f"the penalised likelihood has too many maxima with {self.name} held near {self.value(end):g}: take Wald's "
            "intervals, or fewer columns"
        )

    def higher(self, end: Adjusted, limit: Limit) -> tuple[Adjusted, Adjusted] | None:
        """Roots on another branch between which the statistic reaches its limit further out; None without any."""
        value, middle = self.value(end), self.value(self.best)
        beyond = value + LOOK * (value - middle)
        nearby = (*self.guesses(beyond, self.best), *self.fresh(beyond))
        tried = [self.first(self.guesses(beyond, end)), *(self.first([guess]) for guess in nearby)]
        found = [each for each in tried if each is not None]
        if not found:
            return None
        highest = min(found, key=lambda each: self.statistic(each, limit.side))
        if self.statistic(highest, limit.side) < limit.reach:
            return self.bracket(highest, FURTHER * abs(beyond - middle), limit)
        back = self.first(self.guesses(value, highest))
        if back is None or self.statistic(back, limit.side) > limit.reach - HIGHER:
            return None
        return back, highest
