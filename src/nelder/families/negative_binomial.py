"""The negative binomial distribution of overdispersed counts: V(μ) = μ + μ²/θ (NB2), θ given or to be estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputError, a_number
from nelder.families.anscombe import negative_binomial_anscombe
from nelder.families.base import Family, gap, stirling_remainder
from nelder.families.incomplete import beta_tails
from nelder.families.poisson import Poisson, not_counted, not_whole
from nelder.families.tails import Tails, outside, whole_below, whole_up_to
from nelder.linalg import Array
from nelder.links import Log
from nelder.mean import POSITIVE, Interval, Mean, special

LIMIT = Poisson()
LEAST = 1e-100  # a mean below which a count is zero, whatever θ


@dataclass(frozen=True)
class NegativeBinomial(Family):
    """y is Poisson with a gamma-distributed mean of shape θ; θ = inf is Poisson. φ is 1: this is a full likelihood.
    With prior weight w it is the mean of w such counts, whose sum has the shape w θ.

    Without θ it is estimated by maximum likelihood together with the coefficients.
    """

    theta: float | None = None

    name = "negative_binomial"
    convex_links = ("log",)
    default_link = Log()
    mean_interval = POSITIVE
    support = "zero or positive"
    dispersion_known = True
    counts = True
    shape_name = "theta"
    shape_start = math.inf
    shape_ends = (math.inf, 0.0)

    def __post_init__(self) -> None:
        if self.theta is None:
            return
        object.__setattr__(self, "theta", a_number(self.theta, "theta of negative_binomial"))
        if not self.theta > 0:
            raise InputError(
                f"negative_binomial(theta={self.theta:g}): theta must be a positive number, such as "
                "family='negative_binomial(2)', or left out to be estimated; the variance is mu + mu**2 / theta"
            )

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & np.isfinite(y)

    def log_variance(self, mean: Mean) -> Array:
        return mean.log + np.logaddexp(0.0, mean.log - np.log(self.shape))

    def log_variance_slope(self, mean: Mean) -> Array:
        share = 1.0 / (1.0 + np.exp(np.log(self.shape) - mean.log))  # μ / (μ + θ)
        return mean.rate * (1.0 + share)

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        if math.isinf(self.shape):
            return LIMIT.unit_deviance(y, mean)
        at_zero = self.shape * np.logaddexp(0.0, mean.log - np.log(self.shape))
        positive = np.where(y > 0, y, 1.0)
        inside = half_deviance(positive, mean.log - np.log(positive), self.shape)
        return 2.0 * np.where(y > 0, np.maximum(inside, 0.0), at_zero)

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        if math.isinf(self.shape):
            return LIMIT.natural_loss(y, mean)
        return (y + self.shape) * np.logaddexp(0.0, mean.log - np.log(self.shape)) - y * mean.log

    def start_mean(self, y: Array, weight: Array) -> Array:
        return y + 0.1

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        return np.asarray(weight * (log_choices(y, self.shape) - stirling_remainder(y)))

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        if math.isinf(self.shape):
            return LIMIT.sample(random, mean, phi, weight)
        return random.poisson(random.gamma(weight * self.shape, mean.mu / self.shape)) / weight

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        if math.isinf(self.shape):
            return LIMIT.log_tails(y, mean, phi, weight)
        count, share = whole_up_to(y * weight), mean.mu / self.shape
        inside = np.where(np.isfinite(count), np.maximum(count, 0.0), 0.0)
        beta = beta_tails(weight * self.shape, inside + 1.0, 1.0 / (1.0 + share), 1.0 / (1.0 + 1.0 / share))
        return outside(beta, count < 0, count == np.inf)

    def spacing(self, weight: Array) -> Array:
        return 1.0 / weight

    def before(self, y: Array, weight: Array) -> Array:
        return whole_below(y * weight) / weight

    def anscombe(self, y: Array, mean: Mean) -> Array:
        if math.isinf(self.shape):
            return LIMIT.anscombe(y, mean)
        return negative_binomial_anscombe(y, mean, self.shape, self.log_variance(mean))

    def odd(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        return y != np.round(y)

    def impossible(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        return not_counted(y, weight)

    def odd_words(self, many: int) -> str:
        return not_whole(many, "quasipoisson")

    def label(self) -> str:
        return self.name if self.unknown else f"{self.name}({self.shape:g})"

    def options(self) -> dict[str, float | str]:
        return {} if self.theta is None else {"theta": self.theta}

    def shape_coordinate(self, value: float) -> float:
        # κ = 1/θ: in it the likelihood is smooth down to Poisson, κ = 0
        return 1.0 / value if value else math.inf

    def shape_stretch(self, value: float) -> float:
        return value**2

    def shape_grid(self, means: Interval) -> Array:
        # what a row says of κ changes where κ μ is about 1, and where κ is, its square being a coefficient of variation
        smallest, largest = (max(mean, LEAST) for mean in means)  # zero where they underflow
        low, high = 1e-2 / largest, max(1e2, 1e2 / smallest)
        between = np.geomspace(low, high, int(np.clip(np.log(high / low), 8, 32)))
        return np.array([math.inf, *(1.0 / between), 1e-3 / high, 1e-6 / high])

    def shape_score(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        return np.asarray(weight * curvature_score(y, mean.mu, 1.0 / self.shape))

    def log_variance_shape_slope(self, mean: Mean) -> Array:
        return 1.0 / (1.0 / mean.mu + 1.0 / self.shape)

    def at_the_end(self, first: bool) -> str:
        if first:
            return (
                "the counts show no variance of the form mu**2 / theta beside that of Poisson counts, and the fit is "
                "that of family='poisson': use that, or family='quasipoisson' if its dispersion is far from 1"
            )
        return "nearly all counts are zero: look at the few that are not, or model which are as binomial"


def log_choices(y: Array, theta: float) -> Array:
    """log Γ(y+θ)/Γ(θ) − (y+θ) log(y+θ) + θ log θ + y (n,): with the deviance it makes a density that keeps its digits
    for any θ (Loader 2000). Zero for Poisson, θ = inf.
    """
    if math.isinf(theta):
        return np.zeros_like(y)
    return stirling_remainder(y + theta) - stirling_remainder(np.asarray(theta)) - np.log1p(y / theta)


def curvature_score(y: Array, mu: Array, kappa: float) -> Array:
    """∂ log f / ∂κ at κ = 1/θ (n,), to full precision from θ = inf, where it is ½ ((y − μ)² − y), to θ near 0.

    It is −(ψ(y+θ) − ψ(θ) − log(1 + y/θ) + log(1 + r) − r) / κ² with r = (y − μ)/(μ + θ) (Lawless 1987, rearranged):
    two differences of order κ².
    """
    rest = (y - mu) / (1.0 + kappa * mu)
    ratio = kappa * rest
    logarithm = np.where(np.abs(ratio) < 0.5, np.log1p(ratio), np.log1p(kappa * y) - np.log1p(kappa * mu))
    slope = np.where(ratio == 0, 1.0, logarithm / np.where(ratio == 0, 1.0, ratio))
    near = np.abs(logarithm) < 0.01
    series = 0.5 * (1 + logarithm / 3 * (1 + logarithm / 4 * (1 + logarithm / 5 * (1 + logarithm / 6))))
    bend = np.where(near, series, gap(logarithm) / np.where(near, 1.0, logarithm**2))
    return (slope * rest) ** 2 * bend - digamma_rise(y, kappa)


def digamma_rise(y: Array, kappa: float) -> Array:
    """(ψ(y+θ) − ψ(θ) − log(1 + y/θ)) / κ² at θ = 1/κ (n,), by Stirling's series where the differences would cancel."""
    if kappa > 1 / 16:
        theta, digamma = 1.0 / kappa, special().digamma
        return np.asarray(theta**2 * (digamma(y + theta) - digamma(theta) - np.log1p(y / theta)))
    a, b = kappa, kappa / (1.0 + kappa * y)
    a2, b2 = a * a, b * b
    series = 1 / 12 - (a2 + b2) / 120 + (a2**2 + a2 * b2 + b2**2) / 252 - (a2 + b2) * (a2**2 + b2**2) / 240
    series = series + (a2**4 + a2**3 * b2 + a2**2 * b2**2 + a2 * b2**3 + b2**4) / 132
    return np.asarray(y / (1.0 + kappa * y) * (0.5 + (a + b) * series))


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
