"""How far rows reach, x'A⁻¹x with the information A: what leverages are made of."""

from __future__ import annotations

import numpy as np

from nelder.arrow import ArrowFactored
from nelder.design import Block
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.quadratic import Factor


def eliminated(fit: Fit) -> ArrowFactored | None:
    """The factor of the information where the design has a long factor, which it eliminates; None where it has none, or
    the optimum is not finite or not inside its domain.
    """
    objective = fit.rows_of_data("the information")
    if objective.design.long is None or fit.limit is not None or fit.at_edge:
        return None
    factored = fit.information_factor
    return factored if isinstance(factored, ArrowFactored) else None


def reach(rows: Block, factored: Factor) -> Array:
    """x'A⁻¹x (n,) of some rows: the squared length of U'⁻¹x, for the factor U'U of A (p, p).

    Of a long factor a row has one level: U'⁻¹x holds one number for it and else only those of the other columns, so
    that the time of a row does not grow with the levels.
    """
    if not isinstance(factored, ArrowFactored) or rows.long is None:
        half = factored.half_solve(rows.dense().T)
        return np.einsum("ji,ji->i", half, half)
    coding, codes = rows.long.coding, rows.long.codes
    others = rows.select(factored.layout.short).dense() - coding.spread(factored.share)[codes]
    half = factored.rest.half_solve(others.T)
    return coding.spread(1.0 / factored.levels)[codes] + np.einsum("ji,ji->i", half, half)
