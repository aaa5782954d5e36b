"""Where to start: the lowest finite objective among a few sensible β, or a point found inside the domain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nelder.errors import CapabilityError, DataError
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Triangle
from nelder.solvers.base import Step
from nelder.solvers.newton import scoring_steps

SCOUT = 25  # steps to look ahead from each start of an objective that may have several minima
SETTLED = 1e-8  # of φ: the squared Newton decrement at which such a look ahead has found a minimum
APART = 1e-6  # relative difference of two values that are not the same minimum
SHARES = (30.0, 10.0, 3.0, 1.0, 0.7, 0.3)  # of the way from a point inside the domain to another start
SAMPLE = 256  # rows from which exact fits to a few of them are drawn


@dataclass(frozen=True)
class Start:
    """A feasible β (p,), and the values of other minima that were met while looking for the lowest."""

    beta: Array
    others: tuple[float, ...] = ()


def start(objective: Objective) -> Start:
    """Where to start on this objective.

    Tried in one pass over the rows: the weighted least squares of R's first iteration, the constant mean, and zero.
    Where the objective may have several minima, exact fits to a few random rows are tried too, and the start is the one
    whose descent ends lowest. Raises DataError when no β gives every row a mean that the family and link allow.
    """
    if objective.is_quadratic:
        return Start(np.zeros(objective.design.p))
    best = usual(objective)
    if objective.is_convex or objective.design.wide:
        return Start(best[0])
    tried, kept = _effort(objective)
    more = np.vstack([_exact_fits(objective, tried), _scattered(objective, best[0], tried)])
    # those outside the domain are drawn towards a point inside, and others away from it, as valleys may be far
    along = [best[0] + share * (more - best[0]) for share in SHARES]
    return _lowest_end(objective, [*best, *_best(objective, np.vstack(along), kept)])


def usual(objective: Objective) -> Array:
    """The usual starts (k, p) that are feasible, lowest first; a point inside the domain where none is."""
    best = feasible(objective)
    return best if len(best) else _interior(objective)[None, :]


def feasible(objective: Objective) -> Array:
    """The same (k, p), none where none is."""
    candidates = np.array([*_least_squares(objective), *constant_mean(objective), np.zeros(objective.design.p)])
    return _best(objective, candidates, len(candidates))


def _best(objective: Objective, candidates: Array, kept: int) -> Array:
    """The candidates with the lowest objectives, lowest first, without those outside the domain."""
    values = objective.values(candidates)
    order = np.argsort(values, kind="stable")[:kept]
    return candidates[order[np.isfinite(values[order])]]


def _effort(objective: Objective) -> tuple[int, int]:
    """How many exact fits to evaluate, and how many of them to descend from: many where rows are few and cheap."""
    size = objective.design.n * objective.design.p
    return int(np.clip(1e6 / size, 2, 200)), int(np.clip(150 / objective.design.n, 2, 8))


def _exact_fits(objective: Objective, many: int) -> Array:
    """β (many, p) that give p random rows their own responses: some minima lie close to a few rows only."""
    if not many:
        return np.zeros((0, objective.design.p))
    try:
        parts = objective.sample(SAMPLE)
    except CapabilityError as refusal:
        pair = f"{objective.loss.family.label()} with link {objective.loss.link.label()}"
        raise CapabilityError(
            f"{pair} may have several minima, and the search for a start looks at single rows; give the solver one, "
            f"such as solver=nd.Newton(start=[…]). {refusal}"
        ) from None
    X, eta = (np.concatenate(part) for part in zip(*parts, strict=True))
    random = np.random.default_rng(0)
    p = objective.design.p
    rows = random.permuted(np.tile(np.arange(len(X)), (many, 1)), axis=1)[:, :p]
    return np.einsum("kpr,kr->kp", np.linalg.pinv(X[rows], rcond=1e-8), eta[rows])


def _scattered(objective: Objective, beta: Array, many: int) -> Array:
    """β (many, p) around this one, by up to several standard errors."""
    model = objective.quadratic(beta, Gram)
    if model.factored is None:
        return np.zeros((0, len(beta)))
    errors = np.sqrt(objective.dispersion_at(model.value)) * np.linspace(0.5, 4.0, many)
    draws = errors * np.random.default_rng(1).normal(size=(len(beta), many))
    return beta + model.factored.spread(draws).T


def _lowest_end(objective: Objective, starts: list[Array]) -> Start:
    """The start whose descent ends lowest, and the other minima that were met.

    All descend together, a step at a time; one that comes close to another goes on as that one.
    """
    scouts = [Scout(beta, scoring_steps(objective, beta, observed=True)) for beta in starts]
    begun = [scout.advance(objective) for scout in scouts]
    running = [scout for scout, alive in zip(scouts, begun, strict=True) if alive]
    ended = [scout for scout, alive in zip(scouts, begun, strict=True) if not alive]
    largest = max(scout.step.value for scout in running or scouts)
    scale = 1.0 if objective.loss.family.dispersion_known else APART * largest
    for _ in range(SCOUT):
        alive = [scout.advance(objective) for scout in running]
        ended += [scout for scout, going in zip(running, alive, strict=True) if scout.settled or not going]
        going = [scout for scout in running if scout not in ended]
        running = _told_apart(going)
        if not running:
            break
    ended = sorted([*ended, *running], key=lambda scout: scout.value)
    others = [ended[0].value]
    for scout in ended[1:]:
        if scout.settled and scout.value - others[-1] > APART * max(abs(scout.value), scale):
            others.append(scout.value)
    return Start(ended[0].begun, tuple(others[1:]))


def _told_apart(scouts: list[Scout]) -> list[Scout]:
    """Those that are not close to a lower one, on the scale of its curvature."""
    chosen: list[Scout] = []
    for scout in sorted(scouts, key=lambda scout: scout.value):
        if not any(other.near(scout.step.beta) for other in chosen):
            chosen.append(scout)
    return chosen


@dataclass(eq=False)
class Scout:
    """A look ahead along Newton's method from a start."""

    begun: Array
    steps: Iterator[Step]
    step: Step = field(init=False)
    value: float = np.inf
    unit: float = 0.0
    decrement: float = np.inf
    settled: bool = False

    def advance(self, objective: Objective) -> bool:
        """Take a step; False where that leaves the range of numbers."""
        self.step = next(self.steps)
        direction = self.step.model.newton() if self.step.model is not None else None
        if not self.step.finite or direction is None or self.step.stuck:
            return False
        self.value, self.unit = self.step.value, objective.dispersion_at(self.step.value)
        # small and shrinking fast: on a plateau it is small too, but does not shrink
        self.settled = direction.decrement <= min(SETTLED * self.unit, 0.1 * self.decrement)
        self.decrement = direction.decrement
        return True

    def near(self, beta: Array) -> bool:
        """Whether β is within a hundredth of a standard error of where this one stands."""
        assert self.step.model is not None
        away = beta - self.step.beta
        return float(away @ self.step.model.information @ away) <= 1e-4 * self.unit


def _least_squares(objective: Objective) -> list[Array]:
    forms = () if objective.design.wide else (Gram,) if objective.design.vast else (Gram, Triangle)
    for form in forms:
        model = objective.start(form)
        if isinstance(model, Gram) and not model.safe:
            continue
        direction = model.newton()
        if direction is not None and np.isfinite(direction.delta).all():
            return [direction.delta]
    return []


def constant_mean(objective: Objective) -> list[Array]:
    """The coefficients of the first constant column that fit best alone; where that is not known, those that give every
    row the mean response, ignoring the offset.
    """
    columns = np.flatnonzero(objective.design.constant)
    eta = objective.level_of(objective.mean_response) if objective.level is None else objective.level
    if not len(columns) or eta is None:
        return []
    beta = np.zeros(objective.design.p)
    beta[columns[0]] = eta / objective.design.constant[columns[0]]
    return [beta]


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
    other = objective.loss.unbounded_link
    instead = f"use link={other!r}, which keeps the mean inside by itself, or " if other else ""
    raise DataError(
        f"no coefficients give every row a mean that {family} with link {link} allows (each linear predictor must lie "
        f"between {low:g} and {high:g}): {instead}add an intercept"
    )
