"""Fits of smaller models to the rows of a fit: without some columns, without some terms, or under linear constraints.

A design that lost columns is the same design with fewer of them. One that lost terms is coded anew, because what is
redundant in the interactions of a formula depends on its other terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, Design
from nelder.errors import CapabilityError, DataError, InputError, unknown_name
from nelder.fit import Fit, Solved, Statistics, Terms
from nelder.fitting import Model, fit_objective, fit_rows
from nelder.formula import Schema, restricted
from nelder.linalg import Array, eliminate
from nelder.objective import Objective
from nelder.observations import Observations
from nelder.parts import Dense
from nelder.ranks import selected
from nelder.solvers import Reason
from nelder.table import Named
from nelder.trace import Recorder


def with_columns(fit: Fit, chosen: NDArray[np.bool_]) -> Fit:
    """The fit of only some columns of `fit.objective` (k,), which are those that were not aliased."""
    objective = fit.rows_of_data("a smaller model")
    small = replace(objective, design=selected(objective, chosen))
    return refit(fit, small)


def refit(fit: Fit, objective: Objective) -> Fit:
    """The fit of another objective on the same rows, with the names of its design."""
    terms = Terms(objective.design.names, fit.terms.response)
    if not objective.design.p:
        return without_columns(fit, objective)
    made = fit_objective(objective, None, terms, Recorder(()))
    return replace(made, kept=fit.kept)


def without_columns(fit: Fit, objective: Objective) -> Fit:
    """The model in which η is the offset alone: nothing is estimated but φ."""
    beta, n = np.zeros(0), objective.design.n
    totals = objective.totals(beta, 1.0)
    if not np.isfinite(objective.values(beta[None, :])[0]):
        low, high = objective.loss.bounds
        raise DataError(
            f"a model without columns has linear predictor {0:g} beside the offset, outside ({low:g}, {high:g}): keep "
            "the intercept or another column"
        )
    family = objective.loss.family
    phi = family.likelihood_dispersion(totals.deviance, totals.weight, n)
    dispersion = 1.0 if family.dispersion_known else totals.pearson / n
    loglik = objective.totals(beta, phi).loglik
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
        objective=objective,
        kept=fit.kept,
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
        if name not in known:
            raise unknown_name("term", name, known)
    return with_schema(fit, restricted(schema, names))


def with_schema(fit: Fit, schema: Schema) -> Fit:
    """The fit of another schema to the same rows: response, weights and offset stay."""
    objective = fit.rows_of_data("another model")
    if fit.kept is None or fit.kept.chunk is None:
        raise CapabilityError("this fit does not hold its columns: fit by formula, nd.glm('y ~ x', data)")
    if not schema.names:
        return refit(fit, replace(objective, design=selected(objective, np.zeros(objective.design.p, dtype=bool))))
    parts = schema.parts(fit.kept.chunk, fit.kept.rows)
    terms = Terms(schema.names, fit.terms.response, schema, fit.terms.offset_given)
    model = Model(fit.family, fit.link, objective.penalty, None, objective.engine)
    return replace(fit_rows(model, parts, observations_of(fit), terms, Recorder(())), kept=fit.kept)


def observations_of(fit: Fit) -> Observations:
    """Response, weights and offset of the rows of a fit, in their order."""
    objective = fit.rows_of_data("its response")
    blocks: Sequence[Block] = objective.design.handles
    y, weight, offset = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("y", "weight", "offset")
    )
    precision = [block.precision for block in blocks if block.precision is not None]
    joined = np.concatenate(precision) if precision else None
    rows = fit.kept.rows if fit.kept is not None else np.arange(len(y))
    return Observations(y, weight, joined, offset, objective.design.n, rows)


@dataclass(frozen=True)
class Constrained:
    """The best fit with L β = r: `beta` (k,) in the columns of the larger fit, and its own fit in fewer coordinates."""

    fit: Fit
    beta: Array


def constrained(fit: Fit, matrix: Array, right: Array) -> Constrained:
    """The fit under matrix (m, k) @ β = right (m,), for the k coefficients of `fit.objective`.

    β = origin + basis γ, where γ are the coefficients that the equations leave free: a fit on the columns X basis with
    offset X origin. Raises InputError where no β meets them all.
    """
    objective = fit.rows_of_data("a fit under constraints")
    solved = eliminate(matrix, right)
    if not solved.consistent:
        raise InputError("the constraints contradict each other: no coefficients meet them all")
    design, free = objective.design, np.setdiff1d(np.arange(objective.design.p), solved.pivots)
    handles = objective.engine.map(turned, design.handles, solved.basis, solved.origin)
    alone = (solved.basis[solved.pivots] == 0).all(axis=0)
    constant = np.where(alone, design.constant[free], 0.0)
    names = tuple(design.names[j] for j in free)
    made = refit(fit, replace(objective, design=Design(handles, names, constant, design.n)))
    return Constrained(made, solved.origin + solved.basis @ np.asarray(made.coef))


def turned(block: Block, basis: Array, origin: Array) -> Block:
    """The block in the coordinates γ of β = origin + basis γ."""
    X = block.dense() @ basis
    columns: tuple[Dense, ...] = (Dense(np.arange(X.shape[1]), X),) if X.shape[1] else ()
    return replace(block, parts=columns, p=X.shape[1], offset=block.eta(origin))
