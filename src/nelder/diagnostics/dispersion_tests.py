"""Tests of φ = 1: do counts or proportions vary more than their family says?

A row of precision w (prior weights, trials) is the mean of w observations: w y counts with mean w μ. Frequencies repeat
rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.design import Block
from nelder.diagnostics.fitted_rows import caveats, regular, whole_counts
from nelder.diagnostics.goodness_of_fit import pearson_moments, variance_slope
from nelder.errors import CapabilityError, DataError, refuse_unknown
from nelder.fit import Fit
from nelder.inference.reach import reach
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import UNIT, Mean, special
from nelder.quadratic import Factor
from nelder.table import Table, number


def more(z: float) -> float:
    """P(Z > z)."""
    return float(special().ndtr(-z))


def less(z: float) -> float:
    """P(Z < z)."""
    return float(special().ndtr(z))


def either(z: float) -> float:
    """P(|Z| > |z|)."""
    return float(2 * special().ndtr(-abs(z)))


ALTERNATIVES: dict[str, Callable[[float], float]] = {"greater": more, "less": less, "two_sided": either}
ALIKE = 1e-12  # of a sum of squares: what rounding leaves where all its terms are alike


def dispersion_tests(fit: Fit, alternative: str = "greater") -> Table:
    """Score and regression tests of φ = 1 for counts and for grouped proportions.

    Columns test, variance (what the test looks for), estimate (of φ, or of α where the variance is μ + α μ²), statistic
    (z) and p. For Poisson: Cameron & Trivedi's (1990) regressions in both forms, and Dean's (1992) scores P_B, with the
    leverages h of Dean & Lawless (1989), and P_C. For a binomial: Dean's N_B. For each family with known φ, X² by its
    moments (Osius & Rojek 1992). `alternative` is "greater", "less" or "two_sided".

    Raises CapabilityError where φ is estimated, for zeros and ones, and for separated or penalised fits.
    """
    refuse_unknown("alternative", alternative, ALTERNATIVES)
    if not fit.family.dispersion_known:
        raise CapabilityError(
            f"{fit.family.label()} estimates φ ({number(fit.dispersion)} here) rather than supposing 1: to test φ = 1 "
            "refit with family='poisson' or 'binomial'"
        )
    sums, moments = dispersion_sums(fit), pearson_moments(fit)
    rows: list[tuple[str, str, float, float]] = [("osius_rojek", "phi V", moments.pearson / moments.df, moments.z)]
    if fit.family.mean_interval == UNIT:
        rows += binomial_scores(sums)
    elif fit.family.counts and sums[-1] == 0:
        rows += poisson_scores(sums)
    columns = dict(zip(("test", "variance", "estimate", "statistic"), zip(*rows, strict=True), strict=True))
    p = [ALTERNATIVES[alternative](row[3]) for row in rows]
    title = f"Dispersion of {fit.family.label()}: is φ = 1? (alternative: {alternative})"
    return Table({**columns, "p": p}, title, caveats(fit))


def dispersion_sums(fit: Fit) -> Array:
    """The sums of `dispersion_kernel` at a fit.

    Raises DataError where no degrees of freedom are left, or responses are no counts.
    """
    objective = regular(fit, "the dispersion test")
    whole_counts(fit, "the dispersion test")
    if fit.df_resid <= 0:
        raise DataError("no degrees of freedom are left: with a coefficient for each row the dispersion cannot be seen")
    beta, trials = np.asarray(fit.point), fit.family.mean_interval == UNIT
    return objective.over_rows(dispersion_kernel, beta, objective.loss, fit.information_factor, trials)


def dispersion_kernel(block: Block, beta: Array, loss: Loss, factored: Factor, trials: bool) -> Array:
    """The sums of the tests over rows, for counts Y = w y with mean M = w μ, variance U = w V and leverage h.

    Of 1; a = ((Y − M)² − Y) / M, a² and a M; Dean's score s ((Y − M)² − U'(Y − M) − U) / U, half its variance, s and
    h s, where s is M for counts and the trials for proportions; and how many rows have another variance than mean.
    """
    total = np.zeros(9)
    with np.errstate(all="ignore"):
        for rows in block.slices(filled=True):
            mean, times, own = Mean(loss.link, rows.eta(beta)), rows.frequency, rows.own_precision
            leverage = own * loss.family.expected_weight(mean) * reach(rows, factored)
            mu, variance, apart = (
                own * mean.mu,
                own * loss.family.variance(mean),
                own * loss.family.residual(rows.y, mean),
            )
            share = np.where(mu > 0, (apart**2 - own * rows.y) / mu, 0.0)
            size = own if trials else mu
            score = size * (apart**2 - variance_slope(loss, mean) * apart - variance) / variance
            columns = [
                np.ones(rows.n),
                share,
                share**2,
                share * mu,
                np.where(variance > 0, score, 0.0),
                size * (size - trials),
                size,
                leverage * size,
                np.abs(mu - variance) > 1e-9 * mu,
            ]
            total += np.array([times @ column for column in columns])
    return total


def poisson_scores(sums: Array) -> list[tuple[str, str, float, float]]:
    """The tests of Cameron & Trivedi and of Dean."""
    n, share, share_squared, crossed, score, squares, _, held, _ = (float(value) for value in sums)
    with np.errstate(all="ignore"):
        alpha = crossed / squares
        left = np.array([share_squared - share**2 / n, share_squared - alpha * crossed])
        left[left <= ALIKE * share_squared] = np.nan  # where all rows say the same a regression has no error
        spread, error = np.sqrt(left / (n - 1) / [1.0, squares])
        return [
            ("cameron_trivedi_1", "phi mu", 1.0 + share / n, np.sqrt(n) * (share / n) / spread),
            ("cameron_trivedi_2", "mu + alpha mu^2", alpha, alpha / error),
            ("dean_b", "mu + alpha mu^2", score / squares, score / np.sqrt(2 * squares)),
            ("dean_b_leverage", "mu + alpha mu^2", (score + held) / squares, (score + held) / np.sqrt(2 * squares)),
            ("dean_c", "phi mu", 1.0 + share / n, share / np.sqrt(2 * n)),
        ]


def binomial_scores(sums: Array) -> list[tuple[str, str, float, float]]:
    """Dean's N_B, against m μ (1 − μ) (1 + ρ (m − 1)) for m trials: estimate is of ρ, the correlation within a row.

    Raises CapabilityError for zeros and ones, whose variance cannot be but μ (1 − μ).
    """
    score, pairs = float(sums[4]), float(sums[5])
    if pairs <= 0:
        raise CapabilityError(
            "zeros and ones cannot vary more than their means allow: overdispersion shows only in rows of several "
            "trials; look at the fit with hosmer_lemeshow(fit) or link_test(fit)"
        )
    return [("dean_n_b", "1 + rho (m - 1)", score / pairs, score / float(np.sqrt(2 * pairs)))]


def score_tails(fit: Fit) -> tuple[float, float]:
    """P(less), P(more) of Dean's score, allowing for leverages, by a scaled χ² with its mean and variance, which is as
    skewed as it is; nan where the variance is neither that of counts nor of trials.

    P(less) is at least that of the normal distribution: few counts may agree with their means exactly.
    """
    sums = dispersion_sums(fit)
    score, pairs, size, held, unequal = (float(value) for value in sums[4:])
    if pairs <= 0 or (unequal and fit.family.mean_interval != UNIT):
        return float("nan"), float("nan")
    shape = size**2 / (2 * pairs)
    at, z = max(0.0, shape * (1.0 + (score + held) / size)), (score + held) / np.sqrt(2 * pairs)
    return float(max(special().gammainc(shape, at), special().ndtr(z))), float(special().gammaincc(shape, at))
