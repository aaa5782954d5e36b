"""The rows of a fit beside their means, bands of rows by their means, and what stands in the way of a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Design, Ray
from nelder.errors import CapabilityError, DataError, a_count, some_rows
from nelder.estimate import Kept
from nelder.fit import Fit, Terms
from nelder.fitting import fit_objective
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.mean import UNIT, Mean
from nelder.objective import Objective
from nelder.observations import vector_of
from nelder.parts import Dense, bincount
from nelder.penalties import Unpenalised
from nelder.solvers import ClosedForm, Newton
from nelder.table import Table
from nelder.trace import Recorder

TIED = 1e-13  # of the terms of a linear predictor: a difference that rounding may have made
WHOLE = 1e-6  # how far w y may be from a whole number to be a count
SAMPLED = "No standard errors: sampling weights say that rows are not independent observations."


@dataclass(frozen=True)
class FittedRows:
    """What a check reads of n rows: response, weight, how often each counts, offset (n,), and the mean.

    Linear predictors that differ by less than `grain` (n,) are the same. `given` are means (n,) to look at in place of
    the fit's own, such as those of a cross-validation.
    """

    y: Array
    weight: Array
    times: Array
    offset: Array
    mean: Mean
    grain: Array
    given: Array | None = None

    @lazy
    def mu(self) -> Array:
        """μ (n,)."""
        return self.mean.mu if self.given is None else self.given

    @lazy
    def complement(self) -> Array:
        """1 − μ (n,)."""
        return self.mean.complement if self.given is None else 1.0 - self.given

    @lazy
    def score(self) -> Array:
        """What orders the rows by their means, equal where they are: η (n,), with its sign turned if the link falls."""
        return settled(self.mean.link.sign * self.mean.eta, self.grain)


def fitted_rows(fit: Fit, what: str, predicted: object = None) -> FittedRows:
    """The rows of a fit, with its own means or with others, `predicted` (n,); those of a cross-validation come with the
    fit that `parted` makes.

    Raises DataError for a fit that was loaded without its data, and for means of another length or that the family
    does not allow.
    """
    objective = fit.rows_of_data(what)
    blocks: Sequence[Block] = objective.design.handles
    y, weight, offset = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("y", "weight", "offset")
    )
    times = np.concatenate([block.frequency for block in blocks])
    with np.errstate(all="ignore"):
        if predicted is None:
            mean = Mean(fit.link, np.concatenate([block.eta(fit.point) for block in blocks]))
            beta = fit.point.base if isinstance(fit.point, Ray) else fit.point
            grain = TIED * np.concatenate([block.magnitude(beta) for block in blocks])
            return FittedRows(y, weight, times, offset, mean, grain)
        refuse_unknown(predicted)
        given = aligned(fit, predicted, "predicted")
        if len(given) != len(y):
            raise DataError(
                f"predicted has {len(given)} values; it needs a mean for each of the {len(y)} rows of the fit"
            )
        low, high = fit.family.mean_interval
        bad = np.flatnonzero((given < low) | (given > high))
        if len(bad):
            raise DataError(
                f"predicted is outside [{low:g}, {high:g}] at {some_rows(bad.tolist())}: {fit.family.label()} has no "
                "such mean"
            )
        mean = Mean(fit.link, fit.link.link(given))
        return FittedRows(y, weight, times, offset, mean, TIED * np.abs(mean.eta), given)


def aligned(fit: Fit, given: object, argument: str) -> Array:
    """Numbers at the rows of a fit (n,), given for these or for those of its table."""
    values = vector_of(given, argument)
    if fit.kept is None:
        return values
    fit.kept.refuse_others(given, argument)
    return np.asarray(fit.kept.aligned(values, argument), dtype=float)


def shape_variance(fit: Fit) -> float:
    """The variance of an estimated shape along its family's axis; 0 for one that was given, or is at an end."""
    shape = fit.shape
    if shape is None or not (shape.estimated and np.isfinite(shape.se)):
        return 0.0
    return float(shape.se / fit.family.shape_stretch(shape.value)) ** 2


