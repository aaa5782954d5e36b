"""The link test: does η̂² still explain something beside η̂?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nelder.diagnostics.fitted_rows import caveats, fitted_rows, refitted, regular
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.inference.estimates import Estimates
from nelder.linalg import Array
from nelder.table import Table

NAMES = ("constant", "eta", "eta^2")


def link_test(fit: Fit, level: float = 0.95) -> Table:
    """Refit the response to 1, η̂ and η̂², with the same family and link; columns term, estimate, se, z or t, p, lower,
    upper.

    If link and linear predictor are right, the coefficient of η̂² is zero (Pregibon 1980; Tukey 1949). η̂ includes the
    offset. Weights are those of the fit.

    Raises CapabilityError where η̂ takes fewer than three values, and for separated or penalised fits, DataError where
    no degrees of freedom are left.
    """
    estimates = link_estimates(fit)
    p = float(estimates.table(level)["p"][2])
    says = "the link or the form of the predictors is in doubt" if p < 0.05 else "nothing speaks against link and form"
    title = f"Link test of {fit.family.label()} with link {fit.link.label()}"
    return replace(estimates, title=title, notes=(*caveats(fit), f"p of eta^2: {says}.")).table(level)


def link_estimates(fit: Fit) -> Estimates:
    """The three coefficients of the link test with their covariance.

    They are fitted in h = (η̂ − centre) / size, which keeps its square apart from it, and written out in η̂.
    """
    regular(fit, "the link test")
    if fit.df_resid <= 0:
        raise DataError("no degrees of freedom are left: with a coefficient for each row any link fits")
    rows = fitted_rows(fit, "the link test")
    eta, weight = rows.mean.eta, rows.weight
    few = CapabilityError(
        "the link test needs three different linear predictors or more: with fewer, η̂² is a combination of 1 and η̂"
    )
    if len(np.unique(rows.score)) < 3:
        raise few
    centre = float(np.average(eta, weights=weight))
    size = float(np.sqrt(np.average((eta - centre) ** 2, weights=weight)))
    h = (eta - centre) / size
    columns = dict(zip(NAMES, (np.ones(len(h)), h, h**2), strict=True))
    made = refitted(fit, columns, np.zeros(len(h)), (centre, size, 0.0))
    if made.aliased.any():
        raise few
    if not made.converged:
        raise CapabilityError(
            f"the refit to η̂ and η̂² has no finite optimum ({made.reason}): compare links by their AIC"
        )
    inside = Estimates({"term": NAMES}, np.asarray(made.coef), made.point_covariance, made.df_reference)
    return inside.combined(written_out(centre, size), {"term": NAMES})


def written_out(centre: float, size: float) -> Array:
    """The coefficients of 1, η, η² (3, 3) from those of 1, h, h²."""
    return np.array(
        [
            [1.0, -centre / size, (centre / size) ** 2],
            [0.0, 1.0 / size, -2.0 * centre / size**2],
            [0.0, 0.0, 1.0 / size**2],
        ]
    )
