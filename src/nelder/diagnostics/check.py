"""One page on a fit, in plain words: every check that applies, its verdict, what it means and what to try next."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nelder.design import Block
from nelder.diagnostics.collinearity import vif
from nelder.diagnostics.discrimination import roc
from nelder.diagnostics.dispersion_tests import score_tails
from nelder.diagnostics.fitted_rows import own_variance, regular
from nelder.diagnostics.goodness_of_fit import pearson_moments
from nelder.diagnostics.hosmer_lemeshow import hosmer_lemeshow
from nelder.diagnostics.influence import influence
from nelder.diagnostics.lift import lift
from nelder.diagnostics.link_test import link_test
from nelder.diagnostics.normality import normality
from nelder.diagnostics.outliers import outliers
from nelder.diagnostics.spread import spread_test
from nelder.diagnostics.zero_inflation import zero_inflation
from nelder.errors import BoundaryWarning, CapabilityError, DataError, NotConvergedWarning
from nelder.fit import Fit
from nelder.inference.simultaneous import f_quantile
from nelder.inference.wald import checked_level
from nelder.mean import UNIT, special
from nelder.table import Table, count, number, p_value

FINE, LOOK, PROBLEM, SKIPPED, SHOWN = "fine", "look", "problem", "skipped", "shown"
AT_ONCE = 5  # tests that a fit meets, among which the level is shared
SURE = 0.01  # of its share: from here on it is no longer chance


@dataclass(frozen=True)
class Line:
    """One check: its verdict, the number it rests on, what that means, and the call to try next."""

    check: str
    verdict: str
    value: str
    meaning: str
    call: str = ""

    def __str__(self) -> str:
        return f"{self.meaning}; try {self.call}" if self.call and self.verdict not in (FINE, SHOWN) else self.meaning


@dataclass(frozen=True)
class Check:
    """The lines of a check; `str()` is the page, `table()` has it as columns, `verdict` is the worst of them."""

    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """ "problem", "look" or "fine"."""
        found = {line.verdict for line in self.lines}
        return next((each for each in (PROBLEM, LOOK) if each in found), FINE)

    def table(self) -> Table:
        """Columns check, verdict, value, meaning, call."""
        names = ("check", "verdict", "value", "meaning", "call")
        columns = {name: np.array([getattr(line, name) for line in self.lines], dtype=object) for name in names}
        return Table(columns, self.title, self.notes)

    def __str__(self) -> str:
        cells = [(line.verdict, line.check, line.value, str(line)) for line in self.lines]
        wide = [max(len(row[j]) for row in cells) for j in range(3)]
        rows = ["  ".join([*(text.ljust(w) for text, w in zip(row, wide, strict=False)), row[3]]) for row in cells]
        return "\n".join([self.title, "", *rows, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{html.escape(text)}</td>"
                for text in (line.verdict, line.check, line.value, str(line))
            )
            + "</tr>"
            for line in self.lines
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table><caption>{html.escape(self.title)}</caption><tbody>{rows}</tbody></table>{notes}"


def check(fit: Fit, level: float = 0.05) -> Check:
    """Run every check that applies to a fit and say in words what came of it.

    A test says "look" where it would do so by chance in about one right model of 1 / level, all its tests taken
    together, and "problem" where chance is out of the question and the effect is large. A check that cannot be made is
    skipped with a word, and a number that has no verdict is shown. Raises DataError for a fit that was loaded without
    its data.
    """
    fit.rows_of_data("a check of the model")
    alpha = checked_level(level) / AT_ONCE
    lines = findings(fit)
    try:
        regular(fit, "every test")
        wanted = {**TESTS, **OTHERS}
    except CapabilityError as refusal:
        lines += (Line("tests", SKIPPED, "", str(refusal)),)
        wanted = OTHERS
    for name, of in wanted.items():
        try:
            with np.errstate(all="ignore"):
                line = of(fit, alpha)
        except (CapabilityError, DataError) as refusal:
            line = Line(name, SKIPPED, "", str(refusal))
        lines += () if line is None else (line,)
    rank = count(np.round(fit.statistics.rank, 6))
    size = f"{count(fit.statistics.n)} observations, {rank} coefficient{'' if rank == '1' else 's'}"
    return Check(f"Check of {fit.family.label()} with link {fit.link.label()}: {size}", lines, own_variance(fit))


def chance(p: float) -> str:
    """A p-value, as `p = 0.03`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def excess(fit: Fit) -> float:
    """How much more responses vary than the family says, where it fixes φ: at least 1. Other checks allow for it."""
    if not fit.family.dispersion_known or fit.df_resid <= 0:
        return 1.0
    return max(1.0, fit.statistics.pearson / fit.df_resid)


