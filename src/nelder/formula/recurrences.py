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

FEW = 1_000  # values that mostly show whether there are more distinct ones than a degree


@dataclass(frozen=True)
class Distinct:
    """The distinct ones of some values, while they are no more than `most`; None if they are more."""

    most: int
    values: frozenset[float] | None

    @classmethod
    def of(cls, values: Array, most: int) -> Distinct:
        """Those of values (n,), of which a few are looked at first."""
        for some in (values[:FEW], values):
            found = np.unique(some)
            if len(found) > most:
                return cls(most, None)
        return cls(most, frozenset(found.tolist()))

    def __add__(self, other: Distinct) -> Distinct:
        if self.values is None or other.values is None:
            return Distinct(self.most, None)
        both = self.values | other.values
        return Distinct(self.most, both if len(both) <= self.most else None)


@dataclass(frozen=True)
class Squares:
    """Σ Pₖ² and Σ x Pₖ² of some values, whether any of these numbers is not finite, and the distinct values."""

    plain: Fraction
    moved: Fraction
    odd: bool
    distinct: Distinct

    @classmethod
    def of(cls, values: Array, polynomial: Array, distinct: Distinct) -> Squares:
        """Those of values (n,) at which the polynomial is known (n,)."""
        squares = polynomial**2
        moved = values * squares
        finite = np.isfinite(moved) & np.isfinite(squares)
        return cls(exact_total(squares[finite]), exact_total(moved[finite]), not finite.all(), distinct)

    def __add__(self, other: Squares) -> Squares:
        odd, distinct = self.odd or other.odd, self.distinct + other.distinct
        return Squares(self.plain + other.plain, self.moved + other.moved, odd, distinct)


@dataclass(frozen=True)
class Recurrence(Question):
    """Polynomials up to a degree: what is known of `alpha` and of `norms`, the sums Σ Pₖ²; and whether distinct values
    are too few.
    """

    degree: int
    alpha: tuple[float, ...] = ()
    norms: tuple[float, ...] = ()
    too_few: bool = False

    @property
    def open(self) -> bool:
        known = all(math.isfinite(alpha) for alpha in self.alpha) and all(self.norms)
        return len(self.norms) <= self.degree and known and not self.too_few

    def answer(self, values: Array) -> Squares:
        distinct = Distinct(0, None) if self.norms else Distinct.of(values, self.degree)  # in the first round
        with np.errstate(all="ignore"):  # numbers out of range show in the answer
            return Squares.of(values, self.columns(values)[-1], distinct)

    def told(self, answer: Squares) -> Recurrence:
        alpha = math.nan if answer.odd or not answer.plain else rounded(answer.moved / answer.plain)
        norm = math.nan if answer.odd else rounded(answer.plain)
        too_few = answer.distinct.values is not None
        return Recurrence(self.degree, (*self.alpha, alpha), (*self.norms, norm), too_few)

    def columns(self, values: Array) -> list[Array]:
        """P₀, P₁, … at values (n,), as far as they are known."""
        found = [np.ones(len(values))]
        for k, alpha in enumerate(self.alpha[: self.degree]):
            ahead = (values - alpha) * found[-1]
            if k:
                ahead -= self.norms[k] / self.norms[k - 1] * found[-2]
            found.append(ahead)
        return found
