"""Coefficients with their intervals: one below the other, and against the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.errors import DataError, InputTypeError, refuse_unknown
from nelder.fit import Fit
from nelder.inference.coefficients import beside_intercept
from nelder.inference.effects.relativities import ratio_name
from nelder.inference.intervals import chosen
from nelder.linalg import Array
from nelder.observations import vector_of
from nelder.plots.canvas import BLUE, GREEN, GREY, ORANGE, SIZE, axes_for, dress, literal, remark
from nelder.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 60  # coefficients that have room
ROW = 0.26  # inches that a coefficient needs


def forest(fit: Fit, terms: object = None, exponentiate: bool = False, intervals: str = "wald", ax: Any = None) -> Axes:
    """Estimates and 95 % intervals, one below the other, with a line at no effect.

    `terms` are names of coefficients or terms, by default all but the intercept, of more than 60 those furthest from
    zero; `exponentiate` draws exp(β) on a log scale; `intervals` are "wald", "profile" or "score". An infinite estimate
    is an arrow at the edge it goes to, an interval without an end runs into the edge, and what was not estimated is
    said in words. Raises as `fit.table`.
    """
    table = fit.table(intervals=intervals, exponentiate=exponentiate)
    places = beside_intercept(fit, MOST) if terms is None else chosen(fit, terms)
    value, lower, upper = (np.asarray(table[name])[places] for name in (estimate_column(table), "lower", "upper"))
    none = 1.0 if exponentiate else 0.0
    ax = axes_for(ax, (SIZE[0], max(2.2, 1.1 + ROW * len(places))))
    if exponentiate:
        ax.set_xscale("log")
    left, right = edges(value, lower, upper, none)
    for row in range(len(places)):
        one_row(ax, row, (value[row], lower[row], upper[row]), (left, right))
    ax.axvline(none, color=GREY, linewidth=1, linestyle="--", zorder=1)
    ax.set_xlim(left, right)
    if exponentiate:
        ratio_ticks(ax, right / left)
    ax.set_ylim(len(places) - 0.4, -0.6)
    size = "small" if len(places) <= 40 else "xx-small"
    ax.set_yticks(np.arange(len(places)), [literal(fit.names[j], 32) for j in places], fontsize=size)
    for row in np.flatnonzero(np.isnan(value)).tolist():
        why = "aliased" if fit.aliased[places[row]] else "the data say nothing"
        ax.text(none, row, f" {why}", fontsize="x-small", color=GREY, va="center")
    what = ratio_name(fit).replace("_", " ") if exponentiate else f"coefficient ({fit.link.label()} scale)"
    scale = f"{what}, log scale" if exponentiate else what
    bars = "" if np.isnan(lower).all() else f", 95 % {'Wald' if intervals == 'wald' else intervals} intervals"
    some = "" if len(places) < MOST or terms is not None else f"The {MOST} furthest from zero: "
    words = f"{what.partition(' (')[0]}s{bars}"
    dress(ax, some + words if some else words[0].upper() + words[1:], scale, "")
    return ax


def ratio_ticks(ax: Axes, wide: float) -> None:
    """Plain numbers on a log scale of ratios, also where it spans less than a power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    few, many = LogLocator(subs=(1.0, 2.0, 5.0), numticks=12), LogLocator(numticks=8)
    ax.xaxis.set_major_locator(MaxNLocator(6) if wide < 10.0 else few if wide < 1e4 else many)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def estimate_column(table: Table) -> str:
    """The column of estimates, which is named by what they are."""
    return next(name for name in table if name not in ("term", "se", "lower", "upper"))


def edges(value: Array, lower: Array, upper: Array, none: float) -> tuple[float, float]:
    """The range to draw: all finite numbers but those of an interval that is far wider than the others."""
    with np.errstate(all="ignore"):
        given = value, lower, upper, np.array([none])
        finite = [np.log(each) if none == 1.0 else each for each in given]
    middle = np.concatenate([finite[0][np.isfinite(finite[0])], finite[3]])
    ends = np.concatenate([each[np.isfinite(each)] for each in finite[1:3]])
    core = max(float(np.ptp(middle)), 3.0 * float(np.median(np.abs(ends - np.median(middle)))) if len(ends) else 0.0)
    core = core or max(abs(float(middle.max())), 1.0)
    low = min(float(middle.min()), float(max(ends.min(), middle.min() - 4.0 * core)) if len(ends) else np.inf)
    high = max(float(middle.max()), float(min(ends.max(), middle.max() + 4.0 * core)) if len(ends) else -np.inf)
    pad = 0.07 * ((high - low) or core)
    if none == 1.0:
        return float(np.exp(low - pad)), float(np.exp(high + pad))
    return low - pad, high + pad


