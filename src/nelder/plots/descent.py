"""The way down: how far from the optimum each step was, where the coefficients went, and who is there first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, DataError, InputError, InputTypeError, a_count, a_number, refuse_unknown
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.plots.canvas import (
    BLUE,
    COLOURS,
    DASHES,
    GREY,
    ORANGE,
    SHORT,
    axes_for,
    dress,
    legend,
    literal,
    names_on,
    remark,
    several,
    solver_of,
    traced,
)
from nelder.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDING = np.finfo(float).eps  # of a deviance: a smaller gap is none
MARKED = 60  # steps that still get a mark each
CLOCKS = {"step": "step", "pass": "passes over the rows", "seconds": "seconds"}
WILD = 1e3  # times what it ends at: a path that needs a scale by powers of ten


def best_seen(fit: Fit) -> float:
    """The lowest deviance that is known of a fit, penalty included: that of its steps, or of its limit."""
    seen = fit.trace.deviance[np.isfinite(fit.trace.deviance)]
    limit = [fit.deviance] if fit.limit is not None else []
    return float(min([*seen, *limit], default=np.nan))


def gaps(deviance: Array, optimum: float) -> Array:
    """How far deviances (k,) are above an optimum, not below what rounding leaves of it; nan where not finite."""
    floor = ROUNDING * max(abs(optimum), 1e-300)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(deviance), np.maximum(deviance - optimum, floor), np.nan)


def loss(fit: Fit, optimum: float | None = None, ax: Any = None) -> Axes:
    """The loss curve: deviance less that of the optimum, by step, on a log scale.

    The optimum is the fit's own where it arrived; give `optimum`, a deviance, where it did not, such as
    `nd.glm(…).deviance` of Newton's; the lowest step, where one is lower still. Without either the deviance itself is
    drawn. Steps without a finite deviance are marked on the upper edge. Raises DataError for a fit that was loaded
    without its steps.
    """
    traced(fit)
    if optimum is not None and not np.isfinite(a_number(optimum, "optimum")):
        raise InputError(f"optimum={optimum!r}: give a deviance, a finite number")
    step, deviance = fit.trace.step, fit.trace.deviance
    arrived = fit.converged or fit.limit is not None
    given = best_seen(fit) if arrived and optimum is None else optimum
    known = None if given is None else min(given, best_seen(fit))
    ax = axes_for(ax)
    height = deviance if known is None else gaps(deviance, known)
    mark = "o" if len(step) <= MARKED else ""
    ax.plot(step, np.where(np.isfinite(height), height, np.nan), color=BLUE, marker=mark, markersize=4)
    known_heights = height[np.isfinite(height) & (height > 0)]
    if len(known_heights) and known_heights.max() > 10.0 * known_heights.min():
        ax.set_yscale("log")
    lost = step[~np.isfinite(deviance)]
    if len(lost):
        ax.plot(lost, np.ones(len(lost)), "x", color=ORANGE, transform=ax.get_xaxis_transform(), clip_on=False)
        remark(ax, f"× no finite deviance from step {int(lost[0])}", (0.98, 0.98))
    if known is not None and np.nanmin(height, initial=np.inf) <= ROUNDING * max(abs(known), 1e-300):
        remark(ax, "a gap below rounding is drawn at the size of rounding")
    dress(ax, f"{solver_of(fit)}: {ending(fit)}", "step", loss_label(fit, known))
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def ending(fit: Fit) -> str:
    """How it ended, in a few words."""
    if fit.converged:
        return f"converged in {several(fit.steps, 'steps')}"
    if fit.limit is not None:
        return f"separated, limit after {several(fit.steps, 'steps')}"
    return f"not converged after {several(fit.steps, 'steps')}"


def loss_label(fit: Fit, optimum: float | None) -> str:
    """What is on the y axis, and in which units."""
    penalised = "" if fit.solved.penalty == "unpenalised" else " + 2 × penalty"
    if optimum is None:
        return f"deviance{penalised}"
    return f"deviance{penalised} − {number(float(optimum), 6)}"


def paths(fit: Fit, terms: object = None, ax: Any = None) -> Axes:
    """Each coefficient by step. Beyond six, the six that moved furthest in standard errors are named, others are grey.

    `terms` are names of coefficients to draw. Numbers that are not finite are left out, and a wild run is drawn on a
    scale of powers of ten. Raises DataError for a fit without its steps, UnknownNameError for a name it does not have.
    """
    traced(fit)
    chosen = coefficients_named(fit, terms)
    beta, step = fit.trace.beta[:, chosen], fit.trace.step
    finite = np.where(np.isfinite(beta), beta, np.nan)
    ax = axes_for(ax)
    named = furthest(finite, len(COLOURS))
    rest = np.setdiff1d(np.arange(len(chosen)), named)
    if len(rest):
        from matplotlib.collections import LineCollection

        lines = [np.column_stack([step, finite[:, k]]) for k in rest]
        ax.add_collection(LineCollection(lines, colors=GREY, linewidths=0.8, alpha=0.6))
    for place, k in enumerate(named):
        mark = "o" if len(step) <= MARKED else ""
        ax.plot(step, finite[:, k], color=COLOURS[place % len(COLOURS)], marker=mark, markersize=3)
    ends = np.abs(np.asarray(fit.coef)[chosen])
    usual = float(np.max(ends[np.isfinite(ends)], initial=0.0)) or 1.0
    if np.nanmax(np.abs(finite), initial=0.0) > WILD * usual:
        ax.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(usual)))
        ax.yaxis.get_major_locator().set_params(numticks=7)
        remark(ax, "powers of ten, straight near zero", (0.98, 0.02))
    grey = "" if len(named) == len(chosen) else f", the {len(named)} that moved most named"
    many = f"{len(chosen)} coefficients" if len(chosen) > 1 else "1 coefficient"
    dress(ax, f"{solver_of(fit)}: {many} by step{grey}", "step", f"coefficient ({fit.link.label()} scale)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    last = np.array([last_finite(finite[:, k]) for k in named])
    names_on(ax, [fit.names[chosen[k]] for k in named], last)
    return ax


def coefficients_named(fit: Fit, terms: object) -> NDArray[np.integer]:
    """The places of coefficients to draw: those named, else all that were estimated."""
    from nelder.inference.intervals import chosen

    places = chosen(fit, terms)
    return places[~fit.aliased[places]] if terms is None else places


def furthest(beta: Array, most: int) -> NDArray[np.integer]:
    """The columns of paths (k, p) that move most, at most so many, in their order."""
    with np.errstate(all="ignore"):
        filled = np.where(np.isnan(beta), 0.0, beta)
        moved = filled.max(axis=0) - filled.min(axis=0)
    return np.sort(np.argsort(-moved, kind="stable")[:most])


def last_finite(values: Array) -> float:
    """The last number of a path that is one, else 0."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else 0.0


