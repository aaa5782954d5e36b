"""Discrimination: does a yes have a higher probability than a no? The ROC curve, its area, and how sure that is.

A row of several trials is taken as so many zeros and ones with its mean, and rows with equal means as tied.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nelder.diagnostics.fitted_rows import SAMPLED, fitted_rows, parted, proportions, sampled
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.inference.estimates import Estimates
from nelder.inference.wald import two_sided_quantile
from nelder.linalg import Array
from nelder.parts import bincount
from nelder.table import Table, number


@dataclass(frozen=True)
class RocCurve:
    """The curve (m + 1,) and its area: `sensitivity` and `specificity` of calling yes where the mean is at least the
    threshold, from everything to nothing. `auc` has standard error `se` and an interval (DeLong, DeLong &
    Clarke-Pearson 1988).
    """

    auc: float
    se: float
    lower: float
    upper: float
    level: float
    threshold: Array = field(repr=False)
    sensitivity: Array = field(repr=False)
    specificity: Array = field(repr=False)
    notes: tuple[str, ...] = ()

    def table(self) -> Table:
        """Columns threshold, sensitivity, specificity, a row for each different mean and one above them all."""
        columns = {"threshold": self.threshold, "sensitivity": self.sensitivity, "specificity": self.specificity}
        return Table(columns, "ROC curve", (str(self),))

    def __str__(self) -> str:
        ends = f"{number(self.lower, 4)} to {number(self.upper, 4)} at {100 * self.level:g} %"
        known = f" (se {number(self.se, 3)}, {ends})" if np.isfinite(self.se) else ""
        words = f"area under the ROC curve {number(self.auc, 4)}{known}: the chance that a yes is ranked above a no"
        return "\n".join([words, *self.notes])

    __repr__ = __str__


def roc(fit: Fit, level: float = 0.95, predicted: object = None) -> RocCurve:
    """The ROC curve of the fitted means, or of others `predicted` (n,), or of a cross-validation.

    Raises CapabilityError for other families than binomial, DataError where all responses are the same.
    """
    proportions(fit, "the ROC curve")
    fit, predicted = parted(fit, predicted)
    rows = fitted_rows(fit, "the ROC curve", predicted)
    different, place = np.unique(rows.score, return_inverse=True)
    yes = bincount(place, rows.weight * rows.y, len(different))
    no = bincount(place, rows.weight * (1.0 - rows.y), len(different))
    if not (yes.sum() > 0 and no.sum() > 0):
        raise DataError(f"every response is {'yes' if yes.sum() > 0 else 'no'}: a ROC curve needs both")
    auc, se = area(yes, no)
    notes: tuple[str, ...] = ()
    if sampled(fit):
        se, notes = np.nan, (SAMPLED,)
    elif not fit.family.dispersion_known and np.isfinite(fit.dispersion):
        why = f"it supposes independent trials, and φ is {number(fit.dispersion, 3)}."
        se, notes = np.nan, (f"No standard error: {why}",)
    elif min(yes.sum(), no.sum()) <= 1:
        notes = ("No standard error: it needs two of each kind.",)
    elif se == 0.0:
        se, notes = np.nan, ("No standard error: every yes is ranked above every no, or every one below.",)
    reach = two_sided_quantile(np.inf, level) * se
    mu = np.full(len(different), -np.inf)
    np.maximum.at(mu, place, rows.mu)
    above = [np.append(np.cumsum(kind[::-1])[::-1], 0.0) / kind.sum() for kind in (yes, no)]
    return RocCurve(
        auc,
        se,
        max(auc - reach, 0.0) if np.isfinite(reach) else np.nan,
        min(auc + reach, 1.0) if np.isfinite(reach) else np.nan,
        level,
        np.append(mu, np.inf),
        above[0],
        1.0 - above[1],
        notes,
    )


def compare_roc(fit: Fit, other: object, level: float = 0.95) -> Table:
    """Whether the fit ranks better than another: the areas under both ROC curves, their difference and its test.

    `other` is a fit to the same rows, or means (n,), or a cross-validation. The two areas are of the same
    responses and correlated, which the standard error allows for (DeLong, DeLong & Clarke-Pearson 1988). Of nested fits
    the larger ranks its own rows better for no reason but its size: compare these by `compare`, or on rows not seen.

    Raises the errors of `roc`, DataError for fits to other responses, and CapabilityError where trials are not
    independent.
    """
    fit, other = parted(fit, other)
    curve = roc(fit, level)
    mine = fitted_rows(fit, "the ROC curve")
    theirs = fitted_rows(other, "the ROC curve") if isinstance(other, Fit) else fitted_rows(fit, "the ROC curve", other)
    if len(theirs.y) != len(mine.y) or not (theirs.y == mine.y).all() or not (theirs.weight == mine.weight).all():
        raise DataError("the fits have different responses or weights, so that their rankings are of different rows")
    if sampled(fit) or not fit.family.dispersion_known:
        raise CapabilityError(f"a comparison of ROC curves supposes independent trials: {' '.join(curve.notes)}")
    yes, no = mine.weight * mine.y, mine.weight * (1.0 - mine.y)
    places = [places_of(rows.score, yes, no) for rows in (mine, theirs)]
    areas = [float(yes @ below / yes.sum()) for below, _ in places]
    variance = 0.0
    for kind, (first, second) in zip((yes, no), zip(*places, strict=True), strict=True):
        apart = first - second - (areas[0] - areas[1])
        variance += float(kind @ apart**2) / (kind.sum() - 1.0) / kind.sum() if kind.sum() > 1.0 else np.nan
    labels = {"auc": [areas[0]], "auc_of_other": [areas[1]]}
    difference = np.array([areas[0] - areas[1]])
    title = "Areas under two ROC curves of the same responses"
    notes = () if variance else ("Both rank the rows alike: there is nothing to test.",)
    return Estimates(labels, difference, np.array([[variance]]), np.inf, title=title, notes=notes).table(level)


def places_of(score: Array, yes: Array, no: Array) -> tuple[Array, Array]:
    """The share of no below each row (n,), and of yes above it, ties counting half."""
    different, place = np.unique(score, return_inverse=True)
    below, above = placements(*(bincount(place, kind, len(different)) for kind in (yes, no)))
    return below[place], above[place]


def placements(yes: Array, no: Array) -> tuple[Array, Array]:
    """The share of no below each mean (m,), and of yes above it, ties counting half."""
    return (np.cumsum(no) - no / 2) / no.sum(), (np.cumsum(yes[::-1])[::-1] - yes / 2) / yes.sum()


def area(yes: Array, no: Array) -> tuple[float, float]:
    """The area and its standard error from the numbers of yes and of no at each mean (m,), lowest first.

    Each yes is placed at the share of no below it, ties counting half, and each no at the share of yes above it; the
    area is the mean of either, and its variance is the sum of the variances of both means.
    """
    many_yes, many_no = float(yes.sum()), float(no.sum())
    below, above = placements(yes, no)
    auc = float(yes @ below) / many_yes
    if min(many_yes, many_no) <= 1:
        return auc, float("nan")
    variance = float(yes @ (below - auc) ** 2) / (many_yes - 1) / many_yes
    variance += float(no @ (above - auc) ** 2) / (many_no - 1) / many_no
    return auc, float(np.sqrt(variance))
