"""Collinearity: how much wider a coefficient is for the company of the others, and which columns are to blame.

Both are read off the weighted design at the fit, so that they speak of this model and not of its columns alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.fitted_rows import regular
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.quadratic import Triangle
from nelder.table import Table


def vif(fit: Fit) -> Table:
    """Variance inflation of each term, generalised where it has several columns (Fox & Monette 1992).

    Columns term, df, gvif, per_column (gvif^(1/2df), the factor by which standard errors are wider: compare its square
    with the usual 10). A fit by arrays has a term for each column. Intercepts are left out. It is read off the model's
    covariance, whatever covariance the fit has been given.

    Raises CapabilityError where the covariance is not known (penalised and wholly separated fits), or only an
    intercept is left.
    """
    correlation, terms, notes = correlation_of_terms(fit)
    everything = log_determinant(correlation)
    names = list(dict.fromkeys(terms))
    df: list[int] = []
    gvif: list[float] = []
    for name in names:
        inside = np.array([term == name for term in terms])
        parts = log_determinant(correlation[np.ix_(inside, inside)])
        parts += log_determinant(correlation[np.ix_(~inside, ~inside)])
        df.append(int(inside.sum()))
        gvif.append(float(np.exp(parts - everything)))
    per_column = np.array(gvif) ** (0.5 / np.array(df))
    columns = {"term": names, "df": df, "gvif": gvif, "per_column": per_column}
    return Table(columns, "Variance inflation", notes)


def correlation_of_terms(fit: Fit) -> tuple[Array, list[str], tuple[str, ...]]:
    """The correlation (q, q) of the coefficients that have variances, intercepts aside, the term of each, and notes."""
    covariance, terms = fit.covariance_unscaled, term_of_columns(fit)
    intercept = intercepts(fit)
    known = np.isfinite(np.diagonal(covariance)) & (np.diagonal(covariance) > 0)
    if not known.any() and not fit.aliased.all():
        lacking = (
            "a penalised fit lacks" if fit.limit is None else "this one lacks: no coefficient is finite (separation)"
        )
        raise CapabilityError(f"variance inflation needs the covariance of the coefficients, which {lacking}")
    chosen = np.flatnonzero(known & ~intercept)
    if not len(chosen):
        raise CapabilityError("there is nothing but an intercept: variance inflation compares columns with each other")
    notes: tuple[str, ...] = ()
    if not intercept.any():
        notes += (
            "Without an intercept, inflation is against columns orthogonal as they are, and not around their means.",
        )
    lost = [name for name, given in zip(fit.names, known, strict=True) if not given]
    if lost:
        notes += (f"Left out, as they have no variance (aliased or infinite): {', '.join(lost)}.",)
    inside = covariance[np.ix_(chosen, chosen)]
    size = np.sqrt(np.diagonal(inside))
    return inside / size / size[:, None], [terms[j] for j in chosen], notes


def term_of_columns(fit: Fit) -> list[str]:
    """The term that each of the p columns belongs to: itself, in a fit by arrays."""
    terms = list(fit.names)
    if fit.terms.schema is not None:
        for name, columns in fit.terms.schema.spans:
            for column in columns:
                terms[column] = name
    return terms


def intercepts(fit: Fit) -> NDArray[np.bool_]:
    """Which of the p columns are the same in every row."""
    constant = np.array([name == "Intercept" for name in fit.names])
    if fit.terms.schema is None:
        objective = fit.rows_of_data("variance inflation of a fit by arrays")
        constant[~fit.aliased] = objective.design.constant != 0
    return constant


def log_determinant(matrix: Array) -> float:
    """log det of a correlation matrix (q, q), 0 for an empty one."""
    return float(np.linalg.slogdet(matrix)[1]) if len(matrix) else 0.0


def condition_indices(fit: Fit) -> Table:
    """Condition indices of the weighted design with columns of unit length, intercept included (Belsley 1991).

    Columns: index, the largest singular value over each one, and for each coefficient the share of its variance that
    comes from that direction. An index above 30 in which two coefficients have most of their variance is a near
    dependence between their columns.

    Raises CapabilityError for separated and penalised fits.
    """
    objective = regular(fit, "the table of condition indices")
    model = objective.quadratic(np.asarray(fit.point), Triangle)
    assert isinstance(model, Triangle)
    length = np.sqrt(np.einsum("ij,ij->j", model.upper, model.upper))
    _, sizes, right = np.linalg.svd(model.upper / length)
    with np.errstate(divide="ignore"):
        shares = (right / sizes[:, None]) ** 2
    shares /= shares.sum(axis=0)
    columns: dict[str, Array] = {"index": sizes[0] / sizes}
    columns |= dict(zip(objective.design.names, shares.T, strict=True))
    title = "Condition indices, and shares of the variance of each coefficient"
    return Table(columns, title, own=objective.design.names)
