"""What transforms that need no whole column learn from: sums and extremes, which those of parts of a column add up to.

The sums are exact, so that it does not matter how a column was cut, in which order its parts came, or who read them:
what is learned has the same digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add

import numpy as np

from nelder.formula.questions import Question
from nelder.linalg import Array

STRETCH = 1 << 14  # values that are added at once
SPLIT = 2.0**27 + 1  # cuts a double into halves whose products are exact (Veltkamp 1968)
FAR = 2.0**400  # beyond this, or below its inverse, squares and what they lose may not be doubles


@dataclass(frozen=True)
class Digest:
    """The number of some values, Σ x and Σ x², both exact and of the finite ones, the extremes, and the sum of those
    that are not finite; and a question beside them that all of a column has answered, which sums do not have.
    """

    count: int = 0
    total: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)
    low: float = math.inf
    high: float = -math.inf
    odd: float = 0.0
    question: Question | None = None

    @classmethod
    def of(cls, values: Array) -> Digest:
        """That of values (n,)."""
        finite = np.isfinite(values)
        whole = bool(finite.all())
        sums = list(sums_of(values if whole else values[finite]))
        return cls(
            len(values),
            reduce(add, (total for total, _ in sums), Fraction(0)),
            reduce(add, (squares for _, squares in sums), Fraction(0)),
            float(np.fmin.reduce(values, initial=math.inf)),
            float(np.fmax.reduce(values, initial=-math.inf)),
            0.0 if whole else float(np.sum(values[~finite])),
        )

    def __add__(self, other: Digest) -> Digest:
        return Digest(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            min(self.low, other.low),
            max(self.high, other.high),
            self.odd + other.odd,
        )

    @property
    def ends(self) -> Array:
        """The extremes (2,), nan where there are none."""
        return np.array([self.low, self.high]) if self.low <= self.high else np.full(2, np.nan)

    @property
    def mean(self) -> float:
        """The mean, rounded once."""
        return self.odd if self.odd else float(self.total / self.count)

    def spread(self, center: float | None, ddof: float) -> float:
        """√(Σ (x − c)² / (n − ddof)), about the exact mean where `center` is None; nan where n ≤ ddof."""
        c = self.total / self.count if center is None else Fraction(center)
        degrees = self.count - Fraction(ddof)
        if self.odd or degrees <= 0:
            return math.nan
        return root((self.squares - 2 * c * self.total + self.count * c * c) / degrees)


def root(square: Fraction) -> float:
    """Its square root, also where it is itself beyond a double."""
    shift = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(square / Fraction(4) ** shift), shift)


def sums_of(values: Array) -> Iterator[tuple[Fraction, Fraction]]:
    """Σ x and Σ x² of stretches of finite values (n,), without rounding."""
    for start in range(0, len(values), STRETCH):
        x = values[start : start + STRETCH]
        size = np.abs(x)
        usual = ((size > 1 / FAR) & (size < FAR)) | (size == 0)
        if not usual.all():  # one by one, as their squares are beyond doubles
            few = [Fraction(value) for value in x[~usual].tolist()]
            yield sum(few, Fraction(0)), sum((value * value for value in few), Fraction(0))
            x = x[usual]
        t = SPLIT * x
        high = t - (t - x)
        low = x - high
        square = x * x
        rounded = ((high * high - square) + 2 * high * low) + low * low  # what is lost to x * x (Dekker 1971)
        yield exact_sum(x), exact_sum(square) + exact_sum(rounded)


def exact_sum(values: Array) -> Fraction:
    """The sum of up to STRETCH values without rounding: their leading bits, which add up exactly, and then those below
    (Rump, Ogita and Oishi 2008).
    """
    total, rest = Fraction(0), values
    while largest := float(np.abs(rest).max(initial=0.0)):
        sigma = math.ldexp(2.0 * STRETCH, math.frexp(largest)[1])
        leading = (rest + sigma) - sigma
        total += Fraction(float(leading.sum()))
        rest = rest - leading
    return total


def exact_total(values: Array) -> Fraction:
    """The sum of any number of finite values without rounding."""
    total = Fraction(0)
    for start in range(0, len(values), STRETCH):
        x = values[start : start + STRETCH]
        near = np.abs(x) < FAR
        total += exact_sum(x) if near.all() else exact_sum(x[near]) + sum(map(Fraction, x[~near].tolist()), Fraction(0))
    return total


def rounded(exact: Fraction) -> float:
    """The nearest double; infinite beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)
