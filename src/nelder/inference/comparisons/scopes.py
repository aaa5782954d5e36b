"""Which terms may leave a model and which may enter it.

A term stays while a larger one contains it, and enters once no other candidate that it contains is still outside
(marginality, Nelder 1977): a:b after a and b, and out before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nelder.errors import InputError, InputTypeError
from nelder.fit import Fit
from nelder.formula import Schema, Term, learn, parse_formula
from nelder.formula.schema import assemble
from nelder.submodels import schema_of, with_table_columns


def key(term: Term) -> frozenset[str]:
    """What makes two terms the same: their factors, in any order."""
    return frozenset(factor.text for factor in term.factors)


def contains(term: Term, other: Term) -> bool:
    """Whether every factor of the other is one of this term's, as a:b contains a, b and itself."""
    return key(other) <= key(term)


def droppable(terms: Sequence[Term]) -> list[Term]:
    """The terms, other than the intercept, that no other contains."""
    return [term for term in terms if term.factors and not any(key(term) < key(other) for other in terms)]


def addable(terms: Sequence[Term], candidates: Sequence[Term]) -> list[Term]:
    """The candidates that are not among the terms and contain no other such candidate."""
    known = set(map(key, terms))
    outside = [term for term in candidates if term.factors and key(term) not in known]
    return [term for term in outside if not any(key(other) < key(term) for other in outside)]


def terms_of(fit: Fit, scope: object, argument: str = "scope") -> tuple[Term, ...]:
    """The terms, without the intercept, of a scope: names of terms, or a formula in which `.` stands for those that the
    fit has; terms of the fit are given as the fit has them.

    Raises FormulaError or InputTypeError for a scope that cannot be read.
    """
    schema = schema_of(fit)
    if isinstance(scope, str):
        text = scope if "~" in scope else f"~ {scope}"
    elif isinstance(scope, list | tuple) and all(isinstance(name, str) for name in scope):
        text = f"~ {' + '.join(scope) or '1'}"
    else:
        raise InputTypeError(f"{argument} must be a formula such as '~ . + z' or a list of terms, not {scope!r:.60}")
    text = schema.formula.spelled_out(text.partition("~")[2])
    read = parse_formula(f"~ {text}", schema.formula.available)
    if read.offsets:
        raise InputError(f"{argument}={scope!r:.60} has an offset, which is no term that can be added or dropped")
    own = {key(term): term for term in schema.formula.terms}
    return tuple(own.get(key(term), term) for term in read.terms if term.factors)


def written(names: Sequence[str]) -> str:
    """The right-hand side of terms, the intercept among them, by their names."""
    others = [name for name in names if name != "Intercept"]
    return f"~ {' + '.join(others) or '1'}" if "Intercept" in names else f"~ {' + '.join(['0', *others])}"


def extended(fit: Fit, terms: Sequence[Term]) -> tuple[Fit, Schema]:
    """The fit, holding the columns that more terms read, and the schema of its terms and these.

    What the fit has learned stays as it is. Raises DataError where a new column is missing in a row of the fit, or a
    new term is not finite there.
    """
    schema = schema_of(fit)
    known = set(map(key, schema.formula.terms))
    new = [term for term in terms if term.factors and key(term) not in known]
    if not new:
        return fit, schema
    wide = with_table_columns(fit, [name for term in new for factor in term.factors for name in factor.columns])
    assert wide.kept is not None and wide.kept.chunk is not None
    learned = learn(replace(schema.formula, terms=tuple(new), offsets=()), wide.kept.chunk, wide.kept.rows)
    whole = sorted([*schema.formula.terms, *new], key=lambda term: len(term.factors))
    factors, states = {**learned.factors, **schema.factors}, {**learned.states, **schema.states}
    made = assemble(schema.formula.with_terms(whole), factors, states)
    made.parts(wide.kept.chunk, wide.kept.rows)  # values that are not finite are an error here, not a term that fails
    return wide, made
