"""The last look at the rows: sums at the end of a fit, and signs that it is no optimum."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from nelder.design import Block
from nelder.engines import merge
from nelder.kernels import Pieces, Slope, Totals, blur_of, gram_of, pearson_residuals, totals_of
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.quadratic import Gram

FAINT = 1e-5  # of Pearson's residuals: one so small says next to nothing of where the optimum is


@dataclass(frozen=True)
class Closing:
    """What is seen at β (p,): totals; `change`, the largest relative change of slope and variance in any row from β to
    β + δ; `nearest`, the least of Pearson's residuals of rows whose best mean is a limit, infinite where none is faint.
    """

    totals: Totals
    change: float
    nearest: float

    def __add__(self, other: Closing) -> Closing:
        change, nearest = max(self.change, other.change), min(self.nearest, other.nearest)
        return Closing(self.totals + other.totals, change, nearest)


@dataclass(frozen=True)
class ClosingSlope(Slope):
    """A slope at which a fit may end, with what is seen there.

    Its δ is not known yet. No row moves by more than all do together, w (x'δ)² ≤ δ'X'WXδ: `change` is per unit of the
    root of that sum, and so a bound.
    """

    closing: Closing | None = None

    def __add__(self, other: Slope) -> ClosingSlope:
        both = super().__add__(other)
        more = other.closing if isinstance(other, ClosingSlope) else None
        closing = self.closing + more if self.closing and more else self.closing
        return ClosingSlope(both.value, both.gradient, both.blur, closing)


@dataclass(frozen=True)
class ClosingGram(Gram):
    """A model of expected weights at which a fit may end, with what is seen there; its `change` is a bound too."""

    closing: Closing | None = None

    def __add__(self, other: Gram) -> Gram:
        both = super().__add__(other)
        more = other.closing if isinstance(other, ClosingGram) else None
        if self.closing is None or more is None:
            return both
        return ClosingGram(both.value, both.gradient, both.matrix, both.noise, both.blur, closing=self.closing + more)


def closing_kernel(block: Block, beta: Array, delta: Array, loss: Loss, fine: bool) -> Closing:
    """What some rows show at β and β + δ (p,); `fine` takes more digits of η."""
    with np.errstate(all="ignore"):
        both = np.stack([beta, delta])
        return block.over_slices(lambda rows: _seen(rows, both, loss, fine))


def _seen(rows: Block, both: Array, loss: Loss, fine: bool) -> Closing:
    eta, along = rows.lines(both)
    mean = Mean(loss.link, rows.fine_eta(both[0]) if fine else eta + rows.offset)
    factor = np.abs(along) * bend(mean, loss)
    largest = float(factor.max(initial=0.0))
    if not np.isfinite(largest):
        largest = float(factor[np.isfinite(factor)].max(initial=0.0))
    scaled = pearson_residuals(rows.y, mean, loss.family)
    return Closing(totals_of(rows, mean, scaled, loss), largest, nearest(rows, scaled, loss))


def closing_slope_kernel(block: Block, beta: Array, loss: Loss) -> Slope:
    """The slope of `slope_kernel`, with what some rows show there."""
    with np.errstate(all="ignore"):
        return block.over_slices(lambda rows: _closing_slope(rows, beta, loss))


def _closing_slope(rows: Block, beta: Array, loss: Loss) -> Slope:
    eta = rows.eta(beta)
    if not loss.allows(eta):
        return Slope(math.inf, np.full(rows.p, math.nan))
    (value, score, _), closing = _closing_pieces(rows, eta, loss)
    return ClosingSlope(value, -rows.transpose_times(score), blur_of(rows, score, eta), closing)


def closing_gram_kernel(block: Block, beta: Array, loss: Loss) -> Gram:
    """The Gram of `quadratic_kernel` with expected weights, with what some rows show there."""
    with np.errstate(all="ignore"):
        return block.over_slices(lambda rows: _closing_gram(rows, beta, loss))


def _closing_gram(rows: Block, beta: Array, loss: Loss) -> Gram:
    eta = rows.eta(beta)
    pieces, closing = _closing_pieces(rows, eta, loss)
    model = gram_of(rows, pieces, eta, beta)
    if not loss.allows(eta) or not math.isfinite(model.value):
        return replace(model, value=math.inf)
    return ClosingGram(model.value, model.gradient, model.matrix, model.noise, model.blur, closing=closing)


def _closing_pieces(rows: Block, eta: Array, loss: Loss) -> tuple[Pieces, Closing]:
    """What a slope or a model is made of, and what is seen on the way."""
    score, weight, parts = np.empty(rows.n), np.empty(rows.n), []
    for few, bare in rows.bare_slices():  # of what is one number a row
        mean = Mean(loss.link, eta[few])
        np.multiply(bare.weight, loss.family.score(bare.y, mean), out=score[few])
        np.multiply(bare.weight, loss.family.expected_weight(mean), out=weight[few])
        scaled, turn = pearson_residuals(bare.y, mean, loss.family), bend(mean, loss)
        reach = math.sqrt((turn * turn / weight[few]).max(initial=0.0))
        parts.append(Closing(totals_of(bare, mean, scaled, loss), reach, nearest(bare, scaled, loss)))
    closing = merge(parts)
    return (0.5 * closing.totals.deviance, score, weight), closing


def bend(mean: Mean, loss: Loss) -> Array:
    """How fast slope and variance of each row (n,) change with η, relative to themselves."""
    if loss.link == loss.family.canonical:  # where they are one, but for a constant
        return 2.0 * np.abs(mean.curvature)
    return np.abs(mean.curvature) + np.abs(loss.family.log_variance_slope(mean))


def nearest(rows: Block, scaled: Array, loss: Loss) -> float:
    """The least of Pearson's residuals (n,) below `FAINT` in a row whose best mean is a limit; infinite where there is
    none.
    """
    faint = np.flatnonzero(np.abs(scaled) < FAINT)
    if not len(faint):
        return math.inf
    limited = faint[loss.limits(rows.y[faint]) != 0]
    return float(np.abs(scaled[limited]).min(initial=math.inf))
