"""Why a fit came out as it did, and what to do about it, in plain words: `fit.explain()`."""

from __future__ import annotations

import warnings

import numpy as np

from nelder.errors import CapabilityError, DataError, NelderWarning
from nelder.explanation.case import Case
from nelder.explanation.reasons import Explanation, Gravity, Reason, Said
from nelder.explanation.rules import RULES, Rule
from nelder.fit import Fit

__all__ = ["RULES", "Case", "Explanation", "Gravity", "Reason", "Rule", "Said", "explain"]

LOADED = "This fit was loaded without its data: what needs the rows was left out."


def explain(fit: Fit) -> Explanation:
    """What happened in a fit and what to do about it: a reason for each rule of `RULES` that found something.

    Each ends in a call to try. Of many rows a sample is looked at, and a note says so; a fit that was loaded without
    its data says less. The checks of the model are those of
    `fit.check()`, which find something by chance in about one of twenty right models.
    """
    case, reasons = Case(fit), []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", NelderWarning)  # what is fitted on the way speaks for itself
        for name, rule in RULES.items():
            try:
                found = rule.look(case)
            except (CapabilityError, DataError):
                continue  # what a rule would look at is not there to be seen
            if found is not None:
                gravity = rule.gravity if found.gravity is None else found.gravity
                reasons.append(Reason(name, rule.title, found.words, found.call, gravity))
    title = f"{fit.family.label()} with link {fit.link.label()} by {fit.solved.solver}"
    notes = tuple(note for note in (None if case.has_rows else LOADED, case.note, case.unchecked) if note)
    partial = not case.has_rows or case.unchecked is not None
    return Explanation(title, tuple(sorted(reasons, key=lambda reason: -reason.gravity)), notes, partial)
