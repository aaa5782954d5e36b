"""Link functions g, with η = g(μ), on one page so that they can be compared by eye. To add one: a class here and a line
in LINKS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.errors import InputError, a_number
from nelder.linalg import Array
from nelder.mean import POSITIVE, UNIT, Link, Mean, special


def _log_of_one_minus_exp(x: Array) -> Array:
    """log(1 − e^−x) for x > 0, in whichever of two forms keeps its digits (Mächler 2012)."""
    small = x < np.log(2.0)
    return np.where(small, np.log(-np.expm1(-x)), np.log1p(-np.exp(-x)))


class Identity(Link):
    """η = μ."""

    name = "identity"
    linear = True

    def link(self, mu: Array) -> Array:
        return mu

    def mean(self, eta: Array) -> Array:
        return eta

    def slope(self, mean: Mean) -> Array:
        return np.ones_like(mean.eta)

    def curvature(self, mean: Mean) -> Array:
        return np.zeros_like(mean.eta)


class Log(Link):
    """η = log μ."""

    name = "log"
    mean_interval = POSITIVE
    multiplicative = True

    def link(self, mu: Array) -> Array:
        return np.log(mu)

    def mean(self, eta: Array) -> Array:
        return np.exp(eta)

    def slope(self, mean: Mean) -> Array:
        return mean.mu

    def complement(self, mean: Mean) -> Array:
        return -np.expm1(mean.eta)

    def log_complement(self, mean: Mean) -> Array:
        return _log_of_one_minus_exp(-mean.eta)

    def log_mean(self, mean: Mean) -> Array:
        return mean.eta

    def log_slope(self, mean: Mean) -> Array:
        return mean.eta

    def curvature(self, mean: Mean) -> Array:
        return np.ones_like(mean.eta)


class Logit(Link):
    """η = log(μ / (1 − μ))."""

    name = "logit"
    mean_interval = UNIT

    def link(self, mu: Array) -> Array:
        return np.log(mu) - np.log1p(-mu)

    def mean(self, eta: Array) -> Array:
        return 1.0 / (1.0 + np.exp(-eta))

    def complement(self, mean: Mean) -> Array:
        return 1.0 / (1.0 + np.exp(mean.eta))

    def slope(self, mean: Mean) -> Array:
        return mean.mu * mean.complement

    def log_mean(self, mean: Mean) -> Array:
        return np.minimum(mean.eta, 0.0) - mean.tail

    def log_complement(self, mean: Mean) -> Array:
        return np.minimum(-mean.eta, 0.0) - mean.tail

    def log_odds(self, mean: Mean) -> Array:
        return mean.eta

    def log_slope(self, mean: Mean) -> Array:
        return mean.log + mean.log_complement

    def curvature(self, mean: Mean) -> Array:
        return mean.complement - mean.mu


class Probit(Link):
    """η = Φ⁻¹(μ)."""

    name = "probit"
    mean_interval = UNIT

    def link(self, mu: Array) -> Array:
        return np.asarray(special().ndtri(mu))

    def mean(self, eta: Array) -> Array:
        return np.asarray(special().ndtr(eta))

    def complement(self, mean: Mean) -> Array:
        return np.asarray(special().ndtr(-mean.eta))

    def slope(self, mean: Mean) -> Array:
        return np.exp(mean.log_slope)

    def log_mean(self, mean: Mean) -> Array:
        return np.asarray(special().log_ndtr(mean.eta))

    def log_complement(self, mean: Mean) -> Array:
        return np.asarray(special().log_ndtr(-mean.eta))

    def log_slope(self, mean: Mean) -> Array:
        return -0.5 * mean.eta**2 - 0.5 * np.log(2 * np.pi)

    def curvature(self, mean: Mean) -> Array:
        return -mean.eta


class Cloglog(Link):
    """η = log(−log(1 − μ)), the complementary log-log."""

    name = "cloglog"
    mean_interval = UNIT

    def link(self, mu: Array) -> Array:
        return np.log(-np.log1p(-mu))

    def mean(self, eta: Array) -> Array:
        return -np.expm1(-np.exp(eta))

    def complement(self, mean: Mean) -> Array:
        return np.exp(mean.log_complement)

    def slope(self, mean: Mean) -> Array:
        return np.exp(mean.log_slope)

    def log_mean(self, mean: Mean) -> Array:
        # where e^η underflows, 1 − exp(−e^η) is e^η itself
        return np.where(mean.eta < -700, mean.eta, _log_of_one_minus_exp(np.exp(np.maximum(mean.eta, -700))))

    def log_complement(self, mean: Mean) -> Array:
        return -np.exp(mean.eta)

    def log_slope(self, mean: Mean) -> Array:
        return mean.eta - np.exp(mean.eta)

    def hazard(self, mean: Mean) -> Array:
        return np.exp(mean.eta)

    def curvature(self, mean: Mean) -> Array:
        return -np.expm1(mean.eta)


class Loglog(Link):
    """η = −log(−log μ): the mirror image of the complementary log-log."""

    name = "loglog"
    mean_interval = UNIT

    def link(self, mu: Array) -> Array:
        return -np.log(-np.log(mu))

    def mean(self, eta: Array) -> Array:
        return np.exp(-np.exp(-eta))

    def complement(self, mean: Mean) -> Array:
        return -np.expm1(-np.exp(-mean.eta))

    def slope(self, mean: Mean) -> Array:
        return np.exp(mean.log_slope)

    def log_mean(self, mean: Mean) -> Array:
        return -np.exp(-mean.eta)

    def log_complement(self, mean: Mean) -> Array:
        return np.where(mean.eta > 700, -mean.eta, _log_of_one_minus_exp(np.exp(-np.minimum(mean.eta, 700))))

    def log_slope(self, mean: Mean) -> Array:
        return -mean.eta - np.exp(-mean.eta)

    def rate(self, mean: Mean) -> Array:
        return np.exp(-mean.eta)

    def curvature(self, mean: Mean) -> Array:
        return np.expm1(-mean.eta)


class Cauchit(Link):
    """η = tan(π (μ − ½)), the quantile of the Cauchy distribution."""

    name = "cauchit"
    mean_interval = UNIT

    def link(self, mu: Array) -> Array:
        return np.where(mu < 0.5, -1.0 / np.tan(np.pi * mu), 1.0 / np.tan(np.pi * (1.0 - mu)))

    def mean(self, eta: Array) -> Array:
        return np.arctan2(1.0, -eta) / np.pi

    def complement(self, mean: Mean) -> Array:
        return np.arctan2(1.0, mean.eta) / np.pi

    def log_complement(self, mean: Mean) -> Array:
        return np.where(mean.eta < 0, np.log1p(-mean.mu), np.log(mean.complement))

    def slope(self, mean: Mean) -> Array:
        return 1.0 / (np.pi * (1.0 + mean.eta**2))

    def log_slope(self, mean: Mean) -> Array:
        return -2.0 * np.log(np.hypot(1.0, mean.eta)) - np.log(np.pi)

    def curvature(self, mean: Mean) -> Array:
        return -2.0 / (mean.eta + 1.0 / mean.eta)


class Inverse(Link):
    """η = 1/μ."""

    name = "inverse"
    increasing = False
    mean_interval = POSITIVE
    eta_interval = POSITIVE

    def link(self, mu: Array) -> Array:
        return 1.0 / mu

    def mean(self, eta: Array) -> Array:
        return 1.0 / eta

    def slope(self, mean: Mean) -> Array:
        return -1.0 / mean.eta**2

    def log_mean(self, mean: Mean) -> Array:
        return -np.log(mean.eta)

    def log_slope(self, mean: Mean) -> Array:
        return -2.0 * np.log(mean.eta)

    def curvature(self, mean: Mean) -> Array:
        return -2.0 / mean.eta


class InverseSquared(Link):
    """η = 1/μ²."""

    name = "inverse_squared"
    increasing = False
    mean_interval = POSITIVE
    eta_interval = POSITIVE

    def link(self, mu: Array) -> Array:
        return 1.0 / mu**2

    def mean(self, eta: Array) -> Array:
        return 1.0 / np.sqrt(eta)

    def slope(self, mean: Mean) -> Array:
        return -0.5 * mean.mu / mean.eta

    def log_mean(self, mean: Mean) -> Array:
        return -0.5 * np.log(mean.eta)

    def curvature(self, mean: Mean) -> Array:
        return -1.5 / mean.eta


class Sqrt(Link):
    """η = √μ."""

    name = "sqrt"
    mean_interval = POSITIVE
    eta_interval = POSITIVE

    def link(self, mu: Array) -> Array:
        return np.sqrt(mu)

    def mean(self, eta: Array) -> Array:
        return eta**2

    def slope(self, mean: Mean) -> Array:
        return 2.0 * mean.eta

    def log_mean(self, mean: Mean) -> Array:
        return 2.0 * np.log(mean.eta)

    def curvature(self, mean: Mean) -> Array:
        return 1.0 / mean.eta


@dataclass(frozen=True)
class Power(Link):
    """η = μ^λ for λ ≠ 0, on positive means; λ → 0 is the log link."""

    exponent: float = np.nan  # there is no default: nan says that none was given

    name = "power"
    mean_interval = POSITIVE
    eta_interval = POSITIVE

    def __post_init__(self) -> None:
        object.__setattr__(self, "exponent", a_number(self.exponent, "exponent of power"))
        if not np.isfinite(self.exponent) or self.exponent == 0:
            raise InputError(
                f"power({self.exponent}) is not a link: the exponent must be finite and not 0, such as "
                "link='power(0.5)'; for 0 use 'log'"
            )
        # a smaller slope is still a slope; only its sign depends on the exponent
        object.__setattr__(self, "increasing", self.exponent > 0)

    def link(self, mu: Array) -> Array:
        return np.power(mu, self.exponent)

    def mean(self, eta: Array) -> Array:
        return np.power(eta, 1.0 / self.exponent)

    def slope(self, mean: Mean) -> Array:
        return np.power(mean.eta, 1.0 / self.exponent - 1.0) / self.exponent

    def log_slope(self, mean: Mean) -> Array:
        return (1.0 / self.exponent - 1.0) * np.log(mean.eta) - np.log(abs(self.exponent))

    def log_mean(self, mean: Mean) -> Array:
        return np.log(mean.eta) / self.exponent

    def curvature(self, mean: Mean) -> Array:
        return (1.0 / self.exponent - 1.0) / mean.eta

    def label(self) -> str:
        return f"power({self.exponent:g})"

    def options(self) -> dict[str, float]:
        return {"exponent": self.exponent}


LINKS: dict[str, type[Link]] = {
    "cauchit": Cauchit,
    "cloglog": Cloglog,
    "identity": Identity,
    "inverse": Inverse,
    "inverse_squared": InverseSquared,
    "log": Log,
    "logit": Logit,
    "loglog": Loglog,
    "power": Power,
    "probit": Probit,
    "sqrt": Sqrt,
}
