"""Fits of smaller models to the rows of a fit: without some columns, without some terms, or under linear constraints.

A design that lost columns is the same design with fewer of them. One that lost terms is coded anew, because what is
redundant in the interactions of a formula depends on its other terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.compression import EXACT
from nelder.design import Block, Design, split
from nelder.diagnosis import PerfectFit
from nelder.dispersion import pearson_dispersion
from nelder.errors import CapabilityError, DataError, InputError, refuse_unknown, some_rows
from nelder.estimate import DISTINCT
from nelder.fit import Fit, Solved, Statistics, Terms
from nelder.fitting import constants, fit_objective
from nelder.formula import Schema, restricted
from nelder.joining import joined, with_coded_ones
from nelder.linalg import Array, eliminate
from nelder.objective import Objective
from nelder.observations import Observations
from nelder.parts import Dense
from nelder.ranks import selected
from nelder.shapes import shaped
from nelder.solvers import Reason
from nelder.sources import Chunk, Column, Numbers, concatenated, source_of
from nelder.table import Named
from nelder.trace import Recorder

SAME = 1e-9  # of a deviance: what rounding may change of it when the same rows are read again


def with_columns(fit: Fit, chosen: NDArray[np.bool_]) -> Fit:
    """The fit of only some columns of `fit.objective` (k,), which are those that were not aliased."""
    objective = fit.rows_of_data("a smaller model")
    return refit(fit, replace(objective, design=selected(objective, chosen)))


def refit(fit: Fit, objective: Objective) -> Fit:
    """The fit of another objective on the same rows, with the names of its design."""
    return fitted(fit, objective, Terms(objective.design.names, fit.terms.response))


def fitted(fit: Fit, objective: Objective, terms: Terms) -> Fit:
    """The fit of an objective with the rows of another; findings name rows by their numbers in the caller's table.

    A shape of the family that was estimated is estimated anew, so that deviances are compared by `deviance_lost`.
    """
    loss = replace(objective.loss, family=fit.family_to_fit)
    return with_rows_of(fit, replace(objective, loss=loss), terms)


def held(fit: Fit, objective: Objective) -> Fit:
    """As `refit`, with a shape of the family held where it is, so that deviances can be compared as they are."""
    made = with_rows_of(fit, objective, Terms(objective.design.names, fit.terms.response))
    return replace(made, shape=fit.shape)


def deviance_lost(larger: Fit, smaller: Fit) -> float:
    """By how much the deviance of the smaller fit is the larger one.

    Where a shape was estimated in each, so that their deviances measure different things, φ times twice the difference
    of the log-likelihoods stands for it.
    """
    if larger.shape is None or not larger.shape.estimated or larger.shape == smaller.shape:
        return smaller.deviance - larger.deviance
    return 2.0 * larger.dispersion * (larger.loglik - smaller.loglik)


def with_rows_of(fit: Fit, objective: Objective, terms: Terms) -> Fit:
    """The fit of an objective, its family as it is, with the rows and notes of another fit."""
    if not objective.design.p:
        return replace(without_columns(fit, objective), terms=terms)
    with np.errstate(all="ignore"):  # numbers out of range are judged, not announced by NumPy
        made = fit_objective(objective, None, terms, Recorder(()))
    rows = np.arange(objective.design.rows) if fit.kept is None else fit.kept.rows
    found = tuple(finding.renumbered(rows) for finding in made.warnings)
    return replace(made, warnings=found, notes=notes_of(fit), kept=fit.kept)


def notes_of(fit: Fit) -> tuple[str, ...]:
    """What the notes of a fit say of its rows, and so of other fits to them: not that it was solved on cells."""
    return tuple(note for note in fit.notes if not note.endswith(EXACT))


def without_columns(fit: Fit, objective: Objective) -> Fit:
    """The model in which η is the offset alone: nothing is estimated but φ and a shape."""
    beta, n = np.zeros(0), objective.design.n
    if not np.isfinite(replace(objective, loss=fit.rows_of_data("its offset").loss).values(beta[None, :])[0]):
        low, high = objective.loss.bounds
        raise DataError(
            "a model without columns has linear predictor 0 beside the offset, which family and link do not allow (it "
            f"must lie between {low:g} and {high:g}): keep the intercept or another column"
        )
    known = shaped(objective)
    objective = known.objective
    family, totals = objective.loss.family, objective.totals(beta)
    phi = known.phi or family.likelihood_dispersion(totals.deviance, totals.weight, n)
    loglik = objective.loglik(totals.deviance, phi)
    dispersion = pearson_dispersion(family, totals, n)
    statistics = Statistics(n, 0, totals.deviance, totals.deviance, n, totals.pearson, dispersion, loglik)
    solved = Solved("none", 0, Reason.CONVERGED.value, True, "Gram", objective.penalty.name)
    return Fit(
        Named(beta, ()),
        np.zeros((0, 0)),
        family,
        objective.loss.link,
        statistics,
        Terms((), fit.terms.response),
        solved,
        known.findings if phi > 0 else (*known.findings, PerfectFit(totals.deviance)),
        notes=notes_of(fit),
        objective=objective,
        kept=fit.kept,
        shape=known.shape,
    )


def schema_of(fit: Fit) -> Schema:
    """The schema of a fit by formula; raises CapabilityError for a fit by arrays."""
    if fit.terms.schema is None:
        raise CapabilityError(
            "this fit was made from arrays, which have columns but no terms: fit by formula, nd.glm('y ~ x', data)"
        )
    return fit.terms.schema


def with_terms(fit: Fit, names: Sequence[str]) -> Fit:
    """The fit of only some terms of the formula, by name, coded anew; offsets stay.

    Raises UnknownNameError for a term that the formula does not have.
    """
    schema = schema_of(fit)
    known = [term.name for term in schema.formula.terms]
    for name in names:
        refuse_unknown("term", name, known)
    return with_schema(fit, restricted(schema, names))


def with_schema(fit: Fit, schema: Schema) -> Fit:
    """The fit of another schema to the same rows: response, weights and offset stay."""
    terms = Terms(schema.names, fit.terms.response, schema, fit.terms.offset_given)
    return fitted(fit, objective_of(fit, schema), terms)


def without_term(fit: Fit, name: str) -> Fit:
    """The fit of the columns of all other terms, coded as they are beside this one, as tests of type 3 need it."""
    return refit(fit, objective_without(fit, name))


def objective_without(fit: Fit, name: str) -> Objective:
    """The objective of the columns of all terms but one; those that were aliased are among them, as they may no longer
    be.
    """
    schema = schema_of(fit)
    objective = objective_of(fit, schema) if fit.aliased.any() else fit.rows_of_data("a smaller model")
    others = np.ones(objective.design.p, dtype=bool)
    others[list(dict(schema.spans)[name])] = False
    return replace(objective, design=selected(objective, others))


def objective_of(fit: Fit, schema: Schema) -> Objective:
    """The objective of all p columns of a schema on the rows of a fit, not yet judged for rank.

    Raises CapabilityError for a fit that does not hold its columns.
    """
    objective = fit.rows_of_data("another model")
    if fit.kept is None or fit.kept.chunk is None:
        raise CapabilityError("this fit does not hold its columns: fit by formula, nd.glm('y ~ x', data)")
    if not schema.names:
        return replace(objective, design=selected(objective, np.zeros(objective.design.p, dtype=bool)))
    handles = handles_of(fit, schema)
    known = constants(objective.engine, handles)
    return replace(objective, design=Design(handles, schema.names, known, objective.design.n))


def refuse_changed(fit: Fit) -> None:
    """Raise DataError where a table that other models would read again is gone, or no longer what was fitted: where its
    deviance at the coefficients is another.
    """
    objective, schema = fit.rows_of_data("another model"), fit.terms.schema
    if fit.kept is None or fit.kept.apart is None or schema is None or not schema.names:
        return
    beta = np.where(np.isfinite(fit.coef), fit.coef, 0.0)
    before = objective.values(beta[None, ~fit.aliased])
    if not np.allclose(objective_of(fit, schema).values(beta[None, :]), before, rtol=SAME, atol=0.0):
        raise DataError("the table has changed since the model was fitted: fit again")


def handles_of(fit: Fit, schema: Schema) -> Sequence[Block]:
    """The rows of a fit in the columns of another schema, on their engine."""
    engine, kept = fit.rows_of_data("another model").engine, fit.kept
    assert kept is not None and kept.chunk is not None
    if kept.apart is not None:
        return kept.apart.handles(schema, engine)
    seen, parts = observations_of(fit), schema.parts(kept.chunk, kept.rows)
    block = Block(parts, len(schema.names), seen.y, seen.weight, seen.offset, seen.precision, seen.trials)
    return engine.hold(split(joined(with_coded_ones(block))))


def with_table_columns(fit: Fit, names: Sequence[str]) -> Fit:
    """The same fit, holding more columns of the caller's table at its rows, for models that need them.

    Raises what `table_columns` raises, and DataError where the column is missing in a row of the fit.
    """
    if fit.kept is None or fit.kept.chunk is None:
        raise CapabilityError("this fit does not hold its columns: fit by formula, nd.glm('y ~ x', data)")
    more = [name for name in dict.fromkeys(names) if name not in fit.kept.chunk]
    if not more:
        return fit
    read = table_columns(fit, more)
    for name, column in read.items():
        absent = fit.kept.rows[column.missing].tolist()
        if absent:
            raise DataError(
                f"the number of rows would change: column {name!r} is missing at {some_rows(absent)}, which the fit "
                "used; fit the first model to the rows that are complete in every column"
            )
    return replace(fit, kept=replace(fit.kept, chunk={**fit.kept.known, **read}))


def table_columns(fit: Fit, names: Sequence[str]) -> Chunk:
    """Columns of the caller's table at the rows of a fit by formula, whether or not the formula reads them.

    Raises UnknownNameError for a column that the table does not have, CapabilityError without a table, DataError where
    the table is no longer that of the fit: what the fit knows of it is read along, and compared.
    """
    kept = fit.kept
    assert kept is not None and kept.chunk is not None
    if kept.apart is not None:
        return kept.apart.columns(names)
    if kept.data is None:
        absent = next((name for name in names if name not in kept.chunk), None)
        if absent is not None:
            raise CapabilityError(f"there is no column {absent!r} here: {DISTINCT}")
        return {name: kept.chunk[name] for name in names}
    source, known = source_of(kept.data), kept.chunk
    asked = dict.fromkeys([*names, *(name for name in known if name in source.names)])
    table = concatenated(list(source.chunks(list(asked))))
    total = len(next(iter(table.values())))
    if total != kept.total:
        raise DataError(f"the table has {total} rows now and had {kept.total} when the model was fitted: fit again")
    every = {name: column.take(kept.rows) for name, column in table.items()}
    for name in known:
        if name not in every or not np.array_equal(plain(every[name]), plain(known[name])):
            raise DataError(f"the table has changed since the model was fitted, in column {name!r}: fit again")
    return {name: every[name] for name in names}


def plain(column: Column) -> NDArray[Any]:
    """The values of a column (n,), as they can be compared."""
    return column.values if isinstance(column, Numbers) else np.array(column.levels, dtype=object)[column.codes]


def observations_of(fit: Fit) -> Observations:
    """Response, weights and offset of the rows of a fit, in their order."""
    objective = fit.rows_of_data("its response")
    blocks: Sequence[Block] = objective.design.handles
    y, weight, offset = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("y", "weight", "offset")
    )
    given = ([getattr(block, name) for block in blocks] for name in ("precision", "trials"))
    precision, trials = (None if each[0] is None else np.concatenate(each) for each in given)
    rows = fit.kept.rows if fit.kept is not None else np.arange(len(y))
    return Observations(y, weight, precision, offset, objective.design.n, rows, trials=trials)


@dataclass(frozen=True)
class Constrained:
    """The best fit with L β = r: `beta` (k,) in the columns of the larger fit, and its own fit in fewer coordinates."""

    fit: Fit
    beta: Array


def constrained(fit: Fit, matrix: Array, right: Array, hold_shape: bool = True) -> Constrained:
    """The fit under matrix (m, k) @ β = right (m,), for the k coefficients of `fit.objective`.

    A shape of the family that was estimated is held, or estimated anew so that `deviance_lost` compares the fits.
    β = origin + basis γ, where γ are the coefficients that the equations leave free: a fit on the columns X basis with
    offset X origin. Raises InputError where no β meets them all.
    """
    objective = fit.rows_of_data("a fit under constraints")
    solved = eliminate(matrix, right)
    if not solved.consistent:
        raise InputError("the constraints contradict each other: no coefficients meet them all")
    design, free = objective.design, np.setdiff1d(np.arange(objective.design.p), solved.pivots)
    handles = objective.engine.derive(turned, design.handles, solved.basis, solved.origin)
    alone = (solved.basis[solved.pivots] == 0).all(axis=0)
    constant = np.where(alone, design.constant[free], 0.0)
    names = tuple(design.names[j] for j in free)
    small = replace(objective, design=Design(handles, names, constant, design.n))
    made = held(fit, small) if hold_shape else refit(fit, small)
    return Constrained(made, solved.origin + solved.basis @ np.asarray(made.coef))


def turned(block: Block, basis: Array, origin: Array) -> Block:
    """The block in the coordinates γ of β = origin + basis γ."""
    X = block.dense() @ basis
    columns: tuple[Dense, ...] = (Dense(np.arange(X.shape[1]), X),) if X.shape[1] else ()
    return replace(block, parts=columns, p=X.shape[1], offset=block.eta(origin))
