"""Anscombe's residual: A(y) − A(μ) with A = ∫ V^(−1/3) dμ, on which a response is nearly normal, over its standard
deviation V(μ)^(1/6) (McCullagh & Nelder 1989, section 2.4.2).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.linalg import Array
from nelder.links import Identity
from nelder.mean import Mean, special


def power_anscombe(y: Array, mean: Mean, power: float) -> Array:
    """For V(μ) = μ^p: (y^b − μ^b) / (b μ^(p/6)) with b = 1 − p/3, and log(y/μ) / μ^½ at p = 3."""
    b, half = 1.0 - power / 3.0, np.exp(-power / 6.0 * mean.log)
    if b == 0:
        return (np.log(y) - mean.log) * half
    return (y**b - np.exp(b * mean.log)) / b * half


def binomial_anscombe(y: Array, mean: Mean) -> Array:
    """For V(μ) = μ (1 − μ), by incomplete beta functions of the smaller of μ and 1 − μ (Cox & Snell 1968)."""
    sf = special()
    third = 2.0 / 3.0
    lower = sf.betainc(third, third, y) - sf.betainc(third, third, mean.mu)
    upper = sf.betainc(third, third, mean.complement) - sf.betainc(third, third, 1.0 - y)
    difference = sf.beta(third, third) * np.where(mean.mu < mean.complement, lower, upper)
    return difference * np.exp(-(mean.log + mean.log_complement) / 6.0)


def negative_binomial_anscombe(y: Array, mean: Mean, theta: float, log_variance: Array) -> Array:
    """For V(μ) = μ + μ²/θ, whose A(μ) = 3/2 μ^(2/3) F(1/3, 2/3; 5/3; −μ/θ) is Gauss's hypergeometric function."""

    def normalised(mu: Array) -> Array:
        return 1.5 * mu ** (2.0 / 3.0) * special().hyp2f1(1.0 / 3.0, 2.0 / 3.0, 5.0 / 3.0, -mu / theta)

    return (normalised(y) - normalised(mean.mu)) * np.exp(-log_variance / 6.0)


def any_anscombe(y: Array, mean: Mean, log_variance: Callable[[Mean], Array]) -> Array:
    """For any variance, by tanh-sinh quadrature, which forgives V = 0 at an end (Takahasi & Mori 1974)."""
    grid = np.linspace(-4.0, 4.0, 161)
    away = np.pi * np.sinh(grid)
    share, rest = 1.0 / (1.0 + np.exp(-away)), 1.0 / (1.0 + np.exp(away))
    weight = (grid[1] - grid[0]) * np.pi * np.cosh(grid) * share * rest
    total = np.zeros_like(mean.mu)
    for s, r, w in zip(share, rest, weight, strict=True):
        height = np.exp(-log_variance(Mean(Identity(), y * s + mean.mu * r)) / 3.0)
        total = total + np.where(np.isfinite(height), w * height, 0.0)
    return (y - mean.mu) * total * np.exp(-log_variance(mean) / 6.0)
