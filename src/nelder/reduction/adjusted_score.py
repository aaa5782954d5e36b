"""The adjusted score X'w(score) + φ A(β) of a `ScoreAdjustment`, in two passes over the rows.

The first gives the score and the information X'WX, the second what needs its inverse: leverages, and for the median the
cubes of x'V_j. Neither keeps anything of the size of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nelder.design import SLICE_ROWS, Block
from nelder.endings.covariances import root_by_basis
from nelder.engines import merge
from nelder.kernels import ROUNDING
from nelder.lazy import lazy
from nelder.linalg import Array, Factored, cholesky, from_triangle, triangle
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.penalties import ScoreAdjustment
from nelder.quadratic import Quadratic, Triangle, full_factor
from nelder.reduction.dispersions import dispersion_at
from nelder.solvers.newton import precise_model

UNSURE = 8.0  # times rounding: what a leverage times a slope may be wrong by, relative to itself


@dataclass(frozen=True)
class AdjustmentSums:
    """Σ x h `of_leverage` (p,), Σ w (x'V_j)³ `of_cube` (p,), and the squared length that rounding may give A, in the
    metric of the information.
    """

    leverages: Array
    cubes: Array
    noise: float

    def __add__(self, other: AdjustmentSums) -> AdjustmentSums:
        return AdjustmentSums(self.leverages + other.leverages, self.cubes + other.cubes, self.noise + other.noise)


@dataclass(frozen=True)
class Recipe:
    """What the second pass needs beside β: loss, adjustment, a root (p, p) of the inverse information, and whether
    terms cancel so that products need more digits.
    """

    loss: Loss
    adjustment: ScoreAdjustment
    root: Array
    fine: bool


def adjustment_kernel(block: Block, beta: Array, recipe: Recipe) -> AdjustmentSums:
    """The sums of one block at β."""
    with np.errstate(all="ignore"):
        return merge([_sums(rows, beta, recipe) for rows in slices(block)])


def slices(block: Block) -> Iterator[Block]:
    """The rows in slices so small that something (rows, p) may be made of each, whatever the parts."""
    for start in range(0, block.n, SLICE_ROWS):
        yield block.rows(slice(start, start + SLICE_ROWS))


def _sums(rows: Block, beta: Array, recipe: Recipe) -> AdjustmentSums:
    loss, p = recipe.loss, rows.p
    mean = Mean(loss.link, eta_of(rows, beta, loss, recipe.fine))
    curvature, variance_slope = mean.curvature, loss.family.log_variance_slope(mean)
    weight = rows.weight * loss.family.expected_weight(mean)
    spread = rows.fine_times(recipe.root).rounded if recipe.fine else times(rows, recipe.root)
    variance = np.einsum("ij,ij->i", spread, spread)
    share = weight * variance * recipe.adjustment.of_leverage(curvature, variance_slope)
    noise = float(np.sum((UNSURE * ROUNDING * share) ** 2 * variance))
    of_cube, cubes = recipe.adjustment.of_cube(curvature, variance_slope), np.zeros(p)
    if of_cube is not None:
        cubes = (weight * of_cube) @ (spread @ recipe.root.T) ** 3
    return AdjustmentSums(rows.transpose_times(share), cubes, noise)


def eta_of(rows: Block, beta: Array, loss: Loss, fine: bool) -> Array:
    """η (n,), rounded only once where `fine` asks for it and the domain allows it."""
    once = rows.fine_eta(beta) if fine else rows.eta(beta)
    return once if not fine or loss.allows(once) else rows.eta(beta)


def times(rows: Block, matrix: Array) -> Array:
    """X matrix (n, k)."""
    total = np.zeros((rows.n, matrix.shape[1]))
    for part in rows.parts:
        total += part.times(matrix[part.columns])
    return total


@dataclass(frozen=True)
class Adjusted:
    """The adjusted score (p,) at β (p,), with the expected model there, φ, and the squared length in the metric of the
    information that rounding alone can give it.
    """

    beta: Array
    score: Array
    model: Quadratic
    factored: Factored = field(repr=False)
    phi: float
    floor: float

    @lazy
    def log_determinant(self) -> float:
        """log |X'WX|."""
        upper, scale = np.diagonal(self.factored.upper), self.factored.scale
        return float(2.0 * np.sum(np.log(np.abs(upper))) - 2.0 * np.sum(np.log(scale)))

    def errors_from(self, beta: Array) -> float:
        """How far β (p,) is from here, in standard errors."""
        along = (self.factored.upper / self.factored.scale) @ (beta - self.beta)
        return float(np.linalg.norm(along) / np.sqrt(max(self.phi, np.finfo(float).tiny)))

    def metric(self, free: NDArray[np.integer]) -> Factored | None:
        """The information of some of the coefficients, factored."""
        if len(free) == len(self.beta):
            return self.factored
        if isinstance(self.model, Triangle):
            return from_triangle(triangle(self.model.upper[:, free]))
        return cholesky(self.model.information[np.ix_(free, free)])


def adjusted(
    objective: Objective, adjustment: ScoreAdjustment, beta: Array, phi: float | None = None
) -> Adjusted | None:
    """The adjusted score at β (p,), at a given φ or at that which goes with β.

    None where β or its information are out of range.
    """
    model = precise_model(objective, beta)
    factored, fine = full_factor(model), isinstance(model, Triangle)
    if factored is None or not np.isfinite(model.value) or not np.isfinite(model.gradient).all():
        return None
    root = root_by_basis(objective, beta, factored) if fine else None
    root = factored.spread(np.eye(len(beta))) if root is None else root
    recipe = Recipe(objective.loss, adjustment, root, fine)
    sums = objective.over_rows(adjustment_kernel, beta, recipe)
    phi = dispersion_at(objective, adjustment, beta, fine) if phi is None else phi
    shift, upper = sums.cubes / np.einsum("ij,ij->i", root, root), factored.upper / factored.scale
    score = phi * (sums.leverages + upper.T @ (upper @ shift)) - model.gradient
    noise = sums.noise + (UNSURE * ROUNDING * np.linalg.norm(np.abs(upper) @ np.abs(shift))) ** 2
    floor = float(model.noise + np.square(phi) * noise)
    if not (np.isfinite(score).all() and np.isfinite(floor)):
        return None
    return Adjusted(beta, score, model, factored, phi, floor)
