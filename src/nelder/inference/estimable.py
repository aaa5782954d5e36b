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
    """Columns that some rows cannot tell from others: x = x `pattern` (p, p) for each of those rows x, as it has the
    unit vectors of the columns that can be told, and writes the rest in terms of them.
    """

    pattern: Array

    def broken_by(self, X: Array) -> NDArray[np.bool_]:
        """Which rows of X (n, p) break the pattern, so that x'β cannot be told: estimable are those with x'β the same
        for every solution of the normal equations (Searle 1971, section 5.4).
        """
        off = X @ self.pattern - X
        size = np.abs(X) @ np.abs(self.pattern) + np.abs(X)
        return np.asarray((np.abs(off) > PATTERN * size).any(axis=1))


def aliases_of(fit: Fit) -> Aliases | None:
    """The pattern of a fit's aliased columns, or None; of a fit that was loaded, as it was saved."""
    if fit.combination is None:
        return None
    shares, told = fit.combination, np.diag(1.0 - fit.aliased)
    if fit.objective is None:
        return Aliases(shares + told)
    upper = rank_of_rows(fit.objective)
    size = np.linalg.norm(upper @ (shares + told)[~fit.aliased], axis=0)
    return Aliases(without_rounding(shares, size) + told)


def settled_by(fit: Fit) -> Aliases | None:
    """What the rows with finite means cannot tell of the k columns; None where all rows have one.

    Raises DataError for a fit whose optimum is not finite, loaded from a file that does not say.
    """
    if fit.limit is None:
        return None
    if fit.limit.settled is not None:
        return Aliases(fit.limit.settled)
    objective, point = fit.rows_of_data("a mean of a fit whose optimum is not finite"), fit.point
    limits = np.concatenate([np.isinf(block.eta(point)) for block in objective.design.handles])
    if limits.all():
        return Aliases(np.zeros((objective.design.p, objective.design.p)))
    upper = rank_of_rows(objective.without(np.flatnonzero(limits)))
    kept, shares = independent_columns(upper)
    return Aliases(without_rounding(shares, np.linalg.norm(upper, axis=0)) + np.diag(kept))


def without_rounding(shares: Array, size: Array) -> Array:
    """Shares (p, p) of columns of some size (p,) in others, without those that are rounding: a cell that is empty has
    none of the intercept, and 1e-16 of it would break the pattern of every other row.
    """
    unit = np.abs(shares) * size[:, None] / np.where(size > 0, size, 1.0)
    return np.where(unit < ROUNDING * unit.max(axis=0, initial=0.0), 0.0, shares)
