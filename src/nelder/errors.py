"""Every exception and warning of the library.

NelderError
├── InputError (ValueError)           a value that is not allowed
│   ├── DataError                     lengths, missing or non-finite numbers, empty tables: names argument and rows
│   ├── SupportError                  a response the family cannot produce: names the rows
│   ├── UnknownNameError              a family, link, solver or column that does not exist: names the nearest
│   ├── FormulaError                  a formula that cannot be read, or an expression that is not on the allow-list
│   ├── LevelError                    a level that was not there when the model was learned: column, level, row
│   ├── CapabilityError               two parts that do not go together: names both and a remedy
│   └── SavedFitError                 a saved fit that cannot be trusted or understood
├── InputTypeError (TypeError)        a value of the wrong kind
├── EngineError (RuntimeError)        a cluster that cannot do its work: lost, closed, without memory
└── MissingExtraError (ImportError)   an optional library is not installed: names the extra

NelderWarning (UserWarning)
├── NotConvergedWarning               the solver stopped before the optimum
│   └── DivergedWarning               a fixed rate was too large
├── AliasedWarning                    columns that are combinations of others
├── IllConditionedWarning             digits are being lost
├── BoundaryWarning                   the optimum lies at infinity, or at the edge of what the mean may be
├── ResponseWarning                   a response that looks unlike the family
├── ColumnWarning                     a column that is text and looks like numbers
├── CodingWarning                     tests that are about the coding of a factor more than about the factor
└── SeveralMinimaWarning              the deviance has more than one minimum
"""

from __future__ import annotations

import difflib
import inspect
import numbers
import os
import warnings
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

__all__ = [
    "WITHOUT_COMMAS",
    "AliasedWarning",
    "BoundaryWarning",
    "CapabilityError",
    "CodingWarning",
    "ColumnWarning",
    "DataError",
    "DivergedWarning",
    "EngineError",
    "FormulaError",
    "IllConditionedWarning",
    "InputError",
    "InputTypeError",
    "LevelError",
    "MissingExtraError",
    "NelderError",
    "NelderWarning",
    "NotConvergedWarning",
    "ResponseWarning",
    "SavedFitError",
    "SeveralMinimaWarning",
    "SupportError",
    "UnknownNameError",
    "a_count",
    "a_number",
    "a_path",
    "a_seed",
    "a_truth",
    "some_rows",
    "unknown_name",
    "warn",
]

WITHOUT_COMMAS = "write 2.5 for 2,5 and 1234 for 1,234"


class NelderError(Exception):
    """Base of every error raised on purpose."""


class InputError(NelderError, ValueError):
    """A value that is not allowed."""


class DataError(InputError):
    """Numbers or lengths that no fit can use."""


class SupportError(InputError):
    """A response outside the support of the family."""


class UnknownNameError(InputError, KeyError):
    """A name that does not exist."""

    __str__ = Exception.__str__  # KeyError would put the message in quotes


class FormulaError(InputError):
    """A formula or an expression inside it that is not understood or not allowed."""


class LevelError(InputError):
    """A level of a category that was not there when the model was learned."""


class CapabilityError(InputError):
    """Two parts that do not go together."""


class SavedFitError(InputError):
    """A file that is not a saved fit, or not one that can be trusted."""


class InputTypeError(NelderError, TypeError):
    """A value of the wrong kind."""


class EngineError(NelderError, RuntimeError):
    """A cluster that cannot do its work."""


class MissingExtraError(NelderError, ImportError):
    """An optional library is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        self.given = (library, extra, purpose)
        super().__init__(f"{purpose} needs {library}: pip install 'nelder[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        return MissingExtraError, self.given


class NelderWarning(UserWarning):
    """Base of every warning."""


class NotConvergedWarning(NelderWarning):
    """The solver stopped before the optimum."""


class DivergedWarning(NotConvergedWarning):
    """A fixed rate was too large."""


class AliasedWarning(NelderWarning):
    """Columns that are combinations of others."""


class IllConditionedWarning(NelderWarning):
    """Digits are being lost."""


class BoundaryWarning(NelderWarning):
    """The optimum lies at the edge of what the mean may be."""


class ResponseWarning(NelderWarning):
    """A response that looks unlike the family."""


class ColumnWarning(NelderWarning):
    """A column that is text and looks like numbers."""


class CodingWarning(NelderWarning):
    """Tests that are about the coding of a factor more than about the factor."""


class SeveralMinimaWarning(NelderWarning):
    """The deviance has more than one minimum."""


MOST = 2**31 - 1  # of anything that is counted


def a_number(value: object, argument: str) -> float:
    """An option that must be a number, as a float; raises InputTypeError or InputError naming it."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputTypeError(f"{argument} must be a number, not {type(value).__name__}: {value!r:.60}")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{argument} is too large a number: {str(value)[:20]}…") from None


def a_count(value: object, argument: str) -> int:
    """An option that must be a whole number, 1 or more; raises InputTypeError or InputError naming it."""
    given = a_number(value, argument)
    if not (given.is_integer() and given >= 1):
        raise InputError(f"{argument}={value!r}: give a whole number, 1 or more")
    if given > MOST:
        raise InputError(f"{argument}={value!r:.40}: give at most {MOST:,}")
    return int(given)


def a_truth(value: object, argument: str) -> bool:
    """An option that must be True or False; raises InputTypeError naming it."""
    if not isinstance(value, bool | np.bool_):
        raise InputTypeError(f"{argument} must be True or False, not {type(value).__name__}: {value!r:.60}")
    return bool(value)


def a_seed(value: object) -> int | None:
    """A seed, which is None or a whole number, 0 or more; raises InputTypeError or InputError."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    given = a_number(value, "seed")
    if not (given.is_integer() and given >= 0):
        raise InputError(f"seed={value!r}: a seed is a whole number, 0 or more")
    return int(given)


def a_path(value: object, argument: str, error: type[InputError] = InputError) -> Path:
    """A path, which is a text or a pathlib.Path; raises InputTypeError naming it, or `error` for what is no path."""
    if not isinstance(value, str | os.PathLike):
        raise InputTypeError(f"{argument} is a text or a pathlib.Path, not {type(value).__name__}")
    if "\0" in os.fsdecode(value):
        raise error(f"{argument} has a null character, which no path may have: {value!r:.60}")
    return Path(os.fsdecode(value))


def warn(sentence: str, category: type[NelderWarning]) -> None:
    """Warn, pointing at the line that called nelder, however many of its own lie between."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "nelder":
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, category, stacklevel=level)


def unknown_name(kind: str, given: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a `kind` (family, link, column, …) that does not exist, naming the nearest that does."""
    names = sorted(known)
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(names[:30]) + (", …" if len(names) > 30 else "")
    return UnknownNameError(f"unknown {kind} {given!r}: {hint}" + (f"known: {listed}" if names else "there is none"))


def refuse_unknown(kind: str, given: object, known: Collection[str]) -> None:
    """Raise that error unless what was given is one of the `known` names."""
    if not isinstance(given, str) or given not in known:
        raise unknown_name(kind, given, known)


def some_rows(rows: Sequence[int], shown: int = 5, many: int | None = None) -> str:
    """Rows in words, counted from 0: `row 3`, or `rows 3, 8, 9, 12, 15 and 40 more`: all, or the first of `many`."""
    many = len(rows) if many is None else many
    first = ", ".join(str(int(row)) for row in rows[:shown])
    more = f" and {many - shown} more" if many > shown else ""
    return f"row{'s' if many > 1 else ''} {first}{more}"
