"""The likelihood away from its maximum: elsewhere, and at the best coefficients that meet a hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nelder.design import Ray
from nelder.diagnosis import Aliased, IllConditioned, Imprecise, OddResponse, Runaway
from nelder.errors import CapabilityError, DataError, InputError
from nelder.fit import Fit
from nelder.inference.hypotheses.linear import Hypotheses, listed, matrix_of_hypotheses
from nelder.inference.simultaneous import f_tail
from nelder.linalg import Array, eliminate
from nelder.objective import Objective
from nelder.observations import numeric
from nelder.submodels import Constrained, constrained, deviance_lost
from nelder.table import Named, Table, number

SAME = 1e-9  # of a deviance, or of φ: one that is smaller by more is that of another minimum
# findings about the columns and the response as such, which are those of the larger fit
SHARED = (Aliased, IllConditioned, Imprecise, OddResponse)


def deviance_at(fit: Fit, betas: object) -> Array:
    """The deviance (k,) at each of betas (k, p), or one number for one beta (p,); infinite where a mean is not allowed.

    Where φ is 1, half of it is minus the log-likelihood up to a constant. Raises DataError for a fit without its data.
    """
    if fit.objective is None:
        raise DataError("this fit was loaded without its data: the deviance elsewhere needs the rows")
    given = numeric(betas, "betas")
    many = np.atleast_2d(given)
    if many.ndim != 2 or many.shape[1] != len(fit.names):
        raise DataError(f"betas has shape {given.shape}; it needs {len(fit.names)} coefficients in each row")
    objective = fit.objective
    penalties = np.array([objective.penalty.value(beta, objective.free) for beta in many[:, ~fit.aliased]])
    values = 2 * (objective.values(many[:, ~fit.aliased]) - penalties)
    return values if given.ndim == 2 else values[0]


def likelihood_of(fit: Fit, what: str) -> Objective:
    """The objective of a fit at whose end the likelihood has its maximum, so that `what` can be built on it.

    Raises CapabilityError for a fit with another covariance or with a penalty, one that ran away, and a perfect one
    where φ is estimated; InputError for one that did not converge; DataError for one without data or degrees of
    freedom.
    """
    objective = fit.rows_of_data(what)
    if fit.uncertainty is not None:
        raise CapabilityError(
            f"{what} rests on the likelihood, which knows nothing of the covariance in use ({fit.uncertainty.name}): "
            "use kind='wald' and wald_test, which take it, or the fit as it was before that covariance was chosen"
        )
    if fit.solved.penalty != "unpenalised":
        raise CapabilityError(
            f"{what} rests on the maximum of the likelihood, and this fit is held away from it by a penalty "
            f"({fit.solved.penalty}): fit with penalty='unpenalised'"
        )
    if any(isinstance(finding, Runaway) for finding in fit.warnings):
        raise CapabilityError(
            f"{what} needs the lowest deviance, and the lowest that was found here lies at infinity though some rows "
            "object to it: use a link that can reach the responses, such as the family's own"
        )
    if not fit.converged and fit.limit is None:
        raise InputError(
            f"{what} needs the lowest deviance, and this fit did not converge ({fit.reason}): take more steps, or use "
            "solver='newton'"
        )
    refuse_without_dispersion(fit, what)
    return objective


def refuse_without_dispersion(fit: Fit, what: str) -> None:
    """Raise DataError where no degrees of freedom are left to estimate φ, CapabilityError where the fit is perfect."""
    if fit.family.dispersion_known or fit.dispersion_by == "given":
        return
    if not fit.df_resid > 0:
        raise DataError(
            f"{what} measures deviances by φ, and {fit.df_resid:g} residual degrees of freedom are left to estimate "
            "it: fit fewer coefficients or more rows"
        )
    if not fit.dispersion > 0 or fit.perfect:
        raise CapabilityError(
            f"{what} measures deviances by φ, and this fit is perfect, so that φ is nothing but rounding: fit fewer "
            "columns, or look for the response among the predictors"
        )


@dataclass(frozen=True)
class Under:
    """The best fit under hypotheses that were `asked`, in the coordinates of the larger one; `notes` say what is odd
    about it.
    """

    asked: Hypotheses
    best: Constrained
    notes: tuple[str, ...]

    def rows(self, fit: Fit) -> Objective:
        """The larger fit's objective without the rows whose means are at their limits here: which those are is read in
        the coordinates of the smaller fit, as in the larger one rounding may seem to move others.
        """
        objective, best = fit.rows_of_data("a score"), self.best.fit
        if not isinstance(best.point, Ray):
            return objective
        limits = [np.isinf(best.point.eta(block)) for block in best.rows_of_data("a score").design.handles]
        return objective.without(np.flatnonzero(np.concatenate(limits)))

    def point(self, fit: Fit) -> Array:
        """Where it stands in those rows: β (k,) of the larger fit."""
        point = self.best.fit.point
        if not isinstance(point, Ray):
            return self.best.beta
        solved = eliminate(self.asked.of_point(fit), self.asked.right)
        return np.asarray(solved.origin + solved.basis[:, ~self.best.fit.aliased] @ point.base)


def under(fit: Fit, hypotheses: object, what: str, hold_shape: bool = True) -> Under:
    """Fit the model once more, under hypotheses as `hypotheses.matrix_of_hypotheses` reads them.

    They may be about infinite coefficients too: what is compared are fits, not estimates. Raises the errors of
    `likelihood_of`, InputError where the fit under the hypotheses does not converge or is the better one, and DataError
    where no mean is allowed under them.
    """
    likelihood_of(fit, what)
    some = np.where(fit.aliased, np.nan, np.where(np.isfinite(fit.coef), fit.coef, 0.0))
    asked = matrix_of_hypotheses(replace(fit, coef=Named(some, fit.names)), hypotheses)
    said = ", ".join(asked.labels)
    try:
        with np.errstate(invalid="ignore"):  # infinite coefficients have no combinations
            best = constrained(fit, asked.of_point(fit), asked.right, hold_shape)
    except DataError as problem:
        raise DataError(f"under {said} no fit was found: {problem}") from None
    if not best.fit.converged and best.fit.limit is None:
        raise InputError(f"under {said} the fit does not converge ({best.fit.reason}): {what} has nothing to compare")
    if deviance_lost(fit, best.fit) < -SAME * max(fit.deviance, fit.dispersion):
        raise InputError(
            f"under {said} the deviance is {best.fit.deviance:.8g}, below the {fit.deviance:.8g} of the fit that has "
            "these coefficients free: that one stands at a minimum which is not the lowest; fit it again from "
            f"solver=nd.Newton(start={np.round(best.beta, 6).tolist()})"
        )
    known = (*SHARED, *map(type, fit.warnings))
    found = (finding for finding in best.fit.warnings if not isinstance(finding, known))
    notes = (
        *(held_shape(fit) if hold_shape else ()),
        *(f"under the hypothesis: {finding.sentence}" for finding in found),
    )
    return Under(asked, best, notes)


def likelihood_ratio(fit: Fit, hypotheses: object) -> Table:
    """All hypotheses at once, by what they cost in deviance: (D under them − D) / φ (Wilks 1938).

    Columns chi2, df, p where φ is known; else F, which is that over df, with df and df_residual, as in R's
    anova(test="F"): φ is that of the fit itself. For quasi families it is the ratio of quasi-likelihoods (McCullagh &
    Nelder 1989, section 9.3). Hypotheses are texts, as "x1 = x2", a matrix (m, p) or (matrix, right); a shape of the
    family that was estimated is estimated anew under them, and twice the change in log-likelihood is chi2, as in
    `compare`. Errors are those of `under`.
    """
    compared = under(fit, hypotheses, "a likelihood-ratio test", hold_shape=False)
    lost = max(deviance_lost(fit, compared.best.fit), 0.0) / fit.dispersion
    kind = "Likelihood-ratio" if fit.family.has_likelihood else "Quasi-likelihood-ratio"
    m = len(compared.asked.right)
    # each fit has its own φ where it has its own shape, so that none is there to divide by
    df = np.inf if fit.shape is not None and fit.shape.estimated else fit.df_reference
    return tested(f"{kind} test of {listed(compared.asked.labels)}", lost, m, df, compared.notes)


def tested(title: str, statistic: float, m: int, df: float, notes: Sequence[str] = ()) -> Table:
    """A statistic in units of φ on m degrees of freedom, with its p-value: F for a φ that was estimated on `df`, and χ²
    where that is infinite.
    """
    p = f_tail(np.array([statistic / m]), m, df)
    if np.isinf(df):
        return Table({"chi2": [statistic], "df": [m], "p": p}, title, tuple(notes))
    whole = int(df) if df == int(df) else df
    return Table({"F": [statistic / m], "df": [m], "df_residual": [whole], "p": p}, title, tuple(notes))


def held_shape(fit: Fit) -> tuple[str, ...]:
    """A word on the shape of the family, where it was estimated and is now held."""
    if fit.shape is None or not fit.shape.estimated:
        return ()
    return (f"{fit.shape.name} is held at its estimate, {number(fit.shape.value)}",)
