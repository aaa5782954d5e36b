"""Zeros: does a model of counts expect as many as there are?"""

from __future__ import annotations

import numpy as np

from nelder.design import Block
from nelder.diagnostics.fitted_rows import caveats, regular, shape_variance, whole_counts, whole_where_whole
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.reach import information_factor
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean, special
from nelder.table import Table

LEFT = 1e-9  # of an information: what is left when the coefficients explain all of it is rounding


def zero_inflation(fit: Fit) -> Table:
    """Whether there are more zeros, or fewer, than a model of counts expects.

    Columns test, observed, expected (Σ P(Y = 0)), ratio, chi2, df, p. `zero_count` compares the two numbers;
    `van_den_broek` is the score test of a further probability of zero, the same in every row (van den Broek 1995), here
    with any link and any family of counts. Both allow for the coefficients being estimated, and a shape such as θ. A
    row of precision w is the mean of w counts, and a zero where all of them are.

    Raises CapabilityError for other families, separated or penalised fits, DataError where responses are no counts.
    """
    if not (fit.family.counts and fit.family.has_likelihood):
        raise CapabilityError(
            "zero inflation is asked of counts, as of family='poisson' or negative_binomial; this fit is "
            f"{fit.family.label()}"
        )
    objective = regular(fit, "the zero-inflation test")
    whole_counts(fit, "the zero-inflation test")
    sums = objective.over_rows(zero_kernel, np.asarray(fit.point), objective.loss)
    observed, expected = float(sums[0, 0]), float(sums[0, 1])
    factored, notes = information_factor(fit), caveats(fit)
    chi2 = []
    for score, information, along, *slope in sums[1:]:
        known = np.isfinite(slope).all()
        explained = float(np.sum(factored.half_solve(np.asarray(slope)) ** 2)) if known else np.nan
        explained += float(along) ** 2 * shape_variance(fit)
        left = float(information) - explained
        chi2.append(float(score) ** 2 / left if LEFT * information < left < np.inf else np.nan)
    if np.isnan(chi2).any():
        notes += ("A test is nan where no row has a chance of a zero, or the coefficients explain every one of them.",)
    columns = {
        "test": ["zero_count", "van_den_broek"],
        "observed": whole_where_whole(np.array([observed] * 2)),
        "expected": [expected] * 2,
        "ratio": [observed / expected if expected > 0 else np.nan] * 2,
        "chi2": chi2,
        "df": [1, 1],
        "p": [float(special().gammaincc(0.5, value / 2)) for value in chi2],
    }
    return Table(columns, f"Zeros under {fit.family.label()}", notes)


def zero_kernel(block: Block, beta: Array, loss: Loss) -> Array:
    """Sums (3, 3 + k): zeros seen and expected; then for each test its score, information, and covariance with that
    of the shape and those of β.
    """
    total = np.zeros((3, 3 + block.p))
    with np.errstate(all="ignore"):
        for rows in block.slices():
            mean, times, own = Mean(loss.link, rows.eta(beta)), rows.frequency, rows.own_precision
            none, zero = np.zeros(rows.n), rows.y == 0
            log_chance = loss.family.log_density(none, mean, 1.0, own)
            chance, unlikely = np.exp(log_chance), np.exp(-log_chance)
            score = times * own * loss.family.score(none, mean)
            total[0, :2] += np.array([times @ zero, times @ chance])
            total[1, :2] += np.array([times @ (zero - chance), -(times @ (chance * np.expm1(log_chance)))])
            total[2, :2] += np.array([times @ (np.where(zero, unlikely, 0.0) - 1.0), times @ np.expm1(-log_chance)])
            total[1, 3:] += rows.transpose_times(chance * score)
            total[2, 3:] += rows.transpose_times(score)
            if loss.family.shape_name:
                along = times * loss.family.shape_score(none, mean, 1.0, own)
                total[1:, 2] += np.array([chance @ along, along.sum()])
    return total
