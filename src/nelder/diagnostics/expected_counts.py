"""How often each count should occur: Σ P(Y = k) over the observations, beside how often it did."""

from __future__ import annotations

import numpy as np

from nelder.design import Block, Ray
from nelder.diagnostics.fitted_rows import caveats, whole_counts, whole_where_whole
from nelder.errors import CapabilityError, a_count
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.parts import bincount
from nelder.table import Table


def expected_counts(fit: Fit, most: int = 60) -> Table:
    """Observed and expected numbers of observations by count: columns lowest, highest, observed, expected.

    From 0 to the largest count, in at most `most` rows of equally many counts each; what is expected beyond has no row.
    It is what a rootogram draws (Kleiber & Zeileis 2016). Frequencies count; rows of other weights are means of
    several counts, and are refused.

    Raises CapabilityError for families that are not of counts or have no distribution and for weights, DataError where
    responses are no counts or the fit has no data.
    """
    if not (fit.family.counts and fit.family.has_distribution):
        raise CapabilityError(
            "expected counts are those of a family of counts, as poisson or negative_binomial; this fit is "
            f"{fit.family.label()}: see calibration(fit)"
        )
    whole_counts(fit, "a table of counts")
    objective, many = fit.rows_of_data("a table of counts"), a_count(most, "most")
    largest, means = np.max(objective.engine.map(reach_kernel, objective.design.handles), axis=0)
    if means:
        raise CapabilityError(
            "a table of counts needs rows that are one count each, and weights say that they are means of several: "
            "give repetitions as weights=nd.frequency(...)"
        )
    width = int(np.ceil((largest + 1.0) / many))
    highest = width * np.arange(1, int(np.ceil((largest + 1.0) / width)) + 1) - 1.0
    asked = highest, fit.dispersion
    seen, reached = objective.over_rows(count_kernel, fit.point, objective.loss, asked)
    columns = {
        "lowest": (highest - width + 1).astype(np.int64),
        "highest": highest.astype(np.int64),
        "observed": whole_where_whole(seen),
        "expected": np.diff(reached, prepend=0.0),
    }
    return Table(columns, f"Counts under {fit.family.label()}", caveats(fit))


def reach_kernel(block: Block) -> tuple[float, float]:
    """The largest count, and whether any row is the mean of several."""
    return float(np.max(np.round(block.y), initial=0.0)), float((block.own_precision != 1.0).any())


def count_kernel(block: Block, point: Array | Ray, loss: Loss, asked: tuple[Array, float]) -> Array:
    """(2, m): how many observations have a count in each bin, and Σ P(Y ≤ its highest count)."""
    highest, phi = asked
    total = np.zeros((2, len(highest)))
    with np.errstate(all="ignore"):
        eta = block.eta(point)
        own, times = block.own_precision, block.frequency
        place = np.searchsorted(highest, np.round(block.y) - 0.5)
        total[0] = bincount(place, times, len(highest))
        mean = Mean(loss.link, eta)
        for k, count in enumerate(highest):
            total[1, k] = times @ loss.family.cdf(np.full_like(eta, count), mean, phi, own)
    return total
