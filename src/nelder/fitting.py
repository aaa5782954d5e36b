"""From an objective to a fit: rank, solve, and the numbers of the last step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Variances
from nelder.compression import EXACT, compressed, keeps_its_digits, obstacle
from nelder.design import Block, Design, Ray, split
from nelder.diagnosis import Diagnosis, IllConditioned, Imprecise, NumbersAsText, OddResponse, PerfectFit
from nelder.dispersion import pearson_dispersion
from nelder.endings import (
    Ending,
    Limiting,
    blurred,
    ending,
    is_perfect,
    refuse_overflow,
    refuse_underflow,
    with_remedies,
)
from nelder.engines import Counted, Engine, one_thread
from nelder.errors import CapabilityError, DataError
from nelder.families import Family
from nelder.fit import Fit, Kept, Limit, Shape, Solved, Statistics, Terms, Uncertainty
from nelder.joining import joined, with_coded_ones
from nelder.kernels import Constants, constants_kernel, odd_kernel
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Link
from nelder.objective import Objective
from nelder.observations import Observations
from nelder.parts import Part
from nelder.penalties import Penalty, Unpenalised
from nelder.quadratic import Gram, Implicit, Quadratic, Triangle
from nelder.ranks import find_aliases, selected
from nelder.reduction import ADJUSTED_SCORING, reduced
from nelder.shapes import shaped
from nelder.solvers import Newton, Reason, Solution, Solver, automatic, solve
from nelder.solvers.loop import Watcher
from nelder.solvers.sampled_newton import from_sample, pays
from nelder.solvers.starts import usual
from nelder.table import Named
from nelder.trace import Likelihood, Recorder

# what rounding may take without a word: of a standard error, if it is this of a coefficient too, or in any case
NOTICED, RELATIVE, SERIOUS = 1e-6, 1e-8, 1e-2
LEAST = 1e-200  # of the size of a linear predictor, and one over the greatest
TOO_WIDE = (
    "the effective number of coefficients needs a matrix of all columns, and so many have none: without it no residual "
    "df, AIC or BIC, and no dispersion unless it is known"
)
TOO_LONG = (
    "standard errors are those of each coefficient; the covariance of so many is not made, so that there are no joint "
    "Wald tests and no errors of predictions"
)
PSEUDO = "sampling weights: estimates are those of the population; a sample has no log-likelihood, so no AIC or BIC"


@dataclass(frozen=True)
class Model:
    """What is fitted, apart from the data: family, link, penalty, solver (None for the automatic choice) and engine;
    and whether rows are compressed into cells: True, False, or "auto" for where that pays.
    """

    family: Family
    link: Link
    penalty: Penalty
    solver: Solver | None
    engine: Engine
    compress: bool | str = "auto"


def fit_rows(model: Model, parts: tuple[Part, ...], seen: Observations, terms: Terms, recorder: Recorder) -> Fit:
    """Fit a model to rows in memory. Rows of weight zero are left out before any arithmetic."""
    block = Block(parts, len(terms.names), seen.y, seen.weight, seen.offset, seen.precision, seen.trials)
    block = joined(with_coded_ones(block))
    block = block if isinstance(seen.used, slice) else block.rows(seen.used)
    objective = objective_over(model, model.engine.hold(split(block)), terms, seen)
    with np.errstate(all="ignore"):  # numbers out of range are judged, not announced by NumPy
        fit = fit_of_cells(model, objective, block, terms, recorder)
        fit = fit or fit_objective(objective, model.solver, terms, recorder)
    return with_rows(fit, Kept(seen.rows[seen.used], len(seen.rows)), seen.weightless)


class Sample(Protocol):
    """How many observations there are, and whether their weights are those of a sample."""

    @property
    def counted(self) -> float: ...
    @property
    def sampling(self) -> bool: ...


def objective_over(model: Model, handles: Sequence[Block], terms: Terms, seen: Sample) -> Objective:
    """The objective of blocks that are on their engine."""
    if not terms.names:
        raise DataError("the model has no columns: add an intercept or a predictor")
    design = Design(handles, terms.names, constants(model.engine, handles), seen.counted)
    return Objective(design, Loss(model.family, model.link), model.penalty, model.engine, seen.sampling)


def with_rows(fit: Fit, kept: Kept, weightless: int) -> Fit:
    """The fit of an objective with its rows, and with what they show; so many more had the weight zero."""
    objective = fit.rows_of_data("a look at its responses")
    notes: tuple[str, ...] = (f"{weightless} rows of weight zero left out",) if weightless else ()
    notes += (PSEUDO,) if objective.sampling else ()
    return replace(fit, warnings=found_in_rows(fit, kept), notes=(*fit.notes, *notes), kept=kept)


def found_in_rows(fit: Fit, kept: Kept) -> tuple[Diagnosis, ...]:
    """The findings of the fit of an objective with its rows called by their numbers, and what responses show."""
    objective = fit.rows_of_data("a look at its responses")
    if objective.sampling:
        odd = objective.over_rows(odd_kernel, fit.family, True)
    else:
        odd = objective.over_responses(odd_kernel, fit.family, False)
    findings: tuple[Diagnosis, ...] = ()
    if odd:
        findings += (OddResponse(fit.family_to_fit.label(), fit.family.odd_words(odd)),)
    if fit.terms.schema is not None:
        findings += tuple(NumbersAsText(name, many, *slips) for name, many, slips in fit.terms.schema.slips)
    return (*findings, *(finding.renumbered(kept.rows) for finding in fit.warnings))


def fit_of_cells(model: Model, objective: Objective, block: Block, terms: Terms, recorder: Recorder) -> Fit | None:
    """The fit of an objective to the rows of a block, solved on cells of equal rows; None where that is not wanted,
    does not pay, or does not end at a plain optimum: the rows themselves are judged then.

    Raises CapabilityError where it is demanded but not possible.
    """
    always = model.compress is True
    if model.compress is False:
        return None
    hindered = obstacle(objective, model.solver)
    cells = None if hindered else compressed(objective, block, always)
    if cells is None:
        if always:
            alone = "no two rows are alike, or the weights of those that are differ by more than numbers can hold"
            raise CapabilityError(f"compress=True: {hindered or alone}; or leave out compress=True")
        return None
    try:
        fit = fit_objective(cells, model.solver, terms, Recorder((), recorder.also, began=recorder.began))
    except DataError:
        return None
    plain = fit.reason == Reason.CONVERGED.value and not fit.warnings and fit.solved.form == Gram.form
    exact = plain and keeps_its_digits(cells, np.asarray(fit.coef), fit.dispersion)
    interrupted = fit.reason == Reason.INTERRUPTED.value and fit.combination is None
    if not exact and not interrupted:
        return None
    return replace(fit, objective=objective, notes=(*fit.notes, f"{block.n:,} rows -> {cells.design.rows:,}{EXACT}"))


def constants(engine: Engine, handles: Sequence[Block]) -> Array:
    """The value of each column that is the same in every row (p,), 0 for the others."""
    known: Constants = engine.total(constants_kernel, handles)
    return known.value


def fit_objective(objective: Objective, solver: Solver | None, terms: Terms, recorder: Recorder) -> Fit:
    """Rank, solve, judge the ending, and read off the numbers.

    Where passes have several threads, BLAS has one from the first to the last: others that a factorisation has woken go
    on asking for work, and take a core from the next pass.
    """
    with one_thread() if objective.design.wide or len(objective.design.handles) > 1 else nullcontext():
        return _fitted(objective, solver, terms, recorder)


def _fitted(objective: Objective, solver: Solver | None, terms: Terms, recorder: Recorder) -> Fit:
    """The same, whatever threads there are."""
    kept, alias, combination = find_aliases(objective)
    recorder.names = terms.names
    if alias is not None:
        objective = replace(objective, design=selected(objective, kept))
    if alias is not None and solver is not None and solver.start is not None:
        solver = replace(solver, start=np.asarray(solver.start, dtype=float)[kept].tolist())
    known = shaped(objective)
    plain, findings = known.objective, (*((alias,) if alias else ()), *known.findings)
    objective = replace(plain, engine=Counted(plain.engine, plain.design.rows))
    refuse_units(plain)
    recorder.objective = objective
    solved_by, solution, end = conclusion(objective, solver, _spread(recorder, kept))
    form = (solution.step.model or end.last).form
    statistics, phi = _statistics(objective, end, known.phi)
    variances = end.covariance.diagonal()
    refuse_overflow(statistics.dispersion * variances, variances)
    if not is_perfect(objective, end):
        refuse_underflow(statistics.dispersion, variances)
    return Fit(
        Named(_put(coefficients(end), kept), terms.names),
        _covariance(end, objective, kept),
        objective.loss.family,
        objective.loss.link,
        statistics,
        terms,
        Solved(solved_by, solution.steps, end.reason.value, end.certified, form, objective.penalty.name),
        (
            *findings,
            *_found(end, objective, statistics, known.shape),
            *what_rounding_leaves(objective, end, statistics),
        ),
        _limit(end, kept),
        combination,
        _notes(objective),
        recorder.trace(solved_by, Likelihood.through(statistics.loglik, statistics.deviance, phi)),
        plain,
        uncertainty=_unknown(objective, statistics) if objective.sampling else None,
        shape=known.shape,
    )


def refuse_units(objective: Objective) -> None:
    """Raise DataError where a link takes the mean response to a size that leaves no room for sums of squares."""
    eta = None if objective.is_quadratic else objective.level_of(objective.mean_response)
    if eta and not LEAST <= abs(eta) <= 1 / LEAST:
        raise DataError(
            f"link {objective.loss.link.label()} takes the mean response, of size {objective.mean_response:.0e}, to "
            f"{eta:.0e}, too far from 1 to be reckoned with: give y in other units, or use link='log'"
        )


def conclusion(objective: Objective, solver: Solver | None, watch: Watcher) -> tuple[str, Solution, Ending]:
    """What solved it, its last step, and that step judged."""
    if objective.penalty.adjustment is not None:
        return ADJUSTED_SCORING, *reduced(objective, objective.penalty.adjustment, solver, watch)
    solver = solver or automatic(objective)
    solution = solve(objective, solver, watch)
    return solver.name, solution, ending(objective, solver, solution)


def _found(end: Ending, objective: Objective, statistics: Statistics, shape: Shape | None) -> tuple[Diagnosis, ...]:
    """What was found at the end, with what can be done about it."""
    left = statistics.deviance, statistics.n - statistics.rank, statistics.null_deviance
    estimated = shape is not None and shape.estimated
    return with_remedies(end.findings, objective.loss, Limiting(*left, estimated, objective.sampling))


def _notes(objective: Objective) -> tuple[str, ...]:
    """How the estimates came about, and what could not be had."""
    adjustment = objective.penalty.adjustment
    notes = (adjustment.note,) if adjustment else ()
    return (*notes, TOO_WIDE) if objective.design.wide else (*notes, TOO_LONG) if objective.design.vast else notes


def _unknown(objective: Objective, statistics: Statistics) -> Uncertainty:
    """The covariance before the design of a sample has been looked at: nan, rather than the model's own."""
    k = objective.design.p
    return Uncertainty("sampling design", np.full((k, k), np.nan), statistics.n - statistics.rank)


