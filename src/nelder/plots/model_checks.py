"""The four usual checks: residuals against the linear predictor, their quantiles, their spread, and leverage.

They draw quantile residuals (Dunn & Smyth 1996), which are standard normal where the model is true, whatever the
family; standardised deviance residuals where the family has no distribution or the responses are not of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.diagnostics.fitted_rows import fitted_rows
from nelder.diagnostics.influence import CONTOURS, cook_contour
from nelder.diagnostics.normality import in_order, normal_order
from nelder.diagnostics.residuals import KINDS, measurable, quantile_sample
from nelder.errors import CapabilityError, DataError, refuse_unknown
from nelder.fit import Fit
from nelder.inference.wald import checked_level
from nelder.linalg import Array
from nelder.plots.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    axes_for,
    dress,
    legend,
    link_label,
    panels_for,
    remark,
    several,
)
from nelder.plots.clouds import MANY, SEED, cloud, with_smooth
from nelder.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACED = 1_000  # points of a quantile plot, where there are more
USUAL_ROOT = 0.8221789586624586  # the mean of √|Z| of a standard normal Z: 2^¼ Γ(¾) / √π
NAMED = 3  # rows whose number is written beside them


@dataclass(frozen=True)
class Residuals:
    """Residuals of a kind and linear predictors of the rows (n,), and how often each row counts; quantile residuals of
    rows that stand for several observations are those of the observations, as `unit` says, with a word on them.
    """

    kind: str
    values: Array
    eta: Array
    times: Array
    unit: str = "rows"
    said: tuple[str, ...] = ()

    @property
    def standard(self) -> bool:
        """Whether they are near standard normal, or meant to be."""
        return self.kind.startswith(("quantile", "standardised", "studentised"))

    @property
    def label(self) -> str:
        """What the axis is called."""
        return (
            f"quantile residual (seed {SEED})" if self.kind == "quantile" else f"{self.kind.replace('_', ' ')} residual"
        )


def usual_kind(fit: Fit) -> str:
    """Quantile residuals where the family has a distribution that the responses can come from, and rows are whole
    numbers of observations, else standardised ones, or deviance ones where a penalty, a sample or a perfect fit leaves
    no standard.
    """
    objective = fit.rows_of_data("a picture of residuals")
    blocks = objective.design.handles
    odd = any(fit.family.impossible(block.y, block.own_precision).any() for block in blocks)
    known = measurable(fit)
    if fit.family.has_distribution and not odd and known:
        return "quantile"
    plain = fit.solved.penalty == "unpenalised" and not objective.sampling
    return "standardised" if known and plain else "deviance"


def residuals_of(fit: Fit, kind: str | None) -> Residuals:
    """Residuals of the rows; raises UnknownNameError for another kind, CapabilityError for partial ones."""
    if kind is not None:
        refuse_unknown("kind of residual", kind, KINDS)
    if kind == "partial":
        raise CapabilityError("partial residuals have a picture of their own, one for each term: partial(fit, term)")
    chosen = kind or usual_kind(fit)
    rows = fitted_rows(fit, "a picture of residuals")
    if chosen != "quantile":
        return Residuals(chosen, fit.residuals(chosen), rows.mean.eta, rows.times)
    sample = quantile_sample(fit, SEED)
    return Residuals(chosen, sample.values, rows.mean.eta[sample.rows], sample.times, sample.unit, sample.notes)


def residuals(fit: Fit, kind: str | None = None, ax: Any = None) -> Axes:
    """Residuals against the linear predictor, with a smooth: flat at zero where link and terms are right.

    `kind` is that of `fit.residuals`, by default "quantile". Raises DataError for a fit without its data, and the
    errors of that kind.
    """
    found = residuals_of(fit, kind)
    ax = axes_for(ax)
    ax.axhline(0.0, color=GREY, linewidth=1, linestyle="--", zorder=1)
    with_smooth(ax, (found.eta, found.values), found.times, found.unit, found.said)
    dress(ax, "Residuals against fitted: flat if the mean is right", link_label(fit), found.label)
    return ax


def scale_location(fit: Fit, kind: str | None = None, ax: Any = None) -> Axes:
    """The roots of the sizes of residuals against the linear predictor: flat where the variance is right.

    The dashed line is where they would be for standard normal residuals, which quantile, standardised and studentised
    ones are like. Raises as `residuals`.
    """
    found = residuals_of(fit, kind)
    ax = axes_for(ax)
    if found.standard:
        ax.axhline(USUAL_ROOT, color=GREY, linewidth=1, linestyle="--", zorder=1)
    with_smooth(ax, (found.eta, np.sqrt(np.abs(found.values))), found.times, found.unit, found.said)
    dress(ax, "Spread against fitted: flat if the variance is right", link_label(fit), f"√|{found.label}|")
    return ax


def quantiles(fit: Fit, kind: str | None = None, level: float = 0.95, ax: Any = None) -> Axes:
    """Residuals in their order against normal quantiles, with the interval that each would lie in.

    The envelope is exact for independent standard normals: the k-th smallest of n is Φ⁻¹ of a beta variable with
    parameters k and n + 1 − k. Each point is in it with probability `level`, not all at once. Residuals on another
    scale, as "deviance" ones, have none, and a line through their quartiles. Raises as `residuals`.
    """
    checked_level(level)
    found = residuals_of(fit, kind)
    values, k, n = in_order(found.values, found.times)
    known, shown = len(values), some_ranks(len(values))
    values = values[shown]
    order_of_normals = normal_order(k[shown], n, level)
    expected, tails = order_of_normals["expected"], (order_of_normals["lower"], order_of_normals["upper"])
    ax = axes_for(ax)
    if found.standard:
        label = f"{100 * level:g} % of each, if true"
        ax.fill_between(expected, *tails, color=GREY, alpha=0.3, linewidth=0, label=label)
        ax.plot(expected, expected, color=GREY, linewidth=1)
        legend(ax, "upper left")
    else:
        through_quartiles(ax, expected, values)
    ax.plot(expected, values, "o", color=BLUE, markersize=3.5, alpha=0.8, markeredgewidth=0)
    thinned = f"{len(shown):,} of {known:,} {found.unit}, all of the tails" if len(shown) < known else ""
    lost = len(found.values) - known
    infinite = f"{lost:,} {found.unit} are not finite" if lost else ""
    remark(ax, "; ".join(filter(None, (thinned, infinite, *found.said))), (0.98, 0.02))
    dress(ax, "Quantiles: on the line if the distribution is right", "standard normal quantile", found.label)
    return ax


def through_quartiles(ax: Axes, expected: Array, values: Array) -> None:
    """The line through the quartiles of values (n,) in their order, as R's qqline."""
    here, there = np.quantile(expected, (0.25, 0.75)), np.quantile(values, (0.25, 0.75))
    slope = (there[1] - there[0]) / (here[1] - here[0]) if here[1] > here[0] else 0.0
    ax.plot(expected, there[0] + slope * (expected - here[0]), color=GREY, linewidth=1)


