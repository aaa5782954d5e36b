"""The likelihood as a landscape: along one coefficient, over two of them with the solver's path, and its profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.errors import CapabilityError, InputError, InputTypeError, a_count
from nelder.fit import Fit
from nelder.inference.effects.variables import constant_columns
from nelder.inference.likelihood.profile import place_of
from nelder.inference.wald import two_sided_quantile
from nelder.linalg import Array
from nelder.observations import vector_of
from nelder.plots.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SHORT,
    axes_for,
    dress,
    legend,
    literal,
    remark,
    several,
    solver_of,
)
from nelder.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR = 0.01  # of log-likelihood, from a limit: where nothing more is to be seen
REACH = 4.0  # standard errors to either side
WORK = 2e8  # rows times points of a surface
SIDES = (11, 61)  # points along each side of a surface
SHOWN = 1.5  # how much higher than at the start the deviance may be where the path is still drawn
RINGS = np.array([0.5, 2.0, 4.5, 12.5, 50.0, 200.0, 1e3, 1e4, 1e5, 1e6, 1e8, 1e10])  # log-likelihood lost


def sweep(fit: Fit, name: str | None = None, values: object = None, ax: Any = None) -> Axes:
    """The log-likelihood along one coefficient, the others held where the fit has them, less that of the fit.

    `name` is by default the first coefficient that is no intercept; `values` (m,) are by default up to 201
    within four standard errors. Quasi families have their quasi-likelihood. Raises UnknownNameError for a name the fit
    does not have, CapabilityError for a coefficient that is aliased, DataError for a fit without its data.
    """
    fit.rows_of_data("a sweep of the likelihood")
    j = swept(fit, name)
    at = around(fit, j, swept_points(fit)) if values is None else vector_of(values, "values")
    if not len(at):
        raise InputError("values is empty: give values of the coefficient")
    betas, others = along(fit, j, at)
    height, unit = gained(fit, fit.deviance_at(betas))
    ax = axes_for(ax)
    ax.plot(at, np.where(np.isfinite(height), height, np.nan), color=BLUE)
    here = float(fit.coef[j])
    shown = literal(fit.names[j], SHORT)
    limiting = fit.limit is not None and fit.limit.ray.direction[j] != 0
    if np.isfinite(here) and not limiting:
        ax.axvline(here, color=GREY, linewidth=1, linestyle="--")
        ax.plot(here, 0.0, "o", color=ORANGE, label=f"fit: {number(here, 4)}")
    else:
        ax.axhline(0.0, color=GREY, linewidth=1, linestyle="--", label="its limit, at infinity")
    legend(ax, "lower center")
    lost = int(np.sum(~np.isfinite(height)))
    remark(ax, f"at {lost} of {len(at)} values the family or link allows no mean" if lost else "", (0.02, 0.98))
    dress(ax, f"{kind_of_likelihood(fit)} along {shown}{others}", f"{shown} ({fit.link.label()} scale)", unit)
    return ax


def swept_points(fit: Fit) -> int:
    """How many points of a sweep the rows leave time for."""
    return int(np.clip(WORK / 5.0 / fit.rows_of_data("a sweep of the likelihood").design.rows, 41, 201))


def swept(fit: Fit, name: str | None) -> int:
    """The place of the coefficient to move, which must not be aliased."""
    j = place_of(fit, name) if name is not None else int(movable(fit)[0])
    if fit.aliased[j]:
        raise CapabilityError(f"{fit.names[j]!r} is aliased: its column is a combination of others, and moves nothing")
    return j


def movable(fit: Fit) -> list[int]:
    """The coefficients that were estimated, the intercept last."""
    free, constant = np.flatnonzero(~fit.aliased), constant_columns(fit)
    return sorted(free.tolist(), key=lambda j: bool(constant[j]))


def base_of(fit: Fit) -> Array:
    """Finite coefficients (p,) to stand at: those of the fit, or those it came to on its way to infinity; zeros where
    aliased.
    """
    beta = np.asarray(fit.coef)
    if fit.limit is not None:
        beta = fit.trace.beta[-1] if len(fit.trace) else fit.limit.ray.base
    return np.where(np.isfinite(beta), beta, 0.0)


def along(fit: Fit, j: int, values: Array) -> tuple[Array, str]:
    """Coefficients (m, p) with one of them at each of the values, and what the others do, in words.

    Where that one is infinite, the others that are go with it: held, they would let the likelihood fall again.
    """
    betas = np.tile(base_of(fit), (len(values), 1))
    if fit.limit is not None and fit.limit.ray.direction[j] != 0:
        ray = fit.limit.ray
        far = (values - ray.base[j]) / ray.direction[j]
        betas = ray.base + far[:, None] * ray.direction
        betas[:, j] = values
        return betas, ", others along the ray" if len(fit.names) > 1 else ""
    betas[:, j] = values
    return betas, ", others held" if len(fit.names) > 1 else ""


def around(fit: Fit, j: int, many: int = 201) -> Array:
    """Values of a coefficient within reach of the estimate; towards its limit where it is infinite."""
    base = float(base_of(fit)[j])
    if fit.limit is not None and fit.limit.ray.direction[j] != 0:
        base = float(fit.limit.ray.base[j])
        near = fit.trace.beta[fit.trace.deviance - fit.deviance < NEAR * fit.dispersion, j]
        towards = 1.5 * (float(near[0]) - base) if len(near) else 0.0
        towards = towards or 10.0 * float(np.sign(fit.limit.ray.direction[j]))
        low, high = sorted((base - 0.3 * towards, base + towards))
        return np.linspace(low, high, many)
    wide = float(np.asarray(fit.se)[j])
    wide = wide if np.isfinite(wide) and wide > 0 else 0.25 * max(abs(base), 0.1)
    return np.linspace(base - REACH * wide, base + REACH * wide, many)


def gained(fit: Fit, deviance: Array) -> tuple[Array, str]:
    """The log-likelihood less that of the fit, at its φ; half the deviance, turned round, where it has no φ."""
    known = np.isfinite(fit.dispersion) and fit.dispersion > 0
    phi = fit.dispersion if known else 1.0
    with np.errstate(invalid="ignore"):
        height = -0.5 * (deviance - fit.deviance) / phi
    unit = f"log-likelihood − that of the fit (φ = {number(phi, 3)})" if known else "−½ (deviance − that of the fit)"
    return height, unit


def kind_of_likelihood(fit: Fit) -> str:
    """What the landscape is called."""
    return "Log-likelihood" if fit.family.has_likelihood else "Quasi-log-likelihood"


@dataclass(frozen=True)
class View:
    """The part of two coefficients' plane that is drawn, the steps (k, 2) in it, and how many lie outside."""

    x: tuple[float, float]
    y: tuple[float, float]
    path: Array
    outside: int


