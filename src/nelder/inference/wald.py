"""Wald tests and intervals: estimate ± quantile × standard error.

The reference distribution is Student's t on the residual degrees of freedom where φ was estimated, else the normal (as
in R).
"""

from __future__ import annotations

import numpy as np

from nelder.errors import InputError, a_number
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.mean import special
from nelder.table import Table


def statistic_name(fit: Fit) -> str:
    """ "z" or "t"."""
    return "z" if np.isinf(fit.df_reference) else "t"


def checked_level(level: float) -> float:
    """A confidence level; raises InputError for one that is not between 0 and 1."""
    if not 0 < a_number(level, "level") < 1:
        raise InputError(f"level={level!r}: a confidence level lies strictly between 0 and 1, such as 0.95")
    return level


def two_sided_quantile(df: float, level: float) -> float:
    """How far Student's t on df degrees of freedom, or the normal where df is infinite, reaches at a level."""
    upper = 0.5 + checked_level(level) / 2
    if np.isinf(df):
        return float(special().ndtri(upper))
    return float(special().stdtrit(df, upper)) if df > 0 else float("nan")


def two_sided_tail(df: float, statistic: Array) -> Array:
    """P(|reference| > |statistic|), from the tail itself so that tiny values keep their digits."""
    below = -np.abs(statistic)
    if np.isinf(df):
        return np.asarray(2 * special().ndtr(below))
    return np.asarray(2 * special().stdtr(df, below)) if df > 0 else np.full_like(below, np.nan)


def quantile(fit: Fit, level: float) -> float:
    """The two-sided quantile of the tests of a fit."""
    return two_sided_quantile(fit.df_reference, level)


def confint(fit: Fit, level: float = 0.95) -> Table:
    """Wald intervals: columns term, lower, upper, one row a coefficient."""
    reach = quantile(fit, level) * np.asarray(fit.se)
    middle = np.asarray(fit.coef)
    return Table({"term": np.array(fit.names), "lower": middle - reach, "upper": middle + reach})


def coefficient_table(fit: Fit, level: float = 0.95) -> Table:
    """Columns term, estimate, se, z or t, p, lower, upper, one row a coefficient."""
    estimate, se = np.asarray(fit.coef), np.asarray(fit.se)
    with np.errstate(all="ignore"):
        statistic = estimate / se
    interval = confint(fit, level)
    return Table(
        {
            "term": interval["term"],
            "estimate": estimate,
            "se": se,
            statistic_name(fit): statistic,
            "p": two_sided_tail(fit.df_reference, statistic),
            "lower": interval["lower"],
            "upper": interval["upper"],
        }
    )
