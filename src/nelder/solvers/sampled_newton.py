"""Newton's method for many rows: a fit to a sample of them, gradients of all, and one Gram of all at the end.

The score of all rows decides where the optimum is; an information only says how to get there, and that of a sample
says it nearly as well for a fraction of the price (Byrd, Chin, Neveitt & Nocedal 2011).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from nelder.arrow import plus
from nelder.design import Block
from nelder.engines import pattern_of
from nelder.errors import DataError
from nelder.kernels import Slope
from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Quadratic
from nelder.solvers.base import Solver, Step
from nelder.solvers.lbfgs import gradient_steps
from nelder.solvers.loop import solve
from nelder.solvers.newton import Newton, scoring_steps
from nelder.solvers.starts import feasible, start
from nelder.solvers.stopping import Tolerance

SHARES = (0.01, 0.08)  # of the rows are sampled first, and then for the information that leads on
MOST = 2_700_000  # numbers of a sample: 22 MB
PER_COLUMN = 40  # at least so many rows for each column
ROUGHLY = Tolerance(errors=1.0)  # standard errors of a sample, whose optimum only leads
MANY = 50_000  # rows: of fewer, all are as cheap as a sample
RESTLESS = 0.1  # a change of η that steps near an optimum do not make, and steps towards infinity go on to make
PATIENCE = 20  # gradients, after which the sample is no guide
CHORDS = 12  # at most so many steps by one information
NEAR = 1e-6  # squared distance in standard errors from which one Newton step is the last
ROUGHLY_ENDED = 1e-19  # squared distance in standard errors that a last step may be expected to leave
MOVED = 4e-8  # the relative change of an information that a last step may make: the sample tells it to a twentieth


@dataclass(frozen=True)
class SampledNewton(Solver):
    """L-BFGS on all rows, preconditioned by the information of a sample fitted first, then Newton's method.

    Where the sample has no optimum of its own, as under separation, it is Newton's method on all rows from the start.
    """

    name = "sampled_newton"
    led: Led | None = None

    @property
    def resumed_by(self) -> str:
        return Newton.__name__

    @property
    def prepared(self) -> Array | None:
        return None if self.led is None else self.led.step.beta

    def refusal(self, objective: Objective) -> str | None:
        wide = f"solver {self.name!r} takes an information of {objective.design.p} columns: use solver='lbfgs'"
        return wide if objective.design.wide else None

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        steady = objective.loss.steady
        last = yield from settled(objective.in_natural_form(), beta) if steady else self.led_on(objective, beta)
        # by the observed information: the expected one leads slowly where responses are far from their means
        yield from scoring_steps(objective, onward(objective, last), observed=True)

    def led_on(self, objective: Objective, beta: Array) -> Generator[Step, None, Step]:
        """Steps from β (p,) by gradients and the information of a sample, and the last of them for the caller; the
        start, where that information is of no use.
        """
        sample = sample_of(objective, SHARES[1]) if self.led is None else self.led.sample
        known = None if self.led is None or beta is not self.led.step.beta else self.led.step.model
        metric, quick = scaled(objective, sample, beta, known), objective.in_natural_form()
        begun = quick.slope(beta)
        last = Step(beta, begun.value, begun.gradient)
        if last.finite and metric.safe:
            last = (yield from passed_on(descent(quick, sample, (beta, begun), metric))) or last
            last = (yield from passed_on(chords(quick, sample, last))) or last
        return last


@dataclass(frozen=True)
class Led:
    """A sample, and the step at which it has its optimum."""

    sample: Objective
    step: Step


def passed_on(steps: Iterator[Step]) -> Generator[Step, None, Step | None]:
    """The same steps, and the last of them for the caller; None where there are none."""
    last = None
    for last in steps:
        yield last
    return last


def descent(objective: Objective, sample: Objective, begun: tuple[Array, Slope], metric: Gram) -> Iterator[Step]:
    """Steps by gradients from β (p,) and the slope there, until one more would be near enough; that one ends with a
    model of all rows.

    How far an information moves grows with the distance, and the first step shows how fast.
    """
    assert metric.factored is not None
    seen, near = [np.inf], 0.0  # squared distances, by the metric

    def look(at: Array) -> Slope | Quadratic:
        return objective.quadratic(at, Gram) if expected(seen) <= near else objective.slope(at)

    for step in gradient_steps(look, objective, begun, metric.factored.solve):
        yield replace(step, metric=metric)
        seen.append(metric.decrement(step.gradient))
        if step.halvings or step.stuck or step.model is not None or len(seen) > PATIENCE:
            return
        if len(seen) == 3:
            moved = sample.movement(begun[0], step.beta)
            near = min(NEAR * objective.dispersion_at(step.value), seen[1] * (MOVED / max(moved, MOVED)) ** 2)


def expected(seen: Sequence[float]) -> float:
    """The squared distance that one more step may leave, if it shrinks as it last did; the first one seen is none."""
    return seen[-1] * (min(seen[-1] / seen[-2], 1.0) if len(seen) > 2 else 1.0)


def settled(objective: Objective, beta: Array) -> Generator[Step, None, Step]:
    """Steps by gradients from β (p,), preconditioned by an information of all rows that is the same at every β; the
    last of them for the caller, or a start that is none, as it is not finite.
    """
    model = objective.quadratic(beta, Gram)
    last = Step(beta, model.value, model.gradient, model)
    if not last.finite:
        return last
    yield last
    if not isinstance(model, Gram) or not model.safe or model.factored is None:
        return last
    seen = [np.inf, model.decrement(model.gradient)]  # squared distances

    def look(at: Array) -> Slope:
        return objective.slope(at, closing=expected(seen) <= ROUGHLY_ENDED * objective.dispersion_at(model.value))

    for step in islice(gradient_steps(look, objective, (beta, model), model.factored.solve), 1, PATIENCE):
        moved = model.at(step.value, step.gradient)
        seen.append(moved.decrement(step.gradient))
        last = replace(step, model=moved)
        yield last
        if step.halvings or step.stuck:
            break
    return last


def onward(objective: Objective, last: Step) -> Array:
    """Where Newton's method goes on (p,): from the last step, or from a usual start of all rows where that is lower.

    A sample leads astray where a row that it does not hold is far from what it says: then it shows no finite value, or
    a step had to be halved.
    """
    if not last.finite:
        return start(objective).beta
    if not last.halvings:
        return last.beta
    both = np.array([last.beta, *feasible(objective)[:1]])
    return np.asarray(both[np.argmin(objective.values(both))])


def chords(objective: Objective, sample: Objective, last: Step) -> Iterator[Step]:
    """Steps by gradients, preconditioned by the information at the last step, while each is a full one.

    It moves with β by what the sample says it does: by next to nothing, but standard errors show it. Where that is more
    than a sample can tell, the information of all rows is taken again.
    """
    model = last.model
    if not isinstance(model, Gram) or not model.safe or model.factored is None:
        return
    ratio = objective.design.n / sample.design.n
    look = partial(objective.slope, closing=True)  # it is near enough for any step to be the last
    steps = gradient_steps(look, objective, (last.beta, model), model.factored.solve)
    for step in islice(steps, 1, CHORDS):
        if step.halvings or step.stuck:
            return
        turn = ratio * sample.turned(last.beta, step.beta)
        if np.max(np.abs(turn.diagonal() / model.matrix.diagonal()), initial=0.0) <= 2 * MOVED:
            moved = replace(model, matrix=plus(model.matrix, turn))
            yield replace(step, model=moved.at(step.value, step.gradient))
        else:
            exact = objective.quadratic(step.beta, Gram)
            yield Step(step.beta, exact.value, exact.gradient, exact)
            return


def sample_of(objective: Objective, share: float) -> Objective:
    """The objective on that share of the rows, and not on too few for its columns."""
    rows, p = objective.design.rows, objective.design.p
    most = MOST // max(pattern_of(objective.design.handles).width, 1)
    return objective.sampled(min(rows, max(min(round(share * rows), most), PER_COLUMN * p)))


def from_sample(objective: Objective) -> Solver:
    """This solver, starting where a sample has its optimum; Newton's method where it has none.

    A first sample leads to a larger one, whose information is to lead on, where that of all rows is not had at once.
    """
    start: Sequence[float] | None = None
    for sample in samples_of(objective):
        try:
            solver = SampledNewton(start=start) if sample.loss.steady else Newton(start=start)
            solution = solve(sample, solver, tolerance=ROUGHLY)
        except DataError:
            return Newton()
        resting = solution.converged and at_rest(sample, solution.step)
        start = solution.step.beta.tolist() if resting else None
    return SampledNewton(Led(sample, solution.step)) if resting else Newton()


def samples_of(objective: Objective) -> tuple[Objective, ...]:
    """The samples to be fitted, each a start for the next; a smaller one is drawn from the larger."""
    if objective.loss.steady:
        return (sample_of(objective, SHARES[0]),)
    larger = sample_of(objective, SHARES[1])
    return sample_of(larger, SHARES[0] / SHARES[1]), larger


def at_rest(objective: Objective, step: Step) -> bool:
    """Whether a further step would leave every η where it is: where a sample is separated, it never would."""
    direction = step.model.newton() if step.model is not None else None
    if direction is None:
        return False
    moved = objective.engine.map(reach_kernel, objective.design.handles, direction.delta)
    return max(moved) < RESTLESS


def reach_kernel(block: Block, delta: Array) -> float:
    """The largest change of η in any row along δ (p,)."""
    return float(np.abs(block.along(delta)).max(initial=0.0))


def scaled(objective: Objective, sample: Objective, beta: Array, known: Quadratic | None = None) -> Gram:
    """The expected model of a sample at β, which may be known, for as many rows as there are."""
    usable = isinstance(known, Gram) and not known.observed
    model = known if usable else sample.quadratic(beta, Gram)
    assert isinstance(model, Gram)
    ratio = objective.design.n / sample.design.n
    return replace(model, gradient=ratio * model.gradient, matrix=ratio * model.matrix, noise=ratio * model.noise)


def pays(objective: Objective) -> bool:
    """Whether a sample is so much smaller than the data that it saves time."""
    design = objective.design
    worth = design.rows > MANY and design.rows > 8 * PER_COLUMN * design.p
    return worth and objective.is_convex and not objective.is_quadratic
