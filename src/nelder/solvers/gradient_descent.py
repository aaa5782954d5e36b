"""Batch gradient descent, as in textbooks: β ← β − rate · gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nelder.errors import InputError, a_count, a_number
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, steepest
from nelder.solvers.base import Solver, Step
from nelder.solvers.search import Found, enough, halving


@dataclass(frozen=True)
class GradientDescent(Solver):
    """Descent on half the deviance (for φ = 1, ascent on the log-likelihood), summed over rows and not averaged.

    With a `rate` every epoch moves by −rate · gradient and may diverge: above 2/λmax of the information it must.
    Without one each epoch starts from Barzilai and Borwein's rate (1988) and halves it until the objective decreases.
    """

    name = "gradient_descent"
    rate: float | None = None
    epochs: int = 100_000
    max_steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_rate(self.name, self.rate)
        object.__setattr__(self, "max_steps", a_count(self.epochs, f"epochs of {self.name}"))

    @property
    def fixed_rate(self) -> float | None:
        return self.rate

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        if self.rate is None:
            yield from _backtracking(objective, beta)
            return
        here = objective.slope(beta)
        yield Step(beta, here.value, here.gradient, size=self.rate)
        while True:
            beta = beta - self.rate * here.gradient
            here = objective.slope(beta)
            yield Step(beta, here.value, here.gradient, size=self.rate)


def check_rate(name: str, rate: float | None) -> None:
    """Raise InputError for a rate that means nothing."""
    if rate is not None and not 0 < a_number(rate, f"rate of {name}") < np.inf:
        raise InputError(f"{name}(rate={rate}): the rate must be a positive number, or None for backtracking")


def _backtracking(objective: Objective, beta: Array) -> Iterator[Step]:
    here = objective.slope(beta)
    rate = 1.0 / max(steepest(objective.quadratic(beta, Gram)), np.finfo(float).tiny)
    yield Step(beta, here.value, here.gradient, size=rate)
    while True:
        delta = -rate * here.gradient
        promised = rate * float(here.gradient @ here.gradient)
        found, ahead = Found(1.0, 0), objective.slope(beta + delta)
        if not enough(here.value, ahead.value, promised, here.blur):
            found = halving(objective, (beta, here.value), delta, promised, here.blur)
            ahead = objective.slope(beta + found.size * delta)
        moved, turned = found.size * delta, ahead.gradient - here.gradient
        beta, here = beta + moved, ahead
        yield Step(beta, here.value, here.gradient, None, found.size * rate, found.halvings, found.stuck)
        bend = float(moved @ turned)
        rate = float(moved @ moved) / bend if bend > 0 else 2 * rate * max(found.size, 0.5)
