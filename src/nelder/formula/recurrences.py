"""Orthogonal polynomials of a column, by the three terms of their recurrence (Stieltjes; Gautschi 2004, section 1.3):

    P₀ = 1,   P₁ = x − α₀,   Pₖ₊₁ = (x − αₖ) Pₖ − βₖ Pₖ₋₁,   αₖ = Σ x Pₖ² / Σ Pₖ²,   βₖ = Σ Pₖ² / Σ Pₖ₋₁²

Each round asks for two sums, without rounding of what is added: what is learned has the same digits however a column
was cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nelder.formula.digests import exact_total, rounded
from nelder.formula.questions import Question
from nelder.linalg import Array


@dataclass(frozen=True)
class Squares:
    """Σ Pₖ² and Σ x Pₖ² of some values, and whether any of these numbers is not finite."""

    plain: Fraction
    moved: Fraction
    odd: bool

    @classmethod
    def of(cls, values: Array, polynomial: Array) -> Squares:
        """Those of values (n,) at which the polynomial is known (n,)."""
        squares = polynomial**2
        moved = values * squares
        finite = np.isfinite(moved) & np.isfinite(squares)
        return cls(exact_total(squares[finite]), exact_total(moved[finite]), not finite.all())

    def __add__(self, other: Squares) -> Squares:
        return Squares(self.plain + other.plain, self.moved + other.moved, self.odd or other.odd)


@dataclass(frozen=True)
class Recurrence(Question):
    """Polynomials up to a degree: what is known of `alpha` and of `norms`, the sums Σ Pₖ²."""

    degree: int
    alpha: tuple[float, ...] = ()
    norms: tuple[float, ...] = ()

    @property
    def open(self) -> bool:
        return len(self.norms) <= self.degree

    def answer(self, values: Array) -> Squares:
        with np.errstate(all="ignore"):  # numbers out of range show in the answer
            return Squares.of(values, self.columns(values)[-1])

    def told(self, answer: Squares) -> Recurrence:
        alpha = math.nan if answer.odd or not answer.plain else rounded(answer.moved / answer.plain)
        norm = math.nan if answer.odd else rounded(answer.plain)
        return Recurrence(self.degree, (*self.alpha, alpha), (*self.norms, norm))

    def columns(self, values: Array) -> list[Array]:
        """P₀, P₁, … at values (n,), as far as they are known."""
        found = [np.ones(len(values))]
        for k, alpha in enumerate(self.alpha[: self.degree]):
            ahead = (values - alpha) * found[-1]
            if k:
                ahead -= self.norms[k] / self.norms[k - 1] * found[-2]
            found.append(ahead)
        return found
