"""glum, unpenalised, with its model-based standard errors."""

import numpy as np
from glum import GeneralizedLinearRegressor


def fit(problem):
    """Coefficients and standard errors."""
    model = GeneralizedLinearRegressor(family=problem.family, link=problem.link, alpha=0, gradient_tol=1e-9)
    model.fit(problem.X[:, 1:], problem.y)
    errors = model.std_errors(problem.X[:, 1:], problem.y, robust=False)
    return np.concatenate([[model.intercept_], model.coef_]), np.asarray(errors)
