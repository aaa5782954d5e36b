"""Raw residuals: y − μ on five scales, with the whole weight of a row (McCullagh & Nelder 1989, section 2.4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.design import Block, Ray
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean


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
    """(y − μ) dη/dμ: the residual of the last weighted least squares; nan where the mean is at a limit."""
    return loss.family.residual(block.y, mean) / mean.slope


def anscombe(block: Block, mean: Mean, loss: Loss) -> Array:
    """√w (A(y) − A(μ)) / V(μ)^(1/6) with A = ∫ V^(−1/3) dμ: nearly normal, of variance φ (Anscombe 1953)."""
    residual = loss.family.residual(block.y, mean)
    return np.sqrt(block.weight) * np.where(residual == 0, 0.0, loss.family.anscombe(block.y, mean))


RAW: dict[str, Callable[[Block, Mean, Loss], Array]] = {
    "anscombe": anscombe,
    "deviance": deviance,
    "pearson": pearson,
    "response": response,
    "working": working,
}


def raw_kernel(block: Block, beta: Array | Ray, loss: Loss, kind: str) -> Array:
    """One kind of raw residual of the rows of a block (n,)."""
    with np.errstate(all="ignore"):
        return RAW[kind](block, Mean(loss.link, block.eta(beta)), loss)
