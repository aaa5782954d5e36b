"""A fit under a score adjustment, from where it starts to how it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nelder.design import Block
from nelder.diagnosis import Diagnosis, IllConditioned, SeveralMinima
from nelder.endings.covariances import inverse
from nelder.endings.judging import ILL_CONDITIONED, Ending
from nelder.errors import CapabilityError, DataError
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.objective import Objective
from nelder.penalties import ScoreAdjustment, Unpenalised
from nelder.reduction.findings import NotReduced, SeveralRoots
from nelder.reduction.scoring import Move, Root, Search, root
from nelder.solvers import Newton, Reason, Solution, Solver, Tolerance, solve
from nelder.solvers.loop import Watcher, unwatched
from nelder.solvers.starts import usual

ADJUSTED_SCORING = "adjusted_scoring"
# standard errors from the maximum of the likelihood: near enough to begin, and not yet far on a way to infinity
NEAR = 1.0
MORE = 20  # steps from there in which a finite maximum is reached
CLOSE = 2.0  # standard errors a coefficient: a root so close to a maximum of the likelihood needs no second search
SAME = 1e-6  # standard errors between two searches that found the same root
AT_EDGE = 1e-10  # of the size of the linear predictor
EDGE = "it leads to the edge of the means allowed, where the adjusted score does not vanish"
RIVAL = 4.0  # of the penalised log-likelihood: another root that is so much lower is none to speak of


def reduced(
    objective: Objective, adjustment: ScoreAdjustment, solver: Solver | None, watch: Watcher
) -> tuple[Solution, Ending]:
    """The root of the adjusted score, judged. The design must have full column rank.

    Raises CapabilityError for a solver, for sampling weights, and for a quasi family where the adjustment needs a
    likelihood; DataError where no β gives every row a mean that is allowed, or nothing is left to estimate φ from.
    """
    refuse(objective, adjustment, solver)
    begun = beginning(objective)
    search = Search(objective, adjustment, np.arange(objective.design.p))
    found = roots(search, begun, watch)
    if not found:
        raise DataError(
            f"penalty '{adjustment.name}' finds no place to begin: the information is singular at every start; centre "
            "or rescale columns, or use fewer"
        )
    best = max(found, key=lambda each: merit(search, each))
    if best is not found[0]:  # which was watched
        best = inside(search, root(search, best.start, after(watch, found[0].steps + 1)))
        best = replace(best, steps=found[0].steps + 1 + best.steps)
    solution = Solution(Move(best.here).step, best.reason, best.decrement, best.steps)
    return solution, ending_of(search, best, found, begun)


def refuse(objective: Objective, adjustment: ScoreAdjustment, solver: Solver | None) -> None:
    """Raise CapabilityError for what the adjustment does not go together with."""
    if solver is not None:
        raise CapabilityError(
            f"solver '{solver.name}' descends on an objective, and penalty '{adjustment.name}' has none: it solves an "
            "adjusted score in its own way; leave out solver="
        )
    family = objective.loss.family
    if objective.sampling:
        raise CapabilityError(
            f"penalty '{adjustment.name}' adjusts the score by the variance of a model, which sampling weights do "
            "without: leave out penalty=, or take nd.frequency() or prior weights"
        )
    if adjustment.needs_likelihood and not family.has_likelihood:
        raise CapabilityError(
            f"penalty '{adjustment.name}' needs a distribution, and {family.label()} has only mean and variance: use "
            "penalty='firth', which needs no more"
        )


@dataclass(frozen=True)
class Beginning:
    """The maximum of the likelihood, or None where no finite one was reached; a place on the way there; half the
    deviance where that way ended, and the values of other minima that were met.
    """

    maximum: Array | None
    near: Array
    lowest: float
    minima: tuple[float, ...]


def beginning(objective: Objective) -> Beginning:
    """What the likelihood alone says, for a start: it is left before it could run far to infinity."""
    plain = replace(objective, penalty=Unpenalised())
    near = solve(plain, Newton(), tolerance=Tolerance(errors=NEAR))
    there = solve(plain, Newton(start=near.step.beta.tolist(), max_steps=MORE))
    return Beginning(there.step.beta if there.converged else None, near.step.beta, there.step.value, near.others)


def starts(objective: Objective, begun: Beginning) -> Iterator[Array]:
    """Where to begin, best first."""
    yield begun.near if begun.maximum is None else begun.maximum
    yield from usual(replace(objective, penalty=Unpenalised()))


def roots(search: Search, begun: Beginning, watch: Watcher) -> list[Root]:
    """Where searches ended, the first of them watched; that alone, where it is close to the maximum of the likelihood.

    One that arrives at a root that is known goes no further.
    """
    found: list[Root] = []
    for start in starts(search.objective, begun):
        here = search.at(start)
        if here is None:
            continue
        known = tuple(each.here for each in found if each.converged)
        ended = inside(search, root(replace(search, known=known), here, unwatched if found else watch))
        found.append(ended)
        close = begun.maximum is not None and ended.here.errors_from(begun.maximum) <= CLOSE * np.sqrt(len(start))
        if ended.reason is Reason.INTERRUPTED or (ended.converged and close):
            break
    return found


def inside(search: Search, ended: Root) -> Root:
    """The same, without a claim to have converged where rows are at the edge of the means allowed: information grows
    there without limit, so that any score seems small beside it.
    """
    objective = search.objective
    rows = objective.over_rows(edge_kernel, ended.here.beta, objective.loss)
    return replace(ended, reason=Reason.NO_ROOT, decrement=float("nan")) if rows else ended


def edge_kernel(block: Block, beta: Array, loss: Loss) -> int:
    """How many rows have a mean at the edge of those allowed."""
    eta, size, count = block.eta(beta), float(block.magnitude(beta).max()), 0
    for end in loss.bounds:
        if np.isfinite(end):
            count += int(np.sum(np.abs(eta - end) < AT_EDGE * max(size, abs(end))))
    return count


def after(watch: Watcher, before: int) -> Watcher:
    """The same watcher, for a search that counts its steps on from another."""
    return lambda number, step, decrement: watch(before + number, step, decrement)


def merit(search: Search, ended: Root) -> tuple[bool, float]:
    """What decides between searches: whether it converged; then the penalised likelihood, that of Jeffreys' prior where
    the adjustment has none of its own, with a dispersion that is not known at its best.
    """
    here, loss = ended.here, search.objective.loss
    if not ended.converged:
        return False, -float(np.nan_to_num(ended.errors, nan=np.inf))
    power = search.adjustment.determinant_power(loss.link == loss.family.canonical) or 0.5
    value, prior = here.model.value, power * here.log_determinant
    if loss.family.dispersion_known:
        return True, prior - value
    least = np.finfo(float).tiny
    fit = -0.5 * search.objective.design.n * np.log(max(value, least))
    return True, prior + float(fit - power * len(here.beta) * np.log(max(here.phi, least)))


def rivals(search: Search, best: Root, found: Sequence[Root]) -> list[Root]:
    """Other roots that are nearly as good as the best."""
    least, others = merit(search, best)[1] - RIVAL, [best]
    for each in found:
        fresh = all(other.here.errors_from(each.here.beta) > SAME for other in others)
        if each.converged and fresh and merit(search, each)[1] > least:
            others.append(each)
    return others[1:]


def ending_of(search: Search, best: Root, found: Sequence[Root], begun: Beginning) -> Ending:
    """How the best of some searches ended, and what to say about it."""
    objective, here, name = search.objective, best.here, search.adjustment.name
    findings: tuple[Diagnosis, ...] = ()
    condition = float(np.sqrt(here.factored.condition))
    if not best.converged:
        reason = best.reason.value if np.isfinite(best.errors) else EDGE
        findings = (NotReduced(name, best.steps, best.errors, reason),)
    elif condition > ILL_CONDITIONED:
        findings = (IllConditioned(condition),)
    others = tuple(2 * each.here.model.value for each in rivals(search, best, found)) if best.converged else ()
    if others:
        findings += (SeveralRoots(name, 2 * here.model.value, others),)
    elif begun.minima:
        findings += (SeveralMinima(2 * begun.lowest, tuple(2 * value for value in begun.minima)),)
    covariance = inverse(objective, here.beta, here.model)
    known = np.ones(objective.design.p, dtype=bool)
    return Ending(here.beta, known, best.reason, findings, here.model, covariance, dispersion=here.phi)
