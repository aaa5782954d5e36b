"""Covariances of combinations of coefficients, by a root of their covariance where its terms would cancel."""

from __future__ import annotations

import numpy as np

from nelder.arrow import Variances
from nelder.errors import CapabilityError, DataError, EngineError, IllConditionedWarning, warn
from nelder.fit import Fit
from nelder.linalg import Array, cholesky, triangle, triangular_solve
from nelder.solvers import Reason
from nelder.solvers.newton import precise_model

LOST = 1e-6  # of a variance
SINGULAR = 1e12  # a condition, of unit variances
NEAR = 1e-6  # the least eigenvalue of correlations below which terms may cancel so far


def covariance_root(fit: Fit) -> Array | None:
    """A root (k, k) of the model's covariance of `fit.point`, where the fit ended at a regular optimum and has its
    data, or was saved with it; None where it has another covariance.
    """
    regular = fit.limit is None and fit.reason == Reason.CONVERGED.value
    if fit.uncertainty is not None or not regular:
        return None
    unscaled = fit.root if fit.objective is None else root_of_rows(fit)
    return None if unscaled is None else np.sqrt(fit.dispersion) * unscaled


def root_of_rows(fit: Fit) -> Array | None:
    """The same at φ = 1, from the rows of the fit; None where the information is singular."""
    point = np.asarray(fit.point)
    factored = precise_model(fit.rows_of_data("a root of the covariance"), point).factored
    return None if factored is None else factored.spread(np.eye(len(point)))


def root_to_keep(fit: Fit) -> Array | None:
    """The root at φ = 1 that a fit without its rows will need, as its covariance is so near singular that terms cancel
    in it; None where that is not so, and where the rows have gone already.
    """
    regular = fit.limit is None and fit.reason == Reason.CONVERGED.value
    if fit.objective is None or not regular or isinstance(fit.unscaled, Variances) or fit.withholds_errors:
        return fit.root
    kept = np.flatnonzero(~fit.aliased)
    covariance = fit.covariance_unscaled[np.ix_(kept, kept)]
    size = np.sqrt(np.diagonal(covariance))
    if not len(kept) or not (size > 0).all() or np.linalg.eigvalsh(covariance / size / size[:, None])[0] > NEAR:
        return None
    try:
        return root_of_rows(fit)
    except EngineError:  # the cluster of its rows has gone, and the rest can be saved
        return None


def usable_covariance(fit: Fit) -> Array:
    """The covariance (k, k) of `fit.point`. Raises CapabilityError or DataError where the fit has none, saying why."""
    finite = np.isfinite(np.asarray(fit.coef))
    if finite.any() and np.isnan(np.diagonal(fit.covariance_unscaled)[finite]).all():
        if fit.solved.penalty == "unpenalised":
            raise DataError("the information is singular at the coefficients, so that they have no standard errors")
        raise CapabilityError(
            f"this fit is penalised ({fit.solved.penalty}): it has no standard errors, which would not mean what they "
            "seem to; fit with penalty='unpenalised'"
        )
    if not (fit.df_reference > 0 and np.isfinite(fit.dispersion)):
        raise DataError(
            f"there are {fit.df_reference:g} degrees of freedom left for tests: fit fewer coefficients or more rows"
        )
    return fit.point_covariance


def covariance_of(fit: Fit, weights: Array) -> Array:
    """The covariance (m, m) of weights (m, k) @ point; nan where a coefficient in it has no variance, and, with a
    warning, where it is lost to rounding.
    """
    covariance = usable_covariance(fit)
    unknown = (weights[:, np.isnan(np.diagonal(covariance))] != 0).any(axis=1)
    covariance = np.where(np.isnan(covariance), 0.0, covariance)
    joint = weights @ covariance @ weights.T
    joint[unknown, :] = joint[:, unknown] = np.nan
    variance, size = np.diagonal(joint), np.abs(weights) @ np.abs(covariance)
    lost = np.finfo(float).eps * np.einsum("ij,ij->i", size, np.abs(weights)) > LOST * variance
    lost &= variance != 0
    if not lost.any():
        return joint
    root = covariance_root(fit)
    if root is not None:
        joint = (weights @ root) @ (weights @ root).T
        blur = np.finfo(float).eps * np.linalg.norm(np.abs(weights) @ np.abs(root), axis=1)
        lost = blur > LOST * np.sqrt(np.diagonal(joint))
    if lost.any():
        joint[lost, :] = joint[:, lost] = np.nan
        warn(
            f"the standard errors of {int(lost.sum())} combinations of coefficients are lost to rounding, as large "
            "terms cancel in them, and are nan: centre the columns",
            IllConditionedWarning,
        )
    return joint


def squared_length(fit: Fit, weights: Array, gap: Array) -> float:
    """gap' (L V L')⁻¹ gap for the weights L (m, k) and the covariance in use V.

    Raises DataError where L V L' is singular.
    """
    root = covariance_root(fit)
    if root is not None:
        usable_covariance(fit)
        rows = weights @ root
        size = np.linalg.norm(rows, axis=1)
        upper = triangle((rows / size[:, None]).T)
        half = triangular_solve(upper, gap / size, transposed=True)
        return float(half @ half)
    joint = covariance_of(fit, weights)
    name = f" ({fit.uncertainty.name})" if fit.uncertainty is not None else ""
    if not (np.diagonal(joint) > 0).all():
        raise DataError(f"the covariance in use{name} gives no variance to some of these hypotheses: nothing to test")
    factored = cholesky(joint)
    if factored is None or factored.condition > SINGULAR:
        raise DataError(
            f"the covariance in use{name} cannot tell these {len(gap)} hypotheses apart: its rank is too low, as that "
            "of fewer clusters than hypotheses; test fewer at once, or with the model's covariance"
        )
    half = factored.half_solve(gap)
    return float(half @ half)
