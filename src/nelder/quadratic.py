"""Two local models of the objective around a β: f(β + δ) ≈ f + g'δ + ½ δ'Hδ, added up over blocks of rows.

`Gram` sums X'WX: one matrix product a slice, and as accurate as its condition allows. Because a step solves for δ from
the score, and never for β from a working response, an inexact H only costs steps. `Triangle` keeps R of the QR of W^½X
and a score summed to more digits: some times the arithmetic, and it sees twice as many digits of condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from nelder.linalg import Array, Factored, cholesky, from_triangle, triangle

# conditions of X'WX with unit columns, the squares of those of W^½X
SAFE_FOR_STEPS = 1e12  # a step solves from the score, so that a rough H only costs steps
SAFE_FOR_ERRORS = 1e6  # a standard error is read off H itself: ten digits


@dataclass(frozen=True)
class Direction:
    """A Newton step δ (p,), and the squared Newton decrement g'H⁻¹g: twice the drop in f that the model promises."""

    delta: Array
    decrement: float


class Quadratic(Protocol):
    """What a solver sees of either model.

    Rounding in η alone can cause a squared decrement of `noise`, and change the value by `blur`.
    """

    @property
    def value(self) -> float: ...
    @property
    def gradient(self) -> Array: ...
    @property
    def noise(self) -> float: ...
    @property
    def blur(self) -> float: ...
    @property
    def information(self) -> Array: ...
    @property
    def factored(self) -> Factored | None: ...
    def newton(self) -> Direction | None: ...
    def decrement(self, gradient: Array) -> float: ...


def direction(factored: Factored | None, gradient: Array) -> Direction | None:
    """The step δ with Hδ = −g (p,), or None where H has no factor: H only steers, and the gradient decides."""
    if factored is None:
        return None
    half = factored.half_solve(gradient)
    return Direction(-factored.solve(gradient), float(half @ half))


def decrement(factored: Factored | None, gradient: Array) -> float:
    """g'H⁻¹g for a gradient g (p,); infinite where H is singular."""
    if factored is None:
        return np.inf
    half = factored.half_solve(gradient)
    return float(half @ half)


@dataclass(frozen=True)
class Gram:
    """value, gradient (p,) and information X'WX (p, p) of some rows; `+` merges two sets of rows.

    `observed` says that the weights are not the expected ones, of which standard errors are made.
    """

    value: float
    gradient: Array
    information: Array
    noise: float
    blur: float = 0.0
    observed: bool = False

    def __add__(self, other: Gram) -> Gram:
        return Gram(
            self.value + other.value,
            self.gradient + other.gradient,
            self.information + other.information,
            self.noise + other.noise,
            self.blur + other.blur,
            self.observed or other.observed,
        )

    @cached_property
    def factored(self) -> Factored | None:
        """The Cholesky factor, or None where the information is not positive definite."""
        return cholesky(self.information)

    @property
    def safe(self) -> bool:
        """Whether a step from this model is worth taking."""
        return self.factored is not None and self.factored.condition < SAFE_FOR_STEPS

    @property
    def precise(self) -> bool:
        """Whether standard errors from this model keep their digits."""
        return self.factored is not None and self.factored.condition < SAFE_FOR_ERRORS

    def decrement(self, gradient: Array) -> float:
        """The squared distance to the optimum that another gradient (p,) speaks of."""
        return decrement(self.factored, gradient)

    def newton(self) -> Direction | None:
        """The step, or None where the model has no minimum."""
        return self._direction

    @cached_property
    def _direction(self) -> Direction | None:
        return direction(self.factored, self.gradient)


@dataclass(frozen=True)
class Triangle:
    """As `Gram`, with R (p, p) of the rows W^½X in place of the information, and a gradient to more digits."""

    value: float
    gradient: Array
    upper: Array
    noise: float
    blur: float = 0.0

    def __add__(self, other: Triangle) -> Triangle:
        return Triangle(
            self.value + other.value,
            self.gradient + other.gradient,
            triangle(np.vstack([self.upper, other.upper])),
            self.noise + other.noise,
            self.blur + other.blur,
        )

    @property
    def information(self) -> Array:
        """R'R (p, p)."""
        return self.upper.T @ self.upper

    @cached_property
    def factored(self) -> Factored | None:
        """R itself, equilibrated."""
        return from_triangle(self.upper)

    def decrement(self, gradient: Array) -> float:
        """As `Gram.decrement`."""
        return decrement(self.factored, gradient)

    def newton(self) -> Direction | None:
        """The step, or None where R is singular."""
        return direction(self.factored, self.gradient)
