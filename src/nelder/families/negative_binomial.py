"""The negative binomial distribution of overdispersed counts: V(μ) = μ + μ²/θ (NB2), θ given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputError, a_number
from nelder.families.base import Family, gap
from nelder.families.poisson import not_whole
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Mean, special


@dataclass(frozen=True)
class NegativeBinomial(Family):
    """y is Poisson with a gamma-distributed mean of shape θ; θ → ∞ is Poisson. φ is 1: this is a full likelihood."""

    theta: float = np.nan  # there is no default: nan says that none was given

    name = "negative_binomial"
    convex_links = ("log",)
    default_link = Log()
    mean_interval = POSITIVE
    support = "zero or positive"
    dispersion_known = True
    counts = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", a_number(self.theta, "theta of negative_binomial"))
        given = "" if np.isnan(self.theta) else f"theta={self.theta:g}"
        if not (np.isfinite(self.theta) and self.theta > 0):
            raise InputError(
                f"negative_binomial({given}): theta must be a positive number, such as "
                "family='negative_binomial(2)'; the variance is mu + mu**2 / theta"
            )

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return mean.log + np.logaddexp(0.0, mean.log - np.log(self.theta))

    def log_variance_slope(self, mean: Mean) -> Array:
        share = 1.0 / (1.0 + np.exp(np.log(self.theta) - mean.log))  # μ / (μ + θ)
        return mean.rate * (1.0 + share)

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        at_zero = self.theta * np.logaddexp(0.0, mean.log - np.log(self.theta))
        positive = np.where(y > 0, y, 1.0)
        inside = half_deviance(positive, mean.log - np.log(positive), self.theta)
        return 2.0 * np.where(y > 0, np.maximum(inside, 0.0), at_zero)

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


def half_deviance(y: Array, ratio: Array, theta: float) -> Array:
    """y log(y/μ) + (y + θ) log((μ + θ)/(y + θ)) for y > 0, from ratio = log(μ/y), with all its digits.

    With `ahead` = log((μ+θ)/(y+θ)) and `back` = log((1+θ/μ)/(1+θ/y)) it is −y ratio + (y+θ) ahead, right where θ ≥ y,
    and θ ratio + (y+θ) back, right where θ < y; near μ = y both become differences of gaps.
    """
    share_y, share_theta = -np.log1p(theta / y), -np.log1p(y / theta)  # log y/(y+θ), log θ/(y+θ)
    rise = np.log1p(np.exp(share_y) * np.expm1(np.minimum(ratio, 1.0)))
    ahead = np.where(ratio < 1, rise, np.logaddexp(share_theta, share_y + ratio))
    fall = np.log1p(np.exp(share_theta) * np.expm1(-np.maximum(ratio, -1.0)))
    back = np.where(ratio > -1, fall, np.logaddexp(share_y, share_theta - ratio))
    near = np.abs(ratio) < 1
    large = np.where(near, y * gap(ratio) - (y + theta) * gap(ahead), (y + theta) * ahead - y * ratio)
    small = np.where(near, theta * gap(-ratio) - (y + theta) * gap(back), theta * ratio + (y + theta) * back)
    return np.where(theta < y, small, large)