def race(fits: Mapping[str, Fit], by: str = "step", ax: Any = None) -> Axes:
    """Several solvers on one problem: the gap of each to the lowest deviance of all, by "step", by "pass" over the
    rows, which steps of some solvers take many of, or by "seconds".

    `fits` are fits of one model to one table, by the names to show. Raises DataError for fits of different problems,
    InputError for fewer than one, UnknownNameError for another clock.
    """
    runs = checked_runs(fits)
    refuse_unknown("clock", by, CLOCKS)
    lowest = min(best_seen(fit) for fit in runs.values())
    clocks = {name: clock_of(fit, by) for name, fit in runs.items()}
    ax = axes_for(ax)
    for k, (name, fit) in enumerate(runs.items()):
        gap = gaps(fit.trace.deviance, lowest)
        style = DASHES[k % len(DASHES)]  # two that take the same steps are both to be seen
        mark = "o" if len(gap) <= MARKED else ""
        label = f"{literal(name, SHORT)} ({several(fit.steps, 'steps')})"
        ax.plot(clocks[name], gap, style, color=COLOURS[k % len(COLOURS)], marker=mark, markersize=3, label=label)
    ax.set_yscale("log")
    if by != "seconds" and max(float(np.nanmax(clock)) for clock in clocks.values()) > 100:
        ax.set_xscale("symlog", linthresh=1)
        ax.set_xlim(left=-0.2)
    if by == "seconds" and all((clock > 0).all() for clock in clocks.values()):
        ax.set_xscale("log")
    dress(
        ax,
        f"{len(runs)} solvers on one problem: gap to the lowest deviance",
        CLOCKS[by],
        f"deviance − {number(lowest, 6)}",
    )
    legend(ax, "best")
    return ax


def fits_by_name(fits: object) -> dict[str, Fit]:
    """A dictionary of fits; raises InputTypeError for anything else."""
    if not isinstance(fits, Mapping) or not all(isinstance(fit, Fit) for fit in fits.values()):
        raise InputTypeError("fits must be a dictionary of fits by name, as {'newton': fit, 'irls': other}")
    return {str(name): fit for name, fit in fits.items()}


def checked_runs(fits: object) -> dict[str, Fit]:
    """The fits by name, which must be of one problem and have their steps."""
    runs = fits_by_name(fits)
    if not runs:
        raise InputError("fits is empty: give the fits that are to race")
    first = next(iter(runs.values()))
    for name, fit in runs.items():
        traced(fit)
        ours, theirs = problem_of(first), problem_of(fit)
        if ours != theirs:
            differ = ", ".join(part for part in ours if ours[part] != theirs[part])
            raise DataError(f"{name!r} is not the same problem as {next(iter(runs))!r}: other {differ}")
    return runs


def problem_of(fit: Fit) -> dict[str, object]:
    """What fits must share for their deviances to be compared."""
    return {
        "family": fit.family.name,
        "link": fit.link.label(),
        "columns": fit.names,
        "number of rows": fit.statistics.n,
        "penalty": fit.solved.penalty,
        "response or weights": f"{fit.null_deviance:.8g}",
    }


def clock_of(fit: Fit, by: str) -> Array:
    """The step numbers, passes or seconds (k,) of the records of a fit."""
    if by == "step":
        return fit.trace.step
    if by == "pass":
        if np.isnan(fit.trace.passes).all():
            raise CapabilityError(f"the passes of {fit.trace.solver} were not counted: race by='step' or by='seconds'")
        return fit.trace.passes
    return fit.trace.column("seconds")


def every(fit: Fit, frames: object) -> NDArray[np.integer]:
    """Which records (m,) of the trace to show: the first, the last, and others between, closer together at the start
    where steps are longest.
    """
    many, k = a_count(frames, "frames"), len(fit.trace)
    if k <= many:
        return np.arange(k)
    if many == 1:
        return np.array([k - 1])
    spread = np.expm1(np.linspace(0.0, np.log(k), many))
    return np.unique(np.round(np.maximum(spread, np.arange(many)))).astype(np.intp).clip(0, k - 1)
