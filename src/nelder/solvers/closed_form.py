"""The closed form: for the normal distribution with the identity link, least squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Triangle
from nelder.solvers.base import Solver, Step
from nelder.solvers.newton import best_model


@dataclass(frozen=True)
class ClosedForm(Solver):
    """Solves the normal equations X'WX β = X'W(y − offset), then refines the answer on its own residual."""

    name = "closed_form"
    max_steps: int = field(default=5, kw_only=True)

    def steps(self, objective: Objective, beta: Array) -> Iterator[Step]:
        model = best_model(objective, beta, observed=False, form=Gram)
        yield Step(beta, model.value, model.gradient, model)
        while True:
            direction = model.newton()
            if direction is not None:
                beta = beta + direction.delta
            model = best_model(objective, beta, observed=False, form=Gram if isinstance(model, Gram) else Triangle)
            yield Step(beta, model.value, model.gradient, model, stuck=direction is None)

    def refusal(self, objective: Objective) -> str | None:
        if objective.is_quadratic:
            return None
        family, link = objective.loss.family.label(), objective.loss.link.label()
        return (
            f"solver 'closed_form' needs a constant variance and the identity link, not {family} with {link}: "
            "use solver='irls' or 'newton'"
        )