def some_ranks(n: int) -> NDArray[np.integer]:
    """Which of n ordered values to draw: all of a few, else the tails in full and every so many between."""
    if n <= PLACED:
        return np.arange(n)
    tail = PLACED // 4
    middle = np.linspace(tail, n - 1 - tail, PLACED - 2 * tail).round().astype(np.intp)
    return np.unique(np.concatenate([np.arange(tail), middle, np.arange(n - tail, n)]))


def leverage(fit: Fit, ax: Any = None) -> Axes:
    """Standardised Pearson residuals against leverage, with contours of Cook's distance; the rows that move the
    coefficients most have their numbers.

    Rows that a coefficient fits exactly have no residual and are counted in a remark. Raises the errors of
    `fit.influence`, such as CapabilityError for a penalised fit.
    """
    influence = fit.influence()
    residual = fit.residuals("standardised_pearson")
    ax = axes_for(ax)
    ax.axhline(0.0, color=GREY, linewidth=1, linestyle="--", zorder=1)
    said = cloud(ax, influence.leverage, residual)
    known = np.flatnonzero(np.isfinite(influence.cook) & np.isfinite(residual))
    worst = known[np.argsort(-influence.cook[known], kind="stable")[:NAMED]]
    if len(known) > MANY and len(worst):
        ax.plot(influence.leverage[worst], residual[worst], "o", color=ORANGE, markersize=4, zorder=4)
    for row in worst:
        at = (influence.leverage[row], residual[row])
        ax.annotate(f"{influence.rows[row]}", at, (4, 3), textcoords="offset points", fontsize="small", color=ORANGE)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    ax.set_xlim(max(left, 0.0), right)
    contours(ax, influence.single.rank, (max(left, 0.0), right))
    ax.set_ylim(low, high)
    exact = int(np.sum(influence.leverage == 1.0))
    remark(ax, f"fitted exactly (leverage 1): {several(exact, 'rows')}" if exact else said)
    dress(ax, "Leverage: beyond the curves a row moves the fit", "leverage", "standardised Pearson residual")
    return ax


def contours(ax: Axes, rank: float, view: tuple[float, float]) -> None:
    """Where Cook's distance is 0.5 and 1."""
    low, high = max(view[0], 1e-9), min(view[1], 1.0 - 1e-9)
    if not low < high:
        return
    h = np.linspace(low, high, 201)
    bounds = ax.get_ylim()
    for distance, style in zip(CONTOURS, (":", "--"), strict=True):
        r = cook_contour(h, distance, rank)
        seen = bool(np.any((r < bounds[1]) | (-r > bounds[0])))
        for sign in (-1.0, 1.0):
            label = f"Cook's distance {number(distance, 1)}" if sign > 0 and seen else "_"
            ax.plot(h, sign * r, style, color=GREEN, linewidth=1, label=label, zorder=1)
    if any(not str(line.get_label()).startswith("_") for line in ax.get_lines()):
        legend(ax)


def checks(fit: Fit, ax: Any = None) -> NDArray[np.object_]:
    """The page of the four usual checks, as R's plot of a glm; `ax` may hold an array of four Axes, which it returns.

    Where a fit has no influence, as a penalised one, the last panel says why.
    """
    fit.rows_of_data("a picture of residuals")
    grid: NDArray[np.object_] = panels_for(ax, 4, 2, (10.0, 7.2))
    residuals(fit, ax=grid[0])
    quantiles(fit, ax=grid[1])
    scale_location(fit, ax=grid[2])
    try:
        leverage(fit, ax=grid[3])
    except (CapabilityError, DataError) as problem:
        dress(grid[3], "Leverage", "", "")
        grid[3].set_axis_off()
        grid[3].text(0.5, 0.5, said(problem), ha="center", va="center", wrap=True, fontsize="small", color=GREY)
    return grid


def said(problem: Exception) -> str:
    """The words of an error in short lines."""
    import textwrap

    return "\n".join(textwrap.wrap(str(problem).replace("$", r"\$"), 48))
