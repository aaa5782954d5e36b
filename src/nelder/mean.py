"""How η becomes μ: what every link does, and the mean that families see.

Logarithms and complements come in forms that keep their digits in the tails: 1 − μ is never formed by subtraction where
a link can do better, and μ is never clipped. Families read them through `Mean`, and never see a link. References:
McCullagh & Nelder (1989), sections 2.2.3 and 4.3.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nelder.lazy import lazy
from nelder.linalg import Array

Interval = tuple[float, float]
REALS: Interval = (-np.inf, np.inf)
POSITIVE: Interval = (0.0, np.inf)
UNIT: Interval = (0.0, 1.0)


def special() -> Any:
    """`scipy.special`, imported when first needed."""
    from scipy import special as functions

    return functions


class Mean:
    """The mean of each row, lazily, in every form a family may want; made from a link and η of any shape."""

    def __init__(self, link: Link, eta: Array) -> None:
        self.link = link
        self.eta = eta

    @lazy
    def mu(self) -> Array:
        """μ."""
        return self.link.mean(self.eta)

    @lazy
    def complement(self) -> Array:
        """1 − μ, with all its digits where μ is near 1."""
        return self.link.complement(self)

    @lazy
    def log(self) -> Array:
        """log μ."""
        return self.link.log_mean(self)

    @lazy
    def log_complement(self) -> Array:
        """log(1 − μ)."""
        return self.link.log_complement(self)

    @lazy
    def log_odds(self) -> Array:
        """log(μ / (1 − μ))."""
        return self.link.log_odds(self)

    @lazy
    def slope(self) -> Array:
        """dμ/dη."""
        return self.link.slope(self)

    @lazy
    def log_slope(self) -> Array:
        """log |dμ/dη|."""
        return self.link.log_slope(self)

    @lazy
    def curvature(self) -> Array:
        """d log |dμ/dη| / dη = μ''/μ'."""
        return self.link.curvature(self)

    @lazy
    def rate(self) -> Array:
        """d log μ / dη."""
        return self.link.rate(self)

    @lazy
    def hazard(self) -> Array:
        """−d log(1 − μ) / dη."""
        return self.link.hazard(self)

    @lazy
    def tail(self) -> Array:
        """log(1 + e^−|η|), which both logarithms of the logit are made of."""
        return np.log1p(np.exp(-np.abs(self.eta)))

    def shifted(self, step: Array) -> Mean:
        """The mean at η + step."""
        return Mean(self.link, self.eta + step)


@dataclass(frozen=True)
class Link(ABC):
    """g and its inverse. A new link needs `name`, `link`, `mean` and `slope`; the rest has defaults that may be
    replaced.

    `eta_interval` is the open interval of η on which the inverse is one-to-one, `mean_interval` the means it can give,
    `increasing` the sign of the slope, `multiplicative` says that an offset multiplies the mean by its exponential.
    """

    name: ClassVar[str]
    eta_interval: ClassVar[Interval] = REALS
    mean_interval: ClassVar[Interval] = REALS
    increasing: ClassVar[bool] = True
    linear: ClassVar[bool] = False
    multiplicative: ClassVar[bool] = False

    @abstractmethod
    def link(self, mu: Array) -> Array:
        """η = g(μ)."""

    @abstractmethod
    def mean(self, eta: Array) -> Array:
        """μ = g⁻¹(η)."""

    @abstractmethod
    def slope(self, mean: Mean) -> Array:
        """dμ/dη."""

    def complement(self, mean: Mean) -> Array:
        """1 − μ; links onto (0, 1) give it without subtraction."""
        return 1.0 - mean.mu

    def log_mean(self, mean: Mean) -> Array:
        """log μ."""
        return np.log(mean.mu)

    def log_complement(self, mean: Mean) -> Array:
        """log(1 − μ)."""
        return np.log1p(-mean.mu)

    def log_odds(self, mean: Mean) -> Array:
        """log(μ / (1 − μ))."""
        return mean.log - mean.log_complement

    def log_slope(self, mean: Mean) -> Array:
        """log |dμ/dη|."""
        return np.log(np.abs(mean.slope))

    def rate(self, mean: Mean) -> Array:
        """d log μ / dη."""
        return self.sign * np.exp(mean.log_slope - mean.log)

    def hazard(self, mean: Mean) -> Array:
        """−d log(1 − μ) / dη."""
        return self.sign * np.exp(mean.log_slope - mean.log_complement)

    @property
    def sign(self) -> float:
        """That of the slope."""
        return 1.0 if self.increasing else -1.0

    def curvature(self, mean: Mean) -> Array:
        """μ''/μ'; by central difference unless a link knows better. It steers Newton's steps, not the answer, unless a
        score is adjusted by it (`penalties.ScoreAdjustment`).
        """
        step = 1e-5 * (1.0 + np.abs(mean.eta))
        return (mean.shifted(step).log_slope - mean.shifted(-step).log_slope) / (2 * step)

    def eta_bounds(self, means: Interval) -> Interval:
        """The open interval of η whose means lie inside both `means` and the range of this link."""
        ends = [self._eta_at(means[0]), self._eta_at(means[1])]
        return min(ends), max(ends)

    def _eta_at(self, mu: float) -> float:
        """g(μ) inside the range of the link; beyond it, the matching end of η, where g itself need not be defined."""
        if self.mean_interval[0] < mu < self.mean_interval[1]:
            return float(self.link(np.asarray(mu, dtype=float)))
        at_low = (mu <= self.mean_interval[0]) == self.increasing
        return self.eta_interval[0] if at_low else self.eta_interval[1]

    def label(self) -> str:
        """How the link is written in a summary and saved."""
        return self.name

    def options(self) -> dict[str, float]:
        """The settings that, with the name, make this link again."""
        return {}
