"""Tails of the normal, gamma, beta and inverse Gaussian distributions: what the families' distributions are made of.

SciPy's incomplete gamma and beta functions underflow near 1e−308. Beyond, their continued fractions (DLMF 8.9, 8.11 and
8.17) go on in logarithms. Its lower incomplete gamma function also ends its series early in the tail of a large shape,
where it has 1 % of an answer at 8 standard deviations and a shape of 1e7; there Temme's expansion is used.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.families.base import poisson_gap, stirling_remainder
from nelder.families.tails import Tails, from_tails
from nelder.linalg import Array
from nelder.mean import special

UNDERFLOW = 1e-290
LEVELS = 400  # of a continued fraction; so far out in a tail a few dozen would do
LARGE, AWAY = 3e4, 4.0  # a shape, and standard deviations from it


def normal_tails(z: Array) -> Tails:
    """The standard normal at z."""
    return Tails(special().log_ndtr(z), special().log_ndtr(-z))


def gamma_tails(shape: Array, x: Array) -> Tails:
    """The gamma distribution of shape a > 0 and scale 1 at x ≥ 0: log P(a, x) and log Q(a, x)."""
    shape, x = np.broadcast_arrays(np.asarray(shape, dtype=float), x)
    lower, upper = special().gammainc(shape, x), special().gammaincc(shape, x)
    tails = from_tails(lower, upper)
    far_below, far_above = (lower < UNDERFLOW) & (x > 0), (upper < UNDERFLOW) & np.isfinite(x)
    large = (shape > LARGE) & (np.abs(x - shape) > AWAY * np.sqrt(shape)) & (x > 0) & np.isfinite(x)
    if far_below.any():
        tails.lower[far_below] = log_lower_gamma(shape[far_below], x[far_below])
    if far_above.any():
        tails.upper[far_above] = log_upper_gamma(shape[far_above], x[far_above])
    if large.any():
        tail = log_large_gamma(shape[large], x[large])
        other, below = np.log1p(-np.exp(tail)), x[large] < shape[large]
        tails.lower[large], tails.upper[large] = np.where(below, tail, other), np.where(below, other, tail)
    return tails


def log_large_gamma(shape: Array, x: Array) -> Array:
    """The logarithm of the smaller of P(a, x) and Q(a, x) far from a large shape a (Temme 1979; DLMF 8.12).

    With ½ η² = x/a − 1 − log(x/a) the tail is e^(−aη²/2) times ½ erfcx(|η| √(a/2)) and a correction, whose first terms
    are 1/(x/a − 1) − 1/η and, near 0, −1/540 − η/288 over a.
    """
    height = poisson_gap(shape, x, np.log(x))  # ½ a η²
    away, below = x / shape - 1.0, x < shape
    eta = np.sqrt(2.0 * height / shape) * np.where(below, -1.0, 1.0)
    cubes = 1.0 / eta**3 - 1.0 / away**3 - 1.0 / away**2 - 1.0 / (12.0 * away)
    second = np.where(np.abs(eta) < 0.1, -1.0 / 540.0 - eta / 288.0, cubes)
    correction = (1.0 / away - 1.0 / eta + second / shape) / np.sqrt(2.0 * np.pi * shape)
    main = 0.5 * special().erfcx(np.sqrt(height))
    return np.log(main + np.where(below, -correction, correction)) - height


def log_lower_gamma(shape: Array, x: Array) -> Array:
    """log P(a, x) where x is far below a."""
    fraction = np.zeros_like(x)
    for level in range(LEVELS, 0, -1):
        half, odd = divmod(level, 2)
        numerator = -(shape + half) * x if odd else half * x
        fraction = numerator / (shape + level + fraction)
    return log_mass(shape, x) + np.log(shape) - np.log(shape + fraction)


def log_upper_gamma(shape: Array, x: Array) -> Array:
    """log Q(a, x) where x is far above a."""
    fraction = np.zeros_like(x)
    for level in range(LEVELS, 0, -1):
        fraction = level * (shape - level) / (x + 2 * level + 1.0 - shape + fraction)
    return log_mass(shape, x) + np.log(shape) - np.log(x + 1.0 - shape + fraction)


def log_mass(count: Array, mu: Array) -> Array:
    """log(μᵏ e^−μ / Γ(k + 1)): the Poisson probability of a count that need not be whole, without cancellation."""
    return -(poisson_gap(count, mu, np.log(mu)) + stirling_remainder(count))


def beta_tails(a: Array | float, b: Array, x: Array, complement: Array) -> Tails:
    """The beta distribution at x = 1 − complement: log I(x; a, b) and log I(1 − x; b, a), for a, b > 0."""
    sf = special()
    a, b, x, complement = np.broadcast_arrays(np.asarray(a, dtype=float), b, x, complement)
    small = x <= complement  # the argument that has all its digits
    lower = np.where(small, sf.betainc(a, b, x), sf.betaincc(b, a, complement))
    upper = np.where(small, sf.betaincc(a, b, x), sf.betainc(b, a, complement))
    tails = from_tails(lower, upper)
    far_below, far_above = (lower < UNDERFLOW) & (x > 0), (upper < UNDERFLOW) & (complement > 0)
    if far_below.any():
        tails.lower[far_below] = log_beta(*(value[far_below] for value in (a, b, x, complement)))
    if far_above.any():
        tails.upper[far_above] = log_beta(*(value[far_above] for value in (b, a, complement, x)))
    return tails


def log_beta(a: Array, b: Array, x: Array, complement: Array) -> Array:
    """log I(x; a, b) where x is far below the mean a / (a + b)."""
    fraction = np.zeros_like(x)
    for level in range(LEVELS, 0, -1):
        half, odd = divmod(level, 2)
        numerator = -(a + half) * (a + b + half) * x if odd else half * (b - half) * x
        fraction = numerator / ((a + level - 1.0) * (a + level)) / (1.0 + fraction)
    mass = a * np.log(x) + b * np.log(complement) - special().betaln(a, b) - np.log(a)
    return mass - np.log1p(fraction)


def inverse_gaussian_tails(y: Array, mu: Array, shape: Array) -> Tails:
    """The inverse Gaussian distribution of mean μ and shape λ, at y > 0 (Shuster 1968).

    With z = √(λ/y) (y/μ − 1), q = √(λ/y) (y/μ + 1) it is Φ(z) + exp(2λ/μ) Φ(−q), where 2λ/μ = (q² − z²)/2: both terms
    share exp(−z²/2), which is taken out. Far above, at y = t μ, their difference costs a factor t of the digits.
    """
    scaled: Callable[[Array], Array] = special().erfcx
    root, share = np.sqrt(shape / y), y / mu
    z, q = root * (share - 1.0), root * (share + 1.0)
    inner, outer = scaled(np.abs(z) / np.sqrt(2.0)), scaled(q / np.sqrt(2.0))
    tail = -0.5 * z * z + np.log(0.5 * np.where(z < 0, inner + outer, inner - outer))
    other = np.log(-np.expm1(tail))
    return Tails(np.where(z < 0, tail, other), np.where(z < 0, other, tail))
