"""Separation: directions along which the likelihood rises for ever, found by a linear programme.

Along a direction of recession d, a row with x'd ≠ 0 must have a response at the limit of its mean: one that is reached
only as η → ±∞. Every other row must stay where it is. The set of such directions is a cone; the programme finds the one
that moves as many rows as any can (Albert & Anderson 1984; Santos Silva & Tenreyro 2010; Correia, Guimarães & Zylkin
2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.linalg import Array, back_solve, null_space, triangle
from nelder.objective import Loss, Objective
from nelder.ranks import rank_of_rows

STILL = 1e-9  # a row of the orthonormal design that is shorter than this does not move


@dataclass(frozen=True)
class Separation:
    """A direction of recession d (p,) that moves as many rows as any, and those rows: for each block a mask (n,)."""

    direction: Array
    rows: tuple[NDArray[np.bool_], ...]

    @property
    def count(self) -> int:
        """How many rows are separated."""
        return int(sum(mask.sum() for mask in self.rows))


def limits(loss: Loss, y: Array) -> Array:
    """Per row (n,): +1 where the deviance falls for ever as η → ∞, −1 as η → −∞, 0 where it has a minimum."""
    low, high = loss.bounds
    smallest, largest = loss.mean_bounds
    at_low, at_high = (smallest, largest) if loss.link.increasing else (largest, smallest)
    up = np.isinf(high) & np.isfinite(at_high) & beyond(y, at_high, at_high == largest)
    down = np.isinf(low) & np.isfinite(at_low) & beyond(y, at_low, at_low == largest)
    return np.asarray(up, dtype=float) - np.asarray(down, dtype=float)


def beyond(y: Array, limit: float, above: bool) -> NDArray[np.bool_]:
    """Which responses lie at or beyond a limit of the mean."""
    return y >= limit if above else y <= limit


def find_separation(objective: Objective) -> Separation | None:
    """The direction of recession that moves most rows, or None where there is none and the optimum is finite.

    The design must have full column rank. Columns are made orthonormal first, so that neither their units nor their
    condition matter.
    """
    blocks = objective.design.handles
    p = objective.design.p
    sides = [limits(objective.loss, block.y) for block in blocks]
    whole, fixed = rank_of_rows(objective), np.zeros((p, p))
    for block, side in zip(blocks, sides, strict=True):
        still = block.rows(np.flatnonzero(side == 0))
        for rows in still.slices():
            fixed = triangle(np.vstack([fixed, orthonormal(rows, whole)]))
    basis = null_space(fixed)
    moving = [block.rows(np.flatnonzero(side)) for block, side in zip(blocks, sides, strict=True)]
    ahead = [side[side != 0, None] * (orthonormal(b, whole) @ basis) for b, side in zip(moving, sides, strict=True)]
    found = furthest(np.vstack(ahead)) if basis.shape[1] else None
    if found is None:
        return None
    direction, moved = found
    ends = np.cumsum([block.n for block in moving])[:-1]
    masks = []
    for side, part in zip(sides, np.split(moved, ends), strict=True):
        mask = np.zeros(len(side), dtype=bool)
        mask[np.flatnonzero(side)] = part
        masks.append(mask)
    return Separation(back_solve(whole, basis @ direction), tuple(masks))


def orthonormal(rows: Block, upper: Array) -> Array:
    """X R⁻¹ for some rows (n, p): those of the orthonormal factor of the whole design."""
    return back_solve(upper, rows.dense().T, transposed=True).T


def furthest(rows: Array) -> tuple[Array, NDArray[np.bool_]] | None:
    """The z (k,) with rows @ z ≥ 0 for which most entries are positive, and which they are; None where none is.

    max Σ t subject to t ≤ rows @ z, 0 ≤ t ≤ 1: a cone has no size, so at the optimum every t that can be positive is 1.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    real = length > STILL
    m, k = int(real.sum()), rows.shape[1]
    if m == 0:
        return None
    unit = rows[real] / length[real, None]
    constraints = sparse.hstack([sparse.csr_array(-unit), sparse.eye_array(m)])
    cost = np.concatenate([np.zeros(k), -np.ones(m)])
    bounds = [(None, None)] * k + [(0.0, 1.0)] * m
    found: Any = linprog(cost, constraints, np.zeros(m), bounds=bounds, method="highs")
    if found.status != 0 or -found.fun < 0.5:
        return None
    moved = np.zeros(len(rows), dtype=bool)
    moved[np.flatnonzero(real)] = unit @ found.x[:k] > 0.5
    return (found.x[:k], moved) if moved.any() else None
