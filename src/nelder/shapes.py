"""Shape parameters that are estimated with the coefficients: θ of the negative binomial, the power of Tweedie's family.

At each value of the shape the coefficients, and φ, are where the likelihood is highest. What is left is a function of
one number, the profile likelihood. Its slope is the partial derivative of the likelihood there, in closed form, so that
its maxima are roots between neighbours on a grid: all of them are found, and the highest is taken.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from nelder.design import Block, Ray
from nelder.diagnosis import Diagnosis, SeveralShapes, ShapeAtEnd, ShapeUnknown
from nelder.dispersion import dispersion_score, likeliest_dispersion, slope
from nelder.endings import Ending, ending, is_perfect
from nelder.errors import CapabilityError
from nelder.estimate import Shape
from nelder.families import Family
from nelder.linalg import Array, independent_columns
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.ranks import rank_of_rows, selected
from nelder.solvers import automatic, solve

NEARLY = 1.92  # a log-likelihood that is lower by less is no worse at the 5 % level
WARM = 25  # steps from a start that is near: more are taken only where the optimum lies at an edge
ROUNDS = 3  # of beginning again where another start has found a lower deviance
LOWER = 1e-9  # relative: a deviance that is lower by more is another minimum
STEP = 0.01  # of the distance to the next place of the grid, or of log φ: for derivatives


class NoOptimum(Exception):
    """No coefficients are best at some value of the shape, or none that could be found."""


def shape_kernel(block: Block, beta: Array, loss: Loss, phi: float) -> float:
    """The slope of the log-likelihood along the axis of the shape, coefficients and φ held."""
    with np.errstate(all="ignore"):
        total = 0.0
        for rows in block.slices():
            score = loss.family.shape_score(rows.y, Mean(loss.link, rows.eta(beta)), phi, rows.own_precision)
            total += float(rows.frequency @ score)
        return total


def extent_kernel(block: Block, beta: Array, loss: Loss) -> Array:
    """The smallest and the largest mean (2,) of the rows with a positive response."""
    mu = loss.link.mean(block.eta(beta))[block.y > 0]
    return np.array([mu.min(initial=np.inf), mu.max(initial=0.0)])


@dataclass(frozen=True)
class Place:
    """A shape, where it lies on its axis, and what goes with it: coefficients (p,), φ, and the log-likelihood with its
    slope along the axis.
    """

    value: float
    at: float
    beta: Array
    phi: float
    loglik: float
    slope: float


@dataclass(frozen=True)
class Maximum:
    """A place where the profile is highest nearby; `scale` is how far its neighbours on the grid are, 0 at its ends."""

    place: Place
    scale: float
    first_end: bool = False


@dataclass(frozen=True)
class Profile:
    """The likelihood of the shape alone. The objective has no aliased columns, no penalty and is not separated."""

    objective: Objective

    def model(self, value: float) -> Objective:
        """The objective at this shape."""
        loss = self.objective.loss
        return replace(self.objective, loss=replace(loss, family=loss.family.with_shape(value)))

    def value(self, at: float) -> float:
        """The shape at this place on its axis."""
        return self.objective.loss.family.shape_coordinate(at)

    def place(self, value: float, near: Array | None = None, phi: float | None = None) -> Place:
        """The place of a shape, from coefficients (p,) and φ that are near. Raises NoOptimum."""
        model = self.model(value)
        beta = optimum(model, near)
        phi = 1.0 if model.loss.family.dispersion_known else likeliest_dispersion(model, beta, phi)
        if not phi > 0:
            raise NoOptimum
        score = self.slope_at(value, beta, phi)
        loglik = model.loglik(model.totals(beta).deviance, phi)
        return Place(value, model.loss.family.shape_coordinate(value), beta, phi, loglik, score)

    def slope_at(self, value: float, beta: Array, phi: float) -> float:
        """The slope along the axis, the coefficients and φ held."""
        model = self.model(value)
        total: float = model.over_rows(shape_kernel, beta, model.loss, phi)
        return total

    def scan(self, first: Place) -> list[Place]:
        """The places of the family's grid, from end to end; those without an optimum are left out."""
        model, near, found = self.model(first.value), first, []
        extents = np.array(model.engine.map(extent_kernel, model.design.handles, near.beta, model.loss))
        for value in model.loss.family.shape_grid((float(extents[:, 0].min()), float(extents[:, 1].max()))):
            try:
                near = self.place(float(value), near.beta, near.phi)
            except NoOptimum:
                continue
            found.append(near)
        return found

    def crossing(self, low: Place, high: Place, drop: float | None = None) -> Place:
        """The place between two where the slope is zero, or where the log-likelihood is `drop`. Raises NoOptimum."""
        from scipy.optimize import brentq

        seen = {low.at: low, high.at: high}

        def height(at: float) -> float:
            if at not in seen:
                nearest = min(seen.values(), key=lambda place: abs(place.at - at))
                seen[at] = self.place(self.value(at), nearest.beta, nearest.phi)
            return seen[at].slope if drop is None else seen[at].loglik - drop

        at = float(brentq(height, low.at, high.at, xtol=1e-11 * (high.at - low.at), rtol=1e-14))
        height(at)
        return seen[at]

    def maxima(self, first: Place) -> list[Maximum]:
        """All maxima of the profile that the grid can tell apart, the highest first."""
        places = self.scan(first)
        found = []
        for low, high in itertools.pairwise(places):
            if low.slope > 0 >= high.slope:
                width = high.at - low.at
                try:
                    found.append(Maximum(self.crossing(low, high), min(width, low.at or width)))
                except NoOptimum:
                    continue
        if places and places[0].slope <= 0:
            found.append(Maximum(places[0], 0.0, first_end=True))
        if places and places[-1].slope > 0:
            found.append(Maximum(places[-1], 0.0))
        return sorted(found, key=lambda maximum: -maximum.place.loglik)

    def information(self, place: Place, scale: float) -> Array:
        """Minus the second derivatives of the log-likelihood in the shape, on its axis, and log φ where that is not
        known (k, k), the means held: they are orthogonal to both in expectation (Cox & Reid 1987).
        """
        known = self.objective.loss.family.dispersion_known

        def score(at: float, log_phi: float) -> Array:
            value, phi = self.value(place.at + at), place.phi * float(np.exp(log_phi))
            along = self.slope_at(value, place.beta, phi)
            return np.array([along] if known else [along, dispersion_score(self.model(value), place.beta, phi)])

        columns = [slope(lambda move: score(move, 0.0), STEP * scale, -place.at)]
        if not known:
            columns.append(slope(lambda move: score(0.0, move), STEP))
        return -np.stack(columns)

    def standard_error(self, best: Maximum) -> float:
        """The standard error of the shape, from `information`; nan at an end, and for a sample, without likelihood."""
        place = best.place
        if not best.scale or self.objective.sampling:
            return float("nan")
        variance = np.linalg.inv(self.information(place, best.scale))[0, 0]
        stretch = self.objective.loss.family.shape_stretch(place.value)
        return float(stretch * np.sqrt(variance)) if variance > 0 else float("nan")


