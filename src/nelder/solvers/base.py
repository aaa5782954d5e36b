"""What a solver is: a generator of steps, and nothing else. `solve` consumes them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from nelder.closing import Closing
from nelder.lazy import lazy
from nelder.linalg import Array, all_finite
from nelder.objective import Objective
from nelder.quadratic import Quadratic


@dataclass(frozen=True)
class Step:
    """Where a solver stands: β (p,), the objective and its gradient (p,) there, and how it came.

    `model` is the local model at β where the solver has one; `size` and `halvings` are of the move that led here;
    `stuck` says that no smaller objective could be found along the last direction, `cut` that the edge of the means
    allowed cuts one step after the other so short that they lead nowhere. `metric` is an information from
    which the distance to the optimum can be guessed where there is no model; `closing` is what the rows showed there,
    where the solver took it for the end.
    """

    beta: Array
    value: float
    gradient: Array
    model: Quadratic | None = None
    size: float = 1.0
    halvings: int = 0
    stuck: bool = False
    cut: bool = False
    metric: Quadratic | None = None
    closing: Closing | None = None

    @lazy
    def finite(self) -> bool:
        """Whether the solver is still among the numbers."""
        return math.isfinite(self.value) and all_finite(self.gradient) and all_finite(self.beta)


@dataclass(frozen=True)
class Solver(ABC):
    """`steps` yields where the solver stands, starting with the start, for as long as it is asked.

    A solver never prints, counts, warns or decides that it is done. `max_steps` is the number of steps after the start
    that `solve` asks for; `fixed_rate` is set by solvers that may diverge.
    """

    name: ClassVar[str]
    by_rows: ClassVar[bool] = False  # whether its steps are taken from single rows
    max_steps: int = field(default=100, kw_only=True)
    start: Sequence[float] | None = field(default=None, kw_only=True)

    @abstractmethod
    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        """Steps from a feasible start β (p,)."""

    @property
    def prepared(self) -> Array | None:
        """A start (p,) that the solver found for itself."""
        return None

    def refusal(self, objective: Objective) -> str | None:
        """Why this solver cannot work on this objective and what to use instead, or None."""
        return None

    @property
    def resumed_by(self) -> str:
        """The public class of the solver that goes on from where this one was stopped."""
        return type(self).__name__

    @property
    def fixed_rate(self) -> float | None:
        """The learning rate where it is fixed, so that divergence can be explained."""
        return None
