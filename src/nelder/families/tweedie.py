"""Tweedie's family: V(μ) = μ^p, p given or to be estimated. Between 1 and 2 it is compound Poisson-gamma, with an atom
at zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputError, a_number
from nelder.families.anscombe import power_anscombe
from nelder.families.base import Family, gap, power_deviance
from nelder.families.compound_poisson import base_slope_in_dispersion, base_slope_in_power, log_base
from nelder.families.compound_poisson_tails import compound_tails
from nelder.families.tails import Tails, outside
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Interval, Mean

# nearer to 1 amounts are multiples of one, and where they were rounded the likelihood has spikes without limit
GRID = (*(p / 10 for p in range(11, 20)), 1.95, 1.99)


@dataclass(frozen=True)
class Tweedie(Family):
    """1 < p < 2: a Poisson number of gamma amounts, as in total claims, where y = 0 has positive probability.

    p ≥ 2: positive responses, by quasi-likelihood (for a likelihood at 2 and 3 there are gamma and inverse_gaussian).
    Without p it is estimated, between 1.1 and 1.99, by maximum likelihood together with φ and the coefficients.
    """

    power: float | None = None

    name = "tweedie"
    convex_links = ("log",)
    default_link = Log()
    mean_interval = POSITIVE
    support = "zero or positive"
    shape_name = "power"
    shape_start = 1.5
    shape_ends = (1.0, 2.0)

    def __post_init__(self) -> None:
        if self.power is None:
            return
        object.__setattr__(self, "power", a_number(self.power, "power of tweedie"))
        if not (self.power > 1 and np.isfinite(self.power)):
            raise InputError(
                f"tweedie(power={self.power:g}): the power must be above 1, such as family='tweedie(1.5)', or left out "
                "to be estimated; 0 is gaussian and 1 poisson"
            )
        if self.power >= 2:
            object.__setattr__(self, "support", "positive")
        if self.power > 2:
            object.__setattr__(self, "convex_links", ())

    @property
    def has_likelihood(self) -> bool:
        return self.power is None or self.power < 2

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & np.isfinite(y) & ((y > 0) | self.has_likelihood)

    def log_variance(self, mean: Mean) -> Array:
        return self.shape * mean.log

    def log_variance_slope(self, mean: Mean) -> Array:
        return self.shape * mean.rate

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return power_deviance_with_zeros(y, mean, self.shape)

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        a, b = 1.0 - self.shape, 2.0 - self.shape
        natural = np.exp(a * mean.log) / a if a else mean.log
        return (np.exp(b * mean.log) / b if b else mean.log) - y * natural

    def start_mean(self, y: Array, weight: Array) -> Array:
        return np.where(y > 0, y, 0.1 * np.average(y, weights=weight) + np.finfo(float).tiny)

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        if not self.has_likelihood:
            return super().log_saturated(y, phi, weight)
        phi_of_row, base = phi / weight, np.zeros_like(y, dtype=float)
        positive = y > 0
        if positive.any():
            base[positive] = log_base(y[positive], phi_of_row[positive], self.shape)
        return base

    def likelihood_dispersion(self, deviance: float, weight_sum: float, n: float) -> float:
        return deviance / n  # the density takes φ/w, so that the unit of the weights does not matter

    def dispersion_score(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        phi_of_row, base, positive = phi / weight, np.zeros_like(y, dtype=float), y > 0
        base[positive] = base_slope_in_dispersion(y[positive], phi_of_row[positive], self.shape)
        return base + 0.5 * self.unit_deviance(y, mean) / phi_of_row

    def shape_grid(self, means: Interval) -> Array:
        return np.array(GRID)

    def log_variance_shape_slope(self, mean: Mean) -> Array:
        return mean.log

    def shape_score(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        phi_of_row, base, positive = phi / weight, np.zeros_like(y, dtype=float), y > 0
        base[positive] = base_slope_in_power(y[positive], phi_of_row[positive], self.shape)
        return base - half_deviance_slope(y, mean, self.shape) / phi_of_row

    def at_the_end(self, first: bool) -> str:
        if first:
            return (
                "positive responses look like multiples of one amount, as counts do: use family='quasipoisson', "
                "'negative_binomial' for counts, or a power that is written out"
            )
        return (
            "the response has no zeros, or hardly any, and is as skewed as a gamma response or more: use "
            "family='gamma' or 'inverse_gaussian'"
        )

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        if not self.has_likelihood:
            return super().sample(random, mean, phi, weight)
        p, spread = self.shape, phi / weight
        claims = random.poisson(mean.mu ** (2.0 - p) / (spread * (2.0 - p)))
        shape = claims * (2.0 - p) / (p - 1.0)
        amount = random.gamma(np.where(claims > 0, shape, 1.0), spread * (p - 1.0) * mean.mu ** (p - 1.0))
        return np.where(claims > 0, amount, 0.0)

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        if not self.has_likelihood:
            return super().log_tails(y, mean, phi, weight)
        p = self.shape
        y, log_mu, spread = np.broadcast_arrays(y, mean.log, phi / weight)
        rate, scale = np.exp((2.0 - p) * log_mu) / (spread * (2.0 - p)), spread * (p - 1.0) * np.exp((p - 1.0) * log_mu)
        lower, upper = -rate, np.log(-np.expm1(-rate))  # of the atom at zero
        some = (y / scale > 0) & (y < np.inf) & (rate > 0) & (rate < np.inf)
        tails = compound_tails(y[some], rate[some], (2.0 - p) / (p - 1.0), scale[some])
        lower[some], upper[some] = tails.lower, tails.upper
        return outside(Tails(lower, upper), (y < 0) | (rate == np.inf), (y == np.inf) | (rate == 0))

    def before(self, y: Array, weight: Array) -> Array:
        return np.where(y == 0, -1.0, y)

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return power_anscombe(y, mean, self.shape)

    def label(self) -> str:
        return self.name if self.unknown else f"{self.name}({self.shape:g})"

    def options(self) -> dict[str, float | str]:
        return {} if self.power is None else {"power": self.power}


def power_deviance_with_zeros(y: Array, mean: Mean, power: float) -> Array:
    """The unit deviance of V(μ) = μ^p, whose limit at y = 0 is 2 μ^(2−p) / (2−p) for p < 2."""
    if power >= 2:
        return power_deviance(y, mean, power)
    positive = y > 0
    at_zero = 2.0 * np.exp((2.0 - power) * mean.log) / (2.0 - power)
    return np.where(positive, power_deviance(np.where(positive, y, 1.0), mean, power), at_zero)


def half_deviance_slope(y: Array, mean: Mean, power: float) -> Array:
    """∂(d/2)/∂p for 1 < p < 2, in the terms of `power_deviance`: with h(x) = x (eˣ − 1) − (eˣ − 1 − x),
    y^b (h(aℓ)/a² − h(bℓ)/b²) − log y · d/2.
    """
    positive, a, b = y > 0, 1.0 - power, 2.0 - power
    some, mu_b = np.where(positive, y, 1.0), np.exp(b * mean.log)
    ratio, log_y = mean.log - np.log(some), np.log(some)
    inside = np.exp(b * log_y) * (bend(a * ratio) / a**2 - bend(b * ratio) / b**2)
    above = inside - 0.5 * log_y * power_deviance(some, mean, power)
    return np.where(positive, above, np.where(mu_b == 0, 0.0, mu_b * (1.0 / b - mean.log) / b))


def bend(x: Array) -> Array:
    """x (eˣ − 1) − (eˣ − 1 − x) ≥ 0 without cancellation."""
    series = x * x * (1 / 2 + x * (1 / 3 + x * (1 / 8 + x * (1 / 30 + x * (1 / 144 + x / 840)))))
    return np.where(np.abs(x) < 0.01, series, x * np.expm1(x) - gap(x))
