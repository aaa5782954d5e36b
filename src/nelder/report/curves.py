"""What moves in a replay beside the coefficients: the fitted curve over one predictor, or observed against fitted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from nelder.diagnostics.fitted_rows import bands_of, fitted_rows, group_sums
from nelder.errors import NelderWarning
from nelder.fit import Fit
from nelder.formula.schema import NumericFactor
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.report.drawing import Plane, plane
from nelder.report.frames import Frames
from nelder.report.material import Material, some_of
from nelder.sources.base import Numbers
from nelder.table import Named, Table

GRID = 81  # points of a curve
POINTS = 400  # rows that are drawn one by one
READ = 20_000  # rows that bands are made of
BANDS = 20


@dataclass(frozen=True)
class Moving:
    """A picture that follows the steps: `x` and `y` (k, m), in the units of the data, of what moves in each frame, as
    a curve or as dots, over `still`, which does not move.
    """

    title: str
    words: str
    plane: Plane
    still: str
    x: Array
    y: Array
    dotted: bool
    numbers: Table
    notes: tuple[str, ...] = ()

    def seen(self) -> list[bool]:
        """Whether anything of each frame is in the picture (k,)."""
        x, y = self.plane.x, self.plane.y
        with np.errstate(all="ignore"):
            inside = (self.x >= x.low) & (self.x <= x.high) & (self.y >= y.low) & (self.y <= y.high)
        return np.any(inside, axis=1).tolist()


@dataclass(frozen=True)
class OnePredictor:
    """The only predictor of a fit: its name, its values (n,), and rows to predict at (a table or a matrix) with its
    values at `grid` (m,).
    """

    name: str
    values: Array
    grid: Array
    new: object


def moving(frames: Frames) -> Moving | None:
    """The curve where there is one numeric predictor, else observed against fitted; None for a fit without rows."""
    material = Material(frames.fit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NelderWarning)  # of means that some steps do not have
        found = material.had("curve", lambda: curve(frames))
        return found or material.had("fitted", lambda: observed_fitted(frames))


def one_predictor(fit: Fit) -> OnePredictor | None:
    """The numeric predictor of a fit that has no other, and no offset; else None."""
    objective = fit.rows_of_data("a curve")
    if fit.terms.offset_given or objective.has_offset or (fit.limit is not None and not fit.limit.unique):
        return None
    schema = fit.terms.schema
    if schema is None:
        free = np.flatnonzero(objective.design.constant == 0)
        if len(free) != 1 or fit.aliased.any() or objective.design.wide:
            return None
        values = np.concatenate([block.column(int(free[0])) for block in objective.design.handles])
        grid = evenly(values)
        new = np.tile(objective.design.constant, (len(grid), 1))
        new[:, free[0]] = grid
        return OnePredictor(fit.names[free[0]], values, grid, new)
    chunk = None if fit.kept is None else fit.kept.chunk
    numeric = all(isinstance(factor, NumericFactor) for factor in schema.factors.values())
    column = chunk.get(schema.predictors[0]) if chunk is not None and len(schema.predictors) == 1 else None
    if not numeric or not isinstance(column, Numbers):
        return None
    grid = evenly(column.values)
    return OnePredictor(schema.predictors[0], column.values, grid, {schema.predictors[0]: grid})


def evenly(values: Array) -> Array:
    """Numbers (m,) from the smallest to the largest of values."""
    return np.linspace(values.min(), values.max(), GRID)


def curve(frames: Frames) -> Moving | None:
    """The mean over the one predictor at each step."""
    fit = frames.fit
    over = one_predictor(fit)
    if over is None:
        return None
    rows = fitted_rows(fit, "a curve")
    ends = np.asarray(fit.predict(over.new))
    y = np.array([at_step(fit, record.beta, over.new) for record in frames.records])
    drawn = some_of(len(rows.y), POINTS)
    banded = len(np.unique(rows.y)) <= 2 or len(drawn) < len(rows.y)
    band = bands_of(over.values, rows.weight, BANDS)
    weight, x_sum, y_sum = group_sums(band, rows.weight, rows.weight * over.values, rows.weight * rows.y)
    means = (x_sum / weight, y_sum / weight)
    area = plane(
        "curve",
        (over.values, over.name, False),
        (np.concatenate([rows.y[drawn], means[1], ends]), fit.terms.response, False),
    )
    still = area.points(over.values[drawn], rows.y[drawn], "point")
    still += area.points(*means, "dot still") if banded else ""
    few = slice(None, None, 5)
    return Moving(
        "The curve at each step",
        f"The fitted mean of {fit.terms.response} over {over.name}, at the step that is shown; the dashed line is the "
        f"fit that is reported{' and the large dots are means of bands of the rows' if banded else ''}.",
        area,
        still + area.line(over.grid, ends, "final"),
        np.broadcast_to(over.grid, y.shape),
        y,
        False,
        Table(
            {over.name: over.grid[few], "start": y[0][few], "last step": y[-1][few], "reported": ends[few]},
            own=[over.name],
        ),
        (f"Drawn are {len(drawn):,} of {len(rows.y):,} rows, by chance.",) if len(drawn) < len(rows.y) else (),
    )


def at_step(fit: Fit, beta: Array, new: object) -> Array:
    """The means (m,) at new rows with the coefficients (p,) of a step; nan where these are not numbers."""
    kept = ~fit.aliased
    if not np.isfinite(beta[kept]).all():
        return np.full(GRID, np.nan)
    there = replace(fit, coef=Named(np.where(kept, beta, np.nan), fit.names), limit=None, uncertainty=None)
    return np.asarray(there.predict(new))


def observed_fitted(frames: Frames) -> Moving:
    """Observed against fitted means at each step: of rows, or of bands of many rows or of shares."""
    fit = frames.fit
    rows, objective = fitted_rows(fit, "observed against fitted"), fit.rows_of_data("observed against fitted")
    read = some_of(len(rows.y), READ)
    single = len(read) <= POINTS and len(np.unique(rows.y)) > 2
    band = np.arange(len(read)) if single else bands_of(rows.score[read], rows.weight[read], BANDS)
    weight, seen, final = group_sums(
        band, rows.weight[read], rows.weight[read] * rows.y[read], rows.weight[read] * rows.mu[read]
    )
    fitted = np.full((len(frames), len(weight)), np.nan)
    low, high = objective.loss.bounds
    blocks, begins = objective.design.handles, np.cumsum([0, *(block.n for block in objective.design.handles)])
    some = [block.rows(read[(read >= a) & (read < a + block.n)] - a) for block, a in zip(blocks, begins, strict=False)]
    for k, record in enumerate(frames.records):
        with np.errstate(all="ignore"):
            eta = np.concatenate([block.eta(record.beta[~fit.aliased]) for block in some])
            mu = Mean(fit.link, np.where((eta > low) & (eta < high), eta, np.nan)).mu
            fitted[k] = group_sums(band, rows.weight[read] * mu)[0] / weight
    observed, final = seen / weight, final / weight
    log = bool(min(observed.min(), final.min()) > 0 and observed.max() > 30 * observed.min())
    area = plane("curve", (np.concatenate([final, observed]), "fitted", log), (observed, "observed", log))
    span = [max(area.x.low, area.y.low), min(area.x.high, area.y.high)]
    what = "row" if single else "band of rows"
    few = slice(None, None, max(1, len(observed) // 20))
    return Moving(
        "Observed against fitted at each step",
        f"A dot for each {what}: its {'response' if single else 'mean response'} against its fitted mean at the step "
        "that is shown. On the diagonal they agree; small dots are where the reported fit has them.",
        area,
        area.line(span, span, "zero") + area.points(final, observed, "point"),
        fitted,
        np.broadcast_to(observed, fitted.shape),
        True,
        Table(
            {"observed": observed[few], "start": fitted[0][few], "last step": fitted[-1][few], "reported": final[few]}
        ),
        (f"Made from {len(read):,} of {len(rows.y):,} rows, by chance.",) if len(read) < len(rows.y) else (),
    )
