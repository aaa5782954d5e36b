"""Newton's method and Fisher scoring: a quadratic model, its minimum, and a halving where it promised too much."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nelder.kernels import Form
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Implicit, Quadratic, Triangle
from nelder.solvers.base import Solver, Step
from nelder.solvers.search import Found, enough, far_down, halving, leap

ENDED = 1e-20  # squared distance in standard errors at which a fit ends
SHORT, TWICE = 2.0**-10, 2  # steps so short, one after the other, that leave the means allowed if they are longer


def best_model(objective: Objective, beta: Array, observed: bool, form: Form, closing: bool = False) -> Quadratic:
    """The cheapest model at β that keeps its digits; `closing` where a fit may end.

    Observed weights where they are asked for and positive definite, else expected ones; a Gram while its condition is
    safe, else a Triangle.
    """
    if objective.design.wide:
        return objective.quadratic(beta)
    if form is Gram:
        if observed:
            model = objective.quadratic(beta, Gram, True, closing)
            if isinstance(model, Gram) and model.safe:
                return model
        model = objective.quadratic(beta, Gram, False, closing)
        if (isinstance(model, Gram) and model.safe) or objective.design.vast:
            return model
    return objective.quadratic(beta, Triangle, observed)


def precise_model(objective: Objective, beta: Array, closing: bool = False) -> Quadratic:
    """The expected model at β that standard errors are read off, if it has any; `closing` where a fit may end."""
    model = objective.quadratic(beta, Gram, False, closing)
    rough = isinstance(model, Gram) and not model.precise and not objective.design.vast
    return objective.quadratic(beta, Triangle) if rough else model


def model_of(objective: Objective, step: Step) -> Quadratic:
    """The same at a last step, which may have brought it along."""
    model = step.model
    if isinstance(model, Implicit):
        return model
    if isinstance(model, Gram) and model.precise and not model.observed:
        return model
    return precise_model(objective, step.beta, closing=True)


@dataclass(frozen=True)
class Newton(Solver):
    """Newton-Raphson with the observed information once it is positive definite: quadratic on every link."""

    name = "newton"

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        yield from scoring_steps(objective, beta, observed=True)


@dataclass(frozen=True)
class IRLS(Solver):
    """Iteratively reweighted least squares: Newton's method with the expected information (Nelder & Wedderburn 1972).

    A step of weighted least squares on the working response is β + δ with X'WX δ = X'(score): the same step, solved for
    δ so that the score alone decides where it stops.
    """

    name = "irls"

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        yield from scoring_steps(objective, beta, observed=False)


def ahead_of(decrement: float, before: float) -> float:
    """The squared distance that one more step may leave, if each is the square of the last times a constant; that is
    not known of a first one.
    """
    shrunk = decrement / before if before > 0 else math.inf
    return decrement * shrunk * shrunk


def scoring_steps(objective: Objective, beta: Array, observed: bool) -> Iterator[Step]:
    """Steps of either method, from β (p,)."""
    model, before, short = best_model(objective, beta, observed, Gram), 0.0, 0
    yield Step(beta, model.value, model.gradient, model)
    while True:
        # once a Triangle is needed it is needed to the end
        form: Form = Gram if isinstance(model, Gram) else Triangle
        direction = model.newton()
        if direction is None:
            yield Step(beta, model.value, model.gradient, model, size=0.0, stuck=True)
            continue
        near = ahead_of(direction.decrement, before) <= ENDED * objective.dispersion_at(model.value)
        ahead, before = best_model(objective, beta + direction.delta, observed, form, near), direction.decrement
        found = Found(1.0, 0)
        if not enough(model.value, ahead.value, direction.decrement, model.blur):
            origin = (beta, model.value)
            found = halving(objective, origin, direction.delta, direction.decrement, model.blur)
            ahead = best_model(objective, beta + found.size * direction.delta, observed, form)
        elif far_down(objective, model.value, ahead.value):
            found = leap(objective, beta, direction.delta, ahead.value)
            if found.size > 1.0:
                ahead = best_model(objective, beta + found.size * direction.delta, observed, form)
        beta = beta + found.size * direction.delta
        model = ahead
        short = short + 1 if found.outside and found.size < SHORT else 0
        cut = short >= TWICE
        yield Step(beta, model.value, model.gradient, model, found.size, found.halvings, found.stuck, cut=cut)
