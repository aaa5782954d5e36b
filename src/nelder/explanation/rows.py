"""Rules about rows and columns: a row that decides, or does not belong; too few rows; terms that go together."""

from __future__ import annotations

import numpy as np

from nelder.diagnosis import IllConditioned
from nelder.diagnostics.check import excess
from nelder.diagnostics.influence import Influence, influence
from nelder.explanation.case import Case, finding_of, gravity_of
from nelder.explanation.endings import sentence
from nelder.explanation.reasons import Said
from nelder.fit import Fit
from nelder.inference.simultaneous import f_quantile
from nelder.mean import UNIT
from nelder.solvers import Newton, solve
from nelder.table import number

SHOWN = 3  # rows that are named


def influential(case: Case) -> Said | None:
    """Rows without which the coefficients would be others."""
    line = case.line("influence")
    if line is None:
        return None
    fit = case.sample
    found = influence(fit)
    size = f_quantile(0.5, fit.statistics.rank, fit.statistics.n - fit.statistics.rank) * excess(fit)
    order = [int(k) for k in np.argsort(-np.nan_to_num(found.cook), kind="stable")[:SHOWN] if found.cook[k] >= size]
    said = [moved(fit, found, position) for position in order]
    alone = [int(row) for row in found.rows[found.leverage == 1.0][:SHOWN]]
    if alone:
        those = f"row{'s' if len(alone) > 1 else ''} {', '.join(map(str, alone))}"
        said.append(f"A coefficient of its own fits {those}, whatever the response.")
    words = f"{' '.join(said)} (Rows are counted from 0.) See whether they are right, and report the fit without them."
    return Said(words, "fit.influence().table(outstanding=True)", gravity_of(line))


def moved(fit: Fit, found: Influence, position: int) -> str:
    """How far the coefficients move without a row: the one that moves most standard errors, by fitting again."""
    objective, before = fit.rows_of_data("influence"), np.asarray(fit.point)
    with np.errstate(all="ignore"):
        step = solve(objective.without(np.array([position])), Newton(start=before.tolist())).step
    errors = np.sqrt(fit.dispersion * fit.unscaled.diagonal())[~fit.aliased]
    shift = (step.beta - before) / errors
    most = int(np.nanargmax(np.abs(shift)))
    row, name = int(found.rows[position]), objective.design.names[most]
    return (
        f"Row {row} (Cook's distance {number(float(found.cook[position]), 2)}): without it {name} goes from "
        f"{number(float(before[most]), 4)} to {number(float(step.beta[most]), 4)}, by "
        f"{number(abs(float(shift[most])), 2)} standard errors."
    )


def outlying(case: Case) -> Said | None:
    """A response that is out of the question."""
    line = case.line("outliers")
    if line is None:
        return None
    n = case.sample.rows_of_data("its rows").design.rows
    words = f"{sentence(line.meaning)} Even the worst of {n:,} rows should not be so by chance ({line.value}). "
    return Said(f"{words}Is it a typing error, or another unit?", "fit.outliers()", gravity_of(line))


def few_data(case: Case) -> Said | None:
    """Too few events, or rows, for each coefficient."""
    line, fit = case.line("data"), case.fit
    if line is None:
        return None
    words = f"There are only {line.value} {line.meaning.removeprefix('few ')}. "
    if fit.family.counts or fit.family.mean_interval == UNIT:
        if fit.family.dispersion_known and not fit.family_to_fit.unknown:
            words += "Firth's penalty takes most of that bias away."
            return Said(words, 'fit.update(penalty="firth")', gravity_of(line))
        return Said(f"{words}Use fewer terms.", "fit.table()", gravity_of(line))
    words += "Estimates are unsure, and the fit will look better on these rows than on others: use fewer terms."
    return Said(words, "fit.confint()", gravity_of(line))


def collinear(case: Case) -> Said | None:
    """Terms that cannot be told apart well."""
    line = case.line("collinearity")
    if line is None or case.find(IllConditioned) is not None:  # which says more
        return None
    words = f"{finding_of(line)} Means and predictions do not mind; the single coefficient does. "
    words += "Centre a column before its square is taken, or drop one of two that say the same."
    return Said(words, "fit.vif()")


def bent(case: Case) -> Said | None:
    """The link test."""
    line = case.line("link")
    if line is None:
        return None
    words = f"{finding_of(line)} Try a curve, as bs(x, df=4), or a link that bends the other way."
    return Said(words, "fit.link_test()", gravity_of(line))


def miscalibrated(case: Case) -> Said | None:
    """Probabilities that are wrong in some band."""
    line = case.line("calibration")
    if line is None:
        return None
    return Said(f"{finding_of(line)}", "fit.calibration()", gravity_of(line))
