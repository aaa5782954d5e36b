"""Labels of rows, of any type, as codes: which cluster a row is in, or where in time it stands."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, DataError, InputTypeError, some_rows
from nelder.estimate import DISTINCT
from nelder.fit import Fit
from nelder.sources import Labels, Numbers
from nelder.sources.frames import declared
from nelder.submodels import table_columns

MISSING = ("NAType", "NaTType")  # pandas' own, which equal nothing
Codes = NDArray[np.integer]


def codes_of(fit: Fit, given: object, argument: str) -> Codes:
    """The labels at the rows of the fit as codes from 0 (n,), in the order of the labels where they have one.

    `given` has one label a row, of the data or of the fit, or is the name of a column. Raises DataError for missing
    labels, naming the rows, and for a wrong number of them.
    """
    values = labels_in(column(fit, given, argument)) if isinstance(given, str) else given
    if fit.kept is None:
        raise CapabilityError(f"this fit does not know its rows: {argument} cannot be matched with them")
    fit.kept.refuse_others(values, argument)
    codes = np.asarray(fit.kept.aligned(numbered(values, argument), argument), dtype=np.intp)
    absent = fit.kept.rows[codes < 0].tolist()
    if absent:
        raise DataError(f"{argument} is missing at {some_rows(absent)}, which the fit used: give every row a label")
    return np.asarray(np.unique(codes, return_inverse=True)[1]).reshape(-1)


def column(fit: Fit, name: str, argument: str) -> Any:
    """A column of the caller's table by name; its values as they are where no formula could read it, such as dates."""
    kept = fit.kept
    if kept is not None and kept.chunk is not None and kept.distinct and name not in kept.chunk:
        raise CapabilityError(f"{argument}={name!r} is the name of a column, and {DISTINCT}")
    if kept is None or kept.chunk is None:
        raise CapabilityError(
            f"{argument}={name!r} is the name of a column, and this fit was made from arrays: give the labels "
            "themselves, one a row"
        )
    data: Any = kept.data
    try:
        return table_columns(fit, [name])[name]
    except InputTypeError:
        if not hasattr(data, "__getitem__") or isinstance(data, str):
            raise
        return data[name]


def labels_in(column: Any) -> Any:
    """The codes or numbers of a column (n,), nan where a value is missing; other values as they are."""
    if isinstance(column, Numbers):
        return column.values
    return np.where(column.missing, np.nan, column.codes.astype(float)) if isinstance(column, Labels) else column


def named(fit: Fit, given: object, argument: str) -> list[object]:
    """The labels that are no numbers, each once and in the order of `codes_of`, if that is one that they have."""
    values = column(fit, given, argument) if isinstance(given, str) else given
    coded = values if isinstance(values, Labels) else declared(values)
    if coded is not None:
        return list(coded.levels)
    array = np.zeros(0) if isinstance(values, Numbers) else _as_array(values, argument)
    if array.dtype.kind in "US":
        return list(np.unique(array).tolist())
    different = dict.fromkeys(array.tolist()) if array.dtype.kind == "O" else {}
    return _sorted([label for label in different if not _missing(label)])


def numbered(values: object, argument: str) -> Codes:
    """Labels as codes from 0 (n,), −1 where one is missing. Raises InputTypeError for what cannot be a label."""
    coded = declared(values)
    if coded is not None:
        return coded.codes
    array = _as_array(values, argument)
    if array.ndim != 1:
        raise DataError(f"{argument} has shape {array.shape}; it needs one label a row")
    if array.dtype.kind == "O":
        return _by_hand(array.tolist(), argument)
    absent = np.zeros(len(array), dtype=bool)
    if array.dtype.kind in "fcmM":
        absent = np.isnat(array) if array.dtype.kind in "mM" else np.isnan(array)
    codes = np.asarray(np.unique(array, return_inverse=True)[1]).reshape(-1)
    return np.where(absent, -1, codes)


def _as_array(values: object, argument: str) -> NDArray[Any]:
    """Labels as an array; a list keeps the types of its items, which NumPy would turn into texts if one is a text."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()  # None where masked
    elif hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, bytes | dict | set) or not isinstance(values, Iterable):
        raise InputTypeError(f"{argument} must be one label a row or the name of a column, not {values!r:.60}")
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


def _by_hand(values: list[Any], argument: str) -> Codes:
    """Codes of any objects, in the order of the labels if they can be sorted, else as they come."""
    labels = [None if _missing(value) else value for value in values]
    try:
        different = list(dict.fromkeys(label for label in labels if label is not None))
    except TypeError:
        raise InputTypeError(f"{argument} holds lists or other things that cannot be labels") from None
    place = {label: code for code, label in enumerate(_sorted(different))}
    return np.array([-1 if label is None else place[label] for label in labels], dtype=np.intp)


def _sorted(labels: list[Any]) -> list[Any]:
    """Labels in their order; as they come where they are of several types, which have none, and clusters need none."""
    with contextlib.suppress(TypeError):
        return sorted(labels)
    return labels


def _missing(value: object) -> bool:
    if value is None or type(value).__name__ in MISSING:
        return True
    return isinstance(value, float) and math.isnan(value)


def crossed(first: Codes, second: Codes) -> Codes:
    """Codes of the pairs of two codes (n,)."""
    pairs = first.astype(np.int64) * (int(second.max()) + 1) + second
    return np.asarray(np.unique(pairs, return_inverse=True)[1]).reshape(-1)


def rows_of(fit: Fit) -> int:
    """How many rows were fitted."""
    return fit.rows_of_data("rows").design.rows
