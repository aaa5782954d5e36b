"""The likelihood away from its maximum."""

from __future__ import annotations

import numpy as np

from nelder.errors import DataError
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.observations import numeric


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
