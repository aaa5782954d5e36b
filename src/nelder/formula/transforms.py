"""Transforms with a memory: what they learn from the rows of the fit is replayed on new rows. By formulaic, behind our
allow-list.

A transform is called with the values, its further arguments, and its state: empty while learning, and then a dictionary
of plain numbers and lists that can be written as JSON. To add one: a function here and a line in TRANSFORMS. One that
learns from sums has a `questions.Question`, so that it learns the same of a table that is read in parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nelder.errors import FormulaError
from nelder.formula.digests import Digest
from nelder.formula.order_statistics import Search, quantiles, ranks_at
from nelder.formula.questions import Question, answered
from nelder.formula.recurrences import Recurrence
from nelder.linalg import Array
from nelder.sources import Labels, Level

State: TypeAlias = dict[str, Any]
Transform: TypeAlias = Callable[[Any, list[Any], dict[str, Any], State], Any]
LARGEST_BASIS = 200
CONTRASTS = ("treatment", "SAS", "sum", "helmert", "diff", "poly")


@dataclass(frozen=True)
class Basis:
    """Several columns from one transform, each with the name of its field."""

    values: Array
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Contrast:
    """A contrast named in C(…), with its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Coded:
    """A categorical factor and the contrast asked for; None is treatment with the first level as base."""

    labels: Labels
    contrast: Any = None


class OutsideError(Exception):
    """Values that a transform cannot take, at some places (k,); whoever knows the table names its rows."""

    def __init__(self, finding: str, places: NDArray[np.integer]) -> None:
        super().__init__(finding, places)  # all that it is made of again, where it comes from a worker
        self.finding = finding
        self.places = places


def _numeric(values: Any, what: str) -> Array:
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        raise FormulaError(f"{what} needs a numeric column as its first argument")
    return values


