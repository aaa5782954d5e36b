"""Residuals: how far each response is from its mean, on many scales.

Raw ones (McCullagh & Nelder 1989, section 2.4) hold the whole weight of a row, so that their squares sum to the
deviance or to Pearson's X². Standardised, studentised and quantile residuals are those of one observation: a row with
frequency 2 has those of one of two identical rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.diagnostics.raw_residuals import RAW, raw_kernel
from nelder.diagnostics.repetitions import repetitions
from nelder.diagnostics.single_rows import SingleRows, single_rows
from nelder.errors import CapabilityError, DataError, refuse_unknown
from nelder.families import Family
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.simulation import random_stream
from nelder.submodels import schema_of
from nelder.table import Table

STREAM = 1
UNCOUNTED = (
    "the response times its prior weight is no whole number, as it is where a row is the mean of so many counts; "
    "weights=nd.frequency(…) says that rows are repeated, and kind='standardised' needs no counts"
)
MOST = 1_000_000  # observations of repeated rows that quantile residuals are drawn for
EXACT = 10**9  # observations, from which NumPy draws no hypergeometric numbers; so few repeat that none need be


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


def measurable(fit: Fit) -> bool:
    """Whether residuals have a φ to be measured on that is more than rounding."""
    known = fit.family.dispersion_known or fit.dispersion_by == "given"
    perfect = fit.perfect
    return bool(np.isfinite(fit.dispersion)) and fit.dispersion > 0 and (known or not perfect)


def quantile_residuals(fit: Fit, seed: int | None = None) -> Array:
    """Φ⁻¹ of the distribution function at each response (n,): standard normal where the model is true.

    Where a response has a probability of its own, at a random place in its step (Dunn & Smyth 1996), by `seed`; where
    it has none nothing is random. A row that stands for several observations has that of one of them; `QuantileSample`
    has those of all. φ is that of the fit, as in R's statmod. Raises CapabilityError for quasi families, and for
    responses that the family cannot have produced, such as counts that are not whole.
    """
    random, n = random_stream(seed, STREAM), known_quantiles(fit).design.rows
    return scores(fit, np.ones(n, dtype=np.intp), random)


@dataclass(frozen=True)
class QuantileSample:
    """Quantile residuals of single observations: `values` (m,), the `rows` (m,) that these are of, counted from 0, and
    how many `times` (m,) each counts. They are of `total` observations, all of them unless they are `sampled`.
    """

    values: Array
    rows: NDArray[np.intp]
    times: Array
    total: float
    sampled: bool = False

    @property
    def unit(self) -> str:
        """What a residual is of: rows, or observations where rows stand for several."""
        return "observations" if len(self.values) > self.rows[-1] + 1 or self.sampled else "rows"

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on observations that have none."""
        if not self.sampled:
            return ()
        return (f"Quantile residuals are those of {len(self.values):,} of {self.total:,.0f} observations, by chance.",)


def quantile_sample(fit: Fit, seed: int | None = None) -> QuantileSample:
    """A quantile residual for each observation; of more than a million, where rows stand for several, for as many by
    chance. Where nothing is random one residual stands for all observations of its row.

    Raises as `quantile_residuals`.
    """
    objective = known_quantiles(fit)
    looks = [look(fit, block) for block in objective.design.handles]
    times, n = np.concatenate([each for each, _ in looks]), objective.design.rows
    often = repetitions(objective, times)
    if not any(stepped for _, stepped in looks) or (often == 1.0).all():
        return QuantileSample(quantile_residuals(fit, seed), np.arange(n), times, float(times.sum()))
    random, total, most = random_stream(seed, STREAM), float(often.sum()), max(MOST, n)
    count = often.astype(np.intp) if total <= most else among(often.astype(np.intp), most, random)
    values = scores(fit, count, random)
    return QuantileSample(values, np.repeat(np.arange(n), count), np.ones(len(values)), total, total > most)


def look(fit: Fit, block: Block) -> tuple[Array, bool]:
    """How often rows (n,) count, and whether any response has a probability of its own."""
    return block.frequency, bool((fit.family.before(block.y, block.own_precision) != block.y).any())


def among(often: NDArray[np.intp], many: int, random: np.random.Generator) -> NDArray[np.intp]:
    """How many of each row's observations (n,) there are among so many drawn of all."""
    total = int(often.sum())
    if total < EXACT:
        return random.multivariate_hypergeometric(often, many).astype(np.intp)
    return random.multinomial(many, often / total).astype(np.intp)


def scores(fit: Fit, count: NDArray[np.intp], random: np.random.Generator) -> Array:
    """Quantile residuals (m,) of so many observations of each row (n,), one after the other."""
    family, phi, share = fit.family, known_dispersion(fit), random.random(int(count.sum()))
    share = np.clip(share, 2.0**-54, 1.0 - 2.0**-53)
    found, row, begin = [], 0, 0
    for block in fit.rows_of_data("a quantile residual").design.handles:
        rows = np.repeat(np.arange(block.n), count[row : row + block.n])
        with np.errstate(all="ignore"):
            mean, weight = Mean(fit.link, block.eta(fit.point)), block.own_precision
            at = family.log_tails(block.y, mean, phi, weight)
            below = family.log_tails(family.before(block.y, weight), mean, phi, weight)
            own, at, below = (below.lower < at.lower)[rows], at.rows(rows), below.rows(rows)
            between = below.between(at, share[begin : begin + len(rows)])
            found.append(np.where(own, between.normal_score, at.normal_score))
        row, begin = row + block.n, begin + len(rows)
    return np.concatenate(found)


def known_quantiles(fit: Fit) -> Objective:
    """The objective of a fit whose responses have a distribution and a φ; raises CapabilityError or DataError."""
    objective, family = fit.rows_of_data("a quantile residual"), fit.family
    if not family.has_distribution:
        raise CapabilityError(
            f"{family.label()} has no distribution, which quantile residuals are quantiles of: use kind='deviance', or "
            "a family with a likelihood"
        )
    known_dispersion(fit)
    refuse_odd(objective, family)
    return objective


def refuse_odd(objective: Objective, family: Family) -> None:
    """Raise CapabilityError for responses that the family can be fitted to but cannot have produced."""
    impossible, odd = map(int, objective.over_rows(impossible_kernel, family))
    if impossible:
        why = family.odd_words(odd) if odd else f"in {impossible} rows {UNCOUNTED}"
        raise CapabilityError(f"quantile residuals are for responses that {family.label()} can produce: {why}")


def impossible_kernel(block: Block, family: Family) -> Array:
    """How many responses a family cannot have produced, and how many do not look like it (2,)."""
    weight = block.own_precision
    return np.array([np.sum(family.impossible(block.y, weight)), np.sum(family.odd(block.y, weight))])


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
    refuse_unknown("kind of residual", kind, KINDS)
    if kind in OF_ONE_ROW:
        with np.errstate(all="ignore"):
            return OF_ONE_ROW[kind](fit)
    if kind == "quantile":
        return quantile_residuals(fit, seed)
    if kind == "partial":
        shares = partial_residuals(fit)
        return np.reshape([*shares.values()], (len(shares), -1)).T if shares else np.zeros((len(residuals(fit)), 0))
    objective = fit.rows_of_data("a residual")
    return np.concatenate(objective.engine.map(raw_kernel, objective.design.handles, fit.point, objective.loss, kind))