@dataclass(frozen=True)
class Shaped:
    """An objective whose family knows its shape, and that shape, if it has one.

    Where it was estimated, `phi` is the dispersion that goes with it, if that is not known either.
    """

    objective: Objective
    shape: Shape | None
    phi: float | None = None
    findings: tuple[Diagnosis, ...] = ()


def shaped(objective: Objective) -> Shaped:
    """The objective with the shape of its family estimated, where that is unknown. Aliased columns are left out before.

    Raises CapabilityError where there is a penalty.
    """
    family = objective.loss.family
    if not family.unknown:
        given = Shape(family.shape_name, family.shape, float("nan"), False) if family.shape_name else None
        return Shaped(objective, given)
    if objective.penalty.adjustment is not None or objective.holds:
        raise CapabilityError(
            f"{family.shape_name} of {family.name} is estimated at the maximum of the likelihood, from which penalty "
            f"'{objective.penalty.name}' moves away: fit without penalty first, and then with the estimate written "
            f"out, as '{family.name}({family.shape_name}=1.5)'"
        )
    found = estimated(objective)
    shape = Shape(family.shape_name, found.value, found.error, True)
    return Shaped(Profile(objective).model(found.value), shape, found.phi, found.findings)


@dataclass(frozen=True)
class Estimated:
    """A shape with its standard error, φ where it goes with it, and what was found."""

    value: float
    error: float = float("nan")
    phi: float | None = None
    findings: tuple[Diagnosis, ...] = ()


