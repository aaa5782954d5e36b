"""Predictions: η = Xβ + offset at any rows, its standard error, and the mean it stands for."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.errors import (
    AliasedWarning,
    BoundaryWarning,
    CapabilityError,
    DataError,
    IllConditionedWarning,
    a_number,
    refuse_unknown,
    some_rows,
    warn,
)
from nelder.fit import Fit
from nelder.formula import Schema, complete_rows
from nelder.inference.estimable import aliases_of, settled_by
from nelder.inference.predictions.prediction_intervals import observation_interval
from nelder.inference.variances import covariance_root
from nelder.inference.wald import quantile
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.observations import design_of, same_rows, vector_of
from nelder.parts import Part
from nelder.sources import source_of
from nelder.sources.frames import column_labels
from nelder.table import Table

KINDS = ("response", "link")
LOST = 1e-6  # of a variance
INTERVALS = ("confidence", "prediction")


@dataclass(frozen=True)
class Request:
    """What to predict: kind "response" (means) or "link" (η), with an interval or None.

    `weights` are the prior weights of new observations, a number or one a row, for interval="prediction".
    """

    kind: str = "response"
    interval: str | None = None
    level: float = 0.95
    weights: object = None

    def __post_init__(self) -> None:
        refuse_unknown("kind of prediction", self.kind, KINDS)
        if self.interval is not None:
            refuse_unknown("interval", self.interval, INTERVALS)
        if self.interval == "prediction" and self.kind == "link":
            raise CapabilityError("a new observation is a response, not an η: leave out kind='link'")


def predict(fit: Fit, new: object, request: Request, offset: object = None) -> Array | Table:
    """Predictions (m,) at `new` rows, or at the rows of the fit where `new` is None.

    `new` is a table for a fit by formula and a matrix X (m, p) for a fit by arrays. An offset in the formula is
    computed from the new rows; one that was given as an array is demanded. With interval="confidence", a Table with
    columns fit, se (of η), lower and upper: the interval of η carried through the link. With interval="prediction" it
    is for a new observation; see `prediction_interval`. Rows with missing values give nan.

    Raises DataError for an offset that is missing or not expected, LevelError for an unseen level.
    """
    eta, se = _linear_predictor(fit, new, offset, request.interval is not None)
    low, high = Loss(fit.family, fit.link).bounds
    outside = (eta < low) | (eta > high)
    if request.kind == "response" and outside.any():
        finding = (
            f"{int(outside.sum())} rows have a linear predictor outside ({low:g}, {high:g}), where the link has no mean"
        )
        warn(f"{finding}: predicted as nan", BoundaryWarning)
        eta = np.where(outside, np.nan, eta)
    if new is not None and fit.limit is not None and not fit.limit.unique and np.isinf(eta).any():
        count = int(np.isinf(eta).sum())
        finding = f"{count} new rows have means at a limit, along one of several directions that separate the data"
        warn(f"{finding}: between the rows of the fit another may say otherwise", BoundaryWarning)
    with np.errstate(all="ignore"):
        shown = eta if request.kind == "link" else fit.link.mean(eta)
        if se is None:
            return shown
        if request.interval == "prediction":
            lower, upper = observation_interval(fit, eta, se, _weights(fit, new, request.weights, eta), request.level)
            return Table({"fit": shown, "se": se, "lower": lower, "upper": upper})
        reach = quantile(fit, request.level) * se
        ends = np.stack([eta - reach, eta + reach])
        if request.kind == "response":
            ends = fit.link.mean(np.clip(ends, low, high))
            ends = ends if fit.link.increasing else ends[::-1]
        return Table({"fit": shown, "se": se, "lower": ends[0], "upper": ends[1]})


def prediction_interval(
    fit: Fit, new: object = None, level: float = 0.95, weights: object = None, offset: object = None
) -> Table:
    """Where a new observation lies at each row: columns fit, se (of η), lower and upper.

    Its own spread and what is not known of its mean and of φ are averaged; see `prediction_intervals`. For counts and
    proportions the interval is of values that can occur, and holds at least `level`. `weights` are prior weights of the
    new observations, such as the trials of a binomial: by default those of the fit at its own rows and 1 at new ones,
    as in R's predict.lm. Raises what `predict` raises, and CapabilityError for quasi families.
    """
    made = predict(fit, new, Request("response", "prediction", level, weights), offset)
    assert isinstance(made, Table)
    return made


def _weights(fit: Fit, new: object, given: object, eta: Array) -> Array:
    """Prior weights (m,) of new observations."""
    same_rows(new if new is not None or fit.kept is None else fit.kept.data, {"weights": given})
    if given is None:
        if fit.objective is None or new is not None:
            return np.ones_like(eta)
        return np.concatenate([block.own_precision for block in fit.objective.design.handles])
    single = isinstance(given, numbers.Real)
    weight = np.full_like(eta, a_number(given, "weights")) if single else vector_of(given, "weights", len(eta))
    bad = np.flatnonzero(~((weight > 0) & np.isfinite(weight)))
    if len(bad):
        raise DataError(f"weights of new observations must be positive: {some_rows(bad.tolist())} are not")
    return weight


@dataclass(frozen=True)
class NewRows:
    """Rows to predict at, in blocks, each with the places (n,) of its rows among all m; the others get nan."""

    blocks: Sequence[Block]
    places: Sequence[NDArray[np.integer]]
    m: int


def _linear_predictor(fit: Fit, new: object, offset: object, with_se: bool) -> tuple[Array, Array | None]:
    """η (m,) and its standard error (m,)."""
    asked = _rows(fit, new, offset)
    beta, covariance = fit.point, None if fit.withholds_errors or not with_se else fit.point_covariance
    eta, se = np.full(asked.m, np.nan), np.full(asked.m, np.nan)
    for block, places in zip(asked.blocks, asked.places, strict=True):
        done = 0
        for rows in block.slices(filled=with_se):
            at = places[done : done + rows.n]
            eta[at] = rows.eta(beta)
            if covariance is not None:
                X = rows.dense()
                finite = np.isfinite(eta[at])
                se[at] = np.where(finite, standard_errors(fit, X, covariance), np.inf)
            done += rows.n
    return eta, se if with_se else None


def standard_errors(fit: Fit, X: Array, covariance: Array) -> Array:
    """√(x'Vx) for rows x of X (n, p), by a root of V where terms cancel; nan, with a warning, where that is lost."""
    variance = np.einsum("ij,ij->i", X @ covariance, X)
    rounding = np.finfo(float).eps * np.einsum("ij,ij->i", np.abs(X) @ np.abs(covariance), np.abs(X))
    lost = (rounding > LOST * variance) & (variance != 0)
    root = covariance_root(fit) if lost.any() else None
    if root is not None:
        variance[lost] = np.sum((X[lost] @ root) ** 2, axis=1)
        blur = np.finfo(float).eps * np.linalg.norm(np.abs(X[lost]) @ np.abs(root), axis=1)
        lost[lost] = blur > LOST * np.sqrt(variance[lost])
    if lost.any():
        warn(
            f"the standard errors of {int(lost.sum())} predictions are lost to rounding, as large terms cancel in "
            "them, and are nan: centre the columns",
            IllConditionedWarning,
        )
    return np.sqrt(np.where(lost, np.nan, variance))


def _rows(fit: Fit, new: object, offset: object) -> NewRows:
    """The rows asked for, with the columns that were estimated."""
    same_rows(new if new is not None or fit.kept is None else fit.kept.data, {"offset": offset})
    if new is None:
        return _own_rows(fit, offset)
    kept = np.flatnonzero(~fit.aliased)
    if fit.terms.schema is not None:
        asked = _encoded(fit, fit.terms.schema, new, offset)
    else:
        X = design_of(new, "new")
        n, p = X.X.shape
        if p != len(fit.names):
            raise DataError(f"new has {p} columns; the fit has {len(fit.names)}: {', '.join(fit.names[:10])}")
        labels = column_labels(new)
        X = X if labels is None else X.select(column_order(fit, labels), np.arange(p))
        asked = NewRows([_block((X,), p, _new_offset(fit, offset, n))], [np.arange(n)], n)
    blocks = [_settled(fit, _within(fit, block).select(kept)) for block in asked.blocks]
    return replace(asked, blocks=blocks)


def _within(fit: Fit, block: Block) -> Block:
    """The block with offset nan in rows off the pattern of the aliased columns, where the fit has nothing to say."""
    aliases = aliases_of(fit)
    if aliases is None:
        return block
    outside = aliases.broken_by(block.dense())
    if outside.any():
        warn(
            f"{int(outside.sum())} of the new rows break the pattern of the aliased columns "
            f"({', '.join(np.array(fit.names)[fit.aliased])}), so that their mean cannot be told: predicted as nan",
            AliasedWarning,
        )
    return replace(block, offset=np.where(outside, np.nan, block.offset))


def _settled(fit: Fit, block: Block) -> Block:
    """The block, of the columns that were estimated, with offset nan in rows that only some of several directions to a
    limit leave where they are.
    """
    if fit.limit is None or fit.limit.unique:
        return block
    settled = settled_by(fit)
    loose = np.isfinite(block.eta(fit.point)) & (settled is not None and settled.broken_by(block.dense()))
    if loose.any():
        warn(
            f"the mean of {int(loose.sum())} new rows cannot be told: some directions that separate the data move them "
            "and others do not: predicted as nan",
            BoundaryWarning,
        )
    return replace(block, offset=np.where(loose, np.nan, block.offset))


def column_order(fit: Fit, labels: object) -> NDArray[np.integer]:
    """Where each column of the fit stands among labelled columns (p,); as they come where they have no names.

    Raises DataError where the names are not those of the fit.
    """
    plain = tuple(f"x{j + 1}" for j in range(len(fit.names)))
    if not isinstance(labels, Iterable) or fit.names == plain:
        return np.arange(len(fit.names))
    given = [str(label) for label in labels]
    lost = [name for name in fit.names if name not in given]
    if lost:
        raise DataError(f"new has no column {lost[0]!r}; the fit has {', '.join(fit.names[:10])}")
    return np.array([given.index(name) for name in fit.names])


def _own_rows(fit: Fit, offset: object) -> NewRows:
    if offset is not None:
        raise DataError("offset= belongs to new rows: give new= as well, or neither for the rows of the fit")
    if fit.objective is None:
        raise DataError("this fit was loaded without its data: give new= rows to predict at")
    blocks = fit.objective.design.handles
    ends = np.cumsum([0, *(block.n for block in blocks)])
    return NewRows(blocks, [np.arange(a, b) for a, b in itertools.pairwise(ends)], int(ends[-1]))


def _encoded(fit: Fit, schema: Schema, new: object, offset: object) -> NewRows:
    source = source_of(new)
    needed = schema.predictors
    blocks, places, m = [], [], 0
    for table in source.chunks(needed or source.names[:1]):
        complete = np.flatnonzero(complete_rows(table, needed))
        chunk = {name: column.take(complete) for name, column in table.items()}
        numbers = m + complete
        added = schema.offset(chunk, numbers)
        blocks.append(_block(schema.parts(chunk, numbers), len(schema.names), added))
        places.append(numbers)
        m += len(next(iter(table.values())))
    given = _new_offset(fit, offset, m)
    blocks = [replace(block, offset=block.offset + given[at]) for block, at in zip(blocks, places, strict=True)]
    return NewRows(blocks, places, m)


def _new_offset(fit: Fit, offset: object, m: int) -> Array:
    """The offset of new rows: demanded where the fit had one as an array, refused where it had none."""
    if offset is None:
        if fit.terms.offset_given:
            raise DataError(
                "the fit had an offset, given as an array: give offset= for the new rows too (zeros for none)"
            )
        return np.zeros(m)
    if not fit.terms.offset_given:
        raise DataError(
            "the fit had no offset given as an array: leave out offset= (one in the formula is computed by itself)"
        )
    return vector_of(offset, "offset", m)


def _block(parts: tuple[Part, ...], p: int, offset: Array) -> Block:
    none = np.zeros(len(offset))
    return Block(parts, p, none, none, offset)
