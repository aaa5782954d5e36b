"""What each term adds to the linear predictor, and how sure that is: the line through partial residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.residuals import partial_residuals, residuals
from nelder.errors import unknown_name
from nelder.fit import Fit
from nelder.formula.schema import CategoricalFactor
from nelder.inference.predictions.prediction import standard_errors
from nelder.inference.wald import two_sided_quantile
from nelder.linalg import Array
from nelder.submodels import schema_of


@dataclass(frozen=True)
class TermShare:
    """A term's share of η at the rows of the fit (n,), centred as partial residuals are, and those residuals (n,).

    `columns` are those of the table that the term reads, as levels where it `has_levels`.
    """

    term: str
    share: Array
    partial: Array
    columns: tuple[str, ...]
    has_levels: bool


def term_share(fit: Fit, term: object) -> TermShare:
    """The share of one term of the formula; raises UnknownNameError for another name and the errors of
    `residuals.partial_residuals`.
    """
    found = partial_residuals(fit)
    if not isinstance(term, str) or term not in found:
        raise unknown_name("term", term, found)
    schema, left = schema_of(fit), residuals(fit, "working")
    place = [name for name, _ in schema.spans].index(term)
    factors = schema.formula.terms[place].factors
    read = tuple(dict.fromkeys(column for factor in factors for column in factor.columns))
    levels = any(isinstance(schema.factors[factor.text], CategoricalFactor) for factor in factors)
    return TermShare(term, found[term] - left, found[term], read, levels)


def share_interval(fit: Fit, term: str, rows: NDArray[np.integer], level: float = 0.95) -> tuple[Array, Array]:
    """The interval (m,), (m,) of the centred share of a term at some rows of the fit, as R's termplot draws it.

    nan where the fit has no standard errors.
    """
    schema, objective = schema_of(fit), fit.rows_of_data("an interval of a term")
    blocks = objective.design.handles
    kept = np.flatnonzero(~fit.aliased)
    inside = np.isin(kept, dict(schema.spans)[term])
    ends = np.cumsum([0, *(block.n for block in blocks)])
    X = np.empty((len(rows), len(kept)))
    for block, start, end in zip(blocks, ends, ends[1:], strict=False):
        here = (rows >= start) & (rows < end)
        if here.any():
            X[here] = block.rows(rows[here] - start).dense()
    count = sum(float(block.frequency.sum()) for block in blocks)
    centred = any(name == "Intercept" for name, _ in schema.spans)
    middle = sum(block.transpose_times(block.frequency) for block in blocks) / count if centred else np.zeros(len(kept))
    X = np.where(inside, X - middle, 0.0)
    share = X @ np.where(inside, np.asarray(fit.point), 0.0)
    if fit.withholds_errors:
        return np.full_like(share, np.nan), np.full_like(share, np.nan)
    reach = two_sided_quantile(fit.df_reference, level) * standard_errors(fit, X, fit.point_covariance)
    return share - reach, share + reach
