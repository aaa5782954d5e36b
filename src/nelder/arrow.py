"""Symmetric matrices that are a diagonal with a border: the information of a factor of very many levels.

No two levels of a factor share a row, so that their block of X'WX is diagonal. What is left when it is eliminated, the
Schur complement, is as small as the other columns are few (Golub & Van Loan 2013, section 4.2): neither time nor memory
grows with the square of the levels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError
from nelder.lazy import lazy
from nelder.linalg import Array, Factored, cholesky
from nelder.sparse import refuse_wide, too_wide

LONG = 500  # levels from which a factor is eliminated: fewer are as quick in full


@dataclass(frozen=True)
class Layout:
    """Which of the p columns are those of the long factor (k,), and which are the others (q,)."""

    long: NDArray[np.integer]
    short: NDArray[np.integer]

    @classmethod
    def of(cls, long: NDArray[np.integer], p: int) -> Layout:
        """The layout of p columns of which these are long."""
        others = np.ones(p, dtype=bool)
        others[long] = False
        return cls(long, np.flatnonzero(others))

    def joined(self, long: Array, short: Array) -> Array:
        """Numbers (k, …) and (q, …) in the places of their columns (p, …)."""
        whole = np.empty((len(self.long) + len(self.short), *long.shape[1:]))
        whole[self.long], whole[self.short] = long, short
        return whole


@dataclass(frozen=True)
class Arrow:
    """A symmetric matrix (p, p): `levels` (k,), the diagonal of the long factor's block, `border` (k, q), the rest of
    these rows, and `corner` (q, q), what is left. `+` and a factor work as for arrays.
    """

    layout: Layout
    levels: Array
    border: Array
    corner: Array

    def __add__(self, other: Arrow) -> Arrow:
        return replace(
            self,
            levels=self.levels + other.levels,
            border=self.border + other.border,
            corner=self.corner + other.corner,
        )

    def __rmul__(self, factor: float) -> Arrow:
        return replace(self, levels=factor * self.levels, border=factor * self.border, corner=factor * self.corner)

    def diagonal(self) -> Array:
        """The diagonal (p,)."""
        return self.layout.joined(self.levels, self.corner.diagonal())

    def times(self, vector: Array) -> Array:
        """The matrix times a vector (p,)."""
        long, short = vector[self.layout.long], vector[self.layout.short]
        return self.layout.joined(self.levels * long + self.border @ short, self.border.T @ long + self.corner @ short)

    def with_diagonal(self, added: Array) -> Arrow:
        """The matrix with numbers (p,) added to its diagonal."""
        corner = self.corner + np.diag(added[self.layout.short])
        return replace(self, levels=self.levels + added[self.layout.long], corner=corner)

    def dense(self) -> Array:
        """The matrix in full. Raises CapabilityError where it has too many columns for that."""
        long, short = self.layout.long, self.layout.short
        p = len(long) + len(short)
        if too_wide(p):
            raise refuse_wide("this", p, p)
        whole = np.zeros((p, p))
        whole[long, long] = self.levels
        whole[np.ix_(long, short)], whole[np.ix_(short, long)] = self.border, self.border.T
        whole[np.ix_(short, short)] = self.corner
        return whole

    def factored(self) -> ArrowFactored | None:
        """Its factor, or None where it is not positive definite."""
        if not (np.isfinite(self.levels).all() and (self.levels > 0).all()):
            return None
        complement = self.complement()
        rest = cholesky(complement)
        if rest is None:
            return None
        lost = float(np.max(self.corner.diagonal() / complement.diagonal(), initial=1.0))
        return ArrowFactored(self.layout, self.levels, self.border / self.levels[:, None], rest, lost)

    def complement(self) -> Array:
        """C − B'D⁻¹B (q, q), the Schur complement of the levels."""
        complement = self.corner - self.border.T @ (self.border / self.levels[:, None])
        return (complement + complement.T) / 2