def refuse_unknown(predicted: object) -> None:
    """Raise DataError for means that are nan, as a cross-validation has in rows whose observations were parted."""
    values = np.asarray(predicted)
    bad = np.flatnonzero(np.isnan(values)) if values.dtype.kind == "f" else np.zeros(0, dtype=np.intp)
    if len(bad):
        raise DataError(
            f"predicted is nan at {some_rows(bad.tolist())}: give a mean for every row; of a cross-validation that "
            "parted the observations of a row, give the whole, as predicted=fit.cross_validate()"
        )


def parted(fit: Fit, predicted: object) -> tuple[Fit, object]:
    """The fit with a row for each portion of a cross-validation, and the means of these; anything else as it is.

    Raises DataError for a cross-validation of other rows.
    """
    portions = getattr(predicted, "portions", None)
    if not isinstance(portions, Table):
        return fit, predicted
    objective = fit.rows_of_data("means of a cross-validation")
    row, count, n = portions["row"], portions["observations"], objective.design.rows
    if row[-1] != n - 1:
        raise DataError(f"predicted is a cross-validation of {row[-1] + 1} rows, and the fit has {n}")
    if len(row) == n:
        return fit, portions["predicted"]
    blocks, before = [], 0
    for block in objective.design.handles:
        inside = slice(*np.searchsorted(row, (before, before + block.n)))
        own = replace(block, precision=block.own_precision).rows(row[inside] - before)
        blocks.append(replace(own, weight=own.own_precision * count[inside]))
        before += block.n
    design = replace(objective.design, handles=objective.engine.hold(blocks))
    return replace(fit, objective=replace(objective, design=design), kept=Kept(row, n)), portions["predicted"]


def regular(fit: Fit, what: str) -> Objective:
    """The objective of a fit by likelihood at a regular optimum: finite, inside its domain, held by no penalty.

    Raises DataError for a fit without its data, CapabilityError for fits that are separated, at an edge, perfect or
    penalised, and for sampling weights.
    """
    objective = fit.rows_of_data(what)
    if isinstance(fit.point, Ray):
        raise CapabilityError(
            f"{what} needs finite coefficients, and here some are infinite (separation; see fit.warnings): refit "
            "without the columns that separate the data"
        )
    if fit.at_edge:
        raise CapabilityError(
            f"{what} needs means inside their domain, and some are at its edge (see fit.warnings): use a link that "
            "keeps them inside"
        )
    if fit.perfect:
        raise CapabilityError(f"{what} needs residuals, and the fit is perfect: what is left is rounding")
    if objective.sampling:
        raise CapabilityError(f"{what} supposes independent observations, and sampling weights say they are not")
    if objective.holds or objective.penalty.adjustment is not None:
        raise CapabilityError(f"{what} supposes maximum likelihood, and this fit is penalised: refit without penalty=")
    return objective


def sampled(fit: Fit) -> bool:
    """Whether weights are those of a sample, so that n rows are not n independent observations."""
    return fit.objective is not None and fit.objective.sampling


def proportions(fit: Fit, what: str) -> None:
    """Raise CapabilityError where responses are not proportions, with means between 0 and 1."""
    if fit.family.mean_interval != UNIT:
        raise CapabilityError(
            f"{what} is for responses between no and yes, of family='binomial'; this fit is {fit.family.label()}"
        )


def caveats(fit: Fit) -> tuple[str, ...]:
    """Sentences on what the numbers of a test do not know about the fit."""
    notes = own_variance(fit)
    if not fit.converged:
        notes += ("The fit did not converge (see fit.warnings): these are not the numbers of the best fit.",)
    return notes


def own_variance(fit: Fit) -> tuple[str, ...]:
    """The word on a robust covariance, which a test of the model's own variance does not use."""
    if fit.uncertainty is None:
        return ()
    return (f"This holds the model to its own variance; the {fit.uncertainty.name} covariance plays no part in it.",)


