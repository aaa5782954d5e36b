"""Mini-batch gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nelder.errors import a_count, a_seed, a_truth
from nelder.kernels import Slope, slope_kernel
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, steepest
from nelder.solvers.base import Solver, Step
from nelder.solvers.gradient_descent import check_rate


@dataclass(frozen=True)
class StochasticGradientDescent(Solver):
    """One step a batch of rows, along the gradient of that batch's own sum; a step of the trace is an epoch.

    Over an epoch the batches add up to one step of GradientDescent at the same rate. Without `anchored` this is the
    textbook method, and at a fixed rate it ends in a cloud around the optimum. With it (SVRG, Johnson & Zhang 2013) a
    batch only corrects the full gradient taken once an epoch, and the method reaches the optimum itself. Without a
    `rate`, one is taken from λmax at the start and halved after an epoch that did not decrease the objective.
    """

    name = "stochastic_gradient_descent"
    by_rows = True
    rate: float | None = None
    epochs: int = 1000
    batch: int = 32
    anchored: bool = True
    seed: int = 0
    max_steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_rate(self.name, self.rate)
        object.__setattr__(self, "batch", a_count(self.batch, f"batch of {self.name}"))
        object.__setattr__(self, "max_steps", a_count(self.epochs, f"epochs of {self.name}"))
        object.__setattr__(self, "anchored", a_truth(self.anchored, f"anchored of {self.name}"))
        object.__setattr__(self, "seed", a_seed(self.seed))

    @property
    def fixed_rate(self) -> float | None:
        return self.rate

    def refusal(self, objective: Objective) -> str | None:
        if objective.engine.holds_rows:
            return None
        return (
            f"solver '{self.name}' needs rows in this process, not engine '{objective.engine.name}': use solver='lbfgs'"
        )

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        random = np.random.default_rng(self.seed)
        rate = self.rate or self._first_rate(objective, beta)
        here = objective.slope(beta)
        yield Step(beta, here.value, here.gradient, size=rate)
        while True:
            trial = self._epoch(objective, beta, here, rate, random)
            ahead = objective.slope(trial)
            if self.rate is None and not _better(ahead, here):
                rate /= 2
                yield Step(beta, here.value, here.gradient, size=rate, halvings=1)
                continue
            beta, here = trial, ahead
            yield Step(beta, here.value, here.gradient, size=rate)

    def _first_rate(self, objective: Objective, beta: Array) -> float:
        # one batch sees about batch/n of the curvature; a quarter of that share's limit leaves room for uneven batches
        largest = steepest(objective.quadratic(beta, Gram))
        return max(0.5, 0.25 * objective.design.n / self.batch) / max(largest, np.finfo(float).tiny)

    def _epoch(
        self, objective: Objective, beta: Array, anchor: Slope, rate: float, random: np.random.Generator
    ) -> Array:
        held, penalty, free = beta, objective.penalty, objective.free
        total = objective.design.rows
        for rows in objective.batches(random, self.batch):
            share = rows.n / total
            gradient = slope_kernel(rows, beta, objective.loss).gradient + share * penalty.gradient(beta, free)
            if self.anchored:
                there = slope_kernel(rows, held, objective.loss).gradient + share * penalty.gradient(held, free)
                gradient = gradient - there + share * anchor.gradient
            beta = beta - rate * gradient
        return beta


def _better(ahead: Slope, here: Slope) -> bool:
    """A lower objective, or, where that difference is lost in rounding, a smaller gradient."""
    return bool(ahead.value < here.value or ahead.gradient @ ahead.gradient < here.gradient @ here.gradient)