def coefficients(end: Ending) -> Array:
    """The coefficients (p,) as they are reported: infinite ones with their sign, nan where nothing can be said."""
    if not isinstance(end.point, Ray):
        return end.point
    known = (end.point.direction != 0) & (True if end.signed is None else end.signed)
    away = np.where(known, np.copysign(np.inf, end.point.direction), np.nan)
    return np.where(end.identified, end.point.base, away)


def _limit(end: Ending, kept: NDArray[np.bool_]) -> Limit | None:
    if not isinstance(end.point, Ray):
        return None
    ray, p = end.point, len(kept)
    base, direction, covariance = np.zeros(p), np.zeros(p), np.zeros((p, p))
    base[kept], direction[kept], covariance[np.ix_(kept, kept)] = ray.base, ray.direction, ray.covariance
    return Limit(Ray(base, direction, covariance), ~kept, end.unique)


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


def _covariance(end: Ending, objective: Objective, kept: NDArray[np.bool_]) -> Array | Variances:
    """The inverse information (p, p), nan where a coefficient is aliased or infinite, or held by a penalty."""
    p = len(kept)
    if objective.holds:
        return np.broadcast_to(np.nan, (p, p))  # which takes no memory, whatever p
    if isinstance(end.covariance, Variances):
        return end.covariance
    known = kept.copy()
    known[kept] = end.identified
    if known.all():
        return end.covariance
    full = np.full((p, p), np.nan)
    full[np.ix_(known, known)] = end.covariance[np.ix_(end.identified, end.identified)]
    return full


