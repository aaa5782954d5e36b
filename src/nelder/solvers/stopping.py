"""When a solver is done, judged from outside it and on the scale of the answer.

The measure is the squared Newton decrement λ² = g'H⁻¹g: in units of φ, the squared distance to the optimum in standard
errors. It is compared with φ, and with what rounding alone can cause, never with a change of the deviance. Methods that
see only gradients are measured by an information that is taken afresh after 1, 2, 4, 8, … steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from nelder.objective import Objective
from nelder.quadratic import Gram, Implicit, Quadratic
from nelder.solvers.base import Step
from nelder.solvers.newton import best_model

STALLED = 0.25  # of λ² at the last step: a smaller one is progress


class Reason(Enum):
    """Why a fit stopped; the text says what that means."""

    CONVERGED = "converged"
    CUT_SHORT = "the edge of the means allowed cuts every step short"
    STUCK = "no step along the search direction decreases the objective any more"
    LIMIT = "the step limit was reached before the optimum"
    DIVERGED = "the steps grew instead of settling: the rate is too large"
    NOT_FINITE = "the steps left the range of numbers"
    UNSETTLED = "the last step still moves the means: the design is ill-conditioned, or means vanish at the optimum"
    INTERRUPTED = "interrupted"
    NO_ROOT = "no step brings the adjusted score nearer to zero any more"
    AT_EDGE = "converged to the edge of the means allowed"
    AT_INFINITY = "the maximum lies at infinity, and limits are shown"


@dataclass(frozen=True)
class Tolerance:
    """`errors`: how many standard errors from the optimum is near enough; `noise`: how many times rounding counts as
    rounding.
    """

    errors: float = 1e-10
    noise: float = 16.0


@dataclass
class Judge:
    """Watches one fit, whose steps may grow where their rate is fixed; others rise by rounding alone. `verdict` gives
    the reason to stop, or None to go on.
    """

    objective: Objective
    tolerance: Tolerance
    may_grow: bool
    decrement: float = np.inf  # λ² at the last step
    before: float = 0.0  # and at the one before it
    floor: float = 0.0  # λ² that rounding in η alone can cause there
    steps: int = 0
    start_value: float | None = None
    rises: int = 0
    last_value: float = np.inf
    metric: Quadratic | None = None
    measured: int = field(default=-1)

    def verdict(self, step: Step) -> Reason | None:
        """Judge one step; the start is a step too."""
        if not step.finite:
            return Reason.NOT_FINITE
        self.before = self.decrement if self.steps else 0.0
        self._measure(step)
        verdict = None
        if self._near(step):
            verdict = Reason.CONVERGED
        elif step.stuck:
            verdict = Reason.STUCK
        elif step.cut:
            verdict = Reason.CUT_SHORT
        elif self.may_grow and self._rising(step):
            verdict = Reason.DIVERGED
        self.steps += 1
        self.last_value = step.value
        return verdict

    def _near(self, step: Step) -> bool:
        if self._within(step):
            if step.model is not None or self.measured == self.steps:
                return True
            self._refresh(step)  # an old information said so: ask a new one
            return self._within(step)
        return False

    def _within(self, step: Step) -> bool:
        if self.decrement <= max(self._wanted(step), self.floor):
            return True
        # steps that still shrink come nearer, though what they shrink may be rounding
        return STALLED * self.before <= self.decrement <= self.tolerance.noise**2 * self.floor

    def _measure(self, step: Step) -> None:
        known = step.model or step.metric
        if known is not None:
            self._use(known, step)
        elif self.metric is None or self.steps & (self.steps - 1) == 0:
            self._refresh(step)
        else:
            self._use(self.metric, step)

    def _refresh(self, step: Step) -> None:
        self.metric = best_model(self.objective, step.beta, observed=False, form=Gram)
        self.measured = self.steps
        self._use(self.metric, step)

    def _use(self, model: Quadratic, step: Step) -> None:
        self.decrement, self.floor = model.decrement(step.gradient, self._wanted(step)), model.noise

    def measured_step(self, step: Step) -> Step:
        """The step judged last, with the model it was measured by where another would cost as much again."""
        fresh = self.measured == self.steps - 1 and isinstance(self.metric, Implicit)
        return replace(step, model=self.metric) if fresh and step.model is None else step

    def _wanted(self, step: Step) -> float:
        """λ² that is near enough."""
        return self.tolerance.errors**2 * self.objective.dispersion_at(step.value)

    def _rising(self, step: Step) -> bool:
        """A fixed rate that is too large: above where it began, and rising three times in a row."""
        if self.start_value is None:
            self.start_value = step.value
        self.rises = self.rises + 1 if step.value > self.last_value else 0
        return self.rises >= 3 and step.value > self.start_value
