"""A fit: a frozen value that holds what was estimated and how. Everything else reads it.

The methods are doors, one line each: what they open lives in `inference`, `diagnostics`, `report` and `saving`, and is
imported when called.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.design import Ray
from nelder.diagnosis import Diagnosis
from nelder.families import Family
from nelder.formula import Schema
from nelder.linalg import Array
from nelder.mean import Link
from nelder.objective import Objective
from nelder.table import Named, Table
from nelder.trace import Trace

if TYPE_CHECKING:
    from nelder.report.summary import Summary


@dataclass(frozen=True)
class Statistics:
    """Numbers of the fit as a whole. `loglik` is nan for quasi families; `rank` counts the coefficients that were
    estimated.
    """

    n: float
    rank: float
    deviance: float
    null_deviance: float
    df_null: float
    pearson: float
    dispersion: float
    loglik: float


@dataclass(frozen=True)
class Terms:
    """How to make rows like those of the fit: the names of the columns, the formula's schema, and where the offset came
    from.

    `offset_given` says that an array was passed as offset, which new rows then need too.
    """

    names: tuple[str, ...]
    response: str
    schema: Schema | None = None
    offset_given: bool = False


@dataclass(frozen=True)
class Solved:
    """How the solver ended. `form` is the local model it ended on: Gram, or Triangle where the design was ill-
    conditioned.
    """

    solver: str
    steps: int
    reason: str
    converged: bool
    form: str
    penalty: str = "unpenalised"


@dataclass(frozen=True)
class Limit:
    """Where an optimum that is not finite lies: a ray in the coefficients (p,), which are aliased (p,), and whether the
    ray is the only one.
    """

    ray: Ray
    aliased: NDArray[np.bool_]
    unique: bool = True


@dataclass(frozen=True)
class Fit:
    """The result of `glm` or `glm_fit`, or of `load`; it keeps, and does not copy, the arrays it was fitted to.

    `covariance_unscaled` (p, p) is the inverse expected information at φ = 1. `combination` (p, p) writes each aliased
    column, in its column, as a combination of the others.
    """

    coef: Named
    covariance_unscaled: Array
    family: Family
    link: Link
    statistics: Statistics
    terms: Terms
    solved: Solved
    warnings: tuple[Diagnosis, ...] = ()
    limit: Limit | None = None
    combination: Array | None = None
    notes: tuple[str, ...] = ()
    trace: Trace = field(default=Trace((), (), ""), repr=False)
    objective: Objective | None = field(default=None, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the p coefficients."""
        return self.terms.names

    @property
    def se(self) -> Named:
        """Standard errors (p,): expected information, φ as in `dispersion`.

        nan where a coefficient is aliased, penalised, infinite, or held at the edge of the means allowed.
        """
        variance = np.diagonal(self.covariance_unscaled)
        return Named(np.sqrt(self.dispersion * np.where(variance > 0, variance, np.nan)), self.names)

    @property
    def deviance(self) -> float:
        """Σ w d(y, μ): twice the log-likelihood lost against a perfect fit, times φ."""
        return self.statistics.deviance

    @property
    def null_deviance(self) -> float:
        """The deviance with an intercept only, or with none where the model has none; offsets are kept."""
        return self.statistics.null_deviance

    @property
    def loglik(self) -> float:
        """The log-likelihood with all constants, as R's logLik; nan for quasi families."""
        return self.statistics.loglik

    @property
    def df_resid(self) -> float:
        """Observations less estimated coefficients."""
        return self.statistics.n - self.statistics.rank

    @property
    def df_null(self) -> float:
        """Residual degrees of freedom of the null model."""
        return self.statistics.df_null

    @property
    def dispersion(self) -> float:
        """φ: 1 where the family fixes it, else Pearson's X² over its degrees of freedom."""
        return self.statistics.dispersion

    @property
    def parameters(self) -> float:
        """What AIC counts: coefficients, and φ where it is estimated."""
        return self.statistics.rank + (0 if self.family.dispersion_known else 1)

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 parameters − 2 loglik; nan for quasi families."""
        return 2 * self.parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion, log(n) parameters − 2 loglik; nan for quasi families."""
        return float(np.log(self.statistics.n)) * self.parameters - 2 * self.loglik

    @property
    def converged(self) -> bool:
        """Whether the coefficients are the optimum, to rounding. `reason` says why not."""
        return self.solved.converged

    @property
    def reason(self) -> str:
        """Why the solver stopped, in words."""
        return self.solved.reason

    @property
    def steps(self) -> int:
        """How many steps the solver took after its start."""
        return self.solved.steps

    @property
    def aliased(self) -> NDArray[np.bool_]:
        """Which columns were left out as combinations of others (p,)."""
        return np.isnan(np.asarray(self.coef)) if self.limit is None else self.limit.aliased

    @property
    def point(self) -> Array | Ray:
        """The estimate in the columns that are not aliased: β, or a ray where the optimum is not finite."""
        kept = np.flatnonzero(~self.aliased)
        return np.asarray(self.coef)[kept] if self.limit is None else self.limit.ray.select(kept)

    @property
    def point_covariance(self) -> Array:
        """Of the coefficients of `point`: φ times the inverse information, zero along a ray."""
        kept = np.flatnonzero(~self.aliased)
        unscaled = self.covariance_unscaled if self.limit is None else self.limit.ray.covariance
        return self.dispersion * unscaled[np.ix_(kept, kept)]

    def covariance(self) -> Array:
        """φ times the inverse expected information (p, p)."""
        return self.dispersion * self.covariance_unscaled

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
