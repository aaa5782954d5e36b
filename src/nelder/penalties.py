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

    def added_to(self, model: Quadratic, beta: Array, free: Array) -> Quadratic:
        """The local model of the data with that of the penalty added."""
        strength = self.strength(free)
        if not strength.any():
            return model
        value, gradient = self.value(beta, free), self.gradient(beta, free)
        if isinstance(model, Triangle):
            upper = triangle(np.diag(np.sqrt(strength)))
            return model + Triangle(value, gradient, upper, 0.0)
        assert isinstance(model, Gram)
        return model + Gram(value, gradient, np.diag(strength), 0.0)


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


PENALTIES: dict[str, type[Penalty]] = {"ridge": Ridge, "unpenalised": Unpenalised}
