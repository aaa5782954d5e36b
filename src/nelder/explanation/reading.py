"""What is left to say: findings that no other rule knows, and a plain reading of how the answer was had."""

from __future__ import annotations

import math

from nelder.compression import EXACT
from nelder.diagnosis import Diagnosis, OddResponse
from nelder.errors import NotConvergedWarning
from nelder.explanation.calls import anew
from nelder.explanation.case import Case
from nelder.explanation.endings import EXPLAINED, sentence
from nelder.explanation.reasons import Gravity, Said
from nelder.solvers import Tolerance

ELSEWHERE: tuple[type[Diagnosis], ...] = (*EXPLAINED, OddResponse)


def said(case: Case) -> Said | None:
    """What the fit says of itself and no other rule explains; all of it, for a fit that was loaded."""
    others = [
        finding
        for finding in case.fit.warnings
        if not isinstance(finding, ELSEWHERE) and not issubclass(finding.category, NotConvergedWarning)
    ]
    if not others:
        return None
    words = " ".join(sentence(finding.sentence) for finding in others)
    return Said(words, anew(case.fit), None if case.fit.converged else Gravity.GRAVE)


def well(case: Case) -> Said | None:
    """How many steps it took, and what certifies the optimum."""
    fit = case.fit
    if not fit.converged:
        return None
    steps = f"{fit.steps} step{'' if fit.steps == 1 else 's'}"
    passes = f" and {float(fit.trace.passes[-1]):.3g} passes over the data" if case.has_rows else ""
    cells = next((note for note in fit.notes if note.endswith(EXACT)), None)
    words = f"{fit.solved.solver} took {steps}{passes} for {fit.statistics.n:,.0f} observations and "
    words += f"{len(fit.names)} coefficients{f' ({cells})' if cells else ''}, and {fit.reason}: {certificate(case)}."
    return Said(words, "fit.summary()" if case.has_rows else anew(fit))


def certificate(case: Case) -> str:
    """What shows that the coefficients are the optimum."""
    if case.fit.at_edge:
        return "the gradient vanishes along it and points out over it elsewhere"
    distance = float(case.fit.trace.column("distance")[-1]) if len(case.fit.trace) else math.nan
    if math.isnan(distance):
        return "the coefficients are the optimum to rounding"
    if distance <= Tolerance().errors:
        return f"the step that was left is below {Tolerance().errors:.0e} standard errors of any coefficient"
    return "the step that was left is as small as rounding in the linear predictor lets anyone see"
