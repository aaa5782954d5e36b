"""What happened, step by step: kept small however long the fit."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from nelder.engines import Counted
from nelder.errors import InputTypeError
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.solvers import Step
from nelder.table import Table

LAST = 4  # steps at the end that are always kept
MOST = 2_000  # records kept
NUMBERS = 2**22  # coefficients kept, of all records together: fewer records are kept of many columns
FEWEST = 32

Item = TypeVar("Item")


@dataclass(frozen=True)
class Record:
    """One step: where it stood, and how it came.

    `distance` from the optimum is in standard errors, as the decrement has it; `passes` over the rows, or the cells
    they were solved as, and `seconds` are counted from the beginning.
    """

    step: int
    beta: Array
    deviance: float
    gradient_norm: float
    decrement: float
    size: float
    halvings: int
    seconds: float
    distance: float = math.nan
    passes: float = math.nan


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood as a function of the deviance, at the φ of the fit: `saturated` − deviance / 2φ."""

    saturated: float = math.nan
    phi: float = math.nan

    @classmethod
    def through(cls, loglik: float, deviance: float, phi: float) -> Likelihood:
        """The one with this log-likelihood at this deviance; nan where a perfect fit leaves it without limit."""
        return cls(loglik + deviance / (2 * phi), phi) if phi > 0 else cls()

    def at(self, deviance: Array) -> Array:
        """The log-likelihood (k,) at deviances (k,)."""
        return np.asarray(self.saturated - deviance / (2 * self.phi))


@dataclass(frozen=True)
class Trace:
    """The records of a fit. `beta` (k, p) are the coefficients of the kept steps, on the scale of the data."""

    records: tuple[Record, ...]
    names: tuple[str, ...]
    solver: str
    likelihood: Likelihood = Likelihood()

    def __len__(self) -> int:
        return len(self.records)

    def column(self, name: str) -> Array:
        """One field of every record (k,)."""
        return np.array([getattr(record, name) for record in self.records])

    @property
    def step(self) -> Array:
        """Step numbers (k,); 0 is the start."""
        return self.column("step")

    @property
    def beta(self) -> Array:
        """Coefficients (k, p)."""
        return np.array([record.beta for record in self.records]).reshape(len(self.records), len(self.names))

    @property
    def deviance(self) -> Array:
        """Deviance, with twice the penalty where there is one (k,): for the normal distribution, the sum of squared
        errors.
        """
        return self.column("deviance")

    @property
    def loglik(self) -> Array:
        """The log-likelihood (k,), less the penalty over φ where there is one; nan where the fit has none.

        φ is the one of `fit.loglik` at every step, so that this is a function of the coefficients alone, highest where
        the deviance is lowest.
        """
        return self.likelihood.at(self.deviance)

    @property
    def passes(self) -> Array:
        """Passes over the data until each step (k,), those among them by which it was judged."""
        return self.column("passes")

    def table(self) -> Table:
        """One row a step, coefficients included: as `beta[step]` where one has the name of another column."""
        columns: dict[str, object] = {
            "step": self.step,
            "deviance": self.deviance,
            "loglik": self.loglik,
            "gradient": self.column("gradient_norm"),
            "decrement": self.column("decrement"),
            "distance": self.column("distance"),
            "size": self.column("size"),
            "halvings": self.column("halvings"),
            "passes": self.passes,
            "seconds": self.column("seconds"),
        }
        names = [f"beta[{name}]" if name in columns else name for name in self.names]
        return Table(columns | dict(zip(names, self.beta.T, strict=True)), own=names)

    def __str__(self) -> str:
        if not self.records:
            return f"{self.solver}: the steps were not kept"
        table, some = self.table(), landmarks(len(self.records))
        coefficients = list(table)[-len(self.names) :][:4] if self.names else []
        names = ("step", "deviance", "gradient", "decrement", "size", "halvings", *coefficients)
        columns = {name: table[name][some] for name in names}
        return str(Table(columns, f"{self.solver}, step by step", own=coefficients))

    __repr__ = __str__


def landmarks(n: int) -> list[int]:
    """Which of n records to print: all of a few, else 0, 1, 2, 5, 10, 20, 50, … and the last."""
    if n <= 20:
        return list(range(n))
    marks = [0, *(digit * 10**power for power in range(9) for digit in (1, 2, 5))]
    return [*(mark for mark in marks if mark < n - 1), n - 1]


@dataclass
class Thinned(Generic[Item]):
    """Steps of a fit, evenly thinned however long it is: of more than allowed, every second one is dropped and the
    stride doubles.
    """

    kept: list[Item] = field(default_factory=list)
    stride: int = 1

    def add(self, number: int, step: Item, most: int) -> None:
        """One more step, whose number is one more than the last one's; at most so many are kept."""
        if number % self.stride == 0:
            self.kept.append(step)
            if len(self.kept) > most:
                self.kept, self.stride = self.kept[::2], 2 * self.stride


@dataclass
class Recorder:
    """Watches a fit and keeps its records; `also` sees each record as it comes. `objective` is what is being solved."""

    names: Sequence[str]
    also: Callable[[Record], None] | None = None
    objective: Objective | None = None
    records: Thinned[Record] = field(default_factory=Thinned)
    tail: deque[Record] = field(default_factory=lambda: deque(maxlen=LAST))
    began: float = field(default_factory=time.perf_counter)

    def __call__(self, number: int, step: Step, decrement: float) -> None:
        norm = math.sqrt(float(step.gradient @ step.gradient))
        seconds = time.perf_counter() - self.began
        place = (self._distance(step.value, decrement), self._passes())
        record = Record(number, step.beta, 2 * step.value, norm, decrement, step.size, step.halvings, seconds, *place)
        self.records.add(number, record, max(FEWEST, min(MOST, NUMBERS // max(len(self.names), 1))))
        self.tail.append(record)
        if self.also is not None:
            self.also(record)

    def reading(self, rows: int, total: int | None) -> None:
        """Tell a watcher that listens to it how many rows have been read before the first step, of how many."""
        told = getattr(self.also, "reading", None)
        if callable(told):
            told(rows, total, time.perf_counter() - self.began)

    def _distance(self, value: float, decrement: float) -> float:
        if self.objective is None or not 0 <= decrement < math.inf:
            return math.nan
        # φ as it would be at the optimum, which the decrement says is so much lower
        phi = self.objective.dispersion_at(value - decrement / 2)
        return math.sqrt(decrement / phi) if phi > 0 else math.nan

    def _passes(self) -> float:
        engine = None if self.objective is None else self.objective.engine
        return engine.passes if isinstance(engine, Counted) else math.nan

    def trace(self, solver: str, likelihood: Likelihood) -> Trace:
        """The records, the last few always among them: they show whether the steps settle or bounce."""
        early = [record for record in self.records.kept if record.step < self.tail[0].step] if self.tail else []
        return Trace((*early, *self.tail), tuple(self.names), solver, likelihood)


@contextmanager
def recording(watch: Callable[[Record], None] | None) -> Iterator[Recorder]:
    """A recorder for one fit; a watcher that can be closed, as a line on a terminal, is closed at its end."""
    if watch is not None and not callable(watch):
        raise InputTypeError(
            f"watch must be a function that takes each step, or nd.progress(), not {type(watch).__name__}"
        )
    try:
        yield Recorder((), watch)
    finally:
        close = getattr(watch, "close", None)
        if callable(close):
            close()