def _statistics(objective: Objective, end: Ending, likeliest: float | None) -> tuple[Statistics, float]:
    """Numbers of the fit as a whole, and the φ of its log-likelihood; `likeliest` is one that was estimated along
    with a shape.
    """
    family, n = objective.loss.family, objective.design.n
    fine = isinstance(end.last, Triangle)
    totals = end.totals or objective.totals(end.point, fine)
    phi = likeliest or family.likelihood_dispersion(totals.deviance, totals.weight, n)
    phi = 0.0 if is_perfect(objective, end) else phi
    rank = effective_rank(objective, end.last)
    null_deviance, null_rank = null_model(objective)
    statistics = Statistics(
        n,
        rank,
        totals.deviance,
        null_deviance,
        n - null_rank,
        totals.pearson,
        pearson_dispersion(family, totals, n - rank) if end.dispersion is None else end.dispersion,
        objective.loglik(totals.deviance, phi),
    )
    return statistics, phi


def what_rounding_leaves(objective: Objective, end: Ending, statistics: Statistics) -> tuple[Diagnosis, ...]:
    """Whether the deviance is nothing but rounding, or rounding takes digits from coefficients or dispersion."""
    if is_perfect(objective, end):
        return (PerfectFit(2 * end.last.value),)
    if not end.certified or isinstance(end.point, Ray) or objective.holds:
        return ()
    known, noise = objective.loss.family.dispersion_known, end.last.noise
    errors = math.sqrt(noise / statistics.dispersion) if statistics.dispersion > 0 else 0.0
    share = 2 * math.sqrt(noise / statistics.pearson) if not known and statistics.pearson > 0 else 0.0
    if errors > SERIOUS or share > NOTICED:
        return (Imprecise(errors, share),)
    if not errors > NOTICED or any(isinstance(finding, IllConditioned) for finding in end.findings):
        return ()  # not worth a word, or that has been said
    moved = np.sqrt(noise * end.covariance.diagonal()) > RELATIVE * np.abs(end.point)
    return (Imprecise(errors, share),) if moved.any() or blurred(objective, end.point) > NOTICED else ()


