"""Rules about how a fit ended: by hand, short of the optimum, at infinity, at an edge, in one of several valleys."""

from __future__ import annotations

import math

from nelder.diagnosis import (
    Aliased,
    Boundary,
    Diagnosis,
    Diverged,
    IllConditioned,
    Imprecise,
    PerfectFit,
    Runaway,
    Separated,
    SeveralMinima,
    SeveralShapes,
    ShapeAtEnd,
    ShapeUnknown,
)
from nelder.errors import NotConvergedWarning
from nelder.explanation.calls import anew, by_newton, with_family, with_own_link
from nelder.explanation.case import Case
from nelder.explanation.rates import slow
from nelder.explanation.reasons import Gravity, Said
from nelder.explanation.spectrum import WIDEST
from nelder.fit import Fit
from nelder.solvers import SOLVERS, Reason
from nelder.table import number

# findings that a rule of this page says in words
EXPLAINED: tuple[type[Diagnosis], ...] = (Aliased, Boundary, IllConditioned, Imprecise, PerfectFit, Runaway, Separated)
EXPLAINED += (SeveralMinima, SeveralShapes, ShapeAtEnd, ShapeUnknown)


def interrupted(case: Case) -> Said | None:
    """Ctrl-C."""
    fit = case.fit
    if fit.reason != Reason.INTERRUPTED.value:
        return None
    distance = float(fit.trace.column("distance")[-1]) if len(fit.trace) else math.nan
    far = f" They are about {number(distance, 2)} standard errors from the optimum." if math.isfinite(distance) else ""
    words = (
        f"{fit.solved.solver} was stopped by hand after {fit.steps:,} steps, and what is shown are the best "
        f"coefficients until then.{far} The call goes on from there."
    )
    if not case.has_rows:
        return Said(words.removesuffix(" The call goes on from there."), anew(fit))
    solver = SOLVERS[fit.solved.solver]().resumed_by if fit.solved.solver in SOLVERS else "Newton"
    return Said(words, f"fit.update(solver=nd.{solver}(start=fit.coef))")


def not_converged(case: Case) -> Said | None:
    """The last step is no optimum, for another reason than a rate or a slow descent."""
    fit = case.fit
    found = [finding for finding in fit.warnings if issubclass(finding.category, NotConvergedWarning)]
    others = [finding for finding in found if not isinstance(finding, Diverged | ShapeUnknown)]
    if not others or fit.reason == Reason.INTERRUPTED.value or slow(case) is not None:
        return None
    known = fit.solved.solver in SOLVERS or case.has_rows
    return Said(f"{sentence(others[0].sentence)} {LAST_STEP}", by_newton(fit) if known else anew(fit))


LAST_STEP = "What is shown is the best step, not an estimate: standard errors and tests suppose the optimum."


def sentence(words: str) -> str:
    """Words of a finding as a sentence; names such as gradient_descent stay as they are."""
    name = "_" in words.partition(" ")[0]
    return f"{words if name else words[:1].upper() + words[1:]}."


def separated(case: Case) -> Said | None:
    """The optimum lies at infinity."""
    finding = case.find(Separated)
    if finding is not None:
        return Said(sentence(finding.sentence), f"fit.update({finding.instead})" if finding.instead else "fit.table()")
    runaway = case.find(Runaway)
    return Said(sentence(runaway.sentence), with_own_link(case.fit)) if runaway is not None else None


def aliased(case: Case) -> Said | None:
    """Columns that are combinations of others."""
    finding = case.find(Aliased)
    if finding is None:
        return None
    words = f"{sentence(finding.sentence)} Fitted values and predictions are as they would be without them."
    return Said(words, without_aliased(case.fit))


def without_aliased(fit: Fit) -> str:
    """The formula without the terms all of whose columns are aliased; the table of coefficients if there is no such
    formula.
    """
    schema = fit.terms.schema
    if schema is None:
        return "fit.table()"
    spans = dict(schema.spans)
    lost = {name for name, columns in spans.items() if columns and fit.aliased[list(columns)].all()}
    kept = [term for term in schema.formula.terms if term.name not in lost]
    if not lost or not kept:
        return "fit.table()"
    return f"fit.update({schema.formula.with_terms(kept).text!r})"


def boundary(case: Case) -> Said | None:
    """Means at the edge of what the link allows."""
    finding = case.find(Boundary)
    if finding is None:
        return None
    inside = f'fit.update(link="{finding.link}")' if finding.link else "fit.table()"
    return Said(sentence(finding.sentence), inside)


def several_minima(case: Case) -> Said | None:
    """The deviance has several minima."""
    finding = case.find(SeveralMinima)
    return Said(sentence(finding.sentence), with_own_link(case.fit)) if finding is not None else None


def shape(case: Case) -> Said | None:
    """The shape of a family is at an end of its range, unknown, or one of several."""
    for kind in (ShapeAtEnd, ShapeUnknown, SeveralShapes):
        finding = case.find(kind)
        if finding is not None:
            counts = case.fit.family.counts
            call = with_family(case.fit, "poisson") if counts else "fit.dispersions()"
            return Said(sentence(finding.sentence), call, Gravity.NOTE if kind is ShapeAtEnd else None)
    return None


def precision(case: Case) -> Said | None:
    """Digits are lost."""
    finding = case.find(IllConditioned) or case.find(Imprecise)
    if finding is None:
        return None
    regular = case.fit.converged and len(case.fit.names) <= WIDEST and case.fit.solved.penalty == "unpenalised"
    return Said(sentence(finding.sentence), "fit.condition_indices()" if regular else "fit.table()")


def perfect(case: Case) -> Said | None:
    """Nothing is left of the response."""
    finding = case.find(PerfectFit)
    return Said(sentence(finding.sentence), "fit.table()") if finding is not None else None
