"""The inverse information at the end of a fit, and words where it leaves the range of numbers."""

from __future__ import annotations

import numpy as np

from nelder.arrow import Variances
from nelder.errors import DataError
from nelder.linalg import Array, Factored, cholesky
from nelder.objective import Objective
from nelder.quadratic import Quadratic, Triangle

TINY = float(np.finfo(float).tiny)


def inverse(objective: Objective, beta: Array, last: Quadratic) -> Array | Variances:
    """The inverse information (p, p), nan where it is singular; its diagonal where it is too large to be made.

    Raises DataError where it is beyond all numbers.
    """
    p = len(last.gradient)
    if last.factored is None:
        return np.broadcast_to(np.nan, (p, p))  # which takes no memory, whatever p
    if objective.design.vast:
        return Variances(last.factored.inverse_diagonal())
    fine = last.factored if isinstance(last, Triangle) else None
    covariance = last.factored.inverse() if fine is None else by_basis(objective, beta, fine)
    refuse_overflow(covariance, np.zeros_like(covariance))
    return covariance


def by_basis(objective: Objective, beta: Array, factored: Factored) -> Array:
    """The inverse information H⁻¹ = B (B'HB)⁻¹ B' at β, in the basis B of a factor that has lost digits to its
    condition.

    That is an identity, whatever B; and in this one B'HB is nearly the identity, so that nothing is lost again.
    """
    root = root_by_basis(objective, beta, factored)
    return factored.inverse() if root is None else np.asarray(root @ root.T)


def root_by_basis(objective: Objective, beta: Array, factored: Factored) -> Array | None:
    """A (p, p) with A A' the inverse information, by such a basis; None where that is not positive definite."""
    basis = factored.spread(np.eye(len(beta)))
    turned = cholesky(objective.information_in(basis, beta))
    return None if turned is None else basis @ turned.spread(np.eye(len(beta)))


def refuse_overflow(scaled: Array, before: Array) -> None:
    """Raise DataError where a covariance (p, p) is infinite, though it was finite before."""
    if (np.isinf(scaled) & np.isfinite(before)).any():
        raise DataError(
            "the variances of the coefficients leave the range of numbers (beyond 1e±308): give y or the columns of X "
            "in other units"
        )


def refuse_underflow(phi: float, variances: Array) -> None:
    """Raise DataError where a positive φ times a positive variance (p,) is less than numbers can hold: a standard error
    of zero would stand for an estimate without any.
    """
    if phi > 0 and ((phi * variances < TINY) & (variances > 0)).any():
        raise DataError(
            "the variances of the coefficients leave the range of numbers (below 1e-308): give y or the columns of X "
            "in other units"
        )
