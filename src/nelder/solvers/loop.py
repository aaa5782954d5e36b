"""The only loop: it asks a solver for steps, judges each, records each, and says why it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nelder.errors import CapabilityError, DataError, InputTypeError, a_count
from nelder.objective import Objective
from nelder.solvers.base import Solver, Step
from nelder.solvers.starts import Start, start
from nelder.solvers.stopping import Judge, Reason, Tolerance

Watcher = Callable[[int, Step, float], None]


@dataclass(frozen=True)
class Solution:
    """The last step that can be used, why it is the last, λ² at the last judged step, its number, and the values of
    other minima that were met on the way.
    """

    step: Step
    reason: Reason
    decrement: float
    steps: int
    others: tuple[float, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the last step is the optimum, to rounding."""
        return self.reason is Reason.CONVERGED


def unwatched(number: int, step: Step, decrement: float) -> None:
    """Watch nothing."""


def beginning(objective: Objective, solver: Solver) -> Start:
    """The start the solver was given, or found for itself, or one found in the data.

    Raises DataError for a start of the wrong length, or one at which some mean is not allowed.
    """
    if solver.start is None:
        return start(objective) if solver.prepared is None else Start(solver.prepared)
    try:
        given = np.array(solver.start, dtype=float)
    except (TypeError, ValueError):
        raise InputTypeError(f"start= of {solver.name} holds something that is not a number") from None
    if given.shape != (objective.design.p,) or not np.isfinite(given).all():
        raise DataError(
            f"start= of {solver.name} has shape {given.shape}: it needs {objective.design.p} finite numbers"
        )
    if not np.isfinite(objective.values(given[None, :])[0]):
        raise DataError(
            f"start= of {solver.name} gives a mean that the family and link do not allow, or that overflows"
        )
    return Start(given)


def solve(
    objective: Objective, solver: Solver, watch: Watcher = unwatched, tolerance: Tolerance | None = None
) -> Solution:
    """Run `solver` on `objective` from its start; `watch(number, step, decrement)` sees every step.

    Ctrl-C ends the loop and not the program: the best step so far is returned with reason INTERRUPTED.
    Raises CapabilityError where the solver refuses this objective.
    """
    refusal = solver.refusal(objective)
    if refusal is not None:
        raise CapabilityError(refusal)
    judge = Judge(objective, tolerance or Tolerance(), solver.fixed_rate is not None)
    best: Step | None = None
    others: tuple[float, ...] = ()
    number, reason = 0, Reason.LIMIT
    limit = a_count(solver.max_steps, f"max_steps of {solver.name}")
    try:
        with np.errstate(all="ignore"):  # a step out of range is judged, not announced by NumPy
            begun = beginning(objective, solver)
            others = begun.others
            for number, step in enumerate(solver.steps(objective, begun.beta)):
                verdict = judge.verdict(step)
                watch(number, step, judge.decrement)
                if step.finite and (best is None or step.value <= best.value or verdict is Reason.CONVERGED):
                    best = judge.measured_step(step)
                if verdict is not None or number >= limit:
                    reason = verdict or Reason.LIMIT
                    break
    except KeyboardInterrupt:
        if best is None:
            raise
        reason = Reason.INTERRUPTED
    if reason is Reason.NOT_FINITE and solver.fixed_rate is not None and number:
        reason = Reason.DIVERGED
    return Solution(best or step, reason, judge.decrement, number, others)
