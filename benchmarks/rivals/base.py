"""What an adapter does: it says what it cannot do, holds a problem as its library likes it, and fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from problems.base import Problem


@dataclass(frozen=True)
class Answer:
    """Coefficients in the order of the problem, standard errors or None; the slice `where` they belong, if not all."""

    beta: Any
    errors: Any = None
    where: Any = None


class Rival(ABC):
    """One library in one way of using it.

    Making a Rival is not timed: that is where arrays are laid out as the library likes them. `fit` is, and goes from
    arrays or a data frame to coefficients and standard errors. It is called at the tolerances in turn, loosest first;
    the first at which the answer agrees is the one that is timed.
    """

    gives_errors: ClassVar[bool] = True
    compared: ClassVar[bool] = True
    tolerances: ClassVar[tuple[float, ...]] = (0.0,)
    options: ClassVar[str] = ""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tolerance = self.tolerances[0]

    @staticmethod
    def cannot(problem: Problem) -> str:
        """Why it cannot do a problem; empty if it can."""
        return ""

    @abstractmethod
    def fit(self) -> Answer:
        """Fit once."""

    def repeat(self, times: int) -> None:
        """Fit several times."""
        for _ in range(times):
            self.fit()

    def process(self) -> str:
        """The process whose memory counts, as /proc names it."""
        return "self"

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Leave nothing running."""


def joined(intercept: Any, slopes: Any) -> np.ndarray:
    """Coefficients with the intercept first."""
    return np.concatenate([np.ravel(intercept), np.ravel(slopes)])
