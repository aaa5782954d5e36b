"""One observation of each row: its residuals, its leverage, and what becomes of the scale without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.design import Block
from nelder.diagnostics.raw_residuals import raw_kernel
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.covariances.sandwich import FULL, bread_of, each_slice
from nelder.inference.reach import eliminated, reach
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.quadratic import Factor


@dataclass(frozen=True)
class SingleRows:
    """Deviance residual, Pearson residual and leverage (n,) of one observation of each row, of which there are `count`
    (n,); how many observations there are in all, and the rank of their design.
    """

    deviance: Array
    pearson: Array
    leverage: Array
    count: Array
    total: float
    rank: float

    @lazy
    def root(self) -> Array:
        """√(1 − h) (n,), nan where the leverage h is 1."""
        return np.sqrt(np.where(self.leverage < 1.0, 1.0 - self.leverage, np.nan))

    @lazy
    def deleted_scale(self) -> Array:
        """√φ (n,) from the deviance residuals d without one observation, with (Σd² − d²/(1 − h)) / (n − p − 1) for φ.

        R's influence()$sigma; nan where no degrees of freedom would be left.
        """
        df = self.total - self.rank - 1.0
        own = np.where(self.leverage < 1.0, (self.deviance / self.root) ** 2, 0.0)
        left = float(self.count @ self.deviance**2) - own
        return np.sqrt(left / df) if df > 0 else np.full_like(left, np.nan)


def leverages(fit: Fit) -> Array:
    """The leverage (n,) of one observation of each row: the diagonal of W^½ X (X'WX)⁻¹ X' W^½, R's hatvalues.

    It lies between 0 and 1, and the sum over observations is the rank. Zero in rows whose mean is at a limit, on which
    the other rows' means do not depend.
    """
    objective = fit.rows_of_data("a leverage")
    factored = eliminated(fit)
    if factored is None:
        parts = [rows.leverage for rows in each_slice(objective, bread_of(fit))]
    else:
        parts = objective.engine.map(leverage_kernel, objective.design.handles, fit.point, objective.loss, factored)
    found = np.concatenate(parts)
    return np.where(found >= 1.0 - FULL, 1.0, found)


def leverage_kernel(block: Block, beta: Array, loss: Loss, factored: Factor) -> Array:
    """The leverages (n,) of some rows at β (p,), by the factor of the information."""
    with np.errstate(all="ignore"):
        parts = []
        for rows in block.slices(filled=True):
            weight = rows.own_precision * loss.family.expected_weight(Mean(loss.link, rows.eta(beta)))
            parts.append(weight * reach(rows, factored))
        return np.concatenate(parts)


def single_rows(fit: Fit, what: str) -> SingleRows:
    """The observations of a fit by maximum likelihood.

    Raises DataError for a fit without its data, CapabilityError under a penalty and with sampling weights.
    """
    objective = fit.rows_of_data(what)
    if objective.holds or objective.penalty.adjustment is not None:
        raise CapabilityError(f"{what} supposes maximum likelihood, and this fit is penalised: refit without penalty=")
    if objective.sampling:
        raise CapabilityError(f"{what} is that of one of equal observations, and sampling weights say they are not")
    blocks, loss, point = objective.design.handles, objective.loss, fit.point
    count = np.concatenate([block.frequency for block in blocks])
    raw = (objective.engine.map(raw_kernel, blocks, point, loss, kind) for kind in ("deviance", "pearson"))
    deviance, pearson = (np.concatenate(parts) / np.sqrt(count) for parts in raw)
    leverage = leverages(fit)
    if fit.limit is None:
        return SingleRows(deviance, pearson, leverage, count, fit.statistics.n, fit.statistics.rank)
    # the other rows, and the coefficients that they tell, are a fit of their own
    inside = np.isfinite(np.concatenate([block.eta(point) for block in blocks]))
    return SingleRows(deviance, pearson, leverage, count, float(count @ inside), float(np.round(count @ leverage)))
