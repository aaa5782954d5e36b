"""From a fit to the path of its best fits along one coefficient, at whatever values of that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import Ray
from nelder.endings import ending
from nelder.endings.edges import Edge, along, find_edge
from nelder.endings.separation import Separation, find_separation
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.inference.likelihood.held import Held, settle, unit
from nelder.lazy import lazy
from nelder.linalg import Array, independent_columns
from nelder.objective import Objective
from nelder.ranks import rank_of_rows, selected
from nelder.solvers import Newton, Reason, solve
from nelder.solvers.starts import usual

STONES = 60  # steps on the way to a value that one step does not reach
HALVINGS = 6  # of a step
ASTRAY = 0.25  # of what a deviance rises by in one
ROUNDED = 1e-9  # of its size: a coefficient moves by less for rounding alone


@dataclass(frozen=True)
class Path:
    """The best fits of an objective with the coefficient in `column` held, each with a finite optimum.

    `estimate` is the coefficient's own, infinite under separation, `least` half the deviance there on these rows, and
    `start` a fit on the path. `columns` are those of the fit's k that are left, and `gone` (k,) is ±inf for those that
    run to it, nan where that is not known, 0 for the others. `flat` says that the value makes no difference at all.
    """

    fit: Fit
    column: int
    estimate: float
    least: float
    start: Held
    columns: NDArray[np.integer]
    gone: Array
    flat: bool = False

    @property
    def objective(self) -> Objective:
        """The rows and columns of the path."""
        return self.fit.rows_of_data("a fit with a coefficient held")

    @property
    def name(self) -> str:
        """The name of the coefficient."""
        return self.objective.design.names[self.column]

    @property
    def scale(self) -> float:
        """About how far the coefficient moves for the deviance to rise by φ: by the curvature at the start where it has
        one, else by the standard error, or by what is inside the domain, as long as these are not mere rounding.
        """
        phi, start = float(np.sqrt(self.fit.dispersion)), self.start
        se = float(np.sqrt(self.fit.point_covariance[self.columns[self.column], self.columns[self.column]]))
        inward = abs(float(self.within[self.column]) - start.value)
        if 0 < start.curvature < np.inf:
            return phi / float(np.sqrt(start.curvature))
        least = ROUNDED * self.size
        return next((size for size in (se, inward) if least < size < np.inf), self.size)

    @property
    def size(self) -> float:
        """The coefficient that by itself makes η as large as it is inside the domain, or 1 where that is zero."""
        blocks = self.objective.design.handles
        eta = max(float(np.abs(block.eta(self.within)).max(initial=0.0)) for block in blocks)
        column = unit(self.column, len(self.start.beta))
        return (eta or 1.0) / max(float(np.abs(block.along(column)).max(initial=0.0)) for block in blocks)

    @lazy
    def within(self) -> Array:
        """A β (k,) well inside the domain: that of the start, unless the fit lies at an edge."""
        return usual(self.objective)[0] if self.fit.at_edge else self.start.beta

    def coefficients(self, held: Held) -> Array:
        """All k coefficients at a fit on the path."""
        beta = np.zeros(len(self.gone))
        beta[self.columns] = held.beta
        return np.where(self.gone == 0, beta, self.gone)

    def at(self, value: float, near: Held, halvings: int = HALVINGS) -> Held:
        """The best fit at a value, from one near it; half the deviance is infinite where there is none.

        Where there may be several minima, a step that did not follow the valley it began in is taken again in halves.
        """
        there = self.stepped(value, near)
        middle = 0.5 * (near.value + value)
        if self.objective.is_convex or not halvings or middle in (near.value, value) or follows(near, there):
            return there
        again = self.at(value, self.at(middle, near, halvings - 1), halvings - 1)
        return min(there, again, key=lambda held: held.half)

    def stepped(self, value: float, near: Held) -> Held:
        """The same in one step; or in several where one leaves the range of numbers, but the domain has no end."""
        endless = not np.isfinite(self.objective.loss.bounds).any()
        found = self.guessed(value, near) or (self.by_stones(value, near) if endless else None)
        return found or replace(near, value=value, half=np.inf)

    def by_stones(self, value: float, near: Held) -> Held | None:
        """The fit at a value by way of others between; None where these lead nowhere either."""
        here, step = near, value - near.value
        for _ in range(STONES):
            step *= 0.5
            if here.value + step in (here.value, value):
                return None
            stone = self.guessed(here.value + step, here)
            if stone is not None:
                there = self.guessed(value, stone)
                if there is not None:
                    return there
                here, step = stone, value - stone.value
        return None

    def guessed(self, value: float, near: Held) -> Held | None:
        """The fit at a value that begins along the tangent of one near it, or with the others held; None where no such
        point, and none inside the domain, has a deviance.
        """
        guesses = near.beta + (value - near.value) * np.stack([near.tangent, unit(self.column, len(near.beta))])
        guesses[:, self.column] = value
        guesses = guesses[np.isfinite(guesses).all(axis=1)]
        values = self.objective.values(guesses)
        guess = guesses[int(np.argmin(values))] if np.isfinite(values).any() else self.between(value)
        if guess is None:
            return None
        # next to a fit at an edge there is another, which Newton's method would not come to rest at
        at_edge = np.isfinite(near.half) and not np.isfinite(near.slope)
        found = None if at_edge else settle(self.objective, guess, self.column)
        return found or self.afresh(value, guess)

    def between(self, value: float) -> Array | None:
        """A β (k,) inside the domain with the coefficient at a value; None where there is none.

        It lies between a point that is well inside and one that is further on, by a linear programme.
        """
        inner, objective = self.within, self.objective
        step = value - inner[self.column]
        if not np.isfinite(objective.loss.bounds).any():
            return None
        if step == 0:
            return inner
        outer = furthest(objective, inner, 4.0 * step * unit(self.column, len(inner)))
        share = step / (outer - inner)[self.column] if (outer != inner).any() else np.inf
        if not share < 1.0:
            return None
        guess = inner + share * (outer - inner)
        guess[self.column] = value
        return guess if np.isfinite(objective.values(guess[None, :])[0]) else None

    def wall(self, held: Held, side: float) -> float:
        """Where the domain ends beyond a point next to its end; infinite where it does so nowhere."""
        if not np.isfinite(self.objective.loss.bounds).any():
            return side * np.inf
        inner = self.within
        step = 2.0 * (held.value - inner[self.column]) * unit(self.column, len(inner))
        return float(furthest(self.objective, inner, step)[self.column])

    def afresh(self, value: float, guess: Array | None = None) -> Held:
        """The same by the whole machinery of a fit: from all its starts, or from a guess (k,), next to which there may
        be an edge. Raises CapabilityError where it does not converge.
        """
        k = self.objective.design.p
        basis, origin = np.delete(np.eye(k), self.column, axis=1), value * unit(self.column, k)
        if k == 1:  # nothing is left to fit
            found = settle(self.objective, origin, self.column, near_edge=True)
            return found or at_edge(origin, np.inf, self.column)
        small = replace(along(self.objective, basis, origin), penalty=self.objective.penalty)
        where = f"with {self.name} held at {value:g}"
        try:
            with np.errstate(all="ignore"):
                gamma, interior = optimum(small, None if guess is None else np.delete(guess, self.column))
        except DataError as problem:
            raise CapabilityError(f"{where} no fit was found: {problem}") from None
        except CapabilityError as problem:
            raise CapabilityError(f"{where} the fit does not converge: {problem}") from None
        beta = origin + basis @ gamma
        found = settle(self.objective, beta, self.column, near_edge=True) if interior else None
        return found or at_edge(beta, float(self.objective.values(beta[None, :])[0]), self.column)


def optimum(objective: Objective, guess: Array | None) -> tuple[Array, bool]:
    """The certified optimum (k,) of an objective, from a guess (k,) or from all its starts, and whether it is inside
    the domain. Raises CapabilityError where there is none, DataError where there is no start.
    """
    if guess is not None and np.isfinite(objective.loss.bounds).any():
        edge = find_edge(objective, guess)
        if isinstance(edge, Edge):
            return edge.beta, False
    # where rounding has put a guess outside, the usual starts are left
    inside = guess is not None and np.isfinite(objective.values(guess[None, :])[0])
    solver = Newton(start=guess.tolist()) if guess is not None and inside else Newton()
    ended = ending(objective, solver, solve(objective, solver))
    if not ended.certified or isinstance(ended.point, Ray):
        raise CapabilityError(ended.reason.value)
    return ended.point, ended.reason is not Reason.AT_EDGE


def follows(near: Held, there: Held) -> bool:
    """Whether the deviances of two fits on the path differ by what their slopes say, as they do along a valley."""
    risen = there.half - near.half
    return not abs(risen - 0.5 * (near.slope + there.slope) * (there.value - near.value)) > ASTRAY * abs(risen)


def at_edge(beta: Array, half: float, column: int) -> Held:
    """A fit at the edge of the domain, where the path has no derivatives."""
    return Held(float(beta[column]), beta, half, np.nan, np.nan, np.full(len(beta), np.nan))


def furthest(objective: Objective, beta: Array, step: Array) -> Array:
    """The point (k,) of the closed domain that is furthest from β along the one coefficient that a step (k,) changes,
    at most as far as that; β itself where none is.
    """
    from scipy.optimize import linprog

    blocks, column = objective.design.handles, int(np.argmax(np.abs(step)))
    X = np.vstack([block.dense() for block in blocks])
    eta = np.concatenate([block.eta(beta) for block in blocks])
    sides = [(side, end) for side, end in zip((-1.0, 1.0), objective.loss.bounds, strict=True) if np.isfinite(end)]
    rows = np.vstack([side * X for side, _ in sides])
    room = np.concatenate([side * (end - eta) for side, end in sides])
    size = np.abs(X).max(axis=0)
    size[column] = 1.0 / step[column]
    free: list[tuple[float | None, float | None]] = [(None, None)] * len(size)
    free[column] = (0.0, 1.0)
    found: Any = linprog(-unit(column, len(size)), rows / size, room, bounds=free, method="highs")
    return beta + found.x / size if found.status == 0 else beta


def path_along(fit: Fit, column: int) -> Path:
    """The path of a fit along one of the k columns of its objective."""
    objective, point = fit.rows_of_data("a fit with a coefficient held"), fit.point
    estimate = float(np.asarray(fit.coef)[~fit.aliased][column])
    everything, gone = np.arange(objective.design.p), np.zeros(objective.design.p)
    if not isinstance(point, Ray):
        found = None if fit.at_edge else settle(objective, point, column, near_edge=True)
        start = found or at_edge(point, fit.deviance / 2, column)
        return Path(fit, column, estimate, start.half, start, everything, gone)
    others = replace(objective, design=selected(objective, everything != column))
    separation = find_separation(others) if len(gone) > 1 else None
    if separation is None:
        path = Path(fit, column, estimate, fit.deviance / 2, at_edge(point.base, np.inf, column), everything, gone)
    else:
        path = remaining(fit, column, separation)
    return path if path.flat else replace(path, start=begun(path))


def begun(path: Path) -> Held:
    """The fit at the value where a path starts; where no mean is allowed at that, at one well inside the domain."""
    start = path.start
    if not np.isfinite(path.objective.values(start.beta[None, :])[0]):
        start = at_edge(usual(path.objective)[0], np.inf, path.column)
    return replace(path, start=start).at(start.value, start)


def remaining(fit: Fit, column: int, separation: Separation) -> Path:
    """The path along a column on the rows that a separation by the other columns leaves.

    Of the other columns it keeps those that these rows can tell apart. Its start is not a fit yet.
    """
    objective, point = fit.rows_of_data("a fit with a coefficient held"), fit.point
    assert isinstance(point, Ray)
    k, moved = objective.design.p, np.concatenate(separation.rows)
    still, away = objective.without(np.flatnonzero(moved)), objective.without(np.flatnonzero(~moved))
    end = Ray(point.base, np.insert(separation.direction, column, 0.0), np.zeros((k, k)))
    least = (fit.deviance - away.totals(end).deviance) / 2
    # the column itself last: it is left out only where it says nothing that the others do not
    order = np.append(np.delete(np.arange(k), column), column)
    known, shares = independent_columns(rank_of_rows(still)[:, order])
    kept, combination = np.zeros(k, dtype=bool), np.zeros((k, k))
    kept[order], combination[np.ix_(order, order)] = known, shares
    size = np.linalg.norm(rank_of_rows(objective), axis=0)[:, None]
    loose = size * (np.eye(k)[:, ~kept] - combination[:, ~kept])
    identified = ~np.any(np.abs(loose) > 1e-9 * np.abs(loose).max(axis=0, initial=1e-300), axis=1)
    signed = np.insert(separation.signed, column, True) & (end.direction != 0)
    gone = np.where(identified, 0.0, np.where(signed, np.copysign(np.inf, end.direction), np.nan))
    beta = point.base + combination @ np.where(kept, 0.0, point.base)
    small = replace(fit, objective=replace(still, design=selected(still, kept)))
    place = int(np.sum(kept[:column]))
    start = at_edge(beta[kept], np.inf, place) if kept[column] else at_edge(beta, np.inf, column)
    estimate = float(np.asarray(fit.coef)[~fit.aliased][column])
    return Path(small, place, estimate, least, start, np.flatnonzero(kept), gone, not kept[column])
