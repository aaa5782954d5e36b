"""Calibration: do responses come out as predicted, overall, from low to high, and in bands of the predictions?

On the rows of the fit a model always looks better than on new ones, and with the canonical link it is right in the
large by construction: pass `predicted=cross_validate(fit)` to judge it on rows it had not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.fitted_rows import (
    SAMPLED,
    FittedRows,
    bands_of,
    fitted_rows,
    group_sums,
    parted,
    proportions,
    refitted,
    sampled,
    whole_where_whole,
)
from nelder.errors import DataError
from nelder.fit import Fit
from nelder.inference.wald import two_sided_quantile, two_sided_tail
from nelder.linalg import Array
from nelder.mean import UNIT
from nelder.table import Table

COMPONENTS = {
    "brier": "mean squared error of the probabilities",
    "reliability": "how far bands are from what was predicted: small is good",
    "resolution": "how far bands are from each other: large is good",
    "uncertainty": "the score of predicting the overall share",
    "within_variance": "how predictions differ within bands",
    "within_covariance": "how well they differ rightly",
    "skill": "1 − brier / uncertainty",
}


@dataclass(frozen=True)
class Calibration:
    """`bands` of the predictions, and `recalibration`: the coefficients a of η = a + η̂ and b of η = c + b η̂."""

    bands: Table
    recalibration: Table

    def table(self) -> Table:
        """Columns n, predicted, observed, lower, upper, a row for each band."""
        return self.bands

    def __str__(self) -> str:
        return f"{self.bands}\n\n{self.recalibration}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.bands._repr_html_() + self.recalibration._repr_html_()


def calibration(fit: Fit, bands: int = 10, level: float = 0.95, predicted: object = None) -> Calibration:
    """Observed against predicted means in bands of about equal weight, and the recalibrating refits (Cox 1958).

    The interval of an observed share is Wilson's (1927), with n / φ trials; that of another mean has the standard error
    √(φ Σ w V(μ)) / Σ w that the family gives it. `in_the_large` is 0 and `slope` 1 where predictions are right: a slope
    below 1 says that they are too extreme. Rows of trials count as their trials; prior weights weigh.

    `predicted` (n,) are means to judge in place of the fit's own, or a cross-validation. Raises DataError for a fit
    without its data.
    """
    fit, predicted = parted(fit, predicted)
    rows = fitted_rows(fit, "calibration", predicted)
    band = bands_of(rows.score, rows.weight, bands)
    weight, total, expected, times = group_sums(
        band, rows.weight, rows.weight * rows.y, rows.weight * rows.mu, rows.times
    )
    observed = total / weight
    lower, upper = observed_interval(fit, rows, band, level)
    notes: tuple[str, ...] = ()
    if sampled(fit):
        lower, upper, notes = np.full_like(weight, np.nan), np.full_like(weight, np.nan), (SAMPLED,)
    elif not np.isfinite(fit.dispersion):
        notes = ("No degrees of freedom are left for φ: there are no intervals.",)
    n = weight if fit.family.mean_interval == UNIT else times
    columns = {
        "n": whole_where_whole(n),
        "predicted": expected / weight,
        "observed": observed,
        "lower": lower,
        "upper": upper,
    }
    return Calibration(
        Table(columns, f"Calibration in {len(weight)} bands of the predicted means", notes),
        recalibration(fit, rows, level),
    )


def observed_interval(fit: Fit, rows: FittedRows, band: NDArray[np.intp], level: float) -> tuple[Array, Array]:
    """The interval of the observed mean of each band."""
    weight, total = group_sums(band, rows.weight, rows.weight * rows.y)
    observed = total / weight
    if fit.family.mean_interval == UNIT:
        return wilson(observed, weight / fit.dispersion, level)
    with np.errstate(all="ignore"):
        (variance,) = group_sums(band, rows.weight * fit.family.variance(rows.mean))
    reach = two_sided_quantile(np.inf if fit.family.dispersion_known else fit.df_resid, level)
    half = reach * np.sqrt(fit.dispersion * variance) / weight
    low, high = fit.family.mean_interval
    return np.maximum(observed - half, low), np.minimum(observed + half, high)


def wilson(share: Array, n: Array, level: float) -> tuple[Array, Array]:
    """Wilson's score interval of a share of n trials."""
    z2 = two_sided_quantile(np.inf, level) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def recalibration(fit: Fit, rows: FittedRows, level: float) -> Table:
    """Calibration in the large and slope: columns term, estimate, se, z or t, p (against 0 and 1), lower, upper."""
    eta, ones = rows.mean.eta, np.ones(len(rows.y))
    wanted: list[tuple[dict[str, Array], Array, float]] = []
    notes: tuple[str, ...] = (SAMPLED,) if sampled(fit) else ()
    if not np.isfinite(eta).all():
        notes = (
            f"{int(np.sum(~np.isfinite(eta)))} means are at a limit, where η is infinite: nothing recalibrates them.",
        )
    else:
        wanted = [({"in_the_large": ones}, eta, 1.0)]
        centre = float(np.average(eta, weights=rows.weight))
        size = float(np.sqrt(np.average((eta - centre) ** 2, weights=rows.weight)))
        if len(np.unique(rows.score)) > 1:
            wanted.append(({"slope": (eta - centre) / size, "constant": ones}, np.zeros(len(eta)), size))
        else:
            notes += ("All predictions are the same: there is no slope.",)
    estimate, se, df = np.full(2, np.nan), np.full(2, np.nan), np.full(2, np.inf)
    for place, (columns, offset, scale) in enumerate(wanted):
        start = (scale, centre)[: len(columns)] if place else (0.0,)
        try:
            made = refitted(fit, columns, offset, start)
        except DataError as problem:
            notes += (f"{next(iter(columns))} cannot be had: {problem}.",)
            continue
        if made.converged:
            estimate[place], se[place] = np.asarray(made.coef)[0] / scale, np.asarray(made.se)[0] / scale
            df[place] = made.df_reference
        if not np.isfinite(se[place]) and not sampled(fit):
            notes += (f"{next(iter(columns))} cannot be had, or not its error: {made.reason}.",)
    with np.errstate(all="ignore"):
        statistic = (estimate - [0.0, 1.0]) / se
    reach = np.array([two_sided_quantile(each, level) for each in df])
    p = np.concatenate([two_sided_tail(each, statistic[[i]]) for i, each in enumerate(df)])
    name = "z" if np.isinf(df).all() else "t"
    columns = {"estimate": estimate, "se": se, name: statistic, "p": p}
    ends = {"lower": estimate - reach * se, "upper": estimate + reach * se}
    terms = {"term": np.array(["in_the_large", "slope"])}
    return Table(terms | columns | ends, "Recalibration: in_the_large should be 0, slope 1", notes)


