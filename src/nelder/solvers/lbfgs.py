"""L-BFGS: a quasi-Newton method that learns the curvature from gradients alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from nelder.closing import Closing, ClosingSlope
from nelder.errors import a_count
from nelder.kernels import Slope
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Implicit, Quadratic
from nelder.solvers.base import Solver, Step
from nelder.solvers.search import Found, enough, halving

Pair = tuple[Array, Array]
Metric = Callable[[Array], Array]


@dataclass(frozen=True)
class LBFGS(Solver):
    """Limited-memory BFGS (Nocedal 1980), preconditioned by the expected information at the start."""

    name = "lbfgs"
    memory: int = 10
    max_steps: int = field(default=1000, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", a_count(self.memory, f"memory of {self.name}"))

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        model = objective.quadratic(beta, Gram)
        begun = beta, objective.slope(beta)
        for step in gradient_steps(objective.slope, objective, begun, start_metric(model), self.memory):
            # distances by the model at the start, where another would cost as much as a step
            yield replace(step, metric=model) if isinstance(model, Implicit) else step


Seen = Slope | Quadratic
Look = Callable[[Array], Seen]


def gradient_steps(
    look: Look, objective: Objective, begun: tuple[Array, Seen], metric: Metric, memory: int = 10
) -> Iterator[Step]:
    """Steps by gradients and the memory of them, preconditioned by a metric g ↦ H⁻¹ g, from β (p,) and what is seen
    there.

    `look` says what the objective is like at a β: its slope, or a whole model, which the step there then carries.
    """
    beta, here = begun
    yield Step(beta, here.value, here.gradient, model_in(here))
    pairs: deque[Pair] = deque(maxlen=memory)
    while True:
        delta = -two_loop(here.gradient, pairs, metric)
        promised = -float(here.gradient @ delta)
        if not promised > 0:  # rounding has spoilt the memory: start it afresh
            pairs.clear()
            delta = -metric(here.gradient)
            promised = -float(here.gradient @ delta)
        found, ahead = Found(1.0, 0), look(beta + delta)
        if not enough(here.value, ahead.value, promised, here.blur):
            found = halving(objective, (beta, here.value), delta, promised, here.blur)
            ahead = look(beta + found.size * delta)
        moved, turned = found.size * delta, ahead.gradient - here.gradient
        if float(moved @ turned) > 1e-14 * float(np.sqrt((moved @ moved) * (turned @ turned))):
            pairs.append((moved, turned))
        beta, here = beta + moved, ahead
        came = (found.size, found.halvings, found.stuck)
        yield Step(beta, here.value, here.gradient, model_in(here), *came, closing=closing_in(here))
        if found.stuck:
            pairs.clear()


def model_in(seen: Seen) -> Quadratic | None:
    """The model, if that is what was seen."""
    return None if isinstance(seen, Slope) else seen


def closing_in(seen: Seen) -> Closing | None:
    """What the rows showed, if that was looked at."""
    return seen.closing if isinstance(seen, ClosingSlope) else None


def start_metric(model: Quadratic) -> Metric:
    """g ↦ H₀⁻¹ g with H₀ the information of a model, its diagonal where it is no matrix, or a plain scaling where it is
    singular.
    """
    if isinstance(model, Implicit) and model.usable:
        return model.metric
    factored = model.factored
    if factored is not None:
        return factored.solve
    size = max(float(np.sqrt(model.gradient @ model.gradient)), 1.0)
    return lambda gradient: gradient / size


def two_loop(gradient: Array, pairs: deque[Pair], metric: Metric) -> Array:
    """The inverse Hessian's product with the gradient (Nocedal & Wright 2006, algorithm 7.4)."""
    rest, steps = gradient.copy(), []
    for moved, turned in reversed(pairs):
        along = float(moved @ rest) / float(moved @ turned)
        rest = rest - along * turned
        steps.append(along)
    result = metric(rest)
    for (moved, turned), along in zip(pairs, reversed(steps), strict=True):
        result = result + moved * (along - float(turned @ result) / float(moved @ turned))
    return result
