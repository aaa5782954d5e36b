"""Linear hypotheses about coefficients, L β = r, in words such as "x1 = x2" or as a matrix; one by one, or together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, InputError, InputTypeError
from nelder.fit import Fit
from nelder.inference.estimates import Estimates
from nelder.inference.hypotheses.linear_forms import Row, read_rows, written
from nelder.inference.hypotheses.vocabulary import Vocabulary
from nelder.inference.predictions.prediction import column_order
from nelder.inference.simultaneous import f_tail
from nelder.inference.variances import covariance_of, squared_length, usable_covariance
from nelder.linalg import Array, eliminate
from nelder.observations import matrix_of, vector_of
from nelder.sources.frames import column_labels
from nelder.table import Table

EXAMPLE = "'x1 = x2', ['x1 = 1', 'x2 = 2'] or a matrix with a column for each coefficient"


@dataclass(frozen=True)
class Hypotheses:
    """m hypotheses matrix (m, p) @ β = right (m,) about the p coefficients `fit.names`; `labels` say them in words."""

    matrix: Array
    right: Array
    labels: tuple[str, ...]

    def of_point(self, fit: Fit) -> Array:
        """The matrix (m, k) for the k coefficients that were estimated: the columns of `fit.objective`."""
        return self.matrix[:, ~fit.aliased]


def matrix_of_hypotheses(fit: Fit, given: object) -> Hypotheses:
    """Hypotheses that are to hold together, as texts, a matrix (m, p) or (matrix, right); see `read_hypotheses`.

    Raises InputError where they contradict each other, or where one follows from those before it.
    """
    asked = read_hypotheses(fit, given)
    scale = _units(fit)
    for m in range(1, len(asked.right) + 1):
        solved = eliminate(asked.of_point(fit)[:m] * scale, asked.right[:m])
        if not solved.consistent:
            raise InputError(f"the hypotheses contradict each other: {listed(asked.labels[:m])} cannot all hold")
        if len(solved.pivots) < m:
            raise InputError(f"the hypothesis {asked.labels[m - 1]!r} follows from those before it: leave it out")
    return asked


def read_hypotheses(fit: Fit, given: object) -> Hypotheses:
    """Hypotheses of any number, each of which makes sense by itself.

    A text holds linear combinations of coefficients, by name, with one or more = between them ("= 0" may be left out),
    and several of these separated by commas. A term of the formula by its name says that all its coefficients are zero.

    Raises UnknownNameError for a name that is neither, InputError for text that cannot be read, for a hypothesis
    without coefficients, and for one about a coefficient that is aliased or infinite.
    """
    asked = given if isinstance(given, Hypotheses) else _read(fit, given)
    if asked.matrix.shape[1] != len(fit.names):
        raise DataError(
            f"these hypotheses are about {asked.matrix.shape[1]} coefficients; the fit has {len(fit.names)}"
        )
    values = np.asarray(fit.coef)
    for row, label in zip(asked.matrix, asked.labels, strict=True):
        _refuse(fit, label, "aliased: its column is a combination of others", (row != 0) & fit.aliased)
        _refuse(fit, label, "not finite", (row != 0) & ~np.isfinite(values))
        if not row.any():
            raise InputError(f"the hypothesis {label!r} says nothing about any coefficient")
    return asked


def hypotheses(fit: Fit, given: object, level: float = 0.95, adjust: str = "none") -> Table:
    """Each hypothesis by itself: columns hypothesis, null (r), estimate (of L β), se, z or t, p, lower, upper.

    `given` as in `read_hypotheses`; `adjust` is one of `simultaneous.ADJUSTMENTS`. Raises CapabilityError for a
    penalised fit, DataError where the fit has no covariance.
    """
    asked = read_hypotheses(fit, given)
    values = asked.matrix @ np.where(asked.matrix.any(axis=0), np.asarray(fit.coef), 0.0)
    covariance = covariance_of(fit, asked.of_point(fit))
    labels = {"hypothesis": asked.labels, "null": asked.right.tolist()}
    return Estimates(labels, values, covariance, fit.df_reference, asked.right).table(level, adjust)


def wald_test(fit: Fit, given: object) -> Table:
    """All hypotheses at once: (L β − r)' (L V L')⁻¹ (L β − r), with V the covariance in use (Wald 1943).

    Columns chi2, df, p where tests take the normal distribution; else F, which is that over df, with df and
    df_residual. Raises InputError where the hypotheses contradict each other or are redundant, DataError where V cannot
    tell them apart, as one of few clusters may not.
    """
    if fit.withholds_errors:
        usable_covariance(fit)  # says why there is none, before anything as large is made
    asked = matrix_of_hypotheses(fit, given)
    m = len(asked.right)
    gap = asked.matrix @ np.where(asked.matrix.any(axis=0), np.asarray(fit.coef), 0.0) - asked.right
    statistic = squared_length(fit, asked.of_point(fit), gap)
    p = f_tail(np.array([statistic / m]), m, fit.df_reference)
    title = f"Wald test of {listed(asked.labels)}"
    if np.isinf(fit.df_reference):
        return Table({"chi2": [statistic], "df": [m], "p": p}, title)
    return Table({"F": [statistic / m], "df": [m], "df_residual": [fit.df_reference], "p": p}, title)


def _read(fit: Fit, given: object) -> Hypotheses:
    texts: Any = [given] if isinstance(given, str) else given
    if getattr(given, "ndim", 0) == 1 and hasattr(given, "tolist"):
        texts = given.tolist()  # an array or a series of texts
    if isinstance(texts, list | tuple) and texts and all(isinstance(text, str) for text in texts):
        return _from_rows(fit, [row for text in texts for row in read_rows(text, vocabulary(fit))])
    if isinstance(texts, list | tuple) and any(isinstance(text, str) for text in texts):
        raise InputTypeError(f"hypotheses are all texts or all numbers: give {EXAMPLE}")
    matrix, right = given if isinstance(given, tuple) and len(given) == 2 else (given, 0.0)
    return _from_matrix(fit, matrix, right)


def _from_rows(fit: Fit, rows: list[Row]) -> Hypotheses:
    matrix = np.zeros((len(rows), len(fit.names)))
    for i, row in enumerate(rows):
        for j, weight in row.weights.items():
            matrix[i, j] = weight
    return Hypotheses(matrix, np.array([row.right + 0.0 for row in rows]), tuple(row.label for row in rows))


def _from_matrix(fit: Fit, given: Any, right: Any) -> Hypotheses:
    if given is None or isinstance(given, dict | set):
        raise InputTypeError(f"hypotheses must be texts or a matrix, not {type(given).__name__}: give {EXAMPLE}")
    p, matrix = len(fit.names), matrix_of(given, "hypotheses")
    matrix = matrix.T if np.ndim(given) == 1 else matrix
    if not len(matrix) or matrix.shape[1] != p:
        raise DataError(f"hypotheses has shape {np.shape(given)}; it needs rows of {p} numbers, one a coefficient")
    matrix = matrix[:, column_order(fit, column_labels(given))]
    values = vector_of([right] * len(matrix) if np.ndim(right) == 0 else right, "the right-hand side", len(matrix))
    labels = tuple(written(row, fit.names, value) for row, value in zip(matrix, values, strict=True))
    return Hypotheses(matrix, values, labels)


def vocabulary(fit: Fit) -> Vocabulary:
    """What a hypothesis may name: the coefficients of a fit, and its terms with the columns that were estimated."""
    spans = () if fit.terms.schema is None else fit.terms.schema.spans
    return Vocabulary(
        fit.names, {name: columns for name, columns in spans}, tuple(np.flatnonzero(fit.aliased).tolist())
    )


def _refuse(fit: Fit, label: str, why: str, bad: NDArray[np.bool_]) -> None:
    names = [repr(name) for name, wrong in zip(fit.names, bad, strict=True) if wrong]
    if names:
        raise InputError(
            f"the hypothesis {label!r} is about {', '.join(names)}, which {'is' if len(names) == 1 else 'are'} {why}, "
            "so that it cannot be tested: leave it out, or remove the column from the model"
        )


def _units(fit: Fit) -> Array:
    """The size (k,) of each coefficient that was estimated: its standard error where it has one."""
    se = np.sqrt(np.diagonal(fit.covariance_unscaled))[~fit.aliased]
    return np.where(np.isfinite(se) & (se > 0), se, 1.0)


def listed(labels: tuple[str, ...]) -> str:
    """Hypotheses as the end of a title."""
    return ", ".join(labels[:10]) + (", …" if len(labels) > 10 else "")
