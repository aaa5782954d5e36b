"""A family and a link, applied to rows: what one row loses when its linear predictor is η."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.families import Family
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.links import Log, Logit
from nelder.mean import REALS, Interval, Link, Mean

STEADY = 1e-13  # the relative difference of weights that are the same but for rounding


@dataclass(frozen=True)
class Loss:
    """A family and a link, applied to rows."""

    family: Family
    link: Link

    @lazy
    def bounds(self) -> Interval:
        """The open interval of η with means that the family allows."""
        return self.link.eta_bounds(self.family.mean_interval)

    @lazy
    def mean_bounds(self) -> Interval:
        """The open interval of means that both allow."""
        low = max(self.family.mean_interval[0], self.link.mean_interval[0])
        return low, min(self.family.mean_interval[1], self.link.mean_interval[1])

    @property
    def unbounded_link(self) -> str | None:
        """The name of a link that gives every η one of these means, and them all; None where none is known."""
        return next((link.name for link in (Log, Logit) if link.mean_interval == self.mean_bounds), None)

    @lazy
    def steady(self) -> bool:
        """Whether expected weights are the same at every η, as of gamma with log: then one information serves all β."""
        mu = np.array([0.3, 1.0, 1.7, 4.0]) if self.mean_bounds[1] > 4.0 else np.array([0.1, 0.5, 0.7])
        with np.errstate(all="ignore"):
            weight = self.family.expected_weight(Mean(self.link, self.link.link(mu)))
        return bool(np.allclose(weight, weight[0], rtol=STEADY, atol=0.0))

    def allows(self, eta: Array) -> bool:
        """Whether every η lies inside the bounds."""
        return bool(eta.size == 0 or (self.bounds[0] < eta.min() and eta.max() < self.bounds[1]))

    def limits(self, y: Array) -> Array:
        """Per row (n,): +1 where the deviance falls for ever as η → ∞, −1 as η → −∞, 0 where it has a minimum."""
        low, high = self.bounds
        smallest, largest = self.mean_bounds
        at_low, at_high = (smallest, largest) if self.link.increasing else (largest, smallest)
        up = np.isinf(high) & np.isfinite(at_high) & beyond(y, at_high, at_high == largest)
        down = np.isinf(low) & np.isfinite(at_low) & beyond(y, at_low, at_low == largest)
        return np.asarray(up, dtype=float) - np.asarray(down, dtype=float)

    def start_eta(self, block: Block, instead: float) -> Array:
        """g of the family's start means (n,), and of the mean `instead` where the domain does not hold one."""
        low, high = self.mean_bounds
        mu = self.family.start_mean(block.y, block.weight)
        return self.link.link(np.where((mu > low) & (mu < high), mu, instead))

    def value(self, block: Block, mean: Mean) -> float:
        """½ Σ w d(y, μ); infinite where η is not allowed or the sum overflows."""
        if self.bounds != REALS and not self.allows(mean.eta):
            return math.inf
        value = float(self.total(block, mean))
        return value if math.isfinite(value) else math.inf

    def values(self, block: Block, etas: Array) -> Array:
        """The same for many η (k, n) at once."""
        low, high = self.bounds
        inside = (etas.min(axis=1, initial=np.inf) > low) & (etas.max(axis=1, initial=-np.inf) < high)
        values = np.full(len(etas), np.inf)
        values[inside] = self.total(block, Mean(self.link, etas[inside]))
        return np.where(np.isfinite(values), values, np.inf)

    def total(self, block: Block, mean: Mean) -> Array:
        """½ Σ w d(y, μ) at μ (n,), or at each of (k, n)."""
        return np.asarray(0.5 * np.dot(self.family.unit_deviance(block.y, mean), block.weight))


class NaturalLoss(Loss):
    """The same with values that lack a constant: sums of b(θ) − yθ, for a fraction of the work and of the digits."""

    def total(self, block: Block, mean: Mean) -> Array:
        """Σ w (b(θ) − yθ)."""
        return np.asarray(np.dot(self.family.natural_loss(block.y, mean), block.weight))


def beyond(y: Array, limit: float, above: bool) -> NDArray[np.bool_]:
    """Which responses lie at or beyond a limit of the mean."""
    return y >= limit if above else y <= limit
