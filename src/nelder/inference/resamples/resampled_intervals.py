"""Intervals from bootstrap draws: percentile, basic, and bias-corrected and accelerated.

Davison & Hinkley (1997), section 5.2 for the first two, 5.3.2 for the third (Efron 1987). Numbers are those of R's
boot.ci, whose ends are order statistics, interpolated on the scale of normal quantiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nelder.errors import CapabilityError
from nelder.linalg import Array
from nelder.mean import special


@dataclass(frozen=True)
class Draws:
    """The draws (B,) of one number, without those that failed, its estimate, and its acceleration if that is known."""

    values: Array
    estimate: float
    acceleration: float | None = None


def order_statistic(sorted_draws: Array, share: float) -> float:
    """The (B + 1) share-th of B sorted draws, between two by normal quantiles; beyond all of them the outermost.

    nan without draws. Between a finite and an infinite draw it is infinite.
    """
    many = len(sorted_draws)
    place = (many + 1) * share
    if not many or np.isnan(share):
        return np.nan
    below = int(np.floor(place + 1e-9))
    if below < 1 or below >= many:
        return float(sorted_draws[0] if below < 1 else sorted_draws[-1])
    low, high = float(sorted_draws[below - 1]), float(sorted_draws[below])
    if abs(place - below) < 1e-9 or low == high:
        return low
    at, first, second = special().ndtri(np.array([share, below / (many + 1), (below + 1) / (many + 1)]))
    if np.isinf(low) or np.isinf(high):
        return low if np.isinf(low) else high
    return float(low + (at - first) / (second - first) * (high - low))


def percentile(draws: Draws, level: float) -> tuple[float, float]:
    """The quantiles of the draws: right where some monotone scale makes them symmetric about the estimate."""
    ordered, tail = np.sort(draws.values), (1.0 - level) / 2.0
    return order_statistic(ordered, tail), order_statistic(ordered, 1.0 - tail)


def basic(draws: Draws, level: float) -> tuple[float, float]:
    """The quantiles of the draws reflected at the estimate: right where the error has the same law everywhere."""
    lower, upper = percentile(draws, level)
    return 2.0 * draws.estimate - upper, 2.0 * draws.estimate - lower


def bca(draws: Draws, level: float) -> tuple[float, float]:
    """Quantiles moved for bias and for a standard error that changes with the estimate; nan where all draws lie on one
    side of it.

    Raises CapabilityError where the acceleration is not known.
    """
    if draws.acceleration is None:
        raise CapabilityError(
            "interval='bca' needs the influence of each observation, known for the coefficients of unpenalised fits "
            "with kind='pairs' and no statistic of your own: use 'percentile' or 'basic'"
        )
    ordered, normal = np.sort(draws.values), special()
    shift = normal.ndtri(share_below(ordered, draws.estimate)) if len(ordered) else np.nan
    if not (np.isfinite(shift) and np.isfinite(draws.acceleration)):
        return np.nan, np.nan
    ends = shift + np.array([-1.0, 1.0]) * normal.ndtri(0.5 + level / 2.0)
    shares = normal.ndtr(shift + ends / (1.0 - draws.acceleration * ends))
    return order_statistic(ordered, float(shares[0])), order_statistic(ordered, float(shares[1]))


def share_below(ordered: Array, estimate: float) -> float:
    """The share of draws below the estimate; half of those that differ from it by rounding count (Efron 1987)."""
    finite = ordered[np.isfinite(ordered)]
    rounding = 1e-9 * float(np.ptp(finite)) if len(finite) else 0.0
    with np.errstate(invalid="ignore"):
        same = (ordered == estimate) | (np.abs(ordered - estimate) <= rounding)
    return float(np.mean(0.5 * same + ((ordered < estimate) & ~same)))


INTERVALS: dict[str, Callable[[Draws, float], tuple[float, float]]] = {
    "basic": basic,
    "bca": bca,
    "percentile": percentile,
}
