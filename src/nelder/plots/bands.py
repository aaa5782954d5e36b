"""What was promised and what came: calibration, the ROC curve, lift, and the numbers of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.diagnostics.expected_counts import expected_counts
from nelder.fit import Fit
from nelder.plots.canvas import (
    BLUE,
    GREY,
    NARROW,
    ORANGE,
    axes_for,
    dress,
    legend,
    literal,
    mean_label,
    remark,
    several,
)
from nelder.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CORNERS = 2_000  # of a ROC curve that are drawn, where there are more


def calibration(fit: Fit, bands: int = 10, level: float = 0.95, predicted: object = None, ax: Any = None) -> Axes:
    """Observed against predicted means in bands of about equal weight, with intervals and the line of equality.

    The numbers are those of `fit.calibration`, which says what the arguments are and what it raises.
    """
    made = fit.calibration(bands, level, predicted)
    table = made.bands
    x, y, lower, upper = (np.asarray(table[name], dtype=float) for name in ("predicted", "observed", "lower", "upper"))
    ax = axes_for(ax)
    ends = np.concatenate([x, y, lower[np.isfinite(lower)], upper[np.isfinite(upper)]])
    low, high = float(ends.min()), float(ends.max())
    pad = 0.04 * (high - low) or 0.5
    ax.plot([low - pad, high + pad], [low - pad, high + pad], color=GREY, linewidth=1, linestyle="--", zorder=1)
    known = np.isfinite(lower) & np.isfinite(upper)
    ax.vlines(x[known], lower[known], upper[known], color=BLUE, linewidth=1.5)
    ax.plot(x, y, "o", color=BLUE, markersize=5)
    recalibrated = dict(zip(made.recalibration["term"], made.recalibration["estimate"], strict=True))
    slope = recalibrated.get("slope", np.nan)
    remark(ax, f"slope {number(float(slope), 3)}: 1 is right, below 1 too extreme" if np.isfinite(slope) else "")
    response = literal(fit.terms.response, NARROW)
    bars = f", {100 * level:g} % intervals" if known.any() else ""
    title = f"Calibration in {several(table.rows, 'bands')}{bars}"
    dress(ax, title, f"predicted {mean_label(fit)}", f"observed mean of {response}")
    return ax


def roc(fit: Fit, level: float = 0.95, predicted: object = None, ax: Any = None) -> Axes:
    """The ROC curve, its area and the interval of that; the diagonal is chance.

    The numbers are those of `fit.roc`, which says what the arguments are and what it raises.
    """
    curve = fit.roc(level, predicted)
    shown = np.arange(len(curve.threshold))
    if len(shown) > CORNERS:
        shown = np.unique(np.linspace(0, len(shown) - 1, CORNERS).round().astype(np.intp))
    ax = axes_for(ax, (4.8, 4.4))
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    ax.plot(1.0 - curve.specificity[shown], curve.sensitivity[shown], color=BLUE, linewidth=1.8)
    ends = f" ({number(curve.lower, 3)} to {number(curve.upper, 3)})" if np.isfinite(curve.lower) else ""
    sides = "1 − specificity (share of no called yes)", "sensitivity (share of yes called yes)"
    dress(ax, f"ROC curve: area {number(curve.auc, 3)}{ends}", *sides)
    ax.set_aspect("equal", adjustable="box")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    return ax


def lift(fit: Fit, bands: int = 10, exposure: object = None, predicted: object = None, ax: Any = None) -> Axes:
    """Observed and predicted rates in bands of about equal exposure, from the lowest predictions to the highest.

    The numbers are those of `fit.lift`, which says what the arguments are and what it raises.
    """
    made = fit.lift(bands, exposure, predicted)
    table = made.bands
    band = np.arange(1, table.rows + 1)
    ax = axes_for(ax)
    ax.plot(band, table["predicted"], color=ORANGE, marker="s", markersize=4, linestyle="--", label="predicted")
    ax.plot(band, table["observed"], color=BLUE, marker="o", markersize=5, label="observed")
    overall = float(np.average(table["observed"], weights=table["exposure"]))
    ax.axhline(overall, color=GREY, linewidth=1, linestyle=":", label=f"overall {number(overall, 3)}")
    ax.set_xticks(band if len(band) <= 20 else band[:: -(-len(band) // 20)])
    legend(ax, "best")
    title = f"Lift: Gini {number(made.gini, 3)} of a possible {number(made.gini_best, 3)}"
    rate = f"{literal(fit.terms.response, NARROW)} per unit of exposure"
    dress(ax, title, "band of predicted rate, lowest to highest", rate)
    return ax


def rootogram(fit: Fit, most: int = 60, ax: Any = None) -> Axes:
    """How often each count was seen, hung from how often the model expects it, as square roots (Kleiber & Zeileis
    2016): a bar that stops above zero is a count seen too rarely, one below zero a count seen too often.

    Counts are drawn in at most so many bars, wider ones where they go far. Raises the errors of
    `diagnostics.expected_counts.expected_counts`: CapabilityError for other families than counts.
    """
    table = expected_counts(fit, most)
    low, high = (np.asarray(table[name], dtype=float) for name in ("lowest", "highest"))
    seen, expected = np.sqrt(table["observed"]), np.sqrt(table["expected"])
    middle, wide = (low + high) / 2, high - low + 1.0
    ax = axes_for(ax)
    ax.bar(middle, -seen, bottom=expected, width=0.85 * wide, color=BLUE, alpha=0.55, linewidth=0, label="observed")
    ax.plot(middle, expected, color=ORANGE, marker="o", markersize=3, label="expected")
    ax.axhline(0.0, color=GREY, linewidth=1)
    ends = np.concatenate([expected, expected - seen])
    pad = 0.06 * float(np.ptp(ends)) or 0.5
    ax.set_ylim(float(ends.min()) - pad, float(ends.max()) + pad)
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend(ax)
    grouped = f", {int(wide.max())} counts a bar" if wide.max() > 1 else ""
    dress(ax, f"Counts seen, hung from those expected{grouped}", count_label(fit), "√ number of observations")
    return ax


def count_label(fit: Fit) -> str:
    """What is counted."""
    return f"{literal(fit.terms.response, NARROW)} (count of an observation)"
