"""How a fit ended: at a finite optimum, at infinity, or nowhere; and what to say about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Ray
from nelder.diagnosis import Boundary, Diagnosis, Diverged, IllConditioned, NotConverged, Separated
from nelder.diagnostics.edges import find_edge
from nelder.diagnostics.separation import Separation, find_separation
from nelder.linalg import Array, independent_columns, largest_eigenvalue
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.quadratic import Direction, Gram, Quadratic
from nelder.ranks import rank_of_rows, selected
from nelder.solvers import Newton, Reason, Solution, Solver, solve
from nelder.solvers.newton import best_model, precise_model

ENDLESS = 1e-3  # a relative change of slopes and variances that no last step makes at a finite optimum
NEARLY_NOTHING, NOTHING = 1e-3, 1e-8  # what a last step may be worth, in squared standard errors
ILL_CONDITIONED = 1e10  # of the weighted unit-norm design: six certain digits


@dataclass(frozen=True)
class Ending:
    """Where it ended: β (p,) or a ray, which coefficients are finite and known (p,), the reason, findings, last model
    and unscaled covariance (p, p), nan where there is none.
    """

    point: Array | Ray
    identified: NDArray[np.bool_]
    reason: Reason
    findings: tuple[Diagnosis, ...]
    last: Quadratic
    covariance: Array

    @property
    def certified(self) -> bool:
        """Whether the point is an optimum with finite coefficients."""
        return self.reason in (Reason.CONVERGED, Reason.AT_EDGE)


def ending(objective: Objective, solver: Solver, solution: Solution) -> Ending:
    """Judge the last step of a solver: certify the optimum, or find out why there is none."""
    beta = solution.step.beta
    last = precise_model(objective, beta)
    everything = np.ones(objective.design.p, dtype=bool)
    change = change_of_means(objective, solution, last)
    doubtful = suspicious(objective, solution, change)
    if doubtful:
        separation = find_separation(objective)
        if separation is not None:
            return at_infinity(objective, separation)
    if np.isfinite(objective.loss.bounds).any() and (doubtful or len(edge_rows(objective, beta))):
        edge = find_edge(objective, beta)
        if edge is not None:
            finding = Boundary(len(edge.rows), tuple(edge.rows[:5].tolist()))
            last = precise_model(objective, edge.beta)
            return Ending(edge.beta, everything, Reason.AT_EDGE, (finding,), last, edge.covariance)
    findings = findings_of(objective, solver, solution, last, change)
    lost = any(isinstance(finding, NotConverged) for finding in findings)
    reason = Reason.UNSETTLED if solution.converged and lost else solution.reason
    return Ending(beta, everything, reason, findings, last, inverse(last))


def inverse(last: Quadratic) -> Array:
    """The inverse information (p, p), nan where it is singular."""
    p = len(last.gradient)
    return last.factored.inverse() if last.factored is not None else np.full((p, p), np.nan)


def suspicious(objective: Objective, solution: Solution, change: float) -> bool:
    """Whether the end of a fit calls for a search for separation: no optimum where a good solver should find one."""
    if objective.penalty.strength(objective.free).any():
        return False
    if not solution.converged and solution.step.model is not None:
        return True
    return change >= ENDLESS


def findings_of(
    objective: Objective, solver: Solver, solution: Solution, last: Quadratic, change: float
) -> tuple[Diagnosis, ...]:
    """What is wrong with the last step."""
    if solver.fixed_rate is not None and not solution.converged:
        largest = largest_rate(objective)
        if solution.reason is Reason.DIVERGED or solver.fixed_rate > largest:
            exploded = solution.reason is Reason.DIVERGED
            return (Diverged(solver.name, solver.fixed_rate, solution.steps, largest, exploded),)
    direction = last.newton()
    if direction is None:
        return (NotConverged(solver.name, solution.steps, np.inf, "the information is singular there"),)
    if change >= ENDLESS and (solution.converged or worth(objective, solution, direction) < NOTHING):
        return (NotConverged(solver.name, solution.steps, np.nan, Reason.UNSETTLED.value),)
    if not solution.converged:
        # φ as it would be at the optimum, which the decrement says is so much lower
        phi = objective.dispersion_at(max(solution.step.value - direction.decrement / 2, np.finfo(float).tiny))
        errors = float(np.sqrt(direction.decrement / phi))
        return (NotConverged(solver.name, solution.steps, errors, solution.reason.value),)
    condition = float(np.sqrt(last.factored.condition)) if last.factored is not None else np.inf
    return (IllConditioned(condition),) if condition > ILL_CONDITIONED else ()


def edge_rows(objective: Objective, beta: Array) -> NDArray[np.integer]:
    """The rows whose η is at a finite end of the interval that link and family allow, to a millionth of its size."""
    bounds, found, before = objective.loss.bounds, [np.zeros(0, dtype=np.intp)], 0
    for block in objective.design.handles:
        eta, size = block.eta(beta), block.magnitude(beta)
        scale = max(float(size.max(initial=0.0)), np.finfo(float).tiny)
        near = [np.abs(eta - end) < 1e-6 * max(scale, abs(end)) for end in bounds if np.isfinite(end)]
        if near:
            found.append(before + np.flatnonzero(np.any(near, axis=0)))
        before += block.n
    return np.concatenate(found)


def change_of_means(objective: Objective, solution: Solution, last: Quadratic) -> float:
    """The largest relative change that a further step δ, worth next to nothing, would make to slopes and variances.

    At a finite optimum it is rounding; where means run to their limits, every step changes them by the same factor
    again. Zero where such a step is still worth something, and so says nothing.
    """
    direction = last.newton()
    if direction is None or not (solution.converged or worth(objective, solution, direction) < NEARLY_NOTHING):
        return 0.0
    change = 0.0
    for block in objective.design.handles:
        for rows in block.slices():
            mean = Mean(objective.loss.link, rows.eta(solution.step.beta))
            with np.errstate(all="ignore"):
                bend = np.abs(mean.curvature) + np.abs(objective.loss.family.log_variance_slope(mean))
                factor = np.abs(rows.dense() @ direction.delta) * bend
            change = max(change, float(factor[np.isfinite(factor)].max(initial=0.0)))
    return change


def worth(objective: Objective, solution: Solution, direction: Direction) -> float:
    """The squared Newton decrement in units of φ."""
    return direction.decrement / max(objective.dispersion_at(solution.step.value), np.finfo(float).tiny)


def at_infinity(objective: Objective, separation: Separation) -> Ending:
    """The limiting fit: separated rows are predicted perfectly, and what the others say of the coefficients is kept.

    The other rows have a finite optimum, because the direction moves every row that any direction can (Geyer 2009).
    """
    p, names = objective.design.p, objective.design.names
    rows = np.flatnonzero(np.concatenate(separation.rows))
    others = objective.without(rows)
    kept, combination = independent_columns(rank_of_rows(others))
    base, covariance = np.zeros(p), np.zeros((p, p))
    more: tuple[Diagnosis, ...] = ()
    if kept.any():
        small = replace(others, design=selected(others, kept))
        inner = ending(small, Newton(), solve(small, Newton()))
        assert not isinstance(inner.point, Ray)
        base[kept], covariance[np.ix_(kept, kept)], more = inner.point, inner.covariance, inner.findings
    free = np.eye(p)[:, ~kept] - combination[:, ~kept]
    identified = ~np.any(np.abs(free) > 1e-9 * np.abs(free).max(axis=0, initial=1e-300), axis=1)
    size = np.abs(separation.direction).max()
    direction = np.where(identified, 0.0, separation.direction / size)
    ray = Ray(base, direction, covariance)
    moving = [j for j in np.argsort(-np.abs(direction), kind="stable").tolist() if direction[j] != 0]
    finding = Separated(
        tuple(names[j] for j in moving),
        tuple(float(direction[j]) for j in moving),
        separation.count,
        tuple(rows[:5].tolist()),
    )
    return Ending(ray, identified, Reason.AT_INFINITY, (finding, *more), precise_model(objective, base), covariance)


def largest_rate(objective: Objective) -> float:
    """2/λmax of the information at the optimum, which Newton's method finds."""
    solution = solve(objective, Newton())
    information = best_model(objective, solution.step.beta, observed=False, form=Gram).information
    return 2.0 / largest_eigenvalue(information)
