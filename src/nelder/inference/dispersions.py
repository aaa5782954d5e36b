"""The dispersion φ of a fit by several estimators, and fits that take another than Pearson's.

Pearson's X² over its degrees of freedom is what a fit begins with, as it needs the variance only and not the whole
distribution. The maximum of the likelihood is more precise where the distribution holds, and misleads where it does
not; the deviance over its degrees of freedom is near φ where φ is small (McCullagh & Nelder 1989, section 8.3.6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nelder.dispersion import dispersion_information, likeliest_dispersion
from nelder.errors import CapabilityError, DataError, InputError, a_number, refuse_unknown
from nelder.fit import Fit
from nelder.table import Table

WHAT = "the dispersion of highest likelihood"


def pearson(fit: Fit) -> tuple[float, float]:
    """Pearson's X² / residual df."""
    return over_df(fit, fit.statistics.pearson)


def deviance(fit: Fit) -> tuple[float, float]:
    """Deviance / residual df."""
    return over_df(fit, fit.deviance)


def over_df(fit: Fit, total: float) -> tuple[float, float]:
    """A sum over the residual degrees of freedom, nan without any; its standard error for the normal distribution."""
    if not fit.df_resid > 0:
        return math.nan, math.nan
    exact = fit.family.constant_variance and fit.family.has_likelihood
    return total / fit.df_resid, total / fit.df_resid * math.sqrt(2 / fit.df_resid) if exact else math.nan


def likeliest(fit: Fit) -> tuple[float, float]:
    """The φ of highest likelihood and its standard error, from the observed information.

    Raises CapabilityError for quasi families and samples, which have no likelihood, and where φ is known, DataError for
    a fit without its data.
    """
    family = fit.family
    if family.dispersion_known:
        raise CapabilityError(f"{WHAT}: {family.label()} knows it, it is 1")
    if not family.has_likelihood:
        raise CapabilityError(
            f"{WHAT}: {family.label()} is a quasi family, which has no likelihood: use 'pearson' or 'deviance'"
        )
    objective = fit.rows_of_data(WHAT)
    if objective.sampling:
        raise CapabilityError(f"{WHAT}: a sample with sampling weights has no likelihood: use 'pearson'")
    with np.errstate(all="ignore"):
        phi = likeliest_dispersion(objective, fit.point)
        if not phi > 0:
            return 0.0, math.nan
        return phi, phi / math.sqrt(dispersion_information(objective, fit.point, phi))


METHODS: dict[str, Callable[[Fit], tuple[float, float]]] = {"pearson": pearson, "deviance": deviance, "ml": likeliest}


def dispersions(fit: Fit) -> Table:
    """φ by each method that there is: columns method, estimate, se (nan where it is not known).

    "pearson" is X² and "deviance" the deviance over the residual degrees of freedom, "ml" the maximum of the likelihood
    in φ at the means of the fit: deviance / n for the normal and the inverse Gaussian distribution, MASS's
    gamma.dispersion for the gamma. Prior weights divide the variance. Where φ is known to be 1, and for quasi families,
    there is no "ml".
    """
    notes, rows = [], [(name, *METHODS[name](fit)) for name in ("pearson", "deviance")]
    if fit.family.dispersion_known:
        notes.append(f"φ of {fit.family.label()} is 1: these say how the responses vary beside that")
    elif not fit.family.has_likelihood:
        notes.append(f"{fit.family.label()} is a quasi family: there is no likelihood, and no φ that makes it highest")
    elif fit.objective is None:
        notes.append("the fit was loaded without its data: its φ of highest likelihood needs the rows")
    elif not fit.objective.sampling:
        rows.append(("ml", *likeliest(fit)))
    columns = zip(*rows, strict=True)
    title = f"Dispersion of {fit.family.label()} with link {fit.link.label()}"
    return Table(dict(zip(("method", "estimate", "se"), columns, strict=True)), title, notes)


def with_dispersion(fit: Fit, method: str | float) -> Fit:
    """The fit with another φ, which standard errors, tests and intervals then follow, as R's summary(fit, dispersion=).

    `method` is "pearson", "deviance" or "ml", whose φ is an estimate, so that tests are t tests; or a number, which
    is taken as known, so that they are z tests. Log-likelihood, AIC and BIC stay what they are.

    Raises CapabilityError where φ is known to be 1, where there is no likelihood for "ml", and for a fit with another
    covariance; InputError for a number that is not positive; DataError where nothing is left to estimate φ from.
    """
    if fit.family.dispersion_known:
        raise CapabilityError(
            f"φ of {fit.family.label()} is 1, and another would leave it without a likelihood: fit with a quasi "
            "family, such as 'quasipoisson' or 'quasibinomial', or use a robust covariance"
        )
    if fit.uncertainty is not None:
        raise CapabilityError(
            f"the covariance in use ({fit.uncertainty.name}) is not made from φ: choose φ for the fit as it was before "
            "that covariance"
        )
    if isinstance(method, str):
        refuse_unknown("method for the dispersion", method, METHODS)
        phi, how = METHODS[method](fit)[0], method
        if not phi > 0:
            left = "the fit is perfect" if phi == 0 else "no residual degrees of freedom are left"
            raise DataError(f"method={method!r}: {left}, so that there is nothing to estimate φ from")
    else:
        phi, how = a_number(method, "the dispersion"), "given"
        if not (phi > 0 and math.isfinite(phi)):
            raise InputError(f"method={phi:g}: the dispersion is a positive number, or one of {', '.join(METHODS)}")
    return replace(fit, statistics=replace(fit.statistics, dispersion=phi), dispersion_by=how)


def gamma_shape(fit: Fit) -> Table:
    """α = 1/φ of a gamma distribution at the maximum of its likelihood, as MASS's gamma.shape: columns alpha, se.

    The standard error is from the observed information in α, the means held (Venables & Ripley 2002, section 7.6).

    Raises CapabilityError for another family, and the errors of `likeliest`.
    """
    if fit.family.inverse_dispersion != "shape":
        raise CapabilityError(
            f"gamma_shape is about gamma distributions, and this fit is {fit.family.label()}: dispersions(fit) shows "
            "its φ"
        )
    phi, se = likeliest(fit)
    alpha, error = (1 / phi, se / phi**2) if phi > 0 else (math.inf, math.nan)
    return Table({"alpha": np.array([alpha]), "se": np.array([error])}, "Shape of the gamma distribution")
