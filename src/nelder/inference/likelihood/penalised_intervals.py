"""Intervals of fits under a score adjustment, which follow the shape of the likelihood where Wald's cannot.

Where the adjustment is the gradient of a penalty a log |X'WX|, as under Jeffreys' prior with any link and for `Firth`
with the canonical one, they are profile intervals of the penalised likelihood (Heinze & Schemper 2002). Elsewhere no
function has the adjusted score as its gradient, and they hold the values that the adjusted score statistic,
U_j² V_jj / φ, does not reject, with the other coefficients at the root of their own adjusted scores.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.likelihood.adjusted_paths import AdjustedPath, Limit
from nelder.inference.likelihood.tests import refuse_without_dispersion
from nelder.inference.wald import quantile
from nelder.linalg import Array
from nelder.penalties import ScoreAdjustment
from nelder.reduction import Search
from nelder.table import Table

PROFILING = "an interval by profiling"
PRECISE = 1e-12  # of a first step


def penalised_confint(fit: Fit, level: float = 0.95) -> Table:
    """Columns term, lower, upper: profile intervals of the penalised likelihood, or of the adjusted score statistic
    where there is none; φ, where it was estimated, is held at its estimate, and the quantile is Student's.

    An end that the statistic does not reach, as where the domain of the means ends first, is nan with a note. Raises
    CapabilityError for fits without a score adjustment, with another covariance, or that did not converge, and for
    perfect ones where φ is estimated; DataError for a fit without its data.
    """
    adjustment = checked(fit)
    objective = fit.rows_of_data(PROFILING)
    reach, k = quantile(fit, level), objective.design.p
    everything = Search(objective, adjustment, np.arange(k), fit.dispersion)
    best = everything.at(np.asarray(fit.point))
    if best is None or not np.isfinite(reach):
        raise CapabilityError(
            "this fit leaves nothing to profile: its information is singular, or it has no residual df"
        )
    power = adjustment.determinant_power(fit.link == fit.family.canonical)
    ends = np.full((len(fit.names), 2), np.nan)
    with np.errstate(all="ignore"):
        for column, place in enumerate(np.flatnonzero(~fit.aliased)):
            path = AdjustedPath(replace(everything, free=np.delete(np.arange(k), column)), best, column, power)
            step = reach * float(np.asarray(fit.se)[place])
            ends[place] = [path.end(step, Limit(side, reach, PRECISE * step)) for side in (-1.0, 1.0)]
    columns = {"term": np.array(fit.names), "lower": ends[:, 0], "upper": ends[:, 1]}
    return Table(columns, notes=notes_of(fit, power, ends))


def checked(fit: Fit) -> ScoreAdjustment:
    """The adjustment of a fit whose intervals these can be; raises CapabilityError for any other."""
    adjustment = fit.rows_of_data(PROFILING).penalty.adjustment
    if adjustment is None:
        raise CapabilityError(
            "these intervals are for fits whose score was adjusted (penalty='firth', 'median_bias' or 'jeffreys'), not "
            f"for '{fit.solved.penalty}' ones"
        )
    if fit.uncertainty is not None:
        raise CapabilityError(
            f"intervals by profiling do not use the covariance {fit.uncertainty.name!r}: ask the fit as it was, or "
            "take Wald's intervals"
        )
    if not fit.converged:
        raise CapabilityError(f"this fit did not converge ({fit.reason}): there is no estimate to go out from")
    refuse_without_dispersion(fit, PROFILING)
    return adjustment


def notes_of(fit: Fit, power: float | None, ends: Array) -> tuple[str, ...]:
    """Which intervals they are, and of which no end was found."""
    what = (
        f"intervals of what the adjusted score statistic of penalty '{fit.solved.penalty}' does not reject"
        if power is None
        else f"profile intervals of the likelihood times |information|^{power:g}"
    )
    held = "" if fit.family.dispersion_known else ", with the dispersion held at its estimate"
    lost = np.array(fit.names)[np.isnan(ends).any(axis=1) & ~fit.aliased].tolist()
    none = "the link allows no mean there, or the adjusted scores of the others have no root"
    return (what + held, *((f"no end (nan) was found for {', '.join(lost)}: {none}",) if lost else ()))
