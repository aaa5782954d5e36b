"""Optima at the edge of the domain: where the likelihood would rise beyond the means that family and link allow.

Some rows, such as a zero count under the identity link, are likeliest at the edge itself, and their score does not
vanish there: it is held by multipliers (Kuhn & Tucker 1951). The edge is found by sequential quadratic programming.
Then the rows at it are pinned, the others refitted along the face that is left, and the multipliers certify it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Design
from nelder.linalg import (
    Array,
    Factored,
    cholesky,
    least_distance,
    non_negative,
    null_space,
    triangle,
    triangular_solve,
)
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.parts import Dense
from nelder.penalties import Turned
from nelder.quadratic import Gram, full_factor
from nelder.ranks import rank_of_rows
from nelder.solvers import Newton, solve
from nelder.solvers.newton import precise_model
from nelder.solvers.search import Found, enough, halving
from nelder.solvers.starts import usual

SEARCHING = 2.0**-30  # how far inside a row is held, relative to the numbers that cancel into η
PINNED = (2.0**-44, 2.0**-36, SEARCHING)  # the same in the end: as near as rounding in β allows
STEPS, ROUNDS = 100, 50
NEAR = 1e-9  # a row this close is at the edge
HELD = 1e-6  # of the gradient: what multipliers may leave of it
FAINT = 1e-9  # curvature lent by the start to directions that have none of their own


@dataclass(frozen=True)
class Edge:
    """A certified optimum β (p,), the positions of the rows at the edge, and the unscaled covariance (p, p) there."""

    beta: Array
    rows: NDArray[np.intp]
    covariance: Array


@dataclass(frozen=True)
class Walls:
    """Limits of η that rows at these positions can reach at a finite deviance: normals (m, p) @ γ ≥ floor (m,).

    `room` (m,) is how far inside they are held; it is part of `floor`.
    """

    normals: Array
    floor: Array
    room: Array
    rows: NDArray[np.intp]

    def beyond(self, gamma: Array) -> Array:
        """How far outside each is (m,)."""
        return self.floor - self.normals @ gamma

    def chosen(self, where: NDArray[np.integer] | NDArray[np.bool_]) -> Walls:
        """Some of them."""
        return Walls(self.normals[where], self.floor[where], self.room[where], self.rows[where])


def find_edge(objective: Objective, beta: Array) -> Edge | Array | None:
    """The optimum that descent from a feasible β (p,) leads to, if some of its rows lie at the edge of the domain, or
    how far that descent came (p,), if none do.

    None where the conditions of an optimum do not hold in the end. The design must have full column rank; its columns
    are made orthonormal first, so that neither their units nor their condition matter.
    """
    upper = triangle(np.vstack([rank_of_rows(objective), objective.penalty.root(objective.free)]))
    basis = triangular_solve(upper, np.eye(len(beta)))
    unit = along(objective, basis, np.zeros(len(beta)))
    # an optimum at zero has no size of its own
    inside = upper @ usual(objective)[0]
    size = np.maximum(np.abs(upper @ beta), np.abs(inside))
    clear = None
    for begun in feasible(unit, upper @ beta, inside, walls(unit, size, SEARCHING)):
        gamma, active = descend(unit, begun, size)
        clear = clear if len(active.rows) else basis @ gamma
        for margin in PINNED if len(active.rows) else ():
            settled = settle(unit, gamma, walls(unit, size, margin), active)
            if settled is None:
                break
            end, root = settled
            if np.isfinite(objective.values((basis @ end)[None, :])[0]):
                return edge_at(basis, end, root, walls(unit, size, NEAR))
    return clear


def edge_at(basis: Array, end: Array, root: Array, here: Walls) -> Edge:
    """The edge at γ = end (p,), with a root of its covariance, in the coefficients of the design."""
    spread = basis @ root
    # a coefficient that is held entirely has no variance, where rounding leaves it some
    held = np.linalg.norm(spread, axis=1) < NEAR * np.linalg.norm(basis, axis=1) * np.linalg.norm(root)
    spread[held] = 0.0
    return Edge(basis @ end, np.unique(here.rows[here.beyond(end) > 0]), spread @ spread.T)


def feasible(unit: Objective, gamma: Array, inside: Array, around: Walls) -> list[Array]:
    """γ, or where rounding has put it beyond an edge the nearest of some points on the way inside; and where that is
    next to an edge, the nearest that is clear of it.
    """
    tried = gamma + np.array([0.0, 1e-13, 1e-11, 1e-9, 1e-6, 1e-4])[:, None] * (inside - gamma)
    finite = np.isfinite(unit.values(tried))
    clear = finite & np.array([np.all(around.beyond(point) <= 0) for point in tried])
    chosen = [int(np.argmax(finite)), *np.flatnonzero(clear)[:1].tolist()]
    return [tried[k] for k in dict.fromkeys(chosen)]


def along(objective: Objective, basis: Array, origin: Array) -> Objective:
    """The same rows as a function of γ (k,), with β = origin + basis γ."""

    def turned(block: Block) -> Block:
        part = Dense(np.arange(basis.shape[1]), block.dense() @ basis)
        return replace(block, parts=(part,), p=basis.shape[1], offset=block.eta(origin))

    names = tuple(f"direction {k + 1}" for k in range(basis.shape[1]))
    handles = objective.engine.derive(turned, objective.design.handles)
    penalty = Turned(objective.penalty, objective.free, basis, origin)
    return replace(objective, design=Design(handles, names, np.zeros(len(names)), objective.design.n), penalty=penalty)


def reaches(loss: Loss, y: Array, end: float, size: float) -> NDArray[np.bool_]:
    """Which responses (n,) have a deviance that stays finite as η runs to a finite end of its interval."""
    inward = max(size, abs(end)) * (1.0 if end == loss.bounds[0] else -1.0)
    near, nearer = (
        loss.family.unit_deviance(y, Mean(loss.link, end + inward * step + 0 * y)) for step in (1e-7, 1e-14)
    )
    return np.isfinite(nearer) & (nearer <= 1.2 * near)


def walls(unit: Objective, size: Array, margin: float) -> Walls:
    """The walls of all rows that can reach them; the size of γ (p,) sets that of rounding."""
    found, before = [Walls(np.zeros((0, len(size))), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.intp))], 0
    for block in unit.design.handles:
        room = margin * block.magnitude(size)
        for side, end in zip((1.0, -1.0), unit.loss.bounds, strict=True):
            if np.isfinite(end):
                with np.errstate(all="ignore"):
                    can = np.flatnonzero(reaches(unit.loss, block.y, end, float(room.max()) / margin))
                rows = block.rows(can)
                floor = side * (end - rows.offset) + room[can]
                found.append(Walls(side * rows.dense(), floor, room[can], before + can))
        before += block.n
    joined = (np.concatenate([getattr(part, name) for part in found]) for name in ("normals", "floor", "room", "rows"))
    return Walls(*joined)


def descend(unit: Objective, gamma: Array, size: Array) -> tuple[Array, Walls]:
    """Sequential quadratic programming from γ: where it ends, and the walls that hold it there."""
    here = unit.slope(gamma)
    for _ in range(STEPS):
        around = walls(unit, size, SEARCHING)
        factored = curvature(unit, gamma, size, around)
        if factored is None:
            return gamma, around.chosen(np.zeros(0, dtype=np.intp))
        delta, active = programme(factored, here.gradient, around, gamma)
        promised = -float(here.gradient @ delta)
        if not np.isfinite(promised) or promised <= 1e-10 * unit.dispersion_at(here.value) + here.blur:
            break
        found, ahead = Found(1.0, 0), unit.slope(gamma + delta)
        if not enough(here.value, ahead.value, promised, here.blur):
            found = halving(unit, (gamma, here.value), delta, promised, here.blur)
            ahead = unit.slope(gamma + found.size * delta)
        if not np.isfinite(ahead.value):
            break
        gamma, here = gamma + found.size * delta, ahead
        if found.stuck:
            break
    return gamma, active


def curvature(unit: Objective, gamma: Array, size: Array, around: Walls) -> Factored | None:
    """A positive definite model of the Hessian at γ, by the rows that are not at a wall; None where it overflows.

    A row at its wall has next to no curvature there, though its expected weight may be infinite.
    """
    at_wall = around.rows[around.beyond(gamma) > -1e3 * around.room]
    models = [unit.without(at_wall).quadratic(gamma, Gram, observed) for observed in (True, False)]
    for model in models:
        if isinstance(model, Gram) and model.safe:
            return full_factor(model)
    gradient = unit.slope(gamma).gradient
    faint = FAINT * float(np.linalg.norm(gradient)) / max(float(np.linalg.norm(size)), np.finfo(float).tiny)
    lent = ((model.information, max(faint, 1e-10 * float(np.trace(model.information)))) for model in models)
    factors = (cholesky(information + some * np.eye(len(gamma))) for information, some in lent)
    return next((factored for factored in factors if factored is not None), None)


def programme(factored: Factored, gradient: Array, around: Walls, gamma: Array) -> tuple[Array, Walls]:
    """The δ that minimises g'δ + ½ δ'Hδ inside the walls, and those that hold it; they are added when crossed."""
    room = np.minimum(around.beyond(gamma), 0.0)
    working = np.zeros(0, dtype=np.intp)
    for _ in range(ROUNDS):
        delta, multipliers = least_distance(factored, gradient, around.normals[working], room[working])
        crossed = room - around.normals @ delta - 0.5 * around.room
        crossed[working] = -np.inf
        worst = np.argsort(-crossed, kind="stable")[: 2 * len(gamma)]
        worst = worst[crossed[worst] > 0]
        if not len(worst):
            break
        working = np.concatenate([working, worst])
    return delta, around.chosen(working[: len(multipliers)][multipliers > 0])


def settle(unit: Objective, gamma: Array, around: Walls, active: Walls) -> tuple[Array, Array] | None:
    """Pin the rows of these walls, refit the others along the face, and check the multipliers.

    Returns γ and a root (p, k) of its covariance along the face, or None where no multipliers hold the gradient, or
    where rows that are not pinned have no mean that is allowed.
    """
    near = around.beyond(gamma) > -1e3 * np.max(active.room)
    pinned = around.chosen(np.isin(around.rows, active.rows) & near)
    gamma = gamma + np.linalg.lstsq(pinned.normals, pinned.beyond(gamma), rcond=1e-9)[0]
    face = null_space(pinned.normals / np.linalg.norm(pinned.normals, axis=1)[:, None], 1e-8)
    root = np.zeros((len(gamma), 0))
    if face.shape[1]:
        small = along(unit, face, gamma).without(pinned.rows)
        if not np.isfinite(small.values(np.zeros((1, face.shape[1])))[0]):
            return None
        solution = solve(small, replace(Newton(), start=np.zeros(face.shape[1]).tolist()))
        factored = precise_model(small, solution.step.beta).factored
        if not solution.converged or factored is None:
            return None
        gamma = gamma + face @ solution.step.beta
        root = factored.half_solve(face.T).T
    gradient = unit.slope(gamma).gradient
    _, left = non_negative(pinned.normals.T, gradient)
    return (gamma, root) if left <= HELD * float(np.linalg.norm(gradient)) else None
