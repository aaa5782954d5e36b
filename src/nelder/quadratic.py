"""Local models of the objective around a β: f(β + δ) ≈ f + g'δ + ½ δ'Hδ, added up over blocks of rows.

`Gram` sums X'WX: one matrix product a slice, and as accurate as its condition allows. Because a step solves for δ from
the score, and never for β from a working response, an inexact H only costs steps. `Triangle` keeps R of the QR of W^½X
and a score summed to more digits: some times the arithmetic, and it sees twice as many digits of condition. `Implicit`
is for columns too many for either: it multiplies X'WX by a vector, and never makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from nelder.arrow import Arrow, ArrowFactored, Matrix, factor, full, plus
from nelder.lazy import lazy
from nelder.linalg import (
    Array,
    Factored,
    cholesky,
    conjugate_gradients,
    from_triangle,
    largest_eigenvalue,
    largest_eigenvalue_by,
    triangle,
)
from nelder.sparse import refuse_wide

# conditions of X'WX with unit columns, the squares of those of W^½X
SAFE_FOR_STEPS = 1e12  # a step solves from the score, so that a rough H only costs steps
SAFE_FOR_ERRORS = 1e6  # a standard error is read off H itself: ten digits

ROUGH = 1e-6  # a bound on eigenvalues above which it is of use by itself
SHARPEST = 1e-13  # of its squared length: how near a step without a matrix comes to that with one
CONJUGATE_STEPS = 500  # products with the information that such a step may take

Factor = Factored | ArrowFactored


@dataclass(frozen=True)
class Direction:
    """A Newton step δ (p,), and the squared Newton decrement g'H⁻¹g: twice the drop in f that the model promises."""

    delta: Array
    decrement: float


class Quadratic(Protocol):
    """What a solver sees of either model.

    Rounding in η alone can cause a squared decrement of `noise`, and change the value by `blur`. `form` is its name.
    """

    form: ClassVar[str]

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
    def factored(self) -> Factor | None: ...
    def newton(self) -> Direction | None: ...
    def decrement(self, gradient: Array, wanted: float = 0.0) -> float: ...


def decrement(factored: Factor | None, gradient: Array) -> float:
    """g'H⁻¹g for a gradient g (p,); infinite where H is singular."""
    if factored is None:
        return np.inf
    half = factored.half_solve(gradient)
    return float(half @ half)


def direction(factored: Factor | None, gradient: Array) -> Direction | None:
    """The step δ with Hδ = −g (p,), or None where H has no factor: H only steers, and the gradient decides."""
    return None if factored is None else Direction(-factored.solve(gradient), decrement(factored, gradient))


def steepest(model: Quadratic) -> float:
    """λmax of the information (p, p) of a model, as a matrix or without one."""
    if isinstance(model, Implicit):
        return largest_eigenvalue_by(model.product, np.sqrt(model.diagonal))
    if isinstance(model, Gram) and isinstance(model.matrix, Arrow):
        return largest_eigenvalue_by(model.matrix.times, np.sqrt(np.abs(model.matrix.diagonal())))
    return largest_eigenvalue(model.information)


def full_factor(model: Quadratic) -> Factored | None:
    """The factor of a model as a triangle (p, p), whatever its information is kept as."""
    return cholesky(model.information) if isinstance(model.factored, ArrowFactored) else model.factored


@dataclass(frozen=True)
class Gram:
    """value, gradient (p,) and X'WX (p, p) of some rows, as a `matrix` in full or an `Arrow`; `+` merges two sets of
    rows.

    `observed` says that the weights are not the expected ones, of which standard errors are made.
    """

    value: float
    gradient: Array
    matrix: Matrix
    noise: float
    blur: float = 0.0
    observed: bool = False

    form: ClassVar[str] = "Gram"

    def __add__(self, other: Gram) -> Gram:
        return Gram(
            self.value + other.value,
            self.gradient + other.gradient,
            plus(self.matrix, other.matrix),
            self.noise + other.noise,
            self.blur + other.blur,
            self.observed or other.observed,
        )

    def at(self, value: float, gradient: Array) -> Gram:
        """The same information, with its factor, at another place."""
        model = replace(self, value=value, gradient=gradient)
        model.__dict__["factored"] = self.factored
        return model

    @property
    def information(self) -> Array:
        """X'WX (p, p) in full. Raises CapabilityError where it has too many columns."""
        return full(self.matrix)

    @lazy
    def factored(self) -> Factor | None:
        """The Cholesky factor, or None where the information is not positive definite."""
        return factor(self.matrix)

    @property
    def safe(self) -> bool:
        """Whether a step from this model is worth taking."""
        return self.factored is not None and self.factored.condition < SAFE_FOR_STEPS

    @property
    def precise(self) -> bool:
        """Whether standard errors from this model keep their digits."""
        return self.factored is not None and self.factored.condition < SAFE_FOR_ERRORS

    def decrement(self, gradient: Array, wanted: float = 0.0) -> float:
        """The squared distance to the optimum that a gradient (p,) speaks of. Only `Implicit` asks what is `wanted`."""
        known = self.newton() if gradient is self.gradient else None
        return decrement(self.factored, gradient) if known is None else known.decrement

    def newton(self) -> Direction | None:
        """The step, or None where the model has no minimum."""
        return self._direction

    @lazy
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

    form: ClassVar[str] = "Triangle"

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

    @lazy
    def factored(self) -> Factored | None:
        """R itself, equilibrated."""
        return from_triangle(self.upper)

    def decrement(self, gradient: Array, wanted: float = 0.0) -> float:
        """As that of `Gram`."""
        return decrement(self.factored, gradient)

    def newton(self) -> Direction | None:
        """The step, or None where R is singular."""
        return direction(self.factored, self.gradient)


