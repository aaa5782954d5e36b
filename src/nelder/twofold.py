"""Sums of many terms that nearly cancel, to some twenty bits more than a double holds, in plain matrix products.

A matrix is cut at a bit, so that BLAS multiplies and sums the leading parts without any rounding at all; the rest is
small, and so is what rounding does to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.linalg import Array, powers_of_two


@dataclass(frozen=True)
class Twofold:
    """An array as a leading part and a rest further down, not yet added, so that what cancels keeps its digits."""

    lead: Array
    rest: Array

    def __add__(self, other: Twofold) -> Twofold:
        total = two_sum(self.lead, other.lead)
        return two_sum(total.lead, total.rest + self.rest + other.rest)

    def times(self, weight: Array) -> Twofold:
        """Each row times its weight (n,)."""
        scale = weight if self.lead.ndim == 1 else weight[:, None]
        return Twofold(scale * self.lead, scale * self.rest)

    @property
    def rounded(self) -> Array:
        """The sum, rounded once."""
        return self.lead + self.rest


def two_sum(a: Array, b: Array) -> Twofold:
    """a + b, and what rounding takes from it (Knuth 1969)."""
    lead = a + b
    back = lead - a
    return Twofold(lead, (a - (lead - back)) + (b - back))


def twofold(values: Array) -> Twofold:
    """Numbers as they are."""
    return Twofold(values, np.zeros_like(values))


def leading(values: Array, bits: int) -> Array:
    """values (n,) or (n, k) rounded to a grid of so many bits below the largest entry of their column.

    Products of two such arrays add up without any rounding, in whatever order BLAS takes them (Rump, Ogita & Oishi
    2008; Ozaki et al. 2012).
    """
    grid = 1.5 * 2.0 ** (53 - bits) / powers_of_two(np.abs(values).max(axis=0, initial=0.0))
    return (values + grid) - grid


def exact_bits(terms: int) -> int:
    """How many bits two factors may have for the sum of so many products to be exact."""
    return (53 - max(terms - 1, 1).bit_length()) // 2
