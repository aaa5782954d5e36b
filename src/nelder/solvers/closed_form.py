"""The closed form: for the normal distribution with the identity link, least squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nelder.linalg import Array
from nelder.objective import Objective
from nelder.quadratic import Gram, Quadratic, Triangle
from nelder.solvers.base import Solver, Step
from nelder.solvers.newton import best_model


def refined(objective: Objective, model: Quadratic, beta: Array) -> Array:
    """β (p,) corrected by what its own residual says: once, and twice from more digits where the columns nearly cancel
    (Björck 1996, section 2.9).
    """
    if model.factored is None:
        return beta
    if isinstance(model, Gram) and model.precise:
        return beta - model.factored.solve(objective.slope(beta).gradient)
    for _ in range(2):
        beta = beta - model.factored.solve(objective.fine_gradient(beta))
    return beta


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
                beta = refined(objective, model, beta + direction.delta)
            form = Gram if isinstance(model, Gram) else Triangle
            model = best_model(objective, beta, observed=False, form=form, closing=True)
            yield Step(beta, model.value, model.gradient, model, stuck=direction is None)

    def refusal(self, objective: Objective) -> str | None:
        if objective.is_quadratic:
            return None
        family, link = objective.loss.family.label(), objective.loss.link.label()
        return (
            f"solver 'closed_form' needs a constant variance and the identity link, not {family} with {link}: "
            "use solver='irls' or 'newton'"
        )
