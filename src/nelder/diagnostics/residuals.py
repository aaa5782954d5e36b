"""Residuals: how far each response is from its mean, on four scales (McCullagh & Nelder 1989, section 2.4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.design import Block
from nelder.errors import DataError, unknown_name
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.objective import Loss


def response(block: Block, mean: Mean, loss: Loss) -> Array:
    """y − μ."""
    return loss.family.residual(block.y, mean)


def pearson(block: Block, mean: Mean, loss: Loss) -> Array:
    """(y − μ) √(w / V(μ)): their squares sum to Pearson's X²."""
    residual = loss.family.residual(block.y, mean)
    scaled = residual / np.exp(0.5 * loss.family.log_variance(mean))
    return np.sqrt(block.weight) * np.where(residual == 0, 0.0, scaled)  # 0/0 at a limit of the mean


def deviance(block: Block, mean: Mean, loss: Loss) -> Array:
    """sign(y − μ) √(w d(y, μ)): their squares sum to the deviance."""
    distance = block.weight * np.maximum(loss.family.unit_deviance(block.y, mean), 0.0)
    return np.sign(loss.family.residual(block.y, mean)) * np.sqrt(distance)


def working(block: Block, mean: Mean, loss: Loss) -> Array:
    """(y − μ) dη/dμ: the residual of the last weighted least squares."""
    return loss.family.residual(block.y, mean) / mean.slope


RESIDUALS: dict[str, Callable[[Block, Mean, Loss], Array]] = {
    "deviance": deviance,
    "pearson": pearson,
    "response": response,
    "working": working,
}


def residuals(fit: Fit, kind: str = "deviance") -> Array:
    """Residuals of one kind (n,), in the order of the rows that were fitted.

    Raises UnknownNameError for a kind that does not exist, DataError for a fit that was loaded without its data.
    """
    if kind not in RESIDUALS:
        raise unknown_name("kind of residual", kind, RESIDUALS)
    if fit.objective is None:
        raise DataError("this fit was loaded without its data: residuals need the rows")
    loss, beta = fit.objective.loss, fit.point
    with np.errstate(all="ignore"):
        return np.concatenate(
            [RESIDUALS[kind](b, Mean(loss.link, b.eta(beta)), loss) for b in fit.objective.design.handles]
        )
