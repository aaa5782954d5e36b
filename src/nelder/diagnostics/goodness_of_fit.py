"""Goodness of fit where φ is known: are the responses as far from their means as the family says?

Pearson's X² and the deviance have χ² on the residual degrees of freedom where each response is nearly normal around
its mean, as counts are from about five on (McCullagh & Nelder 1989, section 4.4). Where responses are sparse, X² still
has a mean and a variance that can be told, and so a test (Osius & Rojek 1992). Their mean, n − k, is right to the order
of n alone: X² of n zeros and ones with one mean is always n, and with means that differ little it hardly varies. So the
mean is told here to the order of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.design import Block
from nelder.diagnostics.fitted_rows import caveats, regular, shape_variance, whole_where_whole
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.reach import reach
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean, special
from nelder.quadratic import Factor
from nelder.table import Table, number

ROUGH, FAR = 0.2, 1.0  # mean excess kurtosis of the responses: that of counts with mean 5, and with mean 1
APART, OFF = 0.1, 0.3  # of its standard deviation: how far the mean of the deviance is from that of χ²
STEP = 1e-3  # in η, to see how V' changes with μ
STEADY = 1e-10  # of a variance: what rounding leaves of it where what is left of X² does not vary


@dataclass(frozen=True)
class Moments:
    """Pearson's X² beside its `mean` and `variance` if the model held, and the residual `df`.

    `kurtosis` is the mean of |excess kurtosis| of the responses: 0 for normal ones, 1/μ for counts; `ahead` how much
    larger than df the mean of the deviance is, 1/6μ for each count.
    """

    pearson: float
    df: float
    mean: float
    variance: float
    kurtosis: float
    ahead: float

    @property
    def z(self) -> float:
        """X² on the scale of the normal distribution (Osius & Rojek 1992)."""
        usable = 0 < self.variance < np.inf and self.df > 0
        return (self.pearson - self.mean) / float(np.sqrt(self.variance)) if usable else float("nan")

    @property
    def tails(self) -> tuple[float, float]:
        """P(less), P(more) of a scaled χ² with this mean and variance, which is skewed as X² is; P(less) at least that
        of the normal distribution, as few counts may agree with their means exactly.
        """
        if np.isnan(self.z):
            return float("nan"), float("nan")
        shape = self.mean**2 / self.variance
        at = shape * self.pearson / self.mean
        less, more = special().gammainc(shape, at), special().gammaincc(shape, at)
        return float(max(less, special().ndtr(self.z))), float(more)


def goodness_of_fit(fit: Fit) -> Table:
    """Pearson's X² and the deviance against χ², and X² against its own mean and variance: small p says a poor fit.

    Columns test, chi2, df, p; `osius_rojek` is the square of Osius & Rojek's z. The p of the first two is nan, with a
    word, where responses are too sparse for χ²: for zeros and ones the deviance says nothing at all. Trials and prior
    weights are the precision of a row, frequencies repeat it.

    Raises CapabilityError where φ is estimated, so that nothing is left to test, and for separated or penalised fits.
    """
    if not fit.family.dispersion_known:
        raise CapabilityError(
            f"goodness of fit needs a family that fixes φ, such as poisson or binomial: with {fit.family.label()} φ is "
            f"estimated from the same residuals ({number(fit.dispersion)} here), so that they cannot be too large"
        )
    moments = pearson_moments(fit)
    chi2 = [moments.pearson, fit.deviance, moments.z**2]
    df, notes = fit.df_resid, caveats(fit)
    with np.errstate(all="ignore"):
        p = [float(special().gammaincc(df / 2, value / 2)) if df > 0 else np.nan for value in chi2[:2]]
        p.append(float(2 * special().ndtr(-abs(moments.z))))
    if df <= 0:
        notes += ("No degrees of freedom are left: the model has as many coefficients as there are rows.",)
    else:
        shown, words = against_chi_square(moments)
        p[:2] = np.where(shown, p[:2], np.nan).tolist()
        notes += words
    if df > 0 and moments.variance == 0:
        notes += ("X² is the same for all zeros and ones with these means, and tells nothing: osius_rojek is nan.",)
    tests = ["pearson", "deviance", "osius_rojek"]
    columns = {"test": tests, "chi2": chi2, "df": whole_where_whole(np.array([df, df, 1.0])), "p": p}
    return Table(columns, f"Goodness of fit: {fit.family.label()}", notes)


def against_chi_square(moments: Moments) -> tuple[list[bool], tuple[str, ...]]:
    """Whether χ² serves for X² and for the deviance, and what to say of it."""
    if moments.kurtosis > FAR or np.isnan(moments.kurtosis):
        word = "Single responses are too far from normal for χ² (zeros and ones, or small counts): its p is nan."
        return [False, False], (word,)
    off = abs(moments.ahead) / np.sqrt(2 * moments.df)
    if off > OFF:
        word = f"χ² is not for this deviance, whose mean is {number(moments.df + moments.ahead)}: its p is nan."
    else:
        word = "Some means are small: the p of χ² are rough, that of osius_rojek is better."
    return [True, bool(off <= OFF)], (word,) if off > APART or moments.kurtosis > ROUGH else ()


def pearson_moments(fit: Fit) -> Moments:
    """X² of a fit with its mean and variance under the model.

    At the true coefficients each row adds 1 to the mean and 2 + κ₄ to the variance, κ₄ its excess kurtosis; estimating
    k coefficients takes b'I⁻¹b from the variance, b the covariance of X² and the score, and from the mean what
    `taken_kernel` says. A shape that is estimated too takes its part of the variance, and is biased because the
    coefficients are estimated, as variances are: its score has the mean ½ ∂ log |I| (Cox & Reid 1987).
    """
    objective = regular(fit, "goodness of fit")
    beta, factored = np.asarray(fit.point), fit.information_factor
    sums = objective.over_rows(moments_kernel, beta, objective.loss)
    (spread, kurtosis, ahead, bend), slope = sums[:4].tolist(), sums[4:]
    along = factored.solve(slope)
    taken, lower = objective.over_rows(taken_kernel, beta, objective.loss, factored, along).tolist()
    of_shape = shape_variance(fit)
    taken -= 0.5 * bend * of_shape * lower
    variance = spread - float(slope @ along) - bend**2 * of_shape
    variance = 0.0 if variance <= STEADY * spread else variance
    n = fit.statistics.n
    return Moments(fit.statistics.pearson, fit.df_resid, n - taken, variance, kurtosis / n, ahead)


def moments_kernel(block: Block, beta: Array, loss: Loss) -> Array:
    """Σ (2 + κ₄), Σ |κ₄|, what the mean of the deviance has more than that of χ², (5 κ₃² − 3 κ₄) / 12 a row (Lawley
    1956), and the covariances of X² with the score of the shape and those of β, as one vector (4 + k,).

    With V' and V'' the derivatives of the variance by μ, the cumulants of a response of an exponential family are
    κ₃ = V V' and κ₄ = V (V'² + V V''), divided by powers of its precision.
    """
    total = np.zeros(4 + block.p)
    with np.errstate(all="ignore"):
        for rows in block.slices():
            mean, times = Mean(loss.link, rows.eta(beta)), rows.frequency
            first, second = variance_slope(loss, mean), variance_curvature(loss, mean)
            skewness = first**2 / loss.family.variance(mean) / rows.own_precision  # its square
            kurtosis = skewness + second / rows.own_precision
            bend = loss.family.log_variance_shape_slope(mean)
            columns = [2.0 + kurtosis, np.abs(kurtosis), (5.0 * skewness - 3.0 * kurtosis) / 12.0, bend]
            total[:4] += np.array([times @ column for column in columns])
            total[4:] += rows.transpose_times(times * first * loss.family.natural_slope(mean))
    return total


def taken_kernel(block: Block, beta: Array, loss: Loss, factored: Factor, along: Array) -> Array:
    """How much lower the mean of X² is at the estimates than at the true coefficients, to the order of 1; and how much
    lower log |I| becomes along the axis of the shape, Σ h ∂ log V.

    X² is Σ (V'/V) (y − μ), linear in y, and a rest that is uncorrelated with it. With leverages h and precisions w,
    estimation takes Σ h (1 + V''/2w) from the rest (Farrington 1996). From the line it takes ½ Σ h (u − û) μ''/μ', by
    the bias of estimates (Cox & Snell 1968): u = V'/(w μ'), and û = X `along` is the part of u that the score explains.
    """
    total = np.zeros(2)
    with np.errstate(all="ignore"):
        for rows in block.slices(filled=True):
            mean, own, far = Mean(loss.link, rows.eta(beta)), rows.own_precision, reach(rows, factored)
            leverage = own * loss.family.expected_weight(mean) * far
            explained = leverage * rows.along(along)
            line = far * variance_slope(loss, mean) * loss.family.natural_slope(mean) - explained
            rest = leverage * (1.0 + 0.5 * variance_curvature(loss, mean) / own)
            lower = leverage * loss.family.log_variance_shape_slope(mean)
            total += np.array([rows.frequency @ (rest + 0.5 * line * mean.curvature), rows.frequency @ lower])
    return total


def variance_slope(loss: Loss, mean: Mean) -> Array:
    """V' = dV/dμ (n,)."""
    return loss.family.variance(mean) * loss.family.log_variance_slope(mean) / mean.slope


def variance_curvature(loss: Loss, mean: Mean) -> Array:
    """V'' (n,), exact up to rounding where V is a parabola."""
    ahead, behind = mean.shifted(np.full(mean.eta.shape, STEP)), mean.shifted(np.full(mean.eta.shape, -STEP))
    return (variance_slope(loss, ahead) - variance_slope(loss, behind)) / (ahead.mu - behind.mu)
