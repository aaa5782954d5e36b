"""Analysis of deviance by the terms of a formula: what each term explains, beside which others.

Type 1 takes the terms in order, each after those before it, as R's anova. Type 2 takes each after all others that do
not contain it, and type 3 after all others whatsoever, as car's Anova (Fox & Weisberg 2019, section 5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nelder.design import Ray
from nelder.errors import CodingWarning, DataError, InputError, warn
from nelder.fit import Fit
from nelder.formula import Schema, Term, quoted, restricted
from nelder.formula.expressions import lookup
from nelder.formula.schema import CategoricalFactor
from nelder.inference.comparisons.columns import counts
from nelder.inference.comparisons.deviance import (
    REDUNDANT,
    Attempt,
    attempt,
    change,
    fallen,
    left_over,
    reference_of,
    refuse_incomparable,
    refuse_unsettled,
    shape_note,
    usual_test,
)
from nelder.inference.comparisons.nesting import beyond, nesting
from nelder.inference.comparisons.scopes import contains, key, written
from nelder.inference.simultaneous import f_tail
from nelder.inference.variances import squared_length
from nelder.linalg import Array
from nelder.submodels import objective_of, objective_without, refuse_changed, schema_of, with_terms, without_term
from nelder.table import Table, count

TYPES = {"1": 1, "2": 2, "3": 3, "i": 1, "ii": 2, "iii": 3}
WORDS = {
    1: "each term after those above it",
    2: "each term after all others that do not contain it",
    3: "each term after all others",
}
CENTRED = 1e-9  # of a coding's largest entry: what the sum of one of its columns may be
SMALL = 1e-9  # in standard errors: a weight in a combination that rounding left
WHAT = "analysis of deviance"


def anova(fit: Fit, type: int | str = 2, test: str | None = None) -> Table:
    """Analysis of deviance by terms: type 1 (R's anova.glm), 2 or 3 (car's Anova), also as "I", "II", "III".

    Columns term, df, deviance (the fall it causes), for type 1 also resid_df and resid_deviance, then chi2 or F, and p.
    `test` is "chisq" (likelihood ratio), "F", "rao" (score) or "wald", which takes the covariance in use and fits no
    other model; by default F where φ is estimated and chisq where it is known, and wald where the fit was given another
    covariance. φ is that of the fit, throughout.

    Raises CapabilityError for fits from arrays and penalised fits, DataError for loaded fits.
    """
    kind, schema = kind_of(type), schema_of(fit)
    comparisons = COMPARISONS[kind](schema.formula.terms)
    loose = uncentred_factors(schema) if kind == 3 else []
    if loose:
        warn(at_base_levels(loose), CodingWarning)
    by_wald = fit.uncertainty is not None if test is None else str(test).lower() == "wald"
    made = (
        wald_tests(fit, comparisons) if by_wald else deviance_tests(fit, comparisons, usual_test(fit, test, ("wald",)))
    )
    of_models = {"resid_df", *left_over([], fit)}
    columns = {name: values for name, values in made.items() if kind == 1 or name not in of_models}
    title = f"{made.title}, type {kind}: {schema.formula.text}"
    return Table(columns, title, (*words_on(kind, schema), *made.notes))


def kind_of(type: int | str, argument: str = "type") -> int:
    """1, 2 or 3; raises InputError naming the argument for another type."""
    if isinstance(type, bool) or str(type).lower() not in TYPES:
        raise InputError(
            f"{argument}={type!r}: give 1 (terms in order), 2 (each term after those that do not contain it) or 3 "
            "(each after all others)"
        )
    return TYPES[str(type).lower()]


@dataclass(frozen=True)
class Model:
    """Some terms of a formula, coded anew; or, where one is `lost`, the columns that the others have beside it."""

    terms: tuple[str, ...]
    lost: str | None = None

    def is_whole(self, fit: Fit) -> bool:
        """Whether it is the model that was fitted."""
        return self.lost is None and len(self.terms) == len(schema_of(fit).formula.terms)

    def fitted(self, fit: Fit) -> Fit:
        """Its fit to the rows of a fit."""
        if self.is_whole(fit):
            return fit
        return with_terms(fit, self.terms) if self.lost is None else without_term(fit, self.lost)

    def basis(self, fit: Fit) -> Array:
        """The coefficients (k, ·) of the fit that it allows."""
        own = fit.rows_of_data(WHAT)
        if self.is_whole(fit):
            return np.eye(own.design.p)
        if self.lost is not None:
            return nesting(own, objective_without(fit, self.lost)).basis
        return nesting(own, objective_of(fit, restricted(schema_of(fit), self.terms))).basis

    @property
    def words(self) -> str:
        """What it is called where something is said about it."""
        return f"without {self.lost}" if self.lost is not None else written(self.terms)


@dataclass(frozen=True)
class Comparison:
    """The test of a term: a model with it, and one without."""

    term: str
    larger: Model
    smaller: Model


def in_order(terms: Sequence[Term]) -> list[Comparison]:
    """Type 1: the terms up to this one, against those before it."""
    names = tuple(term.name for term in terms)
    up_to = {term.name: place for place, term in enumerate(terms) if term.factors}
    return [Comparison(name, Model(names[: i + 1]), Model(names[:i])) for name, i in up_to.items()]


def beside_others(terms: Sequence[Term]) -> list[Comparison]:
    """Type 2: the terms that do not contain this one, with it and without."""
    made = []
    for term in terms:
        if term.factors:
            others = tuple(other.name for other in terms if not contains(other, term))
            larger = tuple(other.name for other in terms if other.name in others or other == term)
            made.append(Comparison(term.name, Model(larger), Model(others)))
    return made


def beside_all(terms: Sequence[Term]) -> list[Comparison]:
    """Type 3: all columns, against those of the other terms."""
    whole = Model(tuple(term.name for term in terms))
    return [Comparison(term.name, whole, Model(whole.terms, term.name)) for term in terms if term.factors]


COMPARISONS: dict[int, Callable[[Sequence[Term]], list[Comparison]]] = {1: in_order, 2: beside_others, 3: beside_all}


def deviance_tests(fit: Fit, comparisons: Sequence[Comparison], test: str) -> Table:
    """Tests by fitting the models that are compared, each once."""
    refuse_incomparable(fit, WHAT)
    refuse_changed(fit)
    models = dict.fromkeys(model for each in comparisons for model in (each.smaller, each.larger))
    found = {
        model: Attempt("", fit) if model.is_whole(fit) else attempt(model.words, partial(model.fitted, fit), fit)
        for model in models
    }
    changes = [change(found[each.larger].fit, found[each.smaller].fit, test == "rao") for each in comparisons]
    left = [found[each.larger].fit for each in comparisons]
    reference, terms = reference_of(fit, test), [each.term for each in comparisons]
    columns: dict[str, object] = {
        "term": np.array(terms, dtype=object),
        "df": counts([made.df for made in changes]),
        **fallen(changes, fit),
        "resid_df": counts([np.nan if each is None else each.df_resid for each in left]),
        **left_over(left, fit),
        **reference.columns(changes),
    }
    said = dict.fromkeys(note for tried in found.values() for note in tried.notes)
    title = "Analysis of deviance by score tests" if test == "rao" else "Analysis of deviance"
    own = tuple(finding.sentence for finding in fit.warnings)
    return Table(columns, title, (*shape_note(fit), *reference.notes, *reference.remarks(terms, changes), *own, *said))


def wald_tests(fit: Fit, comparisons: Sequence[Comparison]) -> Table:
    """Tests by the covariance in use: F on its degrees of freedom where these are finite, else χ²."""
    refuse_unsettled(fit, WHAT)
    by_df, terms = np.isfinite(fit.df_reference), [each.term for each in comparisons]
    tests = [wald_statistic(fit, each) for each in comparisons]
    dfs = np.array([made.df for made in tests])
    shares = np.array([made.statistic / max(made.df, 1) for made in tests])
    columns: dict[str, object] = {
        "term": np.array(terms, dtype=object),
        "df": dfs,
        "F" if by_df else "chi2": shares if by_df else shares * dfs,
        "p": np.array(
            [f_tail(np.array([share]), df, fit.df_reference)[0] for share, df in zip(shares, dfs, strict=True)]
        ),
    }
    notes = [f"covariance: {fit.uncertainty.name}"] if fit.uncertainty is not None else []
    if by_df:
        notes.append(f"F on {count(fit.df_reference)} degrees of freedom")
    notes += [f"no statistic for {term}: {made.why}" for term, made in zip(terms, tests, strict=True) if made.why]
    return Table(columns, "Wald tests", notes)


@dataclass(frozen=True)
class WaldStatistic:
    """χ² on `df` degrees of freedom, or nan and why."""

    df: int
    statistic: float
    why: str = ""


def wald_statistic(fit: Fit, comparison: Comparison) -> WaldStatistic:
    """The squared length of what the larger model has beyond the smaller, in the metric of the covariance in use."""
    covariance = fit.point_covariance
    finite = np.isfinite(np.asarray(fit.coef)[~fit.aliased]) & (np.diagonal(covariance) > 0)
    larger, smaller = comparison.larger.basis(fit), comparison.smaller.basis(fit)
    weights = beyond(np.where(np.isnan(covariance), 0.0, covariance), larger, smaller)
    touched = np.abs(weights * np.where(finite, np.asarray(fit.se)[~fit.aliased], 1.0)).max(axis=0, initial=0.0) > SMALL
    if fit.uncertainty is None and np.isnan(reference_of(fit, "F").dispersion):
        return WaldStatistic(len(weights), np.nan, "nothing is left over after the fit to judge it by")
    if not len(weights):
        return WaldStatistic(0, np.nan, f"no degrees of freedom; {REDUNDANT}")
    if (touched & ~finite).any():
        return WaldStatistic(len(weights), np.nan, "a coefficient is not finite, or has no standard error")
    point = fit.point.base if isinstance(fit.point, Ray) else fit.point
    try:
        return WaldStatistic(len(weights), squared_length(fit, weights, weights @ np.where(finite, point, 0.0)))
    except DataError as problem:
        return WaldStatistic(len(weights), np.nan, str(problem))


def words_on(kind: int, schema: Schema) -> list[str]:
    """What the tests of a type mean for a formula."""
    terms = [term for term in schema.formula.terms if term.factors]
    if not terms:
        return ["the formula has no terms beside the intercept"]
    words, loose = [WORDS[kind]], uncentred_factors(schema)
    full = {name for piece in schema.pieces for name, reduced in piece.factors if not reduced}
    bare = len(terms) == len(schema.formula.terms)
    if kind != 2 and bare and any(isinstance(schema.factors[name], CategoricalFactor) for name in full):
        words.append("without an intercept a factor that stands for it is tested for means of zero, not for equal ones")
    if kind == 3 and any(contains(other, term) for term in terms for other in terms if other != term):
        words.append("type 3 depends on how factors are coded, and on where numeric columns of interactions are zero")
        words += [at_base_levels(loose)] if loose else []
    return words


def at_base_levels(loose: Sequence[CategoricalFactor]) -> str:
    """What tests of type 3 are about where these factors are coded by their levels, and what to do."""
    names = ", ".join(factor.expression.text for factor in loose)
    instead = ", ".join(f"C({quoted(lookup(column))}, contr.sum)" for f in loose for column in f.expression.columns)
    return (
        f"type 3 tests terms inside interactions at the base level of {names}, whose coding does not sum to zero: for "
        f"averages over the levels write {instead}, or use type=2"
    )


def uncentred_factors(schema: Schema) -> list[CategoricalFactor]:
    """The factors by whose coding tests of type 3 are not of averages over their levels: those that only some larger
    term has, beside a term inside it, and whose coding does not sum to zero.
    """
    terms = [term for term in schema.formula.terms if term.factors]
    beside = {name for term in terms for other in terms if contains(other, term) for name in key(other) - key(term)}
    return [
        factor
        for name, factor in schema.factors.items()
        if name in beside and isinstance(factor, CategoricalFactor) and not is_centred(factor.reduced.coding.full())
    ]


def is_centred(coding: Array) -> bool:
    """Whether each column of a coding (levels, k) sums to zero."""
    return bool(np.abs(coding.sum(axis=0)).max(initial=0.0) <= CENTRED * np.abs(coding).max(initial=0.0))
