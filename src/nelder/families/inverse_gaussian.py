"""The inverse Gaussian distribution of positive amounts with long tails: V(μ) = μ³."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.families.anscombe import power_anscombe
from nelder.families.base import Family, logarithm_slopes, power_deviance
from nelder.families.incomplete import inverse_gaussian_tails
from nelder.families.tails import Tails, outside
from nelder.linalg import Array
from nelder.links import InverseSquared
from nelder.mean import POSITIVE, Mean


class InverseGaussian(Family):
    """y ~ IG with mean μ and variance φ μ³ / w."""

    name = "inverse_gaussian"
    convex_links = ("inverse_squared", "inverse")
    default_link = canonical = InverseSquared()
    natural_constant = -0.5
    mean_interval = POSITIVE
    support = "positive"

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y > 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return 3.0 * mean.log

    def log_variance_slope(self, mean: Mean) -> Array:
        return 3.0 * mean.rate

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return power_deviance(y, mean, 3.0)

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        rate = 1.0 / mean.mu
        return (0.5 * y * rate - 1.0) * rate

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        # R's inverse.gaussian()$aic: the weight multiplies the log density at dispersion φ
        return np.asarray(-0.5 * weight * (np.log(2 * np.pi * phi) + 3.0 * np.log(y)))

    def normaliser_slopes(self, nu: Array) -> tuple[Array, Array, Array]:
        return logarithm_slopes(nu)

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        return random.wald(mean.mu, weight / phi)

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        inside = np.where((y > 0) & (y < np.inf), y, 1.0)
        return outside(inverse_gaussian_tails(inside, mean.mu, weight / phi), y <= 0, y == np.inf)

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return power_anscombe(y, mean, 3.0)