def brier_score(fit: Fit, bands: int = 10, predicted: object = None) -> Table:
    """The mean squared error of probabilities, and what it is made of: columns component, value, meaning.

    brier = reliability − resolution + uncertainty + within_variance − within_covariance, over bands of the predictions
    (Murphy 1973; Stephenson, Coelho & Jolliffe 2008, for the part within bands); `skill` is 1 − brier / uncertainty.
    Rows of trials count as so many zeros and ones. Raises CapabilityError for other families than binomial.
    """
    proportions(fit, "the Brier score")
    fit, predicted = parted(fit, predicted)
    rows = fitted_rows(fit, "the Brier score", predicted)
    band = bands_of(rows.score, rows.weight, bands)
    weight, yes, no = rows.weight, rows.weight * rows.y, rows.weight * (1.0 - rows.y)
    total = float(weight.sum())
    in_band, seen, expected = group_sums(band, weight, yes, weight * rows.mu)
    share, forecast = seen / in_band, expected / in_band
    overall = float(yes.sum()) / total
    apart = rows.mu - forecast[band]
    sums = [
        yes @ rows.complement**2 + no @ rows.mu**2,
        in_band @ (forecast - share) ** 2,
        in_band @ (share - overall) ** 2,
        total * overall * (1.0 - overall),
        weight @ apart**2,
        2.0 * (weight * (rows.y - share[band])) @ apart,
    ]
    value = dict(zip(COMPONENTS, np.array(sums) / total, strict=False))
    value["skill"] = 1.0 - value["brier"] / value["uncertainty"] if value["uncertainty"] > 0 else np.nan
    columns = {"component": list(value), "value": list(value.values()), "meaning": list(COMPONENTS.values())}
    notes = () if value["uncertainty"] > 0 else ("All responses are the same: there is no skill to show.",)
    return Table(columns, f"Brier score, in {len(share)} bands", notes)
