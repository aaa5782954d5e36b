"""The density of a Poisson number of gamma amounts, by its series (Dunn & Smyth 2005), and how it changes with φ and p.

Everything is for y > 0 (n,) and a dispersion of each row's own, φ (n,). log W_j, the logarithm of the series' terms, is
concave in j with standard deviation σ = √(j* (p − 1)) around its peak j* = y^(2−p) / (φ (2−p)). Where σ is large the
sum over integers is, to far below rounding, its own integral (Poisson summation), so that a stride of σ/4 sees every
digit; where it is small all integers in a window are added, rows with like peaks sharing one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.mean import special

ROWS_AT_A_TIME = 2048
# where ξ is below the first, and the variance of the terms above the second, an expansion has more digits than the sum
SMALL, WIDE = 1e-2, 3.0
# its coefficients of ξ, ξ², ξ³ and ξ⁴, as polynomials in q = p(p − 3): those of 1, q, …, q⁴
EXPANSION = np.array(
    [[0, 240, 0, 0, 0], [0, -240, -120, 0, 0], [0, 600, 626, 161, 0], [0, -2520, -4024, -2116, -367]]
) / 5760.0  # fmt: skip


@dataclass(frozen=True)
class Series:
    """The terms of some rows: j (m, k) or (1, k), and log W_j (m, k), every `stride`-th (m,) of them."""

    j: Array
    log_terms: Array
    stride: Array

    @lazy
    def top(self) -> Array:
        """The largest log W_j (m,)."""
        return self.log_terms.max(axis=1)

    @lazy
    def share(self) -> Array:
        """W_j as shares of the largest (m, k)."""
        return np.exp(self.log_terms - self.top[:, None])

    @property
    def log_sum(self) -> Array:
        """log Σ W_j (m,)."""
        return np.asarray(self.top + np.log(self.stride * self.share.sum(axis=1)))

    def average(self, values: Array) -> Array:
        """The mean (m,) of values (m, k) or (1, k) over the terms, weighted by W_j."""
        return np.asarray((self.share * values).sum(axis=1) / self.share.sum(axis=1))


def in_parts(y: Array, phi: Array, power: float) -> Iterator[tuple[NDArray[np.integer], Series]]:
    """The rows where the sum is used, some thousands at a time, with their terms."""
    xi = spread(y, phi, power)
    summed = np.flatnonzero((xi >= SMALL) | (power - 1.0 < WIDE * (2.0 - power) * xi))
    peak = 1.0 / ((2.0 - power) * xi)
    sigma = np.sqrt(peak * (power - 1.0))
    smooth = (sigma > 4.0) & (peak > 12.0 * sigma)
    for rows in parts(summed[smooth[summed]], peak):
        stride = sigma[rows] / 4.0
        j = peak[rows, None] + stride[:, None] * np.arange(-40.0, 41.0)
        yield rows, terms_of(y[rows], phi[rows], power, j, stride)
    for rows in parts(summed[~smooth[summed]], peak):
        reach = 10.0 * sigma[rows] + 12.0
        first, last = max(1.0, np.floor((peak[rows] - reach).min())), (peak[rows] + reach).max() + 1.0
        yield rows, terms_of(y[rows], phi[rows], power, np.arange(first, last)[None, :], np.ones(len(rows)))


def parts(rows: NDArray[np.integer], by: Array) -> Iterator[NDArray[np.integer]]:
    """Rows in order of their values in `by` (n,), some thousands at a time."""
    ordered = rows[np.argsort(by[rows], kind="stable")]
    for start in range(0, len(ordered), ROWS_AT_A_TIME):
        yield ordered[start : start + ROWS_AT_A_TIME]


def terms_of(y: Array, phi: Array, power: float, j: Array, stride: Array) -> Series:
    """The terms at j of the sum whose logarithm is log a(y, φ, p), the factor of the density free of μ."""
    alpha, gammaln = (2.0 - power) / (power - 1.0), special().gammaln
    log_z = alpha * np.log(y) - alpha * np.log(power - 1.0) - (1.0 + alpha) * np.log(phi) - np.log(2.0 - power)
    return Series(j, j * log_z[:, None] - (gammaln(1.0 + j) + gammaln(alpha * j)), stride)


def spread(y: Array, phi: Array, power: float) -> Array:
    """ξ = φ y^(p−2), the squared coefficient of variation at μ = y."""
    return np.asarray(phi * np.exp((power - 2.0) * np.log(y)))


def powers(xi: Array) -> Array:
    """ξ to ξ⁴ (4, n)."""
    return np.stack([xi, xi**2, xi**3, xi**4])


def log_base(y: Array, phi: Array, power: float) -> Array:
    """log f(y; μ = y, φ) for y > 0 (n,): what the density is beside exp(−d/2φ).

    By the series of Dunn & Smyth (2005, equation 7), or where ξ is so small that the series would cancel, by the
    saddlepoint approximation with four corrections (Daniels 1954, from the cumulants of a power variance).
    """
    xi, q = spread(y, phi, power), power * (power - 3.0)
    base = EXPANSION @ q ** np.arange(5.0) @ powers(xi) - 0.5 * np.log(2 * np.pi * phi) - 0.5 * power * np.log(y)
    for rows, terms in in_parts(y, phi, power):
        base[rows] = terms.log_sum - np.log(y[rows]) - 1.0 / ((power - 1.0) * (2.0 - power) * xi[rows])
    return np.asarray(base)


def base_slope_in_dispersion(y: Array, phi: Array, power: float) -> Array:
    """∂ `log_base` / ∂ log φ (n,)."""
    xi, q = spread(y, phi, power), power * (power - 3.0)
    slope = np.arange(1.0, 5.0) * (EXPANSION @ q ** np.arange(5.0)) @ powers(xi) - 0.5
    for rows, terms in in_parts(y, phi, power):
        slope[rows] = (1.0 / ((2.0 - power) * xi[rows]) - terms.average(terms.j)) / (power - 1.0)
    return np.asarray(slope)


def base_slope_in_power(y: Array, phi: Array, power: float) -> Array:
    """∂ `log_base` / ∂p (n,)."""
    xi, q, log_y, a, b = spread(y, phi, power), power * (power - 3.0), np.log(y), power - 1.0, 2.0 - power
    direct = (2.0 * power - 3.0) * (EXPANSION[:, 1:] * np.arange(1.0, 5.0) @ q ** np.arange(4.0))
    through_xi = np.arange(1.0, 5.0) * (EXPANSION @ q ** np.arange(5.0))
    slope = direct @ powers(xi) + log_y * (through_xi @ powers(xi) - 0.5)
    for rows, terms in in_parts(y, phi, power):
        # with α = b/a and dα/dp = −1/a²: j d(log z)/dp + j ψ(αj)/a²
        log_z = -(log_y[rows] - np.log(a) - np.log(phi[rows])) / a**2 - b / a**2 + 1.0 / b
        amounts = terms.average(terms.j * special().digamma(b / a * terms.j)) / a**2
        of_peak = (1.0 / a**2 - 1.0 / b**2 + log_y[rows] / (a * b)) / xi[rows]
        slope[rows] = log_z * terms.average(terms.j) + amounts + of_peak
    return np.asarray(slope)
