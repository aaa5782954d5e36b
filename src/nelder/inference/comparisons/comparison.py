"""Nested fits side by side: analysis of deviance, in order of size, with AIC and BIC."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from nelder.errors import DataError, InputError, InputTypeError, some_rows
from nelder.fit import Fit
from nelder.inference.comparisons.columns import counts
from nelder.inference.comparisons.deviance import (
    Change,
    change,
    fallen,
    left_over,
    reference_of,
    refuse_incomparable,
    shape_note,
    usual_test,
)
from nelder.inference.comparisons.nesting import nesting
from nelder.table import Table

WHAT = "a comparison of models"
INSTEAD = "compare their aic or bic, which need no nesting"


def compare(fit: Fit, others: Fit | Sequence[Fit], test: str | None = None) -> Table:
    """Nested fits in order of size, each tested against the one before it, as R's anova(m1, m2, …).

    Columns model, resid_df, resid_deviance, df, deviance (what was gained), chi2 or F, p, aic, bic; without a
    likelihood the last two are left out. `test` is "chisq", "F" or "rao" (the score test), by default F where φ is
    estimated, by the largest fit, and chisq where it is known.

    Raises InputError where the fits are not nested or not of the same family, link, rows, response and weights,
    CapabilityError for penalised fits and those with another covariance, DataError for loaded fits.
    """
    fits = ordered(fit, others)
    largest = fits[-1]
    name = usual_test(largest, test)
    for smaller in fits[:-1]:
        refuse_unlike(smaller, largest)
    for smaller, larger in itertools.pairwise(fits):
        refuse_unnested(smaller, larger)
    reference = reference_of(largest, name)
    changes = [change(larger, smaller, name == "rao") for smaller, larger in itertools.pairwise(fits)]
    shown = [Change(0.0, 0.0), *changes]  # the smallest gains nothing on another
    labels = [described(each) for each in fits]
    columns: dict[str, object] = {
        "model": labels,
        "resid_df": counts([each.df_resid for each in fits]),
        **left_over(fits, largest),
        "df": counts([made.df for made in shown]),
        **fallen(shown, largest),
        **reference.columns(shown),
        **criteria(fits),
    }
    notes = (
        *shape_note(largest),
        *reference.notes,
        *reference.remarks(labels[1:], changes, "the same model as the one above it"),
        *findings(fits),
    )
    title = f"Analysis of deviance: {largest.family_to_fit.label()} with link {largest.link.label()}"
    return Table(columns, f"{title}{', score tests' if name == 'rao' else ''}", notes, [0])


def ordered(fit: Fit, others: Fit | Sequence[Fit]) -> list[Fit]:
    """The fits, each fit to be compared, from the fewest coefficients to the most."""
    fits = []
    for each in [fit, *others] if isinstance(others, list | tuple) else [fit, others]:
        if not isinstance(each, Fit):
            raise InputTypeError(f"compare takes fits, such as those of nd.glm, not {type(each).__name__}")
        refuse_incomparable(each, WHAT)
        fits.append(each)
    if len(fits) < 2:
        raise InputError("compare needs two fits or more; anova(fit) tests the terms of one")
    return sorted(fits, key=lambda each: each.statistics.rank)


def refuse_unlike(fit: Fit, other: Fit) -> None:
    """Raise an error for two fits that are not of the same family, link, rows, response and weights."""
    ours, theirs = ((each.family_to_fit.label(), each.link.label()) for each in (fit, other))
    if fit.family_to_fit != other.family_to_fit or fit.link != other.link:
        (a, with_a), (b, with_b) = ours, theirs
        raise InputError(
            f"the fits are {a} with link {with_a} and {b} with link {with_b}: neither contains the other, so that no "
            "test compares them; compare their aic or bic, where both have a likelihood"
        )
    refuse_other_rows(fit, other)
    mine, its = (each.rows_of_data(WHAT).design.handles for each in (fit, other))
    for role in ("y", "weight", "precision", "trials"):
        pairs = (
            (block.weight if values is None else values, twin.weight if others is None else others)
            for block, twin in zip(mine, its, strict=True)
            for values, others in [(getattr(block, role), getattr(twin, role))]
        )
        if not all(np.array_equal(a, b) for a, b in pairs):
            what = "responses" if role == "y" else "weights"
            raise InputError(
                f"the fits have different {what}, so that their deviances measure different things: fit them to the "
                f"same {what}"
            )


def refuse_other_rows(fit: Fit, other: Fit) -> None:
    """Raise DataError for two fits that are not of the same rows of a table, naming rows that only one has."""
    assert fit.kept is not None and other.kept is not None
    if fit.kept.total != other.kept.total:
        raise DataError(
            f"the fits are of tables with {fit.kept.total} and {other.kept.total} rows: fit both to the same table"
        )
    only = np.setxor1d(fit.kept.rows, other.kept.rows)
    if len(only):
        raise DataError(
            f"the fits are not of the same rows: {some_rows(only.tolist())} of the table "
            f"{'is' if len(only) == 1 else 'are'} in one of them only, left out of the other for a missing value or a "
            "weight of zero; fit both to the rows that are complete in every column"
        )


def refuse_unnested(smaller: Fit, larger: Fit) -> None:
    """Raise InputError where the smaller model has a linear predictor that the larger does not."""
    nest = nesting(larger.rows_of_data(WHAT), smaller.rows_of_data(WHAT))
    if nest.outside:
        named = ", ".join(map(repr, nest.outside[:5])) + (", …" if len(nest.outside) > 5 else "")
        verb = "is no combination" if len(nest.outside) == 1 else "are no combinations"
        raise InputError(
            f"{described(smaller)!r} is not nested in {described(larger)!r}: {named} of the former {verb} of the "
            f"columns of the latter; {INSTEAD}"
        )


def described(fit: Fit) -> str:
    """The formula of a fit, or its response and columns."""
    if fit.terms.schema is not None:
        return fit.terms.schema.formula.text
    few = len(fit.names) <= 6
    return f"{fit.terms.response} ~ {' + '.join(fit.names) if few else f'{len(fit.names)} columns'}"


def criteria(fits: Sequence[Fit]) -> dict[str, object]:
    """The columns aic and bic, none where there is no likelihood."""
    if np.isnan([each.loglik for each in fits]).any():
        return {}
    return {"aic": [each.aic for each in fits], "bic": [each.bic for each in fits]}


def findings(fits: Sequence[Fit]) -> tuple[str, ...]:
    """What was found wrong with the fits, each with the model it is about."""
    return tuple(f"{described(each)}: {finding.sentence}" for each in fits for finding in each.warnings)
