"""Newton's method for columns too many for a matrix of them: gradients first, then steps by conjugate gradients.

Far from the optimum a step found exactly is no better than a rough one, and the memory of gradients is cheapest; near
it, products with the information at one β cost less than gradients at many (Dembo & Steihaug 1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram
from nelder.solvers.base import Solver, Step
from nelder.solvers.lbfgs import gradient_steps, start_metric
from nelder.solvers.newton import Newton, scoring_steps

NEAR = 1.0  # squared distance in standard errors, as it is bounded, from which Newton's method takes over
GRADIENTS = 50  # steps by gradients at most


class TruncatedNewton(Solver):
    """L-BFGS until it is near, then Newton's method, its steps by conjugate gradients where the design is wide."""

    name = "truncated_newton"

    @property
    def resumed_by(self) -> str:
        return Newton.__name__

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        model = objective.quadratic(beta, Gram)
        steps = gradient_steps(objective.slope, objective, (beta, objective.slope(beta)), start_metric(model))
        for number, step in enumerate(steps):
            yield replace(step, metric=model)
            beta = step.beta
            near = model.decrement(step.gradient) <= NEAR * objective.dispersion_at(step.value)
            if near or step.stuck or number == GRADIENTS:
                break
        yield from scoring_steps(objective, beta, observed=True)
