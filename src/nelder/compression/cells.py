"""An objective of cells: rows with equal covariates as one row that has their weight and their mean response.

The deviance of a row has the slope −2w (y − μ)/V(μ) in its mean, whatever the family. So rows at a common mean together
have the slope of their total weight at their mean response, and a deviance that exceeds that cell's by a constant:
their deviance around their own mean. Where an offset multiplies the mean and V is a power p of it, a row (y, w) at an
exposure e is the row (y/e, w e^(2−p)) without one, and need not share its exposure to share a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.compression.keys import Numbers, columns_of, numbered, promises
from nelder.design import Block, Design, Ray, split
from nelder.engines import pattern_of
from nelder.families import Family
from nelder.kernels import ROUNDING, Form, Slope, Totals
from nelder.linalg import Array
from nelder.links import Identity
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.parts import bincount, rows_of
from nelder.quadratic import Gram, Quadratic, Triangle
from nelder.solvers import Solver

EXACT = " cells, exact"  # how the note of a fit ends
PIECE = 8_192  # cells in a block, and rows in a slice: they stay in cache, and BLAS takes no threads for so few
SMALL = 10_000  # rows: fewer are solved before their cells are found
WORTH_IT = 3  # rows a cell
ALIKE = 1e-12  # of a response: others so near to it are the same but for rounding
EXPOSED = 50.0  # the largest logarithm of an exposure that is divided by
LARGEST = 1e125  # of y that is divided by an exposure, and its inverse the smallest
UNSEEN = 1e-11  # standard errors: what rounding the means of cells may make of the coefficients


@dataclass(frozen=True, kw_only=True)
class Cells(Objective):
    """The objective of some rows, summed over cells: its values, totals and likelihood are those of the `rows`.

    `within` is half the rows' deviance around the means of their cells, `scatter` (cells,) their squares around them.
    """

    rows: Objective
    weight: float
    within: float
    scatter: Array

    def quadratic(self, beta: Array, form: Form = Gram, observed: bool = False, closing: bool = False) -> Quadratic:
        model = super().quadratic(beta, form, observed, closing)
        assert isinstance(model, Gram | Triangle)
        return replace(model, value=model.value + self.within)

    def slope(self, beta: Array, closing: bool = False) -> Slope:
        return super().slope(beta, closing) + Slope(self.within, np.zeros_like(beta))

    def values(self, betas: Array) -> Array:
        return super().values(betas) + self.within

    def value_at_level(self, eta: float) -> float:
        return super().value_at_level(eta) + self.within

    def loglik(self, deviance: float, phi: float) -> float:
        return self.rows.loglik(deviance, phi)

    def completed(self, totals: Totals, beta: Array | Ray) -> Totals:
        pearson, before = totals.pearson, 0
        for block in self.design.handles:
            here = slice(before, before + block.n)
            spread = np.exp(-0.5 * self.loss.family.log_variance(Mean(self.loss.link, block.eta(beta))))
            pearson += float(np.sum(np.where(self.scatter[here] > 0, np.sqrt(self.scatter[here]) * spread, 0.0) ** 2))
            before += block.n
        return Totals(self.weight, totals.deviance + 2 * self.within, pearson)

    def sampled(self, size: int) -> Objective:
        return self._bare().sampled(size)

    def without(self, rows: NDArray[np.integer]) -> Objective:
        return self._bare().without(rows)

    def _bare(self) -> Objective:
        """The cells as if they were rows."""
        return Objective(self.design, self.loss, self.penalty, self.engine, self.sampling)


def obstacle(objective: Objective, solver: Solver | None) -> str | None:
    """Why a fit needs its single rows, or None."""
    family, adjustment = objective.loss.family, objective.penalty.adjustment
    if family.unknown:
        return f"{family.shape_name} of {family.name} is estimated from single rows: write it out"
    if adjustment is not None:
        return f"penalty '{adjustment.name}' takes the leverages of single rows"
    if not all(part.by_column for part in pattern_of(objective.design.handles).parts):
        return "rows are told apart column by column, of which a sparse design has too many: use a table of categories"
    if solver is not None and solver.by_rows:
        return f"solver '{solver.name}' draws single rows: use solver='newton'"
    return None


def compressed(objective: Objective, block: Block, always: bool) -> Cells | None:
    """The objective of the rows of a block, in cells; None where hardly any rows are alike.

    Unless `always`, a look at a sample comes first.
    """
    n = block.n
    if n < SMALL and not always:
        return None
    most = n - 1 if always else n / WORTH_IT
    exposed = is_exposed(objective, block)
    columns = columns_of(block, objective.design.constant, objective.has_offset and not exposed)
    if not (always or promises(columns, n, most)):
        return None
    found = numbered(columns, n, most)
    rows = without_exposure(objective, block) if exposed else block
    return None if found is None else gathered(objective, rows, *found)


def is_exposed(objective: Objective, block: Block) -> bool:
    """Whether the offset is an exposure that y and weight can take up."""
    if not objective.is_exposed:
        return False
    longest = max(float(block.offset.max()), -float(block.offset.min()))
    size = max(float(block.y.max()), -float(block.y.min()))
    return longest <= EXPOSED and 1 / LARGEST < size < LARGEST


def without_exposure(objective: Objective, block: Block) -> Block:
    """The rows with their exposure in y and weight."""
    power = objective.loss.family.variance_power
    assert power is not None
    exposure = np.exp(block.offset)
    weight = block.weight if power == 2 else block.weight * (exposure if power == 1 else exposure ** (2.0 - power))
    return Block(block.parts, block.p, block.y / exposure, weight, np.zeros(block.n))


def gathered(objective: Objective, block: Block, cell: Numbers, many: int) -> Cells | None:
    """The cells, given the number (n,) of each row's; None where one's mean rounds to an end of what its rows hold."""
    weight = bincount(cell, block.weight, many)
    y = bincount(cell, block.weight * block.y, many) / weight
    apart = block.y - y[cell]
    weighted = block.weight * apart
    low, high = block.y.min(), block.y.max()
    y = np.clip(y + bincount(cell, weighted, many) / weight, low, high)
    scatter = bincount(cell, weighted * apart, many)
    at_end = ((y == low) | (y == high)) & (scatter > weight * (ALIKE * y) ** 2)
    if not np.isfinite(y).all() or at_end.any():
        return None
    first = np.empty(many, dtype=np.intp)
    first[cell] = np.arange(block.n)
    cells = Block(rows_of(block.parts, first), block.p, y, weight, block.offset[first])
    rows = objective.design
    design = Design(objective.engine.hold(split(cells, PIECE)), rows.names, rows.constant, rows.n)
    within = half_deviance(objective.loss.family, block, y, cell)
    return Cells(
        design,
        objective.loss,
        objective.penalty,
        objective.engine,
        objective.sampling,
        rows=objective,
        weight=objective.total_weight,
        within=within,
        scatter=scatter,
    )


def half_deviance(family: Family, block: Block, y: Array, cell: Numbers) -> float:
    """Half the deviance of rows around means y (cells,)."""
    total = 0.0
    with np.errstate(all="ignore"):
        for start in range(0, block.n, PIECE):
            rows = slice(start, start + PIECE)
            seen, mean = block.y[rows], y[cell[rows]]
            deviance = np.where(seen == mean, 0.0, family.unit_deviance(seen, Mean(Identity(), mean)))
            total += 0.5 * float(block.weight[rows] @ deviance)
    return total


def keeps_its_digits(cells: Cells, beta: Array, phi: float) -> bool:
    """Whether rounding the means of the cells moves β (p,) by next to nothing, in standard errors.

    Rows of their own do not have that rounding, and the closed form sums them to more digits than they have.
    """
    total = 0.0
    for block in cells.design.handles:
        spread = np.exp(-0.5 * cells.loss.family.log_variance(Mean(cells.loss.link, block.eta(beta))))
        total += float(block.weight @ (ROUNDING * block.y * spread) ** 2)
    return total <= UNSEEN**2 * phi
