"""Intervals of the coefficients, of every kind: Wald's, by profiles of the likelihood, by inverting the score test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, InputError, InputTypeError, unknown_name
from nelder.fit import Fit
from nelder.inference.estimates import Estimates
from nelder.inference.likelihood.ends import End
from nelder.inference.likelihood.paths import Path, path_along
from nelder.inference.likelihood.penalised_intervals import penalised_confint
from nelder.inference.likelihood.profile import Measure, end_of, signed_root
from nelder.inference.likelihood.score import EDGE, signed_score
from nelder.inference.likelihood.tests import held_shape, likelihood_of
from nelder.inference.simultaneous import adjustment
from nelder.inference.wald import checked_level
from nelder.table import Table, count

MEASURES: dict[str, Measure] = {"profile": signed_root, "score": signed_score}
TITLES = {"wald": "Wald", "profile": "profile-likelihood", "score": "score"}


def confint(
    fit: Fit, level: float = 0.95, kind: str = "wald", adjust: str = "none", terms: str | Sequence[str] | None = None
) -> Table:
    """Intervals of the coefficients: columns term, lower, upper.

    `kind` is "wald", estimate ± quantile × standard error with the covariance in use; "profile", the values at which
    the deviance, at its lowest, is within a quantile squared of the fit's in units of φ; or "score", those that the
    score test does not reject (for a proportion alone, Wilson's). Quantiles are Student's where φ is estimated, which
    it is by the fit. `adjust` makes the intervals hold together, as in `simultaneous.ADJUSTMENTS`, and `terms` names
    coefficients, or terms of the formula, to keep to.

    Under separation "profile" and "score" have one finite end, which Wald's has not. An end that is nan has a note.
    Raises UnknownNameError for names that do not exist, and for these two kinds the errors of `likelihood_of`.
    """
    rows, title = chosen(fit, terms), f"{100 * checked_level(level):g}% {title_of(kind)} intervals"
    if kind == "wald":
        return wald_intervals(fit, rows, (level, adjust), title)
    if kind == "profile" and fit.rows_of_data("a profile").penalty.adjustment is not None:
        return penalised_intervals(fit, rows, (level, adjust), title)
    likelihood_of(fit, f"an interval of kind {kind!r}")
    if kind == "score" and fit.at_edge:
        raise CapabilityError(f"this fit lies {EDGE}, and nothing can be inverted: use kind='profile'")
    known = rows[~fit.aliased[rows]]
    reach, note = reach_of(fit, len(known), level, adjust)
    ends, notes = np.full((len(fit.names), 2), np.nan), [*held_shape(fit), *([note] if note else [])]
    if len(known) < len(rows):
        notes.append(f"aliased, and so without intervals: {', '.join(fit.names[j] for j in rows if fit.aliased[j])}")
    if np.isfinite(fit.df_reference):
        notes.append(f"Student's t on {count(fit.df_reference)} degrees of freedom, at the φ of the fit")
    for j in known:
        ends[j], said = interval(fit, int(j), reach, kind)
        notes += said
    return table(fit, rows, ends, title, notes)


def title_of(kind: object) -> str:
    """What a kind of interval is called; raises UnknownNameError for one that does not exist."""
    if not isinstance(kind, str) or kind not in TITLES:
        raise unknown_name("kind of interval", kind, TITLES)
    return TITLES[kind]


def interval(fit: Fit, j: int, reach: float, kind: str) -> tuple[tuple[float, float], list[str]]:
    """The interval of coefficient j, and what is to be said about it."""
    name, column = fit.names[j], int(np.sum(~fit.aliased[:j]))
    try:
        path = path_along(fit, column)
    except CapabilityError as problem:
        return (np.nan, np.nan), [f"{name}: no interval: {problem}"]
    if path.flat:
        return (-np.inf, np.inf), [f"{name}: the data separate and say nothing about it"]
    ends, said = [np.nan, np.nan], []
    for k, (side, where) in enumerate(((-1.0, "below"), (1.0, "above"))):
        try:
            found = end_of(fit, path, side, reach, MEASURES[kind])
        except CapabilityError as problem:
            said.append(f"{name}: no end {where}: {problem}")
            continue
        ends[k] = found.value
        said += [f"{name}: {remark}" for remark in remarks(found, path, side, where)]
    return (ends[0], ends[1]), said


def remarks(found: End, path: Path, side: float, where: str) -> list[str]:
    """What is odd about one end of an interval."""
    said = []
    if found.edge:
        said.append(f"no value {where} gives every row a mean that is allowed")
    if found.value == side * np.inf != path.estimate:
        said.append(f"no value {where} is rejected, however far")
    if found.other:
        said.append(f"{where}, the other coefficients move to another minimum before the end")
    return said


def wald_intervals(fit: Fit, rows: NDArray[np.integer], how: tuple[float, str], title: str) -> Table:
    """Wald's intervals of some coefficients; `how` is level and adjustment."""
    level, adjust = how
    family = Estimates({"term": fit.names}, np.asarray(fit.coef), fit.known_covariance, fit.df_reference).select(rows)
    made, middle = adjustment(adjust)(family, level), np.asarray(fit.coef)[:, None]
    ends = middle + np.asarray(fit.se)[:, None] * np.array([-1.0, 1.0]) * made.reach
    notes = [made.note] if made.note else []
    return table(fit, rows, ends, title, [*notes, *without_wald(fit, rows[np.isnan(ends[rows, 0])])])


def without_wald(fit: Fit, rows: NDArray[np.integer]) -> list[str]:
    """Why these coefficients have no Wald interval."""
    if len(rows) and fit.withholds_errors:
        return [f"no standard errors: the fit is penalised ({fit.solved.penalty})"]
    if len(rows) and not (fit.df_reference > 0 and np.isfinite(fit.dispersion)):
        return [f"no standard errors: {fit.df_reference:g} degrees of freedom are left for them"]
    coef, held = np.asarray(fit.coef), fit.at_edge
    reasons = {
        "aliased, and so without intervals: {}": fit.aliased,
        "Wald's interval has no meaning where an estimate is infinite ({}): kind='profile'": np.isinf(coef),
        "the data separate and say nothing about {}": np.isnan(coef) & ~fit.aliased,
        "held at the edge of the means allowed, and so without a standard error: {}; kind='profile'": held,
        "no standard error, and so no interval: {}": True,
    }
    notes, left = [], rows
    for sentence, where in reasons.items():
        found = np.broadcast_to(where, coef.shape)[left]
        if found.any():
            notes.append(sentence.format(", ".join(fit.names[j] for j in left[found])))
        left = left[~found]
    return notes


def penalised_intervals(fit: Fit, rows: NDArray[np.integer], how: tuple[float, str], title: str) -> Table:
    """Those of a fit whose score was adjusted; see `penalised_intervals.penalised_confint`."""
    level, adjust = how
    adjustment(adjust)
    if adjust != "none":
        raise CapabilityError(
            f"adjust={adjust!r} does not go with kind='profile' and penalty {fit.solved.penalty!r}: give the level "
            f"that each interval is to have, such as level={1 - (1 - level) / max(len(rows), 1):.4g}"
        )
    made = penalised_confint(fit, level)
    return table(fit, rows, np.column_stack([made["lower"], made["upper"]]), title, made.notes)


def table(fit: Fit, rows: NDArray[np.integer], ends: object, title: str, notes: Iterable[str]) -> Table:
    """Columns term, lower, upper of some coefficients, from the ends (p, 2) of all."""
    pairs = np.asarray(ends, dtype=float)[rows]
    columns = {"term": np.array(fit.names)[rows], "lower": pairs[:, 0], "upper": pairs[:, 1]}
    return Table(columns, title, tuple(notes))


def reach_of(fit: Fit, many: int, level: float, adjust: str) -> tuple[float, str]:
    """The quantile that so many intervals together reach, and a sentence on their adjustment, or nothing."""
    method = adjustment(adjust)
    made = method(Estimates({}, np.ones(many), np.eye(many), fit.df_reference), level)
    return float(made.reach), made.note if many else ""


def chosen(fit: Fit, terms: object) -> NDArray[np.integer]:
    """The places of coefficients, given by their names or by those of terms of the formula; all for None."""
    if terms is None:
        return np.arange(len(fit.names))
    names = [terms] if isinstance(terms, str) else terms
    if not isinstance(names, Iterable):
        raise InputTypeError(f"terms must be names of coefficients or terms, not {type(terms).__name__}")
    schema, places = fit.terms.schema, []
    spans = {} if schema is None else {name: list(columns) for name, columns in schema.spans}
    spans |= {name: [j] for j, name in enumerate(fit.names)}
    for name in names:
        if not isinstance(name, str) or name not in spans:
            raise unknown_name("coefficient or term", name, spans)
        places += spans[name]
    if not places:
        raise InputError("terms names nothing: leave it out for all coefficients")
    return np.array(list(dict.fromkeys(places)))
