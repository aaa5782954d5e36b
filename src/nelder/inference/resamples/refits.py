"""Refits to new samples: coefficients by the solver alone, or a statistic of a whole fit, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nelder.errors import DataError
from nelder.fit import Fit
from nelder.fitting import coefficients, conclusion, fit_objective
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.objective import Objective
from nelder.observations import numeric
from nelder.ranks import find_aliases
from nelder.shapes import shaped
from nelder.solvers import Solver, automatic
from nelder.solvers.loop import unwatched
from nelder.table import Named
from nelder.trace import Recorder

SEPARATED = "coefficients are infinite (separation)"
UNSOLVED = "the solver did not converge"
ALIASED = "columns are combinations of others, as those of a level that was not drawn are"
OUTSIDE = "a response has rounded to a number that the family cannot produce"


@dataclass(frozen=True)
class Refitted:
    """What a sample gave (q,), or None, and what went wrong, or nothing."""

    values: Array | None
    reason: str = ""


def refitted_coefficients(fit: Fit, sample: Objective) -> Refitted:
    """The coefficients (p,) of a sample, nan where the fit has aliased ones."""
    if not produced(sample):
        return Refitted(None, OUTSIDE)
    try:
        with np.errstate(all="ignore"):
            if find_aliases(sample)[1] is not None:
                return Refitted(None, ALIASED)
            known = shaped(asked(fit, sample)).objective
            end = conclusion(known, warm(fit, known), unwatched)[2]
    except DataError:
        return Refitted(None, UNSOLVED)
    values = np.full(len(fit.names), np.nan)
    values[~fit.aliased] = coefficients(end)
    if np.isinf(values).any():
        return Refitted(values, SEPARATED)
    return Refitted(values) if end.certified else Refitted(None, UNSOLVED)


def refitted_statistic(fit: Fit, sample: Objective, statistic: Callable[[Fit], object]) -> Refitted:
    """A statistic (q,) of the fit to a sample."""
    if not produced(sample):
        return Refitted(None, OUTSIDE)
    try:
        with np.errstate(all="ignore"):
            made = fit_objective(asked(fit, sample), warm(fit, sample), fit.terms, Recorder(()))
    except DataError:
        return Refitted(None, UNSOLVED)
    if made.aliased.any():
        return Refitted(None, ALIASED)
    if made.limit is None and not made.converged:
        return Refitted(None, UNSOLVED)
    return Refitted(np.asarray(named(statistic(made))), SEPARATED if made.limit is not None else "")


def asked(fit: Fit, sample: Objective) -> Objective:
    """The sample with the family as it was asked for: a shape that was estimated is estimated again."""
    return replace(sample, loss=Loss(fit.family_to_fit, fit.link))


def warm(fit: Fit, sample: Objective) -> Solver | None:
    """The solver of a refit, which starts at the estimate; None where a penalty brings its own."""
    if sample.penalty.adjustment is not None:
        return None
    return replace(automatic(sample), start=np.asarray(fit.point).tolist())


def produced(sample: Objective) -> bool:
    """Whether the family can have produced every response: one drawn at a tiny mean may have rounded to zero."""
    return all(bool(sample.loss.family.in_support(block.y).all()) for block in sample.design.handles)


def named(given: object) -> Named:
    """A statistic as numbers with names: its own, or statistic, or statistic[1] and so on."""
    values = np.atleast_1d(numeric(given, "the statistic"))
    if values.ndim != 1:
        raise DataError(f"the statistic has shape {values.shape}: it must be a number or a vector")
    if isinstance(given, Named) and len(given.names) == len(values):
        return Named(values, given.names)
    names = ["statistic"] if len(values) == 1 else [f"statistic[{k + 1}]" for k in range(len(values))]
    return Named(values, names)
