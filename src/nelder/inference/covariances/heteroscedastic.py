"""Covariances that hold whatever the variance of the response: the sandwich of Huber (1967) and White (1980), and its
corrections for few rows (MacKinnon & White 1985). The numbers are those of R's sandwich::vcovHC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nelder.errors import DataError, some_rows
from nelder.fit import Fit
from nelder.inference.covariances.sandwich import (
    Bread,
    Covariance,
    Doubt,
    Found,
    Meat,
    bread_of,
    finished,
    full_rows,
    meat_kernel,
    model_df,
    refuse_without_residuals,
)


@dataclass(frozen=True)
class Sandwich(Covariance):
    """A (Σ s² x x' / (1 − h)^power) A, where h is the leverage and A the inverse expected information at φ = 1."""

    power: ClassVar[float] = 0.0

    def factor(self, fit: Fit) -> float:
        """What the whole is multiplied by."""
        return 1.0

    def found(self, fit: Fit) -> Found:
        refuse_without_residuals(fit, self.name)
        objective, bread = fit.rows_of_data("residuals"), bread_of(fit)
        meat: Meat = objective.over_rows(meat_kernel, bread, self.power)
        doubts = self.doubts(fit, bread) if meat.full else ()
        found = finished(fit, bread, self.factor(fit) * meat.total, (self.name, model_df(fit)))
        return Found(found.uncertainty, (*doubts, *found.doubts))

    def doubts(self, fit: Fit, bread: Bread) -> tuple[Doubt, ...]:
        """What rows of leverage 1 mean. Raises DataError where they leave the covariance undefined."""
        where = some_rows(full_rows(fit, bread).tolist())
        if self.power:
            raise DataError(
                f"covariance {self.name!r} divides by 1 - leverage, which is zero at {where}: a coefficient fits each "
                "of these rows exactly, whatever its response; drop the rows or merge their levels, or use 'HC1'"
            )
        return (
            Doubt(
                f"{self.name}: a coefficient fits {where} exactly, whatever the response there (leverage 1), so that "
                "their errors do not show in the residuals, and standard errors that rest on them are too small"
            ),
        )


@dataclass(frozen=True)
class HC0(Sandwich):
    """Without correction; too small where rows are few."""

    name = "HC0"


@dataclass(frozen=True)
class HC1(Sandwich):
    """n / (n − p) times HC0."""

    name = "HC1"

    def factor(self, fit: Fit) -> float:
        return fit.statistics.n / fit.df_resid


@dataclass(frozen=True)
class HC2(Sandwich):
    """Each squared residual over 1 − h: unbiased where the variance is as the family says."""

    name = "HC2"
    power = 1.0


@dataclass(frozen=True)
class HC3(Sandwich):
    """Each squared residual over (1 − h)²: about the jackknife, and the one to take where rows are few."""

    name = "HC3"
    power = 2.0
