"""Rules about methods that go by rates: too large, too small, and columns in units that no rate can suit."""

from __future__ import annotations

import math

import numpy as np

from nelder.diagnosis import Diverged, NotConverged
from nelder.explanation.calls import MOST_EPOCHS, by_descent, by_newton, rounded, scaled
from nelder.explanation.case import Case
from nelder.explanation.reasons import Gravity, Said
from nelder.explanation.spectrum import epochs_needed
from nelder.kernels import squares_kernel
from nelder.linalg import Array
from nelder.table import number

MANY_EPOCHS = 100  # of a descent that arrived: below, there is nothing to gain
ROUND_ENOUGH = 1e3  # a condition number that descent can live with
BETTER = 10.0  # by what standardising must divide it to be worth a word
CLOUD = "Mini-batches at a fixed rate end in a cloud around the optimum, unless they are anchored. "
FAR = 1e3  # standard errors: from where descents are supposed to begin, if nothing is known


def diverged(case: Case) -> Said | None:
    """A fixed rate above 2/λmax."""
    finding = case.find(Diverged)
    if finding is None:
        return None
    lost = not np.isfinite(case.fit.trace.deviance[-1:]).all()
    away = "left the range of numbers" if lost else "grew instead of settling, and was stopped,"
    what = away if finding.exploded else "was still hopping about when it was stopped"
    times = finding.rate / finding.largest
    words = (
        f"{finding.solver} with rate {finding.rate:g} {what} at epoch {finding.step}. An epoch multiplies the error "
        f"along the steepest direction by |1 − rate · λmax|, so near the optimum no rate above 2/λmax = "
        f"{finding.largest:.3g} converges in this problem; this one is "
        + (f"{count_of(times)} times that. " if times >= 1.01 else "close to it, and the way there is steeper. ")
    )
    spectrum = case.spectrum
    if spectrum is None or not math.isfinite(spectrum.condition):
        return Said(words + "Newton's method divides by the curvature and needs no rate.", by_newton(case.fit))
    rate = finding.largest / 2
    epochs = epochs_needed(FAR, spectrum.contraction(rate))
    words += (
        f"Half of it, {rounded(rate)}, is safe and takes about {count_of(epochs)} epochs. Newton's method divides by "
        "the curvature, needs no rate, and takes a handful of steps."
    )
    return Said(words, by_descent(rate, epochs))


def slow(case: Case) -> Said | None:
    """A descent that works but takes its time."""
    fit = case.fit
    stopped = case.find(NotConverged)
    if not case.by_gradients or case.find(Diverged) or (stopped is None and fit.steps < MANY_EPOCHS):
        return None
    if not len(fit.trace) or case.spectrum is None or not math.isfinite(case.spectrum.condition):
        return None
    spectrum, rate = case.spectrum, fixed_rate(case)
    shrink = measured_contraction(case) if rate is None else spectrum.contraction(rate)
    begun, left = (float(fit.trace.column("distance")[k]) for k in (0, -1))
    words = (
        f"The information at the optimum has eigenvalues from {spectrum.least:.3g} to "
        f"{spectrum.largest:.3g}: condition number {spectrum.condition:.3g}. "
    )
    if rate is not None:
        words += f"At rate {rate:g} an epoch leaves {shrink:.6g} of the slowest error. "
    elif shrink < 1:
        words += f"With rates of its own choice an epoch left {shrink:.6g} of the distance, on average. "
    if stopped is not None:
        more = epochs_needed(left, shrink)
        pace = f"at this pace {count_of(more)} epochs" if math.isfinite(more) else "and they come no nearer"
        words += f"After {fit.steps:,} epochs the coefficients are {number(left, 2)} standard errors from the optimum, "
        words += f"{pace}. "
        words += CLOUD if fit.solved.solver == "stochastic_gradient_descent" and not math.isfinite(more) else ""
    else:
        words += f"That took {fit.steps:,} epochs. "
    best = epochs_needed(begun if math.isfinite(begun) else FAR, spectrum.contraction(spectrum.best_rate))
    if rate is not None:
        words += f"The best fixed rate, 2/(λmin + λmax) = {spectrum.best_rate:.3g}, would take about {count_of(best)} "
        words += "from the start. "
    words += "Newton's method takes a handful of steps."
    gravity = Gravity.GRAVE if stopped is not None else Gravity.NOTE
    # half of the limit is safe on the way too, and takes twice as long as the best
    return Said(words, by_descent(spectrum.limit / 2, 2 * best), gravity)


def column_scales(case: Case) -> Said | None:
    """Columns in units so different that the objective is a ravine."""
    fit, spectrum = case.fit, case.spectrum if case.by_gradients else None
    if spectrum is None or spectrum.condition < ROUND_ENOUGH or spectrum.condition < BETTER * spectrum.standardised:
        return None
    names, sizes = column_sizes(case)
    order = np.argsort(sizes, kind="stable")
    small, large = (f"{names[k]} of size {number(float(sizes[k]), 2)}" for k in (order[0], order[-1]))
    words = (
        f"The columns are {small} to {large}. In these units the information has condition number "
        f"{spectrum.condition:.3g}, with the columns standardised {spectrum.standardised:.3g}: descent needs about "
        f"{spectrum.condition / spectrum.standardised:.2g} times the epochs for nothing but units."
    )
    formula = scaled(fit.terms.schema) if fit.terms.schema is not None else None
    if formula is None or 20 * spectrum.standardised > MOST_EPOCHS:
        return Said(f"{words} Newton's method does not care for units.", 'fit.update(solver="newton")')
    return Said(words, f"fit.update({formula!r}, solver=nd.GradientDescent())")


def fixed_rate(case: Case) -> float | None:
    """The rate of a descent that kept to one; None otherwise, and for mini-batches, many of which make an epoch."""
    sizes = {record.size for record in case.fit.trace.records}
    return sizes.pop() if len(sizes) == 1 and case.fit.solved.solver == "gradient_descent" else None


def measured_contraction(case: Case) -> float:
    """By what the distance from the optimum was multiplied in an epoch, over the second half of them; 1 if unknown."""
    steps, distances = case.fit.trace.step, case.fit.trace.column("distance")
    known = np.flatnonzero(np.isfinite(distances) & (distances > 0))
    if len(known) < 2:
        return 1.0
    first, last = known[len(known) // 2 - 1], known[-1]
    return float((distances[last] / distances[first]) ** (1.0 / max(steps[last] - steps[first], 1)))


def column_sizes(case: Case) -> tuple[tuple[str, ...], Array]:
    """The columns that are not aliased, and the root of their mean squares (k,)."""
    objective = case.fit.rows_of_data("its columns")
    total = objective.over_rows(squares_kernel)
    return objective.design.names, np.sqrt(total / objective.design.rows)


def count_of(epochs: float) -> str:
    """A number of epochs, or of times, in words."""
    if not math.isfinite(epochs):
        return "no end of"
    return f"{epochs:,.0f}" if 10 <= epochs < 1e6 else f"{epochs:.2g}"
