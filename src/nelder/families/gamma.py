"""The gamma distribution of positive amounts: V(μ) = μ²."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.families.anscombe import power_anscombe
from nelder.families.base import Family, power_deviance, stirling_remainder
from nelder.families.incomplete import gamma_tails
from nelder.families.tails import Tails, outside
from nelder.linalg import Array
from nelder.links import Inverse
from nelder.mean import POSITIVE, Mean, special


class Gamma(Family):
    """y ~ Gamma with mean μ and shape w/φ: the coefficient of variation is constant."""

    name = "gamma"
    convex_links = ("inverse", "log")
    default_link = canonical = Inverse()
    natural_constant = -1.0
    mean_interval = POSITIVE
    support = "positive"
    inverse_dispersion = "shape"

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y > 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return 2.0 * mean.log

    def log_variance_slope(self, mean: Mean) -> Array:
        return 2.0 * mean.rate

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return power_deviance(y, mean, 2.0)

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        return y / mean.mu + mean.log

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        # R's Gamma()$aic: the weight multiplies the log density at shape 1/φ
        constant = stirling_remainder(np.asarray(1.0 / phi)) + np.log(phi)
        return -weight * (constant + np.log(y))

    def normaliser_slopes(self, nu: Array) -> tuple[Array, Array, Array]:
        # g = 2 (ν log ν − ν − log Γ(ν)); by Stirling's series where the differences would cancel
        large = np.maximum(nu, 32.0)
        x = 1.0 / large**2
        first = (1 + (1 / 6 - x * (1 / 60 - x * (1 / 126 - x * (1 / 120 - x / 66)))) / large) / large
        second = -(1 + (1 / 3 - x * (1 / 15 - x * (1 / 21 - x * (1 / 15 - x * 5 / 33)))) / large) * x
        third = (2 + (1 - x * (1 / 3 - x * (1 / 3 - x * (3 / 5 - x * 5 / 3)))) / large) * x / large
        small, polygamma = np.minimum(nu, 32.0), special().polygamma
        direct = (
            2.0 * (np.log(small) - polygamma(0, small)),
            2.0 * (1.0 / small - polygamma(1, small)),
            2.0 * (-1.0 / small**2 - polygamma(2, small)),
        )
        a, b, c = (np.where(nu > 32.0, *pair) for pair in zip((first, second, third), direct, strict=True))
        return a, b, c

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        shape = weight / phi
        return random.gamma(shape, mean.mu / shape)

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        shape = weight / phi
        return outside(gamma_tails(shape, shape * np.maximum(y, 0.0) / mean.mu), y <= 0, y == np.inf)

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return power_anscombe(y, mean, 2.0)
