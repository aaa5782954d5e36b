"""Penalties on one page: functions of β added to the objective, and changes of the score that take leverages.

Fits are unpenalised unless asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from nelder.arrow import Arrow, Matrix, full
from nelder.errors import InputError, a_number, refuse_unknown
from nelder.linalg import Array, triangle
from nelder.quadratic import Gram, Implicit, Quadratic, Triangle


@dataclass(frozen=True)
class Penalty(ABC):
    """A function of β added to half the deviance. `strength` says how hard each coefficient is held."""

    name: ClassVar[str]
    by_column: ClassVar[bool] = True  # whether each coefficient is held by itself

    @abstractmethod
    def strength(self, free: Array) -> Array:
        """λ_j ≥ 0 (p,), where free (p,) is 1 for coefficients to be penalised and 0 for intercepts."""

    @property
    def adjustment(self) -> ScoreAdjustment | None:
        """What it is instead, where it is a change of the score and no function of β."""
        return None

    def value(self, beta: Array, free: Array) -> float:
        """½ Σ λ_j β_j²."""
        return float(0.5 * np.sum(self.strength(free) * beta**2))

    def gradient(self, beta: Array, free: Array) -> Array:
        """λ_j β_j (p,)."""
        return self.strength(free) * beta

    def root(self, free: Array) -> Array:
        """A (k, p) with A'A the Hessian of the penalty."""
        return np.diag(np.sqrt(self.strength(free)))

    def added_to(self, model: Quadratic, beta: Array, free: Array) -> Quadratic:
        """The local model of the data with that of the penalty added."""
        strength = self.strength(free)
        if not strength.any():
            return model
        value, gradient = self.value(beta, free), self.gradient(beta, free)
        if isinstance(model, Implicit):
            return model.held(strength, value, gradient)
        if isinstance(model, Triangle):
            return model + Triangle(value, gradient, triangle(self.root(free)), 0.0)
        assert isinstance(model, Gram)
        if isinstance(model.matrix, Arrow) and self.by_column:
            matrix: Matrix = model.matrix.with_diagonal(strength)
        else:
            root = self.root(free)
            matrix = full(model.matrix) + root.T @ root
        return replace(model, value=model.value + value, gradient=model.gradient + gradient, matrix=matrix)


@dataclass(frozen=True)
class Unpenalised(Penalty):
    """Maximum likelihood as it stands."""

    name = "unpenalised"

    def strength(self, free: Array) -> Array:
        return np.zeros_like(free)

    def added_to(self, model: Quadratic, beta: Array, free: Array) -> Quadratic:
        return model


@dataclass(frozen=True)
class Ridge(Penalty):
    """½ α Σ β_j², beside half the deviance and not divided by n; intercepts stay free (Hoerl & Kennard 1970)."""

    alpha: float = 1.0

    name = "ridge"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", a_number(self.alpha, "alpha of ridge"))
        if not (np.isfinite(self.alpha) and self.alpha >= 0):
            raise InputError(f"ridge({self.alpha}): alpha must be a finite number, zero or positive")

    def strength(self, free: Array) -> Array:
        return self.alpha * free


@dataclass(frozen=True)
class Turned(Penalty):
    """A penalty on β, of which `held` (p,) says what it holds, as a function of γ (k,) with β = origin + basis γ."""

    penalty: Penalty
    held: Array
    basis: Array
    origin: Array

    name = "turned"
    by_column = False

    def strength(self, free: Array) -> Array:
        return np.asarray(np.sum(self.root(free) ** 2, axis=0))

    def root(self, free: Array) -> Array:
        return self.penalty.root(self.held) @ self.basis

    def value(self, beta: Array, free: Array) -> float:
        return self.penalty.value(self.origin + self.basis @ beta, self.held)

    def gradient(self, beta: Array, free: Array) -> Array:
        return self.basis.T @ self.penalty.gradient(self.origin + self.basis @ beta, self.held)


