"""Where to start: the lowest finite objective among a few sensible β, or a point found inside the domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from nelder.errors import DataError
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Triangle
from nelder.solvers.newton import scoring_steps

SCOUT = 40  # steps to look ahead from each start of an objective that may have several minima


def start(objective: Objective) -> Array:
    """A feasible β (p,) for this objective.

    Tried in one pass over the rows: the weighted least squares of R's first iteration, the constant mean, and zero.
    Where the objective may have several minima, the one whose descent ends lowest. Raises DataError when no β gives
    every row a mean that the family and link allow.
    """
    if objective.is_quadratic:
        return np.zeros(objective.design.p)
    candidates = np.array([*_least_squares(objective), *_constant(objective), np.zeros(objective.design.p)])
    values = objective.values(candidates)
    feasible = candidates[np.isfinite(values)]
    if not len(feasible):
        return _interior(objective)
    if objective.is_convex:
        return candidates[int(np.argmin(np.where(np.isfinite(values), values, np.inf)))]
    ends = [_end_value(objective, beta) for beta in feasible]
    return feasible[int(np.argmin(ends))]


def _end_value(objective: Objective, beta: Array) -> float:
    """How low Newton's method comes from this start, where the objective may have several minima."""
    value = np.inf
    for number, step in enumerate(scoring_steps(objective, beta, observed=True)):
        if not step.finite or number >= SCOUT or value - step.value <= 1e-9 * abs(value):
            return min(value, step.value) if step.finite else value
        value = step.value
    return value


def _least_squares(objective: Objective) -> list[Array]:
    for form in (Gram, Triangle):
        model = objective.start(form)
        if isinstance(model, Gram) and not model.safe:
            continue
        direction = model.newton()
        if direction is not None and np.isfinite(direction.delta).all():
            return [direction.delta]
    return []


def _constant(objective: Objective) -> list[Array]:
    """The coefficients of the first constant column that give every row the mean response, ignoring the offset."""
    columns = np.flatnonzero(objective.design.constant)
    low, high = objective.loss.mean_bounds
    if not len(columns) or not low < objective.mean_response < high:
        return []
    beta = np.zeros(objective.design.p)
    eta = float(objective.loss.link.link(np.asarray(objective.mean_response)))
    beta[columns[0]] = eta / objective.design.constant[columns[0]]
    return [beta] if np.isfinite(eta) else []


def _interior(objective: Objective) -> Array:
    """The point of the domain farthest from its edges, by a linear programme: max t with low + t ≤ Xβ + offset ≤ high −
    t.
    """
    from scipy.optimize import linprog

    blocks = objective.design.handles
    X = np.vstack([block.dense() for block in blocks])
    offset = np.concatenate([block.offset for block in blocks])
    low, high = objective.loss.bounds
    size = np.abs(X).max(axis=0)
    size[size == 0] = 1.0
    rows, limits = [], []
    for side, end in ((-1.0, low), (1.0, high)):
        if np.isfinite(end):
            rows.append(np.column_stack([side * X / size, np.ones(len(X))]))
            limits.append(side * (end - offset))
    # the box keeps t finite where the domain is a cone; its size is the link's own scale at the mean response
    inside = float(objective.loss.link.link(np.asarray(objective.mean_response)))
    reach = 10.0 * (1.0 + (abs(inside) if np.isfinite(inside) else 0.0) + float(np.abs(offset).max(initial=0.0)))
    cost = np.zeros(X.shape[1] + 1)
    cost[-1] = -1.0
    box = [(-reach, reach)] * X.shape[1] + [(None, reach)]
    found: Any = linprog(cost, np.vstack(rows), np.concatenate(limits), bounds=box, method="highs") if rows else None
    if found is not None and found.status == 0 and found.x[-1] > 0:
        beta = np.asarray(found.x[:-1] / size)
        if np.isfinite(objective.values(beta[None, :])[0]):
            return beta
    family, link = objective.loss.family.label(), objective.loss.link.label()
    raise DataError(
        f"no coefficients give every row a mean that {family} with link {link} allows (each linear predictor must lie "
        f"between {low:g} and {high:g}): use a link that keeps the mean inside by itself, such as "
        f"'{objective.loss.family.default_link.label()}', or add an intercept"
    )
