"""The door: what a caller gives becomes checked float64 arrays, or an error that names argument, row and remedy.

Nothing is changed in the caller's arrays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import repeated
from nelder.errors import CapabilityError, DataError, InputTypeError, some_rows
from nelder.families import Family
from nelder.lazy import lazy
from nelder.linalg import Array, all_finite
from nelder.mean import UNIT
from nelder.parts import Dense
from nelder.sparse import Sparse, compressed, is_sparse

LARGEST = 1e150
NO_WEIGHT = "all weights are zero: nothing is left to fit"
Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Weights:
    """Weights that say what they are: an array, or an expression on the data. Bare ones are prior weights."""

    given: object


@dataclass(frozen=True)
class Frequency(Weights):
    """How many identical observations a row stands for; see `frequency`."""


@dataclass(frozen=True)
class Sampling(Weights):
    """How many of a population a row of a sample stands for; see `sampling`."""


def frequency(counts: object) -> Frequency:
    """weights=nd.frequency(counts): a row with count 2 is the same as the row twice, in every number of the fit."""
    return Frequency(counts)


def sampling(weights: object) -> Sampling:
    """weights=nd.sampling(w): rows drawn with probabilities in proportion to 1/w, as in a survey.

    Estimates are those of the population, by pseudo-likelihood, and standard errors those of the sample's design, by
    linearisation (Binder 1983). Only ratios of the weights matter. There is no log-likelihood and no AIC.
    """
    return Sampling(weights)


def same_rows(X: object, others: Mapping[str, object], rows: NDArray[np.integer] | None = None) -> None:
    """Raise DataError where labelled series do not have the row labels of a labelled X, or of each other, in the same
    order. With `rows`, those of X that were fitted, a series may have the labels of these alone.
    """
    columns = {f"column {name!r}": each for name, each in X.items()} if isinstance(X, Mapping) else {"the data": X}
    first: tuple[str, Any] | None = None
    for argument, other in {**columns, **others}.items():
        index = index_of(other.given if isinstance(other, Weights) else other)
        if first is None:
            first = None if index is None else (argument, index)
        elif index is not None and not index.equals(first[1]):
            few = rows is not None and len(index) == len(rows) and index.equals(first[1][rows])
            if not few:
                raise DataError(
                    f"the index of {argument} is not that of {first[0]}: align it first, or give it as an array, by "
                    ".to_numpy(), to go by position"
                )


def index_of(values: object) -> Any:
    """The row labels of a pandas object, None where there are none."""
    index = getattr(values, "index", None)
    return index if hasattr(index, "equals") else None


@dataclass(frozen=True)
class Observations:
    """Response y (n,), weight (n,), precision (n,) or None (see `design.Block`), offset (n,), how many they count for,
    the rows' numbers in the caller's table (n,), whether their weights are those of a sample, how many rows of the
    table each stands for (n,), None for one, and the trials beside prior weights (n,) or None.
    """

    y: Array
    weight: Array
    precision: Array | None
    offset: Array
    counted: float
    rows: Rows
    sampling: bool = False
    occurs: Array | None = None
    trials: Array | None = None

    @lazy
    def used(self) -> slice | Rows:
        """The rows of a positive weight; a slice where that is all of them, so that nothing need be gathered."""
        return weighed(self.weight)

    @property
    def weightless(self) -> int:
        """How many rows of the table have the weight zero."""
        if isinstance(self.used, slice):
            return 0
        zero = self.weight == 0
        return int(np.sum(zero if self.occurs is None else self.occurs[zero]))


def vector_of(values: object, argument: str, n: int | None = None) -> Array:
    """A float64 vector (n,) from any numeric array, list or series.

    Raises InputTypeError for anything that is not numeric, DataError for a wrong shape or for numbers that are not
    finite.
    """
    array = numeric(values, argument)
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise DataError(f"{argument} has shape {array.shape}; it must be one number a row")
    if n is not None and len(array) != n:
        raise DataError(f"{argument} has {len(array)} values for {n} rows of data; it needs one a row")
    return finite(array, argument)


def matrix_of(values: object, argument: str) -> Array:
    """A float64 matrix (n, p); as `vector_of` for errors. One that is sparse is made dense."""
    if is_sparse(values):
        return Sparse(np.zeros(0, dtype=np.intp), compressed(values, argument)).dense()
    array = numeric(values, argument)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(
            f"{argument} has {array.ndim} dimensions {array.shape}; a design matrix has two, rows and columns"
        )
    return finite(array, argument)


def design_of(values: object, argument: str) -> Dense | Sparse:
    """The columns of a matrix (n, p), sparse where it is; as `matrix_of` for errors."""
    if is_sparse(values):
        X = compressed(values, argument)
        return Sparse(np.arange(X.shape[1]), X)
    matrix = matrix_of(values, argument)
    return Dense(np.arange(matrix.shape[1]), matrix)


def numeric(values: object, argument: str) -> Array:
    """A float64 array of any shape, C-ordered; a copy unless it already is one."""
    if is_sparse(values):
        raise InputTypeError(f"{argument} is sparse, and only X may be: give {argument}.toarray()")
    if _categorical(values):  # which may be numbers that say nothing of distances
        raise _not_numeric(argument, "categories")
    if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):
        values = values.to_numpy()
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64) if values.dtype.kind in "biuf" else values, np.nan)
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"{argument} is ragged: its rows have different lengths") from None
    if array.dtype.kind == "O":
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise _not_numeric(argument, _kind(array))
    return np.ascontiguousarray(array, dtype=np.float64)


def _categorical(values: object) -> bool:
    """Whether values, or a column of a table, declare categories."""
    kinds = getattr(values, "dtypes", None)
    listed = [getattr(values, "dtype", None)] if kinds is None else kinds if isinstance(kinds, Iterable) else [kinds]
    return any(hasattr(kind, "categories") for kind in listed)


def _not_numeric(argument: str, held: str) -> InputTypeError:
    return InputTypeError(
        f"{argument} holds {held}, and must be numeric; categories and dates go through a formula, "
        "nd.glm('y ~ x', data)"
    )


def _kind(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and any(isinstance(v, str) for v in array.ravel()[:1000])):
        return "strings"
    return {"M": "dates", "m": "durations", "c": "complex numbers"}.get(
        array.dtype.kind, f"values of type {array.dtype}"
    )


def finite(array: Array, argument: str) -> Array:
    """The array itself; raises DataError naming the rows with nan or infinite values."""
    if not all_finite(array):
        bad = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
        raise DataError(
            f"{argument} has nan or infinite values at {some_rows(bad.tolist())}: remove or correct these rows "
            "(formulas drop rows with missing values and count them)"
        )
    return array


@dataclass(frozen=True)
class Response:
    """The columns (n,) of a response, y or successes and failures, and how it is called."""

    columns: Sequence[Array]
    name: str = "y"


def observe(family: Family, response: Response, weights: object, offset: Array, rows: Rows) -> Observations:
    """Check a response with weights of any kind or None, against the family. Those of a
    sample are scaled to a mean of one over the rows that have any.

    `rows` (n,) are the numbers of these rows in the caller's table, for errors. Raises SupportError naming rows the
    family cannot have produced, DataError for weights that mean nothing.
    """
    if not len(offset):
        raise DataError("there are no rows to fit: the table is empty, or every row has a missing value")
    seen = observed(family, response, weights, offset, rows)
    if not len(rows[seen.used]):
        raise DataError(NO_WEIGHT)
    if seen.sampling and seen.precision is not None:
        drawn = seen.weight[seen.used] / seen.precision[seen.used]
        unit = drawn / drawn.max()
        seen = replace(seen, weight=seen.weight / drawn.max() / unit.mean())
    return seen


def observed(family: Family, response: Response, weights: object, offset: Array, rows: Rows) -> Observations:
    """Some rows of a table, checked as by `observe`; there may be none, and all may have the weight zero."""
    n = len(offset)
    ones = np.broadcast_to(1.0, n)
    counts, sampled = isinstance(weights, Frequency), isinstance(weights, Sampling)
    weight = ones if weights is None else _weights(weights, rows)
    frequencies = weight if counts else ones
    precision: Array | None = ones if counts or sampled else None
    beside: Array | None = None
    y, *failures = response.columns
    if failures and family.mean_interval != UNIT:
        raise CapabilityError(
            f"two columns are successes and failures, which {family.label()} does not count: use family='binomial', or "
            "give one column"
        )
    if failures:
        trials = _trials(y, failures[0], rows)
        y = np.divide(y, trials, out=np.zeros(n), where=trials > 0)
        own, weight = np.where(trials > 0, trials, 1.0), weight * trials
        precision, beside = (own, None) if weights is None or precision is not None else (None, own)
    used = weighed(weight)
    family.validate(y[used], rows[used], response.name)
    size = max(float(y[used].max(initial=0.0)), -float(y[used].min(initial=0.0)))
    if size > LARGEST or 0 < size < 1 / LARGEST:
        raise DataError(
            f"{response.name} has values of size {size:.0e}, beyond what can be squared (1e±150): give it in other "
            "units"
        )
    counted = float(frequencies[used].sum())
    return Observations(y, weight, precision, offset, counted, rows, sampled, trials=beside)


def weighed(weight: Array) -> slice | Rows:
    """The rows of a positive weight (n,), as `Observations.used`."""
    if repeated(weight) and weight[0] > 0:
        return slice(None)
    inside = weight > 0
    return slice(None) if inside.all() else np.flatnonzero(inside)


def _weights(given: object, rows: Rows) -> Array:
    """Checked weights (n,)."""
    counts = isinstance(given, Frequency)
    if isinstance(given, Weights) and (given.given is None or isinstance(given.given, Weights)):
        raise InputTypeError(
            f"nd.{type(given).__name__.lower()} takes one number a row or an expression on the data, not "
            f"{type(given.given).__name__}"
        )
    weight = vector_of(given.given if isinstance(given, Weights) else given, "weights", len(rows))
    bad = np.flatnonzero(weight < 0)
    if len(bad):
        raise DataError(f"weights are negative at {some_rows(rows[bad].tolist())}; a weight is zero or positive")
    parts = np.flatnonzero(weight != np.round(weight))
    if counts and len(parts):
        raise DataError(f"nd.frequency counts must be whole numbers; {some_rows(rows[parts].tolist())} are not")
    return weight


def _trials(successes: Array, failures: Array, rows: Rows) -> Array:
    bad = np.flatnonzero((successes < 0) | (failures < 0))
    if len(bad):
        raise DataError(f"cbind(successes, failures) has negative counts at {some_rows(rows[bad].tolist())}")
    return successes + failures
