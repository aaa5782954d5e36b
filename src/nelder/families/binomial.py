"""The binomial distribution, as a proportion y of w trials: V(μ) = μ (1 − μ)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError
from nelder.families.anscombe import binomial_anscombe
from nelder.families.base import Family, poisson_gap, stirling_remainder
from nelder.families.incomplete import beta_tails
from nelder.families.tails import Tails, outside, whole_below, whole_up_to
from nelder.linalg import Array, all_finite
from nelder.links import Logit
from nelder.mean import UNIT, Mean


class Binomial(Family):
    """w y ~ Bin(w, μ), with w = 1 for a response of zeros and ones."""

    name = "binomial"
    convex_links = ("logit", "probit", "cloglog", "loglog", "log", "identity")
    default_link = canonical = Logit()
    mean_interval = UNIT
    support = "in [0, 1]"
    dispersion_known = True

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return (y >= 0) & (y <= 1)

    def remedy(self) -> str:
        return "; give counts as cbind(successes, failures), or proportions with the trials as weights"

    def log_variance(self, mean: Mean) -> Array:
        return mean.log + mean.log_complement

    def variance(self, mean: Mean) -> Array:
        return mean.mu * mean.complement

    def log_variance_slope(self, mean: Mean) -> Array:
        return mean.rate - mean.hazard

    def natural_slope(self, mean: Mean) -> Array:
        # θ = log μ − log(1 − μ)
        return super().natural_slope(mean) if mean.link == self.canonical else mean.rate + mean.hazard

    def score(self, y: Array, mean: Mean) -> Array:
        if mean.link == self.canonical:
            return self.residual(y, mean)
        successes = np.where(y > 0, y * mean.rate, 0.0)
        return successes - np.where(y < 1, (1.0 - y) * mean.hazard, 0.0)

    def residual(self, y: Array, mean: Mean) -> Array:
        # y − μ, each half from the form that is exact: where y = 1 it is the complement
        return y * mean.complement - (1.0 - y) * mean.mu

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        # −2 log of the probability of what happened, which for a proportion is compared with its own
        rest = 1.0 - y
        distance = y * mean.log
        distance += rest * mean.log_complement
        distance *= -2.0
        if not all_finite(distance):
            distance = -2.0 * np.where(y == 0, mean.log_complement, mean.log)
        between = y * rest != 0
        if between.any():
            between = np.broadcast_to(between, distance.shape)
            part = Mean(mean.link, np.broadcast_to(mean.eta, distance.shape)[between])
            share = np.broadcast_to(y, distance.shape)[between]
            failures = poisson_gap(1.0 - share, part.complement, part.log_complement)
            distance[between] = 2.0 * (poisson_gap(share, part.mu, part.log) + failures)
        return distance

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        return -mean.log_complement - y * mean.log_odds

    def start_mean(self, y: Array, weight: Array) -> Array:
        return (weight * y + 0.5) / (weight + 1.0)

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        # the binomial coefficient and the entropy of y, without their cancellation
        result = np.zeros(np.broadcast_shapes(y.shape, weight.shape))
        between = (y > 0) & (y < 1)
        if between.any():
            y, w = y[between], np.broadcast_to(weight, between.shape)[between]
            result[between] = stirling_remainder(w) - stirling_remainder(w * y) - stirling_remainder(w * (1.0 - y))
        return result

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        return random.binomial(whole_trials(weight).astype(np.int64), mean.mu) / weight

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        trials, count = whole_trials(weight), whole_up_to(y * weight)
        inside = np.clip(count, 0.0, trials - 1.0)
        beta = beta_tails(trials - inside, inside + 1.0, mean.complement, mean.mu)
        return outside(beta, count < 0, count >= trials)

    def spacing(self, weight: Array) -> Array:
        return 1.0 / weight

    def before(self, y: Array, weight: Array) -> Array:
        return whole_below(y * weight) / weight

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return binomial_anscombe(y, mean)

    def odd(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        successes = weight * y
        return np.abs(successes - np.round(successes)) > 1e-3

    def odd_words(self, many: int) -> str:
        return (
            f"{many} rows have a number of successes that is not whole: the estimates are quasi-likelihood ones and "
            "AIC means little; give trials as weights, or use family='quasibinomial'"
        )


def whole_trials(weight: Array) -> Array:
    """The trials; raises DataError where they are not whole numbers."""
    if (weight != np.round(weight)).any():
        raise DataError("the trials of a binomial, given as weights, must be whole numbers to draw from or to count in")
    return weight
