"""Lift: what was predicted and what came, in bands from the best risks to the worst, and the Gini coefficient of that
order. All of it is per unit of exposure, and weighted by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.diagnostics.fitted_rows import (
    FittedRows,
    aligned,
    bands_of,
    fitted_rows,
    group_sums,
    parted,
    settled,
    whole_where_whole,
)
from nelder.errors import CapabilityError, DataError, some_rows
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.table import Table, number

SAME = 1e-9  # a relative difference of two rates that rounding may have made


@dataclass(frozen=True)
class Lift:
    """`bands` of the rows in the order of their predicted rates, and the `gini` coefficient of that order.

    `gini_best` is what ordering by the responses themselves would have; `normalised` is gini / gini_best.
    """

    bands: Table
    gini: float
    gini_best: float

    @property
    def normalised(self) -> float:
        """The share of what is possible: 0 for a random order, 1 for the best."""
        return self.gini / self.gini_best if self.gini_best > 0 else float("nan")

    def table(self) -> Table:
        """Columns exposure, predicted, observed (rates), ratio (observed / predicted) and lift (observed / overall)."""
        return self.bands

    def __str__(self) -> str:
        best = f"best possible {number(self.gini_best, 4)}, normalised {number(self.normalised, 4)}"
        return f"{self.bands}\n\nGini {number(self.gini, 4)} ({best})"

    __repr__ = __str__


def lift(fit: Fit, bands: int = 10, exposure: object = None, predicted: object = None) -> Lift:
    """Observed and predicted rates in bands of about equal exposure, lowest predictions first.

    Exposure is w, times what an offset multiplies the mean by, as exp(offset) does with a log link; or give `exposure`
    (n,). The Gini coefficient is 1 − 2 ∫ L, where L is the share of the observed total that falls to the first share of
    exposure, in the order of the predicted rates, equal rates taken together (Frees, Meyers & Cummings 2011, without
    premiums): 0 if the order says nothing, negative if it is upside down. For zeros and ones it is
    (2 AUC − 1)(1 − share of ones).

    `predicted` (n,) are means to judge in place of the fit's own, or a cross-validation. Raises CapabilityError where
    means may be negative.
    """
    if fit.family.mean_interval[0] < 0:
        raise CapabilityError(
            f"lift and Gini share out a total of responses that are not negative; {fit.family.label()} has others: "
            "look at calibration(fit)"
        )
    own, (fit, predicted) = fit, parted(fit, predicted)
    rows = fitted_rows(fit, "lift", predicted)
    if exposure is not None and fit is not own:
        exposure = aligned(own, exposure, "exposure")
    units, note = exposure_of(fit, rows, exposure)
    total, expected = rows.weight * rows.y, rows.weight * rows.mu
    if not total.sum() > 0:
        raise DataError("every response is zero: there is nothing to share out")
    rate = expected / units
    rate = settled(rate, SAME * rate)
    band = bands_of(rate, units, bands)
    size, seen, predictions = group_sums(band, units, total, expected)
    overall = float(total.sum() / units.sum())
    notes: tuple[str, ...] = (note,)
    if not predictions.all():
        notes += ("The ratio is nan in a band of which nothing was predicted, and nothing came.",)
    columns = {
        "exposure": whole_where_whole(size),
        "predicted": predictions / size,
        "observed": seen / size,
        "ratio": np.divide(seen, predictions, out=np.where(seen > 0, np.inf, np.nan), where=predictions > 0),
        "lift": seen / size / overall,
    }
    title = f"Lift in {len(size)} bands of the predicted rate; overall {number(overall)}"
    return Lift(Table(columns, title, notes), gini(rate, total, units), gini(total / units, total, units))


def exposure_of(fit: Fit, rows: FittedRows, given: object) -> tuple[Array, str]:
    """The exposure (n,) of each row, and where it is from in words."""
    if given is not None:
        values = aligned(fit, given, "exposure")
        bad = np.flatnonzero(~(values > 0))
        if len(bad):
            raise DataError(f"exposure is not positive at {some_rows(bad.tolist())}: leave these rows out of the fit")
        return rows.times * values, "Exposure as given."
    multiplier = offset_multiplier(rows)
    weights = "" if (rows.weight == rows.times).all() else ", times the weights"
    if multiplier is None:
        left = "the offset does not multiply the mean, and is left out" if rows.offset.any() else "no offset"
        return rows.weight, f"Exposure: 1 for each row{weights} ({left})."
    return rows.weight * multiplier, f"Exposure: what the offset multiplies the mean by{weights}."


def offset_multiplier(rows: FittedRows) -> Array | None:
    """What the offset multiplies each mean by (n,): exp(offset) with a log link; None where there is none such."""
    if not rows.offset.any():
        return None
    link = rows.mean.link
    with np.errstate(all="ignore"):
        start = np.zeros(len(rows.offset))
        factor = Mean(link, rows.offset).mu / Mean(link, start).mu
        finite = np.isfinite(rows.mean.eta)
        without = Mean(link, np.where(finite, rows.mean.eta - rows.offset, 0.0)).mu
        whole = Mean(link, np.where(finite, rows.mean.eta, rows.offset)).mu
        multiplies = np.abs(whole - factor * without) <= SAME * whole
    return factor if multiplies.all() and (factor > 0).all() else None


def gini(rate: Array, total: Array, units: Array) -> float:
    """1 − 2 ∫ L for the totals (n,) over units of exposure (n,), in the order of a rate (n,)."""
    different, place = np.unique(rate, return_inverse=True)
    shares = [np.bincount(place, column, len(different)) / column.sum() for column in (units, total)]
    up_to = np.cumsum(shares[1])
    # trapezia: within a tied group the curve is a straight line
    return float(1.0 - np.sum(shares[0] * (2.0 * up_to - shares[1])))
