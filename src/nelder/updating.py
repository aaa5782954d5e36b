"""The same rows fitted again with something changed, as R's update()."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nelder.diagnosis import announce
from nelder.errors import CapabilityError, InputError, NelderError
from nelder.families import FAMILIES, Family
from nelder.fit import Fit, Kept, Terms
from nelder.fitting import fit_objective, found_in_rows
from nelder.formula import Schema, learn, parse_formula
from nelder.inference.covariances.covariance import design_based, with_covariance
from nelder.inference.dispersions import with_dispersion
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.mean import Link
from nelder.names import resolve
from nelder.objective import Objective
from nelder.penalties import PENALTIES, Penalty
from nelder.solvers import SOLVERS, Solver
from nelder.submodels import notes_of, objective_of, observations_of, refuse_changed, schema_of, with_table_columns
from nelder.trace import Recorder


@dataclass(frozen=True)
class Changes:
    """What is to be changed, as `glm` takes it; None leaves it as it was, except that a solver is chosen anew.

    In the formula `.` stands for what the fit has on that side, as in ". ~ . + z - x".
    """

    formula: str | None = None
    family: str | Family | None = None
    link: str | Link | None = None
    solver: str | Solver | None = None
    penalty: str | Penalty | None = None


def update(fit: Fit, changes: Changes) -> Fit:
    """The fit of the same response, weights and offset in the same rows, with some changes.

    Another family comes with its own link unless one is given. The dispersion and the covariance that were chosen for
    the fit are chosen again; where they do not go with the changes, a note says so. Raises DataError for a fit that was
    loaded without its data, InputError for a formula with another response or offset, and what `glm` raises.
    """
    refuse_changed(fit)
    before = fit
    schema = fit.terms.schema if changes.formula is None else None
    if changes.formula is not None:
        fit, schema = with_formula(fit, changes.formula)
    objective = objective_with(fit, schema, changes)
    solver = None if changes.solver in (None, "auto") else resolve("solver", SOLVERS, changes.solver, Solver)
    seen = observations_of(fit)
    objective.loss.family.validate(seen.y, seen.rows, fit.terms.response)
    terms = Terms(objective.design.names, fit.terms.response, schema, fit.terms.offset_given)
    with np.errstate(all="ignore"):  # numbers out of range are judged, not announced by NumPy
        made = fit_objective(objective, solver, terms, Recorder(()))
    found = found_in_rows(made, Kept(seen.rows, len(seen.rows)))
    announce(found)
    made = replace(made, warnings=found, notes=(*made.notes, *notes_of_rows(fit)), kept=fit.kept)
    return chosen_again(before, design_based(made))


def chosen_again(before: Fit, fit: Fit) -> Fit:
    """A fit with the dispersion and the covariance that were chosen for the one before, or a note of each why not."""
    if before.dispersion_by != "pearson":
        given = before.dispersion_by == "given"
        try:
            if given and fit.family != before.family:
                raise CapabilityError(f"it was given for {before.family.label()}, and another family has its own")
            fit = with_dispersion(fit, before.dispersion if given else before.dispersion_by)
        except NelderError as problem:
            fit = noted(fit, f"the dispersion chosen before ({before.dispersion_by})", problem)
    if before.uncertainty is not None and before.uncertainty.kind is not None:
        try:
            fit = with_covariance(fit, before.uncertainty.kind)
        except NelderError as problem:
            fit = noted(fit, f"the covariance chosen before ({before.uncertainty.name})", problem)
    return fit


def noted(fit: Fit, what: str, problem: NelderError) -> Fit:
    """A fit with a note of what it is without."""
    return replace(fit, notes=(*fit.notes, f"without {what}: {problem}"))


def with_formula(fit: Fit, text: str) -> tuple[Fit, Schema]:
    """The fit holding the columns of another formula, and that formula's schema."""
    before = schema_of(fit).formula
    formula = parse_formula(before.updated(text), before.available)
    for what, old, new in (
        ("response", before.response, formula.response),
        ("offset", before.offsets, formula.offsets),
    ):
        if [each.text for each in old] != [each.text for each in new]:
            written = ", ".join(each.text for each in old) or "none"
            kept = "".join(f" + offset({each.text})" for each in old) if what == "offset" and not new else ""
            instead = f"write it too, as {text + kept!r}, or " if kept else ""
            raise InputError(
                f"{text!r} has another {what} than the fit ({written}), which stays: {instead}fit anew with nd.glm"
            )
    fit = with_table_columns(fit, formula.columns)
    assert fit.kept is not None and fit.kept.chunk is not None
    return fit, learn(formula, fit.kept.chunk, fit.kept.rows)


def objective_with(fit: Fit, schema: Schema | None, changes: Changes) -> Objective:
    """The objective of all columns of a schema, or of those that a fit by arrays could tell apart, with the changes."""
    objective = fit.rows_of_data("another fit")
    if schema is not None and (changes.formula is not None or fit.aliased.any()):
        objective = objective_of(fit, schema)
    family, link = fit.family_to_fit, fit.link
    if changes.family is not None:
        family = resolve("family", FAMILIES, changes.family, Family)
        link = family.default_link
    if changes.link is not None:
        link = resolve("link", LINKS, changes.link, Link)
    penalty = objective.penalty
    if changes.penalty is not None:
        penalty = resolve("penalty", PENALTIES, changes.penalty, Penalty)
    return replace(objective, loss=Loss(family, link), penalty=penalty)


def notes_of_rows(fit: Fit) -> tuple[str, ...]:
    """What the notes of a fit say of its rows, which stays true of another fit to them."""
    adjustment = fit.rows_of_data("its notes").penalty.adjustment
    own = adjustment.note if adjustment is not None else None
    return tuple(note for note in notes_of(fit) if note != own)