def graded(p: float, alpha: float, large: bool) -> str:
    """The verdict of a test."""
    if np.isnan(p):
        return SKIPPED
    return FINE if p >= alpha else PROBLEM if large and p < SURE * alpha else LOOK


def findings(fit: Fit) -> tuple[Line, ...]:
    """What the fit said of itself."""
    serious = (NotConvergedWarning, BoundaryWarning)
    lines = []
    for finding in fit.warnings:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(finding).__name__).lower()
        lines.append(Line(name, PROBLEM if issubclass(finding.category, serious) else LOOK, "", finding.sentence))
    if not lines:
        steps = f"{fit.steps} step{'s' if fit.steps != 1 else ''}"
        lines = [Line("convergence", FINE if fit.converged else PROBLEM, steps, fit.reason)]
    return tuple(lines)


def enough_data(fit: Fit, alpha: float) -> Line | None:
    """Events or rows for each coefficient (Peduzzi and others 1996; Vittinghoff & McCulloch 2007)."""
    objective, n, k = fit.rows_of_data("a check of the model"), fit.statistics.n, max(fit.statistics.rank, 1.0)
    if not (fit.family.mean_interval == UNIT or fit.family.counts) or objective.sampling:
        few = n / k < 5
        meaning = "few observations for each coefficient" if few else "observations for each coefficient"
        return Line("data", LOOK if few else FINE, number(n / k, 3), meaning, "fewer terms")
    total = objective.mean_response * objective.total_weight
    events = total
    if fit.family.mean_interval == UNIT:
        events = min(total, objective.over_rows(failures_kernel))
    each = events / max(k - 1.0, 1.0)
    if each >= 10:
        return Line("data", FINE, number(each, 3), "events for each coefficient beside the intercept")
    meaning = "few events for each coefficient beside the intercept: estimates lean away from zero"
    return Line("data", LOOK if each >= 5 else PROBLEM, number(each, 3), meaning, "fewer terms, or a penalty")


def failures_kernel(block: Block) -> float:
    """Σ w (1 − y)."""
    return float(block.weight @ (1.0 - block.y))


def trials_kernel(block: Block) -> float:
    """The most trials behind one row."""
    return float(block.own_precision.max())


def dispersion(fit: Fit, alpha: float) -> Line | None:
    """φ = 1, where the family says so."""
    objective = fit.rows_of_data("a check of the model")
    single = (
        fit.family.mean_interval == UNIT and max(objective.engine.map(trials_kernel, objective.design.handles)) <= 1
    )
    if not fit.family.dispersion_known or single:
        return None
    moments = pearson_moments(fit)
    if moments.df <= 0:
        raise DataError("no degrees of freedom are left to see the dispersion by")
    phi = moments.pearson / moments.df
    # two-sided, and the better of two tests: one may drown in a row with a tiny mean, the other in one with a large
    tails = [*moments.tails, *score_tails(fit)]
    p = min(1.0, 4 * float(np.nanmin(tails))) if np.isfinite(tails).any() else np.nan
    verdict = graded(p, alpha, not 0.8 < phi < 1.25)
    value = f"φ = {number(phi, 3)}, {chance(p)}"
    if verdict == FINE or phi < 1:
        meaning = (
            "the variance is what the family says" if verdict == FINE else "responses vary less than the family says"
        )
        return Line("dispersion", verdict, value, meaning, "fit.dispersion_tests('two_sided')")
    if fit.family.mean_interval == UNIT:
        other = "family='quasibinomial'"
    else:
        other = f"another {fit.family.shape_name}" if fit.family.shape_name else "family='quasipoisson'"
    meaning = "responses vary more than the family says: standard errors are too small"
    return Line("dispersion", verdict, value, meaning, f"fit.dispersion_tests(), and {other}")


