"""Average marginal effects: the derivative of the mean with respect to a variable, averaged over rows.

The derivative goes through whatever the formula makes of the variable, exactly (see `derivatives`): logarithms,
splines, interactions and an offset. A variable with levels has none; its effect is the difference from the base level.
"""

from __future__ import annotations

import numpy as np

from nelder.errors import CapabilityError, refuse_unknown
from nelder.fit import Fit
from nelder.inference.effects.averages import Averages, Direction, slopes_along
from nelder.inference.effects.averaging import EACH_ROW, Averaging, Described, Plan, estimates, plan_of
from nelder.inference.effects.comparisons import KINDS, Change, compared, names_of, steps
from nelder.inference.effects.quantities import SLOPES
from nelder.inference.effects.variables import Variable, named
from nelder.inference.estimates import Estimates, Shown

# what stands in the place of a slope for a variable with levels
INSTEAD = {"dydx": "difference", "link": "link"}


def slopes(fit: Fit, variables: object = None, asked: Averaging = EACH_ROW, kind: str = "dydx") -> Estimates:
    """Average slopes of all variables, or of those named, with their joint covariance.

    `kind` is "dydx", dμ/dx; Stata's "eyex", "eydx" and "dyex" for elasticities; or "link", dη/dx. For a variable with
    levels, "dydx" and "link" give the difference of each level from the base. Raises CapabilityError for an elasticity
    of such a variable, UnknownNameError for a variable or kind that does not exist.
    """
    refuse_unknown("kind of slope", kind, SLOPES)
    plan = plan_of(fit, asked)
    chosen = [named(plan.variables, name) for name in names_of(fit, plan, variables)]
    if kind not in INSTEAD and variables is None:
        chosen = [variable for variable in chosen if variable.numeric]
    if not chosen:
        raise CapabilityError("this fit has no numeric variable that has a slope of this kind")
    found, notes = [], list(plan.notes)
    named_by: dict[str, list[object]] = {"variable": [], "contrast": []}
    for variable in chosen:
        averages, contrasts = _effect(fit, plan, variable, kind)
        found.append(averages)
        named_by["variable"] += [variable.name] * len(contrasts)
        named_by["contrast"] += contrasts
        if variable.numeric and not averages.gradient.any() and fit.limit is None:
            notes.append(f"{variable.name} enters only by steps, whose slope is 0: use comparisons")
    said = Described(f"{SLOPES[kind].title}, {plan.words}", Shown())
    return estimates(fit, joined(found), plan.labels(named_by), said, tuple(notes))


def _effect(fit: Fit, plan: Plan, variable: Variable, kind: str) -> tuple[Averages, list[str]]:
    """The slopes of a variable at each setting, or its differences, and their names."""
    if variable.numeric:
        directions = [Direction(setting, variable.name, variable.spread) for setting in plan.grid.settings]
        return slopes_along(fit, plan.sample, directions, kind), ["slope"]
    if kind not in INSTEAD:
        raise CapabilityError(f"{variable.name!r} has levels, and no elasticity: use comparisons with kind='ratio'")
    changes: list[Change] = steps(variable, None)
    how = KINDS[INSTEAD[kind]]
    return compared(fit, plan, changes, how), [change.label(how.sign) for change in changes]


def joined(found: list[Averages]) -> Averages:
    """Several averages as one."""
    counts = tuple(int(count) for count in np.max([each.counts for each in found], axis=0))
    return Averages(
        np.concatenate([each.value for each in found]),
        np.concatenate([each.gradient for each in found]),
        counts,
        max(each.empty for each in found),
    )
