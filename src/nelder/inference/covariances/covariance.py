"""Which covariance the coefficients have: the model's own, one made of residuals, or that of a sample's design.

The kinds are on pages of their own; here they have names, and a fit takes one of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nelder.diagnosis import announce
from nelder.errors import CapabilityError, NelderError
from nelder.estimate import Uncertainty
from nelder.fit import Fit
from nelder.inference.covariances.clustered import DESIGN, Clustered, Sampled
from nelder.inference.covariances.heteroscedastic import HC0, HC1, HC2, HC3
from nelder.inference.covariances.information import Expected, Observed
from nelder.inference.covariances.sandwich import Covariance, Doubt
from nelder.inference.covariances.serial import HAC
from nelder.linalg import Array
from nelder.names import resolve

COVARIANCES: dict[str, type[Covariance]] = {
    "HAC": HAC,
    "HC0": HC0,
    "HC1": HC1,
    "HC2": HC2,
    "HC3": HC3,
    "clustered": Clustered,
    "expected": Expected,
    "observed": Observed,
    "sampling": Sampled,
}


def covariance(fit: Fit, kind: object = None) -> Array:
    """The covariance of the coefficients (p, p): the one in use, or another kind; see `with_covariance`."""
    return (fit if kind is None else with_covariance(fit, kind)).covariance_in_use


def with_covariance(fit: Fit, kind: object) -> Fit:
    """The same fit with another covariance, which its summary, tests, intervals and predictions then take.

    `kind` is a name in COVARIANCES or an object such as `nd.Clustered(groups)`: "expected", the model's own; "observed"
    information; "HC0" to "HC3", right where the variance is not as the family says; `nd.Clustered` for rows that belong
    together and `nd.HAC` for rows in order. What a kind cannot know of this fit is warned of.

    Raises DataError for a fit without its data or without residuals, CapabilityError for one that is penalised and for
    a kind that does not go with its weights.
    """
    chosen = resolve("covariance", COVARIANCES, kind, Covariance)
    objective = fit.rows_of_data(f"covariance {chosen.name!r}")
    if objective.holds:
        raise CapabilityError(
            f"covariance {chosen.name!r} does not go with penalty {objective.penalty.name!r}: penalised coefficients "
            "are biased, and a standard error would not mean what it seems to; fit with penalty='unpenalised'"
        )
    if objective.sampling and not chosen.sampling:
        raise CapabilityError(
            f"covariance {chosen.name!r} does not go with sampling weights, whose standard errors are those of the "
            "sample's design: use 'sampling', or nd.Clustered(groups) where whole clusters were drawn"
        )
    found = chosen.found(fit)
    announce(found.doubts)
    others = tuple(finding for finding in fit.warnings if not isinstance(finding, Doubt))
    uncertainty = replace(found.uncertainty, kind=chosen) if found.uncertainty is not None else None
    return replace(fit, uncertainty=uncertainty, warnings=(*others, *found.doubts))


def design_based(fit: Fit) -> Fit:
    """A fit with sampling weights with the covariance of its design, or with a note why there is none; any other as it
    is.
    """
    if fit.objective is None or not fit.objective.sampling:
        return fit
    try:
        return with_covariance(fit, "sampling")
    except NelderError as problem:
        nothing = np.full((fit.objective.design.p,) * 2, np.nan)
        unknown = Uncertainty(DESIGN, nothing, fit.df_resid)
        return replace(fit, uncertainty=unknown, notes=(*fit.notes, f"no standard errors: {problem}"))
