"""Are the quantile residuals normal, as they are whatever the family if it is the right one?"""

from __future__ import annotations

import numpy as np

from nelder.diagnostics.fitted_rows import caveats, regular
from nelder.diagnostics.residuals import quantile_sample
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.inference.wald import checked_level
from nelder.linalg import Array
from nelder.mean import special
from nelder.table import Table

FEWEST = 20  # observations, from which the approximations hold


def normality(fit: Fit, seed: int = 0) -> Table:
    """Skewness and kurtosis of the quantile residuals against those of normal ones, and both together.

    Columns test, value, chi2, df, p: D'Agostino's (1970) test of skewness and Anscombe & Glynn's (1983) of kurtosis, as
    squared z, and their sum K² (D'Agostino & Pearson 1973). `seed` is for families whose responses have probabilities
    of their own, where quantile residuals are random within their steps: one is drawn for each observation of a row
    that stands for several, or for a million of them, as a note then says.

    Raises CapabilityError for quasi families, separated and penalised fits, and for responses in steps whose rows count
    other than whole numbers of times; DataError for fewer than 20 observations.
    """
    objective = regular(fit, "the test of normality")
    if not fit.family.has_distribution:
        raise CapabilityError(f"{fit.family.label()} has no distribution that residuals could be held against")
    n = sum(float(block.frequency.sum()) for block in objective.design.handles)
    if n < FEWEST:
        raise DataError(f"{n:g} observations are too few for the test of normality: it needs {FEWEST}")
    sample = quantile_sample(fit, seed)
    found, times, n = sample.values, sample.times, float(sample.times.sum())
    apart = found - times @ found / n
    second, third, fourth = (float(times @ apart**k) / n for k in (2, 3, 4))
    skewness, kurtosis = third / second**1.5, fourth / second**2
    z = np.array([skewness_score(skewness, n), kurtosis_score(kurtosis, n)])
    chi2, df = np.array([*z**2, z @ z]), np.array([1, 1, 2])
    columns = {
        "test": ["skewness", "kurtosis", "both"],
        "value": [skewness, kurtosis, np.nan],
        "chi2": chi2,
        "df": df,
        "p": special().gammaincc(df / 2, chi2 / 2),
    }
    return Table(columns, "Are the quantile residuals normal? (skewness 0, kurtosis 3)", (*sample.notes, *caveats(fit)))


def in_order(values: Array, times: Array) -> tuple[Array, Array, float]:
    """The finite ones of values (n,) in their order, the middle of the ranks that each takes, from 1, where it was seen
    so many times, and how many were seen in all: what `normal_order` is asked for.
    """
    fine = np.flatnonzero(np.isfinite(values))
    order = fine[np.argsort(values[fine], kind="stable")]
    reached = np.cumsum(times[order])
    return values[order], reached - 0.5 * (times[order] - 1.0), float(times[fine].sum())


def normal_order(k: Array, n: float, level: float = 0.95) -> Table:
    """Where the k-th smallest (m,), from 1, of n standard normal numbers lies: columns expected, lower, upper.

    `expected` is Φ⁻¹((k − ½) / n) (Hazen 1914). The ends are those of a pointwise interval, and exact: Φ of the k-th
    smallest has a beta distribution with parameters k and n + 1 − k.
    """
    half = checked_level(level) / 2.0
    with np.errstate(all="ignore"):
        ends = [special().betaincinv(k, n + 1.0 - k, share) for share in (0.5 - half, 0.5 + half)]
        columns = {"expected": (k - 0.5) / n, "lower": ends[0], "upper": ends[1]}
        return Table({name: special().ndtri(share) for name, share in columns.items()})


def skewness_score(skewness: float, n: float) -> float:
    """The skewness of n normal numbers as a standard normal one (D'Agostino 1970)."""
    y = skewness * np.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    kurtosis = 3 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w2 = np.sqrt(2 * (kurtosis - 1)) - 1
    return float(np.arcsinh(y * np.sqrt((w2 - 1) / 2)) / np.sqrt(0.5 * np.log(w2)))


def kurtosis_score(kurtosis: float, n: float) -> float:
    """The kurtosis of n normal numbers as a standard normal one (Anscombe & Glynn 1983)."""
    variance = 24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    x = (kurtosis - 3 * (n - 1) / (n + 1)) / np.sqrt(variance)
    skewness = 6 * (n**2 - 5 * n + 2) / ((n + 7) * (n + 9)) * np.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6 + 8 / skewness * (2 / skewness + np.sqrt(1 + 4 / skewness**2))
    cube = (1 - 2 / a) / (1 + x * np.sqrt(2 / (a - 4)))
    return float((1 - 2 / (9 * a) - np.cbrt(cube)) / np.sqrt(2 / (9 * a)))
