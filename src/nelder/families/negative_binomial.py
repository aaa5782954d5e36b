"""The negative binomial distribution of overdispersed counts: V(μ) = μ + μ²/θ (NB2), θ given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputError
from nelder.families.base import Family, gap, log_mean_slope
from nelder.families.poisson import not_whole
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Mean, special


@dataclass(frozen=True)
class NegativeBinomial(Family):
    """y is Poisson with a gamma-distributed mean of shape θ; θ → ∞ is Poisson. φ is 1: this is a full likelihood."""

    theta: float = 0.0

    name = "negative_binomial"
    default_link = Log()
    mean_interval = POSITIVE
    support = "zero or positive"
    dispersion_known = True
    counts = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.theta) and self.theta > 0):
            raise InputError(
                f"negative_binomial(theta={self.theta:g}): theta must be a positive number, such as "
                "family='negative_binomial(2)'; the variance is mu + mu**2 / theta"
            )

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return mean.log + np.logaddexp(0.0, mean.log - np.log(self.theta))

    def log_variance_slope(self, mean: Mean) -> Array:
        share = 1.0 / (1.0 + np.exp(np.log(self.theta) - mean.log))  # μ / (μ + θ)
        return log_mean_slope(mean) * (1.0 + share)

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        theta = self.theta
        positive = np.where(y > 0, y, 1.0)
        ratio = mean.log - np.log(positive)
        shifted = np.logaddexp(mean.log, np.log(theta)) - np.log(positive + theta)
        # two forms of y log(y/μ) + (y+θ) log((μ+θ)/(y+θ)): the first cancels for small θ, the second for large
        large = y * gap(ratio) - (y + theta) * gap(shifted)
        log1p_ratio = np.log1p(np.exp(np.log(theta) - mean.log)) - np.log1p(theta / positive)
        small = theta * ratio + (y + theta) * log1p_ratio
        at_zero = theta * np.logaddexp(0.0, mean.log - np.log(theta))
        return 2.0 * np.where(y > 0, np.maximum(np.where(theta < y, small, large), 0.0), at_zero)

    def start_mean(self, y: Array, weight: Array) -> Array:
        return y + 0.1

    def log_density(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        theta = self.theta
        ways = -np.log(theta + y) - special().betaln(y + 1.0, theta)
        share = mean.log - np.log(theta)  # log(μ/θ); log(μ/(μ+θ)) and log(θ/(μ+θ)) without subtraction
        density = ways - theta * np.logaddexp(0.0, share) - np.where(y > 0, y * np.logaddexp(0.0, -share), 0.0)
        return np.asarray(weight * density)

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        return random.poisson(random.gamma(self.theta, mean.mu / self.theta)).astype(float)

    def oddities(self, y: Array, weight: Array) -> str | None:
        return not_whole(y, "quasipoisson")

    def label(self) -> str:
        return f"negative_binomial({self.theta:g})"

    def options(self) -> dict[str, float | str]:
        return {"theta": self.theta}
