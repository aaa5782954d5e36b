"""The distribution of a Poisson number of gamma amounts: Tweedie's family between the powers 1 and 2."""

from __future__ import annotations

import numpy as np

from nelder.families.incomplete import gamma_tails, log_mass
from nelder.families.tails import Tails
from nelder.linalg import Array

ROWS_AT_A_TIME = 2048
FEW = 100.0  # expected amounts, below which both tails are summed
BEYOND = 1e12  # amounts that are as good as infinite, where few are expected


def compound_tails(y: Array, rate: Array, jump: float, scale: Array) -> Tails:
    """The tails at y > 0 (n,) of a sum of N gamma amounts of shape `jump`, N ~ Poisson(rate (n,)), of scale (n,).

    P(Y ≤ y) = e^−rate + Σ_j P(N = j) P(j jump, y/scale), and the upper tail likewise, all terms positive.
    """
    x = y / scale
    lower, upper = np.zeros_like(y, dtype=float), -x
    near = np.flatnonzero((x < BEYOND) | (x < 1e3 * rate * jump))  # beyond, the upper tail is e^−x to leading order
    for start in range(0, len(near), ROWS_AT_A_TIME):
        rows = near[start : start + ROWS_AT_A_TIME]
        lower[rows], upper[rows] = _summed(x[rows], rate[rows], jump)
    return Tails(lower, upper)


def _summed(x: Array, rate: Array, jump: float) -> tuple[Array, Array]:
    """Both tails at x = y/scale (n,), summed in a window of j around what is likely at this response.

    Given y, N has its peak at j* with j*^(1 + jump) = rate (x/jump)^jump and a standard deviation below √j*; given a
    smaller (larger) response it is smaller (larger). Where its standard deviation σ is large, a stride of σ/4 sees
    every digit, as in `compound_poisson`.
    """
    peak = np.exp((np.log(rate) + jump * np.log(x / jump)) / (1.0 + jump))
    few = np.minimum(rate, FEW)
    sigma, reach = np.sqrt(peak / (1.0 + jump)), 10.0 * np.sqrt(peak) + 40.0
    top = np.maximum(peak, few)
    last = top + 10.0 * np.sqrt(top) + 40.0
    smooth = (sigma > 4.0) & (peak > reach + 1.0)
    stride = np.where(smooth, sigma / 4.0, 1.0)
    first = np.where(smooth, peak - reach, np.maximum(1.0, np.floor(peak - reach)))
    steps = int(np.ceil(((last - first) / stride).max(initial=0.0)))
    j = first[:, None] + stride[:, None] * np.arange(steps + 1.0)
    amounts, mass = gamma_tails(j * jump, x[:, None]), log_mass(j, rate[:, None])
    below = np.logaddexp(log_sum(mass + amounts.lower) + np.log(stride), -rate)
    above = log_sum(mass + amounts.upper) + np.log(stride)
    # beyond the mean the upper tail is summed whole; before it the lower one, and both where amounts are few
    direct = (x >= rate * jump) | ((rate < FEW) & (above < below))
    lower = np.where(direct, np.log1p(-np.exp(above)), below)
    return lower, np.where(direct, above, np.log1p(-np.exp(below)))


def log_sum(terms: Array) -> Array:
    """log Σ exp(terms (n, k)) over k."""
    top = terms.max(axis=1)
    top = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(top + np.log(np.exp(terms - top[:, None]).sum(axis=1)))
