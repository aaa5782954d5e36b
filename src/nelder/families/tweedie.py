"""Tweedie's family: V(μ) = μ^p, p given. Between 1 and 2 it is compound Poisson-gamma, with an atom at zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputError, a_number
from nelder.families.base import Family, power_deviance
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Mean, special

ROWS_AT_A_TIME = 8192
SADDLEPOINT = 1e-5  # below this ξ the approximation has more digits than the series


@dataclass(frozen=True)
class Tweedie(Family):
    """1 < p < 2: a Poisson number of gamma amounts, as in total claims, where y = 0 has positive probability.

    p ≥ 2: positive responses, by quasi-likelihood (for a likelihood at 2 and 3 there are gamma and inverse_gaussian).
    """

    power: float = np.nan  # there is no default: nan says that none was given

    name = "tweedie"
    convex_links = ("log",)
    default_link = Log()
    mean_interval = POSITIVE
    support = "zero or positive"

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", a_number(self.power, "power of tweedie"))
        given = "" if np.isnan(self.power) else f"power={self.power:g}"
        if not (self.power > 1 and np.isfinite(self.power)):
            raise InputError(
                f"tweedie({given}): the power must be above 1, such as family='tweedie(1.5)'; "
                "0 is gaussian and 1 poisson"
            )
        if self.power >= 2:
            object.__setattr__(self, "support", "positive")
        if self.power > 2:
            object.__setattr__(self, "convex_links", ())

    @property
    def has_likelihood(self) -> bool:
        return self.power < 2

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & np.isfinite(y) & ((y > 0) | (self.power < 2))

    def log_variance(self, mean: Mean) -> Array:
        return self.power * mean.log

    def log_variance_slope(self, mean: Mean) -> Array:
        return self.power * mean.rate

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return power_deviance_with_zeros(y, mean, self.power)

    def start_mean(self, y: Array, weight: Array) -> Array:
        return np.where(y > 0, y, 0.1 * np.average(y, weights=weight) + np.finfo(float).tiny)

    def log_density(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        if not self.has_likelihood:
            return super().log_density(y, mean, phi, weight)
        phi_of_row, base = phi / weight, np.zeros_like(y)
        positive = y > 0
        if positive.any():
            base[positive] = log_base(y[positive], phi_of_row[positive], self.power)
        return base - 0.5 * self.unit_deviance(y, mean) / phi_of_row

    def likelihood_dispersion(self, deviance: float, weight_sum: float, n: float) -> float:
        return deviance / n  # the density takes φ/w, so that the unit of the weights does not matter

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        if not self.has_likelihood:
            return super().sample(random, mean, phi, weight)
        p, spread = self.power, phi / weight
        claims = random.poisson(mean.mu ** (2.0 - p) / (spread * (2.0 - p)))
        shape = claims * (2.0 - p) / (p - 1.0)
        amount = random.gamma(np.where(claims > 0, shape, 1.0), spread * (p - 1.0) * mean.mu ** (p - 1.0))
        return np.where(claims > 0, amount, 0.0)

    def label(self) -> str:
        return f"tweedie({self.power:g})"

    def options(self) -> dict[str, float | str]:
        return {"power": self.power}


def power_deviance_with_zeros(y: Array, mean: Mean, power: float) -> Array:
    """The unit deviance of V(μ) = μ^p, whose limit at y = 0 is 2 μ^(2−p) / (2−p) for p < 2."""
    if power >= 2:
        return power_deviance(y, mean, power)
    positive = y > 0
    at_zero = 2.0 * np.exp((2.0 - power) * mean.log) / (2.0 - power)
    return np.where(positive, power_deviance(np.where(positive, y, 1.0), mean, power), at_zero)


def log_base(y: Array, phi: Array, power: float) -> Array:
    """log f(y; μ = y, φ) for y > 0 (n,): what the density is beside exp(−d/2φ).

    By the series of Dunn & Smyth (2005, equation 7), or where ξ = φ y^(p−2) is so small that the series would cancel,
    by the saddlepoint approximation with its first correction, whose error is of order ξ² (Dunn & Smyth 2001).
    """
    xi = phi * np.exp((power - 2.0) * np.log(y))
    base = -0.5 * np.log(2 * np.pi * phi) - 0.5 * power * np.log(y) + xi * power * (power - 3.0) / 24.0
    for start in range(0, len(y), ROWS_AT_A_TIME):
        part = start + np.flatnonzero(xi[start : start + ROWS_AT_A_TIME] >= SADDLEPOINT)
        if len(part):
            saturated = (1.0 / (1.0 - power) - 1.0 / (2.0 - power)) / xi[part]
            base[part] = log_series(y[part], phi[part], power) + saturated
    return base


def log_series(y: Array, phi: Array, power: float) -> Array:
    """log a(y, φ, p), the factor of the density free of μ, summed in a window around its largest term, for y > 0 (n,).

    log W_j is concave with standard deviation σ = √(j* (p − 1)) around its peak j* = y^(2−p) / (φ (2−p)). Where σ is
    large the sum over integers is, to far below rounding, its own integral (Poisson summation), so that a stride of σ/4
    sees every digit; where it is small all integers within the window are added.
    """
    sf = special()
    alpha = (2.0 - power) / (power - 1.0)
    log_z = alpha * np.log(y) - alpha * np.log(power - 1.0) - (1.0 + alpha) * np.log(phi) - np.log(2.0 - power)
    peak = y ** (2.0 - power) / (phi * (2.0 - power))
    sigma = np.sqrt(peak * (power - 1.0))
    smooth = (sigma > 4.0) & (peak > 12.0 * sigma)
    stride = np.where(smooth, sigma / 4.0, 1.0)
    reach = int(np.ceil(max(40.0, 10.0 * float(sigma[~smooth].max(initial=0.0)) + 12.0)))
    first = np.where(smooth, peak - reach * stride, np.maximum(1.0, np.round(peak) - reach))
    j = first[:, None] + stride[:, None] * np.arange(2 * reach + 1)
    log_terms = j * log_z[:, None] - sf.gammaln(1.0 + j) - sf.gammaln(alpha * j)
    top = log_terms.max(axis=1)
    total = np.exp(log_terms - top[:, None]).sum(axis=1)
    return np.asarray(top + np.log(stride * total) - np.log(y))
