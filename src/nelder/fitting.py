"""From an objective to a fit: rank, solve, and the numbers of the last step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Design, Part, split
from nelder.diagnosis import Aliased, Diagnosis, Diverged, IllConditioned, NoFiniteOptimum, NotConverged, OddResponse
from nelder.dispersion import pearson_dispersion
from nelder.engines import Engine, merge
from nelder.errors import DataError
from nelder.families import Family
from nelder.fit import Fit, Solved, Statistics, Terms
from nelder.linalg import Array, independent_columns, largest_eigenvalue
from nelder.mean import Link, Mean
from nelder.objective import Loss, Objective, gram_kernel
from nelder.observations import Observations
from nelder.penalties import Penalty, Unpenalised
from nelder.quadratic import Gram, Quadratic, Triangle
from nelder.solvers import Newton, Reason, Solution, Solver, automatic, solve
from nelder.solvers.newton import best_model, precise_model
from nelder.table import Named
from nelder.trace import Recorder

LARGEST = 1e100
ENDLESS = 1e-3  # a relative change of slopes and variances that no last step makes at a finite optimum
ILL_CONDITIONED = 1e10  # of the weighted unit-norm design: six certain digits


@dataclass(frozen=True)
class Model:
    """What is fitted, apart from the data: family, link, penalty, solver (None for the automatic choice) and engine."""

    family: Family
    link: Link
    penalty: Penalty
    solver: Solver | None
    engine: Engine


def fit_rows(model: Model, parts: tuple[Part, ...], seen: Observations, terms: Terms, recorder: Recorder) -> Fit:
    """Fit a model to rows in memory. Rows of weight zero are left out before any arithmetic."""
    p = len(terms.names)
    block = Block(parts, p, seen.y, seen.weight, seen.offset, seen.precision)
    used = np.flatnonzero(seen.weight > 0)
    notes: tuple[str, ...] = ()
    if len(used) < block.n:
        notes = (f"{block.n - len(used)} rows of weight zero left out",)
        block = block.rows(used)
    handles = model.engine.load(split(block), lambda part: part)
    design = Design(handles, terms.names, constants(block), seen.counted)
    if p == 0:
        raise DataError("the model has no columns: add an intercept or a predictor")
    objective = Objective(design, Loss(model.family, model.link), model.penalty, model.engine)
    odd = model.family.oddities(block.y, block.weight if block.precision is None else block.precision)
    findings = (OddResponse(model.family.label(), odd),) if odd else ()
    fit = fit_objective(objective, model.solver, terms, recorder)
    return replace(fit, warnings=(*findings, *fit.warnings), notes=notes)


def constants(block: Block) -> Array:
    """The value of each column that is the same in every row (p,), 0 for the others."""
    value = block.rows(slice(0, 1)).dense()[0]
    few = block.rows(slice(0, 1000)).dense()
    candidates = np.flatnonzero((few == value).all(axis=0) & (value != 0))
    result = np.zeros(block.p)
    for column in candidates:
        unit = np.zeros(block.p)
        unit[column] = 1.0
        whole = replace(block, offset=np.zeros(block.n)).eta(unit)
        result[column] = value[column] if (whole == value[column]).all() else 0.0
    return result


def fit_objective(objective: Objective, solver: Solver | None, terms: Terms, recorder: Recorder) -> Fit:
    """Rank, solve, and read off the numbers of the last step."""
    kept, alias = find_aliases(objective)
    recorder.names = terms.names
    if alias is not None:
        objective = replace(objective, design=selected(objective, kept))
    solver = solver or automatic(objective)
    if alias is not None and solver.start is not None:
        solver = replace(solver, start=np.asarray(solver.start, dtype=float)[kept].tolist())
    solution = solve(objective, solver, _spread(recorder, kept), None)
    beta = solution.step.beta
    last = precise_model(objective, beta)
    findings, finite = _findings(objective, solver, solution, last)
    statistics = _statistics(objective, beta, last)
    solved = Solved(
        solver.name,
        solution.steps,
        solution.reason.value,
        solution.converged and finite,
        type(solution.step.model or last).__name__,
        objective.penalty.name,
    )
    return Fit(
        Named(_put(beta, kept), terms.names),
        _covariance(last, objective, kept),
        objective.loss.family,
        objective.loss.link,
        statistics,
        terms,
        solved,
        (*((alias,) if alias else ()), *findings),
        (),
        recorder.trace(solver.name),
        objective,
    )


def find_aliases(objective: Objective) -> tuple[NDArray[np.bool_], Aliased | None]:
    """Which columns are estimable, judged once on the unweighted design; a finding where some are not.

    A safe Gram has full rank; only where it is not, the QR of the rows decides, left to right.
    """
    names = objective.design.names
    handles = objective.design.handles
    gram = merge(objective.engine.map(gram_kernel, handles, Gram))
    if gram.safe:
        return np.ones(len(names), dtype=bool), None
    rows = merge(objective.engine.map(gram_kernel, handles, Triangle))
    refuse_extreme_columns(rows.upper[:-1, :-1], names)
    kept, combination = independent_columns(rows.upper[:-1, :-1])
    if kept.all():
        return kept, None
    if not kept.any():
        raise DataError(f"every column of the design is zero: {', '.join(map(repr, names[:10]))}")
    lost = np.flatnonzero(~kept)
    written = tuple(_combination(names, combination[:, j], names[j]) for j in lost)
    return kept, Aliased(tuple(names[j] for j in lost), written)


def refuse_extreme_columns(upper: Array, names: Sequence[str]) -> None:
    """Raise DataError for a column, seen through R of the QR, whose squares leave the range of numbers."""
    size = np.abs(upper).max(axis=0)
    for j in np.flatnonzero(~(size < LARGEST) | ((size > 0) & (size < 1 / LARGEST))).tolist():
        raise DataError(
            f"column {names[j]!r} has values too {'small' if size[j] < 1 else 'large'} to square (beyond 1e±100): "
            "give it in other units"
        )


def _combination(names: Sequence[str], weights: Array, name: str) -> str:
    size = np.abs(weights).max(initial=0.0)
    used = [(w, n) for w, n in zip(weights, names, strict=True) if abs(w) > 1e-9 * size]
    text = " ".join(f"{'-' if w < 0 else '+'} {'' if np.isclose(abs(w), 1) else f'{abs(w):.6g} '}{n}" for w, n in used)
    return f"{name} = {text.removeprefix('+ ') or '0'}"


def selected(objective: Objective, kept: NDArray[np.bool_]) -> Design:
    """The design with only the columns kept."""
    chosen, design = np.flatnonzero(kept), objective.design
    handles = objective.engine.map(Block.select, design.handles, chosen)
    return Design(handles, tuple(design.names[j] for j in chosen), design.constant[kept], design.n)


def _spread(recorder: Recorder, kept: NDArray[np.bool_]) -> Recorder | _Spread:
    return recorder if kept.all() else _Spread(recorder, kept)


@dataclass(frozen=True)
class _Spread:
    """Records steps of the kept columns with nan in the places of the others."""

    recorder: Recorder
    kept: NDArray[np.bool_]

    def __call__(self, number: int, step: Any, decrement: float) -> None:
        self.recorder(number, replace(step, beta=_put(step.beta, self.kept)), decrement)


def _put(beta: Array, kept: NDArray[np.bool_]) -> Array:
    full = np.full(len(kept), np.nan)
    full[kept] = beta
    return full


def _covariance(last: Quadratic, objective: Objective, kept: NDArray[np.bool_]) -> Array:
    """The inverse information (p, p), nan for aliased columns and wherever a penalty makes it mean something else."""
    full = np.full((len(kept), len(kept)), np.nan)
    if last.factored is not None and isinstance(objective.penalty, Unpenalised):
        full[np.ix_(kept, kept)] = last.factored.inverse()
    return full


def _statistics(objective: Objective, beta: Array, last: Quadratic) -> Statistics:
    family, n = objective.loss.family, objective.design.n
    totals = objective.totals(beta, 1.0)
    phi = family.likelihood_dispersion(totals.deviance, totals.weight, n)
    # a perfect fit leaves no dispersion, and a density without limit
    loglik = objective.totals(beta, phi).loglik if phi > 0 else np.inf if family.has_likelihood else np.nan
    rank = effective_rank(objective, last)
    null_deviance, null_rank = null_model(objective)
    return Statistics(
        n,
        rank,
        totals.deviance,
        null_deviance,
        n - null_rank,
        totals.pearson,
        pearson_dispersion(family, totals, n - rank),
        loglik,
    )


def effective_rank(objective: Objective, last: Quadratic) -> float:
    """The number of coefficients; under a penalty, tr(H⁻¹ X'WX), the effective number (Hastie & Tibshirani 1990)."""
    p = objective.design.p
    if last.factored is None:
        return p
    strength = objective.penalty.strength(objective.free)
    return p - float(np.sum(np.diagonal(last.factored.inverse()) * strength)) if strength.any() else p


def null_model(objective: Objective) -> tuple[float, int]:
    """The deviance with an intercept only, if the model has one, else of the offset alone; and its number of
    coefficients.
    """
    design = objective.design
    constant = np.flatnonzero(design.constant)[:1]
    small = replace(objective, design=replace(selected(objective, _mask(design.p, constant))), penalty=Unpenalised())
    if not len(constant):
        return 2 * float(small.values(np.zeros((1, 0)))[0]), 0
    try:
        solution = solve(small, Newton(), lambda number, step, decrement: None)
    except DataError:
        return float("nan"), 1
    return 2 * solution.step.value, 1


def _mask(p: int, chosen: NDArray[np.integer]) -> NDArray[np.bool_]:
    mask = np.zeros(p, dtype=bool)
    mask[chosen] = True
    return mask


def _findings(
    objective: Objective, solver: Solver, solution: Solution, last: Quadratic
) -> tuple[tuple[Diagnosis, ...], bool]:
    """What is wrong with the last step, and whether the optimum is finite."""
    if solver.fixed_rate is not None and not solution.converged:
        largest = largest_rate(objective)
        if solution.reason is Reason.DIVERGED or solver.fixed_rate > largest:
            exploded = solution.reason is Reason.DIVERGED
            return (Diverged(solver.name, solver.fixed_rate, solution.steps, largest, exploded),), False
    direction = last.newton()
    if direction is None:
        return (NotConverged(solver.name, solution.steps, np.inf, "the information is singular there"),), False
    worthless = solution.converged or direction.decrement < 1e-8 * _phi(objective, solution.step.value)
    endless = endless_columns(objective, direction.delta, solution.step.beta) if worthless else ()
    if endless:
        return (NoFiniteOptimum(endless, float(np.abs(direction.delta).max())),), False
    if not solution.converged:
        # φ as it would be at the optimum, which the decrement says is so much lower
        phi = _phi(objective, max(solution.step.value - direction.decrement / 2, np.finfo(float).tiny))
        errors = float(np.sqrt(direction.decrement / phi))
        return (NotConverged(solver.name, solution.steps, errors, solution.reason.value),), False
    condition = float(np.sqrt(last.factored.condition)) if last.factored is not None else np.inf
    return ((IllConditioned(condition),) if condition > ILL_CONDITIONED else ()), True


def _phi(objective: Objective, value: float) -> float:
    return 1.0 if objective.loss.family.dispersion_known else 2 * value / objective.design.n


def endless_columns(objective: Objective, delta: Array, beta: Array) -> tuple[str, ...]:
    """Columns along which a last step δ, worth nothing to the objective, still changes the means by a fixed factor.

    At a finite optimum the last step changes slopes and variances only by rounding; where means run to their limits,
    every step changes them by the same factor again.
    """
    change, size = 0.0, np.zeros(objective.design.p)
    for block in objective.design.handles:
        for rows in block.slices():
            X, mean = rows.dense(), Mean(objective.loss.link, rows.eta(beta))
            with np.errstate(all="ignore"):
                bend = np.abs(mean.curvature) + np.abs(objective.loss.family.log_variance_slope(mean))
                factor = np.abs(X @ delta) * bend
            change = max(change, float(factor[np.isfinite(factor)].max(initial=0.0)))
            size = np.maximum(size, np.abs(X).max(axis=0, initial=0.0))
    if change < ENDLESS:
        return ()
    reach = np.abs(delta) * size
    return tuple(objective.design.names[j] for j in np.flatnonzero(reach > 0.05 * reach.max()))


def largest_rate(objective: Objective) -> float:
    """2/λmax of the information at the optimum, which Newton's method finds."""
    solution = solve(objective, Newton(), lambda number, step, decrement: None)
    information = best_model(objective, solution.step.beta, observed=False, form=Gram).information
    return 2.0 / largest_eigenvalue(information)
