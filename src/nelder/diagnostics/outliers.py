"""Responses that the model gives little chance, by the tails of its own distribution."""

from __future__ import annotations

import numpy as np

from nelder.design import Block
from nelder.diagnostics.fitted_rows import caveats, regular
from nelder.errors import CapabilityError, a_count
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.table import Table


def outliers(fit: Fit, rows: int = 5) -> Table:
    """The rows whose responses are the least likely: columns row, y, mean, p, p_adjusted.

    p is twice the smaller of P(Y ≤ y) and P(Y ≥ y) at the fitted mean and φ, p_adjusted n times that (Bonferroni): the
    chance that any row of a right model is so far out. `row` counts from 0 in the table of the fit. An outlier draws
    the mean and φ to itself, so that the chance is less than it says.

    Raises CapabilityError for quasi families, separated and penalised fits.
    """
    many = a_count(rows, "rows")
    objective = regular(fit, "the search for outliers")
    if not fit.family.has_distribution:
        raise CapabilityError(f"{fit.family.label()} has no distribution, and so no chance of a response")
    beta, blocks = np.asarray(fit.point), objective.design.handles
    with np.errstate(all="ignore"):
        log_p = np.concatenate([chance(block, beta, objective.loss, fit.dispersion) for block in blocks])
        mu = np.concatenate([Mean(fit.link, block.eta(beta)).mu for block in blocks])
    y = np.concatenate([block.y for block in blocks])
    n = float(sum(block.frequency.sum() for block in blocks))
    order = np.argsort(log_p, kind="stable")[:many]
    numbers = np.arange(len(y)) if fit.kept is None else fit.kept.rows
    p = np.exp(np.minimum(log_p[order], 0.0))
    columns = {
        "row": numbers[order],
        "y": y[order],
        "mean": mu[order],
        "p": p,
        "p_adjusted": np.minimum(n * p, 1.0),
    }
    return Table(columns, f"The least likely responses under {fit.family.label()}", caveats(fit))


def chance(block: Block, beta: Array, loss: Loss, phi: float) -> Array:
    """log of twice the smaller of P(Y ≤ y) and P(Y ≥ y) (n,)."""
    mean, own = Mean(loss.link, block.eta(beta)), block.own_precision
    below = loss.family.log_tails(block.y, mean, phi, own).lower
    above = loss.family.log_tails(loss.family.before(block.y, own), mean, phi, own).upper
    return np.log(2.0) + np.minimum(below, above)
