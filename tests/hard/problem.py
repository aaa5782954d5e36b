"""What a hard problem is, and the verdict on what nelder makes of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from exact import DIGITS, Exact, ExactFamily, ExactLink, Optimum, named

import nelder as nd

# findings that take numbers back
UNCERTAIN = {"Boundary", "Diverged", "IllConditioned", "Imprecise", "NotConverged", "PerfectFit"}
PATIENCE = 20.0  # seconds


class Verdict(Enum):
    """How a problem ended. The last two are defects."""

    SOLVED = "solved"
    HONEST = "honest"
    SILENT = "silent"
    CRASHED = "crashed"


class Misled(str):
    """A sentence about a finding that is not true, such as a false alarm: nothing excuses it."""


@dataclass(frozen=True)
class Problem:
    """Data with a model, and what is true of it: the `truth` that a right answer has to meet.

    `digits` are those of the reference. Where doubles cannot hold the answer, or where there is none, HONEST is
    `expected`, with a word or two that nelder `says` of it. With a `formula` the fit is by formula from `table`, and X
    is the same design written out.
    """

    name: str
    truth: Callable[[Problem, nd.Fit], str | None]
    X: Any
    y: Any
    family: str = "gaussian"
    link: str | None = "identity"
    weights: Any = None
    offset: Any = None
    digits: int = DIGITS
    expected: Verdict = Verdict.SOLVED
    says: str = ""
    formula: str = ""
    table: dict[str, Any] | None = None

    @cached_property
    def exact(self) -> Exact:
        """The same problem in extended precision."""
        n = len(self.y)
        given = getattr(self.weights, "given", self.weights)  # of nd.frequency
        weights = np.ones(n) if given is None else given
        offset = np.zeros(n) if self.offset is None else self.offset
        family, link = ExactFamily(*named(self.family)), ExactLink(*named(self.link))
        return Exact(self.X, self.y, weights, offset, family, link, self.digits)

    def fit(self) -> nd.Fit:
        """What nelder makes of it."""
        if self.formula:
            return nd.glm(self.formula, self.table, self.family, self.link, weights=self.weights, offset=self.offset)
        return nd.glm_fit(self.X, self.y, self.family, self.link, weights=self.weights, offset=self.offset)


@dataclass(frozen=True)
class Outcome:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


def outcome(problem: Problem) -> Outcome:
    """Fit, and hold the result against the truth."""
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            fit = problem.fit()
    except nd.NelderError as refusal:
        return honest(problem, "refused", str(refusal))
    except Exception as error:
        return Outcome(Verdict.CRASHED, f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - began
    foreign = [str(w.message) for w in raised if not issubclass(w.category, nd.NelderWarning)]
    if foreign or seconds > PATIENCE:
        return Outcome(Verdict.CRASHED, f"it took {seconds:.1f} s, with warnings from below: {foreign[:1]}")
    unsaid = untold(fit, sorted((w.category.__name__, str(w.message)) for w in raised))
    return Outcome(Verdict.SILENT, unsaid) if unsaid else judged(problem, fit)


def untold(fit: nd.Fit, raised: list[tuple[str, str]]) -> str | None:
    """A sentence where a finding was not raised once as a warning of its category, or is missing in the summary."""
    findings = sorted((each.category.__name__, each.sentence) for each in fit.warnings)
    if raised != findings:
        return f"raised were {raised} for {findings}"
    summary = str(fit.summary())
    return next((f"not in the summary: {sentence}" for _, sentence in findings if sentence not in summary), None)


def judged(problem: Problem, fit: nd.Fit) -> Outcome:
    """The verdict on a fit. A wrong number is excused only by a finding that takes numbers back."""
    wrong = problem.truth(problem, fit)
    said = "; ".join(finding.sentence for finding in fit.warnings)
    if wrong is None:
        return Outcome(Verdict.SOLVED, said)
    if isinstance(wrong, Misled) or not found(fit) & UNCERTAIN:
        return Outcome(Verdict.SILENT, f"{wrong}; it says: {said or 'nothing'}")
    return honest(problem, wrong, said)


def honest(problem: Problem, wrong: str, said: str) -> Outcome:
    """No answer, but a word about it; silent where that word is not the one that would help."""
    return Outcome(Verdict.HONEST if problem.says in said else Verdict.SILENT, f"{wrong}; it says: {said}")


def found(fit: nd.Fit) -> set[str]:
    """The kinds of findings of a fit."""
    return {type(finding).__name__ for finding in fit.warnings}


def differs(what: str, mine: object, theirs: object, allowed: object) -> str | None:
    """A sentence where two arrays differ by more than is allowed in any entry."""
    mine, theirs = np.asarray(mine, dtype=float), np.asarray(theirs, dtype=float)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(mine - theirs) <= allowed) & ~(mine == theirs)
    return f"{what} {mine[bad][:4]} should be {theirs[bad][:4]}" if bad.any() else None


def agrees(fit: nd.Fit, reference: Optimum, columns: np.ndarray) -> str | None:
    """Coefficients to eight digits or a millionth of their standard errors, those to six digits, deviance to eight.

    A deviance that is next to nothing is held to 1e-14 a row where φ is 1; else to what the fourteenth digit of η is
    worth.
    """
    nothing = 1e-14 * len(reference.mu) if fit.family.dispersion_known else 1e-28 * reference.size
    coef, se = np.asarray(fit.coef)[columns], np.asarray(fit.se)[columns]
    spread = np.where(np.isfinite(reference.se), reference.se, 0.0)
    return (
        differs("coefficients", coef, reference.beta, 1e-8 * np.abs(reference.beta) + 1e-6 * spread)
        or (differs("standard errors", se, reference.se, 1e-6 * spread) if np.isfinite(reference.se).all() else None)
        or differs("deviance", fit.deviance, reference.deviance, 1e-8 * reference.deviance + nothing)
    )