@dataclass(frozen=True)
class Diagonal:
    """As `Gram`, with the diagonal (p,) of X'WX in its place; `width` is the largest number of columns that are not
    zero in a row.
    """

    value: float
    gradient: Array
    diagonal: Array
    width: int
    noise: float
    blur: float

    def __add__(self, other: Diagonal) -> Diagonal:
        return Diagonal(
            self.value + other.value,
            self.gradient + other.gradient,
            self.diagonal + other.diagonal,
            max(self.width, other.width),
            self.noise + other.noise,
            self.blur + other.blur,
        )


@dataclass(frozen=True)
class Implicit:
    """As `Gram`, with the `diagonal` D (p,) of the information H and its `product` with a vector in its place.

    `width` is that of `Diagonal`. `least` is a bound from below on the
    eigenvalues of D⁻¹H, which a ridge gives; 0 without one. `free` (p,) is 1 for the column that it leaves free.
    """

    value: float
    gradient: Array
    diagonal: Array
    product: Callable[[Array], Array]
    width: int
    noise: float
    blur: float = 0.0
    least: float = 0.0
    free: Array | None = None

    form: ClassVar[str] = "Implicit"

    def held(self, strength: Array, value: float, gradient: Array) -> Implicit:
        """The model with ½ Σ λ_j β_j² added, for λ (p,) of which at most one is zero.

        Then H ⪰ Λ, so that no eigenvalue of D⁻¹H is below c = min λ_j / D_j. For a column that is free, with numbers
        b beside it in D^-½ H D^-½, this is divided by (1 + |b|)², and |b|² is no more than the largest eigenvalue that
        rows of so few numbers can have, which is `width` (Cauchy & Schwarz).
        """
        diagonal, free = self.diagonal + strength, strength == 0
        least = float(np.min((strength / diagonal)[~free], initial=1.0))
        return replace(
            self,
            value=self.value + value,
            gradient=self.gradient + gradient,
            diagonal=diagonal,
            product=lambda direction: self.product(direction) + strength * direction,
            least=least / (1.0 + np.sqrt(self.width)) ** 2 if free.any() else least,
            free=free.astype(float) if free.any() else None,
        )

    @lazy
    def _coarse(self) -> tuple[Array, Array] | None:
        """Z (p, 2) with Z'HZ = I, and HZ, for two directions: the free column, and each other column's own share of it.
        Where rows hold about the same numbers they are nearly one, and only the penalty tells them apart.
        """
        if self.free is None:
            return None
        both = np.stack([self.free, (1.0 - self.free) * self.product(self.free) / self.diagonal], axis=1)
        bent = np.stack([self.product(column) for column in both.T], axis=1)
        inner = cholesky(both.T @ bent)
        root = None if inner is None else inner.spread(np.eye(2))
        return None if root is None else (both @ root, bent @ root)

    def metric(self, gradient: Array) -> Array:
        """What steps go by in place of H⁻¹ g: H itself in the two directions of `_coarse`, and D in what is conjugate
        to them (Nicolaides 1987).
        """
        if self._coarse is None:
            return gradient / self.diagonal
        basis, bent = self._coarse
        inside = basis.T @ gradient
        rough = (gradient - bent @ inside) / self.diagonal
        return rough + basis @ (inside - bent.T @ rough)

    @property
    def information(self) -> Array:
        """Not to be had. Raises CapabilityError."""
        raise refuse_wide("this", len(self.gradient), len(self.gradient))

    @property
    def factored(self) -> None:
        """None: there is no matrix to factor."""
        return None

    def decrement(self, gradient: Array, wanted: float = 0.0) -> float:
        """A bound on g'H⁻¹g from above: g'D⁻¹g over the smallest eigenvalue that D⁻¹H may have.

        Where that is too rough to be of use, and decides whether the decrement is as `wanted`, it is sharpened.
        """
        rough = float(gradient @ (gradient / self.diagonal))
        if self.least >= ROUGH or rough > wanted or not self.usable:
            return rough / self.least if self.usable else np.inf
        _, worth, left = self._solved(gradient, 0.1 * self.least)
        return worth + left / self.least

    @property
    def usable(self) -> bool:
        """Whether the model has a minimum that a bound on its eigenvalues vouches for."""
        return self.least > 0 and bool(np.isfinite(self.diagonal).all() and (self.diagonal > 0).all())

    def newton(self) -> Direction | None:
        """The step by conjugate gradients, the nearer the smaller it is (Dembo & Steihaug 1983), with the drop that it
        promises itself; None where the model has no minimum.
        """
        return self._newton

    @lazy
    def _newton(self) -> Direction | None:
        if not self.usable:
            return None
        rough = float(self.gradient @ (self.gradient / self.diagonal))
        share = min(max(rough / max(abs(self.value), rough), SHARPEST), 0.1)
        delta, worth, _ = self._solved(self.gradient, share)
        return Direction(-delta, worth)

    def _solved(self, gradient: Array, share: float) -> tuple[Array, float, float]:
        near = (share, CONJUGATE_STEPS)
        return conjugate_gradients(self.product, gradient, self.metric, self.diagonal, near)