def zeros(fit: Fit, alpha: float) -> Line | None:
    """As many zeros as expected."""
    if not (fit.family.counts and fit.family.has_likelihood):
        return None
    table = zero_inflation(fit)
    seen, expected, p = (float(table[name][0]) for name in ("observed", "expected", "p"))
    # few zeros are Poisson, which their variance alone does not show
    tails = special().gammainc(seen, expected) if seen else 1.0, special().gammaincc(seen + 1.0, expected)
    p = max(p, min(1.0, 2 * float(min(tails)))) if np.isfinite(p) else np.nan
    verdict = graded(p, alpha, abs(seen - expected) > 0.1 * expected)
    word = (
        "as many zeros as the model expects"
        if verdict == FINE
        else ("more zeros than the model expects" if seen > expected else "fewer zeros than the model expects")
    )
    value = f"{count(seen)} for {number(expected, 3)}, {chance(p)}"
    return Line("zeros", verdict, value, word, "fit.zero_inflation(), and family='negative_binomial'")


def bands(fit: Fit, alpha: float) -> Line | None:
    """Hosmer & Lemeshow's test, in as many bands as have some of either kind."""
    if fit.family.mean_interval != UNIT or not fit.family.dispersion_known:
        return None
    for groups in (10, 8, 6, 5, 4, 3):
        found = hosmer_lemeshow(fit, groups)
        if min(found.bands["expected"].min(), found.bands["expected_failures"].min()) >= 3:
            chi2 = found.chi2 / excess(fit)
            p = float(special().gammaincc(found.df / 2, chi2 / 2))
            verdict = graded(p, alpha, large=True)
            word = "probabilities are right" if verdict == FINE else "probabilities are wrong"
            value = f"chi2 = {number(found.chi2, 3)}, p = {p_value(found.p)}"
            meaning = f"{word} in {found.bands.rows} bands of risk"
            return Line("calibration", verdict, value, meaning, "fit.calibration(), and curves or interactions")
    raise DataError("no three bands of the fitted probabilities expect some of either kind")


def link(fit: Fit, alpha: float) -> Line | None:
    """The link test."""
    table = link_test(fit)
    name = "t" if "t" in table else "z"
    statistic, p = float(table[name][2]), float(table["p"][2])
    if excess(fit) > 1:
        statistic /= np.sqrt(excess(fit))
        p = float(2 * special().ndtr(-abs(statistic)))
    gained = statistic**2 * fit.dispersion / max(fit.null_deviance - fit.deviance, 1e-300)
    verdict = graded(p, alpha, gained > 0.02)
    meaning = "link and form of the predictors fit"
    if verdict != FINE:
        meaning = "the mean bends in the linear predictor: wrong link, a curve, or an interaction"
    value = f"{name} = {number(statistic, 3)}, {chance(p)}"
    return Line("link", verdict, value, meaning, "another link=, or bs(x, df=4) for x; then fit.link_test()")


def distribution(fit: Fit, alpha: float) -> Line | None:
    """Normal quantile residuals, for responses that are not counted."""
    if fit.family.dispersion_known or not fit.family.has_distribution:
        return None
    table = normality(fit)
    (skewness, kurtosis, _), p = table["value"], float(table["p"][2])
    verdict = graded(p, alpha, bool(abs(skewness) > 0.5 or abs(kurtosis - 3) > 1))
    value = f"skewness {number(float(skewness), 2)}, kurtosis {number(float(kurtosis), 2)}, {chance(p)}"
    meaning = "quantile residuals are normal"
    if verdict != FINE:
        meaning = "quantile residuals are not normal: single responses are not as predicted, means may well be"
    return Line("distribution", verdict, value, meaning, "fit.normality(), and another family")


def spread(fit: Fit, alpha: float) -> Line | None:
    """Residuals as wide at one end as at the other."""
    if fit.family.dispersion_known:
        return None
    table = spread_test(fit)
    p, slope = float(table["p"][1]), float(table["slope"][1])
    verdict = graded(p, alpha, large=True)
    meaning = "residuals are as wide as the variance function says"
    if verdict != FINE:
        meaning = f"residuals grow {'wider' if slope > 0 else 'narrower'} with the linear predictor than V(μ) says"
    value = f"{chance(p)}"
    return Line("spread", verdict, value, meaning, "another family, or fit.with_covariance('HC3')")


