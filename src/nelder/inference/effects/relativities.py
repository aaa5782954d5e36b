"""exp(β) with its name: odds ratios, rate ratios, relativities, with base levels shown as 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nelder.errors import CapabilityError
from nelder.fit import Fit
from nelder.formula.schema import CategoricalFactor, Piece, Schema
from nelder.inference.effects.averaging import said_of
from nelder.inference.estimates import Estimates, Shown
from nelder.mean import UNIT
from nelder.table import COEFFICIENTS, Table

BASELINE = {"log": "mean", "logit": "odds", "cloglog": "hazard"}  # what exp(η) is, by link
BASES = "1 and dashes: a base level, with which the others of its term are compared"


def ratio_name(fit: Fit) -> str:
    """What exp(β) is: odds_ratio, hazard_ratio, risk_ratio, rate_ratio or ratio.

    Raises CapabilityError for a link where exp(β) means nothing.
    """
    if fit.link.name not in BASELINE:
        raise CapabilityError(
            f"exp(β) means nothing under the link {fit.link.label()}: relativities need "
            f"{', '.join(BASELINE)}; see comparisons(kind='ratio') for ratios of means"
        )
    if fit.link.name != "log":
        return f"{BASELINE[fit.link.name]}_ratio"
    if fit.family.mean_interval == UNIT:
        return "risk_ratio"
    return "rate_ratio" if fit.family.counts else "ratio"


def exponentiated(fit: Fit) -> Estimates:
    """exp(β) of each coefficient: column term and one named by `ratio_name`, with se by the delta method, and the test
    and interval of β (Agresti 2013, section 5.1). That of the intercept is a mean, odds or hazard, and no ratio.
    """
    name = ratio_name(fit)
    covariance = fit.known_covariance
    values = np.asarray(fit.coef)
    made = Estimates({"term": list(fit.names)}, values, covariance, fit.df_reference, exponentiated=True)
    return replace(made, shown=Shown(name=name), title=f"exp(β) of {fit.terms.response}", notes=notes_of(fit))


def notes_of(fit: Fit) -> tuple[str, ...]:
    """What the numbers do not say."""
    notes = []
    if fit.aliased.any():
        notes.append(f"nan: {', '.join(np.array(fit.names)[fit.aliased])} cannot be told from the others (aliased)")
    if fit.limit is not None:
        notes.append("the data separate: ratios of 0 and inf are limits, and have no standard error")
        unsaid = np.isnan(np.asarray(fit.coef)) & ~fit.aliased
        if unsaid.any():
            notes.append(f"nan: the data separate and say nothing about {', '.join(np.array(fit.names)[unsaid])}")
    if fit.withholds_errors:
        notes.append(f"no standard errors: the fit is penalised ({fit.solved.penalty})")
    return (*notes, *said_of(fit))


@dataclass(frozen=True)
class Line:
    """A row of the table: term and level, and the column of the design, or None for a base level."""

    term: str
    level: str
    column: int | None


def relativities(fit: Fit, level: float = 0.95) -> Table:
    """exp(β) by term and level, with base levels as rows of 1: columns term, level, one named by `ratio_name`, se,
    z or t, p, lower, upper.

    A row without a level is for one more of a numeric column. A factor has a base row where its coding compares with
    one, and does not for contrasts of another kind. Raises CapabilityError for a link where exp(β) means nothing.
    """
    found = exponentiated(fit).table(level)
    lines = lines_of(fit)
    columns: dict[str, object] = {"term": [line.term for line in lines], "level": [line.level for line in lines]}
    for name in list(found)[1:]:
        base = 1.0 if name == ratio_name(fit) else np.nan
        columns[name] = np.array([base if line.column is None else found[name][line.column] for line in lines])
    start = f"Intercept: the {BASELINE[fit.link.name]} where all else is 0 or at its base"
    said: tuple[str, ...] = (start,) if any(line.term == "Intercept" for line in lines) else ()
    bases = [row for row, line in enumerate(lines) if line.column is None]
    said += (BASES,) if bases else ()
    table = Table(columns, f"Relativities of {fit.terms.response}", (*said, *found.notes), bases)
    return table.showing(COEFFICIENTS)


def lines_of(fit: Fit) -> list[Line]:
    """The rows of the table, in the order of the design."""
    schema = fit.terms.schema
    if schema is None:
        return [Line(name, "", column) for column, name in enumerate(fit.names)]
    lines = []
    for term, columns in schema.spans:
        pieces = [piece for piece in schema.pieces if piece.first in columns and piece.names]
        for piece in pieces:
            lines += _lines(schema, term, piece)
    return lines


def _lines(schema: Schema, term: str, piece: Piece) -> list[Line]:
    factor = schema.factors[piece.factors[0][0]] if len(piece.factors) == 1 else None
    places = range(piece.first, piece.first + len(piece.names))
    if not isinstance(factor, CategoricalFactor):
        return [Line(term, name if name != term else "", at) for name, at in zip(piece.names, places, strict=True)]
    coding = factor.coding(piece.factors[0][1]).coding
    if coding.kept is None:
        return [Line(term, name, place) for name, place in zip(piece.names, places, strict=True)]
    column = dict(zip(coding.kept.tolist(), places, strict=True))
    return [Line(term, str(label), column.get(code)) for code, label in enumerate(factor.levels)]
