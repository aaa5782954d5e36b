"""Rules about the response: does it look like the family, and does it vary as the family says?"""

from __future__ import annotations

import math

import numpy as np

from nelder.diagnosis import OddResponse
from nelder.explanation.calls import with_family
from nelder.explanation.case import Case, finding_of, gravity_of
from nelder.explanation.endings import sentence
from nelder.explanation.reasons import Gravity, Said
from nelder.mean import UNIT
from nelder.table import count, number

SMALL = 20.0  # a mean count below which the normal distribution is no stand-in


def odd_response(case: Case) -> Said | None:
    """Counts that are not whole."""
    finding = case.find(OddResponse)
    if finding is None:
        return None
    quasi = "quasibinomial" if case.fit.family.mean_interval == UNIT else "quasipoisson"
    return Said(sentence(finding.sentence), with_family(case.fit, quasi))


def yes_or_no(case: Case) -> Said | None:
    """Zeros and ones under the normal distribution."""
    if not case.has_rows or case.fit.family.name != "gaussian":
        return None
    y = case.response
    if not np.isin(y, (0.0, 1.0)).all() or len(np.unique(y)) < 2:
        return None
    outside = outside_unit(case)
    words = f"All {len(y):,} responses are 0 or 1 ({share(y == 1)} ones), and the normal distribution takes them for "
    words += "measurements of one variance, where that of a yes or no is μ(1 − μ). "
    many = "one fitted mean is" if outside == 1 else f"{outside:,} fitted means are"
    words += f"{many.capitalize()} below 0 or above 1. " if outside else ""
    return Said(words + "With family='binomial' coefficients are log-odds.", with_family(case.fit, "binomial", False))


def outside_unit(case: Case) -> int:
    """How many fitted means are no probabilities."""
    fitted = case.sample.fitted
    return int(np.sum((fitted < 0) | (fitted > 1)))


def share(chosen: object) -> str:
    """How many of some rows, in per cent."""
    return f"{100 * float(np.mean(np.asarray(chosen, dtype=float))):.3g} %"


def counted(case: Case) -> Said | None:
    """Small counts under the normal distribution, whose variance grows with their mean."""
    if not case.has_rows or case.fit.family.name != "gaussian" or case.line("spread") is None:
        return None
    y = case.response
    if (y < 0).any() or (y != np.round(y)).any() or len(np.unique(y)) < 3 or y.mean() > SMALL:
        return None
    low, high = halves(case)
    words = (
        f"All {len(y):,} responses are whole numbers from {count(float(y.min()))} to {count(float(y.max()))}, with "
        f"{share(y == 0)} zeros, and vary more where their mean is larger: the mean square residual is "
        f"{number(low, 3)} in the half of the rows with the smaller means and {number(high, 3)} in the other. They "
        "look like counts: family='poisson' lets the variance grow with the mean and keeps the mean positive."
    )
    return Said(words, with_family(case.fit, "poisson", False))


def halves(case: Case) -> tuple[float, float]:
    """Mean squared residuals of the rows with the smaller and with the larger means."""
    mean = case.sample.fitted
    order, squares = np.argsort(mean, kind="stable"), (case.response - mean) ** 2
    middle = len(order) // 2
    return float(squares[order[:middle]].mean()), float(squares[order[middle:]].mean())


def dispersion(case: Case) -> Said | None:
    """φ is not what the family says."""
    line, fit = case.line("dispersion"), case.sample if case.has_rows else case.fit
    if line is None:
        return None
    phi = fit.statistics.pearson / fit.df_resid
    if phi < 1:
        words = (
            f"The responses vary less than {fit.family.label()} says: {line.value}. Standard errors are about "
            f"{number(math.sqrt(1 / phi), 3)} times too wide. Look whether rows are averages, or depend on each other."
        )
        return Said(words, 'fit.dispersion_tests("two_sided")', Gravity.NOTE)
    unit = fit.family.mean_interval == UNIT
    words = (
        f"The responses vary more than {fit.family.label()} says: {line.value}, where φ should be 1. Standard errors "
        f"are about {number(math.sqrt(phi), 3)} times too small, and intervals too narrow. "
    )
    quasi = "quasibinomial" if unit else "quasipoisson"
    words += f"family='{quasi}' keeps the coefficients and widens their errors; "
    if not unit and not fit.family.shape_name:
        words += "family='negative_binomial' gives each row a mean of its own around the fitted one; "
    words += "fit.with_covariance('HC3') takes the errors from the residuals."
    return Said(words, with_family(fit, quasi), gravity_of(line))


def zeros(case: Case) -> Said | None:
    """More zeros than the model expects, or fewer."""
    line = case.line("zeros")
    if line is None:
        return None
    words = f"There are {line.meaning}: {line.value}. "
    words += (
        "Either the counts vary more than their family says, or some rows can have no count at all, whatever their "
        "mean: then model the two kinds apart."
        if line.meaning.startswith("more")
        else "Look whether rows without a count were left out of the table."
    )
    return Said(words, "fit.zero_inflation()", gravity_of(line))


def spread(case: Case) -> Said | None:
    """Residuals that grow or shrink along the linear predictor."""
    line = case.line("spread")
    if line is None or counted(case) is not None or yes_or_no(case) is not None:
        return None
    words = (
        f"{finding_of(line)} The coefficients stay unbiased, their standard errors do not: HC3 "
        "takes them from the residuals. A family with another variance may use the rows better."
    )
    return Said(words, 'fit.with_covariance("HC3").table()', gravity_of(line))


def distribution(case: Case) -> Said | None:
    """Quantile residuals that are not normal."""
    line = case.line("distribution")
    if line is None or yes_or_no(case) is not None or counted(case) is not None:
        return None
    words = f"{finding_of(line)} Coefficients and their standard errors bear that, if rows are "
    return Said(f"{words}many; prediction intervals do not.", "fit.normality()")