def one_row(ax: Axes, row: int, found: tuple[float, float, float], view: tuple[float, float]) -> None:
    """One estimate: a point and its interval; an arrow where it is infinite, or 0 on a scale of ratios."""
    value, lower, upper = found
    endless = not np.isnan(value) and not (np.isfinite(value) and (view[0] <= value <= view[1]))
    if endless:
        edge, way = (view[1], "right") if value > view[1] else (view[0], "left")
        low, high = (lower, edge) if way == "right" else (edge, upper)
        if np.isfinite(low) and np.isfinite(high):
            ax.plot(np.clip([low, high], *view), [row, row], color=ORANGE, linewidth=1.5)
        ax.plot(edge, row, marker=">" if way == "right" else "<", markersize=9, color=ORANGE, clip_on=False)
        side: dict[str, Any] = {"ha": way, "va": "center", "color": ORANGE}
        word = "∞" if np.isinf(value) and value > 0 else "−∞" if np.isinf(value) else "0"
        ax.annotate(word, (edge, row), (-9 if way == "right" else 9, 0), textcoords="offset points", **side)
        return
    if not (np.isnan(lower) or np.isnan(upper)):
        ax.plot(np.clip([lower, upper], *view), [row, row], color=BLUE, linewidth=1.5)
        for end, edge, mark in ((lower, view[0], "<"), (upper, view[1], ">")):
            if (end < edge) if mark == "<" else (end > edge):
                ax.plot(edge, row, marker=mark, color=BLUE, markersize=5, clip_on=False)
    hollow = np.isnan(lower) or np.isnan(upper)
    ax.plot(value, row, marker="o", markersize=5, color=BLUE, fillstyle="none" if hollow else "full")


def truth(fit: Fit, true: object, level: float = 0.95, ax: Any = None) -> Axes:
    """Estimates against the coefficients that made the data, with their intervals and the line of equality.

    `true` are numbers (p,) in the order of the coefficients, or a dictionary by their names, of some or all. Intervals
    that miss the truth are orange; infinite and aliased estimates are counted in a remark. Raises UnknownNameError for
    a name the fit does not have, DataError for another number of them.
    """
    places, real = true_values(fit, true)
    table = fit.confint(level)
    estimate = np.asarray(fit.coef)[places]
    lower, upper = np.asarray(table["lower"])[places], np.asarray(table["upper"])[places]
    held = (lower <= real) & (real <= upper)
    known, drawn = np.isfinite(lower) & np.isfinite(upper), np.isfinite(estimate)
    ax = axes_for(ax)
    colours = np.where(~known, GREY, np.where(held, BLUE, ORANGE))
    width = 1.5 if len(real) <= 40 else 0.7
    bars = np.flatnonzero(known & drawn)
    ax.vlines(real[bars], lower[bars], upper[bars], colors=colours[bars].tolist(), linewidth=width, alpha=0.7)
    at = np.flatnonzero(drawn)
    ax.scatter(real[at], estimate[at], s=26 if len(real) <= 40 else 8, c=colours[at].tolist(), zorder=3)
    ends = np.concatenate([real, estimate[drawn]])
    both = float(ends.min()), float(ends.max())
    pad = 0.06 * (both[1] - both[0]) or 0.5
    ax.plot(*[(both[0] - pad, both[1] + pad)] * 2, color=GREEN, linewidth=1, zorder=1)
    lost = len(real) - len(at)
    remark(ax, f"{lost} infinite or aliased estimates are not drawn" if lost else "")
    share = f"{100 * level:g} % intervals: {int(np.sum(held))} of {int(np.sum(known))} hold the truth"
    title = share if known.any() else "Estimates against the truth"
    scale = f"({fit.link.label()} scale)"
    dress(ax, title, f"true coefficient {scale}", f"estimate {scale}")
    return ax


def true_values(fit: Fit, true: object) -> tuple[Any, Array]:
    """The places of the coefficients whose truth is given, and the truth."""
    if isinstance(true, Mapping):
        for name in true:
            refuse_unknown("coefficient", name, fit.names)
        if not true:
            raise DataError("true is empty: give the true coefficients by name, or one for each")
        places = np.array([fit.names.index(name) for name in true], dtype=np.intp)
        return places, vector_of(list(true.values()), "true")
    if true is None or isinstance(true, (str, int, float)):
        raise InputTypeError(f"true must be numbers, one a coefficient, or a dictionary by name, not {true!r:.60}")
    real = vector_of(true, "true")
    if len(real) != len(fit.names):
        raise DataError(f"true has {len(real)} numbers; the fit has {len(fit.names)} coefficients")
    return np.arange(len(real)), real
