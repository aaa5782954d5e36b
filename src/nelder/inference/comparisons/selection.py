"""One term more or less: drop1 and add1.

AIC is `fit.aic` of each model fitted for itself, in which φ is estimated anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nelder.errors import InputError, unknown_name
from nelder.fit import Fit
from nelder.formula import Schema, Term, restricted
from nelder.inference.comparisons.columns import counts
from nelder.inference.comparisons.deviance import (
    Attempt,
    Change,
    attempt,
    change,
    fallen,
    left_over,
    reference_of,
    refuse_incomparable,
    shape_note,
    usual_test,
)
from nelder.inference.comparisons.scopes import addable, droppable, extended, key, terms_of, written
from nelder.inference.dispersions import with_dispersion
from nelder.submodels import refuse_changed, schema_of, with_schema
from nelder.table import Table

NONE = "(none)"


@dataclass(frozen=True)
class Neighbour:
    """A model with one term less or more: the `larger` and the `smaller` of the two, and which of them was `tried`."""

    term: str
    larger: Fit | None
    smaller: Fit | None
    tried: Attempt


def drop1(fit: Fit, scope: object = None, test: str | None = None) -> Table:
    """The model without each term that no other contains, as R's drop1; the rest is coded anew.

    Columns term, df, deviance (the rise), resid_deviance, aic, chi2 or F, p; the first row is the fit itself. `scope`,
    a list of terms or a formula such as "~ a + b", names those that may go. `test` as in `anova`, with φ of the fit.

    Raises InputError for a term that is not in the model or that another contains.
    """
    terms = schema_of(fit).formula.terms
    name = usual_test(fit, test)
    refuse_incomparable(fit, "drop1")
    refuse_changed(fit)
    free = droppable(terms)
    chosen = free if scope is None else terms_of(fit, scope)
    for term in chosen:
        refuse_kept(term, terms, free)
    names = tuple(term.name for term in terms)
    tried = [(term.name, try_terms(fit, schema_of(fit), [n for n in names if n != term.name], fit)) for term in chosen]
    rows = [Neighbour(term, fit, made.fit, made) for term, made in tried]
    return single_terms(fit, rows, name, "Without one term")


def add1(fit: Fit, scope: object, test: str | None = None) -> Table:
    """The model with each term of a scope more, as R's add1; the columns that it reads may be others of the table.

    Columns as of `drop1`, where deviance is the fall. `scope` is a list of terms or a formula such as "~ . + z + x:w",
    in which `.` are the terms there are. A term that contains another of the scope waits for it. φ of the tests is that
    of each larger model.

    Raises InputError where there is nothing to add, DataError where a column is missing in a row of the fit.
    """
    schema = schema_of(fit)
    name = usual_test(fit, test)
    refuse_incomparable(fit, "add1")
    refuse_changed(fit)
    chosen = addable(schema.formula.terms, terms_of(fit, scope))
    if not chosen:
        raise InputError(f"scope={scope!r:.60} has no term that {schema.formula.text!r} does not have already")
    wide, whole = extended(fit, chosen)
    names = [term.name for term in schema.formula.terms]
    tried = [(term.name, try_terms(wide, whole, [*names, term.name], fit)) for term in chosen]
    rows = [Neighbour(term, made.fit, fit, made) for term, made in tried]
    return single_terms(fit, rows, name, "With one term more")


def try_terms(wide: Fit, schema: Schema, names: Sequence[str], beside: Fit) -> Attempt:
    """The fit of some terms of a schema, by name, to the rows of a fit that holds the columns they need."""
    kept = [term.name for term in schema.formula.terms if term.name in names]
    return attempt(written(kept), lambda: with_schema(wide, restricted(schema, kept)), beside)


def refuse_kept(term: Term, terms: Sequence[Term], free: Sequence[Term]) -> None:
    """Raise an error for a term that cannot be dropped: it is not there, or another contains it."""
    if key(term) not in map(key, terms):
        raise unknown_name("term", term.name, [each.name for each in terms if each.factors])
    if key(term) not in map(key, free):
        around = next(each.name for each in terms if key(term) < key(each))
        raise InputError(
            f"{term.name!r} is part of {around!r}: without it the model would be the same, coded otherwise; drop "
            f"{around!r} first, or see anova(type=3) for a test that takes the coding as it is"
        )


def scaled_as(fit: Fit, larger: Fit | None) -> Fit:
    """The larger model of a pair, with φ had in the way of the fit; the fit itself where that is given or there is no
    other.
    """
    if larger is None or larger is fit or fit.dispersion_by == "given":
        return fit
    return larger if larger.perfect or fit.dispersion_by == "pearson" else with_dispersion(larger, fit.dispersion_by)


def single_terms(fit: Fit, rows: Sequence[Neighbour], test: str, title: str) -> Table:
    """The table of a fit and its neighbours, each tested with φ of the larger model."""
    changes = [change(row.larger, row.smaller, test == "rao") for row in rows]
    references = [reference_of(scaled_as(fit, row.larger), test) for row in rows]
    tests = [reference.columns([made]) for reference, made in zip(references, changes, strict=True)]
    fits = [fit, *(row.tried.fit for row in rows)]
    column = reference_of(fit, test).column
    columns: dict[str, object] = {
        "term": np.array([NONE, *(row.term for row in rows)], dtype=object),
        "df": counts([0.0, *(made.df for made in changes)]),
        **fallen([Change(0.0, 0.0), *changes], fit),
        **left_over(fits, fit),
        "aic": np.array([np.nan if each is None else each.aic for each in fits]),
        column: np.array([np.nan, *(made[column][0] for made in tests)]),
        "p": np.array([np.nan, *(made["p"][0] for made in tests)]),
    }
    if np.isnan(fit.loglik):
        del columns["aic"]
    terms = [row.term for row in rows]
    notes: list[str] = [*shape_note(fit)]
    scales = [note for reference in references for note in reference.notes]
    notes += scales if len(set(scales)) == 1 else ["φ is that of each larger model"] if scales else []
    notes += reference_of(fit, test).remarks(terms, changes)
    notes += [finding.sentence for finding in fit.warnings]
    notes += [note for row in rows for note in row.tried.notes]
    scores = ", by score tests" if test == "rao" else ""
    return Table(columns, f"{title}{scores}: {schema_of(fit).formula.text}", tuple(dict.fromkeys(notes)), [0])