def effective_rank(objective: Objective, last: Quadratic) -> float:
    """The number of coefficients; under a penalty, tr(H⁻¹ X'WX), the effective number (Hastie & Tibshirani 1990), nan
    without a matrix to take it of.
    """
    p = objective.design.p
    if isinstance(last, Implicit):
        return np.nan
    if last.factored is None:
        return p
    if not objective.holds:
        return p
    return p - float(np.sum(last.factored.inverse_diagonal() * objective.penalty.strength(objective.free)))


def null_model(objective: Objective) -> tuple[float, int]:
    """The deviance with an intercept only, if the model has one, else of the offset alone; and its number of
    coefficients.
    """
    design = objective.design
    constant = np.flatnonzero(design.constant)[:1]
    if len(constant) and objective.level is not None:
        return 2 * objective.value_at_level(objective.level), 1
    small = replace(objective, design=selected(objective, _mask(design.p, constant)), penalty=Unpenalised())
    if not len(constant):
        return 2 * float(small.values(np.zeros((1, 0)))[0]), 0
    try:
        solver = from_sample(small) if pays(small) else Newton(start=usual(small)[0].tolist())
        end = ending(small, solver, solve(small, solver))
    except DataError:
        return float("nan"), 1
    known = end.certified or isinstance(end.point, Ray)
    return small.totals(end.point).deviance if known else float("nan"), 1


def _mask(p: int, chosen: NDArray[np.integer]) -> NDArray[np.bool_]:
    mask = np.zeros(p, dtype=bool)
    mask[chosen] = True
    return mask
