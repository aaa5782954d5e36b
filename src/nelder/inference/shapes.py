"""Intervals of a shape parameter that was estimated: θ of the negative binomial, the power of Tweedie's family."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nelder.design import Ray
from nelder.dispersion import slope
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.inference.wald import checked_level, two_sided_quantile
from nelder.linalg import Array
from nelder.shapes import STEP, NoOptimum, Place, Profile, finite_part
from nelder.table import Table

WHAT = "an interval of the shape parameter"


def shape_interval(fit: Fit, level: float = 0.95) -> Table:
    """Intervals of the shape that was estimated with the fit: columns method, estimate, se, lower, upper.

    "profile" holds every value at which the likelihood, the coefficients and φ at their best, is not lower than its
    maximum by more than half the quantile of χ² on one degree of freedom; an end is that of the parameter's range where
    nothing on that side is. Its se is from the curvature of the profile, which lets the coefficients follow. "wald" is
    the estimate and `fit.shape.se`, on the scale of logarithms (logits, where the range is finite).

    Raises CapabilityError where no shape was estimated and for a sample, DataError for a fit without its data.
    """
    reach = two_sided_quantile(math.inf, checked_level(level))
    shape, name = fit.shape, fit.family.shape_name
    if shape is None or not shape.estimated:
        given = f"{name} of this fit was given" if name else f"{fit.family.label()} has no shape parameter"
        raise CapabilityError(f"{given}, and was not estimated: fit with family='negative_binomial' or 'tweedie'")
    objective = fit.rows_of_data(WHAT)
    if objective.sampling:
        raise CapabilityError(f"{WHAT} needs a likelihood, and a sample with sampling weights has none")
    columns = {"method": np.array(["profile", "wald"]), "estimate": np.full(2, shape.value)}
    with np.errstate(all="ignore"):
        walked = around(fit)
        ends = np.array([walked.interval(reach**2 / 2), wald(fit, reach)])
        columns |= {"se": np.array([walked.standard_error, shape.se]), "lower": ends[:, 0], "upper": ends[:, 1]}
    return Table(columns, f"Intervals of {shape.name}, level {level:g}")


@dataclass(frozen=True)
class Walk:
    """A profile, the place of the estimate on it, and that place among others, from end to end."""

    profile: Profile
    best: Place
    places: list[Place]

    @property
    def standard_error(self) -> float:
        """From the curvature of the profile; nan at its ends."""
        here = next((k for k, place in enumerate(self.places) if place is self.best), 0)
        if not 0 < here < len(self.places) - 1 or self.best.at <= self.places[0].at:
            return math.nan
        below, width = self.places[here - 1].at, self.places[here + 1].at - self.places[here - 1].at

        def score(move: float) -> Array:
            return np.asarray(
                self.profile.place(self.profile.value(self.best.at + move), self.best.beta, self.best.phi).slope
            )

        try:
            curvature = -float(slope(score, STEP * min(width, below or width), -self.best.at))
        except NoOptimum:
            return math.nan
        stretch = self.profile.objective.loss.family.shape_stretch(self.best.value)
        return stretch / math.sqrt(curvature) if curvature > 0 else math.nan

    def interval(self, drop: float) -> tuple[float, float]:
        """The smallest and the largest shape where the log-likelihood is lower by `drop`; nan where none is found."""
        ends = self.profile.objective.loss.family.shape_ends
        least = self.best.loglik - drop
        inside = [k for k, place in enumerate(self.places) if place.loglik >= least]
        found = list(ends)
        for side, (k, outward) in enumerate(((inside[0], -1), (inside[-1], 1))):
            if 0 <= k + outward < len(self.places):
                pair = sorted((self.places[k], self.places[k + outward]), key=lambda place: place.at)
                try:
                    found[side] = self.profile.crossing(pair[0], pair[1], least).value
                except NoOptimum:
                    found[side] = math.nan
        return min(found), max(found)


def around(fit: Fit) -> Walk:
    """The profile of a fit, walked from end to end. Raises DataError where the data say nothing of the shape."""
    objective, near = fit.rows_of_data(WHAT), fit.point
    if isinstance(near, Ray):
        rest = finite_part(objective, near)
        if rest is None:
            raise DataError(f"every mean of this fit is at its limit: the data say nothing of {fit.family.shape_name}")
        profile = Profile(rest)
        best = profile.place(fit.family.shape)
    else:
        profile = Profile(objective)
        best = profile.place(fit.family.shape, near)
    places = [place for place in profile.scan(best) if place.at != best.at]
    return Walk(profile, best, sorted([*places, best], key=lambda place: place.at))


def wald(fit: Fit, reach: float) -> tuple[float, float]:
    """Estimate ± reach × standard error, on a scale without ends."""
    value, se = fit.family.shape, fit.shape.se if fit.shape is not None else math.nan
    low, high = sorted(fit.family.shape_ends)
    if math.isinf(high):
        factor = math.exp(reach * se / value) if math.isfinite(value) else math.nan
        return value / factor, value * factor
    share = (value - low) / (high - low)
    moves = reach * se / (share * (1 - share) * (high - low)) * np.array([-1.0, 1.0])
    lower, upper = low + (high - low) / (1 + np.exp(-moves) * (1 - share) / share)
    return float(lower), float(upper)
