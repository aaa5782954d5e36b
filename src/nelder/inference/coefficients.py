"""The coefficient table: estimates, standard errors, tests and intervals of any kind, or their exponentials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.errors import a_truth, refuse_unknown
from nelder.fit import Fit
from nelder.inference.effects.relativities import exponentiated
from nelder.inference.effects.variables import constant_columns
from nelder.inference.intervals import TITLES, confint
from nelder.inference.wald import coefficient_table as wald_table
from nelder.table import Table


def coefficient_table(fit: Fit, level: float = 0.95, intervals: str = "wald", exponentiate: bool = False) -> Table:
    """Columns term, estimate, se, z or t, p, lower, upper, one row a coefficient; tests are Wald's.

    `intervals` are "wald", "profile" or "score", see `intervals.confint`. With `exponentiate` estimate and interval are
    those of exp(β), and se is by the delta method; raises CapabilityError for a link with which that has no meaning.
    """
    refuse_unknown("kind of interval", intervals, TITLES)
    ratios = a_truth(exponentiate, "exponentiate")
    table = exponentiated(fit).table(level) if ratios else wald_table(fit, level)
    if intervals == "wald":
        return table
    other = confint(fit, level, intervals)
    ends = {end: np.exp(other[end]) if ratios else other[end] for end in ("lower", "upper")}
    return Table({**table, **ends}, table.title, (*table.notes, *other.notes))


def furthest_from_zero(fit: Fit, places: NDArray[np.integer], most: int) -> NDArray[np.integer]:
    """At most so many of the coefficients at some places (m,), in their order: those furthest from zero in standard
    errors, or by themselves where there are none; infinite ones before all.
    """
    if len(places) <= most:
        return places
    size, se = np.abs(np.asarray(fit.coef)[places]), np.asarray(fit.se)[places]
    with np.errstate(all="ignore"):
        far = np.where(np.isinf(size), np.inf, size / se if np.isfinite(se).any() else size)
    return np.sort(places[np.argsort(-np.where(np.isnan(far), -1.0, far), kind="stable")[:most]])


def beside_intercept(fit: Fit, most: int) -> NDArray[np.integer]:
    """At most so many of the coefficients but the intercept, those furthest from zero; the intercept if it is alone."""
    others = np.flatnonzero(~constant_columns(fit))
    return furthest_from_zero(fit, others, most) if len(others) else np.arange(len(fit.names))