def settled(values: Array, grain: Array) -> Array:
    """Values (n,) in which those that differ by no more than the grain (n,) of rounding have become equal."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    with np.errstate(invalid="ignore"):
        new = ordered[1:] - ordered[:-1] > np.minimum(grain[order][1:], 1e300)
    first = np.concatenate([[0], 1 + np.flatnonzero(new)])
    settled = np.empty_like(values)
    settled[order] = np.repeat(ordered[first], np.diff(np.append(first, len(values))))
    return settled


def bands_of(score: Array, weight: Array, bands: int, argument: str = "bands") -> NDArray[np.intp]:
    """Numbers (n,) from 0 of at most so many bands of about equal weight, in the order of the scores (n,).

    The breaks are quantiles of the rows, each taken `weight` times; equal scores are never parted.
    """
    many = a_count(bands, argument)
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(weight[order])
    # R's type 7: the k-th of N rows, counted from 0, with k the whole part of (N − 1) j / bands
    marks = np.floor((reached[-1] - 1.0) * np.arange(1, many) / many + 1e-9)
    breaks = np.unique(score[order][np.minimum(np.searchsorted(reached, marks, side="right"), len(order) - 1)])
    return np.searchsorted(breaks[breaks < score[order[-1]]], score, side="left")


def group_sums(band: NDArray[np.intp], *columns: Array) -> list[Array]:
    """Σ of each column (n,) over the rows of each band."""
    many = int(band.max()) + 1
    return [bincount(band, column, many) for column in columns]


def whole_where_whole(values: Array) -> Array | NDArray[np.int64]:
    """Whole numbers as such, so that a table shows them without decimals; others as they are."""
    whole = np.isfinite(values).all() and (values == np.round(values)).all() and np.abs(values).max(initial=0.0) < 2**53
    return values.astype(np.int64) if whole else values


def refitted(fit: Fit, columns: dict[str, Array], offset: Array, start: Sequence[float]) -> Fit:
    """The fit of a few other columns (n,), by name, to the same rows, with another offset (n,), unpenalised.

    A shape of the family that was estimated is estimated again.
    """
    objective = fit.rows_of_data("a refit")
    X = np.column_stack(list(columns.values()))
    blocks, begin = [], 0
    for block in objective.design.handles:
        rows = slice(begin, begin + block.n)
        parts = (Dense(np.arange(X.shape[1]), np.ascontiguousarray(X[rows])),)
        blocks.append(replace(block, parts=parts, p=X.shape[1], offset=offset[rows]))
        begin += block.n
    constant = np.where((X[0] == X).all(axis=0), X[0], 0.0)
    handles = objective.engine.hold(blocks)
    design = Design(handles, tuple(columns), constant, objective.design.n)
    loss = replace(objective.loss, family=fit.family_to_fit)
    other = replace(objective, design=design, loss=loss, penalty=Unpenalised())
    solver = ClosedForm() if other.is_quadratic else Newton(start=start)
    with np.errstate(all="ignore"):
        return fit_objective(other, solver, Terms(design.names, fit.terms.response), Recorder(()))


def whole_counts(fit: Fit, what: str) -> None:
    """Raise DataError for counts, successes or trials that are not whole, which no distribution of counts can give."""
    objective = fit.rows_of_data(what)
    parts = objective.over_rows(parts_kernel, fit.family.mean_interval == UNIT)
    if parts:
        raise DataError(
            f"{what} needs counts, and weight × response (or the trials) is not a whole number in {parts} rows: give "
            "repetitions as weights=nd.frequency(...)"
        )


def parts_kernel(block: Block, trials: bool) -> int:
    """How many rows have a w y that is not whole, or a w where that is the number of trials."""
    own = block.own_precision
    count = own * block.y
    parts = np.abs(count - np.round(count)) > WHOLE * np.maximum(1.0, count)
    return int(np.sum(parts | (trials & (own != np.round(own)))))
