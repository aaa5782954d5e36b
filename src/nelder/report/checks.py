"""The checks on the page: their lines in words, and the pictures of the residuals that go with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.check import LOOK, PROBLEM, Check
from nelder.diagnostics.fitted_rows import bands_of, fitted_rows, group_sums, whole_where_whole
from nelder.diagnostics.influence import CONTOURS, cook_contour
from nelder.diagnostics.normality import in_order, normal_order
from nelder.diagnostics.residuals import measurable, quantile_sample, standardised_pearson
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.mean import UNIT
from nelder.report.drawing import HIGH, WIDE, Plane, plane
from nelder.report.markup import Picture, table, text
from nelder.report.material import Material, some_of
from nelder.table import Table

MOST = 800  # points of a picture
BANDS, IN_BAND = 20, 12  # bands of rows, whose means the line through a picture joins, and rows in one of them
SIZE = (WIDE, HIGH)


@dataclass(frozen=True)
class Rows:
    """What the pictures read of n rows: their `numbers` (n,), and of m rows, or of the observations that rows stand for
    where `unit` says so, how often each counts, their means, residuals that ought to be normal (`kind` says which), and
    whether means are drawn on a logarithmic axis.
    """

    numbers: NDArray[np.integer]
    times: Array
    mu: Array
    residual: Array
    kind: str
    log: bool
    unit: str = "rows"
    said: tuple[str, ...] = ()


def rows_of(fit: Fit) -> Rows:
    """Quantile residuals, else standardised ones, else those of the deviance, as where φ is but rounding. Raises
    DataError without rows.
    """
    read = fitted_rows(fit, "a picture of residuals")
    mu, times = read.mu, read.times
    numbers = np.arange(len(mu)) if fit.kept is None else fit.kept.rows
    material = Material(fit)
    log = fit.link.name == "log" and bool((mu > 0).all())
    if not measurable(fit):
        return Rows(numbers, times, mu, fit.residuals("deviance"), "deviance residual", log)
    sample = material.had("quantile", partial(quantile_sample, fit, 0))
    if sample is not None:
        kind, mu = "quantile residual", mu[sample.rows]
        return Rows(numbers, sample.times, mu, sample.values, kind, log, sample.unit, sample.notes)
    residual = material.had("standardised", partial(fit.residuals, "standardised"))
    if residual is not None:
        return Rows(numbers, times, mu, residual, "standardised residual", log)
    return Rows(numbers, times, mu, fit.residuals("deviance"), "deviance residual", log)


def said_checks(checked: Check | None, refusal: str) -> str:
    """The table of the checks."""
    if checked is None:
        return f'<p class="note">{text(refusal)}</p>'
    made = checked.table()
    calls = [line.call if line.verdict in (PROBLEM, LOOK) else "" for line in checked.lines]
    columns = {name: made[name] for name in ("check", "verdict", "value", "meaning")}
    columns |= {"try next": np.array(calls, dtype=object)} if any(calls) else {}
    return table(Table(columns, notes=made.notes), checked.title, 100)


def pictures(material: Material) -> str:
    """Each picture that this fit has, and why it has not the others."""
    rows = material.had("residuals", lambda: rows_of(material.fit))
    if rows is None:
        return f'<p class="note">No pictures of residuals: {text(material.refusals["residuals"])}.</p>'
    made, missing = [], []
    for name, of in PICTURES.items():
        picture = material.had(name, partial(of, material.fit, rows))
        if picture is not None:
            made.append(picture.figure())
        elif name in material.refusals:
            missing.append(f'<p class="note">No picture of {name}: {text(material.refusals[name])}.</p>')
    return f'<div class="grid">{"".join(made)}</div>{"".join(missing)}'


def sampled(shown: int, n: int, unit: str = "rows") -> tuple[str, ...]:
    """A note where not all points are drawn."""
    return (f"Drawn are {shown:,} of {n:,} {unit}, the most outlying among them.",) if shown < n else ()


def banded(rows: Rows, values: Array, name: str) -> tuple[Array, Table]:
    """Means of values (n,) in bands of the fitted mean, as points (2, k) and as a table."""
    fine = np.flatnonzero(np.isfinite(values) & np.isfinite(rows.mu))
    mu, values, times = rows.mu[fine], values[fine], rows.times[fine]
    if not len(fine):
        return np.zeros((2, 0)), Table({"rows": np.zeros(0), "fitted mean": np.zeros(0), f"mean {name}": np.zeros(0)})
    band = bands_of(mu, times, max(2, min(BANDS, len(mu) // IN_BAND)))
    count, fitted, mean = group_sums(band, times, times * mu, times * values)
    middle = np.stack([fitted / count, mean / count])
    return middle, Table({"rows": whole_where_whole(count), "fitted mean": middle[0], f"mean {name}": middle[1]})


def against_fitted(fit: Fit, rows: Rows) -> Picture:
    """Residuals against fitted means."""
    trend, numbers = banded(rows, rows.residual, rows.kind)
    drawn = some_of(len(rows.mu), MOST, rows.residual)
    drawing = plane("residuals", (rows.mu, "fitted mean", rows.log), (rows.residual[drawn], rows.kind, False))
    return Picture(
        "residuals",
        "Residuals against fitted",
        f"A {rows.kind} {'a row' if rows.unit == 'rows' else 'an observation'}, and the line of their means in bands "
        f"of the {rows.unit}: a good model leaves a level cloud around 0.",
        drawing.drawn(
            drawing.points(rows.mu[drawn], rows.residual[drawn]),
            level_line(drawing, 0.0),
            drawing.line(trend[0], trend[1]),
        ),
        SIZE,
        numbers,
        (*sampled(len(drawn), len(rows.mu), rows.unit), *rows.said),
    )


def level_line(drawing: Plane, at: float) -> str:
    """A line across the picture."""
    return drawing.line([drawing.x.low, drawing.x.high], [at, at], "zero")


def normal_quantiles(fit: Fit, rows: Rows) -> Picture | None:
    """Quantile residuals in order, against those of the normal distribution, with their pointwise band."""
    residual, middle_rank, total = in_order(rows.residual, rows.times)
    n = len(residual)
    if rows.kind != "quantile residual" or n < 2:
        return None
    ranks = np.arange(n)
    if n > MOST:  # the ends in full, where the tails show, and others evenly between
        inner = np.linspace(MOST // 4, n - MOST // 4 - 1, MOST // 2).astype(int)
        ranks = np.unique(np.concatenate([ranks[: MOST // 4], inner, ranks[-MOST // 4 :]]))
    normal = normal_order(middle_rank[ranks], total)
    low, middle, high = normal["lower"], normal["expected"], normal["upper"]
    drawing = plane(
        "normal", (middle, "normal quantile", False), (np.concatenate([residual[ranks], middle]), rows.kind, False)
    )
    outline = drawing.line(np.concatenate([middle, middle[::-1]]), np.concatenate([low, high[::-1]]), "band")
    few = np.unique(np.linspace(0, len(ranks) - 1, 25).astype(int))
    return Picture(
        "normal",
        "Normal quantiles of the residuals",
        "Quantile residuals in order, beside those of a normal sample: with the right family they follow the diagonal, "
        "and 95% of the points, each by itself, lie in the band.",
        drawing.drawn(outline, drawing.line(middle, middle, "zero"), drawing.points(middle, residual[ranks])),
        SIZE,
        Table(
            {
                "normal quantile": middle[few],
                "residual": residual[ranks][few],
                "band from": low[few],
                "band to": high[few],
            }
        ),
        (*sampled(len(ranks), n, rows.unit), *rows.said),
    )


def scale_location(fit: Fit, rows: Rows) -> Picture:
    """The square root of the size of the residuals against fitted means."""
    root = np.sqrt(np.abs(rows.residual))
    trend, numbers = banded(rows, root, "root of size")
    drawn = some_of(len(rows.mu), MOST, root)
    drawing = plane("scale", (rows.mu, "fitted mean", rows.log), (np.append(root[drawn], 0.0), "√ |residual|", False))
    return Picture(
        "scale",
        "Scale and location",
        f"The square root of the size of each {rows.kind}, and the line of their means: where the variance is what the "
        "family says, the line is about level.",
        drawing.drawn(drawing.points(rows.mu[drawn], root[drawn]), drawing.line(trend[0], trend[1])),
        SIZE,
        numbers,
        (*sampled(len(drawn), len(rows.mu), rows.unit), *rows.said),
    )


def leverage(fit: Fit, rows: Rows) -> Picture:
    """Standardised Pearson residuals against leverage, with contours of Cook's distance."""
    influence = fit.influence()
    residual = standardised_pearson(fit, influence.single)
    drawn = some_of(len(residual), MOST, influence.cook)
    h = influence.leverage
    drawing = plane(
        "leverage",
        (np.append(h[drawn], 0.0), "leverage", False),
        (np.append(residual[drawn], 0.0), "standardised Pearson residual", False),
    )
    across = np.linspace(max(drawing.x.high, 1e-9) / 200, min(drawing.x.high, 0.9999), 120)
    contours = [
        drawing.line(across, side * cook_contour(across, distance, influence.single.rank), "contour")
        for distance in CONTOURS
        for side in (-1.0, 1.0)
    ]
    top = np.argsort(-np.where(np.isfinite(influence.cook), influence.cook, -1.0), kind="stable")[:20]
    listed = {"row": rows.numbers[top], "leverage": h[top], "residual": residual[top], "Cook": influence.cook[top]}
    exact = int(np.sum(h >= 1.0))
    return Picture(
        "leverage",
        "Leverage and influence",
        "How far each row is from its mean, against how much it pulls the fit to itself. Beyond the dashed curves "
        f"Cook's distance exceeds {CONTOURS[0]:g} and {CONTOURS[1]:g}: such rows move the coefficients.",
        drawing.drawn(level_line(drawing, 0.0), *contours, drawing.points(h[drawn], residual[drawn])),
        SIZE,
        Table(listed, notes=("The rows of largest Cook's distance.",)),
        (*sampled(len(drawn), len(h)), *((f"{exact} rows of leverage 1 have no residual.",) if exact else ())),
    )


