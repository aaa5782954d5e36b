"""The delta method: standard errors of any smooth function of the coefficients, from its gradient and their covariance.

The numbers are those of R's car::deltaMethod. It is right to first order: where a standard error is not small beside
the bend of the function, as for a ratio whose denominator may be zero, look at the likelihood instead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.errors import DataError, InputError, InputTypeError
from nelder.fit import Fit
from nelder.inference.estimates import Estimates
from nelder.inference.hypotheses.dual import differentiated, texts_of, with_stand_ins
from nelder.inference.hypotheses.linear import vocabulary
from nelder.inference.variances import covariance_of
from nelder.inference.wald import two_sided_quantile
from nelder.linalg import Array
from nelder.table import Named, Table

ROUNDS = 8  # of halved steps
CERTAIN = 1e-6  # of what a function changes within half a standard error


def delta(fit: Fit, function: object, level: float = 0.95) -> Table:
    """Estimate, standard error and interval of functions of the coefficients: columns function, estimate, se, lower,
    upper.

    `function` is an expression such as "exp(x1)" or "-Intercept / x1", a list of these, or a Python function of the
    coefficients, a vector that knows its names, whose value is a number or a vector. Derivatives of expressions are
    exact.

    Raises InputError for an expression that cannot be read or has no derivative, UnknownNameError for a name that does
    not exist, CapabilityError for a penalised fit.
    """
    found = delta_estimates(fit, function)
    reach = two_sided_quantile(found.df, level) * found.se
    labels = {name: np.asarray(column) for name, column in found.labels.items()}
    middle = found.values
    return Table({**labels, "estimate": middle, "se": found.se, "lower": middle - reach, "upper": middle + reach})


def delta_estimates(fit: Fit, function: object) -> Estimates:
    """What `delta` shows, with the joint covariance."""
    texts = texts_of(function)
    if texts is not None:
        labels, values, gradient = _of_expressions(fit, list(texts))
    elif callable(function):
        labels, values, gradient = _of_callable(fit, function)
    else:
        raise InputTypeError(
            f"a function of the coefficients is a text such as 'exp(x1)', a list of texts or a Python function, not "
            f"{type(function).__name__}"
        )
    flat = [label for label, row in zip(labels, gradient, strict=True) if not row.any()]
    if flat:
        raise InputError(f"{flat[0]!r} does not depend on any coefficient that was estimated, to first order")
    return Estimates({"function": labels}, values, covariance_of(fit, gradient[:, ~fit.aliased]), fit.df_reference)


def _of_expressions(fit: Fit, texts: list[str]) -> tuple[list[str], Array, Array]:
    known, values = vocabulary(fit), np.asarray(fit.coef)
    for text in texts:
        for column in with_stand_ins(text, known)[1]:
            if not np.isfinite(values[column]):
                why = "aliased" if fit.aliased[column] else "not finite"
                raise InputError(
                    f"the expression {text!r} names {fit.names[column]!r}, which is {why}, so that it has no standard "
                    "error: leave it out"
                )
    made = [differentiated(text, known, values) for text in texts]
    return texts, np.array([dual.value for dual in made]), np.stack([dual.gradient for dual in made])


def _of_callable(fit: Fit, function: Callable[..., object]) -> tuple[list[str], Array, Array]:
    """Labels, values (m,) and gradient (m, p) of a Python function, by differences on the scale of standard errors."""
    at, se = np.asarray(fit.coef), np.asarray(fit.se)

    def called(values: Array) -> Array:
        result = np.atleast_1d(np.asarray(function(Named(values, fit.names)), dtype=float))
        if result.ndim != 1:
            raise DataError(f"the function gave an array of shape {result.shape}; it must give a number or a vector")
        return result

    with np.errstate(all="ignore"):
        value = called(at)
        if not np.isfinite(value).all():
            raise InputError(
                f"the function is {value[~np.isfinite(value)][0]:g} at the coefficients: leave out those that are "
                "aliased or infinite, and mind its domain"
            )
        gradient = np.zeros((len(value), len(at)))
        for j in np.flatnonzero(np.isfinite(at)):
            step = se[j] if np.isfinite(se[j]) and se[j] > 0 else 0.1 * max(abs(at[j]), 1e-3)
            direction = np.where(np.arange(len(at)) == j, step, 0.0)
            gradient[:, j] = slope(called, at, direction) / step
    label = getattr(function, "__name__", type(function).__name__)
    labels = [label] if len(value) == 1 else [f"{label}[{i + 1}]" for i in range(len(value))]
    return labels, value, gradient


def slope(function: Callable[[Array], Array], at: Array, direction: Array) -> Array:
    """The derivative (m,) of a function of p numbers along a direction (p,): central differences at halved steps,
    extrapolated to none (Ridders 1982).

    Raises InputError where they do not settle.
    """
    best, value, scale, error = np.zeros(0), function(at), np.zeros(0), np.inf
    before: list[Array] = []
    for k in range(ROUNDS):
        h = 0.5 / 2**k
        ahead, behind = function(at + h * direction), function(at - h * direction)
        row = [(ahead - behind) / (2 * h)]
        if not len(scale) and np.isfinite(row[0]).all():
            scale = np.maximum((np.abs(ahead - value) + np.abs(behind - value)) / h, np.finfo(float).tiny)
        for i, coarse in enumerate(before):
            row.append(row[i] + (row[i] - coarse) / (4.0 ** (i + 1) - 1))
            doubt = np.abs(row[i + 1] - row[i]) + np.abs(row[i + 1] - coarse)
            if len(scale) and float(np.max(doubt / scale)) < error:
                best, error = row[i + 1], float(np.max(doubt / scale))
        before = row
    if not error <= CERTAIN:
        raise InputError(
            "the function of the coefficients has no derivative that differences can find: the delta method needs a "
            "smooth one; write it as an expression, as in 'exp(x1)', if it has one"
        )
    return best
