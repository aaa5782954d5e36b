"""The dispersion φ: how much larger the variance is than V(μ). By Pearson's X², by the deviance, or at its maximum of
likelihood.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.design import Block, Ray
from nelder.families import Family
from nelder.kernels import Totals
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective

# derivatives from values at −3, −2, … 3 steps, or at 0, 1, … 6 steps: their errors are of the sixth order
CENTRAL = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60.0
ONWARD = np.array([-147, 360, -450, 400, -225, 72, -10]) / 60.0


def pearson_dispersion(family: Family, totals: Totals, df_residual: float) -> float:
    """1 where the family fixes it, else Pearson's X² / residual df (McCullagh & Nelder 1989, section 8.3), nan without
    df.
    """
    if family.dispersion_known:
        return 1.0
    return totals.pearson / df_residual if df_residual > 0 else float("nan")


def dispersion_score_kernel(block: Block, point: Array | Ray, loss: Loss, phi: float) -> float:
    """∂ log-likelihood / ∂ log φ at the means of `point`, where weights divide the variance or count rows."""
    with np.errstate(all="ignore"):
        total = 0.0
        for rows in block.slices():
            score = loss.family.dispersion_score(rows.y, Mean(loss.link, rows.eta(point)), phi, rows.own_precision)
            total += float(rows.frequency @ score)
        return total


def dispersion_score(objective: Objective, point: Array | Ray, phi: float) -> float:
    """The slope of the log-likelihood in log φ, the means held."""
    total: float = objective.over_rows(dispersion_score_kernel, point, objective.loss, phi)
    return total


def likeliest_dispersion(objective: Objective, point: Array | Ray, near: float | None = None) -> float:
    """The φ of highest likelihood at the means of `point`, the root of its score; 0 where the fit is perfect.

    A prior weight w divides the variance, φ V(μ) / w, in every family; deviance / n solves this for the normal and the
    inverse Gaussian distribution, and is where others start that are not given a φ that is `near`.
    """
    mean = objective.totals(point).deviance / objective.design.n
    if not mean > 0:
        return 0.0
    begin, size = (mean, 0.5) if near is None else (near, 0.1)
    move = falling_root(lambda move: dispersion_score(objective, point, begin * float(np.exp(move))), size)
    return begin * float(np.exp(move))


def dispersion_information(objective: Objective, point: Array | Ray, phi: float) -> float:
    """Minus the second derivative of the log-likelihood in log φ, the means held."""
    return -float(slope(lambda move: np.asarray(dispersion_score(objective, point, phi * np.exp(move))), 0.01))


def falling_root(score: Callable[[float], float], size: float, longest: float = 700.0) -> float:
    """The root nearest 0 of a score that is positive below it and negative above, or nan; `size` is that of the first
    move.
    """
    from scipy.optimize import brentq

    here = score(0.0)
    if here == 0:
        return 0.0
    side, last, ahead = np.sign(here), 0.0, np.sign(here) * size
    while score(ahead) * side > 0 and abs(ahead) < longest:
        last, size = ahead, 2 * size
        ahead += side * size
    if not score(ahead) * side <= 0:
        return float("nan")
    return float(brentq(score, last, ahead, xtol=1e-15, rtol=1e-14))


def slope(function: Callable[[float], Array], step: float, least: float = -np.inf) -> Array:
    """The derivative at 0 of a smooth function of a move, by differences to both sides, or to one where moves of three
    steps down would be below `least`.
    """
    weights, first = (CENTRAL, -3) if -3 * step >= least else (ONWARD, 0)
    used = [(weight, (first + k) * step) for k, weight in enumerate(weights.tolist()) if weight]
    return np.asarray(sum(weight * function(move) for weight, move in used) / step)
