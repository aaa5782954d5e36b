"""Newton's method for many rows: a fit to a sample of them, gradients of all, and one Gram of all at the end.

The score of all rows decides where the optimum is; an information only says how to get there, and that of a sample
says it nearly as well for a fraction of the price (Byrd, Chin, Neveitt & Nocedal 2011).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nelder.errors import DataError
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.parts import Dense
from nelder.quadratic import Gram
from nelder.solvers.base import Solver, Step
from nelder.solvers.lbfgs import gradient_steps
from nelder.solvers.loop import solve
from nelder.solvers.newton import Newton, scoring_steps
from nelder.solvers.search import enough

SHARE = 0.03  # of the rows are sampled, and
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

    @property
    def prepared(self) -> Array | None:
        return self.begun

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        metric = scaled(objective, beta)
        factored = metric.factored if metric is not None else None
        if metric is not None and factored is not None:
            for step in gradient_steps(objective, beta, factored.solve):
                yield replace(step, metric=metric)
                beta = step.beta
                if step.stuck or metric.decrement(step.gradient) <= NEAR * objective.dispersion_at(step.value):
                    break
            yield from chords(objective, beta)
        yield from scoring_steps(objective, beta, observed=False)


def chords(objective: Objective, beta: Array) -> Iterator[Step]:
    """Newton's steps with one and the same expected information, while it is safe and each step is enough."""
    model = objective.quadratic(beta, Gram)
    yield Step(beta, model.value, model.gradient, model)
    for _ in range(CHORDS):
        direction = model.newton()
        if not isinstance(model, Gram) or not model.safe or direction is None:
            return
        ahead = objective.slope(beta + direction.delta)
        if not enough(model.value, ahead.value, direction.decrement, model.blur):
            return
        beta = beta + direction.delta
        model = replace(model, value=ahead.value, gradient=ahead.gradient)
        yield Step(beta, model.value, model.gradient, model)


def sample_size(objective: Objective) -> int:
    """How many rows to sample."""
    rows = sum(block.n for block in objective.design.handles)
    return min(rows, max(round(SHARE * rows), PER_COLUMN * objective.design.p))


def from_sample(objective: Objective) -> Solver:
    """This solver, starting where a sample has its optimum; Newton's method where it has none or is no start."""
    try:
        solution = solve(objective.sampled(sample_size(objective)), Newton())
    except DataError:
        return Newton()
    return SampledNewton(begun=solution.step.beta) if solution.converged else Newton()


def scaled(objective: Objective, beta: Array) -> Gram | None:
    """The information of the sample at β for as many rows as there are, or None where it is not safe."""
    sample = objective.sampled(sample_size(objective))
    model = sample.quadratic(beta, Gram)
    assert isinstance(model, Gram)
    ratio = objective.design.n / sample.design.n
    return replace(model, information=ratio * model.information, noise=ratio * model.noise) if model.safe else None


def pays(objective: Objective) -> bool:
    """Whether a sample is so much smaller than the data that it saves time."""
    design = objective.design
    dense = all(isinstance(part, Dense) for block in design.handles for part in block.parts)
    rows = sum(block.n for block in design.handles)
    worth = rows * design.p**2 > WORTH_IT and rows > 8 * sample_size(objective)
    return worth and dense and objective.is_convex and not objective.is_quadratic
