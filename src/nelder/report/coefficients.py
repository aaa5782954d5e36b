"""The coefficients on the page: their table, their exponentials where these mean something, and the forest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.inference.coefficients import beside_intercept, furthest_from_zero
from nelder.inference.effects.relativities import ratio_name
from nelder.inference.effects.variables import constant_columns
from nelder.inference.wald import coefficient_table
from nelder.linalg import Array
from nelder.report.drawing import WIDE, Axis, axis, path, place, tick
from nelder.report.markup import Picture, short, table, text
from nelder.report.summary import Summary
from nelder.table import Table

MOST_ROWS = 600  # coefficients in the table
MOST_DRAWN = 60  # and in the forest
NAMES, ROW, TOP = 170, 24, 10  # pixels: the width of the names, the height of a row, the room above the first


def of_rows(given: Table, rows: NDArray[np.integer]) -> Table:
    """Some rows of a table."""
    return Table({name: values[rows] for name, values in given.items()}, given.title, given.notes)


def coefficients(fit: Fit, level: float) -> str:
    """The tables and the forest."""
    p = len(fit.names)
    rows = furthest_from_zero(fit, np.arange(p), MOST_ROWS)
    some = f", the {len(rows)} of {p:,} furthest from zero" if len(rows) < p else ""
    shown = [table(of_rows(Summary(fit, level).coefficients(), rows), f"Estimates{some}", MOST_ROWS)]
    shown.append(exponentials(fit, level, rows))
    return f'<div class="beside"><div class="tables">{"".join(shown)}</div>{forest(fit, level)}</div>'


def exponentials(fit: Fit, level: float, rows: NDArray[np.integer]) -> str:
    """The table of exp(β), where that means something."""
    try:
        name = ratio_name(fit)
    except CapabilityError:
        return ""
    if len(rows) < len(fit.names):
        return '<p class="note">Their exponentials: fit.table(exponentiate=True).</p>'
    given = fit.table(level, exponentiate=True)
    low, high = f"{100 * (1 - level) / 2:g}%", f"{100 * (1 + level) / 2:g}%"
    made = {"term": given["term"], name: given[name], low: given["lower"], high: given["upper"]}
    return table(Table(made, notes=given.notes), f"Exponentials exp(β): {name.replace('_', ' ')}", MOST_ROWS)


def forest(fit: Fit, level: float) -> str:
    """Estimates and intervals beside each other; nothing where there is none to draw."""
    given = coefficient_table(fit, level)
    rows, constant = beside_intercept(fit, MOST_DRAWN), constant_columns(fit)
    apart = 0 if constant.all() else int(constant.sum())
    estimate, low, high = (given[name][rows] for name in ("estimate", "lower", "upper"))
    if np.isnan(estimate).all():
        return ""
    bottom = TOP + ROW * len(rows)
    across = span(estimate, low, high)
    notes = ["The intercept is left out." if apart else "", clipped(across, low, high)]
    if len(rows) + apart < len(fit.names):
        notes.append(f"Drawn are the {len(rows)} of {len(fit.names):,} coefficients furthest from zero.")
    marks = [
        mark(across, TOP + ROW * (k + 0.5), fit.names[row], (estimate[k], low[k], high[k]))
        for k, row in enumerate(rows)
    ]
    interval = f"The lines are {100 * level:g}% intervals; one that holds 0 leaves the sign of its effect open."
    words = f"Estimates of {len(rows)} coefficient{'s' if len(rows) > 1 else ''}. {interval}"
    if not np.isfinite(low).any():
        words = f"Estimates of {len(rows)} coefficients, without intervals: this fit has no standard errors."
    numbers = Table({"term": given["term"][rows], "estimate": estimate, "lower": low, "upper": high})
    return Picture(
        "forest",
        "Forest of coefficients",
        words,
        scale(across, bottom) + "".join(marks),
        (WIDE, bottom + 44),
        numbers,
        tuple(note for note in notes if note),
    ).figure()


def span(estimate: Array, low: Array, high: Array) -> Axis:
    """The axis: all estimates and zero, and the intervals but for those many times wider than the others."""
    wide = (high - low)[np.isfinite(high - low)]
    reach = 6.0 * float(np.median(wide)) if len(wide) else 0.0
    low, high = np.maximum(low, estimate - reach), np.minimum(high, estimate + reach)
    return axis(np.concatenate([estimate, low, high, [0.0]]), (NAMES + 8.0, WIDE - 14.0), "coefficient β")


def clipped(across: Axis, low: Array, high: Array) -> str:
    """A note on intervals that leave the picture."""
    out = int(np.sum((low < across.low) | (high > across.high)))
    return f"{out} interval{'s reach' if out > 1 else ' reaches'} beyond the picture." if out else ""


def scale(across: Axis, bottom: float) -> str:
    """The grid, its ticks, and the line at zero."""
    marks = []
    for value in across.ticks():
        at = place(float(across.at(value)))
        marks.append(f'<path class="grid" d="M{at} {place(bottom)}V{TOP}"/>')
        marks.append(f'<text x="{at}" y="{place(bottom + 17)}" text-anchor="middle">{tick(value)}</text>')
    zero, middle = place(float(across.at(0.0))), place((across.begin + across.end) / 2)
    marks.append(f'<path class="zero" d="M{zero} {place(bottom)}V{TOP}"/>')
    label = (
        f'<text class="label" x="{middle}" y="{place(bottom + 37)}" text-anchor="middle">{text(across.label)}</text>'
    )
    return f'<g aria-hidden="true">{"".join(marks)}{label}</g>'


def mark(across: Axis, y: float, name: str, values: tuple[float, float, float]) -> str:
    """One coefficient: its name, its interval and its estimate, or an arrow where that is infinite."""
    label = f'<text x="{NAMES}" y="{place(y + 4)}" text-anchor="end"><title>{text(name)}</title>{short(name)}</text>'
    estimate, low, high = values
    if np.isnan(estimate):
        return f'{label}<text class="faint" x="{NAMES + 14}" y="{place(y + 4)}">not estimated</text>'
    if np.isinf(estimate):
        at = place(across.end if estimate > 0 else across.begin)
        side = ("end", "→ ∞") if estimate > 0 else ("start", "−∞ ←")
        return f'{label}<text class="infinite" x="{at}" y="{place(y + 4)}" text-anchor="{side[0]}">{side[1]}</text>'
    left, right = (place(float(end)) for end in np.clip(across.at([low, high]), across.begin, across.end))
    line = path(f"M{left} {place(y)}H{right}", "bar") if low <= high else ""
    return f"{label}{line}{path(f'M{place(float(across.at(estimate)))} {place(y)}h0', 'dot')}"
