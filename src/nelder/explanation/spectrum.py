"""How fast gradient descent can go: the eigenvalues of the information at the optimum, in it and in better units.

Near the optimum an error along an eigenvector of λ is multiplied by 1 − rate · λ in every epoch. So no rate above
2/λmax converges; 2/(λmin + λmax) shrinks the slowest error fastest, by (κ − 1)/(κ + 1) an epoch, with the condition
number κ = λmax/λmin (Polyak 1987, section 1.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram
from nelder.solvers import Newton, Tolerance, solve
from nelder.solvers.newton import best_model

WIDEST = 1_000  # columns: eigenvalues of more take long
NUMBERS = 4_000_000  # of the design: of one with more, a sample gives the eigenvalues


@dataclass(frozen=True)
class Spectrum:
    """`least` and `largest` eigenvalue of the information at the optimum, and its condition number with `standardised`
    columns: centred, where there is an intercept, and of unit variance.
    """

    least: float
    largest: float
    standardised: float

    @property
    def condition(self) -> float:
        """λmax / λmin."""
        return self.largest / self.least if self.least > 0 else math.inf

    @property
    def limit(self) -> float:
        """The rate above which no descent converges."""
        return 2.0 / self.largest

    @property
    def best_rate(self) -> float:
        """The fixed rate of the fastest descent."""
        return 2.0 / (self.least + self.largest)

    def contraction(self, rate: float) -> float:
        """By what the distance from the optimum is multiplied in an epoch, in the end: 1 or more does not converge."""
        return max(abs(1.0 - rate * self.least), abs(1.0 - rate * self.largest))


def epochs_needed(distance: float, contraction: float) -> float:
    """Epochs from a distance in standard errors until the solver would stop; infinite where that does not shrink."""
    if not (0.0 <= contraction < 1.0 and math.isfinite(distance)):
        return math.inf
    far = math.log(max(distance / Tolerance().errors, 1.0))
    return math.ceil(far / -math.log(contraction)) if contraction > 0 else 1.0


def spectrum_of(objective: Objective) -> Spectrum | None:
    """That of an objective at its optimum, which Newton's method finds; None for designs too wide for a matrix."""
    rows, p = objective.design.rows, objective.design.p
    if p > WIDEST or objective.design.wide:
        return None
    few = objective.sampled(NUMBERS // p) if rows * p > NUMBERS else objective
    with np.errstate(all="ignore"):
        beta = solve(few, Newton()).step.beta
        model = best_model(few, beta, observed=True, form=Gram)
        information = model.information * (rows / few.design.rows)
    if not np.isfinite(information).all():
        return None
    sizes = np.linalg.eigvalsh(information)
    better = np.linalg.eigvalsh(standardised(information, objective.design.constant))
    return Spectrum(max(float(sizes[0]), 0.0), float(sizes[-1]), float(better[-1] / max(better[0], 1e-300)))


def standardised(information: Array, constant: Array) -> Array:
    """X'WX (p, p) of centred columns of unit variance, by the weighted means and variances that it holds itself."""
    at = np.flatnonzero(constant)[:1]
    turned = information.copy()
    if len(at):
        k = int(at[0])
        share = turned[k] / turned[k, k]
        share[k] = 0.0
        move = np.eye(len(turned)) - np.outer(np.arange(len(turned)) == k, share)  # x − m · 1, column by column
        turned = move.T @ turned @ move
    length = np.sqrt(np.maximum(np.diagonal(turned), 1e-300))
    return turned / length / length[:, None]
