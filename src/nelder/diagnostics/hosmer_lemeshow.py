"""Hosmer & Lemeshow's test: are as many yes in each band of the fitted probabilities as they sum to?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.diagnostics.fitted_rows import (
    bands_of,
    caveats,
    fitted_rows,
    group_sums,
    proportions,
    regular,
    whole_where_whole,
)
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.mean import special
from nelder.table import Table, count, number, p_value


@dataclass(frozen=True)
class HosmerLemeshow:
    """`chi2` on `df` degrees of freedom with tail `p`, and the bands it is summed over."""

    chi2: float
    df: float
    p: float
    bands: Table

    def table(self) -> Table:
        """Columns n, mean, observed and expected successes, observed and expected failures, a row for each band."""
        return self.bands

    def __str__(self) -> str:
        fits = (
            "the bands differ from it by more than chance does" if self.p < 0.05 else "nothing speaks against the fit"
        )
        head = f"Hosmer & Lemeshow: chi2 = {number(self.chi2)} on {count(self.df)} df, p = {p_value(self.p)}: {fits}"
        return f"{head}\n\n{self.bands}"

    __repr__ = __str__


def hosmer_lemeshow(fit: Fit, groups: int = 10) -> HosmerLemeshow:
    """χ² of successes and failures over bands of about equal size, ordered by the fitted probability, on bands − 2 df.

    Rows of several trials are taken as so many zeros and ones. Rows with equal means stay in one band, so that there
    may be fewer bands than `groups`, and the degrees of freedom are those of the bands there are (Hosmer & Lemeshow
    1980).

    Raises CapabilityError for other families than binomial, DataError where fewer than three bands are left.
    """
    proportions(fit, "Hosmer & Lemeshow's test")
    if not fit.family.dispersion_known:
        raise CapabilityError(
            f"Hosmer & Lemeshow's test supposes φ = 1, and {fit.family.label()} estimates it: use calibration(fit)"
        )
    regular(fit, "Hosmer & Lemeshow's test")
    rows = fitted_rows(fit, "Hosmer & Lemeshow's test")
    band = bands_of(rows.score, rows.weight, groups, "groups")
    weight, yes = rows.weight, rows.weight * rows.y
    n, seen, expected = group_sums(band, weight, yes, weight * rows.mu)
    unseen, unexpected = group_sums(band, weight * (1.0 - rows.y), weight * rows.complement)
    if len(n) < 3:
        raise DataError(
            f"the fitted probabilities make {len(n)} of the three or more bands that the test needs: ask for more "
            "groups; with few different means use goodness_of_fit(fit) on rows of trials"
        )
    with np.errstate(all="ignore"):
        chi2 = float(np.sum((seen - expected) ** 2 / expected + (unseen - unexpected) ** 2 / unexpected))
    df = len(n) - 2.0
    notes = caveats(fit)
    small = int(np.sum(np.minimum(expected, unexpected) < 1))
    if small:
        notes += (f"{small} bands expect less than one success or failure: p is rough, ask for fewer groups.",)
    if len(n) <= fit.statistics.rank + 1:
        notes += ("With as few bands as coefficients the test sees little: ask for more groups.",)
    columns = {
        "n": whole_where_whole(n),
        "mean": expected / n,
        "observed": whole_where_whole(seen),
        "expected": expected,
        "observed_failures": whole_where_whole(unseen),
        "expected_failures": unexpected,
    }
    bands = Table(columns, f"{len(n)} bands of the fitted probabilities", notes)
    return HosmerLemeshow(chi2, df, float(special().gammaincc(df / 2, chi2 / 2)), bands)
