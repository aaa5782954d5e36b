"""What happened, step by step: kept small however long the fit."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nelder.linalg import Array
from nelder.solvers import Step
from nelder.table import Table

LAST = 4  # steps at the end that are always kept
MOST = 2_000  # records kept; beyond, every second one is dropped and the stride doubles


@dataclass(frozen=True)
class Record:
    """One step: where it stood, and how it came."""

    step: int
    beta: Array
    deviance: float
    gradient_norm: float
    decrement: float
    size: float
    halvings: int
    seconds: float


@dataclass(frozen=True)
class Trace:
    """The records of a fit. `beta` (k, p) are the coefficients of the kept steps, on the scale of the data."""

    records: tuple[Record, ...]
    names: tuple[str, ...]
    solver: str

    def __len__(self) -> int:
        return len(self.records)

    @property
    def step(self) -> Array:
        """Step numbers (k,); 0 is the start."""
        return np.array([record.step for record in self.records])

    @property
    def beta(self) -> Array:
        """Coefficients (k, p)."""
        return np.array([record.beta for record in self.records]).reshape(len(self.records), len(self.names))

    @property
    def deviance(self) -> Array:
        """Deviance, with twice the penalty where there is one (k,): for the normal distribution, the sum of squared
        errors.
        """
        return np.array([record.deviance for record in self.records])

    def table(self) -> Table:
        """One row a step, coefficients included."""
        columns: dict[str, object] = {
            "step": self.step,
            "deviance": self.deviance,
            "gradient": np.array([record.gradient_norm for record in self.records]),
            "decrement": np.array([record.decrement for record in self.records]),
            "size": np.array([record.size for record in self.records]),
            "halvings": np.array([record.halvings for record in self.records]),
            "seconds": np.array([record.seconds for record in self.records]),
        }
        columns |= {name: self.beta[:, j] for j, name in enumerate(self.names)}
        return Table(columns)

    def __str__(self) -> str:
        if not self.records:
            return f"{self.solver}: the steps were not kept"
        names = ("step", "deviance", "gradient", "decrement", "size", "halvings", *self.names[:4])
        table, some = self.table(), landmarks(len(self.records))
        columns = {name: table[name][some] for name in names}
        return str(Table(columns, f"{self.solver}, step by step"))

    __repr__ = __str__


def landmarks(n: int) -> list[int]:
    """Which of n records to print: all of a few, else 0, 1, 2, 5, 10, 20, 50, … and the last."""
    if n <= 20:
        return list(range(n))
    marks = [0, *(digit * 10**power for power in range(9) for digit in (1, 2, 5))]
    return [*(mark for mark in marks if mark < n - 1), n - 1]


@dataclass
class Recorder:
    """Watches a fit and keeps its records; `also` sees each record as it comes."""

    names: Sequence[str]
    also: Callable[[Record], None] | None = None
    records: list[Record] = field(default_factory=list)
    stride: int = 1
    tail: deque[Record] = field(default_factory=lambda: deque(maxlen=LAST))
    began: float = field(default_factory=time.perf_counter)

    def __call__(self, number: int, step: Step, decrement: float) -> None:
        norm = math.sqrt(float(step.gradient @ step.gradient))
        seconds = time.perf_counter() - self.began
        record = Record(number, step.beta, 2 * step.value, norm, decrement, step.size, step.halvings, seconds)
        if number % self.stride == 0:
            self.records.append(record)
            if len(self.records) > MOST:
                self.records = self.records[::2]
                self.stride *= 2
        self.tail.append(record)
        if self.also is not None:
            self.also(record)

    def trace(self, solver: str) -> Trace:
        """The records, the last few always among them: they show whether the steps settle or bounce."""
        early = [record for record in self.records if record.step < self.tail[0].step] if self.tail else []
        return Trace((*early, *self.tail), tuple(self.names), solver)
