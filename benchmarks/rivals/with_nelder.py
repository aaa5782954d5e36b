"""nelder."""

import nelder as nd


def fit(problem):
    """Coefficients and standard errors."""
    result = nd.glm_fit(problem.X, problem.y, problem.family, problem.link)
    return result.coef, result.se
