"""Newton's method for many rows: a fit to a sample of them, gradients of all, and one Gram of all at the end.

The score of all rows decides where the optimum is; an information only says how to get there, and that of a sample
says it nearly as well for a fraction of the price (Byrd, Chin, Neveitt & Nocedal 2011).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nelder.errors import DataError
from nelder.kernels import Slope
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.parts import Dense
from nelder.quadratic import Gram, Quadratic
from nelder.solvers.base import Solver, Step
from nelder.solvers.lbfgs import gradient_steps
from nelder.solvers.loop import solve
from nelder.solvers.newton import Newton, scoring_steps
from nelder.solvers.search import enough

SHARES = (0.01, 0.08)  # of the rows are sampled first, and then for the information that leads on
PER_COLUMN = 40  # at least so many rows for each column
WORTH_IT = 5e7  # multiply-adds of a Gram, below which all rows are as cheap as a sample
CHORDS = 4
NEAR = 1e-6  # squared distance in standard errors from which one Newton step is the last


@dataclass(frozen=True)
class SampledNewton(Solver):
    """L-BFGS on all rows, preconditioned by the information of a sample fitted first, then Newton's method.

    Where the sample has no optimum of its own, as under separation, it is Newton's method on all rows from the start.
    """

    name = "sampled_newton"
    begun: Array | None = None
    sample: Objective | None = None

    @property
    def prepared(self) -> Array | None:
        return self.begun

    def refusal(self, objective: Objective) -> str | None:
        wide = f"solver {self.name!r} takes an information of {objective.design.p} columns: use solver='lbfgs'"
        return wide if objective.design.wide else None

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        sample = self.sample or sample_of(objective, SHARES[1])
        metric = scaled(objective, sample, beta)
        if metric.safe:
            last = yield from passed_on(descent(objective, beta, metric))
            last = (yield from passed_on(chords(objective, sample, last))) or last
            beta = last.beta
        yield from scoring_steps(objective, beta, observed=False)


def passed_on(steps: Iterator[Step]) -> Generator[Step, None, Any]:
    """The same steps, and the last of them for the caller; None where there are none."""
    last = None
    for last in steps:
        yield last
    return last


def descent(objective: Objective, beta: Array, metric: Gram) -> Iterator[Step]:
    """Steps by gradients until one more would be near enough; that one ends with a model of all rows."""
    assert metric.factored is not None
    seen = [np.inf]  # squared distances, by the metric

    def look(at: Array) -> Slope | Quadratic:
        shrinking = min(seen[-1] / seen[-2], 1.0) if len(seen) > 2 else 1.0
        near = seen[-1] * shrinking <= NEAR * scale
        return objective.quadratic(at, Gram) if near else objective.slope(at)

    scale = 1.0
    for step in gradient_steps(look, objective, beta, metric.factored.solve):
        yield replace(step, metric=metric)
        seen.append(metric.decrement(step.gradient))
        scale = objective.dispersion_at(step.value)
        if step.stuck or step.model is not None:
            return


def chords(objective: Objective, sample: Objective, last: Step) -> Iterator[Step]:
    """Newton's steps with one and the same expected information, while it is safe and each step is enough.

    The information moves with β by what the sample says it does: by next to nothing, but standard errors show it.
    """
    beta, model = last.beta, last.model
    if not isinstance(model, Gram):
        return
    begun, before = model.information, scaled(objective, sample, beta).information
    for _ in range(CHORDS):
        direction = model.newton() if model.safe else None
        if direction is None:
            return
        beta = beta + direction.delta
        ahead = objective.slope(beta)
        if not enough(model.value, ahead.value, direction.decrement, model.blur):
            return
        information = begun + (scaled(objective, sample, beta).information - before)
        model = replace(model, value=ahead.value, gradient=ahead.gradient, information=information)
        yield Step(beta, model.value, model.gradient, model)


def sample_of(objective: Objective, share: float) -> Objective:
    """The objective on that share of the rows, and not on too few for its columns."""
    rows = objective.design.rows
    return objective.sampled(min(rows, max(round(share * rows), PER_COLUMN * objective.design.p)))


def from_sample(objective: Objective) -> Solver:
    """This solver, starting where a sample has its optimum; Newton's method where it has none or is no start."""
    try:
        solution = solve(sample_of(objective, SHARES[0]), Newton())
    except DataError:
        return Newton()
    if not solution.converged:
        return Newton()
    sample = sample_of(objective, SHARES[1])
    direction = sample.quadratic(solution.step.beta, Gram).newton()
    return Newton() if direction is None else SampledNewton(begun=solution.step.beta + direction.delta, sample=sample)


def scaled(objective: Objective, sample: Objective, beta: Array) -> Gram:
    """The model of a sample at β, for as many rows as there are."""
    model = sample.quadratic(beta, Gram)
    assert isinstance(model, Gram)
    ratio = objective.design.n / sample.design.n
    return replace(
        model, gradient=ratio * model.gradient, information=ratio * model.information, noise=ratio * model.noise
    )


def pays(objective: Objective) -> bool:
    """Whether a sample is so much smaller than the data that it saves time."""
    design = objective.design
    dense = all(isinstance(part, Dense) for block in design.handles for part in block.parts)
    worth = design.rows * design.p**2 > WORTH_IT and design.rows > 8 * PER_COLUMN * design.p
    return worth and dense and objective.is_convex and not objective.is_quadratic
