"""The frames of a replay: which steps are shown, and what each says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.fit import Fit
from nelder.inference.coefficients import furthest_from_zero
from nelder.linalg import Array
from nelder.report.markup import cut, plain
from nelder.table import Table, number
from nelder.trace import LAST, Record

MOST = 200  # frames of a replay
MOST_SHOWN = 40  # coefficients in it
SAID = 4  # coefficients that the sentence of a step names
DIGITS = 6


@dataclass(frozen=True)
class Frames:
    """The k steps that are shown, and the c coefficients shown of each: their places, names and values (k, c)."""

    fit: Fit
    records: tuple[Record, ...]
    columns: NDArray[np.integer]
    names: tuple[str, ...]
    beta: Array

    def __len__(self) -> int:
        return len(self.records)

    @property
    def loss_name(self) -> str:
        """What the solver went down on, doubled."""
        plain = self.fit.solved.penalty == "unpenalised"
        return "deviance" if plain else "deviance with the penalty"

    @property
    def steps(self) -> Array:
        """Their numbers (k,)."""
        return np.array([record.step for record in self.records])

    @property
    def loss(self) -> Array:
        """What the solver went down on (k,)."""
        return np.array([record.deviance for record in self.records])

    @property
    def titles(self) -> list[str]:
        """What each is called."""
        last = self.records[-1].step
        return ["Start" if record.step == 0 else f"Step {record.step} of {last}" for record in self.records]

    @property
    def values(self) -> list[list[str]]:
        """The coefficients of each as they are printed."""
        return [[number(float(value), DIGITS) for value in beta] for beta in self.beta]

    @property
    def said(self) -> list[str]:
        """Each in a sentence."""
        names = [plain(cut(name, 40)) for name in self.names[:SAID]]
        return [
            f"{title}: {self.loss_name} {number(record.deviance, DIGITS)}, gradient {number(record.gradient_norm, 3)}; "
            + ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=False))
            + (", …" if len(self.names) > SAID else ".")
            + ("" if np.isfinite(beta).any() or not len(beta) else " The coefficients have left the range of numbers.")
            for title, record, values, beta in zip(self.titles, self.records, self.values, self.beta, strict=True)
        ]

    def table(self) -> Table:
        """A row a frame as in `fit.trace.table()`, without coefficients, and without the seconds, which no two runs
        share.
        """
        bare = tuple(replace(record, beta=record.beta[:0]) for record in self.records)
        columns = replace(self.fit.trace, records=bare, names=()).table()
        return Table({name: values for name, values in columns.items() if name != "seconds"})


def frames_of(fit: Fit) -> Frames:
    """The frames of a fit: all steps of a few; else close together at the start, where most happens, and even after."""
    trace = fit.trace
    columns = furthest_from_zero(fit, np.arange(len(fit.names)), MOST_SHOWN)
    records = tuple(trace.records[k] for k in chosen(len(trace)))
    beta = np.array([record.beta[columns] for record in records]).reshape(len(records), len(columns))
    return Frames(fit, records, columns, tuple(fit.names[column] for column in columns), beta)


def chosen(n: int) -> list[int]:
    """Which of n steps are shown."""
    if n <= MOST:
        return list(range(n))
    half = (MOST - LAST) // 2
    marks = [*np.linspace(0, n - 1, half), *np.geomspace(1, n - 1, half), *range(n - LAST, n)]
    return sorted({round(mark) for mark in marks})
