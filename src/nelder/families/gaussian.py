"""The normal distribution: V(μ) = 1."""

from __future__ import annotations

import numpy as np

from nelder.families.base import Family, logarithm_slopes
from nelder.families.incomplete import normal_tails
from nelder.families.tails import Tails
from nelder.linalg import Array
from nelder.links import Identity
from nelder.mean import Mean


class Gaussian(Family):
    """y ~ N(μ, φ/w). With the identity link this is least squares."""

    name = "gaussian"
    convex_links = ("identity",)
    default_link = canonical = Identity()
    constant_variance = True

    def log_variance(self, mean: Mean) -> Array:
        return np.zeros_like(mean.eta)

    def log_variance_slope(self, mean: Mean) -> Array:
        return np.zeros_like(mean.eta)

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return (y - mean.mu) ** 2

    def likelihood_dispersion(self, deviance: float, weight_sum: float, n: float) -> float:
        return deviance / n

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        return -0.5 * (np.log(2 * np.pi * phi) - np.log(weight))

    def normaliser_slopes(self, nu: Array) -> tuple[Array, Array, Array]:
        return logarithm_slopes(nu)

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        return random.normal(mean.mu, np.sqrt(phi / weight))

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        return normal_tails((y - mean.mu) * np.sqrt(weight / phi))

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return y - mean.mu
