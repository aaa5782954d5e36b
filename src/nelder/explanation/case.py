"""What the rules look at: a fit, and what is computed of it at most once and on a bounded number of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from nelder.design import Ray
from nelder.diagnosis import Diagnosis
from nelder.diagnostics.check import FINE, PROBLEM, SHOWN, SKIPPED, Check, Line, check
from nelder.explanation.reasons import Gravity
from nelder.explanation.spectrum import Spectrum, spectrum_of
from nelder.fit import Fit, Kept, Terms
from nelder.kernels import one_of_each
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.solvers import BY_RATE
from nelder.submodels import with_rows_of

NUMBERS = 1_000_000  # of the design: of one with more, a sample of rows is looked at
FEWEST, A_COLUMN = 1_000, 20  # rows, and rows for each column: fewer would be fitted too well to show anything
LEVEL = 0.05  # of the checks, as in fit.check()

Finding = TypeVar("Finding", bound=Diagnosis)


@dataclass(frozen=True)
class Case:
    """A fit that is to be explained."""

    fit: Fit

    @property
    def has_rows(self) -> bool:
        """Whether the fit still has its data."""
        return self.fit.objective is not None

    @property
    def by_gradients(self) -> bool:
        """Whether it was solved by a method that goes by rates."""
        return self.fit.solved.solver in BY_RATE

    def find(self, kind: type[Finding]) -> Finding | None:
        """The first finding of a kind among the warnings of the fit."""
        return next((finding for finding in self.fit.warnings if isinstance(finding, kind)), None)

    @lazy
    def sample(self) -> Fit:
        """The fit, or the same fit to a sample of its rows where those are too many to look at."""
        fit = self.fit
        objective = fit.rows_of_data("an explanation")
        rows = objective.design.rows
        many = max(FEWEST, A_COLUMN * objective.design.p, NUMBERS // max(objective.design.width, 1))
        if rows <= many or isinstance(fit.point, Ray) or objective.design.vast:
            return fit  # a sample lacks levels of a factor that has so many
        drawn = one_of_each(rows, many)
        few = objective.without(np.delete(np.arange(rows), drawn))
        counted = float(sum(block.frequency.sum() for block in few.design.handles))
        few = replace(few, design=replace(few.design, n=counted))
        kept = fit.kept or Kept(np.arange(rows), rows)
        few_rows = Kept(kept.rows[drawn], kept.total)
        made = with_rows_of(replace(fit, kept=few_rows), few, Terms(few.design.names, fit.terms.response))
        return replace(made, shape=fit.shape)

    @property
    def note(self) -> str | None:
        """That only a sample of rows was looked at, if that is so."""
        if not self.has_rows or "sample" not in vars(self) or self.sample is self.fit:
            return None
        seen, rows = (fit.rows_of_data("an explanation").design.rows for fit in (self.sample, self.fit))
        return f"Responses, residuals and influence were looked at in a sample of {seen:,} of the {rows:,} rows."

    @lazy
    def page(self) -> Check | None:
        """What the checks of the model say; None where the coefficients are no optimum of a likelihood."""
        if not self.has_rows or not self.fit.converged or self.fit.rows_of_data("a check").design.wide:
            return None
        return check(self.sample, LEVEL)

    def line(self, name: str) -> Line | None:
        """The line of a check that found something."""
        lines = () if self.page is None else self.page.lines
        return next((line for line in lines if line.check == name and line.verdict not in (FINE, SHOWN, SKIPPED)), None)

    @property
    def unchecked(self) -> str | None:
        """Why the model itself was not checked, where it was fitted but could not be."""
        if not self.has_rows or not self.fit.converged:
            return None
        if self.page is None:
            return "The model itself was not checked: so many columns have no matrix of their own."
        skipped = next((line for line in self.page.lines if line.check == "tests"), None)
        return None if skipped is None else f"The model itself was hardly checked: {skipped.meaning}."

    @lazy
    def spectrum(self) -> Spectrum | None:
        """The curvature of the objective at the optimum; None where there is no matrix of it."""
        return spectrum_of(self.fit.objective) if self.fit.objective is not None else None

    @lazy
    def response(self) -> Array:
        """The responses that are looked at (n,)."""
        return np.concatenate([block.y for block in self.sample.rows_of_data("its response").design.handles])


def finding_of(line: Line) -> str:
    """What the line of a check found, as a sentence with its number."""
    return f"{line.meaning[:1].upper()}{line.meaning[1:]} ({line.value})."


def gravity_of(line: Line) -> Gravity:
    """How much the line of a check matters: what may be chance is good to know."""
    return Gravity.SERIOUS if line.verdict == PROBLEM else Gravity.NOTE
