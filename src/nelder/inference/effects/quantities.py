"""What is averaged: functions of the mean, each with its slope in η."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nelder.linalg import Array
from nelder.mean import Mean

Pair = tuple[Array, Array]


def response(mean: Mean) -> Pair:
    """μ and dμ/dη."""
    return mean.mu, mean.slope


def complement(mean: Mean) -> Pair:
    """1 − μ and its slope."""
    return mean.complement, -mean.slope


def linear(mean: Mean) -> Pair:
    """η and 1."""
    return mean.eta, np.ones_like(mean.eta)


QUANTITIES: dict[str, Callable[[Mean], Pair]] = {"response": response, "complement": complement, "link": linear}


def steepness(mean: Mean) -> Pair:
    """dμ/dη and its slope."""
    return mean.slope, mean.slope * mean.curvature


def proportion(mean: Mean) -> Pair:
    """d log μ / dη and its slope."""
    return mean.rate, mean.rate * (mean.curvature - mean.rate)


def one(mean: Mean) -> Pair:
    """1, which does not slope."""
    return np.ones_like(mean.eta), np.zeros_like(mean.eta)


@dataclass(frozen=True)
class SlopeKind:
    """A kind of slope: `rate` gives what multiplies dη/dx and its own slope in η; `scaled` says that x does too.

    `vanishes` says that it is zero at a limit of the mean.
    """

    rate: Callable[[Mean], Pair]
    scaled: bool
    vanishes: bool
    title: str


SLOPES: dict[str, SlopeKind] = {
    "dydx": SlopeKind(steepness, False, True, "Average slopes of the mean, dμ/dx"),
    "eyex": SlopeKind(proportion, True, False, "Average elasticities, d log μ / d log x"),
    "eydx": SlopeKind(proportion, False, False, "Average slopes of the logarithm of the mean, d log μ / dx"),
    "dyex": SlopeKind(steepness, True, True, "Average slopes of the mean in the logarithm, dμ / d log x"),
    "link": SlopeKind(one, False, False, "Average slopes of the linear predictor, dη/dx"),
}
