"""Three tidy tables of a fit, with the column names of R's broom: a row a coefficient, a row a fit, a row a row."""

from __future__ import annotations

import numpy as np

from nelder.design import Block
from nelder.diagnostics.influence import influence
from nelder.diagnostics.residuals import residuals
from nelder.errors import CapabilityError, DataError, a_truth
from nelder.fit import Fit
from nelder.inference.comparisons.columns import counts
from nelder.inference.wald import coefficient_table, statistic_name
from nelder.linalg import Array
from nelder.sources import Chunk, Labels
from nelder.table import Table


def tidy(fit: Fit, level: float = 0.95, exponentiate: bool = False) -> Table:
    """One row a coefficient: term, estimate, std.error, statistic, p.value, conf.low, conf.high.

    Intervals are Wald's, of the covariance in use; broom's of a glm are profiled, which `confint(kind="profile")` does.
    With `exponentiate` estimate and interval are exp(β), while std.error stays on the scale of β, as broom has it.
    """
    table = coefficient_table(fit, level)
    shown = np.exp if a_truth(exponentiate, "exponentiate") else np.asarray
    return Table(
        {
            "term": table["term"],
            "estimate": shown(table["estimate"]),
            "std.error": table["se"],
            "statistic": table[statistic_name(fit)],
            "p.value": table["p"],
            "conf.low": shown(table["lower"]),
            "conf.high": shown(table["upper"]),
        }
    )


def glance(fit: Fit) -> Table:
    """One row: null.deviance, df.null, logLik, AIC, BIC, deviance, df.residual, nobs, and dispersion and converged."""
    return Table(
        {
            "null.deviance": [fit.null_deviance],
            "df.null": counts([fit.df_null]),
            "logLik": [fit.loglik],
            "AIC": [fit.aic],
            "BIC": [fit.bic],
            "deviance": [fit.deviance],
            "df.residual": counts([fit.df_resid]),
            "nobs": counts([fit.statistics.n]),
            "dispersion": [fit.dispersion],
            "converged": [fit.converged],
        }
    )


def augment(fit: Fit) -> Table:
    """One row for each row of the fit: its number .row, the columns of the formula, and what the fit says of it.

    .fitted is the linear predictor and .se.fit its standard error, .resid the deviance residual and .std.resid the
    same standardised, .hat the leverage, .sigma the residual scale without the row, .cooksd Cook's distance. Penalised
    fits, samples and fits without degrees of freedom have no measures of single rows: these are nan, and a note says
    why. Raises DataError for a fit that was loaded without its data.
    """
    objective = fit.rows_of_data("augment()")
    blocks: list[Block] = list(objective.design.handles)
    predicted = fit.predict(kind="link", interval="confidence")
    assert isinstance(predicted, Table)
    single, notes = of_single_rows(fit)
    own = columns_of(fit, blocks)
    return Table(
        {
            ".row": np.arange(len(predicted["fit"])) if fit.kept is None else fit.kept.rows,
            **own,
            ".fitted": predicted["fit"],
            ".se.fit": predicted["se"],
            ".resid": residuals(fit, "deviance"),
            **single,
        },
        notes=notes,
        own=own,
    )


def of_single_rows(fit: Fit) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The columns that say what a row does to the fit (n,), nan where nothing does, and why."""
    names = (".hat", ".sigma", ".cooksd", ".std.resid")
    try:
        found = influence(fit)
        values = (found.leverage, found.sigma, found.cook, residuals(fit, "standardised"))
    except (CapabilityError, DataError) as refusal:
        return dict.fromkeys(names, np.full(len(residuals(fit)), np.nan)), (f"{', '.join(names)}: {refusal}",)
    return dict(zip(names, values, strict=True)), ()


def columns_of(fit: Fit, blocks: list[Block]) -> dict[str, np.ndarray]:
    """The columns that the formula read, or for a fit by arrays the response and the columns of X."""
    if fit.kept is not None and fit.kept.chunk is not None:
        known = fit.kept.known
        return {name: values_of(known, name) for name in known}
    if fit.aliased.any():
        raise CapabilityError("augment() of a fit by arrays shows its columns, of which some were left out as aliased")
    X = np.vstack([block.dense() for block in blocks])
    y = np.concatenate([block.y for block in blocks])
    return {fit.terms.response: y, **{name: X[:, j] for j, name in enumerate(fit.names)}}


def values_of(chunk: Chunk, name: str) -> np.ndarray:
    """A column as an array of numbers or of levels (n,)."""
    column = chunk[name]
    return np.array(column.levels)[column.codes] if isinstance(column, Labels) else column.values