class ScoreAdjustment(Penalty):
    """A change of the score, φ A(β) beside X'w(score), that takes the leverages h of the weighted design.

    With κ = μ''/μ', v = d log V / dη and V the inverse of X'WX, A = Σ x h `of_leverage`(κ, v) + X'WX u, where u_j =
    Σ w (x'V_j)³ `of_cube`(κ, v) / V_jj. The dispersion, where it has a density to be estimated by, solves
    Σ w (d − E d) + c₁ φ + c₂ s = 0, with s = Σ w³ g‴ / −Σ w² g″ (see `Family.normaliser_slopes`) and the c of
    `of_dispersion` (Kosmidis, Kenne Pagui & Sartori 2020).
    """

    needs_likelihood: ClassVar[bool] = True

    @property
    def adjustment(self) -> ScoreAdjustment:
        return self

    def strength(self, free: Array) -> Array:
        return np.zeros_like(free)

    @abstractmethod
    def of_leverage(self, curvature: Array, variance_slope: Array) -> Array:
        """What multiplies each leverage (n,), from κ and v (n,)."""

    def of_cube(self, curvature: Array, variance_slope: Array) -> Array | None:
        """What multiplies each cube (n,), or None where there is no such term."""
        return None

    @abstractmethod
    def of_dispersion(self, p: int) -> tuple[float, float]:
        """c₁ and c₂."""

    def determinant_power(self, canonical: bool) -> float | None:
        """The a for which A is the gradient of a log |X'WX|, so that there is a penalised likelihood; else None."""
        return None

    @property
    @abstractmethod
    def note(self) -> str:
        """How the estimates came about, for a summary."""


@dataclass(frozen=True)
class Firth(ScoreAdjustment):
    """Mean bias reduction: no bias of order 1/n, and finite where data separate (Firth 1993; Kosmidis & Firth 2009).

    It needs no more than mean and variance, and so holds for quasi families too. `dispersion` is "mean" or "median":
    which bias of φ is taken away.
    """

    dispersion: str = "mean"

    name = "firth"
    needs_likelihood = False

    def __post_init__(self) -> None:
        refuse_unknown("dispersion of firth", self.dispersion, ("mean", "median"))

    def of_leverage(self, curvature: Array, variance_slope: Array) -> Array:
        return 0.5 * curvature

    def of_dispersion(self, p: int) -> tuple[float, float]:
        return (p - 2.0, 1.0) if self.dispersion == "mean" else (float(p), 1.0 / 3.0)

    def determinant_power(self, canonical: bool) -> float | None:
        return 0.5 if canonical else None

    @property
    def note(self) -> str:
        return "estimates with reduced mean bias (Firth 1993)"


@dataclass(frozen=True)
class MedianBias(ScoreAdjustment):
    """Median bias reduction: each estimate is as likely too high as too low, up to terms of order n^(-3/2), and so is
    any monotone function of it (Kenne Pagui, Salvan & Sartori 2017).

    Which coefficients there are matters: moving the zero of a column makes another intercept, and moves its slope.
    """

    name = "median_bias"

    def of_leverage(self, curvature: Array, variance_slope: Array) -> Array:
        return 0.5 * curvature

    def of_cube(self, curvature: Array, variance_slope: Array) -> Array | None:
        return variance_slope / 6.0 - 0.5 * curvature

    def of_dispersion(self, p: int) -> tuple[float, float]:
        return float(p), 1.0 / 3.0

    @property
    def note(self) -> str:
        return "estimates with reduced median bias (Kenne Pagui, Salvan & Sartori 2017)"


@dataclass(frozen=True)
class Jeffreys(ScoreAdjustment):
    """The maximum of the likelihood times |information|^power, Jeffreys' prior at power ½ (Kosmidis & Firth 2021).

    With a canonical link and known φ it is `Firth`.
    """

    power: float = 0.5

    name = "jeffreys"

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", a_number(self.power, "power of jeffreys"))
        if not (np.isfinite(self.power) and self.power > 0):
            raise InputError(f"jeffreys({self.power}): the power must be a positive number, such as 0.5")

    def of_leverage(self, curvature: Array, variance_slope: Array) -> Array:
        return self.power * (2.0 * curvature - variance_slope)

    def of_dispersion(self, p: int) -> tuple[float, float]:
        return -2.0 * self.power * (p + 4.0), 2.0 * self.power

    def determinant_power(self, canonical: bool) -> float | None:
        return self.power

    @property
    def note(self) -> str:
        return f"estimates maximise the likelihood times |information|^{self.power:g} (Jeffreys' prior)"


PENALTIES: dict[str, type[Penalty]] = {
    "firth": Firth,
    "jeffreys": Jeffreys,
    "median_bias": MedianBias,
    "ridge": Ridge,
    "unpenalised": Unpenalised,
}
