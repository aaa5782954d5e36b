"""Tests and intervals that hold for a whole family of estimates at once.

Holm (1979) and Bonferroni need nothing but the number of estimates; Šidák (1967) is exact for independent ones; Tukey's
is for all pairwise differences of means, by the studentised range; Scheffé's (1953) is for every combination of the
estimates at once, by their rank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nelder.arrow import Variances, in_full
from nelder.errors import InputError, refuse_unknown
from nelder.inference.studentized_range import studentized_quantile, studentized_tail
from nelder.inference.wald import checked_level, two_sided_quantile, two_sided_tail
from nelder.linalg import Array
from nelder.mean import special


class Family(Protocol):
    """What an adjustment sees of `Estimates`."""

    @property
    def statistic(self) -> Array: ...
    @property
    def covariance(self) -> Array | Variances: ...
    @property
    def df(self) -> float: ...


@dataclass(frozen=True)
class Adjusted:
    """p-values (k,) for a family, how many standard errors its intervals reach, and a sentence that says how."""

    p: Array
    reach: Array | float
    note: str


def alone(family: Family, level: float) -> Adjusted:
    """Each estimate for itself."""
    return Adjusted(two_sided_tail(family.df, family.statistic), two_sided_quantile(family.df, level), "")


def bonferroni(family: Family, level: float) -> Adjusted:
    """k times each p; intervals at 1 − (1 − level)/k."""
    k = counted(family)
    p = np.minimum(k * two_sided_tail(family.df, family.statistic), 1.0)
    reach = two_sided_quantile(family.df, 1.0 - (1.0 - checked_level(level)) / k)
    return Adjusted(p, reach, f"p-values and intervals adjusted for {k} estimates (Bonferroni)")


def holm(family: Family, level: float) -> Adjusted:
    """Bonferroni's p, stepping down from the smallest; the intervals remain Bonferroni's."""
    k, plain = counted(family), two_sided_tail(family.df, family.statistic)
    order = np.argsort(np.where(np.isnan(plain), np.inf, plain), kind="stable")
    left = np.maximum(k - np.arange(len(plain)), 1)
    stepped = np.fmin(np.fmax.accumulate(left * plain[order]), 1.0)
    p = np.empty_like(plain)
    p[order] = np.where(np.isnan(plain[order]), np.nan, stepped)
    note = f"p-values adjusted for {k} estimates (Holm), intervals by Bonferroni"
    return Adjusted(p, bonferroni(family, level).reach, note)


def sidak(family: Family, level: float) -> Adjusted:
    """1 − (1 − p)^k; intervals at level^(1/k)."""
    k = counted(family)
    with np.errstate(divide="ignore"):  # a statistic of zero
        p = -np.expm1(k * np.log1p(-two_sided_tail(family.df, family.statistic)))
    reach = two_sided_quantile(family.df, checked_level(level) ** (1.0 / k))
    return Adjusted(p, reach, f"p-values and intervals adjusted for {k} estimates (Šidák)")


def scheffe(family: Family, level: float) -> Adjusted:
    """statistic² / r against F on r and df degrees of freedom, r the rank of the estimates."""
    rank = rank_of(in_full(family.covariance))
    if rank == 0:
        return alone(family, level)
    tail = f_tail(family.statistic**2 / rank, rank, family.df)
    reach = float(np.sqrt(rank * f_quantile(checked_level(level), rank, family.df)))
    return Adjusted(tail, reach, f"p-values and intervals hold for all combinations, of rank {rank} (Scheffé)")


def tukey(family: Family, level: float) -> Adjusted:
    """√2 |statistic| against the studentised range of m means, k = m (m − 1)/2. Raises InputError for another k."""
    k = len(family.statistic)
    means = round((1.0 + np.sqrt(1.0 + 8.0 * k)) / 2.0)
    if means * (means - 1) != 2 * k:
        raise InputError(
            f"adjust='tukey' is for all pairwise differences of some means (1, 3, 6, 10, …): these are {k} estimates; "
            "use adjust='holm'"
        )
    p = studentized_tail(np.sqrt(2.0) * np.abs(family.statistic), means, family.df)
    reach = studentized_quantile(1.0 - checked_level(level), means, family.df) / np.sqrt(2.0)
    return Adjusted(p, reach, f"p-values and intervals adjusted for comparing {means} means (Tukey)")


ADJUSTMENTS: dict[str, Callable[[Any, float], Adjusted]] = {
    "none": alone,
    "bonferroni": bonferroni,
    "holm": holm,
    "scheffe": scheffe,
    "sidak": sidak,
    "tukey": tukey,
}


def adjustment(name: str) -> Callable[[Any, float], Adjusted]:
    """An adjustment by name; raises UnknownNameError for one that does not exist."""
    refuse_unknown("adjustment", name, ADJUSTMENTS)
    return ADJUSTMENTS[name]


def counted(family: Family) -> int:
    """How many estimates have a test."""
    return max(1, int(np.isfinite(family.statistic).sum()))


def rank_of(covariance: Array) -> int:
    """The rank of a covariance (k, k), of unit variances, among the estimates that have one."""
    known = np.flatnonzero(np.diagonal(covariance) > 0)
    size = np.sqrt(np.diagonal(covariance)[known])
    unit = covariance[np.ix_(known, known)] / size / size[:, None]
    return int(np.sum(np.linalg.eigvalsh(unit) > 1e-10 * max(1, len(known)))) if len(known) else 0


def f_tail(statistic: Array, df: float, df_residual: float) -> Array:
    """P(F > statistic) on df and df_residual degrees of freedom; χ² / df where the latter is infinite."""
    if np.isinf(df_residual):
        return np.asarray(special().gammaincc(df / 2.0, df * statistic / 2.0))
    # by the incomplete beta function at x = df₂ / (df₂ + df₁ F), which keeps the digits of a small tail
    share = df_residual / (df_residual + df * statistic)
    return np.asarray(special().betainc(df_residual / 2.0, df / 2.0, share))


def f_quantile(level: float, df: float, df_residual: float) -> float:
    """The F below which a share `level` lies."""
    if np.isinf(df_residual):
        return float(2.0 * special().gammaincinv(df / 2.0, level) / df)
    return float(special().fdtri(df, df_residual, level))
