"""Rao's score test: whether the likelihood rises from the fit under a hypothesis, measured by the expected information.

U' I⁻¹ U / φ, with score U and expected information I of the larger model, at the estimate of the smaller (Rao 1948;
Cox & Hinkley 1974, section 9.3). Where data separate under the hypothesis, the rows at their limits add nothing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Design, Ray
from nelder.errors import CapabilityError, DataError, InputError
from nelder.fit import Fit
from nelder.inference.hypotheses.linear import listed
from nelder.inference.likelihood.held import Held, unit
from nelder.inference.likelihood.paths import Path
from nelder.inference.likelihood.tests import held_shape, likelihood_of, tested, under
from nelder.inference.wald import statistic_name, two_sided_tail
from nelder.kernels import ROUNDING
from nelder.linalg import Array, from_triangle, independent_columns, triangle
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.observations import matrix_of
from nelder.parts import Dense
from nelder.quadratic import Triangle
from nelder.solvers.newton import precise_model
from nelder.sources.frames import column_labels
from nelder.table import Table

EDGE = "at the edge of the means allowed, where no score need vanish"
LOST = 1e-6  # of a statistic


def score_test(fit: Fit, hypotheses: object) -> Table:
    """All hypotheses at once, by the score of the fit's model at its best coefficients under them.

    Columns chi2, df, p where φ is known; else F, which is that over df, with df and df_residual. φ is that of the fit
    itself, as in R's anova(test="Rao"), whose p is that of χ² = df · F. Hypotheses and errors are those of
    `likelihood_ratio`; CapabilityError too where the fit under them lies at an edge of the means allowed.
    """
    compared = under(fit, hypotheses, "a score test")
    if compared.best.fit.at_edge:
        raise CapabilityError(f"under {listed(compared.asked.labels)} the fit lies {EDGE}: use likelihood_ratio")
    model = at_rest(compared.rows(fit), compared.point(fit))
    score = scaled_score(model, np.flatnonzero(independent_columns(model.upper)[0]))
    statistic, m = float(score @ score) / fit.dispersion, len(compared.asked.right)
    return tested(f"Score test of {listed(compared.asked.labels)}", statistic, m, fit.df_reference, compared.notes)


def score_of(fit: Fit, columns: object, names: Sequence[str] | None = None, joint: bool = False) -> Table:
    """Whether columns (n, m) that are not in the model would improve it, without fitting them (Pregibon 1982).

    Columns term, z (t where φ is estimated, by the fit without them, as in R's glm.scoretest) and p, each column by
    itself; with `joint`, all at once as in `score_test`. They need a value for each row of the data, or of those
    fitted; one that is a combination of the model's has z nan. Raises the errors of `likelihood_of`, and DataError for
    columns of another length, or that cannot be told apart where that matters.
    """
    objective = likelihood_of(fit, "a score test")
    if fit.at_edge:
        raise CapabilityError(f"this fit lies {EDGE}: fit the larger model, and use likelihood_ratio")
    given = matrix_of(columns, "columns")
    m, k = given.shape[1], objective.design.p
    labels = labelled(names if names is not None else column_labels(columns), m)
    model = at_rest(widened(fit, objective, given), stretched(fit.point, m))
    own = np.flatnonzero(independent_columns(model.upper[:, :k])[0])
    title = f"Score test of {', '.join(labels[:10])}{', …' if m > 10 else ''}, not in the model"
    if joint:
        return together(fit, model, own, title)
    z = np.full(m, np.nan)
    for j in range(m):
        beside = np.append(own, k + j)
        if independent_columns(model.upper[:, beside])[0][-1]:
            z[j] = scaled_score(model, beside)[-1] / np.sqrt(fit.dispersion)
    lost = [label for label, value in zip(labels, z, strict=True) if np.isnan(value)]
    notes = held_shape(fit)
    if lost:
        notes = (*notes, f"a combination of the columns of the model{where_seen(fit)}: {', '.join(lost)}")
    p = two_sided_tail(fit.df_reference, z)
    return Table({"term": np.array(labels), statistic_name(fit): z, "p": p}, title, notes)


def together(fit: Fit, model: Triangle, own: NDArray[np.integer], title: str) -> Table:
    """The joint test of all columns of a local model beyond the first that are the fit's `own`."""
    k, every = fit.rows_of_data("a score test").design.p, len(model.gradient)
    beside = np.append(own, np.arange(k, every))
    if not independent_columns(model.upper[:, beside])[0].all():
        raise DataError(
            "these columns cannot be told apart: one is a combination of the others and of those in the model"
            f"{where_seen(fit)}; test them one by one, without joint=True, or leave it out"
        )
    score = scaled_score(model, beside)[len(own) :]
    return tested(title, float(score @ score) / fit.dispersion, every - k, fit.df_reference, held_shape(fit))


def where_seen(fit: Fit) -> str:
    """Which rows say whether columns are combinations of others, where it is not all."""
    return ", in the rows whose means are not at their limits" if isinstance(fit.point, Ray) else ""


def at_rest(objective: Objective, point: Array | Ray) -> Triangle:
    """The expected model at β (k,), or at the end of a ray in the rows whose means are not at their limits.

    As the others approach those, their part of U' I⁻¹ U vanishes: it is at most Σ w (y − μ)² / V(μ).
    """
    if isinstance(point, Ray):
        moved = [np.isinf(point.eta(block)) for block in objective.design.handles]
        objective, point = objective.without(np.flatnonzero(np.concatenate(moved))), point.base
    model = objective.quadratic(point, Triangle)
    assert isinstance(model, Triangle)
    return model


def scaled_score(model: Triangle, columns: NDArray[np.integer]) -> Array:
    """R'⁻¹ U for some columns in this order, with R'R their information: each entry is what one adds to those before
    it, and the squared length is U' I⁻¹ U. There may be no columns, as where all rows are at their limits.
    """
    if not len(columns):
        return np.zeros(0)
    factored = from_triangle(triangle(model.upper[:, columns]))
    assert factored is not None
    return factored.half_solve(-model.gradient[columns])


def widened(fit: Fit, objective: Objective, columns: Array) -> Objective:
    """The objective with more columns, of which a row belongs to each row of the data or of those fitted."""
    assert fit.kept is not None
    aligned = np.column_stack([fit.kept.aligned(column, "columns") for column in columns.T])
    design, m = objective.design, aligned.shape[1]
    own = [(columns,) for columns in np.split(aligned, np.cumsum(design.counts)[:-1])]
    handles = objective.engine.derive(beside, design.handles, each=own)
    names = (*design.names, *(f"column {j + 1}" for j in range(m)))
    return replace(objective, design=Design(handles, names, np.append(design.constant, np.zeros(m)), design.n))


def beside(block: Block, columns: Array) -> Block:
    """A block with more columns (n, m)."""
    m = columns.shape[1]
    added = Dense(np.arange(block.p, block.p + m), np.ascontiguousarray(columns))
    return replace(block, parts=(*block.parts, added), p=block.p + m)


def stretched(point: Array | Ray, m: int) -> Array | Ray:
    """A point with m more coefficients, all zero."""
    none = np.zeros(m)
    if isinstance(point, Ray):
        covariance = np.pad(point.covariance, (0, m))
        return Ray(np.append(point.base, none), np.append(point.direction, none), covariance)
    return np.append(point, none)


def labelled(given: object, m: int) -> tuple[str, ...]:
    """The names of m columns: those given, or column 1 to column m. Raises InputError for another number of names."""
    if given is None:
        return tuple(f"column {j + 1}" for j in range(m))
    names = (given,) if isinstance(given, str) else tuple(str(name) for name in given)  # type: ignore[attr-defined]
    if len(names) != m:
        raise InputError(f"names has {len(names)} names for {m} columns; it needs one a column")
    return names


def signed_score(fit: Fit, path: Path, held: Held) -> float:
    """−U_j √(I⁻¹)_jj / √φ of the held coefficient: negative below the estimate, positive above, as `signed_root`.

    The score of the others is zero there, so that its square is U' I⁻¹ U / φ. Raises CapabilityError at an edge of the
    means allowed, and where nothing but rounding is left of the score, as far out where means are at their limits.
    """
    objective, where = path.objective, f"with {path.name} held at {held.value:.6g}"
    if not np.isfinite(held.slope):
        raise CapabilityError(f"{where} the fit lies {EDGE}: use kind='profile'")
    along = unit(path.column, len(held.beta))
    factored = precise_model(objective, held.beta).factored
    if factored is None:
        raise CapabilityError(f"{where} the information is singular: use kind='profile'")
    scale = float(np.linalg.norm(factored.half_solve(along))) / float(np.sqrt(fit.dispersion))
    size = objective.over_rows(size_kernel, held.beta, objective.loss, along)
    if ROUNDING * size * scale > LOST * max(1.0, abs(held.slope) * scale):
        raise CapabilityError(f"{where} the score is lost to rounding, as the deviance is flat: use kind='profile'")
    return held.slope * scale


def size_kernel(block: Block, beta: Array, loss: Loss, direction: Array) -> float:
    """Σ w |score| |x'd|: the size of the numbers that cancel into the score along d (p,)."""
    with np.errstate(all="ignore"):
        total = 0.0
        for rows in block.slices():
            score = rows.weight * loss.family.score(rows.y, Mean(loss.link, rows.eta(beta)))
            total += float(np.abs(score) @ np.abs(rows.along(direction)))
        return total
