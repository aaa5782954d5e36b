"""The two tails of a distribution at a response, in logarithms, so that neither loses its digits far out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.linalg import Array
from nelder.mean import special

SNAP = 1e-12  # relative: a proportion times its trials is whole to a few roundings


@dataclass(frozen=True)
class Tails:
    """log P(Y ≤ y) and log P(Y > y), elementwise: the smaller tail keeps its digits, and the other follows from it."""

    lower: Array
    upper: Array

    @property
    def cdf(self) -> Array:
        """P(Y ≤ y)."""
        return np.exp(self.lower)

    @property
    def survival(self) -> Array:
        """P(Y > y)."""
        return np.exp(self.upper)

    @property
    def normal_score(self) -> Array:
        """The standard normal quantile of P(Y ≤ y), by the smaller tail: finite however far out y is."""
        inverse = special().ndtri_exp
        below = self.lower < self.upper
        score = inverse(np.where(below, self.lower, self.upper))
        return np.where(below, score, -score)

    def rows(self, chosen: NDArray[np.integer]) -> Tails:
        """Those of some of the responses (n,)."""
        return Tails(self.lower[chosen], self.upper[chosen])

    def between(self, other: Tails, share: Array) -> Tails:
        """The tails at a share in (0, 1) of the way from these to those of `other`."""
        here, there = np.log1p(-share), np.log(share)
        lower = np.logaddexp(here + self.lower, there + other.lower)
        return Tails(lower, np.logaddexp(here + self.upper, there + other.upper))


def from_tails(lower: Array, upper: Array) -> Tails:
    """Tails from P(Y ≤ y) and P(Y > y), of which the smaller has its digits."""
    below = lower < upper
    return Tails(
        np.where(below, np.log(lower), np.log1p(-upper)),
        np.where(below, np.log1p(-lower), np.log(upper)),
    )


def outside(tails: Tails, below: NDArray[np.bool_], above: NDArray[np.bool_]) -> Tails:
    """The tails with their limits where y lies `below` or `above` everything that can occur."""
    lower = np.where(below, -np.inf, np.where(above, 0.0, tails.lower))
    return Tails(lower, np.where(below, 0.0, np.where(above, -np.inf, tails.upper)))


def snapped(count: Array) -> Array:
    """The count itself, or the whole number that it is to rounding."""
    whole = np.round(count)
    return np.where(np.abs(count - whole) <= SNAP * np.abs(whole), whole, count)


def whole_up_to(count: Array) -> Array:
    """The largest whole number ≤ count."""
    return np.floor(snapped(count))


def whole_below(count: Array) -> Array:
    """The largest whole number < count."""
    return np.ceil(snapped(count)) - 1.0
