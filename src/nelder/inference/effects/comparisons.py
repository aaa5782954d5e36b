"""Average counterfactual comparisons: what becomes of the mean where one variable changes and the others stay.

Means are averaged first and compared after: a ratio is one of averages, with the delta method on its logarithm.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nelder.errors import CapabilityError, InputError, InputTypeError, refuse_unknown, unknown_name
from nelder.fit import Fit
from nelder.inference.effects.averages import Averages, levels
from nelder.inference.effects.averaging import EACH_ROW, Averaging, Described, Plan, estimates, plan_of
from nelder.inference.effects.settings import Setting
from nelder.inference.effects.variables import Value, Variable, named
from nelder.inference.estimates import Estimates, Shown
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import UNIT
from nelder.names import listed

PAIRINGS = ("base", "pairwise", "sequential")
AMOUNTS = ("minmax", "sd")


@dataclass(frozen=True)
class Change:
    """One comparison: a variable from one value to another, or a numeric one by an amount."""

    variable: Variable
    ends: tuple[Value, Value] | None = None
    amount: float = 0.0

    def label(self, sign: str) -> str:
        """The two values with a sign between them, or the amount."""
        if self.ends is None:
            return f"{self.amount:+g}".replace("-", "−")
        low, high = (f"{end:g}" if isinstance(end, float) else str(end) for end in self.ends)
        return f"{high} {sign} {low}"

    def settings(self, start: Setting) -> tuple[Setting, Setting]:
        """Where it starts and where it ends."""
        if self.ends is None:
            return start, start.with_move(self.variable, self.amount)
        return start.with_value(self.variable, self.ends[0]), start.with_value(self.variable, self.ends[1])


@dataclass(frozen=True)
class Kind:
    """How two averages are compared: `measure` gives what is subtracted, from averages of some `quantities`, with its
    gradient.
    """

    title: str
    quantities: tuple[str, ...]
    measure: Callable[[Sequence[Averages]], tuple[Array, Array]]
    sign: str = "−"
    exponentiated: bool = False


def plain(found: Sequence[Averages]) -> tuple[Array, Array]:
    """An average itself."""
    return found[0].value, found[0].gradient


def logarithm(found: Sequence[Averages]) -> tuple[Array, Array]:
    """log μ̄."""
    return np.log(found[0].value), found[0].gradient / found[0].value[:, None]


def log_odds(found: Sequence[Averages]) -> tuple[Array, Array]:
    """log(μ̄ / (1 − μ̄)), with 1 − μ̄ averaged by itself."""
    mu, beside = found
    value = np.log(mu.value) - np.log(beside.value)
    return value, mu.gradient / mu.value[:, None] - beside.gradient / beside.value[:, None]


BOTH = ("response", "complement")
KINDS: dict[str, Kind] = {
    "difference": Kind("difference of means", ("response",), plain),
    "ratio": Kind("ratio of means", ("response",), logarithm, "/", True),
    "log_ratio": Kind("log ratio of means", ("response",), logarithm),
    "odds_ratio": Kind("odds ratio of means", BOTH, log_odds, "/", True),
    "log_odds_ratio": Kind("log odds ratio of means", BOTH, log_odds),
    "link": Kind("difference of linear predictors", ("link",), plain),
}


def comparisons(fit: Fit, variables: object = None, asked: Averaging = EACH_ROW, kind: str = "difference") -> Estimates:
    """Average comparisons, with their joint covariance: numeric variables plus one, levels against the base.

    `variables` are a name, several, or {name: change}, where a change is an amount, a pair (from, to), "sd" or "minmax"
    for a numeric variable, and "base", "pairwise", "sequential" or a pair of levels for another. Raises
    CapabilityError for odds of a mean that is no probability and for ratios of means that may be negative.
    """
    refuse_unknown("kind of comparison", kind, KINDS)
    how = KINDS[kind]
    check_means(fit, kind)
    plan = plan_of(fit, asked)
    changes = changes_of(fit, plan, variables)
    labels = plan.labels(
        {
            "variable": [change.variable.name for change in changes],
            "contrast": [change.label(how.sign) for change in changes],
        }
    )
    said = Described(f"Average comparisons: {how.title}, {plan.words}", Shown(), how.exponentiated)
    found = compared(fit, plan, changes, how)
    lost = np.isnan(found.value).any() and not any(found.counts[1:])
    notes = (*plan.notes, "nan where both averages are at the same limit") if lost else plan.notes
    return estimates(fit, found, labels, said, notes)


def compared(fit: Fit, plan: Plan, changes: Sequence[Change], kind: Kind) -> Averages:
    """The measure at the end of each change less that at its start."""
    pairs = [change.settings(start) for change in changes for start in plan.grid.settings]
    settings = list(itertools.chain.from_iterable(pairs))
    found = [levels(fit, plan.sample, settings, quantity) for quantity in kind.quantities]
    with np.errstate(all="ignore"):
        value, gradient = kind.measure(found)
        paired, k = (len(pairs), 2, plan.sample.groups), gradient.shape[1]
        value, gradient = value.reshape(paired), gradient.reshape((*paired, k))
        difference, slope = value[:, 1] - value[:, 0], gradient[:, 1] - gradient[:, 0]
    return Averages(difference.reshape(-1), slope.reshape(-1, k), found[0].counts, found[0].empty)


def check_means(fit: Fit, kind: str) -> None:
    """Raise CapabilityError where the means of a fit cannot be compared like this."""
    loss = Loss(fit.family, fit.link)
    inside = loss.mean_bounds[0] >= UNIT[0] and loss.mean_bounds[1] <= UNIT[1]
    if KINDS[kind].quantities == BOTH and not inside:
        raise CapabilityError(f"odds are those of a probability, and means of {fit.family.label()} are none: use ratio")
    if KINDS[kind].measure is logarithm and loss.mean_bounds[0] < 0:
        raise CapabilityError(
            f"a ratio needs positive means, and those of {fit.family.label()} with the link {fit.link.label()} may be "
            "negative: use kind='difference'"
        )


def changes_of(fit: Fit, plan: Plan, variables: object) -> list[Change]:
    """The comparisons asked for, a variable at a time; all variables of the terms where none are named."""
    asked = variables if isinstance(variables, Mapping) else dict.fromkeys(names_of(fit, plan, variables))
    changes = []
    for name, how in asked.items():
        variable = named(plan.variables, name)
        found = moves(variable, how) if variable.numeric else steps(variable, how)
        if name in plan.grid.labels and any(change.ends is not None for change in found):
            raise InputError(f"{name!r} is both compared and held at= a value: leave out one of them")
        changes += found
    if not changes:
        raise InputError("variables= names none")
    return changes


def names_of(fit: Fit, plan: Plan, variables: object) -> list[str]:
    """The variables named, or all that the terms of the formula read, without those of its offset alone.

    Raises CapabilityError where there are none.
    """
    if variables is not None:
        return [named(plan.variables, name).name for name in listed(variables)]
    schema, names = fit.terms.schema, list(plan.variables)
    if schema is not None:
        inside = {name for factor in schema.factors.values() for name in factor.expression.columns}
        names = [name for name in names if name in inside]
    if not names:
        raise CapabilityError("this fit has no variables in its terms: its design is constant")
    return list(names)


def moves(variable: Variable, how: object) -> list[Change]:
    """The change of a numeric variable."""
    if how is None:
        return [Change(variable, amount=1.0)]
    if isinstance(how, str):
        refuse_unknown(f"change of {variable.name!r}", how, AMOUNTS)
        if how == "sd":
            return [Change(variable, amount=variable.spread)]
        return [Change(variable, (variable.value("min"), variable.value("max")))]
    values = listed(how)
    if len(values) == 1:
        amount = float(variable.value(values[0]))
        if amount == 0:
            raise InputError(f"the change of {variable.name!r} is 0: give an amount")
        return [Change(variable, amount=amount)]
    return [_between(variable, values)]


def steps(variable: Variable, how: object) -> list[Change]:
    """The changes from level to level."""
    levels = variable.levels
    if how is None or (isinstance(how, str) and how in PAIRINGS):
        base = levels[variable.base]
        pairs: dict[object, list[tuple[Value, Value]]] = {
            "base": [(base, level) for level in levels if level != base],
            "pairwise": [(low, high) for low, high in itertools.combinations(levels, 2)],
            "sequential": list(itertools.pairwise(levels)),
        }
        return [Change(variable, pair) for pair in pairs[how or "base"]]
    if isinstance(how, str):
        raise unknown_name(f"change of {variable.name!r}", how, PAIRINGS)
    return [_between(variable, listed(how))]


def _between(variable: Variable, values: list[object]) -> Change:
    if len(values) != 2:
        raise InputTypeError(
            f"the change of {variable.name!r} has {len(values)} values: give a pair (from, to), or another change"
        )
    low, high = (variable.value(value) for value in values)
    return Change(variable, (low, high))