def _plain(value: Any) -> Any:
    """NumPy numbers, arrays and integer keys as what JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def _restored(value: Any) -> Any:
    """The state as formulaic keeps it: digits as integer keys, matrices as arrays, lists as they are."""
    if isinstance(value, dict):
        return {int(key) if key.isdigit() else key: _restored(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], list):
        return np.array(value, dtype=float)
    return value


def _whole(value: Any) -> Any:
    """Degrees of freedom and degrees are whole numbers, which expressions read as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _counts(name: str, arguments: list[Any], named: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with whole numbers whole. Raises FormulaError for a basis that no table could carry."""
    whole = {
        key: value if key in ("knots", "lower_bound", "upper_bound") else _whole(value) for key, value in named.items()
    }
    for value in [*arguments, *(whole[key] for key in ("df", "degree") if key in whole)]:
        if isinstance(value, float | int) and not 0 <= value <= LARGEST_BASIS:
            raise FormulaError(f"{name}(…, {value:g}): a basis has at most {LARGEST_BASIS} columns")
    return [_whole(value) for value in arguments], whole


def _by_formulaic(name: str) -> Transform:
    def transform(values: Any, arguments: list[Any], named: dict[str, Any], state: State) -> Any:
        from formulaic.transforms import TRANSFORMS as theirs

        x = _numeric(values, name)
        memory = _restored(state)
        _check_range(name, x, named, memory)
        positional, by_name = _counts(name, arguments, named)
        result = theirs[name](x, *positional, **by_name, _state=memory)
        # called outside a formula's materialisation, so the memory is handed over and read back by us
        state.update(_plain(memory))
        return _columns(result)

    return transform


def _check_range(name: str, x: Array, named: dict[str, Any], memory: State) -> None:
    """A spline refuses to extrapolate unless told how."""
    if "lower_bound" not in memory or named.get("extrapolation", "raise") != "raise":
        return
    low, high = memory["lower_bound"], memory["upper_bound"]
    outside = np.flatnonzero((x < low) | (x > high))
    if len(outside):
        finding = (
            f"was learned on [{low:g}, {high:g}], and values lie outside (say {name}(…, extrapolation='extend') or "
        )
        raise OutsideError(f"{finding}'clip' in the formula, or leave these rows out)", outside)


def _columns(result: Any) -> Any:
    """formulaic's answer as an array (n,) or a Basis."""
    value = getattr(result, "__wrapped__", result)
    if isinstance(value, dict):
        fields = [key for key in value if not str(key).startswith("__")]
        return Basis(
            np.column_stack([np.asarray(value[key], dtype=float) for key in fields]), tuple(str(key) for key in fields)
        )
    array = np.asarray(value, dtype=float)
    if array.ndim == 1:
        return array
    known = getattr(getattr(result, "__formulaic_metadata__", None), "column_names", None)
    return Basis(array, tuple(str(field) for field in known or range(array.shape[1])))


def _standardised(name: str) -> Transform:
    """scale(x, center, scale, ddof) and center(x), with the state that formulaic has, from exact sums."""

    def transform(values: Any, arguments: list[Any], named: dict[str, Any], state: State) -> Any:
        x = _numeric(values, name)
        if not state:
            state.update(learned(name, Digest.of(x), arguments, named))
        moved = x if state["center"] is None else x - state["center"]
        return moved if state["scale"] is None else moved / state["scale"]

    return transform


def learned(name: str, digest: Digest, arguments: list[Any], named: dict[str, Any]) -> State:
    """The state of a transform that needs sums, extremes and order statistics of its values only."""
    if name == "center":
        if arguments or named:
            raise FormulaError("center() takes a column and nothing else")
        return center_and_scale(digest, scale=False)
    if name == "scale":
        return center_and_scale(digest, *arguments, **named)
    state: State = {}
    known = digest.question  # without an answer some rows are not finite: an error, whatever is learned
    asked = recurrence(arguments, named) if name == "poly" else None
    if asked is not None:
        return polynomials(known if isinstance(known, Recurrence) else answered(asked, made_up(asked)))
    levels = knot_levels(arguments, named) if name == "bs" else np.zeros(0)
    if len(levels):
        low, high = (end if math.isfinite(end) else 0.0 for end in (digest.low, digest.high))
        between = (low + levels * (high - low)).tolist()
        knots = quantiles(levels, digest.count, known.found) if isinstance(known, Search) else between
        given = {key: value for key, value in bound(arguments, named).items() if key != "df"}
        arguments, named = [], {**given, "knots": knots}
    TRANSFORMS[name](digest.ends, arguments, named, state)
    return state


def question_of(name: str | None, digest: Digest, arguments: list[Any], named: dict[str, Any]) -> Question | None:
    """What a transform asks beside a digest; nothing where values that are not finite will be an error."""
    if digest.odd or not digest.count:
        return None
    if name == "poly":
        return recurrence(arguments, named)
    levels = knot_levels(arguments, named) if name == "bs" else np.zeros(0)
    return Search.of(digest.ends, ranks_at(levels, digest.count)) if len(levels) else None


def recurrence(arguments: list[Any], named: dict[str, Any]) -> Recurrence | None:
    """What poly() asks; None for powers of x as they are, and for a degree that is none."""
    given = {"degree": 1.0, "raw": False, **dict(zip(("degree", "raw"), arguments, strict=False)), **named}
    degree = given["degree"]
    whole = isinstance(degree, float) and degree.is_integer() and 0 < degree <= LARGEST_BASIS
    return Recurrence(int(degree)) if whole and not given["raw"] else None


def made_up(asked: Recurrence) -> Array:
    """Values that there are polynomials of, for a column that has some which are not finite."""
    return np.arange(asked.degree + 1.0)


def polynomials(known: Recurrence) -> State:
    """The state of poly(), as formulaic has it; nan for what no double holds. Raises FormulaError where the values are
    too few distinct ones.
    """
    if known.too_few:
        raise FormulaError(
            f"poly() of degree {known.degree} needs a column with more than {known.degree} distinct values, which this "
            "one has not: give a smaller degree, or C(…) for a column of levels"
        )
    lost = (math.nan,) * (known.degree + 1)
    alpha, norms = (known.alpha + lost)[: known.degree], (known.norms + lost)[: known.degree + 1]
    return {"alpha": {str(k): a for k, a in enumerate(alpha)}, "norms2": {str(k): norm for k, norm in enumerate(norms)}}


def _polynomial(values: Any, arguments: list[Any], named: dict[str, Any], state: State) -> Any:
    """poly(x, degree), with polynomials from exact sums."""
    asked = None if state else recurrence(arguments, named)
    if asked is not None:
        x = _numeric(values, "poly")
        state.update(polynomials(answered(asked, x if np.isfinite(x).all() else made_up(asked))))
    return _by_formulaic("poly")(values, arguments, named, state)


def knot_levels(arguments: list[Any], named: dict[str, Any]) -> Array:
    """The levels of the quantiles at which bs() has its inner knots: as many as degrees of freedom are left for."""
    given = bound(arguments, named)
    sizes = given["df"], given["degree"]
    if given["knots"] is not None or not all(isinstance(size, float) and size.is_integer() for size in sizes):
        return np.zeros(0)  # what is wrong, formulaic says
    many = int(sizes[0] - sizes[1]) - bool(given["include_intercept"])
    return np.linspace(0.0, 1.0, many + 2)[1:-1] if 0 < many <= LARGEST_BASIS else np.zeros(0)


def bound(arguments: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments of bs() by their names."""
    defaults = {"df": None, "knots": None, "degree": 3.0, "include_intercept": False}
    return {**defaults, **dict(zip(defaults, arguments, strict=False)), **named}


def center_and_scale(digest: Digest, center: Any = True, scale: Any = True, ddof: float = 1) -> State:
    """What is subtracted and divided by: the mean and the standard deviation, numbers that were given, or None."""
    middle = digest.mean if center is True else None if center is False else float(center)
    about = None if center is True else middle or 0.0
    spread = digest.spread(about, ddof) if scale is True else None if scale is False else float(scale)
    return {"ddof": ddof, "center": middle, "scale": spread}


def categorical(values: Any, arguments: list[Any], named: dict[str, Any], state: State) -> Coded:
    """C(column, contrast, levels=[…]): treat a column as categorical, with a contrast and an order of levels of one's
    own.
    """
    unknown = set(named) - {"contrasts", "levels"}
    if unknown or len(arguments) > 1:
        raise FormulaError("C() takes a column, a contrast such as contr.sum, and levels=[…]")
    labels = values if isinstance(values, Labels) else number_labels(_numeric(values, "C()"))
    contrast = arguments[0] if arguments else named.get("contrasts")
    if named.get("levels") is not None:
        labels = _reordered(labels, named["levels"])
    return Coded(labels, contrast)


def number_labels(values: Array, kind: str = "f") -> Labels:
    """Each distinct number as a level, of the type that the column had."""
    distinct, codes = np.unique(values[~np.isnan(values)] + 0.0, return_inverse=True)  # which makes 0 of −0
    full = np.full(len(values), -1, dtype=np.int32)
    full[~np.isnan(values)] = codes
    type_of = {"b": bool, "i": int, "u": int}.get(kind, float)
    levels: tuple[Level, ...] = tuple(type_of(v) for v in distinct)
    return Labels(full, levels)


def _reordered(labels: Labels, levels: Any) -> Labels:
    if not isinstance(levels, list) or any(isinstance(level, list) for level in levels):
        raise FormulaError(f"levels= of C() is a list of levels, as in levels=['low', 'high'], not {levels!r}")
    place = {level: code for code, level in enumerate(levels)}
    if len(place) < len(levels):
        raise FormulaError("levels=[…] of C() names a level twice")
    moved = np.array([place.get(level, -2) for level in labels.levels] + [-1], dtype=np.int32)
    lost = np.flatnonzero(moved[labels.codes] == -2)
    if len(lost):
        level = labels.levels[labels.codes[lost[0]]]
        raise OutsideError(f"has a level that is not among its levels=[…], {level!r},", lost)
    return Labels(moved[labels.codes], tuple(_whole(level) for level in levels))


TRANSFORMS: dict[str, Transform] = {
    "C": categorical,
    **{name: _by_formulaic(name) for name in ("bs", "cc", "cr", "cs")},
    "poly": _polynomial,
    **{name: _standardised(name) for name in ("center", "scale")},
}
