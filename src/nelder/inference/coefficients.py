"""The coefficient table: estimates, standard errors, tests and intervals of any kind, or their exponentials."""

from __future__ import annotations

import numpy as np

from nelder.fit import Fit
from nelder.inference.effects.relativities import exponentiated
from nelder.inference.intervals import confint
from nelder.inference.wald import coefficient_table as wald_table
from nelder.table import Table


def coefficient_table(fit: Fit, level: float = 0.95, intervals: str = "wald", exponentiate: bool = False) -> Table:
    """Columns term, estimate, se, z or t, p, lower, upper, one row a coefficient; tests are Wald's.

    `intervals` are "wald", "profile" or "score", see `intervals.confint`. With `exponentiate` estimate and interval are
    those of exp(β), and se is by the delta method; raises CapabilityError for a link with which that has no meaning.
    """
    table = exponentiated(fit).table(level) if exponentiate else wald_table(fit, level)
    if intervals == "wald":
        return table
    other = confint(fit, level, intervals)
    ends = {end: np.exp(other[end]) if exponentiate else other[end] for end in ("lower", "upper")}
    return Table({**table, **ends}, table.title, (*table.notes, *other.notes))
