"""Which linear functions of the coefficients the data can tell, where columns are aliased or the data separate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.fit import Fit
from nelder.linalg import Array, independent_columns
from nelder.ranks import rank_of_rows

ROUNDING = 1e-11  # of the largest share of a combination, on unit columns
PATTERN = 1e-7  # how far a row may be from the pattern of the aliased columns, beside the size of its terms


@dataclass(frozen=True)
class Aliases:
    """Columns that some rows cannot tell from others: `kept` can be told, and `combination` (p, p) writes the rest in
    terms of them.
    """

    kept: NDArray[np.integer]
    combination: Array

    def broken_by(self, X: Array) -> NDArray[np.bool_]:
        """Which rows of X (n, p) break the pattern, so that x'β cannot be told: estimable are those with x'β the same
        for every solution of the normal equations (Searle 1971, section 5.4).
        """
        rest = np.setdiff1d(np.arange(X.shape[1]), self.kept)
        off = X @ self.combination[:, rest] - X[:, rest]
        size = np.abs(X) @ np.abs(self.combination[:, rest]) + np.abs(X[:, rest])
        return np.asarray((np.abs(off) > PATTERN * size).any(axis=1))


def aliases_of(fit: Fit) -> Aliases | None:
    """The pattern of a fit's aliased columns, or None, without the shares that are rounding: a cell that is empty has
    none of the intercept, and 1e-16 of it would break the pattern of every other row.
    """
    if fit.combination is None:
        return None
    kept, shares = np.flatnonzero(~fit.aliased), fit.combination
    size = np.ones(len(shares))
    if fit.objective is not None:
        upper = rank_of_rows(fit.objective)
        size = np.linalg.norm(upper @ (shares[kept] + np.eye(len(shares))[kept]), axis=0)
    unit = np.abs(shares) * size[:, None] / np.where(size > 0, size, 1.0)
    return Aliases(kept, np.where(unit < ROUNDING * unit.max(axis=0, initial=0.0), 0.0, shares))


def settled_by(fit: Fit) -> Aliases | None:
    """What the rows with finite means cannot tell of the k columns; None where all rows have one.

    Raises DataError for a fit whose optimum is not finite, loaded without the rows that would say.
    """
    if fit.limit is None:
        return None
    objective, point = fit.rows_of_data("a mean of a fit whose optimum is not finite"), fit.point
    limits = np.concatenate([np.isinf(block.eta(point)) for block in objective.design.handles])
    if limits.all():
        none = np.zeros((objective.design.p, objective.design.p))
        return Aliases(np.zeros(0, dtype=np.intp), none)
    kept, combination = independent_columns(rank_of_rows(objective.without(np.flatnonzero(limits))))
    return Aliases(np.flatnonzero(kept), np.where(np.abs(combination) < ROUNDING, 0.0, combination))
