"""The studentized range: how far apart the largest and smallest of some normal means lie, in standard errors.

Its upper tail is an integral of positive terms, so that small probabilities keep their digits, where one less the
distribution function (Copenhaver & Holland 1988) would leave rounding.
"""

from __future__ import annotations

import numpy as np

from nelder.linalg import Array
from nelder.mean import special

NODES = 100  # of the integral over the largest of the means
POINTS = 400  # of the integral over the standard error
EDGE = 9.0  # standard deviations beyond which a normal density adds nothing
WIDEST = 80.0  # beyond which the probability is less than any float
FAR = 45.0  # minus the logarithm of what adds nothing


def range_tail(width: Array, means: int) -> Array:
    """P(range of `means` standard normal numbers > width), elementwise.

    The largest is at z with density m φ(z) Φ(z)^(m−1), and not all others lie within `width` below it.
    """
    width = np.minimum(width, WIDEST)
    step = (width[..., None] / 2 + 2 * EDGE) / NODES
    z = -EDGE + step * np.arange(NODES + 1)  # the trapezoidal rule, whose error vanishes as that of a Gaussian sum
    below = special().log_ndtr(z)
    share = np.exp(special().log_ndtr(z - width[..., None]) - below)
    with np.errstate(divide="ignore"):
        lost = -np.expm1((means - 1) * np.log1p(-share))
    density = means * np.exp(-z * z / 2 + (means - 1) * below) / np.sqrt(2 * np.pi)
    return np.asarray(np.sum(step * density * lost, axis=-1))


def studentized_tail(q: Array, means: int, df: float) -> Array:
    """P(studentized range > q) (k,), for df degrees of freedom of the standard error, or infinitely many; nan where q
    is nan or df is not positive.
    """
    if not df > 0:
        return np.full_like(q, np.nan)
    if np.isinf(df):
        return np.where(np.isnan(q), np.nan, range_tail(np.where(np.isnan(q), 0.0, q), means))
    return np.array([np.nan if np.isnan(each) else _over_errors(float(each), means, df) for each in q])


def _over_errors(q: float, means: int, df: float) -> float:
    """The tail of the range at q s, over s² = χ²/df, by the trapezoidal rule in log s."""
    peak = 0.5 * np.log(df / (df + q * q / 2))  # roughly; without the range it is at 0
    away = np.sqrt(FAR / df)
    x = np.linspace(peak - away - FAR / df, min(away, 1.0 + 0.5 * np.log1p(2 * FAR / df)), POINTS)
    log_density = df * x - df * np.exp(2 * x) / 2
    log_density += np.log(2.0) + df / 2 * np.log(df / 2) - special().gammaln(df / 2)
    values = np.exp(log_density) * range_tail(q * np.exp(x), means)
    return float(np.sum(values) * (x[1] - x[0]))


def studentized_quantile(tail: float, means: int, df: float) -> float:
    """The q that the studentized range exceeds with probability `tail`."""
    from scipy.optimize import brentq

    if not df > 0:
        return float("nan")

    def off(log_q: float) -> float:
        return float(np.log(studentized_tail(np.exp(np.array([log_q])), means, df)[0]) - np.log(tail))

    high = 1.0
    while off(high) > 0:
        high += 1.0
    return float(np.exp(brentq(off, -20.0, high, xtol=1e-13)))
