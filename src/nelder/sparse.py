"""Columns that are mostly zero, as SciPy keeps them: rows of column numbers and values.

Up to `WIDE` columns they can do all that dense ones can. Beyond it nothing is ever made that is p × p, or dense with a
row for each row of the data; what needs such a matrix says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, DataError, InputTypeError
from nelder.linalg import Array, all_finite, powers_of_two
from nelder.parts import Coded, Codes, Dense, Part
from nelder.twofold import Twofold, exact_bits, leading

WIDE = 5_000  # columns beyond which X'WX is not made: it would take 200 MB, and several of them are held at once
DENSE = 2**24  # numbers of so wide a matrix that may be made dense: 128 MB


def refuse_wide(what: str, rows: int, p: int) -> CapabilityError:
    """The error for what would need a matrix of p columns in full."""
    return CapabilityError(
        f"{what} needs a matrix of {rows} by {p} numbers, {8e-9 * rows * p:.1f} GB, and several of its size: "
        f"designs of more than {WIDE} columns make none; use fewer columns"
    )


def too_wide(p: int) -> bool:
    """Whether p columns are too many for a matrix of them with one another."""
    return p > WIDE


def is_sparse(values: object) -> bool:
    """Whether this is one of SciPy's sparse matrices or arrays; asked without importing SciPy."""
    return type(values).__module__.startswith("scipy.sparse") and hasattr(values, "tocsr")


def compressed(values: Any, argument: str) -> Any:
    """A sparse matrix or array of any format as float64 rows, without duplicates; not copied where it is that already.

    Raises InputTypeError for numbers that are not real, DataError for another shape than (n, p) and, naming row and
    column, for nan and infinities.
    """
    from scipy import sparse

    if values.dtype.kind not in "biuf":
        raise InputTypeError(f"{argument} holds values of type {values.dtype}, and must be numeric")
    if values.ndim != 2:
        raise DataError(f"{argument} has shape {values.shape}; a sparse design has two dimensions, rows and columns")
    # as doubles before any format of SciPy's sums duplicates, in which bytes overflow and truth values saturate
    X = sparse.csr_array(values.astype(np.float64, copy=False))
    if not X.has_canonical_format:
        X = X.copy()  # it may share indices with the caller's matrix though it has numbers of its own
        X.sum_duplicates()
    if not all_finite(X.data):
        first = int(np.flatnonzero(~np.isfinite(X.data))[0])
        row = int(np.searchsorted(X.indptr, first, side="right")) - 1
        place = f"row {row}, column {int(X.indices[first])}"
        raise DataError(f"{argument} has {X.data[first]:g} at {place}: remove or correct such rows")
    return X


@dataclass(frozen=True)
class Sparse(Part):
    """X (n, k) in compressed rows: a `scipy.sparse.csr_array` without duplicates."""

    X: Any
    by_column = False

    @property
    def wide(self) -> bool:
        """Whether there are too many columns for a matrix of them with one another."""
        return too_wide(self.X.shape[1])

    @property
    def width(self) -> int:
        return int(np.diff(self.X.indptr).max(initial=0))

    def with_values(self, values: Array) -> Any:
        """X with other values (nnz,) in the same places."""
        from scipy import sparse

        return sparse.csr_array((values, self.X.indices, self.X.indptr), shape=self.X.shape)

    def weighted(self, weight: Array) -> Any:
        """Rows times weight (n,)."""
        return self.with_values(self.X.data * np.repeat(weight, np.diff(self.X.indptr)))

    def times(self, beta: Array) -> Array:
        return np.asarray(self.X @ beta)

    def magnitude(self, beta: Array) -> Array:
        return np.asarray(abs(self.X) @ np.abs(beta))

    def transpose_times(self, values: Array) -> Array:
        return np.asarray(self.X.T @ values)

    def squares(self, weight: Array) -> Array:
        return np.asarray(self.with_values(self.X.data**2).T @ weight)

    def fine_times(self, beta: Array) -> Twofold:
        bits = exact_bits(max(self.X.shape))
        lead, rest = self.cut(bits)
        scale = powers_of_two(self.sizes())
        scale = scale if beta.ndim == 1 else scale[:, None]
        first = scale * leading(beta / scale, bits)
        return Twofold(lead @ first, lead @ (beta - first) + rest @ beta)

    def fine_transpose_times(self, values: Twofold) -> Twofold:
        bits = exact_bits(max(self.X.shape))
        lead, rest = self.cut(bits)
        first = leading(values.lead, bits)
        return Twofold(lead.T @ first, lead.T @ (values.lead - first + values.rest) + rest.T @ values.lead)

    def sizes(self) -> Array:
        """The largest absolute value of each column (k,)."""
        sizes = np.zeros(self.X.shape[1])
        np.maximum.at(sizes, self.X.indices, np.abs(self.X.data))
        return sizes

    def cut(self, bits: int) -> tuple[Any, Any]:
        """X as a part of so many leading bits a column, and the rest; see `twofold.leading`."""
        grid = (1.5 * 2.0 ** (53 - bits) / powers_of_two(self.sizes()))[self.X.indices]
        lead = (self.X.data + grid) - grid
        return self.with_values(lead), self.with_values(self.X.data - lead)

    def cross(self, other: Part, weight: Array) -> Array:
        if self.wide:
            raise refuse_wide("this", self.X.shape[1], self.X.shape[1])
        if other is self and weight.min(initial=0.0) >= 0:
            rooted = self.weighted(np.sqrt(weight))  # products of the same pairs in the same order: symmetric
            return np.asarray((rooted.T @ rooted).toarray())
        if isinstance(other, Sparse):
            return np.asarray((self.X.T @ other.weighted(weight)).toarray())
        if isinstance(other, Coded):
            from scipy import sparse

            shape = (len(weight), other.coding.levels)
            marks = sparse.csr_array((other.scaled(weight), other.codes, np.arange(len(weight) + 1)), shape=shape)
            return other.coding.gather((marks.T @ self.X).toarray()).T
        assert isinstance(other, Dense)
        return self.transpose_times(weight[:, None] * other.X)

    def dense(self) -> Array:
        self.refuse_filling()
        return np.asarray(self.X.toarray())

    def refuse_filling(self) -> None:
        """Raise CapabilityError where making it dense would take too much memory."""
        if self.wide and self.X.shape[0] * self.X.shape[1] > DENSE:
            raise refuse_wide("this", *self.X.shape)

    def column(self, place: int) -> Array:
        column = np.zeros(self.X.shape[0])
        found = np.flatnonzero(self.X.indices == place)
        column[np.searchsorted(self.X.indptr, found, side="right") - 1] = self.X.data[found]
        return column

    def rows(self, chosen: slice | Codes) -> Sparse:
        if not isinstance(chosen, slice) or chosen.step not in (None, 1):
            return replace(self, X=self.X[chosen])
        from scipy import sparse

        start, stop, _ = chosen.indices(self.X.shape[0])
        places = self.X.indptr[start : max(start, stop) + 1]
        inside = slice(places[0], places[-1])  # no copy
        shape = (len(places) - 1, self.X.shape[1])
        X = sparse.csr_array((self.X.data[inside], self.X.indices[inside], places - places[0]), shape=shape)
        return replace(self, X=X)

    def select(self, chosen: NDArray[np.integer], columns: NDArray[np.integer]) -> Sparse:
        return Sparse(columns, self.X[:, chosen])

    def stacked(self, others: Sequence[Sparse]) -> Sparse:
        from scipy import sparse

        return replace(self, X=sparse.csr_array(sparse.vstack([self.X, *(other.X for other in others)])))
