"""Adjusted predictions: the mean, averaged over rows, at values of some variables.

An average μ̄ has the standard error of the delta method. Its interval is that of g(μ̄) carried through the link, so that
it stays where means can be, and for one row is that of `predict`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nelder.errors import refuse_unknown
from nelder.fit import Fit
from nelder.inference.effects.averages import Averages, levels
from nelder.inference.effects.averaging import EACH_ROW, Averaging, Described, Plan, estimates, plan_of
from nelder.inference.estimates import Estimates, Shown
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import UNIT, Link, Mean

SCALES = ("response", "link")
NEWTON = 12  # steps to the η of a mean near 1


def predictions(fit: Fit, asked: Averaging = EACH_ROW, scale: str = "response") -> Estimates:
    """Average adjusted predictions: means ("response") or linear predictors ("link"), with their joint covariance.

    Without `at` and `by`, the average over the rows of the fit. Each value in `at` is given to every row in turn, and
    the other variables keep the values they have. Raises as `plan_of`.
    """
    refuse_unknown("scale", scale, SCALES)
    plan = plan_of(fit, asked)
    labels = plan.labels({}) or {"rows": ["all" if asked.others != "mean" else "typical"]}
    averages = levels(fit, plan.sample, plan.grid.settings, scale)
    if scale == "link":
        said = Described(f"Linear predictor of {fit.terms.response}, {plan.words}", Shown(tested=False))
        return estimates(fit, averages, labels, said, plan.notes)
    said = Described(
        f"Mean of {fit.terms.response}, {plan.words}",
        Shown(fit.link, tested=False, bounds=Loss(fit.family, fit.link).bounds),
    )
    return estimates(fit, on_link(fit, plan, averages), labels, said, plan.notes)


def on_link(fit: Fit, plan: Plan, averages: Averages) -> Averages:
    """Averages of the mean as g(μ̄), with its gradient."""
    beside = 1.0 - averages.value
    if fit.link.mean_interval == UNIT and (averages.value > 0.5).any():
        beside = levels(fit, plan.sample, plan.grid.settings, "complement").value
    with np.errstate(all="ignore"):
        eta = eta_of(fit.link, averages.value, beside)
        return replace(averages, value=eta, gradient=averages.gradient / Mean(fit.link, eta).slope[:, None])


def eta_of(link: Link, mu: Array, complement: Array) -> Array:
    """g(μ) from μ and 1 − μ, with the digits of whichever is smaller."""
    if link.mean_interval != UNIT:
        return link.link(mu)
    near = (mu > 0.5) & (complement > 0)
    eta = link.link(np.where(near, np.minimum(mu, 1.0 - np.finfo(float).epsneg), mu))
    for _ in range(NEWTON):
        mean = Mean(link, eta)
        # log(−log(1 − μ)) bends little under any link, and one way, so that Newton's steps do not overshoot
        gap = np.log(np.log(complement) / mean.log_complement)
        eta = np.where(near, eta - gap * mean.log_complement / mean.hazard, eta)
    return eta
