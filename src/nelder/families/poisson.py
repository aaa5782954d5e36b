"""The Poisson distribution of counts: V(μ) = μ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.families.base import Family, poisson_gap, stirling_remainder
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Mean


class Poisson(Family):
    """y ~ Poisson(μ)."""

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

    def start_mean(self, y: Array, weight: Array) -> Array:
        return y + 0.1

    def log_density(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        return -weight * (0.5 * self.unit_deviance(y, mean) + stirling_remainder(y))

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        return random.poisson(mean.mu).astype(float)

    def oddities(self, y: Array, weight: Array) -> str | None:
        return not_whole(y, "quasipoisson")


def not_whole(y: Array, instead: str) -> str | None:
    """The word on counts that are not whole numbers."""
    odd = int(np.sum(y != np.round(y)))
    if odd == 0:
        return None
    return (
        f"{odd} rows have a response that is not a whole number: the estimates are quasi-likelihood ones and AIC means "
        f"little; use family='{instead}' to say so"
    )