def estimated(objective: Objective) -> Estimated:
    """The likeliest shape. Rows whose means run to their limits have probability one at any shape, and are left out."""
    profile, family, near = Profile(objective), objective.loss.family, None
    if objective.design.p:
        end = judged(profile.model(family.shape_start))
        if isinstance(end.point, Ray):
            rest = finite_part(objective, end.point)
            return estimated(rest) if rest is not None else undecided(family, "every mean is at its limit")
        if is_perfect(profile.model(family.shape_start), end):
            return undecided(family, "the fit is perfect to rounding")
        near = end.point
    try:
        found = search(profile, near)
    except NoOptimum:
        return undecided(family, "no optimum of the coefficients was found to go with it")
    best, name = found[0], family.shape_name
    findings: list[Diagnosis] = []
    if not best.scale:
        findings.append(ShapeAtEnd(name, best.place.value, family.at_the_end(best.first_end)))
    others = [other.place.value for other in found[1:] if best.place.loglik - other.place.loglik < NEARLY]
    if others:
        findings.append(SeveralShapes(name, best.place.value, tuple(others), family.name))
    phi = None if family.dispersion_known else best.place.phi
    return Estimated(best.place.value, profile.standard_error(best), phi, tuple(findings))


def undecided(family: Family, why: str) -> Estimated:
    """The value to begin with, and the reason why there is no estimate."""
    finding = ShapeUnknown(family.shape_name, family.shape_start, why, family.name)
    return Estimated(family.shape_start, findings=(finding,))


def search(profile: Profile, near: Array | None) -> list[Maximum]:
    """The maxima of a profile, the highest first. Raises NoOptimum where there are none.

    Where the deviance may have several minima, and the lowest from scattered starts is not the one that was followed
    along the profile, the search begins again from there.
    """
    first = profile.place(profile.objective.loss.family.shape_start, near)
    for _ in range(ROUNDS):
        found = profile.maxima(first)
        if not found:
            raise NoOptimum
        best = found[0].place
        model = profile.model(best.value)
        if model.is_convex or not model.design.p:
            break
        fresh = optimum(model)
        followed, lowest = model.values(np.stack([best.beta, fresh]))
        if lowest >= followed - LOWER * abs(followed):
            break
        first = profile.place(best.value, fresh)
    return found


def optimum(model: Objective, near: Array | None = None) -> Array:
    """The best coefficients (p,), from `near` (p,) or else from scratch. Raises NoOptimum."""
    none = np.zeros(0)
    if not model.design.p:
        if not np.isfinite(model.values(none[None, :])[0]):
            raise NoOptimum
        return none
    for begin in (None,) if near is None else (near, None):
        end = judged(model, begin)
        if end.certified and not isinstance(end.point, Ray):
            return end.point
    raise NoOptimum


def judged(model: Objective, near: Array | None = None) -> Ending:
    """How the automatic solver ends, from `near` (p,) where that is allowed."""
    solver = automatic(model)
    if near is not None and np.isfinite(model.values(near[None, :])[0]):
        solver = replace(solver, start=near.tolist(), max_steps=WARM)
    return ending(model, solver, solve(model, solver))


def finite_part(objective: Objective, ray: Ray) -> Objective | None:
    """The objective of the rows that a ray leaves where they are, and of the columns that these tell apart; None where
    it leaves none.
    """
    moved = np.concatenate([np.isinf(ray.eta(block)) for block in objective.design.handles])
    if moved.all():
        return None
    rest = objective.without(np.flatnonzero(moved))
    kept, _ = independent_columns(rank_of_rows(rest))
    return replace(rest, design=selected(rest, kept))
