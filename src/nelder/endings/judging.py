"""How a fit ended: at a finite optimum, at infinity, or nowhere; and what to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Variances
from nelder.closing import FAINT, Closing, ClosingGram, bend
from nelder.design import Block, Ray
from nelder.diagnosis import (
    Boundary,
    Diagnosis,
    Diverged,
    IllConditioned,
    NotConverged,
    Runaway,
    Separated,
    SeveralMinima,
)
from nelder.endings.covariances import TINY, inverse
from nelder.endings.edges import Edge, find_edge
from nelder.endings.separation import (
    FOLLOWS,
    Separation,
    along_step,
    find_separation,
    fixed_by,
    refuse_separated_levels,
    straightened,
)
from nelder.errors import CapabilityError
from nelder.kernels import ROUNDING, Totals, squares_kernel
from nelder.linalg import Array, independent_columns
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.quadratic import Direction, Gram, Implicit, Quadratic, Triangle, steepest
from nelder.ranks import rank_of_rows, selected
from nelder.solvers import Newton, Reason, Solution, Solver, Tolerance, solve
from nelder.solvers.newton import best_model, model_of, precise_model

ENDLESS = 1e-3  # a relative change of slopes and variances that no last step makes at a finite optimum
SETTLED = 1e-8  # and one that leaves slopes, variances and so standard errors as they are
NEARLY_NOTHING, NOTHING = 1e-3, 1e-8  # what a last step may be worth, in squared standard errors
PERFECT = 64.0  # times what rounding in η makes of half a deviance
ILL_CONDITIONED = 1e10  # of the weighted unit-norm design: six certain digits


@dataclass(frozen=True)
class Ending:
    """Where it ended: β (p,) or a ray, which coefficients are finite and known (p,), the reason, findings, last model
    and unscaled covariance (p, p), or variances alone, nan where there is none; φ, where it was found along with β, and
    totals, where they were summed.
    """

    point: Array | Ray
    identified: NDArray[np.bool_]
    reason: Reason
    findings: tuple[Diagnosis, ...]
    last: Quadratic
    covariance: Array | Variances
    signed: NDArray[np.bool_] | None = None  # which infinite coefficients have a sign (p,)
    unique: bool = True  # whether a ray is the only one
    dispersion: float | None = None
    totals: Totals | None = None

    @property
    def certified(self) -> bool:
        """Whether the point is an optimum with finite coefficients."""
        return self.reason in (Reason.CONVERGED, Reason.AT_EDGE)


def ending(objective: Objective, solver: Solver, solution: Solution) -> Ending:
    """Judge the last step of a solver: certify the optimum, or find out why there is none."""
    last, seen = standing(objective, solution)
    doubtful = suspicious(objective, solution, last, seen)
    end = searched(objective, solution, last) if doubtful else None
    if end is not None:
        return end
    cut = solution.reason is Reason.CUT_SHORT
    if np.isfinite(objective.loss.bounds).any() and (doubtful or cut or len(edge_rows(objective, solution.step.beta))):
        edge = find_edge(objective, solution.step.beta)
        if isinstance(edge, Edge):
            return at_edge(objective, edge)
        if edge is not None and cut:
            solution = past_edges(objective, solver, solution, edge)
            last, seen = standing(objective, solution)
    if solution.converged and seen.change >= SETTLED:
        solution = further(objective, solver, solution)
        last, seen = standing(objective, solution)
        solution = replace(solution, reason=Reason.CONVERGED) if seen.change < SETTLED else solution
    findings = findings_of(objective, solver, solution, last, seen.change)
    if solution.others:
        findings += (SeveralMinima(2 * solution.step.value, tuple(2 * value for value in solution.others)),)
    lost = any(isinstance(finding, NotConverged) for finding in findings)
    reason = Reason.UNSETTLED if solution.converged and lost else solution.reason
    beta, everything = solution.step.beta, np.ones(objective.design.p, dtype=bool)
    return Ending(beta, everything, reason, findings, last, inverse(objective, beta, last), totals=seen.totals)


def standing(objective: Objective, solution: Solution) -> tuple[Quadratic, Closing]:
    """The model that errors are read off at the last step, and what the rows show there."""
    last = model_of(objective, solution.step)
    return last, seen_at(objective, solution, last)


def at_edge(objective: Objective, edge: Edge) -> Ending:
    """The end at an optimum that rows at the edge of the domain hold."""
    finding = Boundary(len(edge.rows), tuple(edge.rows[:5].tolist()), objective.loss.unbounded_link)
    last, everything = precise_model(objective, edge.beta), np.ones(len(edge.beta), dtype=bool)
    return Ending(edge.beta, everything, Reason.AT_EDGE, (finding,), last, edge.covariance)


def past_edges(objective: Objective, solver: Solver, solution: Solution, clear: Array) -> Solution:
    """On from a point (p,) to which descent along the edges has led, where they had cut every step short."""
    more = solve(objective, replace(solver, start=clear.tolist()))
    better = more.converged or more.step.value < solution.step.value
    return replace(more if better else solution, steps=solution.steps + more.steps, others=solution.others)


def searched(objective: Objective, solution: Solution, last: Quadratic) -> Ending | None:
    """`without_optimum`, which looks at rows: where they may not be had, a solver that was cut short is not judged by
    them, as that it has not converged is said in any case.
    """
    try:
        return without_optimum(objective, solution.step.beta, last)
    except CapabilityError:
        if objective.engine.holds_rows or solution.reason not in (Reason.INTERRUPTED, Reason.LIMIT):
            raise
        return None


def without_optimum(objective: Objective, beta: Array, last: Quadratic) -> Ending | None:
    """The limiting fit where the maximum lies at infinity, else None."""
    if objective.design.vast:
        refuse_separated_levels(objective)
        return None
    end = pointed_at(objective, last)
    if end is not None:
        return end
    separation = find_separation(objective)
    if separation is not None:
        return at_infinity(objective, separation, Separated)
    return None if objective.is_convex else runaway(objective, beta, last)


def is_perfect(objective: Objective, end: Ending) -> bool:
    """Whether the deviance is nothing but rounding where φ would be estimated from it."""
    known = objective.loss.family.dispersion_known
    return not known and end.last.value <= PERFECT * end.last.noise


def further(objective: Objective, solver: Solver, solution: Solution) -> Solution:
    """On from a point that is near in standard errors but not in means, until only rounding is left.

    A mean of 1e-16 has a standard error so wide that a tiny part of it is still a change of the mean.
    """
    begun = replace(solver, start=solution.step.beta.tolist())
    more = solve(objective, begun, tolerance=Tolerance(errors=0.0))
    return replace(more, steps=solution.steps + more.steps, others=solution.others)


def suspicious(objective: Objective, solution: Solution, last: Quadratic, seen: Closing) -> bool:
    """Whether the end of a fit calls for a search for separation: no optimum where a good solver should find one, or
    rows that run to a limit so far that rounding drowns what they say, and hold a direction that others do not.
    """
    if objective.holds or solution.reason is Reason.INTERRUPTED:
        return False
    drowned = seen.nearest < FAINT and isinstance(last, Triangle)
    return not solution.converged or seen.change >= ENDLESS or seen.nearest == 0 or drowned


def findings_of(
    objective: Objective, solver: Solver, solution: Solution, last: Quadratic, change: float
) -> tuple[Diagnosis, ...]:
    """What is wrong with the last step."""
    if solver.fixed_rate is not None and not solution.converged:
        largest = largest_rate(objective)
        if solution.reason is Reason.DIVERGED or solver.fixed_rate > largest:
            exploded = solution.reason is Reason.DIVERGED
            return (Diverged(solver.name, solver.fixed_rate, solution.steps, largest, exploded),)
    if isinstance(last, Implicit) and solution.converged:
        return ()
    direction = last.newton()
    if direction is None:
        lost = solution.reason is Reason.NOT_FINITE
        why = solution.reason.value if lost else "the information is singular there"
        return (NotConverged(solver.name, solution.steps, np.inf, why),)
    if change >= ENDLESS and (solution.converged or worth(objective, solution, direction) < NOTHING):
        return (NotConverged(solver.name, solution.steps, np.nan, Reason.UNSETTLED.value),)
    if not solution.converged:
        # φ as it would be at the optimum, which the decrement says is so much lower
        phi = objective.dispersion_at(max(solution.step.value - direction.decrement / 2, TINY))
        errors = float(np.sqrt(direction.decrement / phi))
        limited = solution.reason is Reason.LIMIT
        return (NotConverged(solver.name, solution.steps, errors, solution.reason.value, limited),)
    condition = float(np.sqrt(last.factored.condition)) if last.factored is not None else np.inf
    return (IllConditioned(condition),) if condition > ILL_CONDITIONED else ()


def edge_rows(objective: Objective, beta: Array) -> NDArray[np.integer]:
    """The rows whose η is at a finite end of the interval that link and family allow, to a millionth of its size."""
    ends = [end for end in objective.loss.bounds if np.isfinite(end)]
    if not ends:
        return np.zeros(0, dtype=np.intp)
    handles = objective.design.handles
    found = objective.engine.map(edge_kernel, handles, beta, ends)
    begins = np.cumsum([0, *objective.design.counts])
    return np.concatenate([begin + rows for begin, rows in zip(begins, found, strict=False)])


def edge_kernel(block: Block, beta: Array, ends: Sequence[float]) -> NDArray[np.integer]:
    """Which rows of a block have their η at one of these ends."""
    eta, size = block.eta(beta), block.magnitude(beta)
    scale = max(float(size.max(initial=0.0)), TINY)
    near = [np.abs(eta - end) < 1e-6 * max(scale, abs(end)) for end in ends]
    return np.flatnonzero(np.any(near, axis=0))


def seen_at(objective: Objective, solution: Solution, last: Quadratic) -> Closing:
    """What the rows show at the last step; its `change` is what a further step δ, worth next to nothing, would make.

    At a finite optimum it is rounding; where means run to their limits, every step changes them by the same factor
    again. Zero where such a step is still worth something, and so says nothing.
    """
    beta, seen = solution.step.beta, last.closing if isinstance(last, ClosingGram) else solution.step.closing
    if isinstance(last, Implicit):  # a penalty holds every coefficient, so that nothing runs to a limit
        return objective.closing(beta, np.zeros_like(beta))
    direction = last.newton()
    telling = direction is not None and (solution.converged or worth(objective, solution, direction) < NEARLY_NOTHING)
    if seen is not None and direction is not None and telling and isinstance(last, Gram):
        bound = seen.change * float(np.sqrt(direction.decrement))
        if bound < SETTLED:
            return Closing(objective.completed(seen.totals, beta), bound, seen.nearest)
    delta = direction.delta if direction is not None and telling else np.zeros_like(beta)
    return objective.closing(beta, delta, isinstance(last, Triangle))


def blurred(objective: Objective, beta: Array) -> float:
    """The relative change of the information that rounding in η alone can make at β, on average over its weights."""
    change, total = objective.over_rows(blurred_kernel, beta, objective.loss)
    return float(change / total) if total > 0 else 0.0


def blurred_kernel(block: Block, beta: Array, loss: Loss) -> Array:
    """The sums of which that is the ratio."""
    total = np.zeros(2)
    with np.errstate(all="ignore"):
        for rows in block.slices():
            mean = Mean(loss.link, rows.eta(beta))
            weight = rows.weight * loss.family.expected_weight(mean)
            bent = bend(mean, loss)
            known = np.isfinite(weight) & np.isfinite(bent)
            total += (weight[known] @ (bent * ROUNDING * rows.magnitude(beta))[known], weight[known].sum())
    return total


def worth(objective: Objective, solution: Solution, direction: Direction) -> float:
    """The squared Newton decrement in units of φ."""
    return direction.decrement / max(objective.dispersion_at(solution.step.value), TINY)


def at_infinity(objective: Objective, separation: Separation, finding: type[Separated] | type[Runaway]) -> Ending:
    """The limiting fit: the means of separated rows are at their limits, and what the others say of the coefficients is
    kept.

    Under separation the others have a finite optimum, because the direction moves every row that any can (Geyer 2009).
    """
    p, names = objective.design.p, objective.design.names
    others = objective.without(np.flatnonzero(np.concatenate(separation.rows)))
    kept, combination = independent_columns(rank_of_rows(others))
    units = np.sqrt(objective.over_rows(squares_kernel))[:, None]
    free = units * (np.eye(p)[:, ~kept] - combination[:, ~kept])
    identified = ~np.any(np.abs(free) > 1e-9 * np.abs(free).max(axis=0, initial=1e-300), axis=1)
    size = np.abs(separation.direction).max()
    ray = Ray(np.zeros(p), np.where(identified, 0.0, separation.direction / size), np.zeros((p, p)))
    signed, unique = separation.signed.copy(), separation.unique
    more: tuple[Diagnosis, ...] = ()
    if kept.any():
        small = replace(others, design=selected(others, kept))
        inner = ending(small, Newton(), solve(small, Newton()))
        assert not isinstance(inner.covariance, Variances)  # so many columns are not searched for separation
        ray = joined(objective, ray, inner.point, kept, inner.covariance)
        identified[kept] &= inner.identified
        signed[kept] &= True if inner.signed is None else inner.signed
        unique &= inner.unique
        more = tuple(note for note in inner.findings if not isinstance(note, Separated | Runaway))
        finding = Runaway if any(isinstance(note, Runaway) for note in inner.findings) else finding
    rows = np.flatnonzero(np.isinf(np.concatenate([ray.eta(block) for block in objective.design.handles])))
    moving = [j for j in np.argsort(-np.abs(ray.direction), kind="stable").tolist() if ray.direction[j] != 0]
    shares = tuple(float(ray.direction[j]) for j in moving)
    still = np.flatnonzero(~identified & (ray.direction == 0)).tolist()  # along this ray, and not along all
    unsigned = tuple(names[j] for j in [*moving, *still] if not signed[j])
    found = finding(tuple(names[j] for j in moving), shares, len(rows), tuple(rows[:5].tolist()), unsigned)
    last = precise_model(objective, ray.base)
    return Ending(ray, identified, Reason.AT_INFINITY, (found, *more), last, ray.covariance, signed, unique)


def joined(objective: Objective, ray: Ray, inner: Array | Ray, kept: NDArray[np.bool_], covariance: Array) -> Ray:
    """The ray with what was found of the other rows, which know the columns kept: β, or a slower ray of their own."""
    p = len(kept)
    base, spread, second = np.zeros(p), np.zeros((p, p)), np.zeros(p)
    base[kept] = inner.base if isinstance(inner, Ray) else inner
    spread[np.ix_(kept, kept)] = covariance
    if not isinstance(inner, Ray):
        return Ray(base, ray.direction, spread)
    second[kept] = inner.direction
    # so slow that no row of the first direction turns round
    slow = 1.0
    for block in objective.design.handles:
        first, along = np.abs(block.along(ray.direction)), np.abs(block.along(second))
        moved = np.isinf(ray.eta(block)) & (along > 0)
        slow = min(slow, 0.5 * float(np.min(first[moved] / along[moved], initial=np.inf)))
    return Ray(base, ray.direction + slow * second, spread)


def pointed_at(objective: Objective, last: Quadratic) -> Ending | None:
    """The limit along the last step, where that is a direction of separation and what it leaves is certified."""
    newton = last.newton()
    separation = along_step(objective, newton.delta) if newton is not None else None
    if separation is None:
        return None
    end = at_infinity(objective, separation, Separated)
    return None if any(isinstance(finding, NotConverged) for finding in end.findings) else end


def runaway(objective: Objective, beta: Array, last: Quadratic) -> Ending | None:
    """The limit of the direction in which the last step points, if it is no worse than where that step stands.

    Where the objective is not convex it may fall towards infinity though some rows object: their loss has a bound.
    """
    newton = last.newton()
    ahead = beta if newton is None else newton.delta
    along = [block.along(ahead) for block in objective.design.handles]
    longest = max((float(np.max(np.abs(part), initial=0.0)) for part in along), default=0.0)
    masks = tuple(np.abs(part) > FOLLOWS * longest for part in along)
    low, high = objective.loss.bounds
    if any(leaves(part[mask], low, high) for part, mask in zip(along, masks, strict=True)):
        return None
    whole = rank_of_rows(objective)
    separation = straightened(ahead, masks, whole, fixed_by(objective, whole, [~mask for mask in masks]))
    if separation is None:
        return None
    end = at_infinity(objective, separation, Runaway)
    better = objective.totals(end.point).deviance <= 2 * last.value * (1 + 1e-9)
    return end if better else None


def leaves(along: Array, low: float, high: float) -> bool:
    """Whether η that moves like this (n,) comes to a finite end of its interval."""
    return bool((np.isfinite(high) and (along > 0).any()) or (np.isfinite(low) and (along < 0).any()))


def largest_rate(objective: Objective) -> float:
    """2/λmax of the information at the optimum, which Newton's method finds."""
    solution = solve(objective, Newton())
    return 2.0 / steepest(best_model(objective, solution.step.beta, observed=False, form=Gram))