def contour(fit: Fit, names: Sequence[str] | None = None, points: int | None = None, ax: Any = None) -> Axes:
    """The log-likelihood over two coefficients, the others held where the fit has them, with the path of the solver.

    Rings are where so much log-likelihood is lost; where there are more than two coefficients the path is seen from
    above, and need not lie on the surface. `names` are two coefficients, `points` how many a side. Raises as `sweep`,
    InputError where the fit has one coefficient only.
    """
    objective = fit.rows_of_data("a contour of the likelihood")
    i, j = pair(fit, names)
    view = view_of(fit, i, j)
    rows = objective.design.rows
    side = int(np.clip(np.sqrt(WORK / rows), *SIDES)) if points is None else max(a_count(points, "points"), 2)
    x, y = np.linspace(*view.x, side), np.linspace(*view.y, side)
    betas = np.tile(base_of(fit), (side * side, 1))
    betas[:, i], betas[:, j] = np.tile(x, side), np.repeat(y, side)
    height, unit = gained(fit, fit.deviance_at(betas))
    lost = -height.reshape(side, side)
    ax = axes_for(ax)
    rings = RINGS[(np.nanmin(lost) < RINGS) & (np.nanmax(np.where(np.isfinite(lost), lost, np.nan)) > RINGS)]
    if len(rings):
        made = ax.contour(x, y, np.where(np.isfinite(lost), lost, np.nan), levels=rings, colors=GREY, linewidths=0.9)
        ax.clabel(made, fontsize="x-small", fmt=lambda level: f"−{level:g}")
    size = 3.5 if len(view.path) <= 60 else 2.0
    ax.plot(view.path[:, 0], view.path[:, 1], color=BLUE, marker="o", markersize=size, label=f"{solver_of(fit)} path")
    ends = base_of(fit)[[i, j]]
    ax.plot(
        *ends, marker="*", markersize=12, linestyle="", color=ORANGE, label="fit" if fit.limit is None else "last step"
    )
    covered = ends[0] > np.mean(view.x) and ends[1] > np.mean(view.y)
    legend(ax, "lower right" if covered else "upper right")
    ax.set_xlim(*view.x)
    ax.set_ylim(*view.y)
    remark(ax, f"outside the view: {several(view.outside, 'steps')}" if view.outside else "", (0.02, 0.98))
    first, second = (literal(fit.names[k], SHORT) for k in (i, j))
    dress(ax, f"{kind_of_likelihood(fit)} lost, and {solver_of(fit)}'s path", first, second)
    remark(ax, f"rings: {unit}")
    return ax


