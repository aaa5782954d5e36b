"""The solvers, by name. To add one: a file here and a line in SOLVERS."""

from __future__ import annotations

from collections.abc import Callable

from nelder.objective import Objective
from nelder.solvers.base import Solver, Step
from nelder.solvers.closed_form import ClosedForm
from nelder.solvers.gradient_descent import GradientDescent
from nelder.solvers.lbfgs import LBFGS
from nelder.solvers.loop import Solution, solve
from nelder.solvers.newton import IRLS, Newton
from nelder.solvers.sampled_newton import SampledNewton, from_sample, pays
from nelder.solvers.stochastic_gradient_descent import StochasticGradientDescent
from nelder.solvers.stopping import Reason, Tolerance
from nelder.solvers.truncated_newton import TruncatedNewton

__all__ = [
    "BY_RATE",
    "IRLS",
    "LBFGS",
    "SOLVERS",
    "SampledNewton",
    "ClosedForm",
    "GradientDescent",
    "Newton",
    "Reason",
    "Solution",
    "Solver",
    "Step",
    "StochasticGradientDescent",
    "Tolerance",
    "TruncatedNewton",
    "automatic",
    "solve",
]

SOLVERS: dict[str, Callable[..., Solver]] = {
    "closed_form": ClosedForm,
    "gradient_descent": GradientDescent,
    "irls": IRLS,
    "lbfgs": LBFGS,
    "newton": Newton,
    "sampled_newton": SampledNewton,
    "stochastic_gradient_descent": StochasticGradientDescent,
    "truncated_newton": TruncatedNewton,
}

# those that go by rates
BY_RATE: dict[str, type[GradientDescent] | type[StochasticGradientDescent]] = {
    "gradient_descent": GradientDescent,
    "stochastic_gradient_descent": StochasticGradientDescent,
}


def automatic(objective: Objective) -> Solver:
    """What solver='auto' means: the closed form where there is one, else Newton's method, truncated where the design
    is wide.
    """
    if objective.design.wide:
        return TruncatedNewton()
    if objective.is_quadratic:
        return ClosedForm()
    return from_sample(objective) if pays(objective) else Newton()
