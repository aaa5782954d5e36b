"""A covariance for rows in order whose errors are alike near each other: Newey & West (1987).

The numbers are those of R's sandwich::NeweyWest at the same lags, with adjust=TRUE where `correction` is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, InputError, a_number, a_truth
from nelder.fit import Fit
from nelder.inference.covariances.groups import codes_of, named
from nelder.inference.covariances.sandwich import (
    Covariance,
    Found,
    bread_of,
    each_slice,
    finished,
    model_df,
    refuse_frequencies,
    refuse_without_residuals,
)
from nelder.linalg import Array

YEAR_LAST = re.compile(r"\D*\d{1,2}\D+(\d{1,2}\D+)?\d{4}(\D|$)")  # 31.12.2020, Q4 2020
EXPLOSIVE = 1e-8  # how near a prewhitening autoregression may come to a unit root


@dataclass(frozen=True, eq=False)
class HAC(Covariance):
    """Products of scores up to `lags` rows apart, with weights that fall from 1 in a straight line (Bartlett's).

    `lags` is the whole part of 4 (n/100)^(2/9) unless given (Newey & West 1994). `order` sorts the rows: labels that
    can be sorted, one a row, or the name of a column. `prewhiten` takes out a first-order autoregression of the scores
    first and puts it back after (Andrews & Monahan 1992). `correction` multiplies by n/(n − p).
    """

    lags: int | None = None
    order: object = field(default=None, repr=False)
    prewhiten: bool = False
    correction: bool = True

    name = "HAC"

    def __post_init__(self) -> None:
        a_truth(self.prewhiten, "prewhiten of HAC")
        a_truth(self.correction, "correction of HAC")

    def found(self, fit: Fit) -> Found:
        refuse_without_residuals(fit, self.name)
        refuse_frequencies(fit, self.name)
        bread = bread_of(fit)
        scores = np.concatenate(
            [found.pull[:, None] * found.z for found in each_slice(fit.rows_of_data("rows"), bread)]
        )
        scores = scores[self.places(fit, len(scores))]
        lags = self.chosen(len(scores) - self.prewhiten)
        back = np.eye(scores.shape[1])
        if self.prewhiten:
            scores, back = whitened(scores)
        meat = scores.T @ scores
        for lag in range(1, lags + 1):
            product = scores[:-lag].T @ scores[lag:]
            meat += (1 - lag / (lags + 1)) * (product + product.T)
        factor = fit.statistics.n / fit.df_resid if self.correction else 1.0
        named = f"HAC with {lags} lag{'' if lags == 1 else 's'}{', prewhitened' if self.prewhiten else ''}"
        return finished(fit, bread, factor * back @ meat @ back.T, (named, model_df(fit)))

    def places(self, fit: Fit, n: int) -> NDArray[np.integer]:
        """The rows in their order (n,). Raises DataError where two of them share a place."""
        if self.order is None:
            return np.arange(n)
        codes = codes_of(fit, self.order, "order")
        refuse_unsorted(named(fit, self.order, "order"))
        if int(codes.max()) + 1 < n:
            raise DataError(
                f"order has {int(codes.max()) + 1} different values for {n} rows: rows that share a place in time have "
                "no order; for several series use nd.Clustered(groups)"
            )
        return np.argsort(codes)

    def chosen(self, n: int) -> int:
        """The number of lags. Raises InputError for one that is not a whole number below n."""
        if self.lags is None:
            return min(int(4 * (n / 100) ** (2 / 9)), n - 1)
        lags = a_number(self.lags, "lags")
        if not (lags.is_integer() and 0 <= lags < n):
            raise InputError(f"lags={self.lags!r}: give a whole number from 0 to {n - 1}, fewer than there are rows")
        return int(lags)


def refuse_unsorted(labels: Sequence[Any]) -> None:
    """Raise DataError for labels, each once as they were sorted, of types that have no order among each other, or for
    texts in the order of letters where that is not the order of the numbers or dates in them, or where they differ in
    words, such as the names of months.
    """
    remedy = "give numbers or dates, or text such as 2020-01-31 or 007, which sorts as it is meant"
    try:
        alphabetical = list(labels) == sorted(labels)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise DataError(
            f"order holds labels of types that have no order among each other ({kinds}): {remedy}"
        ) from None
    if not (labels and alphabetical and all(isinstance(label, str) for label in labels)):
        return  # an order that was declared, or that is not of letters
    if all(YEAR_LAST.match(label) for label in labels):
        raise DataError(f"order holds dates as text with the year last, such as {labels[0]!r}: {remedy}")
    wrong = next((pair for pair in pairwise(labels) if by_numbers(pair[1]) < by_numbers(pair[0])), None)
    wrong = wrong or next((pair for pair in pairwise(labels) if words_of(pair[0]) != words_of(pair[1])), None)
    if wrong is not None:
        raise DataError(f"order holds text, which is sorted by letters, {wrong[0]!r} before {wrong[1]!r}: {remedy}")


def words_of(label: str) -> str:
    """What a text says beside the numbers in it; nothing, where it is a number or a single letter."""
    return "" if len(label) == 1 else "#".join(by_numbers(label)[::2])


def by_numbers(label: str) -> tuple[Any, ...]:
    """A text by which it sorts as the numbers in it: itself where it is one, else its letters and whole numbers."""
    try:
        return ("", float(label))
    except ValueError:
        parts = re.split(r"([0-9]+)", label)
        return tuple(int(part) if place % 2 else part for place, part in enumerate(parts))


def whitened(scores: Array) -> tuple[Array, Array]:
    """What a first-order autoregression leaves of scores (n, r), and the matrix (r, r) that undoes it in their sum.

    Raises DataError where the autoregression has a root at one.
    """
    before, after = scores[:-1], scores[1:]
    slopes = np.linalg.lstsq(before, after, rcond=None)[0].T
    rest = np.eye(len(slopes)) - slopes
    if np.linalg.svd(rest, compute_uv=False).min(initial=1.0) < EXPLOSIVE:
        raise DataError("the scores follow a random walk, which prewhitening cannot undo: use prewhiten=False")
    return after - before @ slopes.T, np.linalg.inv(rest)
