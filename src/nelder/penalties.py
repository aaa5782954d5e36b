"""Penalties added to the objective, on one page. Fits are unpenalised unless asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nelder.errors import InputError, a_number
from nelder.linalg import Array, triangle
from nelder.quadratic import Gram, Quadratic, Triangle


@dataclass(frozen=True)
class Penalty(ABC):
    """A function of β added to half the deviance. `strength` says how hard each coefficient is held."""

    name: ClassVar[str]

    @abstractmethod
    def strength(self, free: Array) -> Array:
        """λ_j ≥ 0 (p,), where free (p,) is 1 for coefficients to be penalised and 0 for intercepts."""

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
        root = self.root(free)
        if not root.any():
            return model
        value, gradient = self.value(beta, free), self.gradient(beta, free)
        if isinstance(model, Triangle):
            return model + Triangle(value, gradient, triangle(root), 0.0)
        assert isinstance(model, Gram)
        return model + Gram(value, gradient, root.T @ root, 0.0)


@dataclass(frozen=True)
class Unpenalised(Penalty):
    """Maximum likelihood as it stands."""

    name = "unpenalised"

    def strength(self, free: Array) -> Array:
        return np.zeros_like(free)


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

    def strength(self, free: Array) -> Array:
        return np.asarray(np.sum(self.root(free) ** 2, axis=0))

    def root(self, free: Array) -> Array:
        return self.penalty.root(self.held) @ self.basis

    def value(self, beta: Array, free: Array) -> float:
        return self.penalty.value(self.origin + self.basis @ beta, self.held)

    def gradient(self, beta: Array, free: Array) -> Array:
        return self.basis.T @ self.penalty.gradient(self.origin + self.basis @ beta, self.held)


PENALTIES: dict[str, type[Penalty]] = {"ridge": Ridge, "unpenalised": Unpenalised}
