"""What an effect is averaged over, and at which values: read once, for predictions, slopes and comparisons alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nelder.errors import InputError, InputTypeError, refuse_unknown
from nelder.fit import Fit
from nelder.inference.effects.averages import Averages
from nelder.inference.effects.cases import Cases, Population, Sample, in_rows, some
from nelder.inference.effects.groups import grouped
from nelder.inference.effects.rows import sample_of
from nelder.inference.effects.settings import ESTIMATES, Grid, grid_of
from nelder.inference.effects.variables import Variable, variables_of
from nelder.inference.estimates import Estimates, Shown, apart
from nelder.inference.variances import covariance_of
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.names import listed

OTHERS = ("observed", "mean")


@dataclass(frozen=True)
class Averaging:
    """Averages over rows in groups `by` the levels of columns, with some variables `at` given values.

    The `others` have their observed values, row by row, or with "mean" all rows are one, at means and most frequent
    levels; a `Population` gives other rows, or other weights.
    """

    by: object = None
    at: object = None
    others: object = "observed"


EACH_ROW = Averaging()


@dataclass(frozen=True)
class Plan:
    """The rows, the variables and the settings of an average, and `words` on the rows for a title."""

    sample: Sample
    variables: Mapping[str, Variable]
    grid: Grid
    words: str
    notes: tuple[str, ...] = ()

    def labels(self, first: Mapping[str, Sequence[object]]) -> dict[str, list[object]]:
        """Columns that name each estimate: those of `first` slowest, then the settings, the groups fastest. A variable
        that is called as one of `first`, as `contrast`, has the column `variable contrast`.
        """
        groups, settings = self.sample.groups, len(self.grid.settings)
        leading = len(next(iter(first.values()), [None]))
        columns: dict[str, list[object]] = {}
        for name, values in first.items():
            columns[name] = [value for value in values for _ in range(settings * groups)]
        for name, values in self.grid.labels.items():
            columns[apart(name, first)] = [value for value in values for _ in range(groups)] * leading
        for name, values in self.sample.labels.items():
            columns[apart(name, first)] = list(values) * (settings * leading)
        return columns


def plan_of(fit: Fit, asked: Averaging) -> Plan:
    """Read what is asked of a fit. Raises an error naming what does not exist, or does not go together."""
    over = population_of(asked.others)
    sample = sample_of(fit, over)
    variables = variables_of(fit, sample)
    grid = grid_of(variables, asked.at)
    by = [name for name in listed(asked.by) if name is not None]
    for name in by:
        if not isinstance(name, str):
            raise InputTypeError(f"by must be the name of a column or several, not {name!r:.60}")
        if name in grid.labels:
            raise InputError(f"{name!r} is both in at= and in by=: rows are grouped by the values they have")
    if asked.others == "mean":
        if by:
            raise InputError("by= groups the rows that are averaged over, and others='mean' leaves only one: use at=")
        return Plan(typical(sample, variables), variables, grid, "at means and most frequent levels")
    words = f"averaged over {in_rows(sample.n)}"
    sample, notes = grouped(fit, sample, over, [str(name) for name in by])
    count = len(grid.settings) * sample.groups
    if count > ESTIMATES:
        raise InputError(f"at= and by= ask for {count} averages together, allowed are {ESTIMATES}: give fewer")
    return Plan(sample, variables, grid, words, notes)


def population_of(others: object) -> Population:
    """Whose rows they are; raises for anything but "observed", "mean" or a Population."""
    if isinstance(others, Population):
        return others
    if not isinstance(others, str):
        raise InputTypeError(f"others must be 'observed', 'mean' or an nd.Population, not {type(others).__name__}")
    refuse_unknown("value of others", others, OTHERS)
    return Population()


def typical(sample: Sample, variables: Mapping[str, Variable]) -> Sample:
    """One row in place of them all: means of numeric variables and of the offset, most frequent levels of others."""
    first, weight = sample.parts[0], sample.weight
    one = slice(0, 1)
    chunk = {
        name: variables[name].fixed(variables[name].typical(), 1) if name in variables else some(column, one)
        for name, column in first.chunk.items()
    }
    offset = np.average(np.concatenate([part.offset for part in sample.parts]), weights=weight)
    row = Cases(chunk, first.rows[one], np.ones(1), np.zeros(1, dtype=np.intp), np.array([offset]))
    return replace(sample, parts=(row,))


@dataclass(frozen=True)
class Described:
    """What a table of averages says besides its numbers."""

    title: str
    shown: Shown
    exponentiated: bool = False


def estimates(
    fit: Fit, averages: Averages, labels: Mapping[str, Sequence[object]], said: Described, notes: tuple[str, ...]
) -> Estimates:
    """The averages as estimates, by the delta method; where nothing can be said nan, with a note."""
    covariance, lacking = covariance_along(fit, averages.gradient)
    found = (*notes, *findings(fit, averages), *lacking)
    made = Estimates(dict(labels), averages.value, covariance, fit.df_reference, title=said.title, notes=found)
    return replace(made, shown=said.shown, exponentiated=said.exponentiated)


def covariance_along(fit: Fit, gradient: Array) -> tuple[Array, tuple[str, ...]]:
    """J V J' (m, m) for gradients J (m, k), nan for a gradient that is not finite; and notes on what is missing."""
    covariance, named = np.full((len(gradient), len(gradient)), np.nan), said_of(fit)
    if fit.withholds_errors:
        return covariance, (*named, f"no standard errors: the fit is penalised ({fit.solved.penalty})")
    if not (fit.df_reference > 0 and np.isfinite(fit.dispersion)):
        return covariance, (*named, f"no standard errors: {fit.df_reference:g} degrees of freedom are left for them")
    known = np.flatnonzero(np.isfinite(gradient).all(axis=1))
    if len(known):
        covariance[np.ix_(known, known)] = covariance_of(fit, gradient[known])
    return covariance, named


def said_of(fit: Fit) -> tuple[str, ...]:
    """What a table says of the coefficients that it is made of."""
    notes = [] if fit.converged or fit.limit is not None else [f"the fit has not converged: {fit.reason}"]
    if fit.uncertainty is not None:
        known = "standard errors" if np.isfinite(fit.uncertainty.covariance).all() else "no standard errors"
        notes.append(f"{known} by the covariance {fit.uncertainty.name}")
    return tuple(notes)


def findings(fit: Fit, averages: Averages) -> list[str]:
    """What the rows said that a number does not show."""
    limits, unknown, outside = averages.counts
    notes = []
    if limits:
        several = fit.limit is not None and not fit.limit.unique
        which = ", by one of several directions that separate them" if several else ""
        notes.append(f"the data separate: in up to {in_rows(limits)} the mean is at its limit, taken as known{which}")
    if unknown:
        notes.append(f"nan where not estimable: up to {in_rows(unknown)}, which {untold(fit)}")
    if outside:
        low, high = Loss(fit.family, fit.link).bounds
        notes.append(f"nan: in up to {in_rows(outside)} η is outside ({low:g}, {high:g}), where the link has no mean")
    if averages.empty:
        notes.append(f"nan: without rows of positive weight, {averages.empty} of the groups")
    return notes


def untold(fit: Fit) -> str:
    """Why a mean cannot be told, as the end of a sentence."""
    aliased = ", ".join(np.array(fit.names)[fit.aliased])
    reasons = [f"break the pattern of the aliased columns ({aliased})"] if aliased else []
    if fit.limit is not None:
        reasons.append("are told apart only by rows whose mean is at its limit")
    return " or ".join(reasons)
