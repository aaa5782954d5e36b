"""Orthogonal polynomials of a column, by the three terms of their recurrence (Stieltjes; Gautschi 2004, section 1.3):

    P₀ = 1,   P₁ = x − α₀,   Pₖ₊₁ = (x − αₖ) Pₖ − βₖ Pₖ₋₁,   αₖ = Σ x Pₖ² / Σ Pₖ²,   βₖ = Σ Pₖ² / Σ Pₖ₋₁²

Each round asks for two sums, without rounding of what is added: what is learned has the same digits however a column
was cut.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nelder.formula.digests import exact_total, rounded
from nelder.formula.questions import Question
from nelder.linalg import Array

ROUNDING = 1e-14  # of a number: what may be left of a difference that should be zero
LARGEST = 280.0  # power of ten that sums may have


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
        return len(self.norms) <= self.degree and not self.too_few

    def answer(self, values: Array) -> Squares:
        with np.errstate(all="ignore"):  # numbers out of range show in the answer
            return Squares.of(values, self.columns(values)[-1])

    def told(self, answer: Squares) -> Recurrence:
        alpha = math.nan if answer.odd or not answer.plain else rounded(answer.moved / answer.plain)
        norm = math.nan if answer.odd else rounded(answer.plain)
        return Recurrence(self.degree, (*self.alpha, alpha), (*self.norms, norm))

    @property
    def too_few(self) -> bool:
        """Whether there are no more distinct values than the degree: a polynomial that is zero at each of them has no
        length but that of rounding. Not told where numbers are too large or small for their powers.
        """
        finite = list(itertools.takewhile(math.isfinite, self.norms))
        if len(finite) < 2 or not finite[0]:
            return False
        variance, mean = finite[1] / finite[0], self.alpha[0]
        size = variance or mean * mean or (0.0 if mean else 1.0)
        if not size or abs(math.log10(size)) * self.degree > LARGEST:
            return False
        least = ROUNDING**2 * (mean * mean + variance)
        return any(norm <= least * before for before, norm in itertools.pairwise(finite))

    def columns(self, values: Array) -> list[Array]:
        """P₀, P₁, … at values (n,), as far as they are known."""
        found = [np.ones(len(values))]
        for k, alpha in enumerate(self.alpha[: self.degree]):
            ahead = (values - alpha) * found[-1]
            if k:
                ahead -= self.norms[k] / self.norms[k - 1] * found[-2]
            found.append(ahead)
        return found