def calibration(fit: Fit, rows: Rows) -> Picture | None:
    """Observed against predicted means in bands; for shares and counts."""
    if not (fit.family.mean_interval == UNIT or fit.family.counts) or len(rows.mu) < 2:
        return None
    bands = fit.calibration().bands
    predicted, observed, low, high = (bands[name] for name in ("predicted", "observed", "lower", "upper"))
    ends = np.concatenate([observed, low[np.isfinite(low)], high[np.isfinite(high)], predicted])
    drawing = plane("calibration", (predicted, "predicted mean", False), (ends, "observed mean", False))
    span = [max(drawing.x.low, drawing.y.low), min(drawing.x.high, drawing.y.high)]
    return Picture(
        "calibration",
        "Calibration",
        "Observed against predicted means in bands of the rows, with 95% intervals: right predictions "
        "lie on the diagonal.",
        drawing.drawn(
            drawing.line(span, span, "zero"),
            drawing.bars(predicted, low, high),
            drawing.points(predicted, observed, "dot"),
        ),
        SIZE,
        Table({**bands}, notes=bands.notes),
    )


PICTURES: dict[str, Callable[[Fit, Rows], Picture | None]] = {
    "residuals against fitted": against_fitted,
    "normal quantiles": normal_quantiles,
    "scale and location": scale_location,
    "leverage": leverage,
    "calibration": calibration,
}
