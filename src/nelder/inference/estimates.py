"""Functions of the coefficients with their joint covariance: what hypotheses, effects and the delta method hand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nelder.inference.simultaneous import adjustment
from nelder.inference.wald import two_sided_quantile, two_sided_tail
from nelder.linalg import Array
from nelder.table import Table


@dataclass(frozen=True)
class Estimates:
    """k numbers `values` (k,) with `covariance` (k, k), named by columns of `labels`; tests take Student's t on `df`.

    `null` (k,) is what each is tested against. `transformed` means that values are logarithms to be shown as ratios.
    """

    labels: Mapping[str, Sequence[object]]
    values: Array
    covariance: Array
    df: float
    null: Array | float = 0.0
    exponentiated: bool = False
    title: str = ""
    notes: tuple[str, ...] = ()

    @property
    def se(self) -> Array:
        """Standard errors (k,), nan where there is no variance."""
        variance = np.diagonal(self.covariance)
        return np.sqrt(np.where(variance > 0, variance, np.nan))

    @property
    def statistic(self) -> Array:
        """(value − null) / standard error (k,)."""
        with np.errstate(all="ignore"):
            return np.asarray((self.values - self.null) / self.se)

    def select(self, rows: Sequence[int] | Array) -> Estimates:
        """Some of them."""
        chosen = np.asarray(rows, dtype=np.intp)
        labels = {name: np.asarray(column)[chosen].tolist() for name, column in self.labels.items()}
        null = np.broadcast_to(self.null, self.values.shape)[chosen]
        covariance = self.covariance[np.ix_(chosen, chosen)]
        return replace(self, labels=labels, values=self.values[chosen], covariance=covariance, null=null)

    def combined(self, weights: Array, labels: Mapping[str, Sequence[object]], null: Array | float = 0.0) -> Estimates:
        """The combinations weights (m, k) @ values."""
        covariance = weights @ self.covariance @ weights.T
        return replace(self, labels=labels, values=weights @ self.values, covariance=covariance, null=null)

    def table(self, level: float = 0.95, adjust: str = "none") -> Table:
        """Columns: the labels, estimate, se, z or t, p, lower, upper; p and intervals adjusted for their number.

        `adjust` is one of `simultaneous.ADJUSTMENTS`. Exponentiated, estimate and interval are ratios and se is by the
        delta method, while test and p are those of the logarithm.
        """
        method = adjustment(adjust)
        reach = two_sided_quantile(self.df, level)
        statistic = self.statistic
        p = two_sided_tail(self.df, statistic)
        notes = self.notes
        if adjust != "none":
            family = method(self, level)
            p, reach, notes = family.p, family.reach, (*notes, family.note)
        with np.errstate(all="ignore"):
            lower, upper = self.values - reach * self.se, self.values + reach * self.se
            estimate, se = self.values, self.se
            if self.exponentiated:
                estimate, lower, upper = np.exp(self.values), np.exp(lower), np.exp(upper)
                se = estimate * self.se
        columns = {name: np.asarray(column) for name, column in self.labels.items()}
        name = "z" if np.isinf(self.df) else "t"
        columns |= {"estimate": estimate, "se": se, name: statistic, "p": p, "lower": lower, "upper": upper}
        return Table(columns, self.title, notes)
