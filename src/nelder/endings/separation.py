"""Separation: directions along which the likelihood rises for ever, found by a linear programme.

Along a direction of recession d, a row with x'd ≠ 0 must have a response at the limit of its mean: one that is reached
only as η → ±∞. Every other row must stay where it is. The set of such directions is a cone; the programme finds the one
that moves as many rows as any can (Albert & Anderson 1984; Santos Silva & Tenreyro 2010; Correia, Guimarães & Zylkin
2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.errors import DataError
from nelder.linalg import Array, null_space, triangle, triangular_solve
from nelder.objective import Objective
from nelder.parts import bincount
from nelder.ranks import rank_of_rows

FEW = 1_000  # rows that a linear programme begins with: its time grows faster than they do; of a slice made dense
LARGEST = 1e7  # numbers in the linear programmes of `alternatives`
FOLLOWS = 1e-4  # of the longest: a row whose η moves less along a last step stays
CLEARLY = 1e-8  # of |x|: how far a row must move along a step for that to be a direction of its own
MOVED = 0.5  # of a row that moves by 1 in a programme
STILL = 1e-9  # a row of the orthonormal design that is shorter than this does not move
ROUNDED = 1e-11  # of the largest share in η that a column has in a direction: less is rounding
INEXACT = 1e-8  # of the same: less may be what a programme or a last step leaves over
SAME = 1e-7  # of a direction: one that differs by less is as good


@dataclass(frozen=True)
class Separation:
    """A direction of recession d (p,) that moves as many rows as any, and those rows: for each block a mask (n,).

    `signed` (p,) says which entries of d have the same sign in all such directions, `unique` that there is no other.
    """

    direction: Array
    rows: tuple[NDArray[np.bool_], ...]
    signed: NDArray[np.bool_]
    unique: bool = True

    @property
    def count(self) -> int:
        """How many rows are separated."""
        return int(sum(mask.sum() for mask in self.rows))


def find_separation(objective: Objective) -> Separation | None:
    """The direction of recession that moves most rows, or None where there is none and the optimum is finite.

    The design must have full column rank. Columns are made orthonormal first, so that neither their units nor their
    condition matter.
    """
    blocks = objective.design.handles
    sides = [objective.loss.limits(block.y) for block in blocks]
    whole = rank_of_rows(objective)
    basis = fixed_by(objective, whole, [side == 0 for side in sides])
    moving = [block.rows(np.flatnonzero(side)) for block, side in zip(blocks, sides, strict=True)]
    ahead = [side[side != 0, None] * (orthonormal(b, whole) @ basis) for b, side in zip(moving, sides, strict=True)]
    cone, back = np.vstack(ahead), triangular_solve(whole, basis)
    found = furthest(cone) if basis.shape[1] else None
    if found is None:
        return None
    direction, moved = found
    ends = np.cumsum([block.n for block in moving])[:-1]
    masks = []
    for side, part in zip(sides, np.split(moved, ends), strict=True):
        mask = np.zeros(len(side), dtype=bool)
        mask[np.flatnonzero(side)] = part
        masks.append(mask)
    # every such direction leaves the other rows where they are, which the programme does but for its tolerance
    inner = null_space(triangle(cone[~moved])) if not moved.all() else np.eye(basis.shape[1])
    signed, unique = alternatives(cone[moved] @ inner, back @ inner)
    return Separation(cleared(inner.T @ direction, back @ inner, whole), tuple(masks), signed, unique)


def refuse_separated_levels(objective: Objective) -> None:
    """Raise DataError where all responses of a level of a long factor are at the same limit of their means.

    Its coefficient is infinite, and nothing else is; with so many columns no limit is worked out.
    """
    design = objective.design
    long = design.long
    assert long is not None
    levels = long.coding.levels
    rows, above, below = (np.zeros(levels) for _ in range(3))
    for block in design.handles:
        assert block.long is not None
        codes, side = block.long.codes, objective.loss.limits(block.y)
        rows += bincount(codes, np.ones(block.n), levels)
        above += bincount(codes, (side > 0).astype(float), levels)
        below += bincount(codes, (side < 0).astype(float), levels)
    apart = (rows > 0) & ((above == rows) | (below == rows))
    named = [repr(design.names[j]) for j in long.columns[long.coding.gather(apart.astype(float)) > 0]]
    named += ["the level without a column"] if apart.sum() > len(named) else []
    if named:
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        raise DataError(
            f"the responses of {', '.join(named[:5])}{more} are all at the limit of their means, so that these "
            f"coefficients are infinite, which is not worked out for {design.p} columns: leave out the rows of these "
            "levels, which say nothing about other coefficients, or join levels"
        )


def along_step(objective: Objective, step: Array) -> Separation | None:
    """The separation that the last step (p,) of a solver already points to, if it does: far cheaper than a programme.

    It need not move every row that some direction can; what it leaves may be separated again.
    """
    blocks = objective.design.handles
    along = [block.along(step) for block in blocks]
    longest = max(float(np.max(np.abs(part), initial=0.0)) for part in along)
    masks = tuple(np.abs(part) > FOLLOWS * longest for part in along)
    whole = rank_of_rows(objective)
    basis = fixed_by(objective, whole, [~mask for mask in masks])
    found = straightened(step, masks, whole, basis)
    if found is None:
        return None
    sides = [objective.loss.limits(block.y) for block in blocks]
    for side, block, mask in zip(sides, blocks, masks, strict=True):
        # clearly, and not by what may be rounding
        least = CLEARLY * np.abs(found.direction).max() * block.magnitude(np.ones_like(step))
        if not (side * block.along(found.direction) > least)[mask].all():
            return None
    moving = [block.rows(np.flatnonzero(mask)) for block, mask in zip(blocks, masks, strict=True)]
    cone = [side[mask, None] * orthonormal(b, whole) for b, side, mask in zip(moving, sides, masks, strict=True)]
    signed, unique = alternatives(np.vstack(cone) @ basis, triangular_solve(whole, basis))
    return replace(found, signed=signed, unique=unique)


def fixed_by(objective: Objective, whole: Array, masks: Sequence[NDArray[np.bool_]]) -> Array:
    """A basis (p, k), in orthonormal coordinates, of the directions that leave these rows where they are."""
    fixed = np.zeros_like(whole)
    for block, mask in zip(objective.design.handles, masks, strict=True):
        for rows in block.rows(np.flatnonzero(mask)).slices(max(FEW, 2 * block.p), filled=True):
            fixed = triangle(np.vstack([fixed, orthonormal(rows, whole)]))
    return null_space(fixed)


def straightened(
    direction: Array, masks: tuple[NDArray[np.bool_], ...], whole: Array, basis: Array
) -> Separation | None:
    """The part of a direction (p,) within the `basis` (p, k) of those that leave all rows but these where they are, or
    None where there is none.
    """
    z = basis.T @ (whole @ direction)
    if not np.linalg.norm(z) > 0.5 * np.linalg.norm(whole @ direction):
        return None
    found = cleared(z, triangular_solve(whole, basis), whole)
    return Separation(found, masks, np.ones(len(direction), dtype=bool))


def cleared(z: Array, span: Array, whole: Array) -> Array:
    """The direction span @ z (p,), or one next to it among those that span (p, k) allows, without what is not exact in
    it: rows that have no other columns would seem to move.
    """
    size, direction = np.linalg.norm(whole, axis=0), span @ z
    share = np.abs(direction) * size
    faint = (share > 0) & (share <= INEXACT * share.max())
    if faint.any():
        shares = span * size[:, None]
        without = null_space(triangle(shares[faint | (share == 0)] / np.abs(shares).max()))
        bare = without @ (without.T @ z)
        if np.linalg.norm(bare - z) <= SAME * np.linalg.norm(z):
            return np.where(share > INEXACT * share.max(), span @ bare, 0.0)
    return np.where(share > ROUNDED * share.max(), direction, 0.0)


def orthonormal(rows: Block, upper: Array) -> Array:
    """X R⁻¹ for some rows (n, p): those of the orthonormal factor of the whole design."""
    return triangular_solve(upper, rows.dense().T, transposed=True).T


def furthest(rows: Array) -> tuple[Array, NDArray[np.bool_]] | None:
    """The z (k,) with rows @ z ≥ 0 for which most entries are positive, and which they are; None where none is.

    What some rows forbid, all do: a row that stays in every direction which those allow leaves the others the space
    where it stays. Where all of them move, rows that do not follow are looked at too.
    """
    unit, place = distinct(rows)
    basis, turned, live = np.eye(rows.shape[1]), unit, np.arange(len(unit))
    chosen = spread(len(live))
    while len(live) and basis.shape[1]:
        z, moved = moving_most(turned[chosen])
        along = turned @ z
        behind = np.flatnonzero(~chosen & (along <= MOVED))
        if chosen.all() or (moved.all() and not len(behind)):
            moves = np.zeros(len(unit) + 1, dtype=bool)
            moves[live] = along > MOVED
            return (basis @ z, moves[place]) if moved.any() else None
        if moved.all():
            chosen[behind[np.argsort(along[behind])[: chosen.sum()]]] = True
            continue
        inner = null_space(triangle(turned[chosen][~moved]))
        turned = turned @ inner
        length = np.sqrt(np.einsum("ij,ij->i", turned, turned))
        free = length > STILL
        basis, turned, live = basis @ inner, turned[free] / length[free, None], live[free]
        chosen = chosen[free] if chosen[free].any() else spread(len(live))
    return None


def spread(many: int) -> NDArray[np.bool_]:
    """Which of so many rows a programme begins with: some all over them."""
    chosen = np.zeros(many, dtype=bool)
    chosen[:: max(1, many // FEW)] = True
    return chosen


def moving_most(rows: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The z (k,) with rows @ z ≥ 0 for which most entries are positive, and which they are, for rows of unit length.

    max Σ t subject to t ≤ rows @ z, 0 ≤ t ≤ 1: a cone has no size, so at the optimum every t that can be positive is 1.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    m, k = rows.shape
    constraints = sparse.hstack([sparse.csr_array(-rows), sparse.eye_array(m)])
    cost = np.concatenate([np.zeros(k), -np.ones(m)])
    bounds = [(None, None)] * k + [(0.0, 1.0)] * m
    found: Any = linprog(cost, constraints, np.zeros(m), bounds=bounds, method="highs")
    if found.status != 0 or -found.fun < 0.5:
        return np.zeros(k), np.zeros(m, dtype=bool)
    return found.x[:k], rows @ found.x[:k] > MOVED


def distinct(rows: Array) -> tuple[Array, NDArray[np.intp]]:
    """The different directions (m, k) among rows at unit length, and which each row has; m where it has none."""
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    real = np.flatnonzero(length > STILL)
    unit = rows[real] / length[real, None]
    _, first, kind = np.unique(np.round(unit, 12), axis=0, return_index=True, return_inverse=True)
    place = np.full(len(rows), len(first))
    place[real] = kind.reshape(-1)
    return unit[first], place


def alternatives(cone: Array, back: Array) -> tuple[NDArray[np.bool_], bool]:
    """Which coefficients (p,) of d = back @ z have one sign for all z (k,) with cone @ z ≥ 0 (Konis 2007), and whether
    there is only one such z.

    Where that is too much to find out, or rounding has left no row that moves, none has and there may be others.
    """
    unit, _ = distinct(cone)
    edges = edges_of(unit)
    if edges is None and (not len(unit) or unit.size * len(back) > LARGEST):
        return np.zeros(len(back), dtype=bool), False
    size = np.linalg.norm(back, axis=1)[:, None]
    turned = np.divide(back, size, out=np.zeros_like(back), where=size > 0)
    if edges is None:
        low, high = extremes(unit, turned)
    else:
        low, high = (turned @ edges).min(axis=1), (turned @ edges).max(axis=1)
    return ~((low < -STILL) & (high > STILL)), bool((high - low <= 1e-7 * np.maximum(np.abs(low), np.abs(high))).all())


def edges_of(rows: Array) -> Array | None:
    """The edges (k, k) of the cone rows @ z ≥ 0, where its k rows are independent: along each, one of them grows alone,
    to where their mean is 1. None for another cone.

    Levels of factors whose responses are all at a limit have such a cone, a row a level.
    """
    m, k = rows.shape
    if m != k or not k or np.linalg.cond(rows) > 1 / np.sqrt(STILL):
        return None
    return k * np.linalg.inv(rows)


def extremes(unit: Array, back: Array) -> tuple[Array, Array]:
    """The least and greatest of each of back @ z (p,), by linear programmes, where the cone unit @ z ≥ 0 is cut: the
    mean of its rows is 1.
    """
    from scipy.optimize import linprog

    p, k = back.shape
    whole, one = unit.mean(axis=0)[None, :], np.ones(1)
    ends = np.zeros((2, p))
    for j in np.flatnonzero(back.any(axis=1)):
        for row, sign in enumerate((1.0, -1.0)):
            free = [(None, None)] * k
            found: Any = linprog(sign * back[j], -unit, np.zeros(len(unit)), whole, one, free, method="highs")
            ends[row, j] = sign * found.fun if found.status == 0 else -sign * np.inf
    return ends[0], ends[1]