def pair(fit: Fit, names: object) -> tuple[int, int]:
    """The places of two different coefficients."""
    if names is None:
        free = movable(fit)
        if len(free) < 2:
            raise InputError("this fit has one coefficient: a contour needs two; see sweep()")
        return (free[0], free[1]) if len(free) > 2 else (min(free), max(free))
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != 2:
        raise InputTypeError(f"names must be two coefficients, as ('Intercept', 'x'), not {names!r:.60}")
    i, j = (swept(fit, name) for name in names)
    if i == j:
        raise InputError(f"names gives {names[0]!r} twice: give two coefficients")
    return i, j


def view_of(fit: Fit, i: int, j: int) -> View:
    """What to draw: the surroundings of the fit, and every step that was not far worse than the start."""
    path = fit.trace.beta[:, [i, j]] if len(fit.trace) else np.zeros((0, 2))
    deviance = fit.trace.deviance
    near = np.isfinite(path).all(axis=1)
    if near.any():
        first = deviance[near][0]
        near &= deviance <= fit.deviance + SHOWN * max(first - fit.deviance, abs(fit.deviance) * 1e-3)
    ranges = []
    for place, k in enumerate((i, j)):
        seen = np.concatenate([around(fit, k, 2), path[near, place]])
        pad = 0.06 * (seen.max() - seen.min())
        ranges.append((float(seen.min() - pad), float(seen.max() + pad)))
    finite = path[np.isfinite(path).all(axis=1)]
    inside = [(low <= finite[:, k]) & (finite[:, k] <= high) for k, (low, high) in enumerate(ranges)]
    outside = len(path) - int(np.sum(inside[0] & inside[1]))
    return View(ranges[0], ranges[1], finite, outside)


def profile(fit: Fit, name: str | None = None, level: float = 0.95, points: int = 21, ax: Any = None) -> Axes:
    """The profile log-likelihood of a coefficient: the best that others can do with it held, less that of the fit.

    Beside it the parabola that Wald's interval supposes; where both cross the line of the level, their intervals end.
    Raises the errors of `fit.profile`.
    """
    name = fit.names[movable(fit)[0]] if name is None else name
    reach = two_sided_quantile(fit.df_reference, level)
    made = fit.profile(name, points)
    shown = literal(name, SHORT)
    ax = axes_for(ax)
    ax.plot(made.values, -0.5 * made.root**2, color=BLUE, marker="o", markersize=3.5, label="profile")
    here, wide = float(fit.coef[name]), float(fit.se[name])
    if np.isfinite(here) and np.isfinite(wide):
        x = np.linspace(made.values.min(), made.values.max(), 101)
        ax.plot(x, -0.5 * ((x - here) / wide) ** 2, "--", color=GREEN, label="Wald's parabola")
        ax.axvline(here, color=GREY, linewidth=1, linestyle=":")
    ax.axhline(-0.5 * reach**2, color=ORANGE, linewidth=1, label=f"{100 * level:g} % interval")
    legend(ax, "lower center")
    scale = f"{shown} ({fit.link.label()} scale)"
    dress(ax, f"Profile likelihood of {shown}", scale, "log-likelihood − maximum (units of φ)")
    return ax
