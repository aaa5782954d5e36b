"""Zeros: does a model of counts expect as many as there are?"""

from __future__ import annotations

import numpy as np

from nelder.design import Block
from nelder.diagnostics.fitted_rows import caveats, regular, shape_variance, whole_counts, whole_where_whole
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.reach import reach
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean, special
from nelder.quadratic import Factor
from nelder.table import Table

LEFT = 1e-9  # of an information: what is left when the coefficients explain all of it is rounding


def zero_inflation(fit: Fit) -> Table:
    """Whether there are more zeros, or fewer, than a model of counts expects.

    Columns test, observed, expected (Σ P(Y = 0), less what estimating the coefficients adds to it), ratio, chi2, df, p.
    `zero_count` compares the two numbers; `van_den_broek` is the score test of a further probability of zero, the same
    in every row (van den Broek 1995), here with any link and any family of counts. Both allow for the coefficients
    being estimated, and a shape such as θ, in their variances and to the order of 1 in their means, which matters where
    coefficients are many. A row of precision w is the mean of w counts, and a zero where all of them are.

    Raises CapabilityError for other families, separated or penalised fits, DataError where responses are no counts.
    """
    if not (fit.family.counts and fit.family.has_likelihood):
        raise CapabilityError(
            "zero inflation is asked of counts, as of family='poisson' or negative_binomial; this fit is "
            f"{fit.family.label()}"
        )
    objective = regular(fit, "the zero-inflation test")
    whole_counts(fit, "the zero-inflation test")
    beta, notes = np.asarray(fit.point), caveats(fit)
    sums = objective.over_rows(zero_kernel, beta, objective.loss)
    observed, expected = float(sums[0, 0]), float(sums[0, 1])
    factored, of_shape, slopes = fit.information_factor, shape_variance(fit), sums[1:, 3:]
    alongs = np.stack([factored.solve(slope) if np.isfinite(slope).all() else np.nan * slope for slope in slopes])
    *shifts, lower = objective.over_rows(shift_kernel, beta, objective.loss, factored, alongs).tolist()
    chi2, means = [], []
    for (score, information, bend), slope, along, shift in zip(sums[1:, :3], slopes, alongs, shifts, strict=True):
        mean = shift + 0.5 * float(bend) * of_shape * lower
        means.append(mean)
        left = float(information - slope @ along) - float(bend) ** 2 * of_shape
        chi2.append((float(score) - mean) ** 2 / left if LEFT * information < left < np.inf else np.nan)
    expected += means[0]
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


def shift_kernel(block: Block, beta: Array, loss: Loss, factored: Factor, alongs: Array) -> Array:
    """The means of the two scores at the estimates, to the order of 1; and how much lower log |I| becomes along the
    axis of the shape, Σ h ∂ log V (3,).

    The mean of Σ t (1{y = 0}/P₀ − 1), with t of P₀ or 1, is −½ Σ t r P₀''/P₀ − Σ t (log P₀)' x'b, derivatives by η:
    r = x'I⁻¹x is the variance of η̂, and b = −½ I⁻¹ X'(h μ''/μ') the bias of the estimates (Cordeiro & McCullagh 1991).
    """
    total = np.zeros(3)
    with np.errstate(all="ignore"):
        for rows in block.slices(filled=True):
            mean, times, own = Mean(loss.link, rows.eta(beta)), rows.frequency, rows.own_precision
            none, far = np.zeros(rows.n), reach(rows, factored)
            leverage = own * loss.family.expected_weight(mean) * far
            bent = (own * loss.family.score(none, mean)) ** 2 - own * loss.family.observed_weight(none, mean)
            chance = np.exp(loss.family.log_density(none, mean, 1.0, own))
            for place, (share, line) in enumerate(zip((chance, np.ones(rows.n)), rows.lines(alongs), strict=True)):
                total[place] += 0.5 * float(times @ (leverage * mean.curvature * line - share * bent * far))
            total[2] += times @ (leverage * loss.family.log_variance_shape_slope(mean))
    return total