@dataclass(frozen=True)
class ArrowFactored:
    """The Cholesky factor of an `Arrow`, its long block first: D, F = D⁻¹B (k, q), and the factor of S = C − B'F.

    Subtracting B'F from C has `lost` so much of a diagonal entry, which the condition counts too.
    """

    layout: Layout
    levels: Array
    share: Array
    rest: Factored
    lost: float

    @property
    def condition(self) -> float:
        """How much of a solution rounding may take: that of S, and what S lost."""
        return self.rest.condition * self.lost

    def solve(self, right: Array) -> Array:
        """A⁻¹ right, for right (p,) or (p, m)."""
        long, short = right[self.layout.long], right[self.layout.short]
        solved = self.rest.solve(short - self.share.T @ long)
        return self.layout.joined(self._over(long, self.levels) - self.share @ solved, solved)

    def half_solve(self, right: Array) -> Array:
        """U'⁻¹ right, whose squared length is right' A⁻¹ right."""
        long, short = right[self.layout.long], right[self.layout.short]
        rest = self.rest.half_solve(short - self.share.T @ long)
        return self.layout.joined(self._over(long, np.sqrt(self.levels)), rest)

    def spread(self, right: Array) -> Array:
        """U⁻¹ right, for right (p, m): columns of standard normal numbers become ones with covariance A⁻¹.

        Raises CapabilityError for as many columns as rows, where these are too many.
        """
        if too_wide(len(right)) and right.shape[1] >= len(right):
            raise refuse_wide("this", *right.shape)
        long, short = right[self.layout.long], right[self.layout.short]
        rest = self.rest.spread(short)
        return self.layout.joined(self._over(long, np.sqrt(self.levels)) - self.share @ rest, rest)

    @lazy
    def _turned(self) -> tuple[Array, Array]:
        """S⁻¹ (q, q), and F S⁻¹ (k, q)."""
        inner = self.rest.inverse()
        return inner, self.share @ inner

    def inverse(self) -> Array:
        """A⁻¹ (p, p), exactly symmetric. Raises CapabilityError where it has too many columns to be made."""
        inner, turned = self._turned
        whole = Arrow(self.layout, 1.0 / self.levels, -turned, inner).dense()
        across = turned @ self.share.T
        whole[np.ix_(self.layout.long, self.layout.long)] += (across + across.T) / 2
        return whole

    def inverse_diagonal(self) -> Array:
        """The diagonal of A⁻¹ (p,)."""
        inner, turned = self._turned
        return self.layout.joined(1.0 / self.levels + np.einsum("kq,kq->k", turned, self.share), inner.diagonal())

    @staticmethod
    def _over(values: Array, levels: Array) -> Array:
        return values / (levels if values.ndim == 1 else levels[:, None])


Matrix = Array | Arrow


@dataclass(frozen=True)
class Variances:
    """The diagonal (p,) of a covariance of too many columns to be made in full."""

    values: Array

    def diagonal(self) -> Array:
        """The variances (p,), as `numpy.ndarray.diagonal` has them of a covariance."""
        return self.values


def in_full(covariance: Array | Variances) -> Array:
    """A covariance as a matrix (p, p). Raises CapabilityError where it was too large to make."""
    if not isinstance(covariance, Variances):
        return covariance
    p = len(covariance.values)
    raise CapabilityError(
        f"the covariance of {p} coefficients, {8e-9 * p**2:.1f} GB, is not made, and this needs it: fit.se and "
        "fit.table() have the standard error of each; for more, use fewer levels"
    )


def plus(matrix: Any, other: Any) -> Matrix:
    """The sum of two matrices of one kind."""
    total: Matrix = matrix + other
    return total


def full(matrix: Matrix) -> Array:
    """A matrix (p, p) in full. Raises CapabilityError for one of too many columns."""
    return matrix.dense() if isinstance(matrix, Arrow) else matrix


def factor(matrix: Matrix) -> Factored | ArrowFactored | None:
    """The Cholesky factor of a matrix of either kind; None where it is not positive definite."""
    return matrix.factored() if isinstance(matrix, Arrow) else cholesky(matrix)
