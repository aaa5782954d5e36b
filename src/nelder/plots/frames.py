"""The fit as it happens: the curve of one predictor after some of the steps, together or one panel a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.fitted_rows import fitted_rows
from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.effects.averaging import typical
from nelder.inference.effects.cases import Cases, Population, Sample
from nelder.inference.effects.encoding import encoder_of
from nelder.inference.effects.rows import sample_of
from nelder.inference.effects.variables import Variable, named, variables_of
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.plots.canvas import (
    BLUE,
    GREY,
    NARROW,
    ORANGE,
    SHORT,
    axes_for,
    dress,
    legend,
    literal,
    panels_for,
    remark,
    several,
    solver_of,
    traced,
)
from nelder.plots.clouds import cloud
from nelder.plots.descent import every
from nelder.sources import Numbers
from nelder.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 101  # places along a curve
OFF = 3.0  # times the range of the responses: where a curve is still drawn


@dataclass(frozen=True)
class Film:
    """Curves (k, m) of the mean over x (m,) at the steps (k,) of a solver, and the responses `y` at `seen` (n,).

    `records` are the places of these steps in the trace.
    """

    variable: str
    x: Array
    curves: Array
    step: Array
    deviance: Array
    seen: Array
    y: Array
    others: str
    records: NDArray[np.integer]


def film(fit: Fit, variable: str | None, frames: int) -> Film:
    """The curves after some of the steps, over the first numeric variable unless another is named.

    The other variables are held at their means and most frequent levels, and so is the offset. Raises CapabilityError
    where there is no numeric variable, or nothing can be said at typical values.
    """
    traced(fit)
    rows = fitted_rows(fit, "a picture of the curve at each step")
    sample = sample_of(fit, Population())
    variables = variables_of(fit, sample)
    chosen = numeric_variable(variables, variable)
    records = every(fit, frames)
    x = np.linspace(chosen.numbers.min(), chosen.numbers.max(), GRID)
    encoder = encoder_of(fit)
    block = encoder.block(moved(typical(sample, variables), chosen.name, x).parts[0])
    if np.isnan(block.offset).any():
        raise CapabilityError(
            f"with {chosen.name!r} moved and the rest at typical values the aliased columns break their pattern, and "
            "no mean can be told: refit without them"
        )
    with np.errstate(all="ignore"):
        eta = block.etas(fit.trace.beta[np.ix_(records, encoder.kept)])
        low, high = encoder.loss.bounds
        curves = np.where((eta >= low) & (eta <= high), Mean(fit.link, eta).mu, np.nan)
    others = ", others at typical values" if len(variables) > 1 or rows.offset.any() else ""
    trace = fit.trace
    return Film(
        chosen.name, x, curves, trace.step[records], trace.deviance[records], chosen.numbers, rows.y, others, records
    )


def numeric_variable(variables: dict[str, Variable], name: str | None) -> Variable:
    """The variable named, or the first that is numeric; raises CapabilityError for one with levels."""
    numeric = [each for each in variables.values() if each.numeric]
    if name is None and not numeric:
        raise CapabilityError("no variable of this fit is numeric, so that there is no curve to draw: see paths()")
    chosen = numeric[0] if name is None else named(variables, name)
    if not chosen.numeric:
        known = ", ".join(each.name for each in numeric) or "none"
        raise CapabilityError(f"{name!r} has levels, and a curve needs a numeric variable: {known}; or see effect()")
    return chosen


def moved(sample: Sample, name: str, x: Array) -> Sample:
    """One typical row for each value (m,) of a variable."""
    row, places = sample.parts[0], np.zeros(len(x), dtype=np.intp)
    chunk = {key: column.take(places) for key, column in row.chunk.items()}
    chunk[name] = Numbers(x, getattr(row.chunk[name], "kind", "f"))
    many = Cases(chunk, row.rows[places], row.weight[places], row.group[places], row.offset[places])
    return replace(sample, parts=(many,))


def framed(ax: Axes, made: Film) -> None:
    """Limits that the responses need, and not a curve that is far off."""
    low, high = float(made.y.min()), float(made.y.max())
    wide = (high - low) or max(abs(high), 1.0)
    inside = made.curves[np.isfinite(made.curves)]
    inside = inside[(inside >= low - OFF * wide) & (inside <= high + OFF * wide)]
    low, high = min([low, *inside]), max([high, *inside])
    pad = 0.05 * ((high - low) or wide)
    ax.set_ylim(low - pad, high + pad)


def curves(fit: Fit, variable: str | None = None, frames: int = 8, ax: Any = None) -> Axes:
    """The curve of the mean over one numeric predictor, after some of the steps, over the responses.

    Pale curves are early and the orange one is the last; other predictors are held at typical values. Raises DataError
    for a fit without its rows or steps, CapabilityError where no predictor is numeric.
    """
    made = film(fit, variable, frames)
    ax = axes_for(ax)
    said = cloud(ax, made.seen, made.y, GREY)
    many = len(made.step)
    for k, curve in enumerate(made.curves):
        last = k == many - 1
        alpha = 1.0 if last else 0.4 + 0.5 * k / max(many - 1, 1)
        label = f"step {int(made.step[k])}" if k in (0, many // 2, many - 1) else "_"
        colour = ORANGE if last else BLUE
        ax.plot(made.x, curve, color=colour, alpha=alpha, linewidth=2.2 if last else 1.2, label=label, zorder=4)
    framed(ax, made)
    legend(ax, "best" if len(made.y) <= 500 else "upper right")
    shown = literal(made.variable, SHORT)
    dress(ax, f"{solver_of(fit)}: fitted curve at {several(many, 'steps')}{made.others}", shown, response_label(fit))
    remark(ax, said)
    return ax


def steps(fit: Fit, variable: str | None = None, frames: int = 6, ax: Any = None) -> NDArray[np.object_]:
    """The fit as it happens, in small panels: the curve after some of the steps, with the deviance it has come to.

    `ax` may hold an array of as many Axes. Returns the Axes in an array; raises as `curves`.
    """
    made = film(fit, variable, frames)
    many = len(made.step)
    across = min(3, many)
    grid: NDArray[np.object_] = panels_for(ax, many, across, (2.9 * across + 0.6, 2.4 * -(-many // across) + 0.5))
    shown, label = literal(made.variable, SHORT), literal(fit.terms.response, NARROW)
    for k, each in enumerate(grid):
        said = cloud(each, made.seen, made.y, GREY)
        each.plot(made.x, made.curves[k], color=ORANGE if k == many - 1 else BLUE, linewidth=2, zorder=4)
        framed(each, made)
        dress(each, f"step {int(made.step[k])}: deviance {number(float(made.deviance[k]), 4)}", shown, label)
        each.label_outer()
        remark(each, said if k == 0 else "")
    return grid


def response_label(fit: Fit) -> str:
    """What the axis of responses and their means is called."""
    return f"{literal(fit.terms.response, NARROW)} (response scale)"
