"""Residuals: how far each response is from its mean, on many scales.

Raw ones (McCullagh & Nelder 1989, section 2.4) hold the whole weight of a row, so that their squares sum to the
deviance or to Pearson's X². Standardised, studentised and quantile residuals are those of one observation: a row with
frequency 2 has those of one of two identical rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.design import Block
from nelder.diagnostics.raw_residuals import RAW, raw_kernel
from nelder.diagnostics.single_rows import SingleRows, single_rows
from nelder.errors import CapabilityError, DataError, unknown_name
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.simulation import random_stream
from nelder.submodels import schema_of
from nelder.table import Table

STREAM = 1


def standardised(fit: Fit) -> Array:
    """Deviance residuals over √(φ (1 − h)), h the leverage: R's rstandard. nan where h is 1."""
    rows = single_rows(fit, "a standardised residual")
    return rows.deviance / (np.sqrt(known_dispersion(fit)) * rows.root)


def standardised_pearson(fit: Fit, known: SingleRows | None = None) -> Array:
    """Pearson residuals over √(φ (1 − h)): R's rstandard(type = "pearson"). nan where h is 1.

    The `single` of an influence, where that is known, saves having the leverages again.
    """
    rows = known or single_rows(fit, "a standardised residual")
    return rows.pearson / (np.sqrt(known_dispersion(fit)) * rows.root)


def studentised(fit: Fit) -> Array:
    """sign(y − μ) √(d² + h p² / (1 − h)) with deviance and Pearson residuals d and p, over the scale without the row.

    Its square is about the fall in deviance when the row is taken out (Williams 1987): R's rstudent. The scale is 1
    where φ is known, which R knows for binomial and poisson only. nan where h is 1.
    """
    rows = single_rows(fit, "a studentised residual")
    known_dispersion(fit)
    if not fit.family.dispersion_known and np.isnan(rows.deleted_scale).all():
        raise DataError("studentised residuals need more than one residual degree of freedom: use kind='standardised'")
    joint = np.sqrt(rows.deviance**2 + rows.leverage * (rows.pearson / rows.root) ** 2)
    return np.sign(rows.deviance) * joint / (1.0 if fit.family.dispersion_known else rows.deleted_scale)


def known_dispersion(fit: Fit) -> float:
    """φ; raises DataError where it is not known or zero."""
    if not (np.isfinite(fit.dispersion) and fit.dispersion > 0):
        why = "the fit is perfect" if fit.dispersion == 0 else "no degrees of freedom are left"
        raise DataError(f"the dispersion is {fit.dispersion:g}, as {why}: residuals have no scale to be measured on")
    return fit.dispersion


def quantile_residuals(fit: Fit, seed: int | None = None) -> Array:
    """Φ⁻¹ of the distribution function at each response (n,): standard normal where the model is true.

    Where a response has a probability of its own, at a random place in its step (Dunn & Smyth 1996), by `seed`; where
    it has none nothing is random. φ is that of the fit, as in R's statmod. Raises CapabilityError for quasi families,
    and for responses that the family cannot have produced, such as counts that are not whole.
    """
    random = random_stream(seed, STREAM)
    objective, family = fit.rows_of_data("a quantile residual"), fit.family
    if not family.has_distribution:
        raise CapabilityError(
            f"{family.label()} has no distribution, which quantile residuals are quantiles of: use kind='deviance', or "
            "a family with a likelihood"
        )
    phi, begin = known_dispersion(fit), 0
    n = objective.design.rows
    share = np.clip(random.random(n), 2.0**-54, 1.0 - 2.0**-53)
    found = []
    for block in objective.design.handles:
        refuse_odd(fit, block)
        rows = slice(begin, begin + block.n)
        with np.errstate(all="ignore"):
            mean, weight = Mean(fit.link, block.eta(fit.point)), block.own_precision
            at = family.log_tails(block.y, mean, phi, weight)
            below = family.log_tails(family.before(block.y, weight), mean, phi, weight)
            own = below.lower < at.lower
            found.append(np.where(own, below.between(at, share[rows]).normal_score, at.normal_score))
        begin += block.n
    return np.concatenate(found)


def refuse_odd(fit: Fit, block: Block) -> None:
    """Raise CapabilityError for responses that the family can be fitted to but cannot have produced."""
    odd = fit.family.oddities(block.y, block.own_precision)
    if odd:
        raise CapabilityError(f"quantile residuals are for responses that {fit.family.label()} can produce: {odd}")


def partial_residuals(fit: Fit) -> Table:
    """Working residuals plus each term's share of η, one column a term, the intercept left out.

    With an intercept each share is centred at its mean over the observations: R's residuals(type = "partial"). Raises
    CapabilityError for fits by arrays, which have no terms, and for separated ones, whose shares are infinite.
    """
    spans = [(name, columns) for name, columns in schema_of(fit).spans if name != "Intercept"]
    centred = len(spans) < len(schema_of(fit).spans)
    objective = fit.rows_of_data("a partial residual")
    if fit.limit is not None:
        raise CapabilityError(
            "partial residuals need finite coefficients, and here some are infinite (separation; see fit.warnings): "
            "refit without the columns that separate the data"
        )
    beta, place = np.asarray(fit.point), np.cumsum(~fit.aliased) - 1
    masks = np.zeros((len(spans), len(beta)))
    for mask, (_, columns) in zip(masks, spans, strict=True):
        mask[place[[j for j in columns if not fit.aliased[j]]]] = 1.0
    parts = objective.engine.map(shares_kernel, objective.design.handles, beta * masks)
    shares = np.concatenate([part.T for part in parts])
    if centred:
        count = np.concatenate([block.frequency for block in objective.design.handles])
        shares = shares - count @ shares / count.sum()
    left = residuals(fit, "working")
    return Table({name: left + shares[:, j] for j, (name, _) in enumerate(spans)})


def shares_kernel(block: Block, betas: Array) -> Array:
    """X β (t, n) for each of betas (t, k), without the offset."""
    return np.stack([block.along(beta) for beta in betas]) if len(betas) else np.zeros((0, block.n))


OF_ONE_ROW: dict[str, Callable[[Fit], Array]] = {
    "standardised": standardised,
    "standardised_pearson": standardised_pearson,
    "studentised": studentised,
}
KINDS = (*RAW, *OF_ONE_ROW, "partial", "quantile")


def residuals(fit: Fit, kind: str = "deviance", seed: int | None = None) -> Array:
    """Residuals of one kind (n,), in the order of the rows that were fitted; (n, terms) of kind "partial".

    `kind` is anscombe, deviance, pearson, response or working; standardised, standardised_pearson or studentised;
    partial; or quantile, for which alone `seed` is. Raises UnknownNameError for another, DataError for a fit that was
    loaded without its data.
    """
    if kind in OF_ONE_ROW:
        with np.errstate(all="ignore"):
            return OF_ONE_ROW[kind](fit)
    if kind == "quantile":
        return quantile_residuals(fit, seed)
    if kind == "partial":
        shares = partial_residuals(fit)
        return np.reshape([*shares.values()], (len(shares), -1)).T if shares else np.zeros((len(residuals(fit)), 0))
    if kind not in RAW:
        raise unknown_name("kind of residual", kind, KINDS)
    objective = fit.rows_of_data("a residual")
    return np.concatenate(objective.engine.map(raw_kernel, objective.design.handles, fit.point, objective.loss, kind))
