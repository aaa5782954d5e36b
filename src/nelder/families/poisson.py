"""The Poisson distribution of counts: V(μ) = μ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.families.anscombe import power_anscombe
from nelder.families.base import Family, poisson_gap, stirling_remainder
from nelder.families.incomplete import gamma_tails
from nelder.families.tails import Tails, outside, snapped, whole_below, whole_up_to
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Mean


class Poisson(Family):
    """w y ~ Poisson(w μ), with w = 1 for a count: y is the mean of w counts, or a rate over w years."""

    name = "poisson"
    convex_links = ("log", "identity", "sqrt")
    default_link = canonical = Log()
    mean_interval = POSITIVE
    support = "zero or positive"
    dispersion_known = True
    counts = True

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return mean.log

    def log_variance_slope(self, mean: Mean) -> Array:
        return mean.rate

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return 2.0 * poisson_gap(y, mean.mu, mean.log)

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        return mean.mu - y * mean.log

    def start_mean(self, y: Array, weight: Array) -> Array:
        return y + 0.1

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        return -weight * stirling_remainder(y)

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        return random.poisson(weight * mean.mu) / weight

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        count = whole_up_to(y * weight)
        inside = np.where(np.isfinite(count), np.maximum(count, 0.0), 0.0)
        waiting = gamma_tails(inside + 1.0, weight * mean.mu)  # Y ≤ k where the (k+1)st event comes after μ
        return outside(Tails(waiting.upper, waiting.lower), count < 0, count == np.inf)

    def spacing(self, weight: Array) -> Array:
        return 1.0 / weight

    def before(self, y: Array, weight: Array) -> Array:
        return whole_below(y * weight) / weight

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return power_anscombe(y, mean, 1.0)

    def odd(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        return y != np.round(y)

    def impossible(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        return not_counted(y, weight)

    def odd_words(self, many: int) -> str:
        return not_whole(many, "quasipoisson")


def not_counted(y: Array, weight: Array) -> NDArray[np.bool_]:
    """Where w y is not a whole number."""
    count = snapped(weight * y)
    return count != np.round(count)


def not_whole(many: int, instead: str) -> str:
    """The word on counts that are not whole numbers."""
    return (
        f"{many} rows have a response that is not a whole number: the estimates are quasi-likelihood ones and AIC "
        f"means little; use family='{instead}' to say so"
    )
