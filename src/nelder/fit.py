"""A fit: a frozen value that holds what was estimated and how, and opens the rooms that read it.

The methods are doors, one line each: what they open lives in `inference`, `diagnostics`, `report` and `saving`, and is
imported when called.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nelder.estimate import Estimate, Kept, Limit, Solved, Statistics, Terms, Uncertainty
from nelder.linalg import Array
from nelder.table import Table

if TYPE_CHECKING:
    from nelder.report.summary import Summary

__all__ = ["Estimate", "Fit", "Kept", "Limit", "Solved", "Statistics", "Terms", "Uncertainty"]


@dataclass(frozen=True)
class Fit(Estimate):
    """The result of `glm` or `glm_fit`, or of `load`; its numbers are the properties of `Estimate`."""

    def covariance(self) -> Array:
        """The covariance of the coefficients (p, p): φ times the inverse expected information unless told otherwise."""
        return self.covariance_in_use

    def confint(self, level: float = 0.95) -> Table:
        """Wald intervals of the coefficients; see `inference.wald.confint`."""
        from nelder.inference.wald import confint

        return confint(self, level)

    def table(self, level: float = 0.95) -> Table:
        """The coefficient table; see `inference.wald.coefficient_table`."""
        from nelder.inference.wald import coefficient_table

        return coefficient_table(self, level)

    def predict(
        self,
        new: object = None,
        kind: str = "response",
        interval: str | None = None,
        level: float = 0.95,
        offset: object = None,
    ) -> Array | Table:
        """Means or linear predictors, at new rows or those of the fit; see `inference.prediction.predict`."""
        from nelder.inference.prediction import Request, predict

        return predict(self, new, Request(kind, interval, level), offset)

    @property
    def fitted(self) -> Array:
        """The means at the rows of the fit (n,)."""
        return np.asarray(self.predict())

    def deviance_at(self, betas: object) -> Array:
        """The deviance at other coefficients, one (p,) or many (k, p), to sweep or to draw."""
        from nelder.inference.likelihood import deviance_at

        return deviance_at(self, betas)

    def residuals(self, kind: str = "deviance") -> Array:
        """Residuals (n,); see `diagnostics.residuals.residuals`."""
        from nelder.diagnostics.residuals import residuals

        return residuals(self, kind)

    def summary(self, level: float = 0.95) -> Summary:
        """The page that R's summary() prints; see `report.summary`."""
        from nelder.report.summary import Summary

        return Summary(self, level)

    def simulate(self, draws: int = 1, seed: int | None = None) -> Array:
        """New responses (draws, n) from the fitted model; see `simulation.simulate_fit`."""
        from nelder.simulation import simulate_fit

        return simulate_fit(self, draws, seed)

    def save(self, path: str | Path) -> None:
        """Write the fit as JSON, without the data; see `saving.save`."""
        from nelder.saving import save

        save(self, path)

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
