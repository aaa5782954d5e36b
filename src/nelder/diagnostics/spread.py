"""Does the spread of the residuals follow the variance function?"""

from __future__ import annotations

import numpy as np

from nelder.design import Block
from nelder.diagnostics.fitted_rows import caveats, regular
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean, special
from nelder.table import Table


def spread_test(fit: Fit) -> Table:
    """Whether the squared residuals w (y − μ)² / V(μ) rise or fall with η, as they do where V is not the variance.

    Columns test, slope (its sign tells which way), chi2, df, p. `breusch_pagan` is n R² of the squared residuals on η,
    with Koenker's (1981) correction for their kurtosis; `robust` lets their variance change with η too (Wooldridge
    1990), as it does unless responses are normal.

    Raises CapabilityError where all means are the same, and for separated or penalised fits, DataError where no degrees
    of freedom are left.
    """
    objective = regular(fit, "the test of spread")
    if fit.df_resid <= 0:
        raise DataError("no degrees of freedom are left: with a coefficient for each row residuals are rounding")
    beta = np.asarray(fit.point)
    first = objective.over_rows(spread_kernel, beta, objective.loss, (0.0, 0.0))
    n = float(first[0])
    centre = (float(first[1] / n), float(first[2] / n))
    _, _, _, along, squares, both, crossed = objective.over_rows(spread_kernel, beta, objective.loss, centre)
    if not (along > 1e-20 * n * max(centre[0] ** 2, float(first[3]) / n) and squares > 0):
        raise CapabilityError("all means are the same, or all residuals: their spread cannot change with the mean")
    chi2 = [float(n * crossed**2 / along / squares), float(crossed**2 / both)]
    p = [float(special().gammaincc(0.5, value / 2)) for value in chi2]
    slope = float(crossed / along / centre[1])
    columns = {"test": ["breusch_pagan", "robust"], "slope": [slope] * 2, "chi2": chi2, "df": [1, 1], "p": p}
    return Table(columns, f"Does the spread of the residuals change with the mean? {fit.family.label()}", caveats(fit))


def spread_kernel(block: Block, beta: Array, loss: Loss, centre: tuple[float, float]) -> Array:
    """Sums of 1, η and u = w (y − μ)² / V; and of η², u², (η u)² and η u about their centres."""
    total = np.zeros(7)
    with np.errstate(all="ignore"):
        for rows in block.slices():
            mean, times = Mean(loss.link, rows.eta(beta)), rows.frequency
            residual = loss.family.residual(rows.y, mean)
            scaled = np.where(residual == 0, 0.0, residual / np.exp(0.5 * loss.family.log_variance(mean)))
            squared = rows.own_precision * scaled**2
            eta, u = mean.eta - centre[0], squared - centre[1]
            columns = [np.ones(rows.n), mean.eta, squared, eta**2, u**2, (eta * u) ** 2, eta * u]
            total += np.array([times @ column for column in columns])
    return total