def far_out(fit: Fit, alpha: float) -> Line | None:
    """The least likely response."""
    if not fit.family.has_distribution:
        return None
    table = outliers(fit, 1)
    p, row = float(table["p_adjusted"][0]), int(table["row"][0])
    verdict = graded(p, alpha, large=True)
    meaning = "no response is out of the ordinary"
    if verdict != FINE:
        meaning = f"row {row} has y = {number(float(table['y'][0]), 4)} at mean {number(float(table['mean'][0]), 4)}"
    return Line("outliers", verdict, f"{chance(p)}", meaning, "fit.outliers(), and a fit without it")


def influential(fit: Fit, alpha: float) -> Line | None:
    """The largest of Cook's distances, against the median of F, where a confidence region of one half ends."""
    found, n, p = influence(fit), fit.statistics.n, fit.statistics.rank
    full = found.rows[found.leverage == 1.0]
    if np.isnan(found.cook).all() or n <= p:
        raise DataError("every row has a coefficient of its own: no row can be left out")
    row = int(np.nanargmax(found.cook))
    distance = float(found.cook[row]) / excess(fit)
    share = distance / f_quantile(0.5, p, n - p)
    verdict = FINE if share < 1 and not len(full) else LOOK if share < 2 else PROBLEM
    meaning = "no single row moves the coefficients much"
    if share >= 1:
        meaning = f"row {int(found.rows[row])} moves the coefficients"
    elif len(full):
        meaning = f"row {int(full[0])} is fitted by a coefficient of its own"
    return Line("influence", verdict, f"Cook {number(distance, 2)}", meaning, "fit.influence(), and a fit without it")


def collinearity(fit: Fit, alpha: float) -> Line | None:
    """The largest variance inflation."""
    table = vif(fit)
    if table.rows < 2:
        return None
    squared = table["per_column"] ** 2
    worst = int(np.argmax(squared))
    verdict = FINE if squared[worst] < 10 else LOOK if squared[worst] < 100 else PROBLEM
    meaning = "terms can be told apart"
    if verdict != FINE:
        wider = number(float(np.sqrt(squared[worst])), 2)
        meaning = (
            f"the standard error of {table['term'][worst]} is {wider} times as wide for the company of other terms"
        )
    value = f"VIF {number(float(squared[worst]), 3)}"
    return Line("collinearity", verdict, value, meaning, "fit.vif(), fit.condition_indices(); centre, or drop a term")


def explained(fit: Fit, alpha: float) -> Line | None:
    """D², the share of the deviance that is explained."""
    if not (np.isfinite(fit.null_deviance) and fit.null_deviance > 0) or fit.statistics.rank <= 1:
        return None
    share = f"D² {number(1.0 - fit.deviance / fit.null_deviance, 3)}"
    meaning = "of the deviance is explained on these rows; for rows not seen fit.cross_validate()"
    return Line("explained", SHOWN, share, meaning, "fit.cross_validate()")


def ranking(fit: Fit, alpha: float) -> Line | None:
    """The area under the ROC curve, or for other responses that are not negative the Gini coefficient."""
    if fit.family.mean_interval[0] < 0 or fit.statistics.rank <= 1:
        return None
    if fit.family.mean_interval == UNIT:
        meaning = "is the chance that a yes is ranked above a no"
        return Line("ranking", SHOWN, f"AUC {number(roc(fit).auc, 3)}", meaning, "fit.roc()")
    share = lift(fit).normalised
    meaning = "of the best possible Gini coefficient is reached"
    return Line("ranking", SHOWN, number(share, 3), meaning, "fit.lift()") if np.isfinite(share) else None


Checker = Callable[[Fit, float], Line | None]
TESTS: dict[str, Checker] = {
    "dispersion": dispersion,
    "zeros": zeros,
    "calibration": bands,
    "link": link,
    "distribution": distribution,
    "spread": spread,
    "outliers": far_out,
    "influence": influential,
}
OTHERS: dict[str, Checker] = {
    "collinearity": collinearity,
    "data": enough_data,
    "explained": explained,
    "ranking": ranking,
}
