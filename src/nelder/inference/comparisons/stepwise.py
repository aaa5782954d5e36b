"""Stepwise selection: a term in or out at a time, while AIC or BIC falls (R's step; Hastie & Pregibon 1992).

The criterion is that of each model fitted for itself, in which φ is estimated anew. Nothing that is computed from the
chosen model knows that it was chosen; penalised fits and cross-validation are usually the better way to predict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from nelder.diagnosis import announce
from nelder.errors import CapabilityError, InputError, refuse_unknown, unknown_name
from nelder.fit import Fit
from nelder.formula import Schema, Term
from nelder.inference.comparisons.columns import counts
from nelder.inference.comparisons.deviance import (
    Attempt,
    by_likelihood,
    left_over,
    refuse_incomparable,
    shape_note,
)
from nelder.inference.comparisons.scopes import addable, droppable, extended, key, terms_of
from nelder.inference.comparisons.selection import try_terms
from nelder.submodels import refuse_changed, schema_of
from nelder.table import Table

CRITERIA = ("aic", "bic")
DIRECTIONS = ("both", "backward", "forward")
LESS = 1e-7  # what the criterion must fall by, as in R


@dataclass(frozen=True)
class Move:
    """One step of the path: what was done, as "- x" or "+ z", and the fit after it."""

    change: str
    fit: Fit


@dataclass(frozen=True)
class Steps:
    """The path of `step`, from the fit it started with to `fit`, which was chosen by `criterion`; `notes` are to be
    read with it.
    """

    fit: Fit
    criterion: str
    path: tuple[Move, ...]
    notes: tuple[str, ...]

    def table(self) -> Table:
        """Columns change, df, deviance, resid_df, resid_deviance, and aic or bic: a row a step, from the start."""
        fits = [move.fit for move in self.path]
        ranks, deviances = (np.array([getattr(each, name) for each in fits]) for name in ("df_resid", "deviance"))
        fall = {} if by_likelihood(self.fit) else {"deviance": np.array([0.0, *np.diff(deviances)])}
        columns: dict[str, object] = {
            "change": np.array([move.change for move in self.path], dtype=object),
            "df": counts([0.0, *np.diff(ranks)]),
            **fall,
            "resid_df": counts(ranks),
            **left_over(fits, self.fit),
            self.criterion: np.array([getattr(each, self.criterion) for each in fits]),
        }
        return Table(columns, f"Stepwise selection by {self.criterion.upper()}: {formula(self.fit)}", self.notes)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def step(fit: Fit, scope: object = None, criterion: str = "aic", direction: str = "both") -> Steps:
    """Drop or add the term that lowers AIC (or BIC) most, again and again, until none does; as R's step.

    `scope` names the terms that may enter, as in `add1`, beside those of the fit; {"lower": …, "upper": …} also names
    terms that must stay. `direction` is "both", "backward" or "forward".

    Raises CapabilityError for a family without a likelihood, and the errors of `add1`.
    """
    for kind, given, known in (("criterion", criterion, CRITERIA), ("direction", direction, DIRECTIONS)):
        refuse_unknown(kind, given, known)
    refuse_incomparable(fit, "step")
    refuse_changed(fit)
    search = search_of(fit, scope, criterion, direction)
    path = [Move("start", fit)]
    while (move := search.best(path[-1].fit)) is not None:
        path.append(move)
    caution = search.caution
    chosen = replace(path[-1].fit, notes=(*fit.notes, *caution))
    path[-1] = Move(path[-1].change, chosen)
    announce(finding for finding in chosen.warnings if finding not in fit.warnings)
    own = tuple(finding.sentence for finding in fit.warnings)
    return Steps(chosen, criterion, tuple(path), (*caution, *shape_note(fit), *own, *search.found))


@dataclass(frozen=True)
class Search:
    """What a stepwise search may do: `schema` has every term that may be in a model, `lower` those that stay, `upper`
    those that may enter, and `seen` the models it has fitted, by the names of their terms.
    """

    wide: Fit
    schema: Schema
    lower: frozenset[frozenset[str]]
    upper: tuple[Term, ...]
    criterion: str
    seen: dict[frozenset[str], Attempt] = field(default_factory=dict)

    @property
    def caution(self) -> tuple[str, ...]:
        """What is to be said with the model that was chosen, if there was a choice."""
        if len(self.seen) == 1:
            return ("there was no other model to choose",)
        return (
            f"chosen by {self.criterion.upper()} from {len(self.seen)} models: p-values, intervals and standard errors "
            "of the chosen model do not know of the choice and do not hold",
        )

    @property
    def found(self) -> list[str]:
        """What was found wrong with models on the way, each sentence once."""
        labels: dict[str, list[str]] = {}
        for tried in self.seen.values():
            for sentence in tried.found:
                labels.setdefault(sentence, []).append(tried.label)
        return [f"{of[0]}{and_more(len(of) - 1)}: {said}" for said, of in labels.items()]

    def best(self, fit: Fit) -> Move | None:
        """The next step from a fit, or None: a term without degrees of freedom leaves first."""
        options = [Move(label, made) for label, made in self.neighbours(fit) if made is not None]
        idle = [move for move in options if move.change[0] == "-" and move.fit.df_resid == fit.df_resid]
        if idle:
            return idle[-1]
        lowest = min(options, key=lambda move: self.value(move.fit), default=None)
        return lowest if lowest is not None and self.value(lowest.fit) < self.value(fit) - LESS else None

    def value(self, fit: Fit) -> float:
        """The criterion; infinite for a perfect fit, of which it says nothing."""
        value = float(getattr(fit, self.criterion))
        return value if np.isfinite(value) else np.inf

    def neighbours(self, fit: Fit) -> list[tuple[str, Fit | None]]:
        """The models that are a term away, fitted once: those with one less, then those with one more."""
        terms = schema_of(fit).formula.terms
        names = frozenset(term.name for term in terms)
        changes = [(f"- {t.name}", names - {t.name}) for t in droppable(terms) if key(t) not in self.lower]
        changes += [(f"+ {t.name}", names | {t.name}) for t in addable(terms, self.upper)]
        return [(label, self.model(wanted).fit) for label, wanted in changes]

    def model(self, names: frozenset[str]) -> Attempt:
        """The model of some terms."""
        if names not in self.seen:
            self.seen[names] = try_terms(self.wide, self.schema, tuple(names), self.wide)
        return self.seen[names]


def search_of(fit: Fit, scope: object, criterion: str, direction: str) -> Search:
    """The search that was asked for. Raises an error where it has nowhere to go or no criterion to go by."""
    if not np.isfinite(getattr(fit, criterion)):
        why = f"{fit.family.label()} has no likelihood" if np.isnan(fit.loglik) else "the fit is perfect to rounding"
        raise CapabilityError(
            f"step goes by {criterion.upper()}, and there is none: {why}; use drop1 and add1 with their tests"
        )
    given = scope if isinstance(scope, Mapping) else {"upper": scope}
    for name in given:
        refuse_unknown("part of scope", name, ("lower", "upper"))
    terms = schema_of(fit).formula.terms
    lower = () if given.get("lower") is None else terms_of(fit, given["lower"], "the lower scope")
    for term in lower:
        if key(term) not in map(key, terms):
            raise unknown_name("term of the lower scope", term.name, [each.name for each in terms if each.factors])
    entering = () if given.get("upper") is None else terms_of(fit, given["upper"])
    if direction == "forward" and not addable(terms, entering):
        raise InputError("direction='forward' needs terms to add: scope='~ . + z', or a list of terms")
    wide, schema = extended(fit, entering)
    own = [term for term in terms if key(term) not in map(key, entering)]
    upper = () if direction == "backward" else (*own, *entering)
    stay = frozenset(map(key, terms if direction == "forward" else lower))
    start = {frozenset(term.name for term in terms): Attempt("", fit)}
    return Search(wide, schema, stay, upper, criterion, start)


def and_more(others: int) -> str:
    """Other models of which the same is said."""
    return f" and {others} more model{'s' if others > 1 else ''}" if others else ""


def formula(fit: Fit) -> str:
    """The formula of a fit."""
    return schema_of(fit).formula.text
