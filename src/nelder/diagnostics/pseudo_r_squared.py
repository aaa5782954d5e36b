"""How much better than a constant: the measures that go by the name of R², each with its own meaning."""

from __future__ import annotations

import numpy as np

from nelder.design import Block, Ray
from nelder.diagnostics.fitted_rows import sampled
from nelder.errors import DataError
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import UNIT, Mean
from nelder.submodels import with_columns
from nelder.table import Table

SAMPLED = "sampling weights leave no likelihood"
NO_LIKELIHOOD = "the family has no likelihood"
DENSITY = "the likelihood is a density, which has no natural zero"
NOTHING_LOST = "the null model is certain of every response: there is nothing to gain"
NOT_MAXIMAL = "φ is not at its maximum likelihood"


def pseudo_r_squared(fit: Fit) -> Table:
    """Columns measure, value and meaning; nan where a measure does not apply, with the reason as its meaning.

    Against the model with an intercept only, or with none where the fit has none; offset and shape of the family are
    kept. McFadden (1974) 1 − ℓ/ℓ₀, and with k coefficients, intercept included, 1 − (ℓ − k)/ℓ₀; Cox & Snell (1989)
    1 − exp(2(ℓ₀ − ℓ)/n) and Nagelkerke (1991), which divides by its largest value; Tjur (2009) the difference of the
    mean probability of yes and no; D² = 1 − D/D₀, which for least squares is R², and adjusted for degrees of freedom.
    For rows of trials the likelihoods are those of the counts, and n counts rows; Tjur counts trials.
    """
    rows = [*likelihood_measures(fit), tjur(fit), *deviance_measures(fit)]
    names, values, meanings = zip(*rows, strict=True)
    notes: tuple[str, ...] = ()
    if fit.limit is not None:
        notes += ("Some coefficients are infinite: these are the measures of the limit.",)
    elif not fit.converged:
        notes += ("The fit did not converge: its likelihood is not the largest one.",)
    if fit.solved.penalty != "unpenalised":
        notes += ("The fit is penalised: its likelihood is not the largest one.",)
    columns = {"measure": names, "value": np.array(values, dtype=float), "meaning": meanings}
    return Table(columns, f"Pseudo-R² of {fit.family.label()} with link {fit.link.label()}", notes)


def likelihood_measures(fit: Fit) -> list[tuple[str, float, str]]:
    """The measures made of ℓ and ℓ₀."""
    family, n, k = fit.family, fit.statistics.n, fit.statistics.rank
    discrete = family.dispersion_known
    why = "" if family.has_likelihood else NO_LIKELIHOOD
    why = SAMPLED if sampled(fit) else why
    null = np.nan if why else null_loglik(fit)
    if np.isnan(null) and not why:
        why = "the fit was loaded without its data" if fit.objective is None else "the null model has no optimum"
    no_zero = why or ("" if discrete else DENSITY) or ("" if null else NOTHING_LOST)
    no_maximum = why or ("" if discrete or family.constant_variance else NOT_MAXIMAL)
    with np.errstate(all="ignore"):
        gain, most = -np.expm1(2.0 * (null - fit.loglik) / n), -np.expm1(2.0 * null / n)
        values = [
            ("mcfadden", 1.0 - np.divide(fit.loglik, null), no_zero, "share of the log-likelihood of the null model"),
            (
                "mcfadden_adjusted",
                1.0 - np.divide(fit.loglik - k, null),
                no_zero,
                "the same, less one for each coefficient",
            ),
            ("cox_snell", gain, no_maximum, "gain in likelihood on the scale of R²"),
            ("nagelkerke", gain / most, no_zero, "cox_snell as a share of the most it can be"),
        ]
    return [(name, np.nan if word else float(value), word or meaning) for name, value, word, meaning in values]


def null_loglik(fit: Fit) -> float:
    """The log-likelihood with an intercept only, by refit; nan where it cannot be had."""
    if fit.objective is None:
        return float("nan")
    constant = np.flatnonzero(fit.objective.design.constant)[:1]
    chosen = np.zeros(fit.objective.design.p, dtype=bool)
    chosen[constant] = True
    try:
        with np.errstate(all="ignore"):
            null = with_columns(fit, chosen)
    except DataError:  # without an intercept, the offset alone may be no mean
        return float("nan")
    return null.loglik if null.converged or isinstance(null.point, Ray) else float("nan")


def tjur(fit: Fit) -> tuple[str, float, str]:
    """Mean probability where the response is yes, less that where it is no."""
    if fit.family.mean_interval != UNIT:
        return "tjur", np.nan, "for responses between no and yes only"
    if fit.objective is None:
        return "tjur", np.nan, "the fit was loaded without its data"
    objective = fit.objective
    yes, yes_mean, no, no_mean = objective.over_rows(tjur_kernel, fit.point, objective.loss)
    if not (yes > 0 and no > 0):
        return "tjur", np.nan, "every response is the same"
    return "tjur", float(yes_mean / yes - no_mean / no), "mean probability of a yes, less that of a no"


def tjur_kernel(block: Block, beta: Array | Ray, loss: Loss) -> Array:
    """Σ of yes, of their means, of no, of theirs."""
    with np.errstate(all="ignore"):
        mu = Mean(loss.link, block.eta(beta)).mu
    yes, no = block.weight * block.y, block.weight * (1.0 - block.y)
    return np.array([yes.sum(), yes @ mu, no.sum(), no @ mu])


def deviance_measures(fit: Fit) -> list[tuple[str, float, str]]:
    """D² and its adjusted form."""
    known = np.isfinite(fit.null_deviance) and fit.null_deviance > 0
    share = fit.deviance / fit.null_deviance if known else np.nan
    word = "" if known else "the null deviance is zero or not finite"
    free = fit.df_resid > 0 and fit.df_null > 0
    adjusted = 1.0 - share * fit.df_null / fit.df_resid if free else np.nan
    left = word or ("" if free else "no degrees of freedom are left")
    return [
        ("d2", 1.0 - share, word or "share of the deviance that is explained"),
        ("d2_adjusted", adjusted, left or "the same, each deviance over its degrees of freedom"),
    ]
