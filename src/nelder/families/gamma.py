"""The gamma distribution of positive amounts: V(μ) = μ²."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.families.base import Family, power_deviance, stirling_remainder
from nelder.linalg import Array
from nelder.links import Inverse
from nelder.mean import POSITIVE, Mean


class Gamma(Family):
    """y ~ Gamma with mean μ and shape w/φ: the coefficient of variation is constant."""

    name = "gamma"
    convex_links = ("inverse", "log")
    default_link = canonical = Inverse()
    natural_constant = -1.0
    mean_interval = POSITIVE
    support = "positive"

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y > 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return 2.0 * mean.log

    def log_variance_slope(self, mean: Mean) -> Array:
        return 2.0 * mean.rate

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return power_deviance(y, mean, 2.0)

    def log_density(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        # R's Gamma()$aic: the weight multiplies the log density at shape 1/φ
        constant = stirling_remainder(np.asarray(1.0 / phi)) + np.log(phi)
        return -weight * (0.5 * self.unit_deviance(y, mean) / phi + constant + np.log(y))

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        shape = weight / phi
        return random.gamma(shape, mean.mu / shape)
