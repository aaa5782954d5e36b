"""The model's own covariance: φ times the inverse of the expected or the observed information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.errors import DataError
from nelder.estimate import Uncertainty
from nelder.fit import Fit
from nelder.inference.covariances.sandwich import Covariance, Found, bread_of, curvature_kernel, model_df
from nelder.linalg import cholesky


@dataclass(frozen=True)
class Expected(Covariance):
    """φ (X'WX)⁻¹ with expected weights, as in the fit itself."""

    name = "expected"

    def found(self, fit: Fit) -> Found:
        return Found(None)


@dataclass(frozen=True)
class Observed(Covariance):
    """φ H⁻¹, H the curvature of half the deviance at the coefficients (Efron & Hinkley 1978).

    With a canonical link it is the expected one. Raises DataError where H is not positive definite.
    """

    name = "observed"

    def found(self, fit: Fit) -> Found:
        objective, bread = fit.rows_of_data("the observed information"), bread_of(fit)
        total = objective.over_rows(curvature_kernel, bread)
        factored = cholesky((total + total.T) / 2)
        if factored is None:
            raise DataError(
                "the observed information is not positive definite at these coefficients, so that they are no maximum "
                "of the likelihood: use covariance 'expected'"
            )
        root = bread.root @ factored.spread(np.eye(len(factored.scale)))
        return Found(Uncertainty(self.name, fit.dispersion * (root @ root.T), model_df(fit)))
