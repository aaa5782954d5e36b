"""What a predictor does: the mean along it, and a term's share of the linear predictor with its residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.term_shares import TermShare, share_interval, term_share
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.formula.transforms import number_labels
from nelder.inference.effects.cases import Population
from nelder.inference.effects.rows import sample_of
from nelder.inference.effects.variables import Variable, named, variables_of
from nelder.linalg import Array
from nelder.plots.canvas import (
    BLUE,
    GREY,
    ORANGE,
    SHORT,
    axes_for,
    dress,
    link_label,
    literal,
    mean_label,
    remark,
    several,
)
from nelder.plots.clouds import FEW_VALUES, cloud, jitter, rug
from nelder.sources import Column, Labels, Numbers
from nelder.submodels import schema_of
from nelder.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 61  # places along a curve
FEWEST, WIDE = 20, 3.0  # residuals of which some may be left out, and how many times wider the view would be
SHOWN = 40  # levels of a factor that have room
UPRIGHT = 20  # levels whose names have room to be slanted, and not upright


def effect(
    fit: Fit, variable: str | None = None, scale: str = "response", others: object = "mean", ax: Any = None
) -> Axes:
    """The mean along one variable with its 95 % band; levels of a factor as points with intervals.

    The others are at typical values, or averaged over with `others="observed"`; `scale="link"` draws η. The numbers are
    those of `fit.predictions`. Raises UnknownNameError for a variable the fit does not have, CapabilityError where no
    mean can be told.
    """
    variables = variables_of(fit, sample_of(fit, Population()))
    chosen = named(variables, next(iter(variables), None) if variable is None else variable)
    values = places_of(chosen)
    table = fit.predictions(at={chosen.name: values}, others=others, scale=scale).table()
    y, lower, upper = (np.asarray(table[name], dtype=float) for name in ("estimate", "lower", "upper"))
    if not np.isfinite(y).any():
        raise CapabilityError(
            f"no mean can be told along {chosen.name!r}: {' '.join(table.notes) or 'all are infinite'}"
        )
    ax = axes_for(ax)
    if chosen.numeric:
        x = np.asarray(values, dtype=float)
        ax.fill_between(x, lower, upper, color=BLUE, alpha=0.25, linewidth=0)
        ax.plot(x, y, color=BLUE, linewidth=1.8)
        rug(ax, chosen.numbers, GREY)
    else:
        levels_on(ax, [str(level) for level in values], (y, lower, upper))
        many = len(chosen.levels)
        remark(ax, f"the first {len(values)} of {many} levels" if many > len(values) else "", (0.02, 0.98))
    shown = literal(chosen.name, SHORT)
    rest = "" if len(variables) == 1 else ", others typical" if others == "mean" else ", averaged over the others"
    bars = "" if np.isnan(lower).all() else ", 95 % interval"
    dress(ax, f"Effect of {shown}{rest}{bars}", shown, mean_label(fit) if scale == "response" else link_label(fit))
    return ax


def places_of(variable: Variable) -> list[Any]:
    """Where to look at a variable: its levels, its different values where they are few, or points between its ends."""
    if not variable.numeric:
        return list(variable.levels[:SHOWN])
    return np.linspace(variable.numbers.min(), variable.numbers.max(), GRID).tolist()


def levels_on(ax: Axes, levels: list[str], found: tuple[Array, Array, Array]) -> None:
    """Points with intervals, one a level."""
    y, lower, upper = found
    places = np.arange(len(levels))
    known = np.isfinite(lower) & np.isfinite(upper)
    ax.vlines(places[known], lower[known], upper[known], color=BLUE, linewidth=2, zorder=4)
    ax.plot(places, y, "o", color=BLUE, markersize=6, zorder=5)
    level_ticks(ax, levels)


def level_ticks(ax: Axes, levels: list[str]) -> None:
    """Names of levels on the x axis, slanted or upright where they would touch; where there are too many, of some."""
    named = np.arange(0, len(levels), -(-len(levels) // SHOWN))
    shown = [literal(levels[k], 16) for k in named]
    crowded = sum(len(text) + 2 for text in shown) > 60
    slant = 0 if not crowded else 35 if len(shown) <= UPRIGHT else 90
    ax.set_xticks(named, shown, fontsize="small", rotation=slant)
    if slant == 35:
        for label in ax.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    ax.set_xlim(-0.6, len(levels) - 0.4)


def partial(fit: Fit, term: str | None = None, ax: Any = None) -> Axes:
    """A term's share of the linear predictor with its 95 % band, and partial residuals: points that bend away from the
    line say that the term should bend; a factor has points beside each level.

    `term` is a term of the formula, by default the first. The numbers are those of `fit.residuals("partial")`. Raises
    UnknownNameError for another name, CapabilityError for a fit by arrays, a separated one, and a term of several
    columns, whose picture would need more than two dimensions.
    """
    if term is None:
        term = next((name for name, _ in schema_of(fit).spans if name != "Intercept"), None)
        if term is None:
            raise CapabilityError("this fit has an intercept only: there is no term to draw")
    made = term_share(fit, term)
    if len(made.columns) != 1:
        raise CapabilityError(
            f"term {made.term!r} reads {len(made.columns)} columns, and a picture of partial residuals has room for "
            "one: look at effect() of each"
        )
    assert fit.kept is not None and fit.kept.chunk is not None
    column = fit.kept.chunk[made.columns[0]]
    ax = axes_for(ax)
    if isinstance(column, Numbers) and not (made.has_levels or column.kind == "b"):
        said = over_numbers(ax, fit, made, column.values)
    else:
        said = over_levels(ax, fit, made, levels_of(column))
    shown = literal(made.term, SHORT)
    dress(ax, f"Share of {shown} in η, with partial residuals", literal(made.columns[0]), link_label(fit))
    remark(ax, said)
    beyond = np.abs(made.partial[~in_view(made.partial)])
    most = f" (to {number(float(beyond.max()), 3)})" if len(beyond) and np.isfinite(beyond).all() else ""
    remark(ax, f"outside the view: {several(len(beyond), 'residuals')}{most}" if len(beyond) else "", (0.02, 0.98))
    return ax


def over_numbers(ax: Axes, fit: Fit, made: TermShare, x: Array) -> str:
    """Points, line and band of a term of a numeric column."""
    seen = in_view(made.partial)
    said = cloud(ax, x[seen], made.partial[seen])
    _, first = np.unique(x, return_index=True)
    if len(first) > 4 * GRID:
        first = first[np.unique(np.linspace(0, len(first) - 1, 4 * GRID).round().astype(np.intp))]
    line = "o-" if len(first) < FEW_VALUES and not np.ptp(np.diff(x[first])) else "-"
    lower, upper = share_interval(fit, made.term, first)
    ax.fill_between(x[first], lower, upper, color=ORANGE, alpha=0.25, linewidth=0, zorder=3)
    ax.plot(x[first], made.share[first], line, color=ORANGE, linewidth=1.8, markersize=4, zorder=4)
    return said


def levels_of(column: Column) -> Labels:
    """A column as levels: the different ones of its numbers, as whole ones where they are."""
    if isinstance(column, Labels):
        return column
    whole = column.kind == "f" and np.array_equal(column.values, np.round(column.values))
    return number_labels(column.values, "i" if whole else column.kind)


def over_levels(ax: Axes, fit: Fit, made: TermShare, column: Labels) -> str:
    """Points beside each level, and its share with the interval."""
    present, first = np.unique(column.codes, return_index=True)
    place = np.searchsorted(present, column.codes).astype(float)
    seen = in_view(made.partial)
    said = cloud(ax, jitter(place)[seen], made.partial[seen])
    lower, upper = share_interval(fit, made.term, first)
    centre: NDArray[np.intp] = np.arange(len(present))
    known = np.isfinite(lower)
    ax.vlines(centre[known], lower[known], upper[known], color=ORANGE, linewidth=2.5, zorder=4)
    ax.hlines(made.share[first], centre - 0.28, centre + 0.28, color=ORANGE, linewidth=2, zorder=4)
    level_ticks(ax, [str(column.levels[code]) for code in present])
    return said


def in_view(partial: Array) -> NDArray[np.bool_]:
    """Which residuals (n,) to draw: all, or where a few lie so far out that the others would be a line, the others."""
    known = partial[np.isfinite(partial)]
    if len(known) < FEWEST:
        return np.isfinite(partial)
    low, middle, high = np.quantile(known, [0.005, 0.5, 0.995])
    low, high = low - (middle - low), high + (high - middle)
    if np.ptp(known) <= WIDE * (high - low):
        return np.isfinite(partial)
    return np.asarray((partial >= low) & (partial <= high))
