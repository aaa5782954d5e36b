"""The last pass over the rows: sums at the end of a fit, and signs that it is no optimum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nelder.design import Block
from nelder.endings.separation import limits
from nelder.engines import merge
from nelder.kernels import Totals, totals_of
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective


@dataclass(frozen=True)
class Closing:
    """What is seen at β (p,): totals; `change`, the largest relative change of slope and variance in any row from β to
    β + δ; `vanished`, whether a row whose best mean is a limit stands so near it that its residual has rounded to zero.
    """

    totals: Totals
    change: float
    vanished: bool

    def __add__(self, other: Closing) -> Closing:
        change = max(self.change, other.change)
        return Closing(self.totals + other.totals, change, self.vanished or other.vanished)


def closing(objective: Objective, beta: Array, delta: Array, fine: bool) -> Closing:
    """That at β and β + δ (p,); `fine` takes more digits of η."""
    seen: Closing = merge(
        objective.engine.map(closing_kernel, objective.design.handles, beta, delta, objective.loss, fine)
    )
    return replace(seen, totals=objective.completed(seen.totals, beta))


def closing_kernel(block: Block, beta: Array, delta: Array, loss: Loss, fine: bool) -> Closing:
    """The same of some rows."""
    with np.errstate(all="ignore"):
        both = np.stack([beta, delta])
        return merge([_seen(rows, both, loss, fine) for rows in block.slices()])


def _seen(rows: Block, both: Array, loss: Loss, fine: bool) -> Closing:
    eta, along = rows.lines(both)
    mean = Mean(loss.link, rows.fine_eta(both[0]) if fine else eta + rows.offset)
    bend = np.abs(mean.curvature) + np.abs(loss.family.log_variance_slope(mean))
    factor = np.abs(along) * bend
    largest = float(factor.max(initial=0.0))
    if not np.isfinite(largest):
        largest = float(factor[np.isfinite(factor)].max(initial=0.0))
    gone = (limits(loss, rows.y) != 0) & (loss.family.residual(rows.y, mean) == 0)
    return Closing(totals_of(rows, mean, loss), largest, bool(gone.any()))
