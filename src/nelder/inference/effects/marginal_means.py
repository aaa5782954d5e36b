"""Estimated marginal means, as R's emmeans: means of the linear predictor over a reference grid, and their contrasts.

They are linear functions of the coefficients, so that tests and differences are those of the link scale. On the
response scale means are carried back through the link, and differences are ratios where the link is a logarithm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import in_full
from nelder.design import STILL, Ray
from nelder.errors import InputError, a_number, refuse_unknown
from nelder.fit import Fit
from nelder.formula import Schema
from nelder.inference.effects.averaging import covariance_along, untold
from nelder.inference.effects.cases import Population
from nelder.inference.effects.contrasts import contrasts_of
from nelder.inference.effects.encoding import encoder_of
from nelder.inference.effects.grids import Margins, margins, reference_grid
from nelder.inference.effects.predictions import SCALES
from nelder.inference.effects.rows import sample_of
from nelder.inference.effects.settings import OFFSET, checked_mapping
from nelder.inference.effects.variables import Value, Variable, named, variables_of
from nelder.inference.estimates import Adjusting, Estimates, Shown, apart
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.names import listed
from nelder.submodels import schema_of
from nelder.table import Table

# links whose differences are logarithms of something with a name
RATIOS = {"log": "ratios", "logit": "odds ratios"}


@dataclass(frozen=True)
class Averaged:
    """How the grid is averaged: `by` names the variables that split contrasts, `at` gives values to some, and `weights`
    says how often each combination of the others counts.
    """

    by: object = None
    at: object = None
    weights: str = "equal"


def emmeans(fit: Fit, specs: object = None, asked: Averaged = Averaged(), scale: str = "link") -> MarginalMeans:
    """Estimated marginal means for each combination of the variables `specs` and `by`, of a fit by formula.

    Other variables average over their levels; numeric ones are at their means, or average over their values where they
    have two. The offset is its mean, or at={"offset": 0}. Means that the data cannot tell, as of an empty cell, are
    nan. Raises CapabilityError for a fit by arrays, UnknownNameError for a variable that does not exist.
    """
    refuse_unknown("scale", scale, SCALES)
    schema = schema_of(fit)
    fit.rows_of_data("a reference grid")
    sample = sample_of(fit, Population())
    variables = variables_of(fit, sample)
    by = [named(variables, name).name for name in listed(asked.by) if name is not None]
    names = [named(variables, name).name for name in listed(specs) if name is not None]
    at = checked_mapping(asked.at, "at", "{'age': [20, 40]}")
    chosen = {name: _values(variables, name, listed(values)) for name, values in at.items()}
    whole = [*(name for name in names if name not in by), *by]
    grid = reference_grid(sample, schema, variables, chosen, whole)
    means = margins(sample, schema, grid, whole, asked.weights)
    over = [name for name, size in zip(grid.names, grid.sizes, strict=True) if name not in whole and size > 1]
    words = f", averaged over {', '.join(over)} ({asked.weights} weights)" if over else ""
    return MarginalMeans(fit, means, tuple(by), scale, words, mixed(schema, whole, over))


def mixed(schema: Schema, shown: Sequence[str], over: Sequence[str]) -> tuple[str, ...]:
    """The word on variables that are averaged over and interact with those that are shown."""
    together = [{column for factor in term.factors for column in factor.columns} for term in schema.formula.terms]
    found = [name for name in over if any(name in columns and columns & set(shown) for columns in together)]
    if not found:
        return ()
    listed_by = found[0] if len(found) == 1 else found
    return (f"averaged over {', '.join(found)} beside what interacts with it: by={listed_by!r} has its levels apart",)


def _values(variables: Mapping[str, Variable], name: str, values: list[object]) -> list[Value]:
    if name == OFFSET and name not in variables:
        if len(values) != 1:
            raise InputError("at= takes one value for the offset")
        return [a_number(values[0], "the offset")]
    if not values:
        raise InputError(f"at= gives no value for {name!r}")
    return list(dict.fromkeys(named(variables, name).value(value) for value in values))


@dataclass(frozen=True, repr=False)
class MarginalMeans:
    """Estimated marginal means as linear functions of the coefficients of a fit; `scale` is how they are shown."""

    fit: Fit
    means: Margins
    by: tuple[str, ...]
    scale: str
    words: str = ""
    notes: tuple[str, ...] = ()

    def estimates(self) -> Estimates:
        """The means, with their joint covariance."""
        found = linear(self.fit, self.means.functions, self.means.offset)
        made = replace(found, labels=self.means.labels, adjusting=Adjusting(within=self.by))
        made = replace(made, notes=(*made.notes, *self.notes))
        response = self.fit.terms.response
        if self.scale == "link":
            title = f"Marginal means of the linear predictor ({self.fit.link.label()}) of {response}{self.words}"
            return replace(made, title=title, shown=Shown(tested=False))
        shown = Shown(self.fit.link, tested=False, bounds=Loss(self.fit.family, self.fit.link).bounds)
        return replace(with_means(self.fit, made), title=f"Marginal means of {response}{self.words}", shown=shown)

    def table(self, level: float = 0.95, adjust: str = "none") -> Table:
        """Columns: the variables, estimate, se, lower, upper; see `Estimates.table`."""
        return self.estimates().table(level, adjust)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def pairs(self, adjust: str = "tukey") -> Estimates:
        """All pairwise differences within each combination of `by`; see `contrast`."""
        return self.contrast("pairwise", adjust)

    def contrast(
        self, method: object = "effects", adjust: str = "none", reference: object = None, of: str = "link"
    ) -> Estimates:
        """Contrasts in each combination of `by`: "pairwise", "control", "consecutive", "effects", or {name: weights}.

        They are of linear predictors; on the response scale shown as ratios, or odds ratios, where the link is log or
        logit. With of="response" they are differences of the means themselves.
        """
        refuse_unknown("scale", of, SCALES)
        names = [name for name in self.means.labels if name not in self.by]
        rows = self._groups()
        labels = [self._label(names, row) for row in rows[0]]
        chosen = contrasts_of(method, labels, reference)
        count, m = len(chosen.names), len(self.means.offset)
        matrix = np.zeros((count * len(rows), m))
        for k, group in enumerate(rows):
            matrix[k * count : (k + 1) * count, group] = chosen.matrix
        ratio = of == "link" and self.scale == "response" and self.fit.link.name in RATIOS
        found = self._of_response(matrix) if of == "response" else self._of_link(matrix)
        columns: dict[str, Sequence[object]] = {
            "contrast": [name.format("/" if ratio else "−") for name in chosen.names] * len(rows)
        }
        by = tuple(apart(name, columns) for name in self.by)
        for name, own in zip(self.by, by, strict=True):
            columns[own] = [self.means.labels[name][group[0]] for group in rows for _ in range(count)]
        adjusting = Adjusting(adjust, by, chosen.pairwise)
        uneven = np.abs(chosen.matrix.sum(axis=1)) > 1e-9 * np.abs(chosen.matrix).sum(axis=1)
        notes = (*found.notes, *self.notes)
        notes += tuple(f"the weights of {chosen.names[k]!r} do not sum to 0" for k in np.flatnonzero(uneven))
        title = f"Contrasts of {self._kind(of, ratio)}{self.words}"
        return replace(found, labels=columns, adjusting=adjusting, exponentiated=ratio, title=title, notes=notes)

    def _kind(self, of: str, ratio: bool) -> str:
        """What contrasts are of, in words."""
        if of == "response":
            return f"means of {self.fit.terms.response}"
        if ratio:
            return f"means of {self.fit.terms.response} as {RATIOS[self.fit.link.name]}"
        return f"linear predictors ({self.fit.link.label()}) of {self.fit.terms.response}"

    def _groups(self) -> list[NDArray[np.integer]]:
        """The rows of the means in each combination of `by`."""
        keys = list(zip(*(self.means.labels[name] for name in self.by), strict=True)) or [()] * len(self.means.offset)
        return [np.flatnonzero([key == each for each in keys]) for key in dict.fromkeys(keys)]

    def _label(self, names: Sequence[str], row: int) -> str:
        """The levels of a mean; numbers with the name of their variable."""
        values = [(name, self.means.labels[name][row]) for name in names]
        return " ".join(value if isinstance(value, str) else f"{name} {value}" for name, value in values) or "overall"

    def _of_link(self, matrix: Array) -> Estimates:
        known = np.where(np.isnan(self.means.functions).any(axis=1), 1.0, 0.0)
        functions = matrix @ np.nan_to_num(self.means.functions)
        functions[(matrix != 0) @ known > 0] = np.nan
        return linear(self.fit, functions, matrix @ np.nan_to_num(self.means.offset))

    def _of_response(self, matrix: Array) -> Estimates:
        eta = with_means(self.fit, linear(self.fit, self.means.functions, self.means.offset))
        with np.errstate(all="ignore"):
            mean = Mean(self.fit.link, eta.values)
            slope = np.where(np.isinf(eta.values), 0.0, mean.slope)
            gradient = slope[:, None] * self.means.functions[:, ~self.fit.aliased]
        lost = (matrix != 0) @ np.isnan(mean.mu).astype(float) > 0
        values = np.where(lost, np.nan, matrix @ np.nan_to_num(mean.mu))
        along = np.where(lost[:, None], np.nan, matrix @ np.nan_to_num(gradient))
        covariance, notes = covariance_along(self.fit, along)
        return replace(eta, values=values, covariance=covariance, notes=tuple(dict.fromkeys((*eta.notes, *notes))))


def with_means(fit: Fit, found: Estimates) -> Estimates:
    """Linear predictors, nan with a note where they are outside what the link has means for."""
    low, high = Loss(fit.family, fit.link).bounds
    outside = (found.values < low) | (found.values > high)
    if not outside.any():
        return found
    note = (
        f"nan where η is outside ({low:g}, {high:g}) and the link has no mean, {int(outside.sum())} of {len(outside)}"
    )
    covariance = np.where(outside | outside[:, None], np.nan, in_full(found.covariance))
    values = np.where(outside, np.nan, found.values)
    return replace(found, values=values, covariance=covariance, notes=(*found.notes, note))


def linear(fit: Fit, functions: Array, offset: Array) -> Estimates:
    """L β + offset (m,) for functions L (m, p): nan where they are not estimable, infinite where β is."""
    encoder, lost = encoder_of(fit), np.isnan(functions).any(axis=1)
    whole = np.nan_to_num(functions)
    unknown = np.zeros(len(whole), dtype=bool) if encoder.aliases is None else encoder.aliases.broken_by(whole)
    kept, point, endless = whole[:, encoder.kept], encoder.point, np.zeros(len(whole), dtype=bool)
    values = kept @ (point.base if isinstance(point, Ray) else point) + offset
    if isinstance(point, Ray):
        along = kept @ point.direction
        endless = (np.abs(along) > STILL * (np.abs(kept) @ np.abs(point.direction))) & ~unknown & ~lost
        values = np.where(endless, np.copysign(np.inf, along), values)
    if encoder.settled is not None:
        unknown = unknown | (encoder.settled.broken_by(kept) & ~endless)
    values = np.where(unknown | lost, np.nan, values)
    gradient = np.where((unknown | lost | endless)[:, None], np.nan, kept)
    covariance, notes = covariance_along(fit, gradient)
    m = len(values)
    said = [f"nan where not estimable, {int(unknown.sum())} of {m}: they {untold(fit)}"] if unknown.any() else []
    said += [f"nan where no row has the levels averaged over, {int(lost.sum())} of {m}"] if lost.any() else []
    said += [f"the data separate: linear predictors are infinite, {int(endless.sum())} of {m}"] if endless.any() else []
    return Estimates({}, values, covariance, fit.df_reference, notes=(*said, *notes))
